// SPDX-License-Identifier: BSD-3-Clause
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "export/transport.h"

namespace isthmus::exporter {
namespace {

class Socket final : public Transport {
 public:
  Socket(const std::variant<net::Ip4, net::Ip6>& address, uint16_t port, bool stream)
      : stream_(stream) {
    if (const auto* ip4 = std::get_if<net::Ip4>(&address)) {
      auto* to = reinterpret_cast<sockaddr_in*>(&to_);
      to->sin_family = AF_INET;
      to->sin_port = htons(port);
      std::memcpy(&to->sin_addr, ip4, sizeof *ip4);
      length_ = sizeof *to;
    } else {
      auto* to = reinterpret_cast<sockaddr_in6*>(&to_);
      to->sin6_family = AF_INET6;
      to->sin6_port = htons(port);
      std::memcpy(&to->sin6_addr, &std::get<net::Ip6>(address), sizeof(net::Ip6));
      length_ = sizeof *to;
    }
  }
  ~Socket() override { close(); }

  Result open() override {
    if (fd_ >= 0) return finish();
    fd_ = socket(to_.ss_family, (stream_ ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
                 0);
    if (fd_ < 0) return failed("socket");
    if (stream_) {
      // A collector that went away without a word, or reads nothing, is given up after a while.
      const unsigned milliseconds = 30'000;
      setsockopt(fd_, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
      const int on = 1;
      setsockopt(fd_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    }
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&to_), length_) == 0) return Result::kDone;
    return errno == EINPROGRESS ? Result::kWait : failed("connect");
  }

  Result write(std::span<const uint8_t> message, std::size_t& done) override {
    while (done < message.size()) {
      const auto sent = send(fd_, message.data() + done, message.size() - done, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EINTR) continue;
        return errno == EAGAIN ? Result::kWait : failed("send");
      }
      done += static_cast<std::size_t>(sent);
    }
    return Result::kDone;
  }

  bool is_alive() override {
    char unwanted[256];
    for (;;) {
      const auto got = recv(fd_, unwanted, sizeof unwanted, 0);
      if (got > 0) continue;
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return true;
      if (got == 0 && !stream_) continue;
      if (got == 0) {
        error_ = "the collector closed the connection";
        close();
      } else {
        failed("connection");
      }
      return false;
    }
  }

  void close() override {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int fd() const override { return fd_; }

 private:
  /// Of a connection on its way.
  Result finish() {
    pollfd writable{fd_, POLLOUT, 0};
    if (poll(&writable, 1, 0) == 0) return Result::kWait;
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error == 0) return Result::kDone;
    errno = error;
    return failed("connect");
  }
  Result failed(const char* what) {
    error_ = std::string(what) + ": " + std::strerror(errno);
    close();
    return Result::kFailed;
  }

  const bool stream_;
  sockaddr_storage to_{};
  socklen_t length_ = 0;
  int fd_ = -1;
};

}  // namespace

std::unique_ptr<Transport> make_socket(const std::variant<net::Ip4, net::Ip6>& address,
                                       uint16_t port, conf::ExportTransport transport) {
  return std::make_unique<Socket>(address, port, transport != conf::ExportTransport::kUdp);
}

}  // namespace isthmus::exporter
