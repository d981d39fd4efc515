// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The destinations to which most packets of a burst go, and that all have one next hop.
//
// Theory of operation. Belongs to a Work, and so to one worker and family. What no route tells from
// an address that packets have gone to (Fib::stretch4(), stretch6()) has the next hop that this
// address has; inside hosts, or servers, are nearly all within one such stretch. The batch gets it
// as nat::Batch::usual4 or usual6: packets to it go way 0, which is looked up once for the burst
// (look_up() of RouteStage does not know). Others, here called strays, have ways of their own; when
// many have gone by, the stretch around the latest becomes the usual one. It is forgotten when the
// routes change, or whose packets are: a destination that is the translator's own turns around.
#pragma once

#include <cstdint>

#include "dataplane/core.h"
#include "nat/translator.h"

namespace isthmus::dataplane {

class UsualWay {
 public:
  /// So many strays are worth a walk through a tree of all routes.
  static constexpr uint32_t kMany = 1024;

  /// Before the batch is decided about. kFamily: of the packets received.
  template <int kFamily>
  void begin(const Core& core, const nat::Translator& translator, nat::Batch& batch) {
    const bool current =
        core.forwarding->version == forwarding_ && translator.rules() == rules_ && strays_ < kMany;
    if (!current) [[unlikely]]
      renew<kFamily>(core, translator, batch);
  }
  /// When it has been.
  template <int kFamily>
  void end(const nat::Batch& batch) {
    const unsigned usual = has_usual<kFamily>(batch) ? 1 : 0;
    strays_ += batch.ways - usual;
    if (batch.ways > usual) latest_ = word_of<kFamily>(batch, batch.ways - 1);
  }

 private:
  template <int kFamily>
  static bool has_usual(const nat::Batch& batch) {
    return kFamily == 6 ? !batch.usual4.empty() : !batch.usual6.empty();
  }
  template <int kFamily>
  static uint64_t word_of(const nat::Batch& batch, unsigned way) {
    return kFamily == 6 ? batch.next4[way] : net::byte_swap(batch.next6[way].raw_high());
  }
  template <int kFamily>
  void renew(const Core& core, const nat::Translator& translator, nat::Batch& batch);

  uint64_t forwarding_ = ~uint64_t{0}, rules_ = ~uint64_t{0};  ///< of which it is made
  uint64_t latest_ = 0;                                        ///< stray
  uint32_t strays_ = 0;
};

}  // namespace isthmus::dataplane
