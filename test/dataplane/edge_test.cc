// SPDX-License-Identifier: BSD-3-Clause
// What happens before the translators: destinations that pass through, sources that cannot be true.
#include "catch.h"
#include "dataplane/pipeline.h"
#include "net/headers.h"
#include "packets/diff.h"

using namespace isthmus;
using namespace isthmus::test;
using telemetry::Counter;
using telemetry::DropReason;

namespace {

// Native networks: 2001:db8:2::/48 and 192.0.2.0/24 behind "out", 10.1.0.0/16 behind "in".
constexpr const char* kNative6 = "2001:db8:2::9";
constexpr const char* kNative4 = "192.0.2.9";
constexpr const char* kHost4 = "10.1.0.5";
constexpr const char* kOwnIn6 = "2001:db8:1::1";
constexpr const char* kOwn4 = "198.51.100.1";

PipelineOptions passing(std::vector<const char*> prefixes, unsigned workers = 1,
                        bool spoof_check = false) {
  PipelineOptions options{.workers = workers};
  options.configure = [=](conf::Config& config) {
    for (const char* text : prefixes) {
      if (const auto ip4 = net::parse_ip4_prefix(text)) {
        config.forwarding.pass_through.emplace_back(*ip4);
      } else {
        config.forwarding.pass_through.emplace_back(*net::parse_ip6_prefix(text));
      }
    }
    config.forwarding.spoof_check = spoof_check;
  };
  return options;
}

struct Rig : Pipeline {
  explicit Rig(const PipelineOptions& options) : Pipeline(options) {
    auto& e = engine();
    const auto out = e.interfaces().size() > 1 ? kOut : kIn;
    e.set_neighbor(*net::parse_ip6("fe80::fe"), out, net::parse_mac(internet_mac()));
    e.set_neighbor(*net::parse_ip4("10.0.0.2"), kIn, net::parse_mac(host_mac()));
    REQUIRE(e.set_route(*net::parse_ip6_prefix("2001:db8:2::/48"),
                        dataplane::NextHop{out, *net::parse_ip6("fe80::fe")}));
    REQUIRE(e.set_route(*net::parse_ip6_prefix("64:ff9b:1:fffe::c000:200/120"),
                        dataplane::NextHop{out, *net::parse_ip6("fe80::fe")}));
    REQUIRE(e.set_route(*net::parse_ip4_prefix("10.1.0.0/16"),
                        dataplane::NextHop{kIn, *net::parse_ip4("10.0.0.2")}));
    e.publish();
  }
  // One packet in from inside; what comes back to it, and what leaves.
  void out(const Bytes& in, const Bytes& expected, unsigned queue = 0) {
    from_inside(in, queue);
    const auto sent = to_internet();
    REQUIRE(sent.size() == 1);
    CHECK(diff(expected, sent[0]) == "");
    CHECK(to_inside().empty());
  }
  void in(const Bytes& in, const Bytes& expected, unsigned queue = 0) {
    from_internet(in, queue);
    const auto sent = to_inside();
    REQUIRE(sent.size() == 1);
    CHECK(diff(expected, sent[0]) == "");
    CHECK(to_internet().empty());
  }
  void answered_inside(const Bytes& in, const Bytes& expected) {
    from_inside(in);
    const auto sent = to_inside();
    REQUIRE(sent.size() == 1);
    CHECK(diff(expected, sent[0]) == "");
    CHECK(to_internet().empty());
  }
  void nothing(DropReason reason) {
    const auto before = count(reason);
    CHECK(to_inside().empty());
    CHECK(to_internet().empty());
    CHECK(count(reason) == before + 1);
  }
};

}  // namespace

TEST_CASE("pass-through: native packets of both families, both ways, on every queue") {
  const unsigned workers = GENERATE(1u, 4u);
  Rig rig(passing({"::/0", "192.0.2.0/24", "10.1.0.0/16"}, workers));
  const auto host = inside_host(3);
  for (unsigned queue = 0; queue < workers; ++queue) {
    rig.out(ip6(host, kNative6).tos(0xb8).flow_label(0x12345).udp(5000, 53).payload("hello"),
            ip6(host, kNative6)
                .hop_limit(63)
                .tos(0xb8)
                .flow_label(0x12345)
                .udp(5000, 53)
                .payload("hello"),
            queue);
    rig.in(ip6(kNative6, host).tcp(80, 5000).flags("SA"),
           ip6(kNative6, host).hop_limit(63).tcp(80, 5000).flags("SA"), queue);
    rig.out(ip4(kHost4, kNative4).id(7).udp(5000, 53).payload("hello"),
            ip4(kHost4, kNative4).id(7).ttl(63).udp(5000, 53).payload("hello"), queue);
    rig.in(ip4(kNative4, kHost4).id(8).df().icmp_echo(1, 2),
           ip4(kNative4, kHost4).id(8).df().ttl(63).icmp_echo(1, 2), queue);
  }
  CHECK(rig.count(Counter::kPassedThrough) == 4 * workers);
  CHECK(rig.count(Counter::kHandoffOut) == 0);
  CHECK(rig.count(Counter::kSessionsCreated) == 0);
}

