// SPDX-License-Identifier: BSD-3-Clause
// Random but well-formed packets of both families, reproducible from a seed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>

#include "packets/builder.h"

namespace isthmus::test {

class RandomPackets {
 public:
  explicit RandomPackets(uint64_t seed) : random_(seed) {}

  uint32_t below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }
  bool chance(uint32_t percent) { return below(100) < percent; }
  uint16_t word() { return static_cast<uint16_t>(below(65536)); }

  /// `from` and `to` may be any addresses of the family.
  Packet base(int family, const std::string& from, const std::string& to) {
    Packet p(family, from, to);
    p.hop_limit(static_cast<uint8_t>(2 + below(254))).tos(static_cast<uint8_t>(below(256)));
    return p;
  }

  /// TCP, UDP or echo with a random payload of at most `max_payload` bytes.
  Packet with_transport(Packet p, uint32_t max_payload) {
    switch (below(3)) {
      case 0:
        p.tcp(word(), word()).seq(below(~0u)).ack(below(~0u)).window(word());
        p.flags(chance(30) ? "S" : "PA");
        if (chance(30)) p.tcp_options(random_bytes(4 * below(11)));
        break;
      case 1: p.udp(word(), word()); break;
      default: chance(50) ? p.icmp_echo(word(), word()) : p.icmp_echo_reply(word(), word());
    }
    return p.payload(random_bytes(below(max_payload + 1)));
  }

  /// Extension headers of a harmless kind.
  Packet with_extensions(Packet p) {
    if (chance(30)) p.hop_by_hop(8 + 8 * below(3));
    if (chance(30)) p.dest_opts(8 + 8 * below(3));
    if (chance(30)) p.routing(0, static_cast<uint8_t>(1 + below(2)));
    return p;
  }

  Bytes random_bytes(uint32_t size) {
    Bytes out(size);
    // Runs of equal bytes make sums of 0 and ffff likelier than noise does.
    const auto fill = static_cast<uint8_t>(chance(10) ? 0xff : 0);
    const bool noise = chance(80);
    for (std::size_t at = 0; at < size; at += sizeof(uint64_t)) {
      const uint64_t bits = noise ? random_() : fill * uint64_t{0x0101010101010101};
      std::memcpy(out.data() + at, &bits, std::min(sizeof bits, size - at));
    }
    return out;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace isthmus::test
