// SPDX-License-Identifier: BSD-3-Clause
// Errors the gateway originates (RFC 1812 4.3.2, RFC 4443 2.4).
#include "xlat/icmp_error.h"
#include "unit/xlat/fixture.h"

namespace isthmus::icmp_error_test {
using namespace test;

namespace {

bool answerable(const Bytes& packet) {
  Buffer buffer(packet);
  net::PacketView view;
  REQUIRE(net::parse_ip(*buffer, view) == net::DropReason::kNone);
  return xlat::may_answer(*buffer, view);
}

Bytes made(const Bytes& packet, const xlat::ErrorSpec& spec, uint16_t headroom = net::kMinHeadroom,
           uint16_t tailroom = 0) {
  Buffer buffer(packet, headroom, tailroom);
  if (packet.at(0) >> 4 == 4) {
    xlat::make_error4(*buffer, spec, *net::parse_ip4(kOwn4));
  } else {
    xlat::make_error6(*buffer, spec, *net::parse_ip6(kOwn6));
  }
  return buffer.bytes();
}

}  // namespace

TEST_CASE("RFC 1812 4.3.2.7: when no ICMPv4 error may be sent") {
  CHECK(answerable(ip4(kServer4, kClient4).udp(1, 2)));
  CHECK(answerable(ip4(kServer4, kClient4).icmp_echo(1, 2)));
  CHECK(answerable(ip4(kServer4, kClient4).icmp4(13, 0).payload(12)));
  CHECK(answerable(ip4(kServer4, kClient4).udp(1, 2).payload(99).slice(0, 64, 1)));
  CHECK_FALSE(answerable(ip4(kServer4, kClient4).udp(1, 2).payload(99).slice(64, 64, 1)));
  for (const int type : {3, 4, 5, 11, 12}) {
    CHECK_FALSE(
        answerable(ip4(kServer4, kClient4).icmp4(static_cast<uint8_t>(type), 0).payload(28)));
  }
  for (const char* bad : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"}) {
    CHECK_FALSE(answerable(ip4(bad, kClient4).udp(1, 2)));
    CHECK_FALSE(answerable(ip4(kServer4, bad).udp(1, 2)));
  }
}

TEST_CASE("RFC 4443 2.4 e: when no ICMPv6 error may be sent") {
  CHECK(answerable(ip6(kClient6, kServer6).udp(1, 2)));
  CHECK(answerable(ip6(kClient6, kServer6).icmp_echo(1, 2)));
  CHECK(answerable(ip6(kClient6, kServer6).udp(1, 2).payload(99).slice(64, 64, 1)));
  for (const int type : {0, 1, 2, 3, 4, 100, 127, 137}) {
    CHECK_FALSE(
        answerable(ip6(kClient6, kServer6).icmp6(static_cast<uint8_t>(type), 0).payload(48)));
  }
  for (const char* bad : {"::", "::1", "ff0e::1"}) {
    CHECK_FALSE(answerable(ip6(bad, kServer6).udp(1, 2)));
    CHECK_FALSE(answerable(ip6(kClient6, bad).udp(1, 2)));
  }
}

TEST_CASE("RFC 1812 4.3.2.3: an ICMPv4 error quotes as much as fits 576 bytes") {
  for (const int payload : {0, 1, 519, 520, 521, 1400, 9000}) {
    const Bytes packet = ip4(kServer4, kClient4).udp(1, 2).payload(payload);
    const Bytes error = made(packet, {3, 1, 0});
    CHECK(diff(own_error4(kServer4, 3, 1, 0, packet), error) == "");
    CHECK(error.size() <= 576);
    CHECK(faults(error) == "");
  }
}

TEST_CASE("RFC 4443 2.4 c: an ICMPv6 error quotes as much as fits 1280 bytes") {
  for (const int payload : {0, 1, 1183, 1184, 1185, 9000}) {
    const Bytes packet = ip6(kClient6, kServer6).udp(1, 2).payload(payload);
    const Bytes error = made(packet, {1, 3, 0});
    CHECK(diff(own_error6(kClient6, 1, 3, 0, packet), error) == "");
    CHECK(error.size() <= 1280);
    CHECK(faults(error) == "");
  }
}

TEST_CASE("the value goes where the type has its place") {
  const Bytes four = ip4(kServer4, kClient4).options4(hex("01")).udp(1, 2);
  CHECK(diff(own_error4(kServer4, 3, 4, 1400, four), made(four, {3, 4, 1400})) == "");
  CHECK(diff(own_error4(kServer4, 3, 4, 65535, four), made(four, {3, 4, 70000})) == "");
  CHECK(diff(own_error4(kServer4, 12, 0, 20u << 24, four), made(four, {12, 0, 20})) == "");
  CHECK(diff(own_error4(kServer4, 3, 13, 0, four), made(four, {3, 13, 5})) == "");
  CHECK(diff(own_error4(kServer4, 11, 0, 0, four), made(four, {11, 0, 5})) == "");
  const Bytes six = ip6(kClient6, kServer6).hop_by_hop().udp(1, 2);
  CHECK(diff(own_error6(kClient6, 2, 0, 1420, six), made(six, {2, 0, 1420})) == "");
  CHECK(diff(own_error6(kClient6, 4, 0, 43, six), made(six, {4, 0, 43})) == "");
  CHECK(diff(own_error6(kClient6, 1, 1, 0, six), made(six, {1, 1, 9})) == "");
}

TEST_CASE("a buffer with too little headroom still makes an error, with less of a quote") {
  const Bytes packet = ip4(kServer4, kClient4).udp(1, 2).payload(100);
  for (const uint16_t headroom : {uint16_t{0}, uint16_t{7}, uint16_t{27}}) {
    for (const uint16_t tailroom : {uint16_t{0}, uint16_t{11}, uint16_t{64}}) {
      const std::size_t room = std::min<std::size_t>(headroom + 128u + tailroom - 28u, 128);
      const Bytes expected = ip4(kOwn4, kServer4).tos(0xc0).df().icmp4(11, 0).quote(packet, room);
      CHECK(diff(expected, made(packet, {11, 0, 0}, headroom, tailroom)) == "");
    }
  }
}

TEST_CASE("without an address of its own the gateway stays silent") {
  Gateway gateway;
  gateway.path.own4 = {};
  gateway.path.own6 = {};
  CHECK(dropped(gateway, ip4(kServer4, kClient4).ttl(1).udp(1, 2)) == net::DropReason::kHopLimit);
  CHECK(dropped(gateway, ip6(kClient6, kServer6).hop_limit(1).udp(1, 2)) ==
        net::DropReason::kHopLimit);
}

TEST_CASE("RFC 4443 2.4 f: originated errors are limited by a token bucket") {
  xlat::RateLimiter limiter(10, 3);
  uint32_t now = 0xfffffff0;  // the clock wraps underway
  CHECK(limiter.allow(now));
  CHECK(limiter.allow(now));
  CHECK(limiter.allow(now));
  CHECK_FALSE(limiter.allow(now));
  now += 99;
  CHECK_FALSE(limiter.allow(now));
  now += 1;
  CHECK(limiter.allow(now));
  CHECK_FALSE(limiter.allow(now));
  now += 3'600'000;
  int count = 0;
  while (limiter.allow(now)) ++count;
  CHECK(count == 3);
  int per_second = 0;
  for (int ms = 0; ms < 1000; ++ms) per_second += limiter.allow(++now);
  CHECK(per_second == 10);
  xlat::RateLimiter never(0, 0);
  CHECK_FALSE(never.allow(5));
}

}  // namespace isthmus::icmp_error_test
