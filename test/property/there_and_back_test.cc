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

TEST_CASE("every protocol there and back, with its bytes as they are") {
  const Seed seed;
  RandomPackets random(seed.value);
  for (unsigned protocol = 1; protocol < 255; ++protocol) {
    switch (protocol) {
      case 1:
      case 6:
      case 17:
      case 58: continue;  // have checksums of ours, and tests of theirs
      case 0:
      case 43:
      case 44:
      case 60:
        continue;  // are IPv6 extension headers
      // RFC 7915 5.1.1 and 4.1: single hop, or meant for this node; and what carries nothing.
      case 2:
      case 51:
      case 59:
      case 135:
      case 139:
      case 140: continue;
      default: break;
    }
    const auto bytes = random.random_bytes(1 + random.below(1000));
    INFO("protocol " << protocol);
    const Packet six =
        random.base(6, kClient6, kServer6).raw(static_cast<uint8_t>(protocol), bytes);
    REQUIRE(diff(six, translate(translate(six, 1), 1)) == "");
    Packet four =
        random.base(4, kServer4, kClient4).id(7).raw(static_cast<uint8_t>(protocol), bytes);
    four.df(four.bytes().size() > 1260);
    REQUIRE(diff(four, translate(translate(four, 7), 7)) == "");
  }
}

TEST_CASE("what is lost on the way and back: flow label, extension headers, options, DF") {
  const Seed seed;
  RandomPackets random(seed.value);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t again = seed.value + static_cast<uint64_t>(i);
    const uint8_t hops = static_cast<uint8_t>(2 + random.below(200));
    const auto six = [&](bool all) {
      RandomPackets same(again);
      Packet p = ip6(kClient6, kServer6).hop_limit(hops);
      if (all) p = same.with_extensions(p.flow_label(1 + random.below(0xfffff)));
      RandomPackets payload(again);
      return payload.with_transport(p, 1000);
    };
    INFO("packet " << i);
    REQUIRE(diff(six(false), translate(translate(six(true), 1), 1)) == "");
    const auto four = [&](bool all) {
      RandomPackets payload(again);
      Packet p = ip4(kServer4, kClient4).ttl(hops).id(all ? random.word() : uint16_t{5});
      // RFC 7915 4.1: options are ignored; of a source route only an expired one.
      if (all)
        p.options4(random.chance(50) ? hex("44 04 05 00") : hex("07 07 04 c0000201 00")).df();
      return payload.with_transport(p, 1000);
    };
    REQUIRE(diff(four(false), translate(translate(four(true), 5), 5)) == "");
  }
}

TEST_CASE("a UDP checksum of zero comes back as the true one") {
  const Seed seed;
  RandomPackets random(seed.value);
  for (int i = 0; i < 500; ++i) {
    Packet in = ip4(kServer4, kClient4).id(3).udp(random.word(), 53);
    in.payload(random.random_bytes(random.below(1000)));
    const Bytes whole = in;
    in.zero_checksum();
    INFO("packet " << i);
    REQUIRE(diff(whole, translate(translate(in, 3), 3)) == "");
  }
}

TEST_CASE("IPv4 fragments there and back keep offset, M and identification") {
  const Seed seed;
  RandomPackets random(seed.value);
  for (int i = 0; i < 1000; ++i) {
    const uint16_t id = random.word();
    const auto whole = random.base(4, kServer4, kClient4)
                           .udp(random.word(), 53)
                           .payload(random.random_bytes(3000));
    const Bytes in = whole.slice(8 * random.below(370), 8 + 8 * random.below(150), id);
    INFO("packet " << i << "\n" << dump(in));
    REQUIRE(diff(in, translate(translate(in, 1), 1)) == "");
  }
}

