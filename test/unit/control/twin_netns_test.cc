// SPDX-License-Identifier: BSD-3-Clause
// Twins, netlink and the neighbor queue against a real kernel, in a network namespace of their own.
// The wire is the fake dataplane: what the kernel sends is in `injected`, what shall reach the
// kernel is punted.
#include <ev.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "catch.h"
#include "control/loop.h"
#include "control/netlink_sync.h"
#include "control/punt.h"
#include "control/twin_set.h"
#include "fake_dataplane.h"
#include "netns.h"
#include "packets/builder.h"

namespace isthmus::control::twin_netns_test {
namespace {

using test::Bytes;
using test::hex;
using test::operator+;

const Bytes kInMac = hex("02000000000a");
const Bytes kOutMac = hex("02000000000b");
const Bytes kPeerMac = hex("0200000000fe");

IpAddress ip(std::string_view text) {
  if (const auto v4 = net::parse_ip4(text)) return *v4;
  return net::parse_ip6(text).value();
}

conf::Config make_config() {
  conf::Config config;
  config.file = "test.conf";
  conf::Port in, out;
  in.name = "in0";
  in.interfaces = {{0, "in0", {{ip("2001:db8:1::1"), 64}}}};
  out.name = "out0.7";
  out.interfaces = {{7, "out0.7", {{ip("203.0.113.1"), 24}}}};
  config.ports = {in, out};
  config.routes = {{net::Ip4Prefix{}, ip("203.0.113.254"), 1},
                   {*net::parse_ip6_prefix("2001:db8:100::/40"), ip("2001:db8:1::2"), 2}};
  conf::Pool pool;
  pool.ranges = {{*net::parse_ip4("203.0.113.16"), *net::parse_ip4("203.0.113.31")}};
  config.nat64.emplace_back().pools = {pool};
  config.dns64.enabled = true;
  config.dns64.listen = {ip("2001:db8::53")};
  return config;
}

// As the daemon wires it.
struct Core {
  test::FakeDataplane dataplane;
  conf::Config config = make_config();
  // Watchers must be gone before their loop.
  Loop loop{[this] {
    const unsigned taken = dataplane.take_punted(
        64, [this](const dataplane::Punted& punted) { punt.handle(punted, 0); });
    dataplane.publish();
    return taken;
  }};
  std::unique_ptr<TwinSet> twins;
  NeighborQueue neighbors{{[this](dataplane::InterfaceId interface, const IpAddress& address) {
                             twins->resolve(interface, address);
                           },
                           [this](dataplane::InterfaceId interface, const net::Mac& mac,
                                  std::span<const uint8_t> packet) {
                             const auto& own = dataplane.interface_infos.at(interface).mac;
                             return dataplane.inject(interface, make_frame(mac, own, packet));
                           },
                           [](dataplane::InterfaceId, std::span<const uint8_t>) {}},
                          16};
  Punt punt{dataplane,
            [this](dataplane::InterfaceId interface, std::span<const uint8_t> frame) {
              twins->to_kernel(interface, frame);
            },
            neighbors};
  std::unique_ptr<NetlinkSync> sync;

  Core() {
    dataplane.add_interface("in0", *net::parse_mac("02:00:00:00:00:0a"));
    dataplane.add_interface("out0.7", *net::parse_mac("02:00:00:00:00:0b"), 1400, 7);
    const auto plan = make_kernel_plan(config);
    REQUIRE(plan);
    auto made = TwinSet::make(loop.ev(), dataplane, *plan);
    if (!made) FAIL(made.error().text);
    twins = std::move(*made);
    NetlinkState state(
        dataplane, twins->links(),
        [this](dataplane::InterfaceId interface, const IpAddress& address, NeighborState neighbor,
               std::optional<net::Mac> mac) {
          neighbors.on_neighbor(interface, address, neighbor, mac, 0);
        },
        [this] { twins->keep_macs(); });
    auto synced = NetlinkSync::make(loop.ev(), std::move(state));
    REQUIRE(synced);
    sync = std::move(*synced);
    const Status dumped = sync->initial_dump();
    REQUIRE(dumped);
  }

