// SPDX-License-Identifier: BSD-3-Clause
// Every packet cut at every byte is dropped, with a reason, and nothing outside it is read: the
// buffer ends where the packet does, under AddressSanitizer.
#include <utility>

#include "unit/xlat/fixture.h"

using namespace isthmus;
using namespace isthmus::test;

namespace {

std::vector<std::pair<const char*, Bytes>> specimens() {
  const Bytes sent = ip4(kClient4, kServer4).ttl(1).tcp(5000, 80).payload(60);
  const Bytes came = ip6(kServer6, kClient6).hop_limit(1).tcp(80, 5000).payload(60);
  return {
      {"udp4", ip4(kServer4, kClient4).udp(53, 5000).payload(33)},
      {"tcp4", ip4(kServer4, kClient4).tcp(80, 5000).tcp_options(pattern(12)).payload(9)},
      {"echo4", ip4(kServer4, kClient4).icmp_echo(1, 2).payload(9)},
      {"options4", ip4(kServer4, kClient4).options4(pattern(40, 1)).udp(1, 2)},
      {"fragment4", ip4(kServer4, kClient4).udp(1, 2).payload(99).slice(0, 64, 1)},
      {"other4", ip4(kServer4, kClient4).raw(132, pattern(20))},
      {"udp6", ip6(kClient6, kServer6).udp(5000, 53).payload(33)},
      {"tcp6", ip6(kClient6, kServer6).tcp(5000, 80).payload(9)},
      {"echo6", ip6(kClient6, kServer6).icmp_echo(1, 2).payload(9)},
      {"chain6", ip6(kClient6, kServer6).hop_by_hop().routing(0, 2).dest_opts(32).udp(1, 2)},
      {"routing6", ip6(kClient6, kServer6).routing(2, 2).udp(1, 2)},
      {"fragment6", ip6(kClient6, kServer6).udp(1, 2).payload(99).slice(64, 64, 1)},
      {"error4", ip4(kRouter4, kClient4).icmp4(11, 0).quote(sent)},
      {"needed4", ip4(kRouter4, kClient4).icmp4(3, 4, 0).quote(sent)},
      {"extended4", ip4(kRouter4, kClient4).icmp4(3, 1).quote(sent).extension(mpls_extension())},
      {"error6", ip6(kClient6, kServer6).icmp6(1, 4).quote(came)},
      {"too big6", ip6(kClient6, kServer6).icmp6(2, 0, 1400).quote(came)},
      {"extended6", ip6(kClient6, kServer6).icmp6(3, 0).quote(came).extension(mpls_extension())},
  };
}

xlat::Outcome translate_exactly(const Bytes& packet) {
  Buffer buffer(packet, net::kMinHeadroom, 0);
  return Gateway{}.translate(buffer);
}

}  // namespace

TEST_CASE("a packet cut short is dropped at every byte") {
  for (const auto& [name, packet] : specimens()) {
    for (std::size_t n = 0; n < packet.size(); ++n) {
      INFO(name << " cut to " << n);
      const Bytes cut(packet.begin(), packet.begin() + static_cast<long>(n));
      const auto outcome = translate_exactly(cut);
      REQUIRE(outcome.action == xlat::Action::kDrop);
      REQUIRE(outcome.reason != net::DropReason::kNone);
    }
  }
}

TEST_CASE("a packet cut short by its own length field is translated or dropped in bounds") {
  for (const auto& [name, packet] : specimens()) {
    const std::size_t header = packet[0] >> 4 == 4 ? 20 : 40;
    for (std::size_t n = header; n < packet.size(); ++n) {
      INFO(name << " of length " << n);
      Bytes cut(packet.begin(), packet.begin() + static_cast<long>(n));
      if (header == 20) {
        cut[2] = static_cast<uint8_t>(n >> 8);
        cut[3] = static_cast<uint8_t>(n);
        cut[10] = cut[11] = 0;
        const std::size_t ihl = std::min<std::size_t>((cut[0] & 15u) * 4, n);
        const uint16_t sum = plain_checksum({cut.begin(), cut.begin() + static_cast<long>(ihl)});
        cut[10] = static_cast<uint8_t>(sum >> 8);
        cut[11] = static_cast<uint8_t>(sum);
      } else {
        cut[4] = static_cast<uint8_t>((n - 40) >> 8);
        cut[5] = static_cast<uint8_t>(n - 40);
      }
      const auto outcome = translate_exactly(cut);
      if (outcome.action == xlat::Action::kDrop) {
        REQUIRE(outcome.reason != net::DropReason::kNone);
      }
    }
  }
}

TEST_CASE("any byte of a packet may be anything") {
  for (const auto& [name, packet] : specimens()) {
    for (std::size_t at = 0; at < packet.size(); ++at) {
      for (const uint8_t value : {0x00, 0x01, 0x7f, 0x80, 0xff, 0x2c, 0x3c, 0x45, 0x60}) {
        Bytes changed = packet;
        changed[at] = value;
        (void)translate_exactly(changed);
      }
    }
  }
  SUCCEED("nothing was read or written out of bounds");
}
