// SPDX-License-Identifier: BSD-3-Clause
// Packets through the whole pipeline.
#include "dataplane/pipeline.h"
#include "catch.h"
#include "dataplane/identification.h"
#include "net/headers.h"
#include "packets/diff.h"

using namespace isthmus;
using namespace isthmus::test;
using telemetry::Counter;
using telemetry::DropReason;

namespace {

std::string source4(const Bytes& packet) {
  return net::to_string(net::header_at<net::Ip4Header>(packet.data())->source);
}

uint16_t source_port(const Bytes& packet, std::size_t ip_header) {
  return net::header_at<net::UdpHeader>(packet.data() + ip_header)->source_port.host();
}

// An outgoing UDP packet's pool address and port.
struct Outside {
  std::string address;
  uint16_t port;
};

Outside open_udp(Pipeline& rig, const std::string& host, uint16_t port, unsigned queue = 0) {
  rig.from_inside(ip6(host, mapped("192.0.2.9")).udp(port, 7000).payload("open"), queue);
  const auto sent = rig.to_internet();
  REQUIRE(sent.size() == 1);
  REQUIRE(faults(sent[0]) == "");
  return {source4(sent[0]), source_port(sent[0], 20)};
}

}  // namespace

TEST_CASE("pipeline: UDP goes out and comes back, whatever worker receives it") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  for (unsigned queue = 0; queue < workers; ++queue) {
    for (unsigned back = 0; back < workers; ++back) {
      Pipeline rig({.workers = workers});
      for (unsigned subscriber = 0; subscriber < 8; ++subscriber) {
        const auto host = inside_host(subscriber);
        const auto out = open_udp(rig, host, 5000, queue);
        rig.from_internet(ip4("192.0.2.9", out.address).udp(7000, out.port).payload("back"), back);
        const auto in = rig.to_inside();
        REQUIRE(in.size() == 1);
        CHECK(diff(ip6(mapped("192.0.2.9"), host).hop_limit(63).udp(7000, 5000).payload("back"),
                   in[0]) == "");
      }
      CHECK(rig.count(Counter::kNat64Out) == 8);
      CHECK(rig.count(Counter::kNat64In) == 8);
      CHECK(rig.count(Counter::kRxPackets) == 16);
      CHECK(rig.count(Counter::kTxPackets) == 16);
    }
  }
}

TEST_CASE("pipeline: output and counters do not depend on the receiving queue") {
  const unsigned workers = GENERATE(2u, 4u);
  const unsigned pool = GENERATE(1u, 4u);
  using Result = std::pair<std::vector<Bytes>, std::map<std::string, uint64_t>>;
  std::vector<Result> results;
  for (unsigned queue = 0; queue < workers; ++queue) {
    Pipeline rig({.workers = workers, .pool_addresses = pool});
    Result result;
    const auto add = [&](const std::vector<Bytes>& packets) {
      // Identifications are drawn burst by burst, and packets that other workers hand over come in
      // bursts of their own.
      for (const auto& packet : packets) {
        REQUIRE(faults(packet) == "");
        result.first.push_back(without_identification(packet));
      }
    };
    for (unsigned subscriber = 0; subscriber < 6; ++subscriber) {
      const auto host = inside_host(subscriber);
      const auto out = open_udp(rig, host, 5000, queue);
      rig.from_internet(ip4("192.0.2.9", out.address).udp(7000, out.port).payload(900), queue);
      add(rig.to_inside());
      rig.from_inside(ip6(host, mapped("192.0.2.9")).icmp_echo(77, 1).payload("ping"), queue);
      add(rig.to_internet());
      rig.from_internet(ip4("192.0.2.1", out.address)
                            .icmp4(3, 3)
                            .quote(ip4(out.address, "192.0.2.9").udp(out.port, 7000).payload(8)),
                        queue);
      add(rig.to_inside());
      rig.from_internet(ip4("192.0.2.9", out.address).udp(7000, 999).payload("no binding"), queue);
      add(rig.to_inside());
      rig.from_inside(ip6(host, mapped("192.0.2.9")).tcp(6000, 80).flags("S"), queue);
      add(rig.to_internet());
    }
    result.second = rig.counters();
    results.push_back(result);
  }
  for (unsigned queue = 1; queue < workers; ++queue) {
    CHECK(results[queue].second == results[0].second);
    REQUIRE(results[queue].first.size() == results[0].first.size());
    for (std::size_t i = 0; i < results[0].first.size(); ++i) {
      CHECK(diff(results[0].first[i], results[queue].first[i]) == "");
    }
  }
}

