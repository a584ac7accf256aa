#include "engine/io/tcpinfo.h"

#include <linux/tcp.h> /* the C library's own header lacks the byte counts */
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

void tcpinfo_read(int fd, struct tcpinfo *out)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;
	if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) ||
	    len < offsetof(struct tcp_info, tcpi_dsack_dups))
		return;
	out->sent = info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
	out->received = info.tcpi_bytes_received;
	out->loss_percent =
	        info.tcpi_bytes_sent ? 100.0 * (double)info.tcpi_bytes_retrans / (double)info.tcpi_bytes_sent : 0;
	out->up_mbps = (double)info.tcpi_delivery_rate * 8 / 1e6;
}