TEST_CASE("pass-through: the translators come before a wider prefix, after a narrower one") {
  {
    Rig rig(passing({"::/0"}));
    rig.from_inside(ip6(inside_host(1), mapped(kNative4)).udp(5000, 53).payload("hello"));
    const auto sent = rig.to_internet();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0][0] >> 4 == 4);
    CHECK(rig.count(Counter::kPassedThrough) == 0);
  }
  Rig rig(passing({"64:ff9b:1:fffe::c000:200/120"}));
  const auto in = [](uint8_t hops) {
    return ip6(inside_host(1), mapped(kNative4)).hop_limit(hops).udp(5000, 53).payload("hello");
  };
  rig.out(in(64), in(63));
  // Others of the prefix go on being translated.
  rig.from_inside(ip6(inside_host(1), mapped("198.51.100.254")).udp(5000, 53).payload("hello"));
  const auto translated = rig.to_internet();
  REQUIRE(translated.size() == 1);
  CHECK(translated[0][0] >> 4 == 4);
  CHECK(rig.count(Counter::kNat64Out) == 1);
  CHECK(rig.count(Counter::kPassedThrough) == 1);
}

TEST_CASE("pass-through: exceptions to explicit mappings, and theirs to them (RFC 7757)") {
  const auto six = [](const char* text) { return *net::parse_ip6_prefix(text); };
  const auto four = [](const char* text) { return *net::parse_ip4_prefix(text); };
  conf::Config config;
  conf::Siit siit;
  siit.mappings = {{six("2001:db8:5::/96"), four("192.0.2.0/24")},
                   {six("2001:db8:5::8/128"), four("192.0.2.65/32")}};
  config.siit.push_back(siit);
  config.forwarding.pass_through = {six("::/0"), six("2001:db8:5::/100"), four("192.0.2.64/26")};
  const auto edge = dataplane::make_edge(config);
  REQUIRE(edge != nullptr);
  CHECK(edge->is_first);
  using dataplane::Edge;
  for (const auto& [text, expected] : {std::pair{"2001:db8:5::1", Edge::kBeforeTranslators},
                                       {"2001:db8:5::8", Edge::kNo},
                                       {"2001:db8:5::9", Edge::kBeforeTranslators},
                                       {"2001:db8:5::f000:1", Edge::kAfterTranslators},
                                       {"2001:db8::1", Edge::kAfterTranslators}}) {
    INFO(text);
    CHECK(edge->pass(*net::parse_ip6(text)) == expected);
  }
  CHECK(edge->pass(*net::parse_ip4("192.0.2.64")) == Edge::kBeforeTranslators);
  CHECK(edge->pass(*net::parse_ip4("192.0.2.65")) == Edge::kNo);
  CHECK(edge->pass(*net::parse_ip4("192.0.2.1")) == Edge::kNo);
}

TEST_CASE("pass-through: without it nothing is forwarded") {
  Rig rig(passing({}));
  rig.from_inside(ip6(inside_host(1), kNative6).udp(5000, 53));
  rig.nothing(DropReason::kNotForUs);
  rig.from_inside(ip4(kHost4, kNative4).udp(5000, 53));
  rig.nothing(DropReason::kNotForUs);
}

