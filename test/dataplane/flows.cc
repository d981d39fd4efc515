// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/flows.h"

#include <array>

#include "catch.h"
#include "net/headers.h"
#include "packets/diff.h"

namespace isthmus::test {
namespace {

using telemetry::Counter;
using telemetry::DropReason;

constexpr std::size_t kLink = 14;

Packet with_transport(Packet packet, Flow::Kind kind, uint16_t from, uint16_t to, bool reply) {
  switch (kind) {
    case Flow::kUdp: packet.udp(from, to); break;
    case Flow::kTcp: packet.tcp(from, to).flags(reply ? "SA" : "S"); break;
    case Flow::kIcmp: reply ? packet.icmp_echo_reply(to, 1) : packet.icmp_echo(from, 1); break;
  }
  return packet.payload("hello");
}

}  // namespace

Packet Flow::inside_out() const {
  return with_transport(ip6(host, mapped(remote)), kind, port, remote_port, false);
}

Packet Flow::outside_out() const {
  return with_transport(ip4(address, remote).ttl(63), kind, outside, remote_port, false);
}

Packet Flow::outside_in() const {
  return with_transport(ip4(remote, address), kind, remote_port, outside, true);
}

Packet Flow::inside_in() const {
  return with_transport(ip6(mapped(remote), host).hop_limit(63), kind, remote_port, port, true);
}

std::string diff4(Bytes expected, const Bytes& got) {
  if (got.size() < 20 || expected.size() < 20) return diff(expected, got);
  auto* ip = net::header_at<net::Ip4Header>(expected.data());
  ip->identification = net::header_at<net::Ip4Header>(got.data())->identification;
  ip->checksum = net::Be16(0);
  const Bytes header(expected.begin(), expected.begin() + 20);
  ip->checksum = net::Be16(plain_checksum(header));
  return diff(expected, got);
}

FlowRig::Sent FlowRig::collect() {
  Sent sent{to_inside(), {}};
  sent.internet = to_internet();
  for (const auto* side : {&sent.inside, &sent.internet}) {
    for (const auto& packet : *side) {
      expect(Counter::kTxPackets);
      expect(Counter::kTxBytes, packet.size() + kLink);
    }
  }
  return sent;
}

unsigned FlowRig::queue_for(const RingPort& port, const Bytes& frame) {
  return spread ? spread(port.device(), frame) : turn_++ % queues();
}

FlowRig::Sent FlowRig::give_inside(const Bytes& packet) {
  from_inside(packet, queue_for(in_port(), inside_frame(packet)));
  expect(Counter::kRxPackets);
  expect(Counter::kRxBytes, packet.size() + kLink);
  return collect();
}

FlowRig::Sent FlowRig::give_internet(const Bytes& packet) {
  from_internet(packet, queue_for(out_port(), internet_frame(packet)));
  expect(Counter::kRxPackets);
  expect(Counter::kRxBytes, packet.size() + kLink);
  return collect();
}

FlowRig::Sent FlowRig::let_pass(uint32_t milliseconds) {
  // The wheel turns a tick at a time; a turn frees a bounded number.
  advance(milliseconds);
  for (unsigned i = 0; i < 64; ++i) run();
  return collect();
}

Flow FlowRig::open(Flow flow, Made made) {
  const Bytes in = flow.inside_out();
  const auto sent = give_inside(in);
  REQUIRE(sent.inside.empty());
  REQUIRE(sent.internet.size() == 1);
  const auto& out = sent.internet[0];
  REQUIRE(faults(out) == "");
  flow.address = net::to_string(net::header_at<net::Ip4Header>(out.data())->source);
  const std::size_t at = flow.kind == Flow::kIcmp ? 24 : 20;
  flow.outside = static_cast<uint16_t>(out[at] << 8 | out[at + 1]);
  REQUIRE(diff4(flow.outside_out(), out) == "");
  expect(Counter::kNat64Out);
  expect(Counter::kNat64OutBytes, in.size());
  expect(Counter::kBindingsCreated, made.bindings);
  expect(Counter::kSessionsCreated, made.sessions);
  return flow;
}

void FlowRig::lives(const Flow& flow) {
  const Bytes out = flow.inside_out();
  auto sent = give_inside(out);
  REQUIRE(sent.inside.empty());
  REQUIRE(sent.internet.size() == 1);
  CHECK(diff4(flow.outside_out(), sent.internet[0]) == "");
  const Bytes in = flow.outside_in();
  sent = give_internet(in);
  REQUIRE(sent.internet.empty());
  REQUIRE(sent.inside.size() == 1);
  CHECK(diff(flow.inside_in(), sent.inside[0]) == "");
  expect(Counter::kNat64Out);
  expect(Counter::kNat64OutBytes, out.size());
  expect(Counter::kNat64In);
  expect(Counter::kNat64InBytes, in.size());
}

void FlowRig::refused(const Flow& flow, DropReason reason) {
  const Bytes in = flow.inside_out();
  const auto sent = give_inside(in);
  CHECK(sent.internet.empty());
  REQUIRE(sent.inside.size() == 1);
  CHECK(diff(ip6("2001:db8:1::1", flow.host).icmp6(1, 3).quote(in), sent.inside[0]) == "");
  expect(reason);
  expect(Counter::kIcmpErrorsSent);
}

void FlowRig::refused_silently(const Flow& flow) {
  CHECK(give_inside(flow.inside_out()).nothing());
  expect(DropReason::kIcmpRateLimit);
}

void FlowRig::dropped_from_outside(const Flow& flow, DropReason reason) {
  CHECK(give_internet(flow.outside_in()).nothing());
  expect(reason);
}

void FlowRig::ended(uint64_t bindings, uint64_t sessions) {
  expect(Counter::kBindingsDeleted, bindings);
  expect(Counter::kSessionsDeleted, sessions);
}

void FlowRig::check_counters() {
  auto got = counters();
  std::string wrong;
  for (const auto& [name, n] : expected_) got.try_emplace(name, 0);
  for (const auto& [name, n] : got) {
    const uint64_t wanted = expected_[name];
    if (n == wanted) continue;
    wrong += name + ": expected " + std::to_string(wanted) + ", got " + std::to_string(n) + "\n";
  }
  CHECK(wrong == "");
  CHECK(count(Counter::kHandoffOut) == count(Counter::kHandoffIn));
}

std::string FlowRig::host_of(unsigned worker, unsigned n) {
  for (unsigned subscriber = 0;; ++subscriber) {
    const auto host = inside_host(subscriber);
    if (engine().ownership().owner6(*net::parse_ip6(host)) == worker && n-- == 0) return host;
  }
}

std::map<nat::EventKind, FlowRig::Told> FlowRig::events() {
  std::map<nat::EventKind, Told> told;
  engine().take_events(1u << 20, [&](const dataplane::TimedEvent& event) {
    auto& of_kind = told[event.event.kind];
    ++of_kind.events;
    of_kind.refusals += event.event.count;
  });
  return told;
}

nat::TableInfo FlowRig::tables() {
  nat::TableInfo sum;
  for (unsigned id = 0; id < workers(); ++id) {
    const auto info = engine().worker(id).translator().table_info();
    sum.sessions += info.sessions;
    sum.bindings += info.bindings;
    sum.subscribers += info.subscribers;
  }
  return sum;
}

uint64_t FlowRig::ports_in_use() {
  uint64_t sum = 0;
  for (unsigned id = 0; id < workers(); ++id) {
    std::array<nat::PoolInfo, 8> pools;
    const std::size_t count = engine().worker(id).translator().pool_info(pools);
    for (std::size_t i = 0; i < count; ++i) {
      sum += pools[i].used_tcp + pools[i].used_udp + pools[i].used_icmp;
    }
  }
  return sum;
}

void FlowRig::clear(const nat::Filter& filter) {
  for (unsigned id = 0; id < workers(); ++id) {
    uint64_t cursor = 0;
    do {
      REQUIRE(engine().ask(id, [&](nat::Translator& translator, uint32_t) {
        cursor = translator.clear_sessions(cursor, 64, filter).next_cursor;
      }));
    } while (cursor != 0);
  }
}

}  // namespace isthmus::test
