// SPDX-License-Identifier: BSD-3-Clause
// hot path
// What of plain packets (net/plain.h) that come in on a port is the same for all of them.
//
// Theory of operation. Each worker keeps one per port, and makes it anew when the forwarding state
// or the translator's rules are no longer those of which it was made. A loop over a burst works on
// a copy of its own: what is written meanwhile then does not make the compiler read it again.
#pragma once

#include <cstring>

#include "dataplane/classify.h"
#include "nat/plain_path.h"
#include "net/pattern.h"
#include "net/plain.h"

namespace isthmus::dataplane {

struct PlainBurst {
  net::Pattern six, four;  ///< how such frames begin; of none if no frame is plain
  InterfaceId interface;
  Classifier::Gate gate;
  nat::PlainSearch search;

  PlainBurst(const PortTable& port, const Classifier& classifier, const nat::Tables& tables)
      : interface(port.by_vlan[0]), gate(classifier.gate()), search(tables) {
    if (!gate.open || interface == kNoInterface) return;
    six = start_of<6>(port.mac);
    four = start_of<4>(port.mac);
  }
  /// Member by member, so that it is a few moves: all at once g++ 12 copies it by `rep movs`.
  PlainBurst(const PlainBurst& from)
      : six(from.six),
        four(from.four),
        interface(from.interface),
        gate(from.gate),
        search(from.search) {}
  PlainBurst& operator=(const PlainBurst&) = default;

 private:
  /// Frames to our own link address, with a plain packet of the family behind the header.
  template <int kFamily>
  static net::Pattern start_of(const net::Mac& own) {
    constexpr unsigned kEth = sizeof(net::EthHeader);
    const net::EthHeader header{own, {}, net::Be16(kFamily == 6 ? net::kEtherIp6 : net::kEtherIp4)};
    net::Pattern::Octets octets{}, mask{};
    std::memcpy(octets.data(), &header, kEth);
    octets[kEth] = net::PlainStart<kFamily>::kOctet;
    std::memset(mask.data(), 0xff, kEth);
    std::memset(mask.data() + offsetof(net::EthHeader, source), 0, sizeof(net::Mac));
    mask[kEth] = net::PlainStart<kFamily>::kMask;
    return {octets, mask};
  }
};

/// A worker's, by port.
class PlainBursts {
 public:
  PlainBursts(const Core& core, nat::Translator& translator, const Classifier& classifier)
      : core_(core), translator_(translator), classifier_(classifier) {}

  const PlainBurst& of(uint16_t port) {
    if (core_.forwarding->version != forwarding_ || translator_.rules() != rules_) [[unlikely]]
      renew();
    return bursts_[port];
  }

 private:
  void renew();

  const Core& core_;
  nat::Translator& translator_;
  const Classifier& classifier_;
  std::vector<PlainBurst> bursts_;
  uint64_t forwarding_ = ~uint64_t{0}, rules_ = ~uint64_t{0};  ///< of which they are made
};

}  // namespace isthmus::dataplane
