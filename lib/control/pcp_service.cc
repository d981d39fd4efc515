// SPDX-License-Identifier: BSD-3-Clause
#include "control/pcp_service.h"

#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "control/log.h"
#include "control/loop.h"

namespace isthmus::control {
namespace {

constexpr unsigned kReadsPerTurn = 64;
constexpr unsigned kAnnouncements = 10;  // RFC 6887 14.1.3
constexpr double kFirstGap = 0.25;       // seconds, doubling
constexpr int kOnLink = 255;

pcp::Policy policy_of(const conf::Config& config) {
  return {config.pcp.lifetime_min, config.pcp.lifetime_max, config.pcp.mappings,
          config.limits.subscriber_prefix};
}

/// Kernel name of the interface that has `address`.
std::string interface_with(const conf::Config& config, const net::Ip6& address) {
  for (const auto& port : config.ports) {
    for (const auto& interface : port.interfaces) {
      for (const auto& own : interface.addresses) {
        const auto* v6 = std::get_if<net::Ip6>(&own.address);
        if (v6 != nullptr && *v6 == address) return interface.name;
      }
    }
  }
  return {};
}

Error failed(const net::Ip6& address, const char* what) {
  return Error{
      fmt::format("pcp.listen {}: {}: {}", net::to_string(address), what, std::strerror(errno))};
}

sockaddr_in6 socket_address(const net::Ip6& address, uint16_t port, unsigned interface_index) {
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  in6.sin6_scope_id = interface_index;
  std::memcpy(&in6.sin6_addr, address.bytes.data(), sizeof in6.sin6_addr);
  return in6;
}

// A full socket buffer loses the message, as the net might: clients ask again.
void send_to(int fd, const pcp::Bytes& message, const sockaddr_in6& to) {
  (void)::sendto(fd, message.data(), message.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

int open_socket() {
  const int fd = ::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  for (const int option : {IPV6_V6ONLY, IPV6_RECVPKTINFO, IPV6_FREEBIND}) {
    ::setsockopt(fd, IPPROTO_IPV6, option, &on, sizeof on);
  }
  ::setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &kOnLink, sizeof kOnLink);
  return fd;
}

unsigned arrived_at(msghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_PKTINFO) continue;
    in6_pktinfo info;
    std::memcpy(&info, CMSG_DATA(c), sizeof info);
    return info.ipi6_ifindex;
  }
  return 0;
}

}  // namespace

PcpService::PcpService(struct ev_loop* loop, dataplane::Dataplane& dataplane,
                       std::shared_ptr<const conf::Config> config)
    : loop_(loop),
      gateway_(dataplane, config),
      server_(gateway_, policy_of(*config), monotonic_seconds()) {
  ev_timer_init(
      &second_,
      [](struct ev_loop*, ev_timer* watcher, int) {
        static_cast<PcpService*>(watcher->data)->server_.expire(monotonic_seconds());
      },
      1., 1.);
  second_.data = this;
  ev_timer_start(loop_, &second_);
  ev_timer_init(
      &announcement_,
      [](struct ev_loop*, ev_timer* watcher, int) {
        static_cast<PcpService*>(watcher->data)->announce();
      },
      kFirstGap, 0.);
  announcement_.data = this;
}

Result<std::unique_ptr<PcpService>> PcpService::make(struct ev_loop* loop,
                                                     dataplane::Dataplane& dataplane,
                                                     std::shared_ptr<const conf::Config> config) {
  std::unique_ptr<PcpService> service(new PcpService(loop, dataplane, config));
  if (const Status status = service->listen(*config); !status) return status.error();
  service->announce_from_now();
  return service;
}

PcpService::~PcpService() {
  ev_timer_stop(loop_, &second_);
  ev_timer_stop(loop_, &announcement_);
  for (const auto& socket : sockets_) {
    ev_io_stop(loop_, &socket->watcher);
    if (socket->fd >= 0) ::close(socket->fd);
  }
}

Status PcpService::listen(const conf::Config& config) {
  for (const auto& address : config.pcp.listen) {
    const unsigned index = if_nametoindex(interface_with(config, address).c_str());
    sockets_.push_back(std::make_unique<Socket>(Socket{this, index}));
    auto& socket = *sockets_.back();
    socket.fd = open_socket();
    if (socket.fd < 0) return failed(address, "socket");
    const auto own = socket_address(address, pcp::kServerPort, 0);
    if (::bind(socket.fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
      return failed(address, "bind");
    }
    watch(socket);
  }
  return Ok{};
}

void PcpService::watch(Socket& socket) {
  ev_io_init(
      &socket.watcher,
      [](struct ev_loop*, ev_io* watcher, int) {
        auto* ready = static_cast<Socket*>(watcher->data);
        ready->owner->read(*ready);
      },
      socket.fd, EV_READ);
  socket.watcher.data = &socket;
  ev_io_start(loop_, &socket.watcher);
}

void PcpService::read(Socket& socket) {
  for (unsigned i = 0; i < kReadsPerTurn && read_one(socket); ++i) {
  }
}

bool PcpService::read_one(Socket& socket) {
  // Room for more than is allowed, so that what is too long shows.
  std::array<uint8_t, pcp::kMaxMessage + 4> buffer;
  alignas(cmsghdr) std::array<char, 256> ancillary;
  sockaddr_in6 from{};
  iovec part{buffer.data(), buffer.size()};
  msghdr message{&from, sizeof from, &part, 1, ancillary.data(), ancillary.size(), 0};
  const ssize_t size = ::recvmsg(socket.fd, &message, 0);
  if (size < 0) return false;
  if (arrived_at(message) != socket.interface_index) return true;
  net::Ip6 source;
  std::memcpy(source.bytes.data(), &from.sin6_addr, sizeof from.sin6_addr);
  const auto answer =
      server_.answer({buffer.data(), static_cast<std::size_t>(size)}, source, monotonic_seconds());
  if (answer) send_to(socket.fd, *answer, from);
  return true;
}

void PcpService::update(std::shared_ptr<const conf::Config> config) {
  const auto leaves = [&](const pcp::Mapping& mapping) {
    return leaves_pool(gateway_.config(), *config, mapping.external.address);
  };
  const bool any = server_.drop(leaves, monotonic_seconds());
  server_.set_policy(policy_of(*config));
  gateway_.set_config(std::move(config));
  if (!any) return;
  log_info("pcp: leases of addresses that have left their pool are over; clients are told");
  announce_from_now();
}

void PcpService::announce_from_now() {
  announced_ = 0;
  announce();
}

void PcpService::announce() {
  const auto message = pcp::make_announcement(server_.epoch(monotonic_seconds()));
  const auto everybody = net::parse_ip6("ff02::1").value();
  for (const auto& socket : sockets_) {
    send_to(socket->fd, message,
            socket_address(everybody, pcp::kClientPort, socket->interface_index));
  }
  if (++announced_ == kAnnouncements) return;
  ev_timer_stop(loop_, &announcement_);
  ev_timer_set(&announcement_, kFirstGap * (1u << (announced_ - 1)), 0.);
  ev_timer_start(loop_, &announcement_);
}

}  // namespace isthmus::control
