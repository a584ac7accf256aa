#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/demo.h"

const struct demo_category demo_categories[] = {
	{ "notes", "notes/", NULL },
	{ "aliases", "", ".bash_aliases" },
	{ "snippets", "snippets/", NULL },
	{ "extensions-and-settings", "settings/", NULL },
	{ "quicklinks", "links/", NULL },
	{ NULL, NULL, NULL },
};

static const struct {
	const char *path, *content;
} samples[] = {
	{ "notes/welcome.md", "# Welcome\n\nThis folder is on every device of the playground. Edit it anywhere.\n" },
	{ "notes/shopping.md",
	  "# Shopping\n\n- bread flour, 2 kg\n- olive oil\n- coffee\n- a light bulb for the hall\n" },
	{ "notes/reading.md",
	  "# Reading\n\n- The Soul of a New Machine\n- A Pattern Language\n- The Mythical Man-Month\n" },
	{ "notes/recipes/bread.md",
	  "# Bread\n\n1. 500 g flour, 340 g water, 10 g salt, 100 g starter\n2. Fold four times, half an "
	  "hour apart\n3. Overnight in the cold\n4. 230 degrees, 20 minutes with steam, 25 without\n" },
	{ ".bash_aliases",
	  "alias ll='ls -lh'\nalias gs='git status --short'\nalias gl='git log --oneline --graph -20'\n"
	  "alias ..='cd ..'\nalias ports='ss -tlnp'\n" },
	{ "snippets/c.json",
	  "{\n\t\"main\": {\n\t\t\"prefix\": \"main\",\n\t\t\"body\": [\"int main(int argc, char **argv)\", \"{\", "
	  "\"\\t$0\", \"}\"]\n\t},\n\t\"for\": {\n\t\t\"prefix\": \"fori\",\n\t\t\"body\": [\"for (size_t i = 0; "
	  "i < $1; i++)\", \"\\t$0\"]\n\t}\n}\n" },
	{ "snippets/backup.sh",
	  "#!/bin/sh\n# what is worth keeping\nset -eu\ntar -czf \"$HOME/backup-$(date +%F).tgz\" \"$HOME/notes\"\n" },
	{ "settings/terminal.conf",
	  "font = Iosevka 12\ntheme = night\nscrollback = 10000\ncursor = block\nbell = off\n" },
	{ "links/quicklinks.md", "- [ncurses](https://invisible-island.net/ncurses/)\n- [SQLite](https://sqlite.org/)\n"
	                         "- [zstd](https://facebook.github.io/zstd/)\n" },
	{ "links/empty.md", "" },
};

static const char *const words[] = { "river",  "window",  "paper",   "engine", "garden", "letter",
	                             "winter", "bridge",  "signal",  "copper", "market", "shadow",
	                             "ladder", "harbour", "lantern", "meadow", "thread", "corner" };
#define WORDS (sizeof words / sizeof *words)

/* Two longer files, as people have them: notes of a year, and an editor's settings. */
static struct blob long_notes(void)
{
	struct buf b = { 0 };
	struct rng rng;
	rng_seed(&rng, 1);
	buf_printf(&b, "# Ideas\n\n");
	for (int line = 0; b.len < 4000; line++) {
		buf_printf(&b, "- idea %d:", line);
		for (int i = 0; i < 9; i++)
			buf_printf(&b, " %s", words[rng_below(&rng, WORDS)]);
		buf_printf(&b, "\n");
	}
	return buf_take(&b);
}

static struct blob long_settings(void)
{
	struct buf b = { 0 };
	buf_printf(&b, "{\n\t// the editor's settings\n");
	for (size_t i = 0; i < WORDS * 4; i++)
		buf_printf(&b, "\t\"editor.%s.%s\": %s,\n", words[i % WORDS], words[(i * 7 + i / WORDS) % WORDS],
			   i % 3 == 0 ? "true" : i % 3 == 1 ? "14" : "\"auto\"");
	buf_printf(&b, "\t\"editor.tabWidth\": 8\n}\n");
	return buf_take(&b);
}

static char *full_path(const struct demo_device *v, const char *path)
{
	return mem_printf("%s/%s", v->person, path);
}