// Workers look for the sessions of both families' packets before they act on either's: what the
// packets from inside change meanwhile must count for those from outside.
TEST_CASE(
    "pipeline: packets from outside see what packets from inside of the same turn have made") {
  Pipeline rig({});
  const auto host = inside_host(1);
  const auto out = open_udp(rig, host, 5000);
  const auto sessions = [&rig] {
    return rig.engine().worker(0).translator().table_info().sessions;
  };
  REQUIRE(sessions() == 1);
  const unsigned more = 40;
  for (unsigned i = 0; i < more; ++i) {
    const auto port = static_cast<uint16_t>(8000 + i);
    rig.from_inside(ip6(host, mapped("192.0.2.9")).udp(5000, port).payload("new"));
    rig.from_internet(ip4("192.0.2.9", out.address).udp(port, out.port).payload("back"));
  }
  const auto in = rig.to_inside();
  CHECK(rig.to_internet().size() == more);
  REQUIRE(in.size() == more);
  for (unsigned i = 0; i < more; ++i) {
    const auto port = static_cast<uint16_t>(8000 + i);
    CHECK(diff(ip6(mapped("192.0.2.9"), host).hop_limit(63).udp(port, 5000).payload("back"),
               in[i]) == "");
  }
  CHECK(sessions() == 1 + more);
  CHECK(rig.count(Counter::kSessionsCreated) == 1 + more);
}

// A SYN is no plain packet (net/plain.h), so the two are handed over in different ways.
TEST_CASE("pipeline: packets that are handed over keep their order, plain ones and others") {
  constexpr unsigned kPackets = 100;
  for (unsigned queue = 0; queue < 2; ++queue) {
    Pipeline rig({.workers = 2});
    for (unsigned subscriber = 0; subscriber < 4; ++subscriber) {
      const auto host = inside_host(subscriber);
      for (unsigned i = 0; i < kPackets; ++i) {
        const auto text = std::to_string(1000 + i);
        rig.from_inside(ip6(host, mapped("192.0.2.9"))
                            .tcp(5000, 80)
                            .flags(i % 3 == 0 ? "S" : "A")
                            .payload(text),
                        queue);
      }
      const auto out = rig.to_internet();
      REQUIRE(out.size() == kPackets);
      for (unsigned i = 0; i < kPackets; ++i) {
        CHECK(faults(out[i]) == "");
        CHECK(std::string(out[i].end() - 4, out[i].end()) == std::to_string(1000 + i));
      }
    }
    CHECK(rig.count(Counter::kHandoffOut) > 0);
    CHECK(rig.count(Counter::kHandoffOut) == rig.count(Counter::kHandoffIn));
    CHECK(rig.count(Counter::kNat64Out) == 4 * kPackets);
  }
}

TEST_CASE("pipeline: fewer queues than workers") {
  Pipeline rig({.workers = 4, .queues = 1});
  for (unsigned subscriber = 0; subscriber < 16; ++subscriber) {
    const auto host = inside_host(subscriber);
    const auto out = open_udp(rig, host, 5000);
    rig.from_internet(ip4("192.0.2.9", out.address).udp(7000, out.port).payload("back"));
    CHECK(rig.to_inside().size() == 1);
  }
  CHECK(rig.count(Counter::kHandoffOut) > 0);
  CHECK(rig.count(Counter::kHandoffOut) == rig.count(Counter::kHandoffIn));
}

