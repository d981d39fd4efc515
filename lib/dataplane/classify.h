// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Whose a parsed packet is: the box's own, the translator's, or nobody's here.
#pragma once

#include "dataplane/core.h"
#include "dataplane/link.h"
#include "nat/translator.h"

namespace isthmus::dataplane {

struct Fate {
  enum Kind : uint8_t { kTranslate, kPunt, kPuntDns, kIgnore } kind = kIgnore;
  nat::Class cls;
};

class Classifier {
 public:
  Classifier(const Core& core, const nat::Translator& translator)
      : core_(core), translator_(translator) {}

  /// `group`: the frame was sent to a link-layer group address.
  Fate classify(const net::PacketBuf& packet, const net::PacketView& view, bool group) const {
    return view.family == 6 ? classify6(packet, view, group) : classify4(packet, view, group);
  }

 private:
  Fate classify4(const net::PacketBuf& packet, const net::PacketView& view, bool group) const;
  Fate classify6(const net::PacketBuf& packet, const net::PacketView& view, bool group) const;
  bool pool_takes(const net::PacketBuf& packet, const net::PacketView& view,
                  net::Ip4 destination) const;

  const Core& core_;
  const nat::Translator& translator_;
};

}  // namespace isthmus::dataplane
