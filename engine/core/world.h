/* world: everything the engine's core may do to the outside, as a table of functions. engine/io is the real one,
 * src/sim a simulated one in which every call may fail, crash the device or cut its power.
 *
 * All calls are synchronous and made from within core_step. What the ledger calls write becomes durable together, at
 * the end of the turn; frames given to send leave only after that. A crash in between is as if the turn had not
 * happened, except for what place did to files: the core copes with that at the next boot. */
#ifndef ENGINE_CORE_WORLD_H
#define ENGINE_CORE_WORLD_H
#include "base/blob.h"
#include "base/id.h"

/* What kind of file an item's content is. Part of what a version hashes. */
enum meta_flag {
	META_EXEC = 1,    /* owner may execute */
	META_PRIVATE = 2, /* nobody but the owner may read */
	META_LINK = 4,    /* a symlink; the content is its target, never followed */
};

struct file_ref { /* which file: the io room resolves the category's root */
	const char *category;
	const char *path; /* valid by relpath.h */
};

struct file_stat { /* enough to see that a file is unchanged without reading it */
	uint64_t size;
	int64_t mtime_ns, ctime_ns;
	uint64_t inode;    /* 0: this filesystem makes numbers up, so they tell nothing */
	uint8_t meta;      /* META_* */
};

/* Nothing says that the file has changed. */
static inline bool file_stat_equal(const struct file_stat *a, const struct file_stat *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->inode == b->inode &&
	       a->meta == b->meta;
}

enum look {
	LOOK_FILE,      /* a regular file or symlink; stat filled */
	LOOK_ABSENT,    /* nothing there (or a parent is missing) */
	LOOK_OTHER,     /* a directory, FIFO, socket, device: not an item */
	LOOK_ROOT_GONE, /* the category's root itself is missing or not the pinned one: say nothing about its files */
	LOOK_ERROR,     /* cannot be told now (EACCES, EIO, EMFILE, …): never a deletion */
	LOOK_BUSY,      /* it changed while it was read: look again soon */
	LOOK_TOO_LARGE, /* over the item limit */
	LOOK_MORE,      /* take only: a part of a large content was read; ask again, in another turn */
	LOOK_UNWANTED,  /* the category's rules leave it out (its stat is zero), or what it holds is not allowed: it is none of
	                   the core's business, and no deletion */
};

enum place_result {
	PLACE_DONE,    /* the data is durable; the name is, before the turn's commit */
	PLACE_CHANGED, /* what is there is not what was expected; it is there again, untouched */
	PLACE_BLOCKED, /* a directory or special file stands there, or in the way of a parent, or the names collide */
	PLACE_FULL,    /* no space or quota; nothing changed */
	PLACE_DENIED,  /* permissions, read-only; nothing changed */
	PLACE_ERROR,   /* anything else: what is there is the old or the new, whole; look, and try later */
	PLACE_MORE,    /* a part of a large file was done, what stands there is untouched; ask again, in another turn */
	PLACE_UNWANTED, /* not for this device: left out by the rules, or a link that leads out of its category; nothing changed */
};

struct place {
	struct file_ref file;
	struct id item;             /* names our temporary file, so that a crash can be cleared up */
	struct id version;          /* of the new content; zero: remove the file */
	bool expect_absent;         /* else expect_stat and expect_version must be what is there */
	struct file_stat expect_stat;
	struct id expect_version;   /* verified by hashing what was swapped out (see version_of) */
	struct span content;        /* link target for META_LINK */
	uint8_t meta;
	int64_t mtime_ms;
	uint32_t reason;            /* for the caller */
};

