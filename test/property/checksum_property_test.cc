// SPDX-License-Identifier: BSD-3-Clause
// Laws of incremental checksums: the delta equals a full recomputation, and an error in a checksum
// survives translation unchanged.
#include "property/random_packet.h"
#include "property/seed.h"
#include "unit/xlat/fixture.h"

using namespace isthmus;
using namespace isthmus::test;

namespace {

// One's complement difference of two checksum fields.
uint16_t minus(uint16_t a, uint16_t b) {
  const uint32_t sum = a + static_cast<uint16_t>(~b) + 0u;
  const auto folded = static_cast<uint16_t>((sum & 0xffff) + (sum >> 16));
  return folded == 0xffff ? uint16_t{0} : folded;
}

std::size_t checksum_at(const Bytes& packet) {
  net::PacketView view;
  Buffer buffer(packet);
  REQUIRE(net::parse_ip(*buffer, view) == net::DropReason::kNone);
  return view.l4_offset + (view.payload == net::Payload::kTcp   ? 16u
                           : view.payload == net::Payload::kUdp ? 6u
                                                                : 2u);
}

uint16_t word_at(const Bytes& packet, std::size_t at) {
  return static_cast<uint16_t>(packet[at] << 8 | packet[at + 1]);
}

Gateway random_gateway(RandomPackets& random) {
  Gateway gateway;
  gateway.policy.lowest_ipv6_mtu = 9000;
  gateway.path.mtu4 = gateway.path.mtu6 = 9000;
  gateway.map_ports = random.chance(50);
  gateway.with_delta = random.chance(50);
  static constexpr const char* kPrefixes[] = {
      "64:ff9b::/96",      "2001:db8:64::/96",      "2001:db8::/32",         "2001:db8:100::/40",
      "2001:db8:122::/48", "2001:db8:122:300::/56", "2001:db8:122:344::/64", "64:ff9b:1:fffe::/96"};
  gateway.prefix = *net::Prefix6052::make(*net::parse_ip6_prefix(kPrefixes[random.below(8)]));
  return gateway;
}

Packet random_query(RandomPackets& random, const Gateway& gateway) {
  const auto server = net::Ip4::from_host(0x01000000 + random.below(0x6e000000));
  if (random.chance(50)) {
    const auto server6 = net::to_string(gateway.prefix.embed(server));
    return random.with_transport(random.with_extensions(random.base(6, kClient6, server6)), 1400);
  }
  return random.with_transport(random.base(4, net::to_string(server), kClient4), 1400);
}

}  // namespace

TEST_CASE("translated checksums equal a full recomputation") {
  const Seed seed;
  RandomPackets random(seed.value);
  for (int i = 0; i < 4000; ++i) {
    Gateway gateway = random_gateway(random);
    const Bytes in = random_query(random, gateway);
    REQUIRE(faults(in) == "");
    const auto answer = gateway(in);
    INFO("packet " << i << "\n" << dump(in));
    REQUIRE(answer.action == xlat::Action::kForward);
    REQUIRE(faults(answer.packet) == "");
  }
}

TEST_CASE("wrong checksums stay wrong by the same amount") {
  const Seed seed;
  RandomPackets random(seed.value);
  for (int i = 0; i < 2000; ++i) {
    const Gateway gateway = random_gateway(random);
    const Bytes right = random_query(random, gateway);
    Bytes wrong = right;
    const std::size_t at = checksum_at(right);
    wrong[at] = static_cast<uint8_t>(random.below(256));
    wrong[at + 1] = static_cast<uint8_t>(random.below(256));
    if (word_at(wrong, at) == 0) continue;  // UDP: none
    Gateway first = gateway, second = gateway;
    const auto good = first(right), bad = second(wrong);
    INFO("packet " << i << "\n" << dump(wrong));
    REQUIRE(bad.action == xlat::Action::kForward);
    const std::size_t out = checksum_at(good.packet);
    REQUIRE(minus(word_at(wrong, at), word_at(right, at)) ==
            minus(word_at(bad.packet, out), word_at(good.packet, out)));
  }
}

TEST_CASE("translated ICMP errors have true checksums, quotes cut or extended as they may be") {
  const Seed seed;
  RandomPackets random(seed.value);
  for (int i = 0; i < 4000; ++i) {
    Gateway gateway = random_gateway(random);
    const auto server = net::Ip4::from_host(0x01000000 + random.below(0x6e000000));
    const auto server4 = net::to_string(server);
    const auto server6 = net::to_string(gateway.prefix.embed(server));
    const bool six = random.chance(50);
    Packet inner =
        six ? random.with_transport(random.with_extensions(random.base(6, server6, kClient6)), 1400)
            : random.with_transport(random.base(4, kClient4, server4), 1400);
    const std::size_t least = six ? 40 + 24 * 3 + 48 : 28;
    Packet outer = six ? random.base(6, kClient6, server6).icmp6(1, 4)
                       : random.base(4, server4, kClient4).icmp4(11, 0);
    outer.quote(inner, least + random.below(1300));
    if (random.chance(50)) {
      outer.extension(random.random_bytes(4 * (1 + random.below(100))),
                      random.chance(70) ? 128 : 8 * random.below(40));
    }
    const Bytes in = outer;
    INFO("packet " << i << "\n" << dump(in));
    const auto answer = gateway(in);
    REQUIRE(answer.action == xlat::Action::kForward);
    REQUIRE(faults(answer.packet) == "");
    REQUIRE(answer.packet.size() <= 1280);
  }
}
