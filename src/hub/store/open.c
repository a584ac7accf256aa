#include <string.h>

#include "hub/store/backends.h"

static struct store *open_url(const char *url, bool serve, struct err *e)
{
	if (strncmp(url, "sqlite:", 7) == 0 && url[7])
		return store_sqlite_open(url + 7, serve, e);
	if (strcmp(url, "memory:") == 0 && serve)
		return store_memory_create();
	if (strcmp(url, "memory:") == 0) {
		err_set(e, "store", "use sqlite:FILE", "memory: is seen by no other process");
		return NULL;
	}
	if (strncmp(url, "postgresql:", 11) == 0)
		err_set(e, "store", "use sqlite:FILE", "this build has no PostgreSQL store");
	else
		err_set(e, "store", "sqlite:FILE names a file; memory: keeps nothing", "its URL names no store");
	return NULL;
}

struct store *store_open(const char *url, struct err *e)
{
	return open_url(url, true, e);
}

struct store *store_visit(const char *url, struct err *e)
{
	return open_url(url, false, e);
}

void store_close(struct store *s)
{
	if (s)
		s->ops->destroy(s);
}