/* One row of the ledger: what the device knows about one item. Owned by the core; world gets it to save. */
struct item_row {
	struct id item;
	const char *category, *path;   /* "" and "" only for a side item whose main item is still unknown: never */
	struct id main, device;        /* side items: a second version of `main`, kept by `device` */
	bool side;                     /* it is one */
	uint8_t head_meta;
	uint8_t hold;                  /* enum hold: local goes to the side item, whatever agreed says */
	bool left_out;                 /* by this device's rules, when it was last looked at: that it is gone is no deletion */
	uint32_t chain_len;            /* deltas since the last keyframe */
	uint64_t head_seq;             /* last log number of the item, 0 = none */
	struct id head_version;        /* zero: absent */
	uint64_t head_edited;          /* its hybrid time */
	struct id head_device;
	uint64_t head_size;
	int64_t head_mtime_ms;
	struct id agreed;              /* what the local file was last equal to, of what the hub has */
	struct id local;               /* what the local file holds, as last captured; zero: absent */
	struct file_stat local_stat;   /* of that */
	uint64_t local_edited;         /* hybrid time of the local edit, when local differs from agreed */
	int64_t local_at_ms;           /* wall time of the same */
	uint64_t chain_bytes;          /* their weight */
	uint64_t retry_count;
	uint64_t detected_ms;          /* side items: wall time when the conflict was seen first */
	struct id want;                /* undo: what the head shall be again while the file holds another; zero: nothing */
	struct id settles;             /* a settlement that the hub has not confirmed: the side item (zero: none), */
	struct id settled, settled_as; /* its version that was judged, and what the person made of it */
	struct id merged, merged_on;   /* a merge that may stand in the file already, and the head that is in it; zero: none */
};
enum hold {
	HOLD_NONE,
	HOLD_ROLLBACK, /* a write brought an older version back, over a change from elsewhere */
	HOLD_ASKED,    /* an undo opened the conflict again: no strategy may settle it */
};

/* A change that was given its counter: sent, or about to be. Resent byte for byte until answered. */
struct outbox_row {
	uint64_t counter;
	struct id item, version;
	uint64_t base;
	uint8_t priority;         /* enum priority */
	bool linked;
	struct blob record;       /* wire_put_change, whole body */
	int64_t queued_at_ms;     /* wall */
	uint32_t retry_count;
	uint64_t size_plain;
	uint8_t delta, compression, kind;
};

struct history_row {
	struct id item, version, device;
	int64_t at_ms;            /* wall */
	uint64_t seq;             /* 0 = not at the hub (yet) */
	uint64_t size;
	uint8_t kind;             /* enum change_kind */
	uint8_t how;              /* enum history_how */
	uint8_t meta;
};
/* A conflict that was settled: what undo goes back to, and which versions a merged one came from. */
struct settlement_row {
	uint64_t id;              /* hybrid time: unique on a device, ascending */
	struct id item;
	struct id base;           /* what both came from; zero: not known */
	struct id mine, theirs;   /* the file's version, and the other one */
	struct id result;         /* what was made of them */
	int64_t at_ms;            /* wall */
	uint8_t how;              /* HOW_MERGE, HOW_NEWEST: by the item's strategy; HOW_SETTLE: by a person */
	bool undone;
};
/* The numbers are in every ledger. HOW_NEWEST: one of two versions stands because it is the newer one. */
enum history_how { HOW_EDIT, HOW_REMOTE, HOW_MERGE, HOW_SETTLE, HOW_RESTORE, HOW_UNDO, HOW_NEWEST };
enum change_kind { KIND_CREATE, KIND_UPDATE, KIND_DELETE, KIND_MOVE, KIND_RENAME };

/* The device's own counters, one row. */
struct state_row {
	uint64_t epoch;           /* random; new after the state was lost or restored */
	uint64_t counter;         /* last one given */
	uint64_t cursor;          /* applied and saved up to this log number */
	struct id chain;          /* wire_chain at the cursor */
	uint64_t clock;           /* last hybrid time used */
	uint64_t bytes_plain, bytes_sent, bytes_received;
	int64_t last_synced_ms;
	bool paused;
};

struct peer_row { /* another device of the account, or this one */
	struct id device;
	char name[256];
	bool revoked;
	int64_t last_seen_ms;
	uint64_t cursor;
};

/* What a person decided about a category, and what waits for them to decide. */
struct category_row {
	const char *category;
	bool paused;
	bool held; /* more was gone at once than is deleted unasked */
	int64_t cut_since_ms, cut_until_ms; /* wall: files recorded between these may be lost to a power cut; 0: none */
};

enum notice_level { NOTICE_DEBUG, NOTICE_INFO, NOTICE_WARN, NOTICE_ERROR, NOTICE_ALERT };

enum got { GOT_NOTHING, GOT_MORE, GOT_ALL };

/* Contents over a part (core_setup.part_bytes) come and go in parts, one a turn, so that no turn is long. What was begun
 * with one of the calls for it is dropped when the next call is for another content: one is under way at a time, unless
 * the call says otherwise. */
