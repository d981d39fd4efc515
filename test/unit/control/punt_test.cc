// SPDX-License-Identifier: BSD-3-Clause
#include "control/punt.h"

#include <string>
#include <vector>

#include "catch.h"
#include "fake_dataplane.h"
#include "packets/builder.h"
#include "quiet_service.h"

namespace isthmus::control::punt_test {
namespace {

using test::Bytes;
using test::hex;
using test::ip4;
using test::ip6;
using test::operator+;

const Bytes kClientMac = hex("02000000000c");
const Bytes kOwnMac = hex("02000000000a");

class FakeService : public test::QuietService {
 public:
  struct Query {
    dns64::Address client;
    uint16_t port;
    Bytes message;
    Reply reply;
  };
  std::vector<Query> queries;

  void on_udp_query(const dns64::Address& client, uint16_t port, std::span<const uint8_t> message,
                    Reply reply) override {
    queries.push_back({client, port, {message.begin(), message.end()}, std::move(reply)});
  }
};

struct Fixture {
  test::FakeDataplane dataplane;
  std::vector<std::pair<dataplane::InterfaceId, Bytes>> to_kernel;
  NeighborQueue neighbors{
      {[](dataplane::InterfaceId, const IpAddress&) {},
       [](dataplane::InterfaceId, const net::Mac&, std::span<const uint8_t>) { return true; },
       [](dataplane::InterfaceId, std::span<const uint8_t>) {}},
      4};
  FakeService service;
  Punt punt{dataplane,
            [this](dataplane::InterfaceId interface, std::span<const uint8_t> frame) {
              to_kernel.emplace_back(interface, Bytes(frame.begin(), frame.end()));
            },
            neighbors};

  Fixture() {
    dataplane.add_interface("a", *net::parse_mac("02:00:00:00:00:0a"));
    dataplane.add_interface("b", *net::parse_mac("02:00:00:00:00:0b"), 1300);
    punt.set_service(&service);
  }

