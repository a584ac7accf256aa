/* invariants: what must hold in every life, by name and in words. I: at each step; Q: when all is quiet; X: no promise,
 * but something that somebody looks for. */
#ifndef SIM_INVARIANTS_H
#define SIM_INVARIANTS_H

#define INVARIANTS(V)                                                                                                  \
	V(I1, "bytes leave a folder only when they are captured, durably")                                             \
	V(I2, "nothing is overwritten that its writer did not mean to give up")                                        \
	V(I3, "what is sent, or confirmed, is durable first")                                                          \
	V(I4, "the log has no gap, each version builds on the head, each change is there once")                        \
	V(I6, "ids name one content, one item, one base that the hub gave out")                                        \
	V(I7, "an error is never a delete")                                                                            \
	V(I8, "nobody spins, queues are bounded, nothing is garbage")                                                  \
	V(Q1, "all folders equal the hub's heads")                                                                     \
	V(Q2, "every captured word can be had")                                                                        \
	V(Q4, "conflicts are those of the log, and can be settled")                                                    \
	V(Q5, "no echo: the log holds edits and settlements only")                                                     \
	V(Q6, "nobody is told of a change that nobody made")                                                           \
	V(Q7, "quiet is said only when it is true")                                                                    \
	V(Q8, "turning everything off and on again changes nothing")                                                   \
	V(Q9, "no temporary file is left")                                                                             \
	V(Q10, "everything comes to rest")                                                                             \
	V(X1, "this was looked for")

enum invariant {
#define V(name, text) INVARIANT_##name,
	INVARIANTS(V)
#undef V
		INVARIANT_COUNT
};

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
