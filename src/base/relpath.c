#include "base/relpath.h"

#include <string.h>
#include <strings.h>

const char *relpath_bad(const char *path, size_t len)
{
	size_t depth = 0;
	if (len == 0)
		return "is empty";
	if (len > RELPATH_MAX)
		return "is longer than 4096 bytes";
	if (memchr(path, 0, len))
		return "has a NUL byte";
	for (size_t at = 0; at <= len;) {
		const char *slash = memchr(path + at, '/', len - at);
		size_t part = slash ? (size_t)(slash - path) - at : len - at;
		const char *name = path + at;
		if (part == 0)
			return "has an empty component";
		if (part > RELPATH_COMPONENT)
			return "has a component longer than 255 bytes";
		if ((part == 1 && name[0] == '.') || (part == 2 && name[0] == '.' && name[1] == '.'))
			return "leaves its folder";
		if (part >= sizeof RELPATH_TEMP - 1 && memcmp(name, RELPATH_TEMP, sizeof RELPATH_TEMP - 1) == 0)
			return "is one of syncline's own temporary names";
		if (part == 4 && strncasecmp(name, ".git", 4) == 0)
			return "lies in a .git folder";
		if (++depth > RELPATH_DEPTH)
			return "is deeper than 64 folders";
		at += part + 1;
		if (!slash)
			break;
	}
	return NULL;
}

bool relpath_deep(const char *path)
{
	size_t depth = 1;
	for (; *path; path++)
		depth += *path == '/';
	return depth > RELPATH_DEPTH;
}

const char *relpath_bad_category(const char *name, size_t len)
{
	if (len == 0)
		return "is empty";
	if (len > CATEGORY_MAX)
		return "is longer than 64 characters";
	if (name[0] == '.' || name[0] == '-')
		return "starts with a dot or a dash";
	for (size_t i = 0; i < len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", name[i]) || !name[i])
			return "has a character other than a-z 0-9 - _ .";
	return NULL;
}

bool relpath_split_item(const char *item, char category[CATEGORY_MAX + 1], const char **path)
{
	const char *slash = strchr(item, '/');
	if (!slash || relpath_bad_category(item, (size_t)(slash - item)) || relpath_bad(slash + 1, strlen(slash + 1)))
		return false;
	memcpy(category, item, (size_t)(slash - item));
	category[slash - item] = 0;
	*path = slash + 1;
	return true;
}

size_t relpath_join(char *out, size_t room, const char *folder, const char *name)
{
	size_t above = strlen(folder), below = strlen(name), at = above + (above != 0);
	if (at + below >= room) {
		*out = 0;
		return 0;
	}
	memcpy(out, folder, above);
	if (above)
		out[above] = '/';
	memcpy(out + at, name, below + 1);
	return at + below;
}

bool relpath_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);
	return len == 0 || (strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == 0));
}
