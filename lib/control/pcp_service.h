// SPDX-License-Identifier: BSD-3-Clause
// The PCP server's sockets (RFC 6887 8.2, 14.1.3): through the kernel, since requests are few.
//
// Theory of operation. One UDP socket for each address of `pcp.listen`, port 5351. Requests come in
// by the kernel twin of the port they arrived at; one that came by another interface than the one
// that has the address is not answered (8.2: "MUST silently ignore PCP requests arriving on any
// other interface"). After a start, and whenever leases were lost, the new epoch is announced on
// those links, ten times with growing gaps. Control core only.
#pragma once

#include <ev.h>

#include <memory>
#include <string>
#include <vector>

#include "control/pcp_gateway.h"

namespace isthmus::control {

class PcpService {
 public:
  /// `config.pcp.enabled`; the twins are up.
  static Result<std::unique_ptr<PcpService>> make(struct ev_loop* loop,
                                                  dataplane::Dataplane& dataplane,
                                                  std::shared_ptr<const conf::Config> config);
  ~PcpService();
  PcpService(const PcpService&) = delete;
  PcpService& operator=(const PcpService&) = delete;

  /// `config` is in force. Leases of addresses that have left their pool with it are over.
  void update(std::shared_ptr<const conf::Config> config);
  const pcp::Server& server() const { return server_; }

 private:
  struct Socket {
    PcpService* owner;
    unsigned interface_index;  ///< requests are taken from here
    int fd = -1;
    ev_io watcher{};
  };
  PcpService(struct ev_loop* loop, dataplane::Dataplane& dataplane,
             std::shared_ptr<const conf::Config> config);
  Status listen(const conf::Config& config);
  void watch(Socket& socket);
  void read(Socket& socket);
  bool read_one(Socket& socket);
  void announce_from_now();
  void announce();

  struct ev_loop* loop_;
  PcpGateway gateway_;
  pcp::Server server_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  ev_timer second_{};
  ev_timer announcement_{};
  unsigned announced_ = 0;
};

}  // namespace isthmus::control
