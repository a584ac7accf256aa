/* tcpinfo: what the kernel counted on a TCP socket. Exact: every byte that crossed it, whatever library wrote it (TLS
 * records and the HTTP upgrade included; TCP/IP headers and retransmissions not). */
#ifndef ENGINE_IO_TCPINFO_H
#define ENGINE_IO_TCPINFO_H
#include <stdint.h>

struct tcpinfo {
	uint64_t sent, received;
	double loss_percent; /* retransmitted bytes, in percent of those sent */
	double up_mbps;      /* the last delivery rate measured, megabits a second; 0 unknown */
};

void tcpinfo_read(int fd, struct tcpinfo *out); /* leaves out alone when fd cannot tell */
#endif