TEST_CASE("pass-through: errors as a router's, RFC 4443 and RFC 1812") {
  Rig rig(passing({"::/0", "0.0.0.0/0"}));
  const auto host = inside_host(1);
  const Bytes dying6 = ip6(host, kNative6).hop_limit(1).udp(5000, 53).payload("hello");
  rig.answered_inside(dying6, ip6(kOwnIn6, host).icmp6(3, 0).quote(dying6));
  const Bytes big6 = ip6(host, kNative6).udp(5000, 53).payload(1500);
  rig.answered_inside(big6, ip6(kOwnIn6, host).icmp6(2, 0, 1500).quote(big6, 1232));
  const Bytes lost6 = ip6(host, "2001:db8:ffff::1").udp(5000, 53).payload("hello");
  rig.answered_inside(lost6, ip6(kOwnIn6, host).icmp6(1, 0).quote(lost6));
  // Echo is answered like anything else; errors are not.
  const Bytes ping6 = ip6(host, kNative6).hop_limit(1).icmp_echo(1, 2);
  rig.answered_inside(ping6, ip6(kOwnIn6, host).icmp6(3, 0).quote(ping6));
  rig.from_inside(ip6(host, kNative6).hop_limit(1).icmp6(1, 4).quote(dying6));
  rig.nothing(DropReason::kHopLimit);

  const auto error4 = [](uint8_t type, uint8_t code, uint32_t rest, const Bytes& about) {
    return ip4(kOwn4, kHost4).tos(0xc0).df().icmp4(type, code, rest).quote(about, 548);
  };
  const Bytes dying4 = ip4(kHost4, kNative4).ttl(1).udp(5000, 53).payload("hello");
  rig.answered_inside(dying4, error4(11, 0, 0, dying4));
  const Bytes big4 = ip4(kHost4, kNative4).df().udp(5000, 53).payload(1500);
  rig.answered_inside(big4, error4(3, 4, 1500, big4));
  const Bytes lost4 = ip4(kHost4, "9.9.9.9").udp(5000, 53).payload("hello");
  rig.answered_inside(lost4, error4(3, 0, 0, lost4));
  const Bytes routed4 = ip4(kHost4, kNative4).options4(hex("830704c0000201")).udp(5000, 53);
  rig.answered_inside(routed4, error4(3, 5, 0, routed4));
  CHECK(rig.count(Counter::kIcmpErrorsSent) == 8);
  CHECK(rig.count(Counter::kPassedThrough) == 0);
}

TEST_CASE("pass-through: IPv4 without DF is fragmented, options and all") {
  auto options = passing({"192.0.2.0/24"});
  options.out_mtu = 1280;
  Rig rig(options);
  const auto whole = ip4(kHost4, kNative4).ttl(63).udp(5000, 53).payload(1400);
  rig.from_inside(ip4(kHost4, kNative4).id(0x77).udp(5000, 53).payload(1400));
  const auto sent = rig.to_internet();
  REQUIRE(sent.size() == 2);
  CHECK(diff(whole.slice(0, 1256, 0x77), sent[0]) == "");
  CHECK(diff(whole.slice(1256, 152, 0x77), sent[1]) == "");
  CHECK(rig.count(Counter::kPassedThrough) == 1);
  CHECK(rig.count(Counter::kFragmentsOut) == 2);
}

TEST_CASE("pass-through: what no router forwards") {
  Rig rig(passing({"::/0", "0.0.0.0/0"}));
  for (const char* source : {"fe80::9", "::1", "ff02::1"}) {
    rig.from_inside(ip6(source, kNative6).udp(5000, 53));
    rig.nothing(DropReason::kIllegalSource);
  }
  rig.from_inside(ip6(inside_host(1), "fe80::77").udp(5000, 53));
  rig.nothing(DropReason::kNotForUs);
  rig.from_inside(ip4("127.0.0.1", kNative4).udp(5000, 53));
  rig.nothing(DropReason::kIllegalSource);
  rig.from_inside(ip4(kHost4, "240.0.0.1").udp(5000, 53));
  rig.nothing(DropReason::kNotForUs);
}

TEST_CASE("pass-through: on a stick") {
  auto options = passing({"::/0"});
  options.one_port = true;
  options.in_vlan = 100;
  options.out_vlan = 200;
  Rig rig(options);
  rig.out(ip6(inside_host(1), kNative6).udp(5000, 53),
          ip6(inside_host(1), kNative6).hop_limit(63).udp(5000, 53));
}

TEST_CASE("pass-through: a reload turns it on and off") {
  Rig rig(passing({}));
  auto config = rig.make_config();
  config.forwarding.pass_through.emplace_back(net::Ip6Prefix{});
  REQUIRE(rig.engine().update(config));
  rig.out(ip6(inside_host(1), kNative6).udp(5000, 53),
          ip6(inside_host(1), kNative6).hop_limit(63).udp(5000, 53));
  config.forwarding.pass_through.clear();
  REQUIRE(rig.engine().update(config));
  rig.from_inside(ip6(inside_host(1), kNative6).udp(5000, 53));
  rig.nothing(DropReason::kNotForUs);
}

