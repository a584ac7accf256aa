/* limits: every bound of a device, with its reason. The wire's own are in wire/wire.h. */
#ifndef ENGINE_CORE_LIMITS_H
#define ENGINE_CORE_LIMITS_H

#define LIMIT_ITEM_BYTES (64u * 1024 * 1024)   /* held in memory once while it is packed or applied */
#define LIMIT_EXPANSION LIMIT_ITEM_BYTES       /* no body may claim to expand beyond an item */
#define LIMIT_CATEGORIES 1024                  /* that changes may name: looked up one by one */
#define LIMIT_CHAIN_LEN 32                     /* deltas before a keyframe: a newcomer reads at most so many */
#define LIMIT_IN_FLIGHT_CHANGES 512            /* unanswered changes; a reconnect resends them all */
#define LIMIT_IN_FLIGHT_BYTES (4u * 1024 * 1024)
#define LIMIT_BACKLOG (256u * 1024)            /* handed to the socket, unsent: what an urgent change waits behind */
#define LIMIT_TURN_ITEMS 256                   /* items planned in one step: no turn over 20 ms */
#define LIMIT_TURN_LOOKS 128                   /* files looked at, and read, in one turn, however many steps it has */
#define LIMIT_TURN_BYTES (2u * 1024 * 1024)
#define LIMIT_PART_BYTES (1024u * 1024)        /* a content over this is handled in parts of this size, one a turn */

#define DICTIONARY_ITEMS 256                   /* a dictionary pays when so many files wait at once */
#define DICTIONARY_BYTES (56u * 1024)          /* one part, so that it arrives before what is packed with it */
#define DICTIONARY_SAMPLES (4u * 1024 * 1024)
#define DICTIONARY_CONTENT (64u * 1024)        /* larger files compress well alone */

#define CLOCK_JUMP_MS 1000                     /* wall against monotonic: what was known of the hub's clock is void */
#define CLOCK_AHEAD_MS 60000                   /* an edit dated so far behind the hub's now was dated by a wrong clock */

#define CALM_MS 500                            /* so long after the last news of the log, more is not expected at once */

#define LINK_DIAL_MS 10000                     /* dial, and the same again for authentication */
#define LINK_AUTH_MS 10000
#define LINK_HEARTBEAT_MS 30000
#define LINK_PONG_MS 10000                     /* a missing pong makes the link dead */
#define LINK_BACKOFF_MS 1000
#define LINK_BACKOFF_CAP_MS 30000
#define LINK_LOUD_ATTEMPTS 10

#define APPLY_FULL_MS 5000                     /* between tries to write to a full disk */

#define CHANGE_SETTLE_MS 100                   /* two looks this far apart agree: nobody is writing */
#define CHANGE_PASSING_MS 2000                 /* a name that looks temporary must have stayed so long before it is captured */
#define CHANGE_SUSPECT_MS 120000               /* what was read so long before an unclean stop is read again after it */
#define CHANGE_UNWRITTEN_MS 60000              /* what was saved so long before a power cut may be gone as a whole (30 + 5 s by default) */
#define CHANGE_EMPTY_MS 1500                   /* a file emptied by a writer that was not seen to close it is about to be filled */
#define CHANGE_CAPTURE_MS 1000                 /* between two captures of one item: a burst is not stored write by write */
#define CHANGE_ORIGIN_MS 10000                 /* where a name's content came from is news for so long */
#define CHANGE_GUARD_COUNT 25                  /* a scan that would delete more than so many items … */
#define CHANGE_GUARD_PERCENT 20                /* … and more than this share of a category asks first */
#define CHANGE_GONE_MS 300                     /* a name must stay absent so long before it is a delete (editors' saves) */
#endif
