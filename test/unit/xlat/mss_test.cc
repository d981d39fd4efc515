// SPDX-License-Identifier: BSD-3-Clause
// TCP MSS clamping, through the translator.
#include "xlat/mss.h"
#include "unit/xlat/fixture.h"

namespace isthmus::mss_test {
using namespace test;

namespace {

Packet up(const Bytes& options, const char* flags = "S") {
  return ip6(kClient6, kServer6).tcp(5000, 80).flags(flags).tcp_options(options);
}
Packet up4(const Bytes& options, const char* flags = "S") {
  return ip4(kClient4, kServer4).ttl(63).tcp(5000, 80).flags(flags).tcp_options(options);
}
Packet down(const Bytes& options, const char* flags = "SA") {
  return ip4(kServer4, kClient4).tcp(80, 5000).flags(flags).tcp_options(options);
}
Packet down6(const Bytes& options, const char* flags = "SA") {
  return ip6(kServer6, kClient6).hop_limit(63).tcp(80, 5000).flags(flags).tcp_options(options);
}

Gateway clamping(uint16_t to) {
  Gateway gateway;
  gateway.ids.next = 0;
  gateway.policy.mss_clamp = to;
  return gateway;
}

// Adds `error` to the TCP checksum, in one's complement arithmetic: a wrong checksum that survives.
Bytes spoiled(Bytes packet, uint32_t error) {
  const std::size_t at = (packet[0] >> 4 == 6 ? 40u : 20u) + 16;
  const uint32_t sum = packet[at] * 256u + packet[at + 1] + error;
  const uint32_t folded = (sum & 0xffff) + (sum >> 16);
  packet[at] = static_cast<uint8_t>(folded >> 8);
  packet[at + 1] = static_cast<uint8_t>(folded);
  return packet;
}

// `before` becomes `after` both ways, with and without a delta at hand, right and wrong checksums.
void both_ways(Gateway gateway, const Bytes& before, const Bytes& after) {
  for (const bool with_delta : {false, true}) {
    for (const uint32_t wrong : {0u, 0x1234u}) {
      INFO("delta " << with_delta << ", checksum wrong by " << wrong);
      gateway.with_delta = with_delta;
      CHECK(forwards(gateway, spoiled(up(before), wrong), spoiled(up4(after), wrong)) == "");
      CHECK(forwards(gateway, spoiled(down(before), wrong), spoiled(down6(after), wrong)) == "");
    }
  }
}

}  // namespace

TEST_CASE("MSS clamping: off, nothing changes") {
  both_ways(clamping(xlat::kMssOff), hex("0204 ffff"), hex("0204 ffff"));
}

TEST_CASE("MSS clamping: lowered, never raised") {
  both_ways(clamping(1200), hex("0204 05b4"), hex("0204 04b0"));
  both_ways(clamping(1200), hex("0204 04b0"), hex("0204 04b0"));
  both_ways(clamping(1200), hex("0204 04af"), hex("0204 04af"));
  both_ways(clamping(1200), hex("0204 0000"), hex("0204 0000"));
}

TEST_CASE("MSS clamping: auto is what both sides carry whole") {
  auto gateway = clamping(xlat::kMssAuto);
  both_ways(gateway, hex("0204 05b4"), hex("0204 05a0"));  // 1500 - 60
  gateway.path.mtu4 = 1400;
  both_ways(gateway, hex("0204 05b4"), hex("0204 0550"));  // 1400 - 40
  gateway.path.mtu6 = 1280;
  both_ways(gateway, hex("0204 05b4"), hex("0204 04c4"));  // 1280 - 60
  gateway.path.mtu4 = 68;
  both_ways(gateway, hex("0204 05b4"), hex("0204 0218"));  // 536, what every host accepts
}

TEST_CASE("MSS clamping: among other options, at every offset") {
  const auto gateway = clamping(1200);
  both_ways(gateway, hex("0101 0204 05b4 0101"), hex("0101 0204 04b0 0101"));
  both_ways(gateway, hex("01 0204 05b4 010100"), hex("01 0204 04b0 010100"));
  both_ways(gateway, hex("0402 080a 00000001 00000002 0204 05b4"),
            hex("0402 080a 00000001 00000002 0204 04b0"));
  both_ways(gateway, hex("030307 0204 05b4 00"), hex("030307 0204 04b0 00"));
  // A value that looks like the option inside another.
  both_ways(gateway, hex("fe06 0204 05b4 0101"), hex("fe06 0204 05b4 0101"));
}

TEST_CASE("MSS clamping: malformed options pass untouched") {
  for (const char* options : {"0203 05b4", "0205 05b4 00010101", "02ff 05b4", "0200 05b4",
                              "01010102", "0100 0204 05b4 0101", "03ff 0204 05b4 0101",
                              "0300 0204 05b4 0101", "0301 0204 05b4 0101", "010101fe"}) {
    INFO(options);
    both_ways(clamping(1200), hex(options), hex(options));
  }
}

TEST_CASE("MSS clamping: without the option nothing is inserted") {
  both_ways(clamping(1200), {}, {});
  both_ways(clamping(1200), hex("01010101"), hex("01010101"));
}

TEST_CASE("MSS clamping: only segments with SYN") {
  auto gateway = clamping(1200);
  for (const bool with_delta : {false, true}) {
    gateway.with_delta = with_delta;
    for (const char* flags : {"A", "F", "R", "PA"}) {
      CHECK(forwards(gateway, up(hex("0204 05b4"), flags), up4(hex("0204 05b4"), flags)) == "");
      CHECK(forwards(gateway, down(hex("0204 05b4"), flags), down6(hex("0204 05b4"), flags)) == "");
    }
  }
}

TEST_CASE("MSS clamping: options that the first fragment does not hold") {
  auto gateway = clamping(1200);
  const Packet whole = up(hex("0204 05b4 01010101")).payload(40);
  const Bytes first = whole.slice(0, 24, 7);
  const auto answer = gateway(first);
  REQUIRE(answer.action == xlat::Action::kForward);
  CHECK(Bytes(answer.packet.end() - 4, answer.packet.end()) == hex("0204 05b4"));
}

}  // namespace isthmus::mss_test