TEST_CASE("pipeline: hairpin between inside hosts of any two workers") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  const unsigned pool = GENERATE(1u, 4u);
  Pipeline rig({.workers = workers, .pool_addresses = pool});
  for (unsigned a = 0; a < 6; ++a) {
    for (unsigned b = 10; b < 16; ++b) {
      const auto to = open_udp(rig, inside_host(b), 5000);
      rig.from_inside(ip6(inside_host(a), mapped(to.address))
                          .hop_limit(64)
                          .udp(4000, to.port)
                          .payload("hairpin"),
                      a % workers);
      const auto in = rig.to_inside();
      REQUIRE(in.size() == 1);
      CHECK(faults(in[0]) == "");
      const auto* ip = net::header_at<net::Ip6Header>(in[0].data());
      CHECK(net::to_string(ip->destination) == inside_host(b));
      // Conflict C7: one router, one decrement.
      CHECK(ip->hop_limit == 63);
      CHECK(rig.to_internet().empty());
    }
  }
  CHECK(rig.count(Counter::kHairpin) == 36);
}

TEST_CASE("pipeline: VLAN interfaces of one port") {
  const unsigned workers = GENERATE(1u, 4u);
  Pipeline rig({.workers = workers, .one_port = true, .in_vlan = 100, .out_vlan = 200});
  const auto out = open_udp(rig, inside_host(1), 5000);
  rig.from_internet(ip4("192.0.2.9", out.address).udp(7000, out.port).payload("back"));
  REQUIRE(rig.to_inside().size() == 1);

  SECTION("a tag that no interface bears") {
    const Bytes packet = ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000);
    rig.in_port().deliver(0, frame(packet, rig.own_mac(true), Pipeline::host_mac(), 300));
    rig.in_port().deliver(0, frame(packet, rig.own_mac(true), Pipeline::host_mac(), 0));
    CHECK(rig.to_internet().empty());
    CHECK(rig.count(DropReason::kUnknownVlan) == 2);
  }
  SECTION("what is punted loses its tag, what is injected gets one") {
    const Bytes ping = ip6(inside_host(1), "2001:db8:1::1").icmp_echo(1, 1);
    rig.from_inside(ping);
    const auto punts = rig.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].interface == Pipeline::kIn);
    CHECK(punts[0].bytes == frame(ping, rig.own_mac(true), Pipeline::host_mac()));
    const Bytes pong = ip6("2001:db8:1::1", inside_host(1)).icmp_echo_reply(1, 1);
    CHECK(rig.engine().inject(Pipeline::kIn, frame(pong, Pipeline::host_mac(), rig.own_mac(true))));
    CHECK(rig.to_inside() == std::vector<Bytes>{pong});
  }
}

TEST_CASE("pipeline: what is injected for the interface's own MAC is taken in as received") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  const uint16_t vlan = GENERATE(uint16_t{0}, uint16_t{200});
  Pipeline rig({.workers = workers, .out_vlan = vlan});
  for (unsigned subscriber = 0; subscriber < 8; ++subscriber) {
    const auto host = inside_host(subscriber);
    const auto out = open_udp(rig, host, 5000);
    // As the kernel behind the twin answers, and as an error of the control core's.
    CHECK(rig.engine().inject(
        Pipeline::kOut,
        frame(ip4("192.0.2.9", out.address).ttl(64).udp(7000, out.port).payload("answer"),
              rig.own_mac(false), rig.own_mac(false))));
    auto in = rig.to_inside();
    REQUIRE(in.size() == 1);
    CHECK(diff(ip6(mapped("192.0.2.9"), host).hop_limit(63).udp(7000, 5000).payload("answer"),
               in[0]) == "");
    CHECK(rig.engine().inject(
        Pipeline::kOut,
        frame(ip4("192.0.2.1", out.address)
                  .icmp4(3, 1)
                  .quote(ip4(out.address, "192.0.2.9").udp(out.port, 7000).payload("open")),
              rig.own_mac(false), rig.own_mac(false))));
    in = rig.to_inside();
    REQUIRE(in.size() == 1);
    CHECK(diff(ip6(mapped("192.0.2.1"), host)
                   .hop_limit(63)
                   .icmp6(1, 0)
                   .quote(ip6(host, mapped("192.0.2.9")).udp(5000, 7000).payload("open")),
               in[0]) == "");
    CHECK(rig.to_internet().empty());
  }
  CHECK(rig.count(Counter::kInjected) == 16);
  CHECK(rig.count(Counter::kRxPackets) == 8);
}

