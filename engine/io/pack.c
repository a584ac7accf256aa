#include "engine/io/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "engine/io/gitlib.h"

#define SHA1_LEN       20
#define PACK_FAST_OVER (64 * 1024) /* larger objects are compressed quickly: this runs between two turns of the loop   \
	                            */
#define PACK_ITEMS_MAX (16u * 1024 * 1024)

struct pack {
	git_indexer *indexer;
	git_indexer_progress progress;
	EVP_MD_CTX *sha1; /* of all that was written: the pack's last 20 bytes */
	z_stream fast, small;
};

static bool put(struct pack *p, const void *bytes, size_t len, struct err *e)
{
	if (len == 0)
		return true;
	if (EVP_DigestUpdate(p->sha1, bytes, len) != 1)
		return err_set(e, "versions", "", "SHA-1 is not to be had");
	return git_indexer_append(p->indexer, bytes, len, &p->progress) == 0 ||
	       gitlib_err(e, "versions", "look at the disk of the state folder");
}

void pack_abort(struct pack *p)
{
	if (!p)
		return;
	git_indexer_free(p->indexer);
	EVP_MD_CTX_free(p->sha1);
	deflateEnd(&p->fast);
	deflateEnd(&p->small);
	free(p);
}

struct pack *pack_start(const char *dir, uint32_t count, struct err *e)
{
	struct pack *p = mem_alloc(sizeof *p);
	uint8_t head[12] = { 'P',
		             'A',
		             'C',
		             'K',
		             0,
		             0,
		             0,
		             2,
		             (uint8_t)(count >> 24),
		             (uint8_t)(count >> 16),
		             (uint8_t)(count >> 8),
		             (uint8_t)count };
	p->sha1 = EVP_MD_CTX_new();
	bool ok = (p->sha1 && EVP_DigestInit_ex(p->sha1, EVP_sha1(), NULL) == 1 && deflateInit(&p->fast, 1) == Z_OK &&
	           deflateInit(&p->small, 6) == Z_OK) ||
	          err_set(e, "versions", "", "zlib or SHA-1 is not to be had");
	ok = ok && (git_indexer_new(&p->indexer, dir, 0400, NULL, NULL) == 0 ||
	            gitlib_err(e, "versions", "look at the state folder"));
	if (ok && put(p, head, sizeof head, e))
		return p;
	pack_abort(p);
	return NULL;
}

/* type and length, then the content, deflated. */
bool pack_object(struct pack *p, git_object_t type, struct span content, struct err *e)
{
	uint8_t head[12];
	size_t len = 0;
	uint64_t rest = content.len >> 4;
	head[len++] = (uint8_t)((unsigned)type << 4 | (content.len & 15) | (rest ? 0x80 : 0));
	for (; rest; rest >>= 7)
		head[len++] = (uint8_t)((rest & 0x7f) | (rest >> 7 ? 0x80 : 0));
	if (!put(p, head, len, e))
		return false;
	z_stream *z = content.len > PACK_FAST_OVER ? &p->fast : &p->small;
	uint8_t out[16 * 1024];
	deflateReset(z);
	z->next_in = (uint8_t *)content.data;
	z->avail_in = (uInt)content.len;
	for (int state = Z_OK; state != Z_STREAM_END;) {
		z->next_out = out;
		z->avail_out = sizeof out;
		state = deflate(z, Z_FINISH);
		if (state == Z_STREAM_ERROR)
			return err_set(e, "versions", "", "zlib fails");
		if (!put(p, out, sizeof out - z->avail_out, e))
			return false;
	}
	return true;
}

bool pack_entry(struct pack *p, struct span bytes, struct err *e)
{
	return put(p, bytes.data, bytes.len, e);
}

bool pack_finish(struct pack *p, char name[41], struct err *e)
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	bool ok = EVP_DigestFinal_ex(p->sha1, sum, &len) == 1 && len == SHA1_LEN;
	ok = ok && git_indexer_append(p->indexer, sum, len, &p->progress) == 0 &&
	     git_indexer_commit(p->indexer, &p->progress) == 0;
	if (ok)
		snprintf(name, 41, "%s", git_indexer_name(p->indexer));
	else
		gitlib_err(e, "versions", "look at the disk of the state folder");
	pack_abort(p);
	return ok;
}

/* Reading an index, version 2: a fan-out table, sorted names, checksums, offsets. */

static uint32_t be32(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int by_place(const void *a, const void *b)
{
	const struct pack_item *x = a, *y = b;
	return x->at < y->at ? -1 : x->at > y->at;
}

static struct pack_item *list_of(const uint8_t *idx, size_t len, uint64_t pack_len, size_t *count)
{
	static const uint8_t magic[8] = { 0xff, 't', 'O', 'c', 0, 0, 0, 2 };
	if (len < 8 + 1024 + 40 || memcmp(idx, magic, 8) != 0)
		return NULL;
	size_t n = be32(idx + 8 + 255 * 4);
	if (n > PACK_ITEMS_MAX || len < 8 + 1024 + n * 28 + 40 || pack_len < 12 + 20)
		return NULL;
	const uint8_t *names = idx + 8 + 1024, *offsets = names + n * 24;
	struct pack_item *items = mem_alloc((n + 1) * sizeof *items);
	for (size_t i = 0; i < n; i++) {
		git_oid_fromraw(&items[i].oid, names + 20 * i);
		items[i].at = be32(offsets + 4 * i); /* over 2 GiB: our packs never are */
	}
	mem_sort(items, n, sizeof *items, by_place);
	for (size_t i = 0; i < n; i++) {
		uint64_t end = i + 1 < n ? items[i + 1].at : pack_len - 20;
		if (items[i].at < 12 || end <= items[i].at || end > pack_len - 20) {
			free(items);
			return NULL;
		}
		items[i].len = end - items[i].at;
	}
	*count = n;
	return items;
}

struct pack_item *pack_list(const char *dir, const char *name, size_t *count, struct err *e)
{
	char *idx_path = mem_printf("%s/pack-%s.idx", dir, name), *pack_path = mem_printf("%s/pack-%s.pack", dir, name);
	struct stat idx_st, pack_st;
	struct pack_item *items = NULL;
	int fd = open(idx_path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &idx_st) == 0 && stat(pack_path, &pack_st) == 0 &&
	    idx_st.st_size < 512 * 1024 * 1024) {
		uint8_t *bytes = mem_alloc((size_t)idx_st.st_size);
		if (read(fd, bytes, (size_t)idx_st.st_size) == idx_st.st_size)
			items = list_of(bytes, (size_t)idx_st.st_size, (uint64_t)pack_st.st_size, count);
		free(bytes);
	}
	if (fd >= 0)
		close(fd);
	if (!items)
		err_set(e, idx_path, "", "the pack's index cannot be read");
	free(idx_path);
	free(pack_path);
	return items;
}
