// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/sockets.h"

#include <netinet/in.h>
#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace isthmus::dns64 {
namespace {

void enable(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

}  // namespace

SocketAddress socket_address(const Address& address, uint16_t port) {
  SocketAddress out;
  if (const auto* v4 = std::get_if<net::Ip4>(&address)) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, v4, sizeof in.sin_addr);
    std::memcpy(&out.storage, &in, sizeof in);
    out.size = sizeof in;
  } else {
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    std::memcpy(&in6.sin6_addr, &std::get<net::Ip6>(address), sizeof in6.sin6_addr);
    std::memcpy(&out.storage, &in6, sizeof in6);
    out.size = sizeof in6;
  }
  return out;
}

SocketAddress any_address(int family, uint16_t port) {
  return family == AF_INET ? socket_address(net::Ip4{}, port) : socket_address(net::Ip6{}, port);
}

Address address_of(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &storage, sizeof in);
    return net::Ip4{net::Be32::from_raw(in.sin_addr.s_addr)};
  }
  sockaddr_in6 in6;
  std::memcpy(&in6, &storage, sizeof in6);
  net::Ip6 address;
  std::memcpy(address.bytes.data(), &in6.sin6_addr, sizeof in6.sin6_addr);
  return address;
}

Fd make_socket(int family, int type) {
  return Fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Result<Fd> listen_on(const Address& address, uint16_t port, bool shared) {
  const SocketAddress to = socket_address(address, port);
  const auto* v4 = std::get_if<net::Ip4>(&address);
  const std::string text =
      (v4 ? net::to_string(*v4) : net::to_string(std::get<net::Ip6>(address))) + " port " +
      std::to_string(port);
  Fd fd = make_socket(to.family(), SOCK_STREAM);
  if (!fd) return Error{"cannot make a TCP socket: " + std::string(std::strerror(errno))};
  enable(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (shared) enable(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  // The twin that will carry the address may not exist yet.
  if (v4) {
    enable(fd.get(), IPPROTO_IP, IP_FREEBIND);
  } else {
    enable(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
    enable(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND);
  }
  if (::bind(fd.get(), to.get(), to.size) != 0 || ::listen(fd.get(), 128) != 0) {
    return Error{"cannot listen for DNS over TCP on " + text + ": " + std::strerror(errno) +
                 "; change dns64.listen or stop the program that uses it"};
  }
  return fd;
}

uint64_t SystemRandom::operator()() {
  if (left_ == 0) {
    // Up to 256 bytes come whole once the kernel's generator is ready, which it is long before us.
    if (::getrandom(words_, 256, 0) != 256 || ::getrandom(words_ + 32, 256, 0) != 256) std::abort();
    left_ = kWords;
  }
  const uint64_t word = words_[--left_];
  words_[left_] = 0;  // used bits are not left lying about
  return word;
}

}  // namespace isthmus::dns64
