// SPDX-License-Identifier: BSD-3-Clause
// Network cards that are told who owns what: each packet comes to its owner, and is handed off
// where no card could know.
#include "catch.h"
#include "dataplane/flows.h"
#include "dataplane/soft_nic.h"
#include "net/headers.h"

using namespace isthmus;
using namespace isthmus::test;

namespace steering_test {
namespace {

enum class Shape { kTwoPorts, kUnknown, kOnePort };

PipelineOptions options_of(unsigned workers, unsigned addresses, Shape shape) {
  PipelineOptions options;
  options.workers = workers;
  options.pool_addresses = addresses;
  options.one_port = shape == Shape::kOnePort;
  options.configure = [shape](conf::Config& config) {
    config.limits.fragments = 256;
    if (shape != Shape::kTwoPorts) return;
    config.ports[0].interfaces[0].addresses = {{*net::parse_ip6("2001:db8:1::1"), 64}};
    config.ports[1].interfaces[0].addresses = {{*net::parse_ip4("198.51.100.1"), 24}};
  };
  return options;
}

class Rig : public FlowRig {
 public:
  Rig(unsigned workers, unsigned addresses, Shape shape)
      : FlowRig(options_of(workers, addresses, shape)) {
    spread = SoftNic::queue_of;
  }

  dataplane::SteeringInfo steering(unsigned port) { return engine().steering_info().at(port); }
  uint64_t handed_off() {
    uint64_t sum = 0;
    for (const auto& info : engine().steering_info()) sum += info.handed_off;
    return sum;
  }
  uint64_t mismatched() {
    uint64_t sum = 0;
    for (const auto& info : engine().steering_info()) sum += info.mismatched;
    return sum;
  }

