// SPDX-License-Identifier: BSD-3-Clause
// Workers keep what many packets have in common: where most go (dataplane/usual_way.h), and whose
// they are (dataplane/plain_burst.h). What changes is obeyed at the very next packet.
#include "catch.h"
#include "dataplane/pipeline.h"
#include "dataplane/settings.h"
#include "net/headers.h"

using namespace isthmus;
using namespace isthmus::test;
using dataplane::NextHop;
using telemetry::Counter;
using telemetry::DropReason;

namespace {

constexpr const char* kOther = "02:00:00:00:03:03";

/// Of the frames sent since, the link addresses that they went to.
std::vector<std::string> receivers(Pipeline& rig, RingPort& port) {
  rig.run();
  std::vector<std::string> out;
  for (const Bytes& frame : port.sent()) {
    out.push_back(net::to_string(net::header_at<net::EthHeader>(frame.data())->destination));
  }
  return out;
}

/// An open flow from inside, and what it is called outside.
struct Flow {
  std::string host, remote, pool;
  uint16_t port;

  Flow(Pipeline& rig, std::string from, std::string to)
      : host(std::move(from)), remote(std::move(to)) {
    rig.from_inside(out());
    rig.run();
    const auto frames = rig.out_port().sent();
    REQUIRE(frames.size() == 1);
    const uint8_t* ip = frames[0].data() + sizeof(net::EthHeader);
    pool = net::to_string(net::header_at<net::Ip4Header>(ip)->source);
    port = net::header_at<net::UdpHeader>(ip + sizeof(net::Ip4Header))->source_port.host();
  }
  Bytes out() const { return ip6(host, mapped(remote)).udp(5000, 7000).payload("hello"); }
  Bytes back() const { return ip4(remote, pool).udp(7000, port).payload("hello"); }
};

void change_pool(Pipeline& rig, const char* first, const char* last) {
  auto config = rig.make_config();
  auto& ranges = config.nat64[0].pools[0].ranges;
  ranges.push_back({*net::parse_ip4(first), *net::parse_ip4(last)});
  REQUIRE(rig.engine().change_pools(dataplane::make_settings(config, 1)));
}

}  // namespace

TEST_CASE("changes: packets to inside hosts take a new route at once") {
  Pipeline rig({});
  auto& engine = rig.engine();
  const Flow a(rig, inside_host(1), "192.0.2.9"), b(rig, inside_host(2), "192.0.2.9");
  const auto send_both = [&] {
    rig.from_internet(a.back());
    rig.from_internet(b.back());
    return receivers(rig, rig.in_port());
  };
  const std::vector<std::string> same{Pipeline::host_mac(), Pipeline::host_mac()};
  const std::vector<std::string> apart{Pipeline::host_mac(), kOther};
  CHECK(send_both() == same);
  engine.set_neighbor(*net::parse_ip6("fe80::fe"), Pipeline::kIn, net::parse_mac(kOther));
  engine.publish();  // and now it is known where packets usually go
  CHECK(send_both() == same);
  const auto of_b = net::prefix_of(*net::parse_ip6(b.host), 64);
  REQUIRE(engine.set_route(of_b, NextHop{Pipeline::kIn, *net::parse_ip6("fe80::fe")}));
  engine.publish();
  CHECK(send_both() == apart);
  REQUIRE(engine.set_route(of_b, std::nullopt));
  engine.publish();
  CHECK(send_both() == same);
  // Of one host alone.
  const net::Ip6Prefix only_b{*net::parse_ip6(b.host), 128};
  REQUIRE(engine.set_route(only_b, NextHop{Pipeline::kIn, *net::parse_ip6("fe80::fe")}));
  engine.publish();
  CHECK(send_both() == apart);
}

TEST_CASE("changes: packets to servers take a new route at once") {
  Pipeline rig({});
  auto& engine = rig.engine();
  const auto usual = *net::parse_ip4("198.51.100.254"), other = *net::parse_ip4("198.51.100.253");
  REQUIRE(engine.set_route(net::Ip4Prefix{}, NextHop{Pipeline::kOut, usual}));
  engine.set_neighbor(other, Pipeline::kOut, net::parse_mac(kOther));
  engine.publish();
  const Flow a(rig, inside_host(1), "9.9.9.9"), b(rig, inside_host(2), "9.200.0.1");
  const auto send_both = [&] {
    rig.from_inside(a.out());
    rig.from_inside(b.out());
    return receivers(rig, rig.out_port());
  };
  const std::vector<std::string> same{Pipeline::internet_mac(), Pipeline::internet_mac()};
  const std::vector<std::string> apart{Pipeline::internet_mac(), kOther};
  for (const char* prefix : {"9.200.0.1/32", "9.128.0.0/9"}) {
    CHECK(send_both() == same);
    const auto of_b = *net::parse_ip4_prefix(prefix);
    REQUIRE(engine.set_route(of_b, NextHop{Pipeline::kOut, other}));
    engine.publish();
    CHECK(send_both() == apart);
    REQUIRE(engine.set_route(of_b, std::nullopt));
    engine.publish();
  }
  REQUIRE(engine.set_route(*net::parse_ip4_prefix("9.0.0.0/8"), NextHop{Pipeline::kOut, other}));
  engine.publish();
  CHECK(send_both() == std::vector<std::string>{kOther, kOther});
}

TEST_CASE("changes: what has become a pool's turns around at once") {
  Pipeline rig({});
  REQUIRE(rig.engine().set_route(net::Ip4Prefix{},
                                 NextHop{Pipeline::kOut, *net::parse_ip4("198.51.100.254")}));
  rig.engine().publish();
  const Flow flow(rig, inside_host(1), "9.9.9.9");
  rig.from_inside(flow.out());
  CHECK(receivers(rig, rig.out_port()).size() == 1);
  change_pool(rig, "9.9.9.0", "9.9.9.15");
  const auto hairpins = rig.count(Counter::kHairpin);
  rig.from_inside(flow.out());
  CHECK(receivers(rig, rig.out_port()).empty());
  CHECK(rig.count(Counter::kHairpin) == hairpins + 1);
}

TEST_CASE("changes: what has become the box's own goes there at once") {
  Pipeline rig({});
  const Bytes packet = ip4("192.0.2.9", "203.0.113.2").udp(7000, 9).payload("hello");
  rig.from_internet(packet);
  CHECK(rig.punts().empty());
  CHECK(rig.count(DropReason::kNoBinding) == 1);
  rig.engine().set_local_address(*net::parse_ip4("203.0.113.2"), Pipeline::kOut, true);
  rig.engine().publish();
  rig.from_internet(packet);
  CHECK(rig.punts().size() == 1);
  CHECK(rig.count(DropReason::kNoBinding) == 1);
}

TEST_CASE("changes: what is no pool's any longer is nobody's at once") {
  Pipeline rig({});
  change_pool(rig, "203.0.113.16", "203.0.113.31");
  const Bytes packet = ip4("192.0.2.9", "203.0.113.3").udp(7000, 9).payload("hello");
  rig.from_internet(packet);
  rig.run();
  CHECK(rig.count(DropReason::kNoBinding) == 1);
  auto config = rig.make_config();
  config.nat64[0].pools[0].ranges = {
      {*net::parse_ip4("203.0.113.16"), *net::parse_ip4("203.0.113.31")}};
  REQUIRE(rig.engine().change_pools(dataplane::make_settings(config, 1)));
  rig.from_internet(packet);
  rig.run();
  CHECK(rig.count(DropReason::kNoBinding) == 1);
  CHECK(rig.count(DropReason::kNotForUs) == 1);
}
