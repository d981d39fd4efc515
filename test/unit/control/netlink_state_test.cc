// SPDX-License-Identifier: BSD-3-Clause
#include "control/netlink_state.h"

#include <linux/rtnetlink.h>

#include <map>
#include <string>
#include <vector>

#include "catch.h"
#include "fake_dataplane.h"

namespace isthmus::control::netlink_state_test {
namespace {

constexpr uint32_t kLinkA = 11, kLinkB = 12, kElsewhere = 99;

IpAddress ip(std::string_view text) {
  if (const auto v4 = net::parse_ip4(text)) return *v4;
  return net::parse_ip6(text).value();
}

IpPrefix prefix(std::string_view text) {
  if (const auto v4 = net::parse_ip4_prefix(text)) return *v4;
  return net::parse_ip6_prefix(text).value();
}

struct Fixture {
  test::FakeDataplane dataplane;
  std::vector<std::string> neighbor_news;
  unsigned link_changes = 0;
  NetlinkState state;

  Fixture()
      : state(
            make_dataplane(), {{kLinkA, 0}, {kLinkB, 1}},
            [this](dataplane::InterfaceId interface, const IpAddress& address,
                   NeighborState neighbor, std::optional<net::Mac> mac) {
              neighbor_news.push_back(std::to_string(interface) + ' ' + text_of(address) + ' ' +
                                      std::to_string(static_cast<int>(neighbor)) +
                                      (mac ? ' ' + net::to_string(*mac) : ""));
            },
            [this] { ++link_changes; }) {
    state.begin_dump();
    state.end_dump();
  }

  dataplane::Dataplane& make_dataplane() {
    dataplane.add_interface("a", *net::parse_mac("02:00:00:00:00:0a"));
    dataplane.add_interface("b", *net::parse_mac("02:00:00:00:00:0b"));
    return dataplane;
  }