  /// Both directions of flows of one kind from hosts all over the prefix.
  std::vector<Flow> talk(Flow::Kind kind, unsigned flows = 48) {
    std::vector<Flow> open_flows;
    for (unsigned i = 0; i < flows; ++i) {
      Flow flow;
      flow.kind = kind;
      flow.host = inside_host(i * 7, 1 + i);
      flow.port = static_cast<uint16_t>(2000 + i);
      flow.remote = "192.0.2." + std::to_string(1 + i);
      open_flows.push_back(open(flow));
      lives(open_flows.back());
    }
    return open_flows;
  }
};

std::vector<Bytes> in_pieces(Packet packet, uint32_t id) {
  constexpr std::size_t kStep = 800, kSize = 2000;
  packet.payload(pattern(kSize));
  std::vector<Bytes> out;
  for (std::size_t at = 0; at < kSize; at += kStep) {
    out.push_back(packet.slice(at, std::min(kStep, kSize - at), id));
  }
  return out;
}

}  // namespace

TEST_CASE("steering: by address nothing is handed off, whatever a port faces") {
  SoftNic::be({});
  for (const unsigned workers : {2u, 3u, 4u, 7u}) {
    for (const auto shape : {Shape::kTwoPorts, Shape::kUnknown, Shape::kOnePort}) {
      Rig rig(workers, 8, shape);
      INFO(workers << " workers, shape " << static_cast<int>(shape));
      for (const auto& info : rig.engine().steering_info()) {
        CHECK(info.mode4 == "by address");
        CHECK(info.rung.substr(0, 12) == "compiled key");
        CHECK(info.key.size() == 40);
        CHECK(info.entries == 128);
      }
      for (const auto kind : {Flow::kUdp, Flow::kTcp, Flow::kIcmp}) rig.talk(kind);
      rig.check_counters();
      uint64_t received = 0;
      for (const auto& info : rig.engine().steering_info()) received += info.received;
      CHECK(received == 3 * 48 * 3);
      CHECK(rig.handed_off() == 0);
      CHECK(rig.mismatched() == 0);
    }
  }
}

TEST_CASE("steering: by address fragments come to their owners, too") {
  SoftNic::be({});
  for (const auto shape : {Shape::kTwoPorts, Shape::kUnknown, Shape::kOnePort}) {
    Rig rig(4, 4, shape);
    uint32_t id = 1;
    for (const auto& flow : rig.talk(Flow::kUdp, 16)) {
      unsigned sent = 0;
      for (const auto& piece : in_pieces(flow.inside_out(), ++id)) {
        sent += static_cast<unsigned>(rig.give_inside(piece).internet.size());
      }
      CHECK(sent == 3);
      sent = 0;
      for (const auto& piece : in_pieces(flow.outside_in(), ++id)) {
        sent += static_cast<unsigned>(rig.give_internet(piece).inside.size());
      }
      CHECK(sent == 3);
    }
    CHECK(rig.handed_off() == 0);
  }
}

TEST_CASE("steering: ICMP errors are handed off when another owns what they quote, no mismatch") {
  SoftNic::be({});
  Rig rig(4, 4, Shape::kTwoPorts);
  const auto flows = rig.talk(Flow::kUdp, 16);
  for (const auto& flow : flows) {
    const Bytes error =
        ip4("192.0.2.254", flow.address).icmp4(3, 1).quote(flow.outside_out().bytes());
    CHECK(rig.give_internet(error).inside.size() == 1);
  }
  CHECK(rig.handed_off() == 0);  // it quotes the address that it is sent to
  // In IPv6 a router sends it, which is nobody's.
  uint64_t elsewhere = 0;
  const std::string router = "2001:db8:1:77::1";
  for (const auto& flow : flows) {
    const Bytes error =
        ip6(router, mapped(flow.remote)).icmp6(1, 0).quote(flow.inside_in().bytes());
    CHECK(rig.give_inside(error).internet.size() == 1);
    const auto& ownership = rig.engine().ownership();
    elsewhere +=
        ownership.owner6(*net::parse_ip6(router)) != ownership.owner6(*net::parse_ip6(flow.host));
  }
  CHECK(elsewhere > 0);
  CHECK(rig.steering(0).handed_off == elsewhere);
  CHECK(rig.mismatched() == 0);
}

TEST_CASE("steering: by port block TCP and UDP come to their owners, what has no ports does not") {
  SoftNic::be({});
  for (const unsigned workers : {2u, 3u, 4u}) {
    Rig rig(workers, 1, Shape::kTwoPorts);
    INFO(workers << " workers");
    CHECK(rig.steering(0).rung == "compiled key for IPv6");
    CHECK(rig.steering(1).rung == "compiled key for IPv4");
    CHECK(rig.steering(1).mode4 == "by port block");
    rig.talk(Flow::kUdp);
    rig.talk(Flow::kTcp);
    CHECK(rig.handed_off() == 0);
    // Index 0 of the table is the worker's that has the lowest ports.
    const auto& ownership = rig.engine().ownership();
    uint64_t elsewhere = 0;
    for (const auto& flow : rig.talk(Flow::kIcmp)) {
      elsewhere += ownership.owner6(*net::parse_ip6(flow.host)) !=
                   ownership.owner4(*net::parse_ip4(flow.address), 0);
    }
    CHECK(elsewhere > 0);
    CHECK(rig.steering(0).handed_off == 0);
    CHECK(rig.steering(1).handed_off == elsewhere);
    CHECK(rig.mismatched() == 0);
    rig.check_counters();
  }
}

TEST_CASE("steering: one port with port blocks steers IPv6, and hands IPv4 off") {
  SoftNic::be({});
  Rig rig(4, 1, Shape::kOnePort);
  CHECK(rig.steering(0).rung == "compiled key for IPv6");
  for (unsigned i = 0; i < 32; ++i) {
    Flow flow;
    flow.host = inside_host(i * 5);
    flow.port = 3000;
    rig.open(flow);
  }
  CHECK(rig.handed_off() == 0);
  rig.talk(Flow::kUdp);
  CHECK(rig.handed_off() > 0);
  CHECK(rig.mismatched() == 0);
  rig.check_counters();
}

TEST_CASE("steering: longer keys and larger tables") {
  for (const unsigned entries : {128u, 256u, 512u}) {
    SoftNic::be({.entries = entries, .key_bytes = 52});
    for (const unsigned addresses : {1u, 4u}) {
      Rig rig(4, addresses, Shape::kTwoPorts);
      CHECK(rig.steering(1).entries == entries);
      rig.talk(Flow::kUdp);
      rig.talk(Flow::kTcp);
      CHECK(rig.handed_off() == 0);
    }
  }
}

TEST_CASE("steering: subscribers with shorter prefixes, each port with a key of its own") {
  SoftNic::be({});
  auto options = options_of(4, 4, Shape::kTwoPorts);
  options.configure = [before = options.configure](conf::Config& config) {
    before(config);
    config.limits.subscriber_prefix = 56;
  };
  FlowRig rig(options);
  rig.spread = SoftNic::queue_of;
  for (unsigned i = 0; i < 32; ++i) {
    Flow flow;
    flow.host = inside_host(i * 256);
    flow.port = 3000;
    rig.lives(rig.open(flow));
  }
  for (const auto& info : rig.engine().steering_info()) CHECK(info.handed_off == 0);
  rig.check_counters();
}

TEST_CASE("steering: a card that cannot be told is a rung lower, and nothing else changes") {
  struct Row {
    SoftNic nic;
    unsigned queues;
    const char* rung;
  };
  const Row rows[] = {
      {{.entries = 0}, 0, "software hand-off"},
      {{.entries = 64}, 0, "RSS by the driver's key, hand-off"},
      {{.key_bytes = 0}, 0, "RSS by the driver's key, hand-off"},
      {{.takes_key = false}, 0, "RSS by the driver's key, hand-off"},
      {{.takes_table = false}, 0, "RSS by the driver's key, hand-off"},
      {{}, 2, "RSS by the driver's key, hand-off"},
      {{}, 1, "software hand-off"},
  };
  for (const auto& row : rows) {
    SoftNic::be(row.nic);
    auto options = options_of(4, 4, Shape::kTwoPorts);
    options.queues = row.queues;
    FlowRig rig(options);
    rig.spread = SoftNic::queue_of;
    for (const auto& info : rig.engine().steering_info()) {
      CHECK(info.rung == row.rung);
      CHECK(info.key.empty());
    }
    for (unsigned i = 0; i < 32; ++i) {
      Flow flow;
      flow.host = inside_host(i * 5);
      flow.port = 3000;
      rig.lives(rig.open(flow));
    }
    rig.check_counters();
    CHECK(rig.engine().steering_info()[0].handed_off > 0);
    CHECK(rig.engine().steering_info()[0].mismatched == 0);
  }
}

TEST_CASE("steering: a card that hashes otherwise than it was told is found out") {
  SoftNic::be({.hashes_otherwise = true});
  for (const unsigned addresses : {1u, 4u}) {
    Rig rig(4, addresses, Shape::kTwoPorts);
    rig.talk(Flow::kUdp);
    rig.check_counters();
    for (unsigned port = 0; port < 2; ++port) {
      const auto info = rig.steering(port);
      CHECK(info.handed_off > 0);
      CHECK(info.mismatched == info.handed_off);
    }
  }
}

}  // namespace steering_test