TEST_CASE("spoof check: RFC 3704 2.2, an inside source comes from where it is routed") {
  const bool on = GENERATE(false, true);
  INFO("spoof check " << on);
  Rig rig(passing({"::/0"}, 1, on));
  const auto dropped = [&] { return rig.count(DropReason::kSpoofed); };
  // From its own side.
  rig.from_inside(ip6(inside_host(1), mapped(kNative4)).udp(5000, 53));
  CHECK(rig.to_internet().size() == 1);
  CHECK(dropped() == 0);
  // An inside source from outside, one that is routed nowhere, our own.
  rig.from_internet(ip6(inside_host(1), mapped(kNative4)).udp(5000, 53));
  CHECK(rig.to_internet().size() == (on ? 0 : 1));
  rig.from_inside(ip6("2001:db8:ffff::1", mapped(kNative4)).udp(5000, 53));
  CHECK(rig.to_internet().size() == (on ? 0 : 1));
  rig.from_inside(ip6(kOwnIn6, mapped(kNative4)).udp(5000, 53));
  CHECK(rig.to_internet().size() == (on ? 0 : 1));
  // Those that pass through, too.
  rig.from_internet(ip6(inside_host(1), inside_host(2)).udp(5000, 53));
  CHECK(rig.to_inside().size() == (on ? 0 : 1));
  CHECK(dropped() == (on ? 4 : 0));
}

TEST_CASE("spoof check: an outside source is neither ours, nor a pool's, nor an inside host's") {
  auto options = passing({}, 1, true);
  const auto base = options.configure;
  options.configure = [base](conf::Config& config) {
    base(config);
    conf::Siit siit;
    siit.prefix = *net::Prefix6052::make(*net::parse_ip6_prefix("2001:db8:46::/96"));
    siit.inside4 = {*net::parse_ip4_prefix("192.0.2.128/25")};
    config.siit.push_back(siit);
  };
  Rig rig(options);
  rig.from_inside(ip6(inside_host(1), mapped(kNative4)).udp(5000, 53).payload("open"));
  const auto sent = rig.to_internet();
  REQUIRE(sent.size() == 1);
  const auto pool = net::to_string(net::header_at<net::Ip4Header>(sent[0].data())->source);
  const auto port = net::header_at<net::UdpHeader>(sent[0].data() + 20)->source_port.host();
  for (const auto& source : {std::string(kOwn4), pool, std::string("192.0.2.200")}) {
    INFO(source);
    rig.from_internet(ip4(source, pool).udp(53, port).payload("forged"));
    rig.nothing(DropReason::kSpoofed);
  }
  rig.from_internet(ip4(kNative4, pool).udp(53, port).payload("back"));
  CHECK(rig.to_inside().size() == 1);
}

TEST_CASE("access: a reload leaves existing flows, refuses new ones") {
  Rig rig(passing({}, 2));
  const auto out = [](uint16_t port) {
    return ip6(inside_host(1), mapped(kNative4)).udp(port, 53).payload("hello");
  };
  rig.from_inside(out(5000));
  CHECK(rig.to_internet().size() == 1);
  auto config = rig.make_config();
  config.nat64[0].access.outbound_remote_deny = {*net::parse_ip4_prefix("192.0.2.0/24")};
  config.nat64[0].policy.answer_refused = false;
  REQUIRE(rig.engine().update(config));
  rig.from_inside(out(5000));
  CHECK(rig.to_internet().size() == 1);
  rig.from_inside(out(5001));
  rig.nothing(DropReason::kDenied);
  REQUIRE(rig.engine().update(rig.make_config()));
  rig.from_inside(out(5001));
  CHECK(rig.to_internet().size() == 1);
}

TEST_CASE("limits.icmp_errors_per_second: a reload changes it") {
  Rig rig(passing({}));
  const auto dying = [&] {
    rig.from_inside(ip6(inside_host(1), mapped(kNative4)).hop_limit(1).udp(5000, 53));
    return rig.to_inside().size();
  };
  CHECK(dying() == 1);
  auto config = rig.make_config();
  config.limits.icmp_errors_per_second = 0;
  REQUIRE(rig.engine().update(config));
  CHECK(dying() == 0);
  config.limits.icmp_errors_per_second = 5;
  REQUIRE(rig.engine().update(config));
  CHECK(dying() == 1);
}

