// SPDX-License-Identifier: BSD-3-Clause
// Translating there and back gives the same packet, but for what RFC 7915 says is lost: flow label,
// IPv4 options, extension headers, DF and identification of unfragmented packets, two hops.
#include "property/random_packet.h"
#include "property/seed.h"
#include "unit/xlat/fixture.h"

using namespace isthmus;
using namespace isthmus::test;

namespace {

// The gateway maps the same way in both directions, so a packet translated there is still from the
// client; coming back it goes through the same map.
Gateway wide() {
  Gateway gateway;
  gateway.policy.lowest_ipv6_mtu = 9000;
  gateway.path.mtu4 = gateway.path.mtu6 = 9000;
  gateway.hints.keep_hop_limit = true;
  gateway.hints.icmp_length = 0;
  return gateway;
}

Bytes translate(const Bytes& in, uint16_t first_id) {
  Gateway gateway = wide();
  gateway.ids.next = first_id;
  const auto answer = gateway(in);
  REQUIRE(answer.action == xlat::Action::kForward);
  return answer.packet;
}

}  // namespace

TEST_CASE("IPv6 to IPv4 and back") {
  const Seed seed;
  RandomPackets random(seed.value);
  for (int i = 0; i < 2500; ++i) {
    const Packet in = random.with_transport(random.base(6, kClient6, kServer6), 1400);
    INFO("packet " << i << "\n" << dump(in));
    REQUIRE(diff(in, translate(translate(in, 1), 1)) == "");
  }
}

TEST_CASE("IPv4 to IPv6 and back") {
  const Seed seed;
  RandomPackets random(seed.value);
  for (int i = 0; i < 2500; ++i) {
    const uint16_t id = random.word();
    Packet in = random.with_transport(random.base(4, kServer4, kClient4).id(id), 1400);
    in.df(in.bytes().size() > 1260);  // as it comes back (RFC 7915 5.1)
    INFO("packet " << i << "\n" << dump(in));
    REQUIRE(diff(in, translate(translate(in, id), id)) == "");
  }
}

TEST_CASE("fragments there and back keep offset, M and the low half of their identification") {
  const Seed seed;
  RandomPackets random(seed.value);
  for (int i = 0; i < 2000; ++i) {
    const uint16_t id = random.word();
    const auto six =
        ip6(kClient6, kServer6).udp(random.word(), 53).payload(random.random_bytes(3000));
    const Bytes in = six.slice(8 * random.below(370), 8 + 8 * random.below(170), id);
    INFO("packet " << i << "\n" << dump(in));
    REQUIRE(diff(in, translate(translate(in, 1), 1)) == "");
  }
}

TEST_CASE("ICMP errors there and back") {
  const Seed seed;
  RandomPackets random(seed.value);
  for (int i = 0; i < 2500; ++i) {
    // The hop limit of the inner packet is kept as it is; so is all of the quote.
    const Packet inner = random.with_transport(random.base(6, kServer6, kClient6), 1000);
    Packet outer =
        random.base(6, kClient6, kServer6).icmp6(3, static_cast<uint8_t>(random.below(2)));
    outer.quote(inner, 68 + random.below(1000));
    INFO("packet " << i << "\n" << dump(outer));
    REQUIRE(diff(outer, translate(translate(outer, 1), 1)) == "");
  }
}
