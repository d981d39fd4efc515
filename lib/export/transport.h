// SPDX-License-Identifier: BSD-3-Clause
// How messages leave: a TCP connection, with TLS or without, UDP datagrams, or a file. Nothing here
// waits.
#pragma once

#include <poll.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "conf/exports.h"

namespace isthmus::exporter {

class Transport {
 public:
  enum class Result : uint8_t { kDone, kWait, kFailed };

  virtual ~Transport() = default;
  /// kWait: call again when fd() is ready for what waits_for() says. kFailed: error() says why, and
  /// it is closed.
  virtual Result open() = 0;
  /// Writes message[done..], adding to `done` what is written.
  virtual Result write(std::span<const uint8_t> message, std::size_t& done) = 0;
  /// False if the other side went away.
  virtual bool is_alive() = 0;
  virtual void close() = 0;
  /// To poll; -1: there is nothing to poll.
  virtual int fd() const = 0;
  /// POLLOUT or POLLIN, after kWait.
  virtual short waits_for() const { return POLLOUT; }

  const std::string& error() const { return error_; }

 protected:
  std::string error_;
};

/// UDP, or else TCP.
std::unique_ptr<Transport> make_socket(const std::variant<net::Ip4, net::Ip6>& address,
                                       uint16_t port, conf::ExportTransport transport);
/// Over TCP. The handshake is given up after so many seconds.
std::unique_ptr<Transport> make_tls(const std::variant<net::Ip4, net::Ip6>& address, uint16_t port,
                                    const conf::ExportTls& tls, double patience_s = 20);
std::unique_ptr<Transport> make_file(std::string path);

}  // namespace isthmus::exporter