  /// Turns the loop until `condition` holds; false when it does not within some seconds.
  bool until(const std::function<bool()>& condition) {
    const double deadline = monotonic_seconds() + 10;
    while (!condition()) {
      if (monotonic_seconds() > deadline) return false;
      if (loop.turn()) continue;
      ev_timer wake;
      ev_timer_init(
          &wake, [](struct ev_loop*, ev_timer*, int) {}, 0.02, 0.);
      ev_timer_start(loop.ev(), &wake);
      ev_run(loop.ev(), EVRUN_ONCE);
      ev_timer_stop(loop.ev(), &wake);
    }
    return true;
  }
  bool is_injected(dataplane::InterfaceId interface, const Bytes& frame) const {
    const auto& all = dataplane.injected;
    return std::any_of(all.begin(), all.end(), [&](const auto& sent) {
      return sent.interface == interface && sent.bytes == frame;
    });
  }
  bool until_injected(dataplane::InterfaceId interface, const Bytes& frame) {
    return until([&] { return is_injected(interface, frame); });
  }
  bool until_route(const std::string& prefix, const std::string& hop) {
    return until([&] {
      const auto it = dataplane.route_texts.find(prefix);
      return hop.empty() ? it == dataplane.route_texts.end()
                         : it != dataplane.route_texts.end() && it->second == hop;
    });
  }
  void from_wire(dataplane::InterfaceId interface, const Bytes& frame) {
    dataplane.punts.push_back({dataplane::PuntKind::kLocal, interface, frame, net::Ip4{}});
  }
  /// As from_wire() until `answered`, asking anew as a host does: the kernel joins the groups of a
  /// new IPv6 address, and takes it into use, some time after the call that adds it.
  bool ask(dataplane::InterfaceId interface, const Bytes& frame,
           const std::function<bool()>& answered) {
    double next = 0;
    return until([&] {
      if (answered()) return true;
      const double now = monotonic_seconds();
      if (now >= next) {
        from_wire(interface, frame);
        next = now + 0.25;
      }
      return false;
    });
  }
  void unresolved(dataplane::InterfaceId interface, const IpAddress& hop, const Bytes& packet) {
    dataplane.punts.push_back({dataplane::PuntKind::kUnresolved, interface, packet, hop});
  }
};

// Somebody else on the box: ip(8), a routing daemon.
struct Operator {
  NetlinkSocket socket = open_socket();

