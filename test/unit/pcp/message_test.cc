// SPDX-License-Identifier: BSD-3-Clause
#include "pcp/message.h"

#include "catch.h"
#include "client.h"

namespace isthmus::pcp {
namespace {

using test::Bytes;
using test::header;
using test::hex;
using test::kClient;
using test::Map;
using test::number;
using test::octets;
using test::operator+;

Code code_of(const Bytes& bytes) {
  const auto parsed = parse_request(bytes, kClient);
  CHECK_FALSE(parsed.silent);
  return parsed.code;
}

const Bytes kPreferFailure = hex("02 00 0000");

}  // namespace

TEST_CASE("RFC 6887 11.1: a MAP request is read field by field") {
  Map map;
  map.protocol = 6;
  map.external = "::ffff:203.0.113.7";
  map.external_port = 5000;
  const auto parsed = parse_request(map.bytes(kPreferFailure), kClient);
  REQUIRE_FALSE(parsed.silent);
  REQUIRE(parsed.code == Code::kSuccess);
  CHECK(parsed.request.opcode == Opcode::kMap);
  CHECK(parsed.request.lifetime == 600);
  CHECK(parsed.request.map.protocol == 6);
  CHECK(parsed.request.map.internal_port.host() == 4000);
  CHECK(parsed.request.map.external_port.host() == 5000);
  CHECK(unmapped(parsed.request.map.external) == *net::parse_ip4("203.0.113.7"));
  CHECK(parsed.request.prefer_failure);
  CHECK_FALSE(parsed.request.wants_prefixes);
}

TEST_CASE("RFC 6887 8.2: what gets no answer") {
  CHECK(parse_request({}, kClient).silent);
  CHECK(parse_request(Bytes{2}, kClient).silent);
  // An answer, even of a version that nobody knows.
  CHECK(parse_request(Bytes{2, 0x81}, kClient).silent);
  CHECK(parse_request(Bytes{9, 0x81}, kClient).silent);
  auto short_one = header(0, 0);
  short_one.pop_back();
  CHECK(parse_request(short_one, kClient).silent);
}

TEST_CASE("RFC 6887 8.2: what is malformed, in the order of the checks") {
  CHECK(code_of(Bytes{1, 1}) == Code::kUnsupportedVersion);
  CHECK(code_of(Bytes{0, 0}) == Code::kUnsupportedVersion);  // NAT-PMP
  const auto map = Map{}.bytes();
  CHECK(code_of(map + Bytes(1104 - map.size())) == Code::kMalformedRequest);
  CHECK(code_of(map + Bytes{0}) == Code::kMalformedRequest);
  CHECK(code_of(Bytes(map.begin(), map.end() - 4)) == Code::kMalformedRequest);
  Map other;
  other.client = *net::parse_ip6("2001:db8:1::11");
  CHECK(code_of(other.bytes()) == Code::kAddressMismatch);
  CHECK(code_of(header(2, 600) + Bytes(56)) == Code::kUnsupportedOpcode);  // PEER
  CHECK(code_of(header(99, 0)) == Code::kUnsupportedOpcode);
}

TEST_CASE("RFC 6887 7.3: options") {
  const Map map;
  CHECK(code_of(map.bytes(hex("01 00 0010") + octets(kClient))) == Code::kUnsupportedOption);
  CHECK(code_of(map.bytes(hex("03 00 0014") + Bytes(20))) == Code::kUnsupportedOption);
  CHECK(code_of(map.bytes(hex("7f 00 0000"))) == Code::kUnsupportedOption);
  // Codes from 128 on may be ignored, padding included.
  CHECK(code_of(map.bytes(hex("fe 00 0005 0102030405 000000"))) == Code::kSuccess);
  CHECK(code_of(map.bytes(hex("fe 00 0005 01020304"))) == Code::kMalformedOption);
  CHECK(code_of(map.bytes(hex("fe 00 ffff"))) == Code::kMalformedOption);
}

TEST_CASE("RFC 6887 13.2: PREFER_FAILURE where it makes sense") {
  Map map;
  map.external_port = 5000;
  CHECK(code_of(map.bytes(kPreferFailure)) == Code::kSuccess);
  CHECK(code_of(map.bytes(kPreferFailure + kPreferFailure)) == Code::kMalformedOption);
  CHECK(code_of(map.bytes(hex("02 00 0004 00000000"))) == Code::kMalformedOption);
  CHECK(code_of(header(0, 0) + kPreferFailure) == Code::kMalformedOption);
  map.external_port = 0;  // "zero in the Suggested External Port field ... MALFORMED_OPTION"
  CHECK(code_of(map.bytes(kPreferFailure)) == Code::kMalformedOption);
  map.external_port = 5000;
  map.lifetime = 0;  // 11.3
  CHECK(code_of(map.bytes(kPreferFailure)) == Code::kMalformedOption);
}

TEST_CASE("RFC 6887 8.2: an error holds the request") {
  const auto map = Map{}.bytes();
  const auto refused = make_error(map, Code::kNoResources, 30, 7, true);
  CHECK(refused == Bytes{2, 0x81, 0, 8} + number(30, 4) + number(7, 4) + Bytes(12) +
                       Bytes(map.begin() + 24, map.end()));
  // 7.2: of what was not understood, 96 bits of the client's address too.
  const auto unread = make_error(map, Code::kMalformedOption, 1800, 7, false);
  CHECK(unread ==
        Bytes{2, 0x81, 0, 6} + number(1800, 4) + number(7, 4) + Bytes(map.begin() + 12, map.end()));
  // Cut at 1100 octets, padded to four, and a whole header always.
  CHECK(make_error(map + Bytes(2000), Code::kMalformedRequest, 1, 1, false).size() == 1100);
  CHECK(make_error(map + Bytes{1}, Code::kMalformedRequest, 1, 1, false).size() == map.size() + 4);
  CHECK(make_error(Bytes{1, 1}, Code::kUnsupportedVersion, 1800, 7, false) ==
        Bytes{2, 0x81, 0, 1} + number(1800, 4) + number(7, 4) + Bytes(12));
}

TEST_CASE("RFC 6887 11.1: a success names the external address and port") {
  const auto parsed = parse_request(Map{}.bytes(), kClient);
  MapFields map = parsed.request.map;
  map.external = mapped(*net::parse_ip4("203.0.113.7"));
  map.external_port = net::Be16(5000);
  CHECK(make_success(parsed.request, map, 600, 7, {}) ==
        Bytes{2, 0x81, 0, 0} + number(600, 4) + number(7, 4) + Bytes(12) + hex(test::kNonce) +
            Bytes{17, 0, 0, 0} + number(4000, 2) + number(5000, 2) +
            hex("00000000000000000000ffff cb007107"));
}

TEST_CASE("RFC 7225 4.1: who asks for prefixes gets each in an option of its own") {
  // In a request: ::/96, no list.
  const Bytes asks = hex("81 00 000d 0c 000000000000000000000000 000000");
  const auto parsed = parse_request(header(0, 0) + asks, kClient);
  REQUIRE(parsed.code == Code::kSuccess);
  CHECK(parsed.request.wants_prefixes);
  const std::vector<net::Prefix6052> prefixes{
      net::Prefix6052::well_known(),
      net::Prefix6052::make(*net::parse_ip6_prefix("2001:db8:100::/40")).value()};
  CHECK(make_success(parsed.request, {}, 0, 7, prefixes) ==
        Bytes{2, 0x80, 0, 0} + number(0, 4) + number(7, 4) + Bytes(12) +
            hex("81 00 000d 0c 0064ff9b0000000000000000 000000") +
            hex("81 00 000d 05 20010db801 00000000000000 000000"));
  CHECK(make_success(parse_request(header(0, 0), kClient).request, {}, 0, 7, prefixes) ==
        make_announcement(7));
}

}  // namespace isthmus::pcp
