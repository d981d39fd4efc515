// SPDX-License-Identifier: BSD-3-Clause
// Packets copied out: which, with what said of them, and that nothing else changes.
#include <tuple>

#include "catch.h"
#include "dataplane/capture.h"
#include "dataplane/pipeline.h"
#include "dataplane/tap.h"
#include "packets/diff.h"

using namespace isthmus;
using namespace isthmus::test;
using dataplane::Capture;
using dataplane::Captured;
using dataplane::CaptureOptions;
using What = CaptureOptions::What;
using telemetry::DropReason;

namespace {

struct Copy {
  Captured about;
  Bytes bytes;
};

std::unique_ptr<Capture> begin(Pipeline& rig, const CaptureOptions& options) {
  auto capture = rig.engine().start_capture(options);
  REQUIRE(capture);
  return std::move(*capture);
}

std::vector<Copy> copies(Capture& capture, unsigned limit = 10000) {
  std::vector<Copy> out;
  capture.take(limit, [&](const Captured& packet) {
    out.push_back({packet, {packet.bytes.begin(), packet.bytes.end()}});
  });
  return out;
}

void settle(Pipeline& rig) {
  std::ignore = rig.to_internet();
  std::ignore = rig.to_inside();
}

constexpr const char* kPeer = "192.0.2.9";

}  // namespace

TEST_CASE("capture: what is dropped comes as it was, with its reason") {
  Pipeline rig({.workers = 2});
  const auto capture = begin(rig, {});
  const Bytes stray = ip4(kPeer, "203.0.113.0").udp(7000, 5555).payload("lost").bytes();
  const Bytes late = ip6(inside_host(1), mapped(kPeer)).hop_limit(1).udp(5000, 7000).bytes();
  const Bytes foreign = ip6(inside_host(1), "2001:db8:dead::1").udp(5000, 7000).bytes();
  rig.from_internet(stray);
  settle(rig);
  rig.from_inside(late);
  settle(rig);
  rig.from_inside(foreign);
  rig.from_inside(ip6(inside_host(1), mapped(kPeer)).udp(5000, 7000).bytes());
  settle(rig);
  auto got = copies(*capture);
  REQUIRE(got.size() == 3);
  const auto find = [&](DropReason reason) -> const Copy& {
    for (const auto& copy : got) {
      if (copy.about.reason == reason) return copy;
    }
    FAIL("not captured: " << telemetry::name(reason));
    return got[0];
  };
  CHECK(diff(find(DropReason::kNoBinding).bytes, stray) == "");
  CHECK_FALSE(find(DropReason::kNoBinding).about.is_frame);
  // It was answered; what is shown is what came.
  CHECK(diff(find(DropReason::kHopLimit).bytes, late) == "");
  CHECK(find(DropReason::kNotForUs).about.is_frame);
  CHECK(find(DropReason::kNotForUs).bytes == rig.inside_frame(foreign));
  for (const auto& copy : got) {
    CHECK(copy.about.way == Captured::Way::kDropped);
    CHECK(copy.about.length == copy.bytes.size());
    CHECK(copy.about.unix_ns > 1'600'000'000'000'000'000);
  }
  CHECK(capture->lost() == 0);
}

TEST_CASE("capture: all of a port, both ways, and of no other") {
  Pipeline rig({});
  const auto capture = begin(rig, {What::kPort, 1, ""});
  rig.from_inside(ip6(inside_host(1), mapped(kPeer)).udp(5000, 7000).payload("out").bytes());
  const auto out = rig.to_internet();
  REQUIRE(out.size() == 1);
  const Bytes back = ip4(kPeer, "203.0.113.0").udp(7000, 9).bytes();
  rig.from_internet(back);
  settle(rig);
  const auto got = copies(*capture);
  REQUIRE(got.size() == 2);
  CHECK(got[0].about.way == Captured::Way::kSent);
  CHECK(Bytes(got[0].bytes.begin() + 14, got[0].bytes.end()) == out[0]);
  CHECK(got[1].about.way == Captured::Way::kReceived);
  CHECK(got[1].bytes == rig.internet_frame(back));
  for (const auto& copy : got) CHECK(copy.about.port == 1);
}

TEST_CASE("capture: punts say what for") {
  Pipeline rig({});
  const auto capture = begin(rig, {What::kPunts, 0, ""});
  rig.from_inside(ip6(inside_host(1), "ff02::1").icmp_echo(1, 1).bytes());
  rig.from_inside(ip6(inside_host(1), mapped(kPeer)).udp(5000, 7000).bytes());
  settle(rig);
  const auto got = copies(*capture);
  REQUIRE(got.size() == 1);
  CHECK(got[0].about.way == Captured::Way::kPunted);
  CHECK(got[0].about.punt == dataplane::PuntKind::kLocal);
}

TEST_CASE("capture: a filter says which, whether the link header is still there or not") {
  Pipeline rig({});
  CHECK_FALSE(rig.engine().start_capture({What::kDrops, 0, "no such thing"}));
  const auto capture = begin(rig, {What::kDrops, 0, "udp dst port 5555 or host 2001:db8:dead::1"});
  for (const uint16_t port : {5554, 5555, 5556}) {
    rig.from_internet(ip4(kPeer, "203.0.113.0").udp(7000, port).bytes());
  }
  rig.from_inside(ip6(inside_host(1), "2001:db8:dead::1").udp(1, 2).bytes());
  rig.from_inside(ip6(inside_host(1), "2001:db8:dead::2").udp(1, 2).bytes());
  settle(rig);
  CHECK(copies(*capture).size() == 2);
}

TEST_CASE("capture: a full ring is counted, and nothing waits for it") {
  Pipeline rig({});
  const auto capture = begin(rig, {});
  constexpr unsigned kMore = 100;
  constexpr unsigned kAll = dataplane::Tap::kPlaces + kMore;
  for (unsigned i = 0; i < kAll; ++i) {
    rig.from_internet(ip4(kPeer, "203.0.113.0").udp(7000, 5555).bytes());
    if (i % 100 == 99) rig.run();
  }
  settle(rig);
  CHECK(rig.count(DropReason::kNoBinding) == kAll);
  CHECK(capture->lost() == kMore);
  CHECK(copies(*capture, 10).size() == 10);
  CHECK(copies(*capture).size() == dataplane::Tap::kPlaces - 10);
  rig.from_internet(ip4(kPeer, "203.0.113.0").udp(7000, 5555).bytes());
  settle(rig);
  CHECK(copies(*capture).size() == 1);
}

TEST_CASE("capture: what goes through is the same with one and without, and after it") {
  Pipeline plain({}), captured({});
  for (unsigned round = 0; round < 3; ++round) {
    std::unique_ptr<Capture> capture;
    if (round == 1) capture = begin(captured, {What::kPort, 0, ""});
    for (unsigned host = 0; host < 20; ++host) {
      const auto packet =
          ip6(inside_host(host), mapped(kPeer)).udp(5000, 7000).payload("x").bytes();
      plain.from_inside(packet);
      captured.from_inside(packet);
    }
    CHECK(plain.to_internet() == captured.to_internet());
    CHECK(plain.counters() == captured.counters());
    if (capture) CHECK(copies(*capture).size() == 20);
  }
}
