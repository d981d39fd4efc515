// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Which worker owns an IPv4 fragment, when pool cells are owned by port block.
//
// Theory of operation. Only the first fragment of a datagram names the port that names the owner.
// So all fragments of a datagram meet on a home worker (steer/owner.h), which learns the owner from
// the first and sends the others after it. Those that come too early are held, few per datagram and
// for a short time. The table is a small fixed one; when a set of places is full the oldest
// datagram gives way, and what was held for it is dropped and counted.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/core.h"
#include "dataplane/frame_meta.h"
#include "dataplane/handoff.h"

namespace isthmus::dataplane {

class FragmentHome {
 public:
  /// An owner that is still unknown.
  static constexpr unsigned kHeld = ~0u;

  explicit FragmentHome(Core& core) : core_(core), places_(kPlaces) {}
  ~FragmentHome() {
    for (auto& place : places_) {
      for (unsigned i = 0; i < place.held_count; ++i) rte_pktmbuf_free(place.held[i]);
    }
  }
  FragmentHome(const FragmentHome&) = delete;
  FragmentHome& operator=(const FragmentHome&) = delete;

  /// The owner of the fragment; kHeld when the fragment is kept (its meta data must be complete) or
  /// was dropped.
  unsigned owner_of(rte_mbuf* mbuf, const net::PacketBuf& packet, const net::PacketView& view);

  /// After owner_of() of a first fragment: one that waited for it. nullptr if there is no more.
  rte_mbuf* release();

  /// Drops what has waited too long; looks at a few places per call.
  void expire();

 private:
  static constexpr unsigned kPlaces = 1024;
  static constexpr unsigned kWays = 4;
  static constexpr unsigned kMaxHeld = 4;
  static constexpr uint32_t kLifetimeMs = 2000;  ///< RFC 6146 4: FRAGMENT_MIN

  struct Place {
    net::Ip4 source;
    net::Ip4 destination;
    uint32_t id_protocol = 0;
    uint32_t born_ms = 0;
    uint32_t owner = kHeld;
    uint8_t held_count = 0;
    bool used = false;
    std::array<rte_mbuf*, kMaxHeld> held{};
  };

  Place& place_of(const net::PacketBuf& packet, const net::PacketView& view);
  void clear(Place& place);
  bool is_old(const Place& place) const { return core_.now_ms - place.born_ms > kLifetimeMs; }

  Core& core_;
  std::vector<Place> places_;
  Place* releasing_ = nullptr;
  unsigned sweep_ = 0;
};

}  // namespace isthmus::dataplane
