/* hammer: programs that save files, each in its own way, many at once.
 *
 *   hammer mmap FILE TEXT            overwrites the start of a file through a mapping, which gives no event
 *   hammer burst DIR COUNT SUFFIX    COUNT small files, as fast as it goes
 *   hammer run DIR SECONDS WRITERS SEED
 *
 * `run` lets WRITERS processes work in folders of their own below DIR for so long. Every save carries a token that was
 * never used before. Each then prints what its files must hold, "path<TAB>token", and how many saves it made, "# saves
 * N"; no other process may change them. Exit 1 when something could not be done. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 12
#define DEEP  12

static uint64_t chance_state;
static unsigned chance(unsigned below)
{
	chance_state ^= chance_state << 13;
	chance_state ^= chance_state >> 7;
	chance_state ^= chance_state << 17;
	return (unsigned)(chance_state >> 33) % below;
}

static void must(bool ok, const char *what, const char *name)
{
	if (ok)
		return;
	fprintf(stderr, "hammer: %s %s: %s\n", what, name, strerror(errno));
	exit(1);
}

static void nap(unsigned ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct writer {
	unsigned number, saves, tokens;
	bool moved;                /* its folder "sub" is called "other" */
	unsigned token[SLOTS];     /* 0: the file is not there */
};

static void put(const char *name, const char *text, int flags)
{
	int fd = open(name, O_WRONLY | O_CREAT | flags, 0644);
	must(fd >= 0, "open", name);
	size_t len = strlen(text), half = len / 2;
	must(write(fd, text, half) == (ssize_t)half && write(fd, text + half, len - half) == (ssize_t)(len - half),
	     "write", name);
	close(fd);
}

/* The token comes last: a file that lacks its end lacks it. */
static const char *text_of(const struct writer *w, unsigned token)
{
	static char text[6000];
	int len = 0;
	for (unsigned i = 0; i < 1 + token % 40; i++)
		len += snprintf(text + len, sizeof text - (size_t)len, "line %u of the text that %u wrote, %u\n", i,
				w->number, token);
	snprintf(text + len, sizeof text - (size_t)len, "token-%u-%u\n", w->number, token);
	return text;
}

/* Half of the files are in a folder that is renamed now and then. */
static void name_of(const struct writer *w, unsigned slot, char out[64])
{
	snprintf(out, 64, "%sf%u.txt", slot % 2 ? w->moved ? "other/" : "sub/" : "", slot);
}

static void swap_by_names(const char *a, const char *b)
{
	must(rename(a, "swap") == 0, "rename", a);
	must(rename(b, a) == 0, "rename", b);
	must(rename("swap", b) == 0, "rename", "swap");
}

static void deep(struct writer *w)
{
	char path[128] = "", command[64];
	for (int i = 0; i < DEEP; i++) {
		snprintf(path + strlen(path), sizeof path - strlen(path), "%sd%d", i ? "/" : "", i);
		must(mkdir(path, 0755) == 0 || errno == EEXIST, "mkdir", path);
	}
	strcat(path, "/leaf");
	put(path, text_of(w, ++w->tokens), O_TRUNC);
	w->saves++;
	if (chance(2))
		return;
	snprintf(command, sizeof command, "rm -r d0");
	must(system(command) == 0, "rm", "d0");
}