  void give(dataplane::PuntKind kind, dataplane::InterfaceId interface, const Bytes& bytes) {
    punt.handle({kind, interface, bytes, net::Ip4{}}, 0);
  }
  void dns(const Bytes& packet, dataplane::InterfaceId interface = 0) {
    const Bytes type = packet.at(0) >> 4 == 6 ? hex("86dd") : hex("0800");
    give(dataplane::PuntKind::kDns, interface, kOwnMac + kClientMac + type + packet);
  }
  static Bytes answer_frame(const Bytes& packet) {
    const Bytes type = packet.at(0) >> 4 == 6 ? hex("86dd") : hex("0800");
    return kClientMac + kOwnMac + type + packet;
  }
  static test::Packet query6() {
    auto packet = ip6("2001:db8:1::c", "2001:db8:1::53");
    packet.udp(40000, 53).payload("question");
    return packet;
  }
  static test::Packet query4() {
    auto packet = ip4("192.0.2.99", "192.0.2.53");
    packet.udp(40000, 53).payload("question");
    return packet;
  }
};

uint16_t id_of(const Bytes& frame) {
  return static_cast<uint16_t>(frame.at(18) << 8 | frame.at(19));
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a packet for the box goes to the twin as it is", "[punt]") {
  const Bytes frame = hex("ffffffffffff 02000000000c 0806 0001");
  give(dataplane::PuntKind::kLocal, 1, frame);
  REQUIRE(to_kernel.size() == 1);
  CHECK(to_kernel[0].first == 1);
  CHECK(to_kernel[0].second == frame);
}

TEST_CASE_METHOD(Fixture, "an unresolved packet waits for its neighbor", "[punt]") {
  give(dataplane::PuntKind::kUnresolved, 0, ip4("192.0.2.1", "192.0.2.2").udp(1, 2));
  CHECK(neighbors.info().waiting == 1);
}

TEST_CASE_METHOD(Fixture, "DNS over IPv6: question in, answer frame out, every byte",
                 "[punt][dns]") {
  dns(query6());
  REQUIRE(service.queries.size() == 1);
  const auto& query = service.queries[0];
  CHECK(query.client == dns64::Address(*net::parse_ip6("2001:db8:1::c")));
  CHECK(query.port == 40000);
  CHECK(query.message == Bytes{'q', 'u', 'e', 's', 't', 'i', 'o', 'n'});

  query.reply(Bytes{'a', 'n', 's', 'w', 'e', 'r', '!'});
  REQUIRE(dataplane.injected.size() == 1);
  CHECK(dataplane.injected[0].interface == 0);
  auto answer = ip6("2001:db8:1::53", "2001:db8:1::c");
  CHECK(dataplane.injected[0].bytes == answer_frame(answer.udp(53, 40000).payload("answer!")));
  CHECK(to_kernel.empty());
}

TEST_CASE_METHOD(Fixture, "DNS over IPv4: question in, answer frame out, every byte",
                 "[punt][dns]") {
  dns(query4());
  REQUIRE(service.queries.size() == 1);
  service.queries[0].reply(Bytes{'a', 'n', 's', 'w', 'e', 'r', '!'});
  REQUIRE(dataplane.injected.size() == 1);
  const Bytes& frame = dataplane.injected[0].bytes;
  auto answer = ip4("192.0.2.53", "192.0.2.99");
  CHECK(frame == answer_frame(answer.id(id_of(frame)).udp(53, 40000).payload("answer!")));
}

TEST_CASE_METHOD(Fixture, "link padding is no part of the question", "[punt][dns]") {
  dns(query4().bytes() + Bytes(20, 0));
  REQUIRE(service.queries.size() == 1);
  CHECK(service.queries[0].message.size() == 8);
}

TEST_CASE_METHOD(Fixture, "RFC 768: a query without checksum is answered over IPv4",
                 "[punt][dns]") {
  dns(query4().zero_checksum());
  CHECK(service.queries.size() == 1);
}

TEST_CASE_METHOD(Fixture, "RFC 8200 8.1: a query without checksum is dropped over IPv6",
                 "[punt][dns]") {
  dns(query6().zero_checksum());
  CHECK(service.queries.empty());
  CHECK(punt.dns_counters().refused == 1);
}

TEST_CASE_METHOD(Fixture, "a query with a wrong checksum is dropped", "[punt][dns]") {
  dns(query6().bad_checksum(0x0100));
  dns(query4().bad_checksum(0x0001));
  CHECK(service.queries.empty());
  CHECK(punt.dns_counters().refused == 2);
}

TEST_CASE_METHOD(Fixture, "RFC 1122 3.2.1.3: no answer to a source that is no host",
                 "[punt][dns]") {
  for (const char* source : {"224.0.0.1", "255.255.255.255", "127.0.0.1", "0.0.0.0"}) {
    auto packet = ip4(source, "192.0.2.53");
    dns(packet.udp(40000, 53).payload("question"));
  }
  for (const char* source : {"ff02::1", "::", "::1"}) {
    auto packet = ip6(source, "2001:db8:1::53");
    dns(packet.udp(40000, 53).payload("question"));
  }
  CHECK(service.queries.empty());
}

TEST_CASE_METHOD(Fixture, "RFC 768: source port 0 expects no reply", "[punt][dns]") {
  auto packet = ip6("2001:db8:1::c", "2001:db8:1::53");
  dns(packet.udp(0, 53).payload("question"));
  CHECK(service.queries.empty());
}

TEST_CASE_METHOD(Fixture, "a query frame cut at any byte is refused within its bounds",
                 "[punt][dns]") {
  for (const Bytes& packet : {query4().bytes(), query6().bytes()}) {
    const Bytes type = packet.at(0) >> 4 == 6 ? hex("86dd") : hex("0800");
    const Bytes frame = kOwnMac + kClientMac + type + packet;
    for (std::size_t size = 0; size < frame.size(); ++size) {
      Bytes cut(frame.begin(), frame.begin() + static_cast<long>(size));
      cut.shrink_to_fit();
      give(dataplane::PuntKind::kDns, 0, cut);
    }
  }
  CHECK(service.queries.empty());
}

TEST_CASE_METHOD(Fixture, "RFC 791 3.2: an IPv4 answer beyond the MTU is fragmented",
                 "[punt][dns]") {
  dns(query4(), 1);  // MTU 1300
  REQUIRE(service.queries.size() == 1);
  const Bytes message = test::pattern(2000);
  service.queries[0].reply(message);
  REQUIRE(dataplane.injected.size() == 2);
  auto whole = ip4("192.0.2.53", "192.0.2.99");
  whole.udp(53, 40000).payload(message);
  // 1280 is the largest multiple of 8 that fits behind the header of 20.
  const uint16_t id = id_of(dataplane.injected[0].bytes);
  CHECK(dataplane.injected[0].bytes == answer_frame(whole.slice(0, 1280, id)));
  CHECK(dataplane.injected[1].bytes == answer_frame(whole.slice(1280, 728, id)));
}

TEST_CASE_METHOD(Fixture, "RFC 8200 5: an IPv6 answer is fragmented to 1280 bytes", "[punt][dns]") {
  dns(query6(), 0);
  REQUIRE(service.queries.size() == 1);
  const Bytes message = test::pattern(1500);
  service.queries[0].reply(message);
  REQUIRE(dataplane.injected.size() == 2);
  auto whole = ip6("2001:db8:1::53", "2001:db8:1::c");
  whole.udp(53, 40000).payload(message);
  const Bytes& first = dataplane.injected[0].bytes;
  const uint32_t id = static_cast<uint32_t>(first.at(58)) << 24 | first.at(59) << 16 |
                      first.at(60) << 8 | first.at(61);
  CHECK(first == answer_frame(whole.slice(0, 1232, id)));
  CHECK(dataplane.injected[1].bytes == answer_frame(whole.slice(1232, 276, id)));
}

TEST_CASE_METHOD(Fixture, "answers that fill the datagram exactly stay whole", "[punt][dns]") {
  dns(query6());
  dns(query4());
  REQUIRE(service.queries.size() == 2);
  service.queries[0].reply(test::pattern(1232));
  service.queries[1].reply(test::pattern(1472));
  REQUIRE(dataplane.injected.size() == 2);
  CHECK(dataplane.injected[0].bytes.size() == 14 + 1280);
  CHECK(dataplane.injected[1].bytes.size() == 14 + 1500);
}

TEST_CASE_METHOD(Fixture, "an answer that finds no room is counted", "[punt][dns]") {
  dns(query6());
  REQUIRE(service.queries.size() == 1);
  dataplane.inject_works = false;
  service.queries[0].reply(Bytes{1});
  CHECK(punt.dns_counters().answers_lost == 1);
  dns(query6());
  dataplane.inject_works = true;
  service.queries[1].reply(test::pattern(65600));
  CHECK(dataplane.injected.empty());
  CHECK(punt.dns_counters().answers_lost == 2);
}

TEST_CASE_METHOD(Fixture, "without DNS64 a query is an ordinary packet for the box",
                 "[punt][dns]") {
  punt.set_service(nullptr);
  dns(query6());
  CHECK(to_kernel.size() == 1);
}

}  // namespace isthmus::control::punt_test
