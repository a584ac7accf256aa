/* farfs: filesystems on which other machines or programs change files behind this kernel's back: inotify tells nothing of
 * that, and inode numbers may be made up anew at any time. */
#ifndef SYS_FARFS_H
#define SYS_FARFS_H

/* The filesystem's name when it is one of these ("NFS", "FUSE", …), else NULL. `type` is statfs(2)'s f_type. */
const char *farfs_name(unsigned long type);
const char *farfs_of(int fd);             /* of the filesystem that an open file lies on */
const char *farfs_at(const char *path);
#endif