namespace {

// Host 1 has a flow on an address that leaves its pool, another host one on an address that stays.
struct ReloadRig : Rig {
  using Cell = std::pair<net::Ip4, uint16_t>;

  explicit ReloadRig(unsigned workers) : Rig(passing({}, workers)), config(make_config()) {
    leaving = open(1);
    while (staying.first == net::Ip4{} || staying.first == leaving.first) staying = open(++other);
    auto& pool = config.nat64[0].pools[0];
    const auto first = pool.ranges[0].first.host(), last = pool.ranges[0].last.host();
    pool.ranges.clear();
    for (uint32_t host = first; host <= last; ++host) {
      const auto address = net::Ip4::from_host(host);
      if (address != leaving.first) pool.ranges.push_back({address, address});
    }
  }

  /// The pool address and port of a new flow.
  Cell open(unsigned host) {
    from_inside(ip6(inside_host(host), mapped(kNative4)).udp(5000, 53).payload("out"));
    const auto sent = to_internet();
    REQUIRE(sent.size() == 1);
    const auto* ip = net::header_at<net::Ip4Header>(sent[0].data());
    return {net::Ip4(ip->source), static_cast<uint16_t>(sent[0][20] << 8 | sent[0][21])};
  }
  bool passes(const Cell& to) {
    from_internet(ip4(kNative4, net::to_string(to.first)).udp(53, to.second).payload("back"));
    return to_inside().size() == 1;
  }
  /// The address that leaves comes to this pool.
  void move_to_second_pool() {
    config.nat64[0].pools.push_back(config.nat64[0].pools[0]);
    config.nat64[0].pools[1].name = "second";
    config.nat64[0].pools[1].ranges = {{leaving.first, leaving.first}};
  }
  void bind(unsigned host, uint16_t port, net::Ip4 outside) {
    config.nat64[0].statics = {
        {conf::StaticProtocol::kUdp, *net::parse_ip6(inside_host(host)), port, outside, 80}};
  }

  conf::Config config;  ///< without the address that leaves
  Cell leaving, staying;
  unsigned other = 1;
};

}  // namespace

TEST_CASE("a reload that is refused costs no session, not even of addresses that would have left") {
  for (const unsigned workers : {1u, 2u}) {
    INFO(workers << " workers");
    ReloadRig rig(workers);
    // The host's port is bound on an address that stays, or on the one that leaves.
    for (const unsigned host : {rig.other, 1u}) {
      rig.bind(host, 5000, rig.staying.first);
      CHECK_FALSE(rig.engine().update(rig.config));
      CHECK(rig.passes(rig.leaving));
      CHECK(rig.passes(rig.staying));
    }
    rig.config.nat64[0].statics.clear();
    REQUIRE(rig.engine().update(rig.config));
    CHECK_FALSE(rig.passes(rig.leaving));
    CHECK(rig.passes(rig.staying));
    // With the flow on the address that left, what was in the way is gone.
    rig.bind(1, 5000, rig.staying.first);
    REQUIRE(rig.engine().update(rig.config));
    CHECK(rig.passes({rig.staying.first, 80}));
  }
}

TEST_CASE("a static binding of an address that moves to another pool is asked for before") {
  for (const unsigned workers : {1u, 2u}) {
    INFO(workers << " workers");
    ReloadRig rig(workers);
    rig.move_to_second_pool();
    rig.bind(rig.other, 5000, rig.leaving.first);
    CHECK_FALSE(rig.engine().update(rig.config));
    CHECK(rig.passes(rig.leaving));
    CHECK(rig.passes(rig.staying));
    CHECK_FALSE(rig.passes({rig.leaving.first, 80}));
    rig.bind(rig.other, 5001, rig.leaving.first);
    REQUIRE(rig.engine().update(rig.config));
    CHECK_FALSE(rig.passes(rig.leaving));
    CHECK(rig.passes(rig.staying));
    CHECK(rig.passes({rig.leaving.first, 80}));
    // And back, with the binding.
    rig.config.nat64[0].pools = rig.make_config().nat64[0].pools;
    REQUIRE(rig.engine().update(rig.config));
    CHECK(rig.passes(rig.staying));
    CHECK(rig.passes({rig.leaving.first, 80}));
  }
}
