// SPDX-License-Identifier: BSD-3-Clause
// Traces: each step of the packets that are wanted, true to what happens, and nothing else changes.
#include <algorithm>
#include <tuple>

#include "catch.h"
#include "dataplane/capture.h"
#include "dataplane/identification.h"
#include "dataplane/pipeline.h"
#include "dataplane/tracer.h"
#include "packets/diff.h"

namespace isthmus::trace_test {
using namespace isthmus::test;
using dataplane::Capture;
using dataplane::CaptureOptions;
using dataplane::Prospect;
using dataplane::PuntKind;
using dataplane::Traced;
using End = Prospect::End;
using Part = nat::Foreseen::Part;
using telemetry::DropReason;

namespace {

std::unique_ptr<Capture> begin(Pipeline& rig, const std::string& filter = "") {
  CaptureOptions options;
  options.what = CaptureOptions::What::kTrace;
  options.filter = filter;
  auto trace = rig.engine().start_capture(options);
  REQUIRE(trace);
  return std::move(*trace);
}

std::vector<Traced> steps(Capture& trace) {
  std::vector<Traced> out;
  trace.take_steps(100000, [&](const Traced& step) { out.push_back(step); });
  return out;
}

std::vector<Bytes> all_out(Pipeline& rig) {
  auto got = rig.to_internet();
  for (auto& more : rig.to_inside()) got.push_back(more);
  return got;
}

// Bursts are others, and so the order among workers, and which Identifications they use.
std::vector<Bytes> in_order(std::vector<Bytes> packets) {
  for (auto& packet : packets) packet = without_identification(std::move(packet));
  std::sort(packets.begin(), packets.end());
  return packets;
}

constexpr const char* kPeer = "192.0.2.9";

}  // namespace

TEST_CASE("trace: packets of one flow in one burst, each with the state that it met") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  Pipeline rig({.workers = workers});
  const auto trace = begin(rig);
  std::vector<Bytes> sent;
  for (unsigned i = 0; i < 3; ++i) {
    sent.push_back(ip6(inside_host(1), mapped(kPeer))
                       .udp(5000, 7000)
                       .payload(std::string(i + 1, 'x'))
                       .bytes());
    rig.from_inside(sent.back());
  }
  const auto got = all_out(rig);
  REQUIRE(got.size() == 3);
  const auto told = steps(*trace);
  REQUIRE(told.size() == 3);
  for (unsigned i = 0; i < 3; ++i) {
    CAPTURE(i);
    CHECK(told[i].before == sent[i]);
    CHECK(diff(without_identification(told[i].prospect.packet), without_identification(got[i])) ==
          "");
    CHECK(told[i].prospect.end == End::kForwarded);
    CHECK(told[i].prospect.foreseen.session == (i == 0 ? Part::kNew : Part::kFound));
    CHECK(told[i].prospect.foreseen.binding == (i == 0 ? Part::kNew : Part::kFound));
    if (i > 0) CHECK(told[i].prospect.foreseen.flow.packets_6to4 == i);
    CHECK(told[i].prospect.ingress == Pipeline::kIn);
    CHECK(told[i].prospect.egress == Pipeline::kOut);
    CHECK(told[i].prospect.worker == told[0].prospect.worker);
    CHECK(told[i].dropped == DropReason::kNone);
    CHECK_FALSE(told[i].punted);
    CHECK_FALSE(told[i].is_second_half);
    if (told[i].from_worker) CHECK(*told[i].from_worker != told[i].prospect.worker);
    CHECK(told[i].unix_ns > 1'600'000'000'000'000'000);
  }
  CHECK(trace->lost() == 0);
}

TEST_CASE("trace: TCP's states before and after") {
  Pipeline rig({});
  const auto trace = begin(rig, "tcp");
  const auto host = inside_host(1);
  rig.from_inside(ip6(host, mapped(kPeer)).tcp(4000, 443).flags("S").bytes());
  REQUIRE(rig.to_internet().size() == 1);
  auto told = steps(*trace);
  REQUIRE(told.size() == 1);
  const auto flow = told[0].prospect.foreseen.flow;
  CHECK(told[0].prospect.foreseen.after == nat::TcpState::kV6Init);
  rig.from_internet(ip4(kPeer, net::to_string(flow.outside))
                        .tcp(443, flow.outside_port.host())
                        .flags("SA")
                        .bytes());
  REQUIRE(rig.to_inside().size() == 1);
  told = steps(*trace);
  REQUIRE(told.size() == 1);
  CHECK(told[0].prospect.foreseen.flow.state == nat::TcpState::kV6Init);
  CHECK(told[0].prospect.foreseen.after == nat::TcpState::kEstablished);
}