TEST_CASE("pipeline: RFC 4861 7.3.3: a confirmation by unicast goes to the control core") {
  Pipeline rig({});
  const auto solicitation = [](uint8_t hop_limit) -> Bytes {
    auto packet = ip6(inside_host(1), mapped("192.0.2.9"));
    packet.hop_limit(hop_limit).icmp6(135, 0).payload(Bytes(16));
    return packet;
  };
  rig.from_inside(solicitation(255));
  CHECK(rig.punts().size() == 1);
  rig.from_inside(solicitation(254));
  CHECK(rig.punts().empty());
  CHECK(rig.count(DropReason::kIcmpUntranslatable) == 1);
}

TEST_CASE("pipeline: one port on a stick without VLANs, and priority tags") {
  Pipeline rig({.one_port = true, .in_vlan = 0, .out_vlan = 200});
  const Bytes packet = ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000).payload("x");
  Bytes tagged = frame(packet, rig.own_mac(true), Pipeline::host_mac(), 0xe000 | 1);
  tagged[15] = 0;  // priority 7, VLAN 0: belongs to the untagged interface
  rig.in_port().deliver(0, tagged);
  CHECK(rig.to_internet().size() == 1);
}

TEST_CASE("pipeline: what is for the box goes to the control core") {
  const unsigned workers = GENERATE(1u, 4u);
  Pipeline rig({.workers = workers});
  const auto punted = [&](const Bytes& packet, dataplane::PuntKind kind) {
    for (unsigned queue = 0; queue < rig.queues(); ++queue) {
      rig.from_inside(packet, queue);
      const auto punts = rig.punts();
      REQUIRE(punts.size() == 1);
      CHECK(punts[0].kind == kind);
      CHECK(punts[0].interface == Pipeline::kIn);
      CHECK(punts[0].bytes == rig.inside_frame(packet));
    }
  };
  using dataplane::PuntKind;
  punted(ip6(inside_host(1), "2001:db8:1::1").icmp_echo(1, 1), PuntKind::kLocal);
  punted(ip6("fe80::2", "ff02::1:ff00:1").icmp6(135, 0), PuntKind::kLocal);
  punted(ip6(inside_host(1), "2001:db8:1::1").tcp(5000, 179).flags("S"), PuntKind::kLocal);
  punted(ip6(inside_host(1), "2001:db8:1::53").udp(5000, 53).payload("query"), PuntKind::kDns);
  punted(ip6(inside_host(1), "2001:db8:1::53").udp(5000, 54).payload("query"), PuntKind::kLocal);
  punted(ip6(inside_host(1), "2001:db8:1::53").tcp(5000, 53).flags("S"), PuntKind::kLocal);
  punted(ip6(inside_host(1), "2001:db8:1::53").fragment(0, true, 7).udp(5000, 53).payload(64),
         PuntKind::kLocal);
  punted(ip4("198.51.100.9", "198.51.100.1").icmp_echo(1, 1), PuntKind::kLocal);
  punted(ip4("198.51.100.9", "224.0.0.5").raw(89, pattern(40)), PuntKind::kLocal);
  punted(ip4("0.0.0.0", "255.255.255.255").udp(68, 67).payload(300), PuntKind::kLocal);
  CHECK(rig.count(Counter::kPunted) == 10 * rig.queues());
  CHECK(rig.count(Counter::kPuntedDns) == rig.queues());
}

TEST_CASE("pipeline: ARP goes to the control core, other link protocols do not") {
  Pipeline rig({});
  Bytes arp = frame(pattern(28), "ff:ff:ff:ff:ff:ff", Pipeline::host_mac());
  arp[12] = 0x08;
  arp[13] = 0x06;
  rig.in_port().deliver(0, arp);
  const auto punts = rig.punts();
  REQUIRE(punts.size() == 1);
  CHECK(punts[0].bytes == arp);
  arp[12] = 0x88;
  arp[13] = 0xcc;
  rig.in_port().deliver(0, arp);
  CHECK(rig.punts().empty());
  CHECK(rig.count(DropReason::kUnknownEtherType) == 1);
}

