// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The destinations that most packets go to, and that all have one next hop.
//
// Theory of operation. Belongs to a Work, and so to one worker. Most servers are reached by one
// route, and so are most inside hosts. Which addresses those are is found out once, and packets to
// them go way 0 of nat::Batch, whose next hop is known then, too; others, here called strays, have
// ways of their own. In IPv4 whole first octets are told apart: the usual next hop is that of
// most octets into which no longer route leads. In IPv6 it is a stretch that no route divides
// (Fib::stretch6()): that of the latest stray, when there have been many. All is found out anew
// when routes change, or whose packets are: what is the translator's own turns around.
#pragma once

#include <cstdint>

#include "dataplane/core.h"
#include "nat/translator.h"

namespace isthmus::dataplane {

class UsualWay {
 public:
  /// Strays that are worth a walk through a tree of all routes.
  static constexpr uint32_t kMany = 1024;

  /// Before the batch is decided about. kFamily: of the packets received. True: way 0 is to be
  /// looked up.
  template <int kFamily>
  bool begin(const Core& core, const nat::Translator& translator, nat::Batch& batch) {
    if (core.forwarding->version == forwarding_ && translator.rules() == rules_ && strays_ < kMany)
        [[likely]]
      return false;
    renew<kFamily>(core, translator, batch);
    return batch.has_usual;
  }
  /// When it has been.
  template <int kFamily>
  void end(const nat::Batch& batch) {
    if constexpr (kFamily == 4) {
      const unsigned strays = batch.ways - (batch.has_usual ? 1 : 0);
      strays_ += strays;
      if (strays != 0) latest_ = net::byte_swap(batch.next6[batch.ways - 1].raw_high());
    }
  }

 private:
  template <int kFamily>
  void renew(const Core& core, const nat::Translator& translator, nat::Batch& batch);

  uint64_t forwarding_ = ~uint64_t{0}, rules_ = ~uint64_t{0};  ///< of which it is made
  uint64_t latest_ = 0;                                        ///< stray, its upper half
  uint32_t strays_ = 0;
};

}  // namespace isthmus::dataplane
