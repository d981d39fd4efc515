// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Translation of a burst: decide, look routes up, rewrite, pass on.
//
// Theory of operation. run() takes packets of one family. Most leave towards their next hop. Two
// kinds do not: the first half of a hairpin, and an ICMPv4 error that we owe an inside host for the
// second half of one. Both are IPv4 packets towards a pool address, and come back in as such: they
// wait in `turned_` until the caller moves them into a Work of their own (or to their owner).
#pragma once

#include <array>

#include "dataplane/core.h"
#include "dataplane/route_stage.h"
#include "dataplane/work.h"
#include "nat/translator.h"

namespace isthmus::dataplane {

class NatStage {
 public:
  struct Turned {
    rte_mbuf* mbuf;
    InterfaceId ingress;
    uint8_t hops;
  };

  NatStage(Core& core, nat::Translator& translator, RouteStage& route)
      : core_(core), translator_(translator), route_(route) {}

  /// What run() does first. The other family's Work may be run before this one.
  void look_ahead(Work& work) { translator_.look_ahead(work.nat); }
  /// Leaves `work`, at which look_ahead() has looked, empty.
  template <int kFamily>
  void run(Work& work);

  /// What run() would make of a packet alone, about which the translator has foreseen all but its
  /// way: looks that up, and rewrites the packet.
  template <int kFamily>
  xlat::Outcome foresee(Work& work);

  /// Takes one turned packet out; false if there is none.
  bool take_turned(Turned& out);
  bool has_turned() const { return turned_head_ != turned_tail_; }

  /// Sends what the translator itself owes somebody; at most `budget` packets.
  void originate(unsigned budget);

 private:
  template <int kFamily>
  xlat::Path path_of(const Work& work, unsigned i) const;
  template <int kFamily, class Ways, class Argument>
  void rewrite_all(Work& work, const Argument& argument);
  template <int kFamily>
  void finish(Work& work, unsigned i);
  void forward(Work& work, unsigned i);
  void split(Work& work, unsigned i, uint16_t mtu);
  void reply(Work& work, unsigned i);
  bool is_pools(net::Ip4 address) const;
  void turn_own(rte_mbuf* mbuf, InterfaceId ingress, uint8_t hops);
  void turn(rte_mbuf* mbuf, InterfaceId ingress, uint8_t hops);

  Core& core_;
  nat::Translator& translator_;
  RouteStage& route_;
  static constexpr unsigned kTurned = 2 * nat::kBatch;
  std::array<Turned, kTurned> turned_;  ///< a ring: in what order they came, they go on
  unsigned turned_head_ = 0;
  unsigned turned_tail_ = 0;
};

}  // namespace isthmus::dataplane
