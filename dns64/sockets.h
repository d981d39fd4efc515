// SPDX-License-Identifier: BSD-3-Clause
// Small things that all sockets of the service need.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <utility>
#include <variant>

#include "net/addr.h"
#include "net/result.h"

namespace isthmus::dns64 {

using Address = std::variant<net::Ip4, net::Ip6>;

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  friend bool operator==(const SocketAddress& a, const SocketAddress& b) {
    return a.size == b.size && std::memcmp(&a.storage, &b.storage, a.size) == 0;
  }
};

SocketAddress socket_address(const Address& address, uint16_t port);
Address address_of(const sockaddr_storage& storage);
/// The wildcard address of `family` with `port`.
SocketAddress any_address(int family, uint16_t port);

/// A non-blocking socket that is closed on exec.
Fd make_socket(int family, int type);
/// A TCP socket that listens on an address the machine need not have yet. `shared`: others of ours
/// listen there too, and the kernel deals connections out.
Result<Fd> listen_on(const Address& address, uint16_t port, bool shared = false);

/// Unpredictable bits of the kernel's generator, fetched in batches.
class SystemRandom {
 public:
  uint64_t operator()();

 private:
  static constexpr unsigned kWords = 64;
  uint64_t words_[kWords];
  unsigned left_ = 0;
};

}  // namespace isthmus::dns64