TEST_CASE("pipeline: not for us") {
  Pipeline rig({});
  const Bytes transit = ip6(inside_host(1), "2001:db8:ffff::1").udp(1, 2);
  rig.from_inside(transit);
  rig.from_internet(ip4("192.0.2.9", "192.0.2.10").udp(1, 2));
  // Another station's frame, seen because the port is promiscuous.
  rig.in_port().deliver(0, frame(ip6(inside_host(1), mapped("192.0.2.9")).udp(1, 2),
                                 "02:00:00:00:09:09", Pipeline::host_mac()));
  rig.run();
  CHECK(rig.to_internet().empty());
  CHECK(rig.punts().empty());
  CHECK(rig.count(DropReason::kNotForUs) == 3);
}

TEST_CASE("RFC 1812 5.3.4: a packet received as a link-layer broadcast is not forwarded") {
  Pipeline rig({});
  const auto out = open_udp(rig, inside_host(1), 5000);
  rig.out_port().deliver(0, frame(ip4("192.0.2.9", out.address).udp(7000, out.port),
                                  "ff:ff:ff:ff:ff:ff", Pipeline::internet_mac()));
  rig.in_port().deliver(0, frame(ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000),
                                 "33:33:00:00:00:01", Pipeline::host_mac()));
  CHECK(rig.to_inside().empty());
  CHECK(rig.to_internet().empty());
}

TEST_CASE("pipeline: a next hop without link address waits at the control core") {
  const unsigned workers = GENERATE(1u, 4u);
  Pipeline rig({.workers = workers, .neighbors = false});
  rig.from_inside(ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000).payload("wait"));
  rig.from_inside(ip6(inside_host(1), mapped("198.51.100.77")).udp(5000, 7000).payload("wait"));
  auto punts = rig.punts();
  REQUIRE(punts.size() == 2);
  CHECK(punts[0].kind == dataplane::PuntKind::kUnresolved);
  CHECK(punts[0].interface == Pipeline::kOut);
  CHECK(punts[0].next_hop == dataplane::Address(*net::parse_ip4("198.51.100.254")));
  CHECK(faults(punts[0].bytes) == "");
  CHECK(punts[0].bytes[0] == 0x45);
  CHECK(punts[1].next_hop == dataplane::Address(*net::parse_ip4("198.51.100.77")));
  CHECK(rig.count(Counter::kUnresolved) == 2);

  rig.engine().set_neighbor(*net::parse_ip4("198.51.100.254"), Pipeline::kOut,
                            net::parse_mac(Pipeline::internet_mac()));
  rig.engine().publish();
  rig.from_inside(ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000).payload("go"));
  CHECK(rig.to_internet().size() == 1);
}

TEST_CASE("RFC 4443 3.1: no route to the translated destination is answered") {
  Pipeline rig({});
  const Bytes packet = ip6(inside_host(1), mapped("233.252.0.1")).udp(5000, 7000).payload(8);
  const Bytes unrouted = ip6(inside_host(1), mapped("10.9.9.9")).udp(5000, 7000).payload(8);
  rig.from_inside(unrouted);
  const auto in = rig.to_inside();
  REQUIRE(in.size() == 1);
  CHECK(diff(ip6("2001:db8:1::1", inside_host(1)).hop_limit(in[0][7]).icmp6(1, 0).quote(unrouted),
             in[0]) == "");
  CHECK(rig.count(DropReason::kNoRoute) == 1);
  CHECK(rig.count(Counter::kIcmpErrorsSent) == 1);
}

TEST_CASE("RFC 7915 5.1: a packet too big for the way out is answered with Packet Too Big") {
  Pipeline rig({.out_mtu = 1280});
  const Bytes packet = ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000).payload(1400);
  rig.from_inside(packet);
  CHECK(rig.to_internet().empty());
  const auto in = rig.to_inside();
  REQUIRE(in.size() == 1);
  REQUIRE(in[0][40] == 2);
  // 20 bytes more than the IPv4 side takes: the header shrinks by that.
  CHECK(net::header_at<net::IcmpHeader>(in[0].data() + 40)->mtu6.host() == 1300);
}

