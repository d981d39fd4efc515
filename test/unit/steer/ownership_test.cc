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
    const auto map =
        Ownership::make(4, seed, {range("203.0.113.0", "203.0.113.7")}, {1024, 65535}, bits);
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
              REQUIRE(owner[port] == ~0u);
              owner[port] = worker;
            }
          }
        }
        for (unsigned port = 0; port < 65536; ++port) {
          REQUIRE(owner[port] == map.owner4(address, static_cast<uint16_t>(port)));
          if (map.mode4() == Mode4::kByPortBlock) {
            REQUIRE(owner[port] == owner[port ^ 1]);  // parity survives
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

TEST_CASE("a narrow port range is shared by all workers") {
  const auto map = Ownership::make(8, 3, {range("203.0.113.1", "203.0.113.1")}, {40000, 40999});
  std::set<unsigned> owners;
  for (unsigned port = 40000; port < 41000; ++port) {
    owners.insert(map.owner4(*net::parse_ip4("203.0.113.1"), static_cast<uint16_t>(port)));
  }
  CHECK(owners.size() == 8);
}

TEST_CASE("is_pool") {
  const auto map = Ownership::make(1, 1, {range("203.0.113.5", "203.0.113.9")});
  CHECK(map.is_pool(*net::parse_ip4("203.0.113.5")));
  CHECK(map.is_pool(*net::parse_ip4("203.0.113.9")));
  CHECK_FALSE(map.is_pool(*net::parse_ip4("203.0.113.4")));
  CHECK_FALSE(map.is_pool(*net::parse_ip4("203.0.113.10")));
}

namespace {

Owner owner(const Ownership& map, const test::Bytes& bytes) {
  test::Buffer buffer(bytes);
  net::PacketView view;
  REQUIRE(net::parse_ip(*buffer, view) == net::DropReason::kNone);
  return owner_of(map, *buffer, view);
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
  CHECK(
      owner(map, ip4("9.9.9.9", t).icmp4(11, 0).quote(ip4("8.8.8.8", "1.2.3.4").udp(1, 2))).kind ==
      Owner::kIndifferent);
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

}  // namespace isthmus::steer
