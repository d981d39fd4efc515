// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Which worker owns an IPv4 fragment, when pool cells are owned by port block.
//
// Theory of operation. Only the first fragment of a datagram names the port that names the owner.
// So all fragments of a datagram meet on a home worker (steer/owner.h), which learns the owner from
// the first and sends the others after it. Those that come too early are held in a FragmentStore of
// the home's, under the same rules and counters as a translator's: neither may depend on how many
// workers there are. The owner's translator then treats them as Past::kCounted.
#pragma once

#include "nat/fragments.h"
#include "steer/ownership.h"

namespace isthmus::nat {

class FragmentHome {
 public:
  /// Not sent on: held, or dropped. Either is counted here, and the packet is to be freed.
  static constexpr unsigned kNobody = ~0u;

  FragmentHome(const steer::Ownership& ownership, telemetry::Counters& counters)
      : ownership_(ownership), counters_(counters) {}
  /// All memory is taken here, if any is needed. False when there is not enough.
  bool init(const Settings& settings);
  /// What init() takes.
  static std::size_t need(const Settings& settings, const steer::Ownership& ownership) {
    return FragmentStore::need(slots_for(settings, ownership));
  }
  void touch() {
    if (store_.slots() != 0) arena_.touch();
  }
  void add_memory(MemoryInfo& info) const {
    if (store_.slots() == 0) return;
    info.add({"fragments in transit", arena_.size(), store_.slots(), store_.slots_used()});
  }
  void update(const Settings& settings);

  /// Who is to decide about a fragment; `how` is given back if it has to wait.
  unsigned owner_of(const net::PacketBuf& buf, const net::PacketView& view, const Released& how,
                    uint32_t now_ms);

  bool has_released() const { return store_.has_released(); }
  /// Writes the next fragment whose owner has become known into `out`; ask owner_of_released().
  bool release(net::PacketBuf& out, Released& how) { return store_.release(out, how, counters_); }
  unsigned owner_of_released(const net::PacketBuf& buf, const net::PacketView& view,
                             uint32_t now_ms);

  /// Looks at no more than `budget` datagrams. True if more wait.
  bool expire(uint32_t now_ms, unsigned budget) { return store_.expire(now_ms, budget, counters_); }

 private:
  static uint32_t slots_for(const Settings& settings, const steer::Ownership& ownership) {
    // By address, a static binding can still make a port another worker's.
    return ownership.workers() > 1 ? settings.max_fragments : 0;
  }
  unsigned refuse(telemetry::DropReason reason);

  const steer::Ownership& ownership_;
  telemetry::Counters& counters_;
  Arena arena_;
  FragmentStore store_;
  std::size_t instances_ = 0;
};

}  // namespace isthmus::nat