bool demo_write(const struct demo_device *v, const char *path, struct span content)
{
	char *full = full_path(v, path);
	for (char *slash = strchr(full + strlen(v->person) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(full, 0755);
		*slash = '/';
	}
	int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool done = fd >= 0 && write(fd, content.data, content.len) == (ssize_t)content.len;
	if (fd >= 0)
		close(fd);
	free(full);
	return done;
}

bool demo_read(const struct demo_device *v, const char *path, struct blob *out)
{
	char *full = full_path(v, path);
	int fd = open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	free(full);
	*out = (struct blob){ 0 };
	if (fd < 0)
		return false;
	bool done = !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size < 1 << 26;
	out->data = done ? mem_alloc((size_t)st.st_size + 1) : NULL;
	done = done && read(fd, out->data, (size_t)st.st_size) == st.st_size;
	out->len = done ? (size_t)st.st_size : 0;
	if (!done)
		blob_finish(out);
	close(fd);
	return done;
}

static void add_sample(struct demo *d, const struct demo_device *v, const char *path, struct span content)
{
	demo_write(v, path, content);
	d->files++;
	d->bytes += content.len;
}

void demo_fill(struct demo *d, const struct demo_device *v)
{
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
		add_sample(d, v, samples[i].path, span_text(samples[i].content));
	struct blob notes = long_notes(), settings = long_settings();
	add_sample(d, v, "notes/ideas.md", span_blob(&notes));
	add_sample(d, v, "settings/editor.json", span_blob(&settings));
	blob_finish(&notes);
	blob_finish(&settings);
	char *script = full_path(v, "snippets/backup.sh");
	chmod(script, 0755);
	free(script);
}

bool demo_change_line(const struct demo_device *v, const char *path, const char *new_line)
{
	struct blob old;
	if (!demo_read(v, path, &old))
		return false;
	const uint8_t *middle = old.data + old.len / 2, *end = old.data + old.len;
	while (middle > old.data && middle[-1] != '\n')
		middle--;
	const uint8_t *next = memchr(middle, '\n', (size_t)(end - middle));
	next = next ? next + 1 : end;
	struct buf b = { 0 };
	buf_put(&b, old.data, (size_t)(middle - old.data));
	buf_printf(&b, "%s\n", new_line);
	buf_put(&b, next, (size_t)(end - next));
	bool done = demo_write(v, path, buf_view(&b));
	buf_finish(&b);
	blob_finish(&old);
	return done;
}

bool demo_append(const struct demo_device *v, const char *path, const char *line)
{
	struct blob old;
	if (!demo_read(v, path, &old))
		return false;
	struct buf b = { 0 };
	buf_put(&b, old.data, old.len);
	buf_printf(&b, "%s\n", line);
	bool done = demo_write(v, path, buf_view(&b));
	buf_finish(&b);
	blob_finish(&old);
	return done;
}

bool demo_live(struct demo *d, struct demo_device *v, char told[160])
{
	const char *a = words[rng_below(&d->rng, WORDS)], *b = words[rng_below(&d->rng, WORDS)];
	unsigned n = (unsigned)rng_below(&d->rng, 10000);
	char line[128];
	switch (rng_below(&d->rng, 6)) {
	case 0:
		snprintf(line, sizeof line, "- [%s %s](https://example.org/%u)", a, b, n);
		snprintf(told, 160, "%s: a new link", v->name);
		return demo_append(v, "links/quicklinks.md", line);
	case 1:
		snprintf(line, sizeof line, "alias %.3s%u='echo %s'", a, n, b);
		snprintf(told, 160, "%s: a new alias", v->name);
		return demo_append(v, ".bash_aliases", line);
	case 2:
		snprintf(line, sizeof line, "\t\"editor.%s.%s\": %u,", a, b, n);
		snprintf(told, 160, "%s: a setting changed", v->name);
		return demo_change_line(v, "settings/editor.json", line);
	case 3:
		snprintf(line, sizeof line, "notes/%s-%u.md", a, n);
		snprintf(told, 160, "%s: a new note, %.100s", v->name, line);
		return demo_write(v, line, span_text("# A new note\n\n- first thought\n"));
	case 4:
		snprintf(line, sizeof line, "- %s %s, %u", a, b, n);
		snprintf(told, 160, "%s: one more thing to buy", v->name);
		return demo_append(v, "notes/shopping.md", line);
	default:
		snprintf(line, sizeof line, "- idea, thought over: the %s %s needs %u more", a, b, n);
		snprintf(told, 160, "%s: a line rewritten in notes/ideas.md", v->name);
		return demo_change_line(v, "notes/ideas.md", line);
	}
}

/* ---- digest ---- */

static struct {
	char **names;
	size_t count, cap;
} walk;

static int walk_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)at;
	if (kind == FTW_F || kind == FTW_SL) {
		MEM_ROOM(walk.names, walk.count, walk.cap);
		walk.names[walk.count++] = mem_text(path);
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_field(crypto_hash_sha256_state *hash, const void *bytes, size_t len)
{
	uint64_t size = len;
	crypto_hash_sha256_update(hash, (const uint8_t *)&size, sizeof size);
	crypto_hash_sha256_update(hash, bytes, len);
}

static void add_file(crypto_hash_sha256_state *hash, const struct demo_device *v, const char *full)
{
	const char *path = full + strlen(v->person) + 1;
	struct stat st;
	char target[4096], kind[3] = "f-";
	struct blob content = { 0 };
	if (lstat(full, &st))
		return;
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlink(full, target, sizeof target);
		content = blob_copy(target, n > 0 ? (size_t)n : 0);
		kind[0] = 'l';
	} else {
		demo_read(v, path, &content);
		kind[1] = st.st_mode & S_IXUSR ? 'x' : '-';
	}
	add_field(hash, path, strlen(path));
	add_field(hash, kind, 2);
	add_field(hash, content.data, content.len);
	blob_finish(&content);
}

void demo_digest(const struct demo_device *v, char hex[65], size_t *items)
{
	crypto_hash_sha256_state hash;
	uint8_t sum[crypto_hash_sha256_BYTES];
	walk.count = 0;
	for (const struct demo_category *c = demo_categories; c->name; c++) {
		char *path = mem_printf("%s/%s%s", v->person, c->folder, c->file ? c->file : "");
		size_t len = strlen(path);
		if (path[len - 1] == '/')
			path[len - 1] = 0;
		nftw(path, walk_one, 16, FTW_PHYS);
		free(path);
	}
	mem_sort(walk.names, walk.count, sizeof *walk.names, by_name);
	crypto_hash_sha256_init(&hash);
	for (size_t i = 0; i < walk.count; i++) {
		add_file(&hash, v, walk.names[i]);
		free(walk.names[i]);
	}
	crypto_hash_sha256_final(&hash, sum);
	sodium_bin2hex(hex, 65, sum, sizeof sum);
	*items = walk.count;
	free(walk.names);
	walk.names = NULL;
	walk.count = walk.cap = 0;
}
