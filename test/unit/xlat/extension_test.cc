// SPDX-License-Identifier: BSD-3-Clause
// RFC 4884 extensions through the translator (RFC 7915 4.2, 5.2 "ICMP Error Payload").
#include "unit/xlat/fixture.h"
#include "xlat/quote.h"

namespace isthmus::extension_test {
using namespace test;

namespace {

Packet error4(uint8_t type = 11, uint8_t code = 0, uint32_t rest = 0) {
  return ip4(kRouter4, kClient4).icmp4(type, code, rest);
}
Packet error6_out(uint8_t type = 3, uint8_t code = 0, uint32_t rest = 0) {
  return ip6(kRouter6, kClient6).hop_limit(63).icmp6(type, code, rest);
}
Packet error6(uint8_t type = 1, uint8_t code = 4) {
  return ip6(kClient6, kServer6).icmp6(type, code);
}
Packet error4_out(uint8_t type = 3, uint8_t code = 3) {
  return ip4(kClient4, kServer4).ttl(63).id(0x1000).icmp4(type, code);
}
Bytes sent4(int payload) {
  return ip4(kClient4, kServer4).ttl(1).udp(1, 2).payload(payload);
}
Bytes sent6(int payload) {
  return ip6(kClient6, kServer6).hop_limit(1).udp(1, 2).payload(payload);
}
Bytes came4(int payload) {
  return ip4(kServer4, kClient4).ttl(1).df(payload > 1232).udp(1, 2).payload(payload);
}
Bytes came6(int payload) {
  return ip6(kServer6, kClient6).hop_limit(1).udp(1, 2).payload(payload);
}

const Bytes kMpls = mpls_extension();

}  // namespace

TEST_CASE("RFC 7915 4.2: the length attribute changes place and unit") {
  for (const int payload : {0, 1, 2, 3, 4, 5, 32, 60, 99, 100, 101, 107, 108, 109, 200, 333}) {
    INFO(payload << " bytes quoted");
    CHECK(forwards({}, error4().quote(sent4(payload)).extension(kMpls),
                   error6_out().quote(sent6(payload)).extension(kMpls)) == "");
    CHECK(forwards({}, error4(3, 1).quote(sent4(payload)).extension(kMpls),
                   error6_out(1, 0).quote(sent6(payload)).extension(kMpls)) == "");
  }
  SECTION("of a packet longer than its quote") {
    CHECK(forwards({}, error4().quote(sent4(1000), 128).extension(kMpls),
                   error6_out().quote(sent6(1000), 148).extension(kMpls)) == "");
  }
}

TEST_CASE("RFC 7915 5.2: the length attribute changes place and unit") {
  for (const int payload : {0, 1, 3, 32, 79, 80, 81, 99, 100, 101, 200, 333}) {
    INFO(payload << " bytes quoted");
    CHECK(forwards({}, error6().quote(came6(payload)).extension(kMpls),
                   error4_out().quote(came4(payload)).extension(kMpls)) == "");
    CHECK(forwards({}, error6(3, 0).quote(came6(payload)).extension(kMpls),
                   error4_out(11, 0).quote(came4(payload)).extension(kMpls)) == "");
  }
}

TEST_CASE("extensions with quotes shorter than 128 bytes are accepted, and made to conform") {
  CHECK(forwards({}, error4().quote(sent4(8)).extension(kMpls, 36),
                 error6_out().quote(sent6(8)).extension(kMpls)) == "");
  CHECK(forwards({}, error6().quote(came6(8)).extension(kMpls, 56),
                 error4_out().quote(came4(8)).extension(kMpls)) == "");
}

TEST_CASE("RFC 4884 4.6: what cannot carry an extension loses it") {
  // Packet Too Big, Parameter Problem (protocol unreachable), Parameter Problem.
  CHECK(forwards({}, error4(3, 4, 1400).quote(sent4(60)).extension(kMpls),
                 error6_out(2, 0, 1420).quote(sent6(60))) == "");
  CHECK(forwards({}, error4(3, 2).quote(sent4(61)).extension(kMpls),
                 error6_out(4, 1, 6).quote(sent6(61))) == "");
  CHECK(forwards({}, error4(12, 0, 8u << 24).quote(sent4(62)).extension(kMpls),
                 error6_out(4, 0, 7).quote(sent6(62))) == "");
}

TEST_CASE("RFC 4884 4.1: Fragmentation Needed keeps its MTU beside the length") {
  // Bytes 6-7 are the MTU, byte 5 the length.
  const Bytes packet = error4(3, 4, 1400).quote(sent4(200)).extension(kMpls);
  CHECK(packet[25] == 57);
  CHECK(packet[26] * 256 + packet[27] == 1400);
}

TEST_CASE("lengths that cannot be true are taken for none") {
  const auto with_length = [](uint8_t length) {
    return error4(11, 0, uint32_t{length} << 16).quote(sent4(100));
  };
  for (const uint8_t length : {uint8_t{1}, uint8_t{6}, uint8_t{32}, uint8_t{33}, uint8_t{255}}) {
    INFO(int{length});
    CHECK(forwards({}, with_length(length), error6_out().quote(sent6(100))) == "");
  }
  CHECK(forwards({}, ip6(kClient6, kServer6).icmp6(1, 4, 0xff000000).quote(came6(100)),
                 error4_out().quote(came4(100))) == "");
  // The octet means nothing in other types.
  CHECK(forwards({}, ip6(kClient6, kServer6).icmp6(4, 1, 0x10000000).quote(came6(200)),
                 ip4(kClient4, kServer4).ttl(63).id(0x1000).icmp4(3, 2).quote(came4(200))) == "");
}

TEST_CASE("RFC 7915 4.2: over 1280 bytes the quote is cut, then the extension") {
  // 48 + 1232: a quote of 1216 and an extension of 16 just fit.
  const Bytes extension = pattern(16);
  CHECK(forwards({}, error4().quote(sent4(1400), 1000).extension(extension),
                 error6_out().quote(sent6(1400), 1020).extension(extension)) == "");
  const Bytes longer = pattern(400);
  CHECK(forwards({}, error4().quote(sent4(1400), 1000).extension(longer),
                 error6_out().quote(sent6(1400), 832).extension(longer)) == "");
  SECTION("even an extension that leaves no room for a quote") {
    const Bytes huge = pattern(1300);
    Bytes cut = huge;
    cut.resize(1280 - 48 - 128);
    CHECK(forwards({}, error4().quote(sent4(1400), 200).extension(huge),
                   error6_out().quote(sent6(1400), 128).extension(cut)) == "");
  }
}

TEST_CASE("conflict C14: an ICMPv4 error with an extension stays within 576 bytes") {
  CHECK(forwards({}, error6().quote(came6(1400), 1000).extension(kMpls),
                 error4_out().quote(came4(1400), 576 - 28 - 12).extension(kMpls)) == "");
  // Nothing but the 128 bytes of RFC 4884 goes in front of a long one.
  const Bytes longer = pattern(600);
  CHECK(forwards({}, error6().quote(came6(1400), 600).extension(longer),
                 error4_out().quote(came4(1400), 128).extension(longer)) == "");
}

TEST_CASE("without tailroom for padding the error goes on without its extension") {
  Gateway gateway;
  Buffer buffer(error6().quote(came6(8)).extension(kMpls, 56), net::kMinHeadroom, 0);
  // 36 bytes of quote have to grow to 128.
  REQUIRE(gateway.translate(buffer).action == xlat::Action::kForward);
  CHECK(diff(error4_out().quote(came4(8)), buffer.bytes()) == "");
}

}  // namespace isthmus::extension_test
