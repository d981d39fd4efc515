// SPDX-License-Identifier: BSD-3-Clause
#include "control/neighbor_answers.h"

#include "catch.h"
#include "packets/builder.h"

namespace isthmus::control::neighbor_answers_test {
namespace {

using test::Bytes;
using test::hex;
using test::ip6;
using test::operator+;

const Bytes kOwnMac = hex("02000000000a");
const Bytes kHostMac = hex("02000000000c");
const net::Mac kOwn = *net::parse_mac("02:00:00:00:00:0a");

TwinPlan twin() {
  TwinPlan plan;
  plan.name = "port";
  plan.addresses = {{*net::parse_ip4("192.0.2.1"), 24},
                    {*net::parse_ip6("2001:db8:9::1"), 64},
                    {*net::parse_ip6("2001:db8:1::1"), 64}};
  plan.answered_for = {*net::parse_ip4_prefix("192.0.2.0/28")};
  plan.gateways = {*net::parse_ip4("192.0.2.14")};
  plan.answered_for6 = {*net::parse_ip6_prefix("2001:db8:1:0:0:64::/96")};
  return plan;
}

Bytes arp(uint8_t operation, const char* sender, const char* target) {
  return hex("ffffffffffff") + kHostMac + hex("0806 0001 0800 06 04 00") + Bytes{operation} +
         kHostMac + hex(sender) + hex("000000000000") + hex(target);
}

// To the target's solicited-node group, with the asker's link address as option.
test::Packet solicitation(const char* asker) {
  auto packet = ip6(asker, "ff02::1:ff00:201");
  packet.hop_limit(255).icmp6(135, 0).payload(hex("20010db8000100000000 0064 c0000201") +
                                              hex("0101 02000000000c"));
  return packet;
}
Bytes frame(const Bytes& packet) {
  return hex("3333ff000201") + kHostMac + hex("86dd") + packet;
}
test::Packet advertisement(const char* to, uint32_t flags) {
  auto packet = ip6("2001:db8:1::1", to);
  packet.hop_limit(255)
      .icmp6(136, 0, flags)
      .payload(hex("20010db8000100000000 0064 c0000201") + hex("0201 02000000000a"));
  return packet;
}

Bytes answer(const Bytes& asked) {
  return answer_for_neighbor(twin(), kOwn, asked).value_or(Bytes{});
}

}  // namespace

TEST_CASE("RFC 826: who asks for an address of the translator gets our link address", "[twin]") {
  CHECK(answer(arp(1, "c0000263", "c0000204")) == kHostMac + kOwnMac +
                                                      hex("0806 0001 0800 06 04 0002") + kOwnMac +
                                                      hex("c0000204") + kHostMac + hex("c0000263"));
}

TEST_CASE("RFC 5227 2.1.1: who probes an address of the translator finds it taken", "[twin]") {
  CHECK(answer(arp(1, "00000000", "c0000204")) == kHostMac + kOwnMac +
                                                      hex("0806 0001 0800 06 04 0002") + kOwnMac +
                                                      hex("c0000204") + kHostMac + hex("00000000"));
}

TEST_CASE("ARP that is not ours to answer is the kernel's", "[twin]") {
  CHECK(answer(arp(1, "c0000263", "c0000210")).empty());  // nobody's
  CHECK(answer(arp(1, "c0000263", "c0000201")).empty());  // the twin's own, inside the range
  CHECK(answer(arp(1, "c0000263", "c000020e")).empty());  // a router inside the range
  CHECK(answer(arp(1, "c0000204", "c0000204")).empty());  // an announcement
  CHECK(answer(arp(2, "c0000263", "c0000204")).empty());  // an answer
}

TEST_CASE("RFC 4861 7.2.4: a solicitation for an on-link translation prefix is answered",
          "[twin]") {
  CHECK(answer(frame(solicitation("2001:db8:1::c"))) ==
        kHostMac + kOwnMac + hex("86dd") + advertisement("2001:db8:1::c", 0xc0000000));
}

TEST_CASE("RFC 4861 7.2.4: a solicitation without source is answered to all nodes", "[twin]") {
  auto packet = ip6("::", "ff02::1:ff00:201");
  packet.hop_limit(255).icmp6(135, 0).payload(hex("20010db8000100000000 0064 c0000201"));
  CHECK(answer(frame(packet)) ==
        hex("333300000001") + kOwnMac + hex("86dd") + advertisement("ff02::1", 0x80000000));
}

TEST_CASE("RFC 4861 7.1.1: an invalid solicitation is not answered", "[twin]") {
  CHECK(answer(frame(solicitation("2001:db8:1::c").hop_limit(254))).empty());
  CHECK(answer(frame(solicitation("2001:db8:1::c").bad_checksum(1))).empty());
  const Bytes whole = frame(solicitation("2001:db8:1::c"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(answer(cut).empty());
  }
  Bytes code = solicitation("2001:db8:1::c").icmp6(135, 1);
  CHECK(answer(frame(code)).empty());
}

TEST_CASE("a solicitation for another address is the kernel's", "[twin]") {
  auto packet = ip6("2001:db8:1::c", "ff02::1:ff00:1");
  packet.hop_limit(255).icmp6(135, 0).payload(hex("20010db80001000000000000 00000001"));
  CHECK(answer(frame(packet)).empty());
}

TEST_CASE("ARP cut short is not answered", "[twin]") {
  const Bytes whole = arp(1, "c0000263", "c0000204");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(answer(cut).empty());
  }
}

}  // namespace isthmus::control::neighbor_answers_test
