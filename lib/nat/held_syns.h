// SPDX-License-Identifier: BSD-3-Clause
// Inbound SYNs that wait for the inside to open (RFC 6146 3.5.2.2, RFC 5382 REQ-4).
//
// Theory of operation. RFC 6146 makes a session without inside address (V4 INIT) for a SYN that
// filtering would refuse, and stores the packet. Here such a half session is a record of its own in
// a small bounded store, so that nothing else ever meets a session without an inside. A record is
// found by its outside name, and by its remote alone (an inside host that opens towards that remote
// should be given the very cell the SYN asked for). A record ends in one of two ways: the inside
// opens, and it is forgotten; or its time is up, and it waits to be fetched for the ICMP error.
// All records of an instance live equally long, so each instance's list is in order of expiry.
#pragma once

#include <cstdint>
#include <vector>

#include "nat/arena.h"
#include "nat/index.h"
#include "nat/session.h"
#include "net/packet_buf.h"

namespace isthmus::nat {

class HeldSyns {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};
  static constexpr uint32_t kMaxBytes = 548;  ///< 576 less the IP and ICMP headers around the quote

  struct Record {
    net::Ip4 pool, remote;
    net::Be16 pool_port, remote_port;
    uint8_t instance;
    bool due;
    uint16_t length;
    uint32_t arrived_ms;
    uint32_t previous, next;
    uint8_t bytes[kMaxBytes];
  };

  static std::size_t need(uint32_t capacity);
  bool init(Arena& arena, uint32_t capacity, const net::HashKey& key, std::size_t instances);

  bool empty() const { return count_ == 0; }
  uint32_t count() const { return count_; }
  uint32_t capacity() const { return capacity_; }
  uint32_t find(net::Ip4 pool, net::Be16 pool_port, net::Ip4 remote, net::Be16 remote_port) const;
  uint32_t find_by_remote(uint8_t instance, net::Ip4 remote, net::Be16 remote_port) const;
  const Record& at(uint32_t record) const { return records_[record]; }
  /// False if the store is full.
  bool hold(uint8_t instance, const SessionKey& key, const net::PacketBuf& packet, uint32_t now_ms);
  void forget(uint32_t record);

  /// Marks at most `budget` records as due whose lifetime is over. True if more wait.
  bool expire(uint8_t instance, uint32_t lifetime_ms, uint32_t now_ms, unsigned budget);
  /// The due record that has waited longest, or kNone. The caller forgets it.
  uint32_t first_due() const { return lists_.empty() ? kNone : lists_.back().first; }

 private:
  struct List {
    uint32_t first = kNone, last = kNone;
  };
  uint64_t hash_of(const Record& r) const;
  uint64_t hash_remote(const Record& r) const;
  List& list_of(const Record& r) { return r.due ? lists_.back() : lists_[r.instance]; }
  void link(uint32_t record);
  void unlink(uint32_t record);

  Record* records_ = nullptr;
  uint32_t capacity_ = 0, used_ = 0, free_ = kNone, count_ = 0;
  Index by_name_, by_remote_;
  net::HashKey key_;
  std::vector<List> lists_;  ///< of each instance, and last the due ones
};

}  // namespace isthmus::nat
