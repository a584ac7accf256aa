/* faults: what may go wrong by chance in a simulated life, a row for each class:
 *
 *   F(name, area, most, words)
 *   most: the highest rate, per million occasions; words: what a story says of it behind the name of who it strikes.
 *
 * A class is drawn with cluster_strikes (cluster.h), which has a stream of choices for each class and device: a new class
 * changes nothing in how the others fall, and a shrunk life can lose one fault and keep the rest. Rates are drawn once a
 * life (life.c): a class is on in every second life, at a rate between nothing and the most. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#define FAULTS(F)                                                                                                      \
	/* net, per frame or dial */                                                                                   \
	F(cut, NET, 20000, "the connection is cut")                                                                    \
	F(half_open, NET, 5000, "the connection goes silent")                                                          \
	F(dial_refused, NET, 300000, "a dial is refused")                                                              \
	F(dial_silent, NET, 100000, "a dial is never answered")                                                        \
	F(answer_lost, NET, 50000, "a confirmation never arrives")                                                     \
	F(garble, NET, 2000, "a frame is garbled")                                                                     \
	F(slow_link, NET, 200000, "the other end reads slowly")         /* per connection */                           \
	F(partition, NET, 30000, "is cut off from some of the devices") /* per second */                               \
	/* disk, per system call of the engine */                                                                      \
	F(race, PERSON, 50000, "somebody edits between two calls of the engine")                                       \
	F(call_error, DISK, 10000, "a system call fails")                                                              \
	F(sync_error, DISK, 5000, "an fsync fails, and what it should write is lost")                                  \
	F(look_busy, DISK, 20000, "a file changes while it is read")                                                   \
	F(ledger_full, DISK, 500, "the ledger cannot be written")                                                      \
	F(hint_lost, DISK, 20000, "the watcher's queue overflows")                                                     \
	F(hint_late, DISK, 200000, "the watcher tells late")                                                           \
	F(unseen, DISK, 30000, "the watcher does not see a change at all")                                             \
	/* in the middle of SQLite's own calls, where the stores are real: per write or sync */                        \
	F(store_full, DISK, 500, "the disk under its store is full")                                                   \
	F(store_sync, DISK, 500, "a sync of its store fails, once")                                                    \
	F(store_death, PROCESS, 500, "dies while its store writes")                                                    \
	F(version_rot, DISK, 20000, "one of its stored versions is lost, emptied or flipped") /* per second */         \
	F(root_gone, DISK, 5000, "the folder of a category is taken away, or comes back") /* per second */               \
	F(disk_full, DISK, 50000, "free space goes up or down")                          /* per second */               \
	F(rights, DISK, 20000, "rights on a folder change")                              /* per second */               \
	F(shape, DISK, 50000, "somebody puts a file where a folder was, or the reverse") /* per edit */                \
	/* processes */                                                                                                \
	F(kill, PROCESS, 5000, "is killed")          /* per call, the system's too */                                \
	F(power, PROCESS, 2000, "loses power")       /* per call, the system's too */                                \
	F(sleep, PROCESS, 5000, "is put to sleep")   /* per device and second */                                       \
	F(restart, PROCESS, 10000, "is restarted")   /* per device and second */                                       \
	F(node_restore, PROCESS, 20000, "is backed up, or put back from its backup")                                   \
	F(hub_kill, HUB, 2000, "is killed")          /* per call of its world */                                       \
	F(hub_full, HUB, 20000, "cannot write a batch")                                                                \
	F(hub_restore, HUB, 10000, "is put back from an old backup") /* per second */                                  \
	F(hub_lies, HUB, 100000, "is told of an entry that is not so") /* per entry, in one life of 20 */               \
	F(hub_slow, HUB, 10000, "becomes slow")            /* per second */                                             \
	F(node_lost, PROCESS, 3000, "loses its state")      /* per device and second */                                \
	F(clock_jump, TIME, 5000, "the wall clock jumps") /* per device and second */

enum fault {
#define F(name, area, most, words) FAULT_##name,
	FAULTS(F)
#undef F
	        FAULT_COUNT
};
#endif