struct world {
	void *ctx;
	/* files. look fills `stat`; take also reads the content, and only answers LOOK_FILE when the file was the same
	 * before and after. `content` is new memory; of a large one more is behind it after each LOOK_MORE, and the caller
	 * gives it back, or an empty one to begin anew. Any other answer but LOOK_FILE leaves it empty. */
	enum look (*look)(void *ctx, const struct file_ref *f, struct file_stat *stat);
	enum look (*take)(void *ctx, const struct file_ref *f, struct file_stat *stat, struct blob *content);
	void (*take_drop)(void *ctx); /* after LOOK_MORE nobody will ask for the next part. Optional (NULL) */
	/* Replaces, creates or removes exactly if the file is still what is expected; `after` gets the new file's stat.
	 * Makes missing folders; removes folders that a removal emptied. A large content, or one in the place of a large
	 * file, takes several calls, each with all of the content: PLACE_MORE, and with the last one what it was. */
	enum place_result (*place)(void *ctx, const struct place *p, struct file_stat *after);
	/* After PLACE_MORE nobody will ask for the next part: what was written of it goes. Optional (NULL). */
	void (*place_drop)(void *ctx);
	/* For a batch of small ones: stage writes the new content beside its target without syncing, stage_sync makes all of it durable
	 * at once; a place of the same item and version then only swaps names. Optional (NULL), and failing is harmless:
	 * place does whatever was not done. */
	void (*stage)(void *ctx, const struct place *p);
	void (*stage_sync)(void *ctx);
	/* versions: content by version id, immutable. put is part of the turn's transaction; get finds what was put. */
	bool (*version_put)(void *ctx, const struct id *version, uint8_t meta, struct span content);
	bool (*version_get)(void *ctx, const struct id *version, struct blob *content, uint8_t *meta);
	/* A large one in parts: `content` is empty at first, and is given back after each GOT_MORE, which adds to it (or begins
	 * anew: a reading that was given up is forgotten). Several may be read at a time. Optional (NULL): get does it. */
	enum got (*version_read)(void *ctx, const struct id *version, struct blob *content, uint8_t *meta);
	/* For a put of a large content that will follow: all of it that is known so far, more each time, the last time where
	 * it stands in memory when it is put; an empty one ends it. `version` NULL: not known yet (captured). One with a
	 * version and one without may be under way. Optional (NULL), and failing is harmless: put does what was not done. */
	void (*version_stage)(void *ctx, const struct id *version, struct span so_far);
	bool (*version_has)(void *ctx, const struct id *version);
	/* ledger; all of the turn's transaction. A false answer means the disk refused: the turn will fail as a whole. */
	bool (*save_item)(void *ctx, const struct item_row *row);
	bool (*drop_item)(void *ctx, const struct id *item);
	bool (*save_outbox)(void *ctx, const struct outbox_row *row);
	void (*outbox_stage)(void *ctx, struct span so_far); /* of a large record, as version_stage */
	bool (*drop_outbox)(void *ctx, uint64_t counter);
	bool (*save_state)(void *ctx, const struct state_row *row);
	bool (*save_peer)(void *ctx, const struct peer_row *row);
	bool (*save_category)(void *ctx, const struct category_row *row); /* optional (NULL): forgotten with the process */
	bool (*add_history)(void *ctx, const struct history_row *row);
	bool (*save_settlement)(void *ctx, const struct settlement_row *row);
	/* By the history: did the item's file hold this version before a change came to it from elsewhere (received, merged,
	 * settled; up to the version `agreed`, which it held last of what the log has), and not since? */
	bool (*came_back)(void *ctx, const struct id *item, const struct id *version, const struct id *agreed);
	/* What the rules of a category say of one path: enum strategy. Optional (NULL): asked only where setup said by_path. */
	int (*strategy_of)(void *ctx, const struct file_ref *f);
	/* link. dial answers later with EVENT_LINK_OPEN or EVENT_LINK_CLOSED. send keeps order and copies. */
	void (*dial)(void *ctx);
	void (*hang_up)(void *ctx);
	void (*send)(void *ctx, bool text, struct span frame);
	size_t (*backlog)(void *ctx);                     /* bytes given to send, not yet on the socket */
	/* scanning: asks for EVENT_SEEN of every file below `under` ("" = all) of a category, then EVENT_SCANNED */
	void (*scan)(void *ctx, const char *category, const char *under);
	/* people. The text is one sentence and names neither items, categories nor devices; item may be NULL, a category, or
	 * "category/path". */
	void (*notice)(void *ctx, enum notice_level level, const char *from, const char *item, const char *text);
	void (*entropy)(void *ctx, void *out, size_t len); /* new epochs; seeded in the simulation */
};
#endif
