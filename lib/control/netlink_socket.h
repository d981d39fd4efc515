// SPDX-License-Identifier: BSD-3-Clause
// A netlink route socket.
#pragma once

#include <functional>
#include <memory>

#include "control/netlink_message.h"
#include "net/result.h"

struct mnl_socket;

namespace isthmus::control {

class NetlinkSocket {
 public:
  enum class Kind : uint8_t {
    kRequests,  ///< blocking; for request()
    kEvents,    ///< non-blocking, subscribed to what NetlinkSync follows; for send() and read()
  };
  static Result<NetlinkSocket> make(Kind kind);

  int fd() const;
  /// Sends a request and waits for the kernel's word, which it gives before send() returns. 0 or
  /// the kernel's errno.
  int request(NetlinkMessage message);

  /// Sends without waiting.
  int send(NetlinkMessage message, uint32_t sequence);
  enum class Read : uint8_t { kMessages, kEmpty, kOverrun, kError };
  /// Reads what one recv() gives and hands out each message.
  Read read(const std::function<void(const nlmsghdr&)>& handler);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  explicit NetlinkSocket(mnl_socket* socket) : socket_(socket) {}

  std::unique_ptr<mnl_socket, Close> socket_;
  uint32_t sequence_ = 0;
};

}  // namespace isthmus::control