namespace {

struct Kind {
  int type, code;
};

// RFC 7915 4.2 and 5.2, one after the other; {-1, -1}: there is no way.
Kind back_to_four(Kind k) {
  switch (k.type) {
    case 3:
      switch (k.code) {
        case 0:
        case 1:
        case 5:
        case 6:
        case 7:
        case 8:
        case 11:
        case 12: return {3, 1};
        case 2:
        case 3:
        case 4: return k;
        case 9:
        case 10:
        case 13:
        case 15: return {3, 10};
        default: return {-1, -1};
      }
    case 11: return k.code <= 1 ? k : Kind{-1, -1};
    case 12: return k.code == 0 || k.code == 2 ? Kind{12, 0} : Kind{-1, -1};
    default: return {-1, -1};
  }
}
Kind back_to_six(Kind k) {
  switch (k.type) {
    case 1: return k.code > 4 ? Kind{-1, -1} : k.code == 2 || k.code == 3 ? Kind{1, 0} : k;
    case 2: return {2, 0};
    case 3: return k.code <= 1 ? k : Kind{-1, -1};
    case 4: return k.code <= 1 ? k : Kind{-1, -1};
    default: return {-1, -1};
  }
}

// The error after both ways, or nothing.
Bytes there_and_back(const Bytes& in) {
  Gateway first = wide();
  const auto answer = first(in);
  if (answer.action != xlat::Action::kForward) return {};
  Gateway second = wide();
  second.ids.next = 3;
  const auto back = second(answer.packet);
  return back.action == xlat::Action::kForward ? back.packet : Bytes{};
}

}  // namespace

TEST_CASE("every ICMPv4 error there and back comes to what RFC 7915 4.2 and 5.2 make of it") {
  const Packet inner = ip4(kClient4, kServer4).udp(5000, 53).payload(40);
  for (int type = 0; type < 256; ++type) {
    if (type == 0 || type == 8) continue;
    for (int code = 0; code < 20; ++code) {
      // A pointer at the TTL, an MTU of 1300.
      const uint32_t rest = type == 12 ? 8u << 24 : type == 3 && code == 4 ? 1300 : 0;
      const auto error = [&](Kind k, uint32_t word) {
        return ip4(kServer4, kClient4)
            .id(3)
            .icmp4(static_cast<uint8_t>(k.type), static_cast<uint8_t>(k.code), word)
            .quote(inner);
      };
      const Kind expected = back_to_four({type, code});
      const auto got = there_and_back(error({type, code}, rest));
      INFO("type " << type << ", code " << code << "\n" << dump(got));
      REQUIRE(got.empty() == (expected.type == -1));
      if (!got.empty()) REQUIRE(diff(error(expected, rest).bytes(), got) == "");
    }
  }
}

TEST_CASE("every ICMPv6 error there and back comes to what RFC 7915 5.2 and 4.2 make of it") {
  const Packet inner = ip6(kServer6, kClient6).udp(53, 5000).payload(40);
  for (int type = 0; type < 128; ++type) {
    for (int code = 0; code < 10; ++code) {
      const uint32_t rest = type == 2 ? 1400 : type == 4 ? (code == 1 ? 6 : 7) : 0;
      const auto error = [&](Kind k) {
        return ip6(kClient6, kServer6)
            .icmp6(static_cast<uint8_t>(k.type), static_cast<uint8_t>(k.code), rest)
            .quote(inner);
      };
      const Kind expected = back_to_six({type, code});
      const auto got = there_and_back(error({type, code}));
      INFO("type " << type << ", code " << code << "\n" << dump(got));
      REQUIRE(got.empty() == (expected.type == -1));
      if (!got.empty()) REQUIRE(diff(error(expected).bytes(), got) == "");
    }
  }
}

TEST_CASE("ICMPv4 errors there and back, with any quoted packet") {
  const Seed seed;
  RandomPackets random(seed.value);
  for (int i = 0; i < 2500; ++i) {
    // All of the quote comes back as it was, but for its identification.
    Packet inner = random.with_transport(random.base(4, kClient4, kServer4), 500);
    Packet outer =
        random.base(4, kServer4, kClient4).id(3).icmp4(11, static_cast<uint8_t>(random.below(2)));
    outer.quote(inner, 28 + random.below(500));
    INFO("packet " << i << "\n" << dump(outer));
    REQUIRE(diff(outer, there_and_back(outer)) == "");
  }
}
