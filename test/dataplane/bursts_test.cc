// SPDX-License-Identifier: BSD-3-Clause
// Packets of one burst that do not all leave alike.
#include <array>
#include <string>

#include "catch.h"
#include "dataplane/pipeline.h"
#include "net/headers.h"

using namespace isthmus;
using namespace isthmus::test;
using telemetry::Counter;

namespace {

Bytes outside_of(Pipeline& rig, const Bytes& packet) {
  rig.from_inside(packet);
  const auto sent = rig.to_internet();
  REQUIRE(sent.size() == 1);
  return sent[0];
}

}  // namespace

TEST_CASE("pipeline: what one burst becomes leaves in order, split packets among plain ones") {
  // Fragments of one packet in three: more frames than a transmit burst holds.
  constexpr unsigned kPackets = 96;
  Pipeline rig({});
  const Bytes opened = outside_of(rig, ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000));
  const auto* ip = net::header_at<net::Ip4Header>(opened.data());
  const auto pool = net::to_string(ip->source);
  const auto port = net::header_at<net::UdpHeader>(opened.data() + 20)->source_port.host();
  const auto frames_before = rig.count(Counter::kTxPackets);
  const auto bytes_before = rig.count(Counter::kTxBytes);
  for (unsigned i = 0; i < kPackets; ++i) {
    const std::size_t length = i % 3 == 1 ? 1400 : 20;
    auto text = std::to_string(1000 + i);
    text.resize(length, '.');
    const auto id = static_cast<uint16_t>(1000 + i);
    rig.from_internet(ip4("192.0.2.9", pool).id(id).udp(7000, port).payload(text));
  }
  const auto in = rig.to_inside();
  REQUIRE(in.size() == kPackets + kPackets / 3);
  uint64_t bytes = 0;
  auto next = in.begin();
  for (unsigned i = 0; i < kPackets; ++i) {
    const std::size_t text = 40 + 8 + (i % 3 == 1 ? 8 : 0);
    CHECK(std::string(next->begin() + text, next->begin() + text + 4) == std::to_string(1000 + i));
    for (unsigned n = 0; n < (i % 3 == 1 ? 2 : 1); ++n) bytes += 14 + (next++)->size();
  }
  CHECK(rig.count(Counter::kTxPackets) == frames_before + in.size());
  CHECK(rig.count(Counter::kTxBytes) == bytes_before + bytes);
  CHECK(rig.count(Counter::kFragmentsOut) == 2 * kPackets / 3);
}

TEST_CASE("pipeline: ports that have more in one turn than a burst holds") {
  // Echo requests, which go the general way, among plain packets of one flow.
  constexpr unsigned kPackets = 64;
  Pipeline rig({});
  outside_of(rig, ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000));
  for (unsigned i = 0; i < kPackets; ++i) {
    const auto packet = [&](unsigned port) {
      auto out = ip6(inside_host(1), mapped("192.0.2.9"));
      if (i % 7 == 3) {
        out.icmp6(128, 0, 9 << 16 | i);
      } else {
        out.udp(5000, 7000);
      }
      return Bytes(out.payload(std::to_string(1000 * port + i)));
    };
    rig.from_inside(packet(1));
    rig.from_internet(packet(2));
  }
  const auto sent = rig.to_internet();
  REQUIRE(sent.size() == 2 * kPackets);
  std::array<unsigned, 3> next{};
  for (const Bytes& packet : sent) {
    const auto number =
        static_cast<unsigned>(std::stoul(std::string(packet.end() - 4, packet.end())));
    REQUIRE(number / 1000 < next.size());
    CHECK(number % 1000 == next[number / 1000]++);
  }
}

TEST_CASE("pipeline: packets of one burst take their own next hops") {
  constexpr unsigned kPackets = 24;
  constexpr const char* kOtherMac = "02:00:00:00:02:03";
  Pipeline rig({});
  auto& engine = rig.engine();
  const auto other = *net::parse_ip4("198.51.100.253");
  REQUIRE(engine.set_route(*net::parse_ip4_prefix("192.0.2.128/25"),
                           dataplane::NextHop{Pipeline::kOut, other}));
  engine.set_neighbor(other, Pipeline::kOut, net::parse_mac(kOtherMac));
  engine.publish();
  // The flows of both are there before, so that all packets go the short way.
  for (unsigned round = 0; round < 2; ++round) {
    for (unsigned i = 0; i < kPackets; ++i) {
      const char* remote = i % 3 == 1 ? "192.0.2.200" : "192.0.2.9";
      rig.from_inside(ip6(inside_host(1), mapped(remote)).udp(5000, 7000).payload("hello"));
    }
    rig.run();
    const auto frames = rig.out_port().sent();
    REQUIRE(frames.size() == kPackets);
    for (unsigned i = 0; i < kPackets; ++i) {
      const auto* eth = net::header_at<net::EthHeader>(frames[i].data());
      const auto* ip = net::header_at<net::Ip4Header>(frames[i].data() + sizeof *eth);
      CHECK(net::to_string(eth->destination) ==
            (i % 3 == 1 ? kOtherMac : Pipeline::internet_mac()));
      CHECK(net::to_string(ip->destination) == (i % 3 == 1 ? "192.0.2.200" : "192.0.2.9"));
    }
  }
}
