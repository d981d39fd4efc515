// SPDX-License-Identifier: BSD-3-Clause
// What is simulated leaves no trace, and comes true.
#include <array>
#include <cstring>

#include "catch.h"
#include "dataplane/identification.h"
#include "dataplane/pipeline.h"
#include "dataplane/prospect.h"
#include "nat/core.h"
#include "packets/diff.h"

using namespace isthmus;
using namespace isthmus::test;
using dataplane::Prospect;
using End = Prospect::End;
using Part = nat::Foreseen::Part;
using telemetry::DropReason;

namespace {

template <class T>
void append(std::string& out, const T& record) {
  out.append(reinterpret_cast<const char*>(&record), sizeof record);
}

// All counters, and the bytes of all records there are or were.
std::string everything(Pipeline& rig) {
  std::string out;
  for (unsigned id = 0; id < rig.workers(); ++id) {
    append(out, rig.engine().counters(id).value);
    append(out, rig.engine().counters(id).drop);
    const auto& core = rig.engine().worker(id).translator().core();
    for (uint32_t i = 0; i < core.tables.session_end(); ++i) append(out, core.tables.session(i));
    for (uint32_t i = 0; i < core.tables.binding_end(); ++i) append(out, core.tables.binding(i));
    for (uint32_t i = 0; i < core.tables.subscriber_end(); ++i) {
      append(out, core.tables.subscriber(i));
    }
    std::array<nat::PoolInfo, 8> pools;
    const auto count = core.pools.info(pools);
    for (std::size_t i = 0; i < count; ++i) {
      for (const uint64_t figure : {pools[i].used_tcp, pools[i].used_udp, pools[i].used_icmp,
                                    pools[i].held, pools[i].blocks_granted}) {
        append(out, figure);
      }
    }
    append(out, rig.engine().worker(id).loop_counters());
    append(out, rig.engine().worker(id).steering()[0]);
  }
  return out;
}

std::vector<Prospect> ask(Pipeline& rig, const Bytes& packet) {
  const auto before = everything(rig);
  auto asked = rig.engine().simulate(packet, std::nullopt);
  REQUIRE(asked);
  REQUIRE(!asked->empty());
  CHECK(everything(rig) == before);
  return std::move(*asked);
}

// Simulates the packet, sends it, and compares. The last of the prospects.
Prospect agree(Pipeline& rig, const Packet& packet) {
  const Bytes bytes = packet.bytes();
  INFO(dump(bytes));
  const auto prospects = ask(rig, bytes);
  const Prospect& last = prospects.back();
  const uint64_t drops = rig.count(last.reason);
  bytes[0] >> 4 == 6 ? rig.from_inside(bytes) : rig.from_internet(bytes);
  auto got = rig.to_internet();
  for (auto& more : rig.to_inside()) got.push_back(more);
  if (last.end == End::kForwarded || last.end == End::kAnswered || last.end == End::kPassed) {
    REQUIRE(got.size() == 1);
    if (last.end != End::kPassed)
      CHECK(diff(without_identification(last.packet), without_identification(got[0])) == "");
  } else if (last.end != End::kSplit) {
    CHECK(got.empty());
  }
  if (last.end == End::kDropped || last.end == End::kAnswered || last.end == End::kHeld) {
    CHECK(rig.count(last.reason) == drops + 1);
  }
  return last;
}

constexpr const char* kPeer = "192.0.2.9";

}  // namespace

TEST_CASE("simulate: a new flow, its answer, and what comes after") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  Pipeline rig({.workers = workers});
  for (unsigned subscriber = 0; subscriber < 6; ++subscriber) {
    const auto host = inside_host(subscriber);
    const auto first = agree(rig, ip6(host, mapped(kPeer)).udp(5000, 7000).payload("one"));
    CHECK(first.end == End::kForwarded);
    CHECK(first.foreseen.session == Part::kNew);
    CHECK(first.foreseen.binding == Part::kNew);
    CHECK(first.egress == Pipeline::kOut);
    CHECK(first.ingress == Pipeline::kIn);
    REQUIRE(first.link_address);
    CHECK(net::to_string(*first.link_address) == Pipeline::internet_mac());
    const auto& flow = first.foreseen.flow;
    const auto outside = net::to_string(flow.outside);

    const auto back =
        agree(rig, ip4(kPeer, outside).udp(7000, flow.outside_port.host()).payload("two"));
    CHECK(back.foreseen.session == Part::kFound);
    CHECK(back.foreseen.flow.packets_6to4 == 1);
    CHECK(back.worker == first.worker);

    const auto other = agree(rig, ip6(host, mapped("192.0.2.10")).udp(5000, 7000).payload("3"));
    CHECK(other.foreseen.session == Part::kNew);
    CHECK(other.foreseen.binding == Part::kFound);
    CHECK(other.foreseen.flow.outside_port == flow.outside_port);
    agree(rig, ip6(host, mapped(kPeer)).icmp_echo(7, 1));
  }
}