  static NetlinkSocket open_socket() {
    auto socket = NetlinkSocket::make(NetlinkSocket::Kind::kRequests);
    REQUIRE(socket);
    return std::move(*socket);
  }
  int route(Change change, const IpPrefix& prefix, const std::string& link,
            std::optional<IpAddress> via, uint32_t metric = 0) {
    RouteRequest request;
    request.prefix = prefix;
    request.link = if_nametoindex(link.c_str());
    request.via = via;
    request.metric = metric;
    return socket.request(make_route(change, request));
  }
  int neighbor(uint16_t type, const std::string& link, const IpAddress& address, uint16_t state,
               const Bytes& mac) {
    NetlinkMessage message(type, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
    auto* info = static_cast<ndmsg*>(message.extra(sizeof(ndmsg)));
    info->ndm_family = is_v6(address) ? AF_INET6 : AF_INET;
    info->ndm_ifindex = static_cast<int>(if_nametoindex(link.c_str()));
    info->ndm_state = state;
    message.put_address(NDA_DST, address);
    if (!mac.empty()) message.put(NDA_LLADDR, mac.data(), mac.size());
    return socket.request(message);
  }
  int set_link(const std::string& link, bool up) {
    NetlinkMessage message = make_link_up(if_nametoindex(link.c_str()));
    if (!up) {
      auto* bytes = reinterpret_cast<uint8_t*>(message.header());
      reinterpret_cast<ifinfomsg*>(bytes + NLMSG_HDRLEN)->ifi_flags = 0;
    }
    return socket.request(message);
  }
};

/// As ip(8) does "link set ... address".
int set_mac(const std::string& link, const net::Mac& mac) {
  Operator someone;
  NetlinkMessage message = make_link_mtu(if_nametoindex(link.c_str()), 1500);
  message.put(IFLA_ADDRESS, mac.bytes.data(), mac.bytes.size());
  return someone.socket.request(message);
}

Bytes arp(uint8_t operation, const Bytes& sender_mac, const Bytes& sender, const Bytes& target_mac,
          const Bytes& target) {
  return hex("0001 0800 06 04 00") + Bytes{operation} + sender_mac + sender + target_mac + target;
}

std::string sysctl(const std::string& path) {
  std::ifstream file("/proc/sys/net/" + path);
  std::string value;
  file >> value;
  return value;
}

}  // namespace

TEST_CASE("what the configuration puts on twins comes back to the dataplane", "[netns]") {
  Core core;
  const auto& local = core.dataplane.local_addresses;
  CHECK(local.contains({"2001:db8:1::1", 0}));
  CHECK(local.contains({"2001:db8::53", 0}));
  CHECK(local.contains({"203.0.113.1", 1}));
  CHECK(local.contains({"fe80::ff:fe00:a", 0}));  // the kernel's own, from the MAC
  CHECK(core.dataplane.route_texts == std::map<std::string, std::string>{
                                          {"2001:db8::53/128", "in0"},
                                          {"2001:db8:1::/64", "in0"},
                                          {"2001:db8:100::/40", "in0 via 2001:db8:1::2"},
                                          {"203.0.113.0/24", "out0.7"},
                                          {"0.0.0.0/0", "out0.7 via 203.0.113.254"},
                                      });
}

TEST_CASE("the kernel does not forward or configure itself on a twin", "[netns]") {
  Core core;
  CHECK(sysctl("ipv6/conf/all/forwarding") == "0");
  for (const char* twin : {"in0", "out0.7"}) {
    CHECK(sysctl(std::string("ipv4/conf/") + twin + "/forwarding") == "0");
    CHECK(sysctl(std::string("ipv6/conf/") + twin + "/accept_ra") == "0");
  }
}

TEST_CASE("a route that somebody sets is followed live", "[netns]") {
  Core core;
  Operator someone;
  const IpPrefix to = *net::parse_ip4_prefix("198.51.100.0/24");
  REQUIRE(someone.route(Change::kAdd, to, "out0.7", ip("203.0.113.77"), 20) == 0);
  CHECK(core.until_route("198.51.100.0/24", "out0.7 via 203.0.113.77"));
  REQUIRE(someone.route(Change::kRemove, to, "out0.7", ip("203.0.113.77"), 20) == 0);
  CHECK(core.until_route("198.51.100.0/24", ""));
  // A better default than the configured one, then the configured one again.
  const IpPrefix any = net::Ip6Prefix{};
  REQUIRE(someone.route(Change::kAdd, any, "in0", ip("fe80::2"), 20) == 0);
  CHECK(core.until_route("::/0", "in0 via fe80::2"));
}

TEST_CASE("routes that vanish silently with their link are noticed", "[netns]") {
  Core core;
  Operator someone;
  REQUIRE(core.dataplane.route_texts.contains("0.0.0.0/0"));
  REQUIRE(someone.set_link("out0.7", false) == 0);
  CHECK(core.until_route("0.0.0.0/0", ""));
  CHECK(core.until_route("203.0.113.0/24", ""));
  REQUIRE(someone.set_link("out0.7", true) == 0);
  CHECK(core.until_route("203.0.113.0/24", "out0.7"));
}

TEST_CASE("neighbors that somebody sets are followed live", "[netns]") {
  Core core;
  Operator someone;
  const net::Mac mac = *net::parse_mac("02:00:00:00:00:fe");
  const auto known = [&](const char* key) {
    return core.until([&] { return core.dataplane.neighbor_macs.contains(key); });
  };
  const auto unknown = [&](const char* key) {
    return core.until([&] { return !core.dataplane.neighbor_macs.contains(key); });
  };
  REQUIRE(someone.neighbor(RTM_NEWNEIGH, "in0", ip("2001:db8:1::2"), NUD_PERMANENT, kPeerMac) == 0);
  REQUIRE(known("in0 2001:db8:1::2"));
  CHECK(core.dataplane.neighbor_macs.at("in0 2001:db8:1::2") == mac);
  REQUIRE(someone.neighbor(RTM_NEWNEIGH, "in0", ip("2001:db8:1::2"), NUD_FAILED, {}) == 0);
  CHECK(unknown("in0 2001:db8:1::2"));
  REQUIRE(someone.neighbor(RTM_NEWNEIGH, "out0.7", ip("203.0.113.9"), NUD_STALE, kPeerMac) == 0);
  CHECK(known("out0.7 203.0.113.9"));
  REQUIRE(someone.neighbor(RTM_DELNEIGH, "out0.7", ip("203.0.113.9"), NUD_NONE, {}) == 0);
  CHECK(unknown("out0.7 203.0.113.9"));
}

TEST_CASE("RFC 826: a waiting packet leaves when ARP has been answered", "[netns]") {
  Core core;
  auto waiting = test::ip4("203.0.113.20", "198.51.100.1");
  waiting.udp(1, 2).payload("waiting");
  core.unresolved(1, ip("203.0.113.254"), waiting);
  const Bytes own = hex("cb007101"), gateway = hex("cb0071fe");
  const Bytes question = hex("ffffffffffff") + kOutMac + hex("0806") +
                         arp(1, kOutMac, own, hex("000000000000"), gateway);
  REQUIRE(core.until_injected(1, question));
  CHECK(core.neighbors.info().waiting == 1);
  core.from_wire(1, kOutMac + kPeerMac + hex("0806") + arp(2, kPeerMac, gateway, kOutMac, own));
  CHECK(core.until_injected(1, kPeerMac + kOutMac + hex("0800") + waiting));
  CHECK(core.dataplane.neighbor_macs.contains("out0.7 203.0.113.254"));
  CHECK(core.neighbors.info().released == 1);
  CHECK(core.neighbors.info().waiting == 0);
}

TEST_CASE("RFC 4861 7.2: a waiting packet leaves when a solicitation has been answered",
          "[netns]") {
  Core core;
  auto waiting = test::ip6("64:ff9b::1", "2001:db8:1::c");
  waiting.udp(1, 2).payload("waiting");
  core.unresolved(0, ip("2001:db8:1::c"), waiting);
  const Bytes target = hex("20010db800010000000000000000000c");
  auto question = test::ip6("fe80::ff:fe00:a", "ff02::1:ff00:c");
  question.hop_limit(255).icmp6(135, 0).payload(target + hex("0101") + kInMac);
  REQUIRE(core.until_injected(0, hex("3333ff00000c") + kInMac + hex("86dd") + question));
  auto answer = test::ip6("2001:db8:1::c", "fe80::ff:fe00:a");
  answer.hop_limit(255).icmp6(136, 0, 0x60000000).payload(target + hex("0201") + kPeerMac);
  core.from_wire(0, kInMac + kPeerMac + hex("86dd") + answer);
  CHECK(core.until_injected(0, kPeerMac + kInMac + hex("86dd") + waiting));
}

TEST_CASE("RFC 826: ARP for a pool address in a connected subnet is answered", "[netns]") {
  Core core;
  const Bytes peer = hex("cb0071fe");
  for (const Bytes& pool_address : {hex("cb007110"), hex("cb007114"), hex("cb00711f")}) {
    core.from_wire(1, hex("ffffffffffff") + kPeerMac + hex("0806") +
                          arp(1, kPeerMac, peer, hex("000000000000"), pool_address));
    CHECK(core.until_injected(
        1, kPeerMac + kOutMac + hex("0806") + arp(2, kOutMac, pool_address, kPeerMac, peer)));
  }
  // Pool addresses are the workers', not the box's.
  CHECK_FALSE(core.dataplane.local_addresses.contains({"203.0.113.20", 1}));
}

TEST_CASE("RFC 4861 4.4: solicited advertisements carry the router flag", "[netns]") {
  Core core;
  const Bytes target = hex("20010db8000100000000000000000001");
  auto question = test::ip6("2001:db8:1::c", "ff02::1:ff00:1");
  question.hop_limit(255).icmp6(135, 0).payload(target + hex("0101") + kPeerMac);
  auto answer = test::ip6("2001:db8:1::1", "2001:db8:1::c");
  answer.hop_limit(255).icmp6(136, 0, 0xe0000000).payload(target + hex("0201") + kInMac);
  const Bytes frame = hex("3333ff000001") + kPeerMac + hex("86dd") + question;
  const Bytes advertised = kPeerMac + kInMac + hex("86dd") + answer;
  CHECK(core.ask(0, frame, [&] { return core.is_injected(0, advertised); }));
}

TEST_CASE("the box answers ping through its twin", "[netns]") {
  Core core;
  Operator someone;
  REQUIRE(someone.neighbor(RTM_NEWNEIGH, "in0", ip("2001:db8:1::c"), NUD_PERMANENT, kPeerMac) == 0);
  auto request = test::ip6("2001:db8:1::c", "2001:db8::53");
  request.icmp_echo(7, 1).payload("ping");
  const auto is_reply = [&](const auto& sent) {
    return sent.bytes.size() == 14 + 40 + 8 + 4 && sent.bytes[20] == 58 && sent.bytes[54] == 129;
  };
  CHECK(core.ask(0, kInMac + kPeerMac + hex("86dd") + request, [&] {
    return std::any_of(core.dataplane.injected.begin(), core.dataplane.injected.end(), is_reply);
  }));
}

TEST_CASE("when news are lost everything is asked for again", "[netns]") {
  Core core;
  Operator someone;
  // More changes than the socket's buffer holds, while nobody reads.
  constexpr uint32_t kRoutes = 20000;
  const auto prefix = [](uint32_t n) {
    return net::Ip4Prefix{net::Ip4::from_host(0x0a000000 + n * 256), 24};
  };
  const auto before = core.dataplane.route_texts.size();
  const auto dumps = core.sync->dumps();
  for (uint32_t n = 0; n < kRoutes; ++n) {
    REQUIRE(someone.route(Change::kAdd, prefix(n), "out0.7", ip("203.0.113.77")) == 0);
  }
  CHECK(core.until([&] { return core.dataplane.route_texts.size() == before + kRoutes; }));
  CHECK(core.sync->dumps() > dumps);
}

TEST_CASE("reload exchanges configured routes, or none of them", "[netns]") {
  Core core;
  auto plan = make_kernel_plan(core.config);
  REQUIRE(plan);
  auto routes = plan->routes;
  routes[0].via = ip("203.0.113.253");
  REQUIRE(core.twins->update_routes(routes));
  CHECK(core.until_route("0.0.0.0/0", "out0.7 via 203.0.113.253"));
  auto bad = routes;
  bad[0].via = ip("203.0.113.252");
  bad.push_back(bad[0]);  // the kernel refuses the same route twice
  const Status refused = core.twins->update_routes(bad);
  CHECK_FALSE(refused);
  CHECK(core.until_route("0.0.0.0/0", "out0.7 via 203.0.113.253"));
  REQUIRE(core.twins->update_routes({}));
  CHECK(core.until_route("0.0.0.0/0", ""));
  CHECK(core.until_route("2001:db8:100::/40", ""));
}

// FRR 8.4 loses an address that comes right behind its link.
TEST_CASE("addresses are told once more, and nothing changes by that", "[netns]") {
  Core core;
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&groups), sizeof groups) == 0);
  const auto routes = core.dataplane.route_texts;
  unsigned in4 = 0, in6 = 0, removed = 0;
  CHECK(core.until([&] {
    alignas(nlmsghdr) std::array<char, 4096> bytes;
    const ssize_t got = recv(fd, bytes.data(), bytes.size(), 0);
    if (got <= 0) return false;
    auto left = static_cast<unsigned>(got);
    for (auto* m = reinterpret_cast<nlmsghdr*>(bytes.data()); NLMSG_OK(m, left);
         m = NLMSG_NEXT(m, left)) {
      const auto* about = reinterpret_cast<const ifaddrmsg*>(m + 1);
      removed += m->nlmsg_type == RTM_DELADDR;
      in4 += about->ifa_family == AF_INET && about->ifa_index == if_nametoindex("out0.7");
      in6 += about->ifa_family == AF_INET6 && about->ifa_scope == RT_SCOPE_UNIVERSE;
    }
    return in4 > 0 && in6 > 0;
  }));
  CHECK(removed == 0);
  CHECK(core.dataplane.route_texts == routes);
  close(fd);
}

