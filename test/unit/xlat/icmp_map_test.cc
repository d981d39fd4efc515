// SPDX-License-Identifier: BSD-3-Clause
// RFC 7915 4.2 and 5.2: all types, codes, pointers and MTUs, through the translator.
#include <map>

#include "unit/xlat/fixture.h"
#include "xlat/icmp_map.h"

namespace isthmus::icmp_map_test {
using namespace test;
using net::DropReason;

namespace {

using Key = std::pair<int, int>;  // type, code

struct Target {
  int type, code;
  uint32_t rest = 0;  ///< second word of the ICMP header
};

// RFC 7915 4.2, written out once more from the text.
const std::map<Key, Target> kErrors4to6 = {
    {{3, 0}, {1, 0}},       {{3, 1}, {1, 0}},     {{3, 2}, {4, 1, 6}},  {{3, 3}, {1, 4}},
    {{3, 4}, {2, 0, 1420}}, {{3, 5}, {1, 0}},     {{3, 6}, {1, 0}},     {{3, 7}, {1, 0}},
    {{3, 8}, {1, 0}},       {{3, 9}, {1, 1}},     {{3, 10}, {1, 1}},    {{3, 11}, {1, 0}},
    {{3, 12}, {1, 0}},      {{3, 13}, {1, 1}},    {{3, 15}, {1, 1}},    {{11, 0}, {3, 0}},
    {{11, 1}, {3, 1}},      {{12, 0}, {4, 0, 7}}, {{12, 2}, {4, 0, 7}},
};

// RFC 7915 5.2.
const std::map<Key, Target> kErrors6to4 = {
    {{1, 0}, {3, 1}}, {{1, 1}, {3, 10}}, {{1, 2}, {3, 1}},  {{1, 3}, {3, 1}},
    {{1, 4}, {3, 3}}, {{3, 0}, {11, 0}}, {{3, 1}, {11, 1}}, {{4, 0}, {12, 0, 8u << 24}},
    {{4, 1}, {3, 2}},
};

Packet quoted4() {
  return ip4(kClient4, kServer4).ttl(3).df().udp(5000, 53).payload(1372);
}
Packet quoted6() {
  return ip6(kClient6, kServer6).hop_limit(3).udp(5000, 53).payload(1372);
}
Packet back4() {
  return ip4(kServer4, kClient4).ttl(3).df().udp(53, 5000).payload(1372);
}
Packet back6() {
  return ip6(kServer6, kClient6).hop_limit(3).udp(53, 5000).payload(1372);
}

}  // namespace

TEST_CASE("RFC 7915 4.2: every ICMPv4 error type and code") {
  for (int type = 0; type < 256; ++type) {
    if (type == 0 || type == 8) continue;  // queries
    for (int code = 0; code < 256; ++code) {
      // TTL for the parameter problem, MTU for fragmentation needed.
      const uint32_t rest = type == 12 ? 8u << 24 : type == 3 && code == 4 ? 1400 : 0;
      const Bytes in = ip4(kRouter4, kClient4)
                           .icmp4(static_cast<uint8_t>(type), static_cast<uint8_t>(code), rest)
                           .quote(quoted4(), 40);
      const auto found = kErrors4to6.find({type, code});
      INFO(type << "/" << code);
      if (found == kErrors4to6.end()) {
        const auto answer = Gateway{}(in);
        REQUIRE(answer.action == xlat::Action::kDrop);
        REQUIRE(answer.reason == DropReason::kIcmpUntranslatable);
        continue;
      }
      const auto& to = found->second;
      REQUIRE(
          forwards({}, in,
                   ip6(kRouter6, kClient6)
                       .hop_limit(63)
                       .icmp6(static_cast<uint8_t>(to.type), static_cast<uint8_t>(to.code), to.rest)
                       .quote(quoted6(), 60)) == "");
    }
  }
}

TEST_CASE("RFC 7915 5.2: every ICMPv6 error type and code") {
  for (int type = 0; type < 128; ++type) {
    for (int code = 0; code < 256; ++code) {
      const uint32_t rest = type == 4 ? 7 : type == 2 ? 1400 : 0;
      const Bytes in = ip6(kClient6, kServer6)
                           .icmp6(static_cast<uint8_t>(type), static_cast<uint8_t>(code), rest)
                           .quote(back6(), 60);
      auto found = kErrors6to4.find({type, code});
      Target to{};
      INFO(type << "/" << code);
      if (type == 2) {
        to = {3, 4, 1380};
      } else if (found == kErrors6to4.end()) {
        const auto answer = Gateway{}(in);
        REQUIRE(answer.action == xlat::Action::kDrop);
        REQUIRE(answer.reason == DropReason::kIcmpUntranslatable);
        continue;
      } else {
        to = found->second;
      }
      REQUIRE(
          forwards({}, in,
                   ip4(kClient4, kServer4)
                       .ttl(63)
                       .id(0x1000)
                       .icmp4(static_cast<uint8_t>(to.type), static_cast<uint8_t>(to.code), to.rest)
                       .quote(back4(), 40)) == "");
    }
  }
}

TEST_CASE("RFC 7915 figure 3: IPv4 pointers") {
  const int expected[] = {0, 1, 4, 4, -1, -1, -1, -1, 7,  6,  -1, -1,
                          8, 8, 8, 8, 24, 24, 24, 24, -1, -1, -1};
  for (unsigned pointer = 0; pointer < 256; ++pointer) {
    const int to = pointer < std::size(expected) ? expected[pointer] : -1;
    for (const uint8_t code : {uint8_t{0}, uint8_t{2}}) {
      INFO(pointer);
      const Bytes in = ip4(kRouter4, kClient4).icmp4(12, code, pointer << 24).quote(quoted4(), 28);
      if (to < 0) {
        CHECK(dropped({}, in) == DropReason::kIcmpUntranslatable);
      } else {
        CHECK(forwards({}, in,
                       ip6(kRouter6, kClient6)
                           .hop_limit(63)
                           .icmp6(4, 0, static_cast<uint32_t>(to))
                           .quote(quoted6(), 48)) == "");
      }
    }
  }
}

TEST_CASE("RFC 7915 figure 6: IPv6 pointers, all 32 bits of them") {
  const auto expected = [](uint32_t pointer) -> int {
    if (pointer <= 1) return static_cast<int>(pointer);
    if (pointer <= 3) return -1;
    if (pointer <= 5) return 2;
    if (pointer == 6) return 9;
    if (pointer == 7) return 8;
    if (pointer <= 23) return 12;
    return pointer <= 39 ? 16 : -1;
  };
  std::vector<uint32_t> pointers{0x100, 0x10000, 0x1000000, 0x80000006, 0xffffffff};
  for (uint32_t pointer = 0; pointer < 64; ++pointer) pointers.push_back(pointer);
  for (const uint32_t pointer : pointers) {
    INFO(pointer);
    const Bytes in = ip6(kClient6, kServer6).icmp6(4, 0, pointer).quote(back6(), 48);
    const int to = expected(pointer);
    if (to < 0) {
      CHECK(dropped({}, in) == DropReason::kIcmpUntranslatable);
    } else {
      CHECK(forwards({}, in,
                     ip4(kClient4, kServer4)
                         .ttl(63)
                         .id(0x1000)
                         .icmp4(12, 0, static_cast<uint32_t>(to) << 24)
                         .quote(back4(), 28)) == "");
    }
  }
}

TEST_CASE("RFC 7915 4.2: Fragmentation Needed to Packet Too Big") {
  struct {
    uint32_t reported;
    int inner_length;
    uint16_t mtu6, mtu4;
    uint32_t ptb;
  } rows[] = {
      {1400, 1500, 1500, 1500, 1420},
      {1480, 1500, 1500, 1500, 1500},
      {576, 1500, 1500, 1500, 1280},
      {68, 1500, 1500, 1500, 1280},
      {1, 1500, 1500, 1500, 1280},
      {1500, 1520, 1500, 1500, 1500},
      {9000, 9000, 1500, 9000, 1500},
      {9000, 9000, 9000, 1500, 1520},
      {65535, 9000, 9000, 9000, 9000},
      // RFC 1191 7: MTU 0 is guessed from the plateaus.
      {0, 1480, 1500, 1500, 1280},
      {0, 1492, 1500, 1500, 1280},
      {0, 1500, 1500, 1500, 1500},
      {0, 1500, 9000, 9000, 1512},
      {0, 8980, 9000, 9000, 8186},
      {0, 2002, 9000, 9000, 1512},
      {0, 2003, 9000, 9000, 2022},
      {0, 100, 9000, 9000, 1280},
  };
  for (const auto& row : rows) {
    INFO(row.reported << " about " << row.inner_length);
    Gateway gateway;
    gateway.path.mtu4 = row.mtu4;
    gateway.path.mtu6 = row.mtu6;
    const Bytes in =
        ip4(kRouter4, kClient4)
            .icmp4(3, 4, row.reported)
            .quote(ip4(kClient4, kServer4).df().udp(1, 2).payload(row.inner_length - 28), 28);
    const auto out =
        ip6(kRouter6, kClient6)
            .hop_limit(63)
            .icmp6(2, 0, row.ptb)
            .quote(ip6(kClient6, kServer6).udp(1, 2).payload(row.inner_length - 28), 48);
    CHECK(forwards(gateway, in, out) == "");
  }
}

TEST_CASE("RFC 7915 5.2: Packet Too Big to Fragmentation Needed") {
  struct {
    uint32_t reported;
    bool fragment_header;
    uint16_t mtu4, mtu6;
    uint32_t fn;
  } rows[] = {
      {1500, false, 1500, 1500, 1480},
      {1400, false, 1500, 1500, 1380},
      {1280, false, 1500, 1500, 1260},
      {9000, false, 1500, 9000, 1500},
      {9000, false, 9000, 1500, 1480},
      {1500, false, 1400, 1500, 1400},
      {70000, false, 9000, 9000, 8980},
      // Below 1280 there is no IPv6: taken for 1280, and nothing underflows.
      {0, false, 1500, 1500, 1260},
      {5, false, 1500, 1500, 1260},
      {19, false, 1500, 1500, 1260},
      {1279, false, 1500, 1500, 1260},
      {0xffffffff, false, 1500, 1500, 1480},
      // Conflict C19: a fragment header in the packet in error counts.
      {1500, true, 1500, 1500, 1472},
      {1400, true, 1500, 1500, 1372},
      {0, true, 1500, 1500, 1252},
      {9000, true, 1500, 9000, 1500},
  };
  for (const auto& row : rows) {
    INFO(row.reported << (row.fragment_header ? " with fragment header" : ""));
    Gateway gateway;
    gateway.path.mtu4 = row.mtu4;
    gateway.path.mtu6 = row.mtu6;
    auto inner6 = ip6(kServer6, kClient6).udp(1, 2).payload(1400);
    auto inner4 = ip4(kServer4, kClient4).df().udp(1, 2).payload(1400);
    if (row.fragment_header) {
      inner6.fragment(0, true, 0xbeef);
      inner4.df(false).fragment(0, true, 0xbeef);
    }
    const Bytes in = ip6(kClient6, kServer6).icmp6(2, 0, row.reported).quote(inner6, 200);
    const Bytes out = ip4(kClient4, kServer4)
                          .ttl(63)
                          .id(0x1000)
                          .icmp4(3, 4, row.fn)
                          .quote(inner4, row.fragment_header ? 172 : 180);
    CHECK(forwards(gateway, in, out) == "");
  }
}

}  // namespace isthmus::icmp_map_test