TEST_CASE("simulate: TCP from SYN to the end, with states before and after") {
  Pipeline rig({});
  const auto host = inside_host(1);
  const auto out = [&](const char* flags) {
    return agree(rig, ip6(host, mapped(kPeer)).tcp(4000, 443).flags(flags));
  };
  const auto syn = out("S");
  CHECK(syn.foreseen.after == nat::TcpState::kV6Init);
  const auto& flow = syn.foreseen.flow;
  const auto in = [&](const char* flags) {
    return agree(
        rig,
        ip4(kPeer, net::to_string(flow.outside)).tcp(443, flow.outside_port.host()).flags(flags));
  };
  const auto answer = in("SA");
  CHECK(answer.foreseen.flow.state == nat::TcpState::kV6Init);
  CHECK(answer.foreseen.after == nat::TcpState::kEstablished);
  CHECK(answer.foreseen.lifetime_ms > answer.foreseen.flow.expires_in_ms);
  CHECK(out("A").foreseen.after == nat::TcpState::kEstablished);
  CHECK(in("FA").foreseen.after == nat::TcpState::kV4FinRcv);
  CHECK(out("FA").foreseen.after == nat::TcpState::kV4V6FinRcv);
  // Over, but not yet cleared away: that comes first, and it would begin anew.
  rig.advance(1000 * 1000);
  const Bytes again = ip6(host, mapped(kPeer)).tcp(4000, 443).flags("S");
  const auto& first = rig.engine().worker(0).translator().core().tables.session(0);
  CHECK(first.live());
  CHECK(rig.engine().simulate(again, std::nullopt)->back().foreseen.session == Part::kNew);
  CHECK_FALSE(first.live());
  CHECK(ask(rig, again).back().foreseen.session == Part::kNew);
  CHECK(out("S").foreseen.session == Part::kNew);
}

TEST_CASE("simulate: what is dropped, held or answered, and why") {
  Pipeline rig({});
  const auto host = inside_host(1);
  const auto stray = agree(rig, ip4(kPeer, "203.0.113.0").udp(7000, 5555));
  CHECK(stray.end == End::kDropped);
  CHECK(stray.reason == DropReason::kNoBinding);
  const auto syn = agree(rig, ip4(kPeer, "203.0.113.0").tcp(443, 5555).flags("S"));
  CHECK(syn.end == End::kHeld);
  CHECK(syn.reason == DropReason::kSynHeld);
  const auto late = agree(rig, ip6(host, mapped(kPeer)).hop_limit(1).udp(5000, 7000));
  CHECK(late.end == End::kAnswered);
  CHECK(late.reason == DropReason::kHopLimit);
  CHECK(late.egress == Pipeline::kIn);
  const auto lost = agree(rig, ip6(host, "2001:db8:dead::1").udp(5000, 7000));
  CHECK(lost.end == End::kDropped);
  CHECK(lost.reason == DropReason::kNotForUs);
  const auto loop = agree(rig, ip6(mapped(kPeer), mapped(kPeer)).udp(5000, 7000));
  CHECK(loop.reason == DropReason::kSourceInPrefix);
  const auto ack = agree(rig, ip6(host, mapped(kPeer)).tcp(4000, 443).flags("A"));
  CHECK(ack.reason == DropReason::kNoSession);
  Bytes broken = ip4(kPeer, "203.0.113.0").udp(7000, 5555).bytes();
  broken[10] ^= 1;
  CHECK(ask(rig, broken).back().reason == DropReason::kBadChecksum4);
  CHECK_FALSE(rig.engine().simulate({}, std::nullopt));
}

TEST_CASE("simulate: a hairpin goes both ways through the translator") {
  const unsigned workers = GENERATE(1u, 4u);
  Pipeline rig({.workers = workers});
  const auto target = agree(rig, ip6(inside_host(2), mapped(kPeer)).udp(6000, 7000)).foreseen.flow;
  const auto outside = net::to_string(target.outside);
  const auto packet =
      ip6(inside_host(1), mapped(outside)).udp(5000, target.outside_port.host()).payload("hi");
  const auto legs = ask(rig, packet.bytes());
  REQUIRE(legs.size() == 2);
  CHECK(legs[0].end == End::kTurned);
  CHECK(legs[0].foreseen.session == Part::kNew);
  CHECK(legs[1].end == End::kForwarded);
  CHECK(legs[1].egress == Pipeline::kIn);
  CHECK(agree(rig, packet).foreseen.session == Part::kNew);
  CHECK(agree(rig, packet).foreseen.session == Part::kFound);
}

TEST_CASE("simulate: the box itself, and a neighbor that nobody knows") {
  Pipeline rig({.neighbors = false});
  const auto waits = ask(rig, ip6(inside_host(1), mapped(kPeer)).udp(5000, 7000).bytes()).back();
  CHECK(waits.end == End::kForwarded);
  CHECK(waits.has_route);
  CHECK_FALSE(waits.link_address);
  CHECK(ask(rig, ip6(inside_host(1), "ff02::1").icmp_echo(1, 1).bytes()).back().end == End::kBox);
}