TEST_CASE("everything is gone after a stop, and a second start works", "[netns]") {
  for (int start = 0; start < 2; ++start) {
    { Core core; }
    CHECK(if_nametoindex("in0") == 0);
    CHECK(if_nametoindex("out0.7") == 0);
  }
}

// The kernel would tell neighbors an address of no card, as it did where udev had changed it.
TEST_CASE("a twin's MAC that somebody changes is put back, and neighbors hear of it", "[netns]") {
  Core core;
  const net::Mac other = *net::parse_mac("d2:fd:34:de:5f:09");
  REQUIRE(set_mac("in0", other) == 0);
  REQUIRE(set_mac("out0.7", other) == 0);
  const Bytes own = hex("cb007101");
  CHECK(core.until_injected(1, hex("ffffffffffff") + kOutMac + hex("0806") +
                                   arp(1, kOutMac, own, hex("000000000000"), own)));
  const Bytes target = hex("20010db8000100000000000000000001");
  auto told = test::ip6("2001:db8:1::1", "ff02::1");
  told.hop_limit(255).icmp6(136, 0, 0xa0000000).payload(target + hex("0201") + kInMac);
  CHECK(core.until_injected(0, hex("333300000001") + kInMac + hex("86dd") + told));
}

TEST_CASE("a twin's name that is taken or too long is refused with a reason", "[netns]") {
  const net::Mac mac = *net::parse_mac("02:00:00:00:00:0a");
  const auto first = Twin::make("taken0", mac);
  REQUIRE(first);
  const auto second = Twin::make("taken0", mac);
  REQUIRE_FALSE(second);
  CHECK(second.error().text.find("an interface of this name already") != std::string::npos);
  const auto long_name = Twin::make("sixteen-letters-", mac);
  REQUIRE_FALSE(long_name);
  CHECK(long_name.error().text ==
        "twin sixteen-letters-: the kernel takes interface names of 1 to 15 characters, this one "
        "has 16; rename the port");
  CHECK_FALSE(Twin::make("a/b", mac));
  CHECK_FALSE(Twin::make("", mac));
}

}  // namespace isthmus::control::twin_netns_test