  static RouteEvent route(std::string_view to, std::vector<RouteHop> hops, uint32_t metric = 0,
                          uint32_t table = RT_TABLE_MAIN) {
    return {true, false, prefix(to), table, metric, std::move(hops)};
  }
  void add(const RouteEvent& event, bool dumped = false) { state.apply(event, dumped); }
  void remove(RouteEvent event) {
    event.present = false;
    state.apply(event, false);
  }
  using Routes = std::map<std::string, std::string>;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "addresses of twins become local, others do not", "[netlink]") {
  state.apply(AddressEvent{true, kLinkA, ip("192.0.2.1")}, false);
  state.apply(AddressEvent{true, kElsewhere, ip("192.0.2.77")}, false);
  using Local = std::set<std::pair<std::string, dataplane::InterfaceId>>;
  CHECK(dataplane.local_addresses == Local{{"192.0.2.1", 0}});
  state.apply(AddressEvent{false, kLinkA, ip("192.0.2.1")}, false);
  CHECK(dataplane.local_addresses.empty());
}

TEST_CASE_METHOD(Fixture, "blackhole keeps what a shorter route would lead out", "[netlink]") {
  add(route("0.0.0.0/0", {{kLinkA, ip("192.0.2.254")}}));
  const auto hole = route("198.51.100.0/24", {{kDiscard, {}}});
  add(hole);
  CHECK(dataplane.route_texts ==
        Routes{{"0.0.0.0/0", "a via 192.0.2.254"}, {"198.51.100.0/24", "discard"}});
  add(route("198.51.100.0/24", {{kLinkB, {}}}, 100));
  CHECK(dataplane.route_texts.at("198.51.100.0/24") == "discard");
  remove(hole);
  CHECK(dataplane.route_texts.at("198.51.100.0/24") == "b");
}

TEST_CASE_METHOD(Fixture, "route is followed from the kernel and back out", "[netlink]") {
  const auto via = route("198.51.100.0/24", {{kLinkB, ip("203.0.113.2")}});
  add(via);
  CHECK(dataplane.route_texts == Routes{{"198.51.100.0/24", "b via 203.0.113.2"}});
  remove(via);
  CHECK(dataplane.route_texts.empty());
  CHECK_FALSE(state.wants_dump());
}

TEST_CASE_METHOD(Fixture, "the lowest metric wins, and table main before default", "[netlink]") {
  add(route("::/0", {{kLinkA, ip("2001:db8::1")}}, 1, RT_TABLE_DEFAULT));
  add(route("::/0", {{kLinkA, ip("2001:db8::2")}}, 2048));
  const auto best = route("::/0", {{kLinkB, ip("2001:db8::3")}}, 20);
  add(best);
  CHECK(dataplane.route_texts == Routes{{"::/0", "b via 2001:db8::3"}});
  remove(best);
  CHECK(dataplane.route_texts == Routes{{"::/0", "a via 2001:db8::2"}});
  remove(route("::/0", {{kLinkA, ip("2001:db8::2")}}, 2048));
  CHECK(dataplane.route_texts == Routes{{"::/0", "a via 2001:db8::1"}});
}

TEST_CASE_METHOD(Fixture, "a replaced route changes its next hop", "[netlink]") {
  add(route("198.51.100.0/24", {{kLinkB, ip("203.0.113.2")}}));
  add(route("198.51.100.0/24", {{kLinkA, std::nullopt}}));
  CHECK(dataplane.route_texts == Routes{{"198.51.100.0/24", "a"}});
  add(route("198.51.100.0/24", {{kElsewhere, ip("10.0.0.1")}}));
  CHECK(dataplane.route_texts.empty());
}

TEST_CASE_METHOD(Fixture, "multipath: the first hop on a twin is taken", "[netlink]") {
  add(route("198.51.100.0/24",
            {{kElsewhere, ip("10.0.0.1")}, {kLinkA, ip("192.0.2.2")}, {kLinkB, std::nullopt}}));
  CHECK(dataplane.route_texts == Routes{{"198.51.100.0/24", "a via 192.0.2.2"}});
}

TEST_CASE_METHOD(Fixture, "one hop of several removed: ask what is left", "[netlink]") {
  add(route("198.51.100.0/24", {{kLinkA, ip("192.0.2.2")}, {kLinkB, ip("203.0.113.2")}}));
  remove(route("198.51.100.0/24", {{kLinkA, ip("192.0.2.2")}}));
  REQUIRE(state.wants_dump());
  state.begin_dump();
  add(route("198.51.100.0/24", {{kLinkB, ip("203.0.113.2")}}), true);
  state.end_dump();
  CHECK(dataplane.route_texts == Routes{{"198.51.100.0/24", "b via 203.0.113.2"}});
  CHECK_FALSE(state.wants_dump());
}

TEST_CASE_METHOD(Fixture, "an appended hop asks for a dump", "[netlink]") {
  auto appended = route("2001:db8:9::/48", {{kLinkA, ip("2001:db8::4")}});
  appended.append = true;
  add(appended);
  CHECK(state.wants_dump());
}

TEST_CASE_METHOD(Fixture, "other tables, link-local and multicast are not forwarded to",
                 "[netlink]") {
  add(route("198.51.100.0/24", {{kLinkA, std::nullopt}}, 0, 1000));
  add(route("fe80::/64", {{kLinkA, std::nullopt}}));
  add(route("ff00::/8", {{kLinkA, std::nullopt}}));
  add(route("224.0.0.0/4", {{kLinkA, std::nullopt}}));
  CHECK(dataplane.route_texts.empty());
}

TEST_CASE_METHOD(Fixture, "a dump removes what it does not name", "[netlink]") {
  state.apply(AddressEvent{true, kLinkA, ip("192.0.2.1")}, false);
  state.apply(AddressEvent{true, kLinkA, ip("192.0.2.3")}, false);
  add(route("198.51.100.0/24", {{kLinkA, ip("192.0.2.2")}}));
  add(route("198.51.101.0/24", {{kLinkA, ip("192.0.2.2")}}));
  const net::Mac mac = *net::parse_mac("02:00:00:00:00:02");
  state.apply(NeighborEvent{kLinkA, ip("192.0.2.2"), NeighborState::kUsable, mac}, false);
  state.apply(NeighborEvent{kLinkA, ip("192.0.2.4"), NeighborState::kUsable, mac}, false);

  state.begin_dump();
  state.apply(AddressEvent{true, kLinkA, ip("192.0.2.1")}, true);
  add(route("198.51.101.0/24", {{kLinkA, ip("192.0.2.2")}}), true);
  state.apply(NeighborEvent{kLinkA, ip("192.0.2.2"), NeighborState::kUsable, mac}, true);
  // News that arrive during the dump survive it.
  add(route("198.51.102.0/24", {{kLinkB, std::nullopt}}));
  state.end_dump();

  using Local = std::set<std::pair<std::string, dataplane::InterfaceId>>;
  CHECK(dataplane.local_addresses == Local{{"192.0.2.1", 0}});
  CHECK(dataplane.route_texts ==
        Routes{{"198.51.101.0/24", "a via 192.0.2.2"}, {"198.51.102.0/24", "b"}});
  CHECK(dataplane.neighbor_macs == std::map<std::string, net::Mac>{{"a 192.0.2.2", mac}});
  CHECK(neighbor_news.back() == "0 192.0.2.4 4");
}

TEST_CASE_METHOD(Fixture, "neighbor learned, failed, learned anew", "[netlink]") {
  const net::Mac mac = *net::parse_mac("02:00:00:00:00:02");
  state.apply(NeighborEvent{kLinkB, ip("2001:db8::2"), NeighborState::kPending, {}}, false);
  CHECK(dataplane.neighbor_macs.empty());
  state.apply(NeighborEvent{kLinkB, ip("2001:db8::2"), NeighborState::kUsable, mac}, false);
  CHECK(dataplane.neighbor_macs.at("b 2001:db8::2") == mac);
  state.apply(NeighborEvent{kLinkB, ip("2001:db8::2"), NeighborState::kFailed, {}}, false);
  CHECK(dataplane.neighbor_macs.empty());
  CHECK(neighbor_news == std::vector<std::string>{"1 2001:db8::2 2",
                                                  "1 2001:db8::2 0 02:00:00:00:00:02",
                                                  "1 2001:db8::2 3"});
}

TEST_CASE_METHOD(Fixture, "a link event counts only if it is a twin's", "[netlink]") {
  state.apply(LinkEvent{kElsewhere}, false);
  CHECK_FALSE(state.wants_dump());
  CHECK(link_changes == 0);
  state.apply(LinkEvent{kLinkA}, false);
  CHECK(state.wants_dump());
  CHECK(link_changes == 1);
}

TEST_CASE_METHOD(Fixture, "a route the dataplane refuses is offered again", "[netlink]") {
  dataplane.refuse_routes = true;
  const auto event = route("198.51.100.0/24", {{kLinkA, std::nullopt}});
  add(event);
  CHECK(dataplane.route_texts.empty());
  dataplane.refuse_routes = false;
  add(event);
  CHECK(dataplane.route_texts == Routes{{"198.51.100.0/24", "a"}});
}

}  // namespace isthmus::control::netlink_state_test
