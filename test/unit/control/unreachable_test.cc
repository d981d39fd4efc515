// SPDX-License-Identifier: BSD-3-Clause
#include "control/unreachable.h"

#include "catch.h"
#include "packets/builder.h"
#include "packets/diff.h"

namespace isthmus::control::unreachable_test {
namespace {

using test::Bytes;
using test::diff;
using test::ip4;
using test::ip6;

KernelPlan plan() {
  KernelPlan plan;
  plan.twins.resize(3);
  plan.twins[0].addresses = {{*net::parse_ip6("2001:db8:1::1"), 64}};
  plan.twins[1].addresses = {{*net::parse_ip4("192.0.2.1"), 24}};
  plan.twins[2].addresses = {{*net::parse_ip4("198.51.100.1"), 24}};
  return plan;
}

Bytes about(const Bytes& packet, dataplane::InterfaceId interface) {
  return make_unreachable(plan(), interface, packet).value_or(Bytes{});
}

}  // namespace

TEST_CASE("RFC 1812 5.2.7.1: a host that does not answer ARP is unreachable, code 1", "[twin]") {
  auto packet = ip4("203.0.113.7", "198.51.100.9");
  packet.ttl(63).udp(5000, 53).payload("lost");
  CHECK(
      diff(
          ip4("198.51.100.1", "203.0.113.7").tos(0xc0).ttl(64).id(0).df().icmp4(3, 1).quote(packet),
          about(packet, 2)) == "");
  // Without an IPv4 address there, another of the box's.
  CHECK(diff(ip4("192.0.2.1", "203.0.113.7").tos(0xc0).ttl(64).id(0).df().icmp4(3, 1).quote(packet),
             about(packet, 0)) == "");
}

TEST_CASE("RFC 4443 3.1: a link address that cannot be resolved is code 3", "[twin]") {
  auto packet = ip6("64:ff9b:1:fffe::c000:201", "2001:db8:1::c");
  packet.hop_limit(63).tcp(80, 5000).payload(2000);
  const Bytes error = about(packet, 0);
  CHECK(error.size() == 1280);
  CHECK(diff(ip6("2001:db8:1::1", "64:ff9b:1:fffe::c000:201")
                 .hop_limit(64)
                 .icmp6(1, 3)
                 .quote(packet, 1280 - 48),
             error) == "");
}

TEST_CASE("RFC 4443 2.4 e: nobody is told about an error that was lost", "[twin]") {
  const Bytes inner = ip4("203.0.113.7", "198.51.100.9").udp(5000, 53);
  CHECK(about(ip4("198.51.100.9", "203.0.113.7").icmp4(3, 3).quote(inner), 1).empty());
  CHECK(about(test::hex("45"), 1).empty());
}

}  // namespace isthmus::control::unreachable_test
