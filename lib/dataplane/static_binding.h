// SPDX-License-Identifier: BSD-3-Clause
// From a configured static binding to the one that translators are told of.
#pragma once

#include "conf/config.h"
#include "nat/info.h"

namespace isthmus::dataplane {

inline uint8_t protocol_of(conf::StaticProtocol protocol) {
  switch (protocol) {
    case conf::StaticProtocol::kAny: return 0;
    case conf::StaticProtocol::kTcp: return 6;
    case conf::StaticProtocol::kUdp: return 17;
    case conf::StaticProtocol::kIcmp: return 1;
  }
  return 0;
}

/// For the instance of this number.
inline nat::StaticBinding make_static(uint8_t instance, const conf::Static& from) {
  return {instance,     protocol_of(from.protocol),  from.inside, net::Be16(from.inside_port),
          from.outside, net::Be16(from.outside_port)};
}

}  // namespace isthmus::dataplane
