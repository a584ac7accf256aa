/* Large contents: a file of their own each, written and read in parts. */
#include "engine/core/limits.h"
#include "engine/io/versions_parts.h"

/* Writing */

void versions_stage(struct versions *v, const struct id *version, struct span so_far)
{
	struct staged *s = version ? &v->received : &v->captured;
	if (version && !id_equal(version, &v->receiving)) {
		staged_drop(s);
		v->receiving = *version;
	}
	staged_grow(s, so_far);
}

/* What is staged for another content stays as it is. */
bool large_write(struct versions *v, const struct id *version, struct span content)
{
	char hex[ID_HEX];
	struct staged now, *s = v->received.fd >= 0 && id_equal(version, &v->receiving) ? &v->received
				: staged_is(&v->captured, content)                      ? &v->captured
											: &now;
	staged_init(&now, v->large_dir, "now");
	bool ok = staged_finish(s, id_hex(version, hex), content);
	staged_free(&now);
	return ok;
}

/* Reading */

static bool large_open(struct versions *v, struct staged_in *in, const struct id *version, uint64_t size)
{
	char hex[ID_HEX];
	return size <= LIMIT_ITEM_BYTES && staged_open(in, v->large_dir, id_hex(version, hex), size);
}

bool large_read(struct versions *v, const struct id *version, uint64_t size, struct blob *content)
{
	struct staged_in in = { 0 };
	bool ok = large_open(v, &in, version, size) && staged_read(&in, content, size);
	staged_close(&in);
	return ok;
}

static void reading_end(struct large_reading *r)
{
	staged_close(&r->in);
	hash_run_drop(r->run);
	*r = (struct large_reading){ 0 };
}

/* The one that goes on with this content, else a new one in the place of the one that was used longest ago. */
static struct large_reading *reading_of(struct versions *v, const struct id *version, uint8_t meta,
                                  uint64_t size, struct blob *content)
{
	struct large_reading *oldest = v->readings;
	for (struct large_reading *r = v->readings; r < v->readings + VERSIONS_READINGS; r++) {
		if (r->in.open && content->len && r->at == content->data && r->len == content->len &&
		    id_equal(&r->version, version))
			return r;
		if (r->used < oldest->used)
			oldest = r;
	}
	reading_end(oldest);
	blob_finish(content);
	oldest->version = *version;
	if (large_open(v, &oldest->in, version, size) && v->hooks.version_start)
		oldest->run = v->hooks.version_start(v->hooks.ctx, meta, size);
	return oldest;
}

static bool reading_part(struct large_reading *r, struct blob *content)
{
	size_t before = content->len;
	if (!r->in.open || !staged_read(&r->in, content, LIMIT_PART_BYTES))
		return false;
	if (r->run)
		hash_run_bytes(r->run, span_of(content->data + before, content->len - before));
	r->at = content->data;
	r->len = content->len;
	return true;
}

enum got large_go_on(struct versions *v, const struct id *version, uint8_t meta, uint64_t size, struct blob *content)
{
	struct large_reading *r = reading_of(v, version, meta, size, content);
	bool ok = reading_part(r, content);
	r->used = ++v->reads;
	if (ok && content->len < size)
		return GOT_MORE;
	if (ok && r->run) {
		struct id is = hash_run_end(r->run);
		r->run = NULL;
		ok = id_equal(&is, version);
	}
	reading_end(r);
	if (ok)
		return GOT_ALL;
	blob_finish(content);
	versions_damaged(v, version, "its content cannot be read");
	return GOT_NOTHING;
}

void large_start(struct versions *v)
{
	staged_init(&v->captured, v->large_dir, "captured");
	staged_init(&v->received, v->large_dir, "received");
}

void large_end(struct versions *v)
{
	staged_free(&v->captured);
	staged_free(&v->received);
	for (size_t i = 0; i < VERSIONS_READINGS; i++)
		reading_end(&v->readings[i]);
}