TEST_CASE("RFC 7915 4.1: an IPv4 packet without DF is split to the IPv6 MTU") {
  const unsigned workers = GENERATE(1u, 4u);
  Pipeline rig({.workers = workers, .in_mtu = 1280});
  const auto out = open_udp(rig, inside_host(1), 5000);
  const Bytes packet = ip4("192.0.2.9", out.address).id(9).udp(7000, out.port).payload(1400);
  rig.from_internet(packet);
  const auto in = rig.to_inside();
  REQUIRE(in.size() == 2);
  std::size_t payload = 0;
  for (const auto& fragment : in) {
    CHECK(fragment.size() <= 1280);
    CHECK(fragment[6] == net::kProtoFragment);
    payload += fragment.size() - 48;
  }
  CHECK(payload == 1408);
  CHECK(rig.count(Counter::kFragmentsOut) == 2);
}

TEST_CASE("pipeline: frames in several segments are made whole") {
  Pipeline rig({});
  const Bytes packet = ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000).payload(1000);
  rig.in_port().deliver(0, rig.inside_frame(packet), 100);
  const auto sent = rig.to_internet();
  REQUIRE(sent.size() == 1);
  CHECK(faults(sent[0]) == "");
  CHECK(sent[0].size() == 1028);
  // Larger than any buffer: dropped, with a reason.
  rig.in_port().deliver(
      0, rig.inside_frame(ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000).payload(20000)),
      8000);
  CHECK(rig.to_internet().empty());
  CHECK(rig.count(DropReason::kTooBig) == 1);
}

TEST_CASE("pipeline: frames cut short at every byte are counted and nothing else happens") {
  const unsigned workers = GENERATE(1u, 4u);
  Pipeline rig({.workers = workers});
  const auto out = open_udp(rig, inside_host(1), 5000);
  const std::vector<Bytes> whole = {
      rig.inside_frame(ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000).payload("abc")),
      rig.inside_frame(ip6(inside_host(1), mapped("192.0.2.9")).tcp(5000, 80).flags("S")),
      rig.inside_frame(ip6(inside_host(1), mapped("192.0.2.9")).icmp_echo(1, 1).payload("abc")),
      rig.internet_frame(ip4("192.0.2.9", out.address).udp(7000, out.port).payload("abc")),
      rig.internet_frame(ip4("192.0.2.1", out.address)
                             .icmp4(3, 4, 1400)
                             .quote(ip4(out.address, "192.0.2.9").udp(out.port, 7000).payload(20))),
  };
  uint64_t cut = 0;
  const auto before = rig.counters();
  for (const auto& frame : whole) {
    for (std::size_t length = 1; length < frame.size(); ++length) {
      const Bytes piece(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length));
      auto& port = &frame - whole.data() < 3 ? rig.in_port() : rig.out_port();
      port.deliver(static_cast<unsigned>(cut) % rig.queues(), piece);
      ++cut;
      rig.run();
    }
  }
  CHECK(rig.to_internet().empty());
  CHECK(rig.to_inside().empty());
  CHECK(rig.punts().empty());
  uint64_t dropped = 0;
  for (std::size_t i = 0; i < telemetry::kDropReasonCount; ++i) {
    dropped += rig.count(static_cast<DropReason>(i));
  }
  CHECK(dropped == cut);
}

TEST_CASE("pipeline: IPv4 fragments of a pool of one address, in any order, at any queue") {
  Pipeline rig({.workers = 4, .pool_addresses = 1});
  const auto out = open_udp(rig, inside_host(3), 5000);
  const auto datagram = ip4("192.0.2.9", out.address).udp(7000, out.port).payload(2000);
  const Bytes first = datagram.slice(0, 1024, 33);
  const Bytes second = datagram.slice(1024, 984, 33);
  const unsigned owner = rig.engine().ownership().owner4(*net::parse_ip4(out.address), out.port);
  uint64_t forwarded = 0;
  uint64_t handled = 0;
  const auto forwarded_total = [&](std::size_t more) { return forwarded += more; };
  for (unsigned queue = 0; queue < 4; ++queue) {
    for (const bool in_order : {true, false}) {
      rig.from_internet(in_order ? first : second, queue);
      rig.run();
      rig.from_internet(in_order ? second : first, 3 - queue);
      // Wherever they arrived, the owner of the port has had both: it forwards or counts them.
      const auto in = rig.to_inside();
      handled += 2;
      CHECK(forwarded_total(in.size()) + rig.engine().counters(owner).get(DropReason::kFragment) ==
            handled);
      rig.advance(3000);
    }
  }
}
