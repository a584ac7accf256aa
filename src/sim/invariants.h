/* invariants: what must hold in every life, by name and in words. I: at each step; Q: when all is quiet; X: no promise,
 * but something that somebody looks for. Each look is counted (JUDGED): one that was never looked at is no evidence. */
#ifndef SIM_INVARIANTS_H
#define SIM_INVARIANTS_H

#define INVARIANTS(V)                                                                                                  \
	V(I1, "bytes are captured before they are replaced or removed")                                                \
	V(I2, "what is saved as done is on the disk; nothing is silently overwritten")                                 \
	V(I3, "nothing is sent or confirmed before it is durable")                                                     \
	V(I4, "the log has no gaps, is chained, and takes each change once")                                           \
	V(I5, "every name is a name below its folder, and each side item has its main item")                           \
	V(I6, "bases and heads are those the hub issued; every entry opens and gives the version it names")            \
	V(I7, "no error becomes a deletion")                                                                           \
	V(I8, "queues, windows and resends keep their bounds; nothing spins")                                          \
	V(I9, "a reader finds old or new bytes, whole, and nothing of what was history on connecting")                                                                \
	V(I10, "no key, name or content leaves in clear, or stands in a log")                                          \
	V(Q1, "all trees equal the log's heads")                                                                       \
	V(Q2, "every captured token can be had")                                                                       \
	V(Q3, "what was deleted while all agreed stays deleted")                                                       \
	V(Q4, "conflicts are those of the reference model, and all devices list the same")                             \
	V(Q5, "no echo: an entry changes something")                                                                   \
	V(Q6, "what one device alone changed is never a conflict, and nobody sends what nobody made there")            \
	V(Q7, "quiet is said only when it is true")                                                                    \
	V(Q8, "a restart changes and sends nothing")                                                                   \
	V(Q9, "ledgers, stores and the log verify")                                                                    \
	V(Q10, "it comes to rest, and news are told at once")                                                                                     \
	V(X1, "this was looked for")

enum invariant {
#define V(name, text) INVARIANT_##name,
	INVARIANTS(V)
#undef V
		INVARIANT_COUNT
};

#define JUDGED(cl, name) cluster_checked(cl, INVARIANT_##name)

static inline const char *invariant_text(const char *name)
{
#define V(name_, text_)                                                                                                \
	for (const char *a = #name_, *b = name; *a == *b; a++, b++)                                                    \
		if (!*a)                                                                                               \
			return text_;
	INVARIANTS(V)
#undef V
	return "as the judge says";
}
#endif
