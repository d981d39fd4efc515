// SPDX-License-Identifier: BSD-3-Clause
#include "steer/ownership.h"

#include <map>
#include <random>
#include <set>

#include "catch.h"
#include "packets/buffer.h"
#include "packets/builder.h"
#include "steer/owner.h"
#include "steer/toeplitz.h"

namespace isthmus::steer {
namespace {

AddressRange range(const char* first, const char* last) {
  return {*net::parse_ip4(first), *net::parse_ip4(last)};
}

net::Ip6 random_ip6(std::mt19937_64& random) {
  net::Ip6 address;
  for (auto& octet : address.bytes) octet = static_cast<uint8_t>(random());
  return address;
}

}  // namespace

TEST_CASE("toeplitz: Microsoft's verification vector") {
  const auto key =
      test::hex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");
  // 66.9.149.187:2794 -> 161.142.100.80:1766
  const auto input = test::hex("420995bb a18e6450 0aea 06e6");
  CHECK(toeplitz(key, input) == 0x51ccc178);
}

TEST_CASE("owner6 is what a NIC with the key computes, and only the /64 counts") {
  const uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const auto map = Ownership::make(4, seed, {range("203.0.113.0", "203.0.113.7")});
  for (int i = 0; i < 2000; ++i) {
    const net::Ip6 source = random_ip6(random), destination = random_ip6(random);
    std::vector<uint8_t> tuple(source.bytes.begin(), source.bytes.end());
    tuple.insert(tuple.end(), destination.bytes.begin(), destination.bytes.end());
    for (int j = 0; j < 4; ++j) tuple.push_back(static_cast<uint8_t>(random()));
    CHECK((toeplitz(map.rss_key6(), tuple) & (kSlots - 1)) == map.slot6(source));
    net::Ip6 neighbor = source;
    for (std::size_t k = 8; k < 16; ++k) neighbor.bytes[k] = static_cast<uint8_t>(random());
    CHECK(map.owner6(neighbor) == map.owner6(source));
  }
}

TEST_CASE("owner6 of subscribers with shorter prefixes: only their bits count, as for a NIC") {
  const uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (const unsigned bits : {1u, 7u, 32u, 40u, 48u, 56u, 60u, 63u}) {
    const auto map = Ownership::make(4, seed, {range("203.0.113.0", "203.0.113.7")},
                                     {.subscriber_length = static_cast<uint8_t>(bits)});
    std::set<unsigned> slots;
    for (int i = 0; i < 2000; ++i) {
      const net::Ip6 source = random_ip6(random);
      std::vector<uint8_t> tuple(source.bytes.begin(), source.bytes.end());
      for (int j = 0; j < 20; ++j) tuple.push_back(static_cast<uint8_t>(random()));
      CHECK((toeplitz(map.rss_key6(), tuple) & (kSlots - 1)) == map.slot6(source));
      net::Ip6 neighbor = random_ip6(random);
      for (unsigned bit = 0; bit < bits; ++bit) {
        const auto mask = static_cast<uint8_t>(0x80 >> bit % 8);
        auto& octet = neighbor.bytes[bit / 8];
        octet = static_cast<uint8_t>((octet & ~mask) | (source.bytes[bit / 8] & mask));
      }
      CHECK(map.owner6(neighbor) == map.owner6(source));
      slots.insert(map.slot6(source));
    }
    CHECK(slots.size() == std::min(kSlots, 1u << std::min(bits, kSlotBits)));
  }
}

TEST_CASE("consecutive /64 prefixes spread evenly over slots") {
  const auto map = Ownership::make(4, 9, {});
  std::set<unsigned> slots;
  net::Ip6 address = *net::parse_ip6("2001:db8::");
  for (unsigned i = 0; i < kSlots; ++i) {
    address.bytes[7] = static_cast<uint8_t>(i);
    slots.insert(map.slot6(address));
  }
  CHECK(slots.size() == kSlots);
}

TEST_CASE("cells: every port of every address has one owner, and ports_of agrees") {
  for (const unsigned workers : {1u, 2u, 3u, 4u, 7u, 16u, 64u}) {
    for (const auto& pool :
         {range("203.0.113.1", "203.0.113.1"), range("203.0.113.0", "203.0.113.255")}) {
      const auto map = Ownership::make(workers, workers, {pool});
      INFO(workers << " workers");
      std::map<unsigned, unsigned> low, all;
      for (uint32_t host = pool.first.host(); host <= pool.last.host(); host += 37) {
        const auto address = net::Ip4::from_host(host);
        std::vector<unsigned> owner(65536, ~0u);
        for (unsigned worker = 0; worker < workers; ++worker) {
          for (const auto& ports : map.ports_of(worker, address)) {
            for (unsigned port = ports.first; port <= ports.last; ++port) {
              if (owner[port] != ~0u) FAIL(port << " has two owners");
              owner[port] = worker;
            }
          }
        }
        for (unsigned port = 0; port < 65536; ++port) {
          if (owner[port] != map.owner4(address, static_cast<uint16_t>(port))) FAIL(port);
          if (map.mode4() == Mode4::kByPortBlock) {
            if (owner[port] != owner[port ^ 1]) FAIL("parity of " << port);
          }
          ++(port < 1024 ? low : all)[owner[port]];
        }
      }
      if (map.mode4() == Mode4::kByPortBlock) {
        CHECK(low.size() == workers);
        CHECK(all.size() == workers);
      }
    }
  }
}

TEST_CASE("by address: neighbours go to different workers") {
  const auto map = Ownership::make(4, 3, {range("203.0.113.0", "203.0.113.3")});
  CHECK(map.mode4() == Mode4::kByAddress);
  std::set<unsigned> owners;
  for (uint32_t i = 0; i < 4; ++i) {
    owners.insert(map.owner4(net::Ip4::from_host(0xcb007100 + i), 1));
  }
  CHECK(owners.size() == 4);
}

TEST_CASE("a range that is too small for the workers makes it port blocks") {
  const auto map = Ownership::make(
      4, 3, {range("203.0.113.0", "203.0.113.3"), range("198.51.100.1", "198.51.100.1")});
  CHECK(map.mode4() == Mode4::kByPortBlock);
}

TEST_CASE("the owner of an address does not depend on the other addresses") {
  const auto few = Ownership::make(4, 3, {range("203.0.113.0", "203.0.113.3")});
  const auto many = Ownership::make(
      4, 3, {range("192.0.2.0", "192.0.2.255"), range("203.0.113.0", "203.0.113.3")});
  for (uint32_t i = 0; i < 4; ++i) {
    const auto address = net::Ip4::from_host(0xcb007100 + i);
    CHECK(few.owner4(address, 1) == many.owner4(address, 1));
  }
}

TEST_CASE("a block that a pool grants is one worker's") {
  const auto map =
      Ownership::make(4, 3, {range("203.0.113.1", "203.0.113.1")}, {.largest_block = 2048});
  for (unsigned port = 2048; port < 65536; ++port) {
    const auto t = *net::parse_ip4("203.0.113.1");
    REQUIRE(map.owner4(t, static_cast<uint16_t>(port)) ==
            map.owner4(t, static_cast<uint16_t>(port / 2048 * 2048)));
  }
}

TEST_CASE("a narrow port range is shared by all workers") {
  const auto map =
      Ownership::make(8, 3, {range("203.0.113.1", "203.0.113.1")}, {.narrowest = {40000, 40999}});
  std::set<unsigned> owners;
  for (unsigned port = 40000; port < 41000; ++port) {
    owners.insert(map.owner4(*net::parse_ip4("203.0.113.1"), static_cast<uint16_t>(port)));
  }
  CHECK(owners.size() == 8);
}

namespace {

Owner owner(const Ownership& map, const test::Bytes& bytes, const Portless& portless = {}) {
  test::Buffer buffer(bytes);
  net::PacketView view;
  REQUIRE(net::parse_ip(*buffer, view) == net::DropReason::kNone);
  return owner_of(map, *buffer, view, portless);
}

}  // namespace

TEST_CASE("owner of a packet: errors follow the packet they quote") {
  using test::ip4, test::ip6;
  const char* t = "203.0.113.1";
  const auto map = Ownership::make(4, 5, {range(t, t)});
  for (int host = 1; host < 40; ++host) {
    const std::string inside = "2001:db8:" + std::to_string(host) + "::1";
    const auto flow6 = owner(map, ip6(inside, "64:ff9b::1.2.3.4").udp(1, 2));
    const auto error6 = owner(map, ip6("2001:db8:ffff::1", "64:ff9b::1.2.3.4")
                                       .icmp6(1, 4)
                                       .quote(ip6("64:ff9b::1.2.3.4", inside).udp(2, 1)));
    CHECK(flow6.kind == Owner::kWorker);
    CHECK(error6.kind == Owner::kWorker);
    CHECK(error6.worker == flow6.worker);
    CHECK(flow6.worker == map.owner6(*net::parse_ip6(inside)));

    const auto port = static_cast<uint16_t>(host * 1500);
    const auto flow4 = owner(map, ip4("1.2.3.4", t).udp(2, port));
    const auto error4 =
        owner(map, ip4("9.9.9.9", t).icmp4(11, 0).quote(ip4(t, "1.2.3.4").udp(port, 2)));
    CHECK(flow4.worker == map.owner4(*net::parse_ip4(t), port));
    CHECK(error4.worker == flow4.worker);
  }
  CHECK(owner(map, ip4("9.9.9.9", t).icmp4(11, 0)).kind == Owner::kIndifferent);
}

TEST_CASE("owner of a fragment: its datagram's home by port block, the address's owner else") {
  using test::ip4;
  const auto whole = ip4("1.2.3.4", "203.0.113.1").udp(1, 2).payload(100);
  const auto blocks = Ownership::make(4, 5, {range("203.0.113.1", "203.0.113.1")});
  const auto first = owner(blocks, whole.slice(0, 56, 7));
  const auto second = owner(blocks, whole.slice(56, 52, 7));
  CHECK(first.kind == Owner::kUnknown);
  CHECK(second.kind == Owner::kUnknown);
  CHECK(first.worker == second.worker);
  const auto addresses = Ownership::make(4, 5, {range("203.0.113.0", "203.0.113.7")});
  CHECK(owner(addresses, whole.slice(56, 52, 7)).kind == Owner::kWorker);
}

TEST_CASE("owner of a packet without ports: its address's, or that of its remote, both ways") {
  using test::ip4, test::ip6;
  constexpr uint8_t kGre = 47;
  const char* t = "203.0.113.1";
  const auto prefix = net::Prefix6052::well_known();
  const auto map = Ownership::make(4, 5, {range(t, t)});
  net::ProtocolSet carried;
  carried.set(kGre);
  const Portless by_remote{&carried, true, &prefix};
  std::set<unsigned> owners;
  for (int host = 1; host < 40; ++host) {
    const std::string inside = "2001:db8:" + std::to_string(host) + "::1";
    const std::string remote = "192.0.2." + std::to_string(host), remote6 = "64:ff9b::" + remote;
    const auto whole6 = ip6(inside, remote6).raw(kGre, test::pattern(100));
    const auto whole4 = ip4(remote, t).raw(kGre, test::pattern(100));
    const auto expected = map.owner_of_remote(*net::parse_ip4(remote), kGre);
    owners.insert(expected);
    const test::Bytes packets[] = {
        whole6,
        whole6.slice(56, 44, 7),
        whole4,
        whole4.slice(0, 56, 7),
        whole4.slice(56, 44, 7),
        ip6("2001:db8:ffff::1", remote6)
            .icmp6(1, 4)
            .quote(ip6(remote6, inside).raw(kGre, test::pattern(24))),
        ip4("9.9.9.9", t).icmp4(11, 0).quote(ip4(t, remote).raw(kGre, test::pattern(24)))};
    for (const auto& packet : packets) {
      const auto found = owner(map, packet, by_remote);
      CHECK(found.kind == Owner::kWorker);
      CHECK(found.worker == expected);
    }
    // What has ports is owned as ever.
    CHECK(owner(map, ip6(inside, remote6).udp(1, 2), by_remote).worker ==
          map.owner6(*net::parse_ip6(inside)));
    CHECK(owner(map, ip4(remote, t).udp(1, 2000), by_remote).worker ==
          map.owner4(*net::parse_ip4(t), 2000));
  }
  CHECK(owners.size() == 4);

  const auto addresses = Ownership::make(4, 5, {range("203.0.113.0", "203.0.113.7")});
  const auto in = ip4("192.0.2.1", t).raw(kGre, test::pattern(100));
  CHECK(owner(addresses, in).worker == addresses.owner4(*net::parse_ip4(t), 0));
  CHECK(owner(addresses, in.slice(56, 44, 7)).worker == addresses.owner4(*net::parse_ip4(t), 0));
}

namespace {

DeterministicMap::Input input(const char* inside, uint8_t length, AddressRange outside) {
  return {*net::parse_ip6_prefix(inside), length, {outside}, 1024, 65535};
}

}  // namespace

TEST_CASE("RFC 7422 2: the division of its example") {
  // 16 subscribers an address, 1024 reserved ports: 4032 ports each.
  const auto map =
      DeterministicMap::make(input("2001:db8::/60", 64, range("192.0.2.1", "192.0.2.1")));
  REQUIRE(map);
  CHECK(map->subscribers() == 16);
  CHECK(map->ports_per_subscriber() == 4032);
  const auto first = map->cells_of(*net::parse_ip6("2001:db8:0:0::77"));
  CHECK((first.first == 1024 && first.last == 5055));
  const auto second = map->cells_of(*net::parse_ip6("2001:db8:0:1::1"));
  CHECK((second.first == 5056 && second.last == 9087));
  CHECK(map->subscriber_of(*net::parse_ip4("192.0.2.1"), 5055)->address ==
        *net::parse_ip6("2001:db8::"));
  CHECK(map->subscriber_of(*net::parse_ip4("192.0.2.1"), 5056)->address ==
        *net::parse_ip6("2001:db8:0:1::"));
  CHECK_FALSE(map->subscriber_of(*net::parse_ip4("192.0.2.1"), 1023));
  CHECK_FALSE(map->subscriber_of(*net::parse_ip4("192.0.2.2"), 5056));
}

TEST_CASE("RFC 7422 2: both functions are inverse, and no cell is given twice") {
  for (const uint8_t length : {uint8_t{50}, uint8_t{56}, uint8_t{64}, uint8_t{128}}) {
    auto in = input("2001:db8::/40", length, range("203.0.113.0", "203.0.113.6"));
    in.inside =
        net::prefix_of(*net::parse_ip6("2001:db8:5500::"), static_cast<uint8_t>(length - 9));
    in.outside.push_back(range("192.0.2.7", "192.0.2.10"));
    const auto map = DeterministicMap::make(in);
    REQUIRE(map);
    CHECK(map->subscribers() == 512);
    std::set<net::Ip6> seen;
    unsigned cells = 0;
    for (const auto& outside : in.outside) {
      for (uint32_t host = outside.first.host(); host <= outside.last.host(); ++host) {
        const auto address = net::Ip4::from_host(host);
        REQUIRE(map->has(address));
        for (unsigned port = 0; port < 65536; ++port) {
          const auto subscriber = map->subscriber_of(address, static_cast<uint16_t>(port));
          if (!subscriber) continue;
          ++cells;
          seen.insert(subscriber->address);
          const auto back = map->cells_of(subscriber->address);
          // Not a REQUIRE: millions of them cost more than what they look at.
          if (back.address != address || port < back.first || back.last < port) FAIL(port);
        }
      }
    }
    CHECK(seen.size() == map->subscribers());
    CHECK(cells == map->subscribers() * map->ports_per_subscriber());
  }
}

TEST_CASE("RFC 7422 2: too many subscribers are refused with the numbers") {
  const auto map =
      DeterministicMap::make(input("2001:db8::/48", 64, range("192.0.2.1", "192.0.2.4")));
  REQUIRE_FALSE(map);
  CHECK(map.error().text.find("65536 subscribers over 4 addresses are 16384 for each, and 64512 "
                              "ports divided among them leave 3") != std::string::npos);
}

TEST_CASE("a deterministic cell is owned by its subscriber's owner, for every number of workers") {
  const auto t = range("192.0.2.1", "192.0.2.2");
  const auto map = DeterministicMap::make(input("2001:db8::/56", 64, t));
  REQUIRE(map);
  for (const unsigned workers : {1u, 2u, 3u, 4u, 64u}) {
    Ownership::Rules rules;
    rules.deterministic = {*map};
    const auto ownership = Ownership::make(workers, 5, {t}, rules);
    CHECK(ownership.is_divided(t.first));
    for (unsigned i = 0; i < 256; ++i) {
      net::Ip6 source = *net::parse_ip6("2001:db8::1");
      source.bytes[7] = static_cast<uint8_t>(i);
      const auto cells = ownership.deterministic()[0].cells_of(source);
      for (const uint16_t port : {cells.first, cells.last}) {
        REQUIRE(ownership.owner4(cells.address, port) == ownership.owner6(source));
      }
    }
  }
}

}  // namespace isthmus::steer
