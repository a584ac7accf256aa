/* built: what this program was made of, for reports of failures. */
#ifndef SIM_BUILT_H
#define SIM_BUILT_H
#ifdef PACKAGE_VERSION
#define BUILT_VERSION PACKAGE_VERSION
#else
#define BUILT_VERSION "unversioned"
#endif

const char *built_commit(void); /* "unknown" outside a repository; "-dirty" behind it: with changes */
const char *built_flags(void);  /* compiler, its flags, sanitizers */
#endif
