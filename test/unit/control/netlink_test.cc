// SPDX-License-Identifier: BSD-3-Clause
// Netlink messages as bytes: those we make, and those a kernel (Linux 6.18) sent.
#include <linux/netlink.h>

#include <cstring>
#include <string_view>
#include <vector>

#include "catch.h"
#include "control/netlink_message.h"
#include "control/netlink_parse.h"
#include "packets/builder.h"

namespace isthmus::control::netlink_test {
namespace {

using test::Bytes;
using test::hex;

IpAddress ip(std::string_view text) {
  if (const auto v4 = net::parse_ip4(text)) return *v4;
  return net::parse_ip6(text).value();
}

IpPrefix prefix(std::string_view text) {
  if (const auto v4 = net::parse_ip4_prefix(text)) return *v4;
  return net::parse_ip6_prefix(text).value();
}

Bytes bytes_of(const NetlinkMessage& message) {
  const auto* first = reinterpret_cast<const uint8_t*>(message.header());
  return {first, first + message.header()->nlmsg_len};
}

NetlinkEvent parse(std::string_view digits) {
  const Bytes bytes = hex(digits);
  std::vector<uint64_t> aligned((bytes.size() + 7) / 8);
  std::memcpy(aligned.data(), bytes.data(), bytes.size());
  const auto* message = reinterpret_cast<const nlmsghdr*>(aligned.data());
  REQUIRE(message->nlmsg_len == bytes.size());
  return parse_netlink(message);
}

template <class Event>
Event parse_as(std::string_view digits) {
  const NetlinkEvent event = parse(digits);
  REQUIRE(std::holds_alternative<Event>(event));
  return std::get<Event>(event);
}

// 198.51.100.0/24 via 192.0.2.2 metric 20 dev 2, table main.
constexpr std::string_view kRoute4 =
    "4400000018000006f8de026ba0470000 02180000fe030001 00000000 08000f00fe000000"
    "08000100c6336400 0800060014000000 08000500c0000202 0800040002000000";

}  // namespace

TEST_CASE("setting a link's MTU changes nothing else", "[netlink]") {
  CHECK(bytes_of(make_link_mtu(7, 1500)) == hex("28000000 1000 0500 00000000 00000000"
                                                "00000000 07000000 00000000 00000000"
                                                "08000400 dc050000"));
}

TEST_CASE("setting a link up changes that flag only", "[netlink]") {
  CHECK(bytes_of(make_link_up(7)) == hex("20000000 1000 0500 00000000 00000000"
                                         "00000000 07000000 01000000 01000000"));
}

TEST_CASE("IPv4 address", "[netlink]") {
  CHECK(bytes_of(make_address(Change::kAdd, 3, ip("192.0.2.1"), 24)) ==
        hex("28000000 1400 0506 00000000 00000000 02180000 03000000"
            "08000200 c0000201 08000100 c0000201"));
}

TEST_CASE("IPv6 address is put on without duplicate address detection", "[netlink]") {
  CHECK(bytes_of(make_address(Change::kAdd, 3, ip("2001:db8::1"), 64)) ==
        hex("40000000 1400 0506 00000000 00000000 0a400200 03000000"
            "14000200 20010db8000000000000000000000001"
            "14000100 20010db8000000000000000000000001"));
}

TEST_CASE("configured route", "[netlink]") {
  RouteRequest request;
  request.prefix = prefix("198.51.100.0/24");
  request.link = 2;
  request.via = ip("192.0.2.2");
  request.metric = 2048;
  CHECK(bytes_of(make_route(Change::kAdd, request)) ==
        hex("3c000000 1800 0506 00000000 00000000 02180000 fe040001 00000000"
            "08000100 c6336400 08000400 02000000 08000500 c0000202 08000600 00080000"));
  CHECK(bytes_of(make_route(Change::kRemove, request)).at(4) == 25);
}

TEST_CASE("neighbor is asked for by using it", "[netlink]") {
  CHECK(bytes_of(make_neighbor_use(2, ip("192.0.2.2"))) ==
        hex("24000000 1c00 0504 00000000 00000000 02000000 02000000 0000 01 00"
            "08000100 c0000202"));
}

TEST_CASE("IPv4 route as the kernel tells it", "[netlink]") {
  const auto route = parse_as<RouteEvent>(kRoute4);
  CHECK(route.present);
  CHECK_FALSE(route.append);
  CHECK(route.prefix == prefix("198.51.100.0/24"));
  CHECK(route.table == 254);
  CHECK(route.metric == 20);
  CHECK(route.hops == std::vector<RouteHop>{{2, ip("192.0.2.2")}});
}

TEST_CASE("multipath route: all hops in order", "[netlink]") {
  const auto route = parse_as<RouteEvent>(
      "5000000018000006f9de026ba4470000 02180000fe030001 00000000 08000f00fe000000"
      "08000100c6336400 24000900 1000000103000000 08000500cb007102 1000000002000000"
      "08000500c0000202");
  CHECK(route.hops == std::vector<RouteHop>{{3, ip("203.0.113.2")}, {2, ip("192.0.2.2")}});
}

TEST_CASE("dead hops are left out", "[netlink]") {
  const auto route = parse_as<RouteEvent>(
      "5000000018000006f9de026ba4470000 02180000fe030001 00000000 08000f00fe000000"
      "08000100c6336400 24000900 1000010003000000 08000500cb007102 1000000002000000"
      "08000500c0000202");
  CHECK(route.hops == std::vector<RouteHop>{{2, ip("192.0.2.2")}});
}

TEST_CASE("IPv6 default route has no destination attribute", "[netlink]") {
  const auto route = parse_as<RouteEvent>(
      "7400000018000006fade026ba6470000 0a000000fe030001 00000000 08000f00fe000000"
      "0800060000040000 14000500 20010db8000100000000000000000002 0800040002000000"
      "24000c00 0000000000000000000000000000000000000000000000000000000000000000"
      "0500140000000000");
  CHECK(route.prefix == prefix("::/0"));
  CHECK(route.metric == 1024);
  CHECK(route.hops == std::vector<RouteHop>{{2, ip("2001:db8:1::2")}});
}

TEST_CASE("RFC 8950: IPv4 route over an IPv6 next hop", "[netlink]") {
  const auto route = parse_as<RouteEvent>(
      "4c00000018000006fbde026bb7470000 02180000fe030001 00000000 08000f00fe000000"
      "08000100c6336500 16001200 0a00 20010db8000100000000000000000002 0000"
      "0800040002000000");
  CHECK(route.hops == std::vector<RouteHop>{{2, ip("2001:db8:1::2")}});
}

TEST_CASE("route over a next-hop object is told with its hop", "[netlink]") {
  const auto route = parse_as<RouteEvent>(
      "4400000018000006fcde026be0470000 02180000fe030001 00000000 08000f00fe000000"
      "08000100c6336700 08001e0007000000 08000500c0000205 0800040002000000");
  CHECK(route.hops == std::vector<RouteHop>{{2, ip("192.0.2.5")}});
}

TEST_CASE("blackhole is a route to nowhere", "[netlink]") {
  const auto route = parse_as<RouteEvent>(
      "2c00000018000006fbde026bc1470000 02180000fe030006 00000000 08000f00fe000000"
      "08000100c6336600");
  CHECK(route.present);
  CHECK(text_of(route.prefix) == "198.51.102.0/24");
  CHECK(route.hops == std::vector<RouteHop>{{kDiscard, {}}});
}

TEST_CASE("local address route is no route", "[netlink]") {
  const auto event = parse(
      "3c000000180000060000000000000000 02200000ff02fe02 00000000 08000f00ff000000"
      "08000100c0000209 08000700c0000209 0800040002000000");
  CHECK(std::holds_alternative<std::monostate>(event));
}

TEST_CASE("addresses come and go", "[netlink]") {
  const auto added = parse_as<AddressEvent>(
      "4c00000014000000f7de026b98470000 0220800002000000 08000100c0000209 08000200c0000209"
      "0800030074773000 0800080080000000 14000600ffffffffffffffff2fa403002fa40300");
  CHECK(added.present);
  CHECK(added.link == 2);
  CHECK(added.address == ip("192.0.2.9"));
  const auto removed = parse_as<AddressEvent>(
      "4c00000015000000f8de026b9b470000 0220800002000000 08000100c0000209 08000200c0000209"
      "0800030074773000 0800080080000000 14000600ffffffffffffffff2fa403002fa40300");
  CHECK_FALSE(removed.present);
  const auto v6 = parse_as<AddressEvent>(
      "48000000140000000000000000000000 0a40820002000000"
      "1400010020010db8000200000000000000000001 14000600ffffffffffffffff6ca403006ca40300"
      "0800080082000000");
  CHECK(v6.address == ip("2001:db8:2::1"));
}

TEST_CASE("neighbor states", "[netlink]") {
  const auto reachable = parse_as<NeighborEvent>(
      "4c0000001c00000000000000ef470000 0200000002000000 02000001 08000100c0000202"
      "0a00020002005e0000020000 0800040000000000 1400030000000000000000000000000002000000");
  CHECK(reachable.link == 2);
  CHECK(reachable.address == ip("192.0.2.2"));
  CHECK(reachable.state == NeighborState::kUsable);
  CHECK(reachable.mac == net::parse_mac("02:00:5e:00:00:02"));

  const auto fixed = parse_as<NeighborEvent>(
      "4c0000001c00000000000000ef470000 0200000002000000 80000001 08000100c0000202"
      "0a00020002005e0000020000 0800040000000000 1400030000000000000000000000000002000000");
  CHECK(fixed.state == NeighborState::kFixed);
  CHECK(fixed.mac == net::parse_mac("02:00:5e:00:00:02"));

  const auto stale = parse_as<NeighborEvent>(
      "580000001c0000000000000009480000 0a00000002000000 04000001"
      "1400010020010db8000100000000000000000002 0a00020002005e0000020000 0800040000000000"
      "1400030070170000000000000000000001000000");
  CHECK(stale.state == NeighborState::kUsable);

  const auto failed = parse_as<NeighborEvent>(
      "4c0000001c000000000000001f480000 0a00000002000000 20000001"
      "1400010020010db8000100000000000000000002 0800040000000000"
      "140003008e1700001e0000001e00000001000000");
  CHECK(failed.state == NeighborState::kFailed);
  CHECK_FALSE(failed.mac);

  const auto gone = parse_as<NeighborEvent>(
      "400000001d0000000000000000000000 0200000002000000 20000001 08000100c0000202"
      "0800040000000000 140003001e0000001e0000001e00000000000000");
  CHECK(gone.state == NeighborState::kGone);
}

TEST_CASE("a message cut at any byte is read within its bounds", "[netlink]") {
  const Bytes whole = hex(kRoute4);
  for (std::size_t size = sizeof(nlmsghdr); size < whole.size(); ++size) {
    // An allocation of exactly this size (datagrams are padded to whole words), so that a sanitizer
    // sees one byte too far.
    std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<long>(size));
    cut.resize(NLMSG_ALIGN(size));
    cut.shrink_to_fit();
    auto* header = reinterpret_cast<nlmsghdr*>(cut.data());
    header->nlmsg_len = static_cast<uint32_t>(size);
    CHECK_NOTHROW(parse_netlink(header));
  }
}

}  // namespace isthmus::control::netlink_test
