// SPDX-License-Identifier: BSD-3-Clause
#include "control/netlink_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace isthmus::control {
namespace {

// The kernel makes dump messages of up to 32 KiB when the reader offers that much.
constexpr std::size_t kReceiveRoom = 32768;
// A burst of route changes (a BGP session coming up) has to fit until the next turn.
constexpr int kEventBuffer = 4 << 20;

constexpr int kGroups[] = {RTNLGRP_LINK,        RTNLGRP_NEIGH,      RTNLGRP_IPV4_IFADDR,
                           RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                           RTNLGRP_NEXTHOP};

Error failure(const char* what) {
  return Error{fmt::format("netlink: cannot {}: {}", what, std::strerror(errno))};
}

void set_receive_buffer(int fd) {
  // Beyond the system's limit needs CAP_NET_ADMIN; without it the smaller buffer costs a resync.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kEventBuffer, sizeof kEventBuffer) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kEventBuffer, sizeof kEventBuffer);
  }
}

}  // namespace

void NetlinkSocket::Close::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

Result<NetlinkSocket> NetlinkSocket::make(Kind kind) {
  const bool events = kind == Kind::kEvents;
  NetlinkSocket socket(
      mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | (events ? SOCK_NONBLOCK : 0)));
  if (!socket.socket_) return failure("open a socket");
  if (mnl_socket_bind(socket.socket_.get(), 0, MNL_SOCKET_AUTOPID) != 0) {
    return failure("bind its socket");
  }
  if (!events) return socket;
  set_receive_buffer(socket.fd());
  for (int group : kGroups) {
    if (mnl_socket_setsockopt(socket.socket_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof group) !=
        0) {
      return failure("subscribe to changes");
    }
  }
  return socket;
}

int NetlinkSocket::fd() const {
  return mnl_socket_get_fd(socket_.get());
}

int NetlinkSocket::send(NetlinkMessage message, uint32_t sequence) {
  nlmsghdr* header = message.header();
  header->nlmsg_seq = sequence;
  return mnl_socket_sendto(socket_.get(), header, header->nlmsg_len) < 0 ? errno : 0;
}

int NetlinkSocket::request(NetlinkMessage message) {
  const uint32_t sequence = ++sequence_;
  if (const int error = send(message, sequence); error != 0) return error;
  alignas(nlmsghdr) char buffer[4096];
  const unsigned port = mnl_socket_get_portid(socket_.get());
  for (;;) {
    const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer, sizeof buffer);
    if (size < 0) return errno;
    const int verdict =
        mnl_cb_run(buffer, static_cast<std::size_t>(size), sequence, port, nullptr, nullptr);
    if (verdict < 0) return errno;
    if (verdict == MNL_CB_STOP) return 0;
  }
}

NetlinkSocket::Read NetlinkSocket::read(const std::function<void(const nlmsghdr&)>& handler) {
  static std::vector<char> buffer(kReceiveRoom);  // malloc aligns it for any header
  const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
  if (size < 0) {
    if (errno == EAGAIN || errno == EINTR) return Read::kEmpty;
    // ENOSPC: a datagram did not fit. Both mean that news were lost.
    return errno == ENOBUFS || errno == ENOSPC ? Read::kOverrun : Read::kError;
  }
  int left = static_cast<int>(size);
  const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
  for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
    handler(*message);
  }
  return Read::kMessages;
}

}  // namespace isthmus::control