static void save(struct writer *w, unsigned slot)
{
	char name[64], temp[80], other[64];
	name_of(w, slot, name);
	bool there = w->token[slot] != 0;
	unsigned way = chance(15), peer = chance(SLOTS);
	const char *text = text_of(w, ++w->tokens);
	if (!there && (way == 2 || way == 6 || way >= 8))
		way = chance(2);
	w->saves++;
	switch (way) {
	case 0: /* in place */
		put(name, text, O_TRUNC);
		break;
	case 1: /* a temporary file and a rename */
		snprintf(temp, sizeof temp, "%s.tmp", name);
		put(temp, text, O_TRUNC);
		must(rename(temp, name) == 0, "rename", temp);
		break;
	case 2: /* the old one becomes a backup first */
		snprintf(temp, sizeof temp, "%s~", name);
		must(rename(name, temp) == 0, "rename", name);
		put(name, text, O_TRUNC);
		if (chance(2))
			unlink(temp);
		break;
	case 3: /* delete, then create */
		unlink(name);
		put(name, text, O_TRUNC);
		break;
	case 4: /* as sed -i does */
		snprintf(temp, sizeof temp, "sed%06u", chance(1000000));
		put(temp, text, O_TRUNC);
		must(rename(temp, name) == 0, "rename", temp);
		break;
	case 5: /* an empty file stands there for a moment */
		put(name, "", O_TRUNC);
		nap(chance(30));
		put(name, text, O_TRUNC);
		break;
	case 6: /* in two goes */
		put(name, text, O_TRUNC);
		put(name, text_of(w, ++w->tokens), O_APPEND);
		break;
	case 7:
		deep(w);
		w->tokens++;
		return;
	case 8: /* two change places */
	case 9:
		name_of(w, peer, other);
		if (peer == slot || !w->token[peer])
			return;
		if (way == 8)
			swap_by_names(name, other);
		else
			must(renameat2(AT_FDCWD, name, AT_FDCWD, other, RENAME_EXCHANGE) == 0, "exchange", name);
		unsigned token = w->token[slot];
		w->token[slot] = w->token[peer];
		w->token[peer] = token;
		return;
	case 10: /* to a name that is free, or over another */
		name_of(w, peer, other);
		if (peer == slot)
			return;
		must(rename(name, other) == 0, "rename", name);
		w->token[peer] = w->token[slot];
		w->token[slot] = 0;
		return;
	case 11:
		must(unlink(name) == 0, "unlink", name);
		w->token[slot] = 0;
		return;
	case 12:
		must(rename(w->moved ? "other" : "sub", w->moved ? "sub" : "other") == 0, "rename", "sub");
		w->moved = !w->moved;
		return;
	case 13: /* no change at all */
		must(chmod(name, 0600) == 0 && chmod(name, 0644) == 0, "chmod", name);
		put(name, text_of(w, w->token[slot]), O_TRUNC);
		return;
	default: /* out of the way and back */
		snprintf(temp, sizeof temp, "../away-%u", w->number);
		must(rename(name, temp) == 0 && rename(temp, name) == 0, "rename", name);
		return;
	}
	w->token[slot] = w->tokens;
}

static int work(unsigned number, double until, uint64_t seed)
{
	struct writer w = { .number = number };
	char dir[16], name[64];
	chance_state = seed * 2654435761u + number * 40503u + 88172645463325252u;
	snprintf(dir, sizeof dir, "w%02u", number);
	must(mkdir(dir, 0755) == 0 || errno == EEXIST, "mkdir", dir);
	must(chdir(dir) == 0, "chdir", dir);
	must(mkdir("sub", 0755) == 0 || errno == EEXIST, "mkdir", "sub");
	while (now() < until) {
		save(&w, chance(SLOTS));
		nap(chance(10) ? chance(12) : chance(400)); /* bursts, and pauses in which the engine may look */
	}
	FILE *out = fdopen(dup(STDOUT_FILENO), "w");
	static char buffer[16384]; /* one write: the lines of the writers do not mix */
	setvbuf(out, buffer, _IOFBF, sizeof buffer);
	fprintf(out, "# saves %u\n", w.saves);
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		name_of(&w, slot, name);
		if (w.token[slot])
			fprintf(out, "%s/%s\ttoken-%u-%u\n", dir, name, number, w.token[slot]);
	}
	fclose(out);
	return 0;
}

static int run(const char *dir, double seconds, unsigned writers, uint64_t seed)
{
	int failed = 0, status;
	double until = now() + seconds;
	must(chdir(dir) == 0, "chdir", dir);
	for (unsigned i = 0; i < writers; i++) {
		pid_t child = fork();
		must(child >= 0, "fork", "");
		if (!child)
			exit(work(i, until, seed));
	}
	while (wait(&status) > 0)
		failed |= status != 0;
	return failed;
}

static int burst(const char *dir, unsigned count, const char *suffix)
{
	char name[300];
	must(mkdir(dir, 0755) == 0 || errno == EEXIST, "mkdir", dir);
	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof name, "%s/%u%s", dir, i, suffix);
		put(name, "x\n", O_TRUNC);
	}
	return 0;
}

static int map_and_write(const char *file, const char *text)
{
	int fd = open(file, O_RDWR);
	struct stat st;
	size_t len = strlen(text);
	must(fd >= 0 && fstat(fd, &st) == 0, "open", file);
	errno = ERANGE;
	must((size_t)st.st_size >= len, "map", file);
	char *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(at != MAP_FAILED, "map", file);
	memcpy(at, text, len);
	must(msync(at, len, MS_SYNC) == 0, "msync", file);
	puts("written");
	fflush(stdout);
	pause(); /* it stays open: no event comes of it, not even a close */
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "mmap"))
		return map_and_write(argv[2], argv[3]);
	if (argc == 5 && !strcmp(argv[1], "burst"))
		return burst(argv[2], (unsigned)atoi(argv[3]), argv[4]);
	if (argc == 6 && !strcmp(argv[1], "run"))
		return run(argv[2], atof(argv[3]), (unsigned)atoi(argv[4]), (uint64_t)atoll(argv[5]));
	fprintf(stderr, "usage: hammer mmap FILE TEXT | burst DIR COUNT SUFFIX | run DIR SECONDS WRITERS SEED\n");
	return 2;
}
