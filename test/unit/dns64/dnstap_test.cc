// SPDX-License-Identifier: BSD-3-Clause
// dnstap: the octets of a frame, and what becomes of messages that nobody collects.
#include "dns64/dnstap.h"

#include <algorithm>
#include <numeric>

#include "catch.h"
#include "dns64/query.h"

namespace isthmus::dnstap_test {
namespace {

using dns64::TapMessage;
using Octets = std::vector<uint8_t>;

const Octets kQuery = {1, 2, 3};

TapMessage message(dns64::TapType type, const net::Ip6& peer) {
  TapMessage out;
  out.type = type;
  out.peer = peer;
  out.port = 300;
  out.seconds = 1'000'000'000;
  out.nanoseconds = 0x01020304;
  out.message = kQuery;
  return out;
}

}  // namespace

TEST_CASE("dnstap: a client's query over IPv4, octet by octet") {
  const auto peer = dns64::map_ip4(*net::parse_ip4("192.0.2.1"));
  const Octets inner = {0x08, 5,    0x10, 1,    0x18, 1,    0x22, 4,    192,  0,    2,
                        1,    0x30, 0xac, 0x02, 0x40, 0x80, 0x94, 0xeb, 0xdc, 0x03, 0x4d,
                        4,    3,    2,    1,    0x52, 3,    1,    2,    3};
  Octets expected = {0x0a, 2, 'm', 'e', 0x12, 7, 'I', 's', 't', 'h', 'm', 'u', 's'};
  expected.push_back(0x72);
  expected.push_back(static_cast<uint8_t>(inner.size()));
  expected.insert(expected.end(), inner.begin(), inner.end());
  expected.push_back(0x78);
  expected.push_back(1);
  CHECK(encode(message(dns64::TapType::kClientQuery, peer), "me") == expected);
}

TEST_CASE("dnstap: a resolver's answer over IPv6 and TLS, octet by octet") {
  const auto peer = *net::parse_ip6("2001:db8::53");
  TapMessage answer = message(dns64::TapType::kForwarderResponse, peer);
  answer.protocol = dns64::TapProtocol::kTls;
  Octets inner = {0x08, 8, 0x10, 2, 0x18, 3, 0x2a, 16};
  inner.insert(inner.end(), peer.bytes.begin(), peer.bytes.end());
  for (const int octet :
       {0x38, 0xac, 0x02, 0x60, 0x80, 0x94, 0xeb, 0xdc, 0x03, 0x6d, 4, 3, 2, 1, 0x72, 3, 1, 2, 3}) {
    inner.push_back(static_cast<uint8_t>(octet));
  }
  Octets expected = {0x0a, 0, 0x12, 7, 'I', 's', 't', 'h', 'm', 'u', 's', 0x72};
  expected.push_back(static_cast<uint8_t>(inner.size()));
  expected.insert(expected.end(), inner.begin(), inner.end());
  expected.push_back(0x78);
  expected.push_back(1);
  CHECK(encode(answer, "") == expected);
}

TEST_CASE("dnstap: a message of 64 KB keeps its length") {
  Octets large(65535);
  std::iota(large.begin(), large.end(), uint8_t{0});
  TapMessage query = message(dns64::TapType::kClientQuery, *net::parse_ip6("2001:db8::1"));
  query.message = large;
  const Octets frame = encode(query, "me");
  CHECK(frame.size() > large.size());
  CHECK(std::search(frame.begin(), frame.end(), large.begin(), large.end()) != frame.end());
}

TEST_CASE("dnstap: nobody collects: nothing waits") {
  dns64::DnsTap tap;
  CHECK_FALSE(tap.open("relative"));
  CHECK_FALSE(tap.open("/" + std::string(200, 'x')));
  REQUIRE(tap.open("/nonexistent/isthmus-dnstap"));
  CHECK(tap.enabled());
  const auto query = message(dns64::TapType::kClientQuery, *net::parse_ip6("2001:db8::1"));
  constexpr uint64_t kMessages = 3 * dns64::DnsTap::kQueue;
  for (uint64_t i = 0; i < kMessages; ++i) tap.add(query);
  CHECK(tap.sent() + tap.lost() == kMessages);
  REQUIRE(tap.open(""));
  CHECK_FALSE(tap.enabled());
  tap.add(query);
  CHECK(tap.sent() + tap.lost() == kMessages);
}

}  // namespace isthmus::dnstap_test
