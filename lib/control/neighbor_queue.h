// SPDX-License-Identifier: BSD-3-Clause
// Packets that wait for a neighbor's link address.
//
// Theory of operation. A worker that does not know the link address of a next hop gives the packet
// to the control core. Here it waits, per (interface, next hop), while the kernel resolves the
// address through the twin; `resolve` starts that. When the address arrives, the packets leave in
// order through `send`. They are dropped when the kernel gives up or after kTimeout; `unreachable`
// tells their senders. Both the number of neighbors and the packets of each are bounded, so that a
// scan of an empty subnet costs a fixed amount of memory. Workers use every address we know without
// saying so, hence tick() has the kernel confirm each from time to time: the kernel alone would see
// no use of it, let it grow stale, and never notice a dead next hop. Control thread only; time is
// passed in.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "control/backend.h"
#include "control/netlink_types.h"
#include "dataplane/dataplane.h"
#include "net/addr.h"

namespace isthmus::control {

enum class NeighborState : uint8_t {
  kUsable,   ///< link address known
  kFixed,    ///< link address told by an operator: not to be asked for
  kPending,  ///< the kernel is asking
  kFailed,   ///< nobody answered
  kGone,     ///< entry removed
};

class NeighborQueue {
 public:
  struct Hooks {
    /// Asks the kernel to resolve, or to confirm, a neighbor.
    std::function<void(dataplane::InterfaceId, const IpAddress&)> resolve;
    /// Sends an IP packet to a link address.
    std::function<bool(dataplane::InterfaceId, const net::Mac&, std::span<const uint8_t> packet)>
        send;
    /// An IP packet that is dropped because its next hop did not answer.
    std::function<void(dataplane::InterfaceId, std::span<const uint8_t> packet)> unreachable;
  };

  /// Seconds a packet waits. The kernel gives up after 3; ours must not be the earlier verdict, or
  /// a packet that comes between the two is dropped by the second.
  static constexpr double kTimeout = 4;
  static constexpr double kRefresh = 10;  ///< seconds between two confirmations of a neighbor
  static constexpr std::size_t kMaxWaiting = 1024;  ///< neighbors with packets waiting
  static constexpr unsigned kRefreshBatch = 64;     ///< at most so many a tick

  NeighborQueue(Hooks hooks, uint32_t packets_per_neighbor);

  void set_limit(uint32_t packets_per_neighbor) { limit_ = packets_per_neighbor; }
  /// Keeps a packet for `next_hop`, or sends it if the address has become known meanwhile.
  void enqueue(dataplane::InterfaceId interface, const IpAddress& next_hop,
               std::span<const uint8_t> packet, double now);
  /// News from the kernel; `mac` when usable or fixed.
  void on_neighbor(dataplane::InterfaceId interface, const IpAddress& address, NeighborState state,
                   std::optional<net::Mac> mac, double now);
  /// Drops what waited too long and has known neighbors confirmed. Call it several times a second.
  void tick(double now);

  NeighborQueueInfo info() const { return info_; }

 private:
  using Key = std::pair<dataplane::InterfaceId, IpAddress>;
  struct Waiting {
    double deadline = 0;
    std::vector<std::vector<uint8_t>> packets;
  };
  struct Known {
    net::Mac mac;
    double confirmed = 0;  ///< when the kernel last told or was last asked
    /// Never asked for: since Linux 5.16 asking turns a permanent entry into one that can fail.
    bool fixed = false;
  };

  void release(const Key& key, const net::Mac& mac);
  void drop(const Key& key);

  Hooks hooks_;
  uint32_t limit_;
  std::map<Key, Waiting> waiting_;
  std::map<Key, Known> known_;
  NeighborQueueInfo info_;
};

/// Ethernet frame around an IP packet; the type follows from the packet's version.
std::vector<uint8_t> make_frame(const net::Mac& destination, const net::Mac& source,
                                std::span<const uint8_t> packet);

}  // namespace isthmus::control
