/* sdnotify: tells the service manager that started us how we are: "READY=1", "STOPPING=1", "STATUS=…". Without one
 * (NOTIFY_SOCKET unset) nothing happens. */
#ifndef SYS_SDNOTIFY_H
#define SYS_SDNOTIFY_H

void sdnotify(const char *state);
#endif
