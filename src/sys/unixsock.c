#include "sys/unixsock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

#define NAME_MAX_HERE 80
#define BACKLOG 64
#define UNHEARD ".new" /* behind the name of a socket that nobody listens at yet */

struct place {
	struct sockaddr_un address;
	int folder; /* open while the address is used */
	char name[NAME_MAX_HERE + 1];
};

static void set_address(struct place *p, const char *path, const char *ending)
{
	int n = snprintf(p->address.sun_path, sizeof p->address.sun_path, "%s%s", path, ending);
	if (n < 0 || (size_t)n >= sizeof p->address.sun_path)
		snprintf(p->address.sun_path, sizeof p->address.sun_path, "/proc/self/fd/%d/%s%s", p->folder, p->name,
		         ending);
}

static bool place_open(struct place *p, const char *path, struct err *e)
{
	*p = (struct place){ .address.sun_family = AF_UNIX, .folder = -1 };
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t len = strlen(name);
	if (!len || len > NAME_MAX_HERE) {
		errno = ENAMETOOLONG;
		return err_set(e, path, NULL, "a socket's name has 1 to %d bytes", NAME_MAX_HERE);
	}
	memcpy(p->name, name, len + 1);
	char *folder = !slash          ? mem_text(".")
		       : slash == path ? mem_text("/")
				       : mem_printf("%.*s", (int)(slash - path), path);
	p->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	if (p->folder < 0)
		return err_set(e, path, NULL, "its folder: %s", strerror(errno));
	set_address(p, path, "");
	return true;
}

static void place_close(struct place *p)
{
	int saved = errno;
	close(p->folder);
	errno = saved;
}

static int give_up(int fd)
{
	int saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

static bool folder_is_safe(const struct place *p, const char *path, struct err *e)
{
	struct stat s;
	if (fstat(p->folder, &s))
		return err_set(e, path, NULL, "its folder: %s", strerror(errno));
	if (s.st_uid != geteuid())
		return err_set(e, path, "choose a folder of your own", "its folder belongs to another user");
	if (s.st_mode & 022)
		return err_set(e, path, "chmod 700 its folder", "others may write to its folder");
	return true;
}

static int connect_place(const struct place *p)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	while (connect(fd, (const struct sockaddr *)&p->address, sizeof p->address)) {
		if (errno != EINTR)
			return give_up(fd);
	}
	return fd;
}

/* Takes away a socket whose listener is gone. */
static bool make_room(const struct place *p, const char *path, struct err *e)
{
	struct stat s;
	if (fstatat(p->folder, p->name, &s, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT || err_set(e, path, NULL, "%s", strerror(errno));
	if (!S_ISSOCK(s.st_mode))
		return err_set(e, path, "move it away", "something that is not a socket is there");
	int fd = connect_place(p);
	if (fd >= 0 || errno != ECONNREFUSED) {
		give_up(fd);
		return err_set(e, path, NULL, "another process listens there");
	}
	if (unlinkat(p->folder, p->name, 0) && errno != ENOENT)
		return err_set(e, path, NULL, "the old socket stays: %s", strerror(errno));
	return true;
}

/* Whoever waits for the name to appear connects at once, and must not be refused: it gets its name when it listens. */
static int listen_place(struct place *p, const char *path, struct err *e)
{
	char unheard[NAME_MAX_HERE + sizeof UNHEARD];
	snprintf(unheard, sizeof unheard, "%s" UNHEARD, p->name);
	set_address(p, path, UNHEARD);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The mode that it is bound with: nobody can be quicker than a chmod behind. */
	if (fd < 0 || fchmod(fd, 0600) || (unlinkat(p->folder, unheard, 0) && errno != ENOENT) ||
	    bind(fd, (const struct sockaddr *)&p->address, sizeof p->address) || listen(fd, BACKLOG) ||
	    linkat(p->folder, unheard, p->folder, p->name, 0) || unlinkat(p->folder, unheard, 0)) {
		err_set(e, path, NULL, "%s", strerror(errno));
		return give_up(fd);
	}
	return fd;
}

int unixsock_listen(const char *path, struct err *e)
{
	struct place p;
	int fd = -1;
	if (!place_open(&p, path, e))
		return -1;
	if (folder_is_safe(&p, path, e) && make_room(&p, path, e))
		fd = listen_place(&p, path, e);
	place_close(&p);
	return fd;
}

int unixsock_connect(const char *path, struct err *e)
{
	struct place p;
	if (!place_open(&p, path, e))
		return -1;
	int fd = connect_place(&p);
	place_close(&p);
	if (fd < 0) {
		err_set(e, path, NULL, errno == ENOENT || errno == ECONNREFUSED ? "nobody listens there" : "%s",
			strerror(errno));
		return -1;
	}
	if (!unixsock_peer_is_me(fd)) {
		errno = EACCES;
		err_set(e, path, NULL, "another user's process listens there");
		return give_up(fd);
	}
	return fd;
}

int unixsock_accept(int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0 && unixsock_peer_is_me(fd))
			return fd;
		if (fd >= 0)
			close(fd);
		else if (errno != EINTR && errno != ECONNABORTED)
			return -1;
	}
}

bool unixsock_peer_is_me(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	return peer.uid == geteuid() || peer.uid == 0;
}

void unixsock_remove(const char *path)
{
	struct stat s;
	if (!lstat(path, &s) && S_ISSOCK(s.st_mode))
		unlink(path);
}
