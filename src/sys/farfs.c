#include "sys/farfs.h"

#include <stddef.h>
#include <sys/vfs.h>

const char *farfs_name(unsigned long type)
{
	/* The numbers are in linux/magic.h and in the filesystems' own documents. */
	static const struct {
		unsigned type;
		const char *name;
	} far[] = {
		{ 0x6969, "NFS" },        { 0x517b, "SMB" },          { 0xfe534d42, "SMB" },
		{ 0xff534d42, "CIFS" },   { 0x65735546, "FUSE" },     { 0x01021997, "9P" },
		{ 0x00c36400, "Ceph" },   { 0x5346414f, "AFS" },      { 0x6b414653, "AFS" },
		{ 0x73757245, "Coda" },   { 0x564c, "NCP" },          { 0x0bd00bd0, "Lustre" },
		{ 0x47504653, "GPFS" },   { 0x01161970, "GFS2" },     { 0x7461636f, "OCFS2" },
		{ 0x19830326, "BeeGFS" }, { 0x20030528, "OrangeFS" }, { 0x786f4256, "vboxsf" },
		{ 0xbacbacbc, "vmhgfs" }, { 0x7c7c6673, "prl_fs" },
	};
	for (size_t i = 0; i < sizeof far / sizeof *far; i++)
		if (far[i].type == (unsigned)type)
			return far[i].name;
	return NULL;
}

const char *farfs_of(int fd)
{
	struct statfs fs;
	return fstatfs(fd, &fs) ? NULL : farfs_name((unsigned long)fs.f_type);
}

const char *farfs_at(const char *path)
{
	struct statfs fs;
	return statfs(path, &fs) ? NULL : farfs_name((unsigned long)fs.f_type);
}