TEST_CASE("trace: what is dropped, answered, punted or waits, and why") {
  Pipeline rig({});
  const auto trace = begin(rig);
  const auto one = [&](bool from_inside, const Bytes& packet) {
    from_inside ? rig.from_inside(packet) : rig.from_internet(packet);
    std::ignore = all_out(rig);
    auto told = steps(*trace);
    REQUIRE(told.size() == 1);
    return told[0];
  };
  const auto host = inside_host(1);
  const auto stray = one(false, ip4(kPeer, "203.0.113.0").udp(7000, 5555).bytes());
  CHECK(stray.prospect.end == End::kDropped);
  CHECK(stray.prospect.reason == DropReason::kNoBinding);
  CHECK(stray.dropped == DropReason::kNoBinding);
  const auto late = one(true, ip6(host, mapped(kPeer)).hop_limit(1).udp(5000, 7000).bytes());
  CHECK(late.prospect.end == End::kAnswered);
  CHECK(late.dropped == DropReason::kHopLimit);
  const auto foreign = one(true, ip6(host, "2001:db8:dead::1").udp(5000, 7000).bytes());
  CHECK(foreign.dropped == DropReason::kNotForUs);
  CHECK(foreign.prospect.reason == DropReason::kNotForUs);
  const auto box = one(true, ip6(host, "ff02::1").icmp_echo(1, 1).bytes());
  CHECK(box.prospect.end == End::kBox);
  CHECK(box.punted == PuntKind::kLocal);
  Pipeline alone({.neighbors = false});
  const auto waiting = begin(alone);
  alone.from_inside(ip6(host, mapped(kPeer)).udp(5000, 7000).bytes());
  std::ignore = all_out(alone);
  const auto told = steps(*waiting);
  REQUIRE(told.size() == 1);
  CHECK(told[0].prospect.end == End::kForwarded);
  CHECK(told[0].punted == PuntKind::kUnresolved);
}

TEST_CASE("trace: a hairpin has two steps") {
  const unsigned workers = GENERATE(1u, 4u);
  Pipeline rig({.workers = workers});
  rig.from_inside(ip6(inside_host(2), mapped(kPeer)).udp(6000, 7000).bytes());
  std::ignore = all_out(rig);
  const auto trace = begin(rig);
  rig.from_inside(ip6(inside_host(2), mapped(kPeer)).udp(6000, 7000).bytes());
  std::ignore = all_out(rig);
  const auto target = steps(*trace).at(0).prospect.foreseen.flow;
  rig.from_inside(ip6(inside_host(1), mapped(net::to_string(target.outside)))
                      .udp(5000, target.outside_port.host())
                      .payload("hi")
                      .bytes());
  const auto got = rig.to_inside();
  REQUIRE(got.size() == 1);
  auto told = steps(*trace);
  REQUIRE(told.size() == 2);
  // Of two workers: in no order.
  if (told[0].is_second_half) std::swap(told[0], told[1]);
  CHECK(told[0].prospect.end == End::kTurned);
  CHECK(told[0].prospect.foreseen.session == Part::kNew);
  CHECK(told[1].is_second_half);
  CHECK(told[1].prospect.end == End::kForwarded);
  CHECK(diff(told[1].prospect.packet, got[0]) == "");
}

TEST_CASE("trace: only what the filter matches, which sees packets from their IP header on") {
  Pipeline rig({});
  CaptureOptions wrong;
  wrong.what = CaptureOptions::What::kTrace;
  wrong.filter = "ether host 02:00:00:00:00:01";
  CHECK_FALSE(rig.engine().start_capture(wrong));
  const auto trace = begin(rig, "udp dst port 7001");
  for (const uint16_t port : {7000, 7001, 7002}) {
    rig.from_inside(ip6(inside_host(1), mapped(kPeer)).udp(5000, port).bytes());
  }
  CHECK(all_out(rig).size() == 3);
  CHECK(steps(*trace).size() == 1);
}

TEST_CASE("trace: a full ring is counted, and nothing waits for it") {
  Pipeline rig({});
  const auto trace = begin(rig);
  constexpr unsigned kMore = 44;
  constexpr unsigned kAll = dataplane::Tracer::kPlaces + kMore;
  for (unsigned i = 0; i < kAll; ++i) {
    rig.from_internet(ip4(kPeer, "203.0.113.0").udp(7000, 5555).bytes());
    if (i % 50 == 49) rig.run();
  }
  std::ignore = all_out(rig);
  CHECK(rig.count(DropReason::kNoBinding) == kAll);
  CHECK(trace->lost() == kMore);
  CHECK(steps(*trace).size() == dataplane::Tracer::kPlaces);
}

TEST_CASE("trace: what goes through is the same with one and without, and after it") {
  const unsigned workers = GENERATE(1u, 4u);
  Pipeline plain({.workers = workers}), traced({.workers = workers});
  for (unsigned round = 0; round < 3; ++round) {
    std::unique_ptr<Capture> trace;
    if (round == 1) trace = begin(traced);
    for (unsigned host = 0; host < 20; ++host) {
      const auto packet =
          ip6(inside_host(host), mapped(kPeer)).udp(5000, 7000).payload("x").bytes();
      plain.from_inside(packet);
      traced.from_inside(packet);
    }
    plain.from_internet(ip4(kPeer, "203.0.113.0").udp(7000, 5555).bytes());
    traced.from_internet(ip4(kPeer, "203.0.113.0").udp(7000, 5555).bytes());
    CHECK(in_order(plain.to_internet()) == in_order(traced.to_internet()));
    CHECK(plain.counters() == traced.counters());
    if (trace) CHECK(steps(*trace).size() == 21);
  }
}

}  // namespace isthmus::trace_test
