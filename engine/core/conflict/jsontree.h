/* jsontree: JSON as people write it in settings: with comments, trailing commas, a byte order mark, any spacing.
 * Nothing is lost in reading: the pieces of a node, put together in their order, are its bytes again.
 *
 *   object = '{' opener { lead key colon value tail ',' after } closing '}'
 *
 * where the last comma may be missing, and a comment at the end of a line belongs to what stands before it on that
 * line. Nodes borrow the text. Hostile text is bounded: depth, count of values; a key that is there twice is refused.
 */
#ifndef ENGINE_CORE_CONFLICT_JSONTREE_H
#define ENGINE_CORE_CONFLICT_JSONTREE_H
#include "base/blob.h"
#include "base/buf.h"
#include "engine/core/conflict/script.h"

#define JSONTREE_DEPTH_MAX 64
#define JSONTREE_NODES_MAX 50000u
#define JSONTREE_WORDS_MAX 200

enum jsontree_type { JSONTREE_SCALAR, JSONTREE_ARRAY, JSONTREE_OBJECT };
enum jsontree_fault { JSONTREE_FINE, JSONTREE_NOT_JSON, JSONTREE_TWICE, JSONTREE_TOO_DEEP, JSONTREE_TOO_MANY };

struct jsontree_node {
	enum jsontree_type type;
	struct span bytes; /* of the value alone */
	struct span opener,
		closing; /* of a container: what follows the bracket on its line; what stands before the last one */
	struct jsontree_member *members;
	size_t count, cap;
	uint32_t *by_name; /* of an object: the members in the order of their names */
	bool comma;        /* behind the last member, too */
};

struct jsontree_member { /* of an array: without key and colon */
	struct span lead, key, colon, tail, after;
	struct span name; /* the key without quotes and escapes; in `own` if it had some */
	struct blob own;
	struct jsontree_node value;
};

struct jsontree {
	struct span lead, end;
	struct jsontree_node root;
};

/* Unless fine, `t` holds nothing. */
enum jsontree_fault jsontree_read(struct jsontree *t, struct span text);
void jsontree_finish(struct jsontree *t);
const struct jsontree_member *jsontree_find(const struct jsontree_node *object, struct span name);
/* Equal but for comments, spacing and the order of keys. */
bool jsontree_equal(const struct jsontree_node *a, const struct jsontree_node *b);
/* The value without comments and spaces. */
void jsontree_put_bare(struct buf *out, const struct jsontree_node *n);
/* The elements of an array as units to compare, equal where the values are but for comments and spacing; `bare` holds
 * them. */
void jsontree_elements(const struct jsontree_node *array, struct units *u, struct buf *bare);
/* Calls for each comment in a run of spaces and comments. */
void jsontree_comments(struct span between, void (*each)(void *to, struct span comment), void *to);
/* Does it end within a `//` comment, so that only a new line may follow. */
bool jsontree_line_open(struct span between);
/* A key path in the making: `editor.rulers[2]`. Each returns the length to set it back to. */
size_t jsontree_enter(struct buf *path, struct span name);
size_t jsontree_enter_at(struct buf *path, uint32_t index);
/* The path as a C string of valid UTF-8, not much longer than JSONTREE_WORDS_MAX. */
char *jsontree_words(const struct buf *path, const char *more);
#endif
