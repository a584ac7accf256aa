#include "sys/home.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

struct globals globals;

static const char *person_home(void)
{
	const char *home = getenv("HOME");
	if (home && home[0] == '/')
		return home;
	const struct passwd *me = getpwuid(geteuid());
	return me && me->pw_dir && me->pw_dir[0] == '/' ? me->pw_dir : NULL;
}

char *home_expand(const char *path)
{
	const char *home = path[0] == '~' && (!path[1] || path[1] == '/') ? person_home() : NULL;
	return home ? mem_printf("%s%s", home, path + 1) : mem_text(path);
}

static char *absolute(const char *dir)
{
	char cwd[PATH_MAX];
	size_t len = strlen(dir);
	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (dir[0] == '/')
		return mem_printf("%.*s", (int)len, dir);
	if (!getcwd(cwd, sizeof cwd))
		return NULL;
	if (len == 1 && dir[0] == '.')
		return mem_text(cwd);
	return mem_printf("%s/%.*s", cwd, (int)len, dir);
}

static bool resolve_explicit(struct home *h, const char *dir, struct err *e)
{
	char *at = absolute(dir);
	if (!at)
		return err_set(e, dir, "give an absolute path", "the working directory has no name: %s",
			       strerror(errno));
	if (strlen(at) > PATH_MAX - 300) {
		free(at);
		return err_set(e, "home", NULL, "its path is too long");
	}
	h->explicit = true;
	h->config = mem_printf("%s/config", at);
	h->state = mem_printf("%s/state", at);
	h->control = mem_printf("%s/control.sock", at);
	h->log = mem_printf("%s/log", at);
	h->runtime = at;
	return true;
}

/* A folder named by XDG's variable, or the one below the person's home; ours in it. */
static char *xdg(const char *variable, const char *otherwise)
{
	const char *value = getenv(variable), *home = person_home();
	if (value && value[0] == '/' && strlen(value) < PATH_MAX - 300)
		return mem_printf("%s/syncline", value);
	return otherwise && home ? mem_printf("%s/%s/syncline", home, otherwise) : NULL;
}

bool home_resolve(struct home *h, const char *dir, struct err *e)
{
	*h = (struct home){ 0 };
	if (!dir) {
		dir = getenv("SYNCLINE_HOME");
		dir = dir && dir[0] ? dir : NULL;
	}
	if (dir && !dir[0])
		return err_set(e, "--home", "give a folder", "it is empty");
	if (dir)
		return resolve_explicit(h, dir, e);
	char *config = xdg("XDG_CONFIG_HOME", ".config");
	h->state = xdg("XDG_STATE_HOME", ".local/state");
	if (!config || !h->state) {
		free(config);
		home_finish(h);
		return err_set(e, "home", "set HOME, or use --home DIR", "it is not known where your files live");
	}
	h->config = mem_printf("%s/config", config);
	free(config);
	h->runtime = xdg("XDG_RUNTIME_DIR", NULL);
	if (!h->runtime)
		h->runtime = mem_text(h->state);
	h->control = mem_printf("%s/control.sock", h->runtime);
	h->log = mem_printf("%s/log", h->state);
	return true;
}

void home_finish(struct home *h)
{
	free(h->config);
	free(h->state);
	free(h->control);
	free(h->log);
	free(h->runtime);
	*h = (struct home){ 0 };
}

char *home_state(const struct home *h, const char *name)
{
	return mem_printf("%s/%s", h->state, name);
}

static bool make_folders(const char *path, struct err *e)
{
	char *at = mem_text(path);
	bool fine = true;
	for (char *slash = at + 1; fine; slash++) {
		slash = strchrnul(slash, '/');
		char was = *slash;
		*slash = 0;
		if (mkdir(at, 0700) && errno != EEXIST) {
			struct stat s;
			int saved = errno;
			if (stat(at, &s)) /* a read-only / says EROFS for what is there */
				fine = err_set(e, at, NULL, "it cannot be made: %s", strerror(saved));
		}
		*slash = was;
		if (!was)
			break;
	}
	free(at);
	return fine;
}

static bool check_folder(const char *path, mode_t others, struct err *e)
{
	struct stat s;
	if (stat(path, &s))
		return err_set(e, path, NULL, "%s", strerror(errno));
	if (!S_ISDIR(s.st_mode))
		return err_set(e, path, "move it away", "it is not a folder");
	if (s.st_uid != geteuid())
		return err_set(e, path, "use --home with a folder of your own", "it belongs to another user");
	if (s.st_mode & others)
		return err_set(e, path, "chmod 700 it",
			       others & 055 ? "others may look into it, and it holds keys" : "others may write to it");
	return true;
}

bool home_prepare(const struct home *h, struct err *e)
{
	char *config = mem_printf("%.*s", (int)(strrchr(h->config, '/') - h->config), h->config);
	bool fine = make_folders(config, e) && make_folders(h->state, e) && make_folders(h->runtime, e);
	free(config);
	return fine && check_folder(h->state, 077, e) && check_folder(h->runtime, 022, e);
}
