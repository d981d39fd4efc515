// SPDX-License-Identifier: BSD-3-Clause
// hot path
// What happens to packets before any translator sees them: destinations that pass through
// untranslated, and sources that cannot be true.
//
// Theory of operation. Immutable; published with the forwarding state, so that a reload changes it
// for all workers between two bursts. Workers see none at all where nothing is configured.
// A destination that passes (RFC 8512 2.1, nat-pass-through) is forwarded as any router would. A
// prefix that lies inside a translation prefix, an explicit mapping, or a stateless instance's IPv4
// addresses, is an exception to it, and comes first. Any other comes last: ::/0 passes what nobody
// translates.
#pragma once

#include <memory>

#include "net/prefix_map.h"

namespace isthmus::conf {
struct Config;
}

namespace isthmus::dataplane {

struct Edge {
  /// Values of the maps.
  enum Pass : uint8_t { kNo = 0, kBeforeTranslators, kAfterTranslators };

  net::PrefixMap<net::Ip6Prefix> pass6;
  net::PrefixMap<net::Ip4Prefix> pass4;
  bool spoof_check = false;
  bool is_first = false;  ///< it may take packets from the translators

  uint8_t pass(const net::Ip6& destination) const { return pass6.find(destination); }
  uint8_t pass(net::Ip4 destination) const { return pass4.find(destination); }
};

/// nullptr if `config` asks for nothing of the kind.
std::shared_ptr<const Edge> make_edge(const conf::Config& config);

}  // namespace isthmus::dataplane
