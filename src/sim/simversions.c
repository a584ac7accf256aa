#include "sim/simversions.h"

#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "sim/simnode.h"

static void staged_finish(struct simstaged *s)
{
	blob_finish(&s->content);
	*s = (struct simstaged){ 0 };
}

void simversions_forget(struct simnode *n)
{
	staged_finish(&n->captured);
	staged_finish(&n->received);
}

static bool begins_with(struct span content, const struct blob *first)
{
	return content.len >= first->len && (!first->len || memcmp(content.data, first->data, first->len) == 0);
}

/* The real store writes what was staged once: what is put must be that, and go on from there. */
static void use_staged(struct simnode *n, struct simstaged *s, const struct id *version, struct span content)
{
	bool known = !id_zero(&s->version);
	if (!s->content.len || (known ? !id_equal(&s->version, version) : s->at != content.data))
		return;
	if (!begins_with(content, &s->content))
		cluster_break(n->cl, "I6", "%s stores bytes behind those of another content", n->name);
	MARK("sim.staged_content_put");
	staged_finish(s);
}

bool simversions_put(void *ctx, const struct id *version, uint8_t meta, struct span content)
{
	struct simnode *n = ctx;
	if (!kernel_enter(n))
		return false;
	cluster_checked(n->cl, INVARIANT_I6);
	if (!witness_saw_version(&n->cl->witness, version, meta, content))
		cluster_break(n->cl, "I6", "%s: one version id for two contents", n->name);
	struct id is = core_version_of(n->core, meta, content);
	if (!id_equal(&is, version))
		cluster_break(n->cl, "I6", "%s stores bytes under the id of another version", n->name);
	use_staged(n, &n->captured, version, content);
	use_staged(n, &n->received, version, content);
	n->cl->tally.versions++;
	simledger_put_version(&n->ledger, version, meta, content);
	return true;
}

void simversions_stage(void *ctx, const struct id *version, struct span so_far)
{
	static const struct id none;
	struct simnode *n = ctx;
	struct simstaged *s = version ? &n->received : &n->captured;
	if (!kernel_enter(n))
		return;
	if (!id_equal(&s->version, version ? version : &none) || so_far.len < s->content.len)
		staged_finish(s);
	if (!so_far.len)
		return;
	if (!begins_with(so_far, &s->content))
		cluster_break(n->cl, "I6", "%s goes on with another content than it began", n->name);
	s->version = version ? *version : none;
	s->at = so_far.data;
	s->content.data = mem_grow(s->content.data, so_far.len, 1);
	memcpy(s->content.data + s->content.len, so_far.data + s->content.len, so_far.len - s->content.len);
	s->content.len = so_far.len;
}

bool simversions_get(void *ctx, const struct id *version, struct blob *content, uint8_t *meta)
{
	struct simnode *n = ctx;
	const struct simversion *v = kernel_enter(n) ? simledger_read_version(&n->ledger, version) : NULL;
	if (!v)
		return false;
	*content = blob_copy(v->content.data, v->content.len);
	if (meta)
		*meta = v->meta;
	return true;
}

/* A part at a time. What has rotted shows only behind the last one. */
enum got simversions_read(void *ctx, const struct id *version, struct blob *content, uint8_t *meta)
{
	struct simnode *n = ctx;
	const struct simversion *v =
		kernel_enter(n) && simledger_has_version(&n->ledger, version) ? simledger_version(&n->ledger, version) : NULL;
	size_t part = cluster_part_bytes(n->cl), before = content->len;
	if (v && !v->rotten && (before > v->content.len || !begins_with(span_blob(&v->content), content)))
		cluster_break(n->cl, "I6", "%s reads on behind bytes of another version", n->name);
	if (v && before < v->content.len && v->content.len - before > part) {
		content->data = mem_grow(content->data, v->content.len, 1);
		memcpy(content->data + before, v->content.data + before, part);
		content->data[before] ^= v->rotten;
		content->len += part;
		*meta = v->meta;
		MARK("sim.version_read_in_parts");
		return GOT_MORE;
	}
	blob_finish(content);
	return v && simversions_get(ctx, version, content, meta) ? GOT_ALL : GOT_NOTHING;
}

bool simversions_has(void *ctx, const struct id *version)
{
	struct simnode *n = ctx;
	return kernel_enter(n) && simledger_has_version(&n->ledger, version);
}
