// SPDX-License-Identifier: BSD-3-Clause
// Which port of which pool: RFC 6888, RFC 7422, RFC 7857 4, and port blocks.
#include "packets/rows.h"

namespace isthmus::test::rows_pool {
namespace {

constexpr uint64_t kUdp6 = 53, kUdp4 = 33;

Packet flow(const char* host, int port) {
  return ip6(host, kPZ).udp(static_cast<uint16_t>(port), 53).payload("hello");
}

void refused(Script& s, const Packet& in, DropReason reason) {
  s.expect(in, ip6(kOwn6, kA).icmp6(1, 3).quote(in));
  s.counted({{reason, 1}, {Counter::kIcmpErrorsSent, 1}});
}

// `count` new flows of a host, all from one address; what they got.
std::vector<Mapping> open(Script& s, const char* host, int first, int count) {
  std::vector<Mapping> got;
  for (int i = 0; i < count; ++i) got.push_back(s.mapping(s.send(flow(host, first + i))));
  for (const auto& m : got) s.check(m.address == got[0].address, "not paired");
  const auto n = static_cast<uint64_t>(count);
  counted_out(s, n, n * kUdp6);
  counted_made(s, n, n);
  return got;
}

template <class Change>
nat::Settings with_pool(Change&& change) {
  auto settings = stateful();
  change(settings.instances[0].pools[0]);
  return settings;
}

nat::Settings blocks(uint8_t per_subscriber) {
  return with_pool([&](nat::Pool& pool) {
    pool.ports = {2048, 2175};
    pool.allocation = nat::Allocation::kBlocks;
    pool.block_size = 64;
    pool.blocks_per_subscriber = per_subscriber;
  });
}

void one_block_each(Script& s) {
  const auto a = open(s, kA, 5000, 64);
  for (const auto& m : a) s.check(m.port / 64 == a[0].port / 64, "outside the block");
  refused(s, flow(kA, 6000), DropReason::kSubscriberLimit);
  const auto b = open(s, kB, 5000, 3);
  s.check(b[0].address != a[0].address || b[0].port / 64 != a[0].port / 64, "one block for two");
  // Another protocol has the ports of the same block.
  const auto tcp = s.mapping(s.send(ip6(kA, kPZ).tcp(5000, 80).flags("S")));
  s.check(tcp.port / 64 == a[0].port / 64 && tcp.address == a[0].address, "TCP has other blocks");
  counted_out(s, 1, 60);
  counted_made(s, 1, 1);
  s.counted({{Counter::kBlocksGranted, 2}});
  // What was there before the refusal lives on.
  s.expect(ip4(kZ, a[7].address).udp(53, a[7].port).payload("hello"),
           ip6(kPZ, kA).hop_limit(63).udp(53, 5007).payload("hello"));
  counted_in(s, 1, kUdp4);
}

void blocks_rest(Script& s) {
  const auto a = open(s, kA, 5000, 1);
  s.counted({{Counter::kBlocksGranted, 1}});
  s.wait(302'000);
  counted_gone(s, 1, 1);
  s.wait(100'000);
  // It is still A's.
  const auto again = open(s, kA, 5001, 1);
  s.check(again[0].address == a[0].address && again[0].port / 64 == a[0].port / 64,
          "not the same block");
  s.wait(302'000);
  counted_gone(s, 1, 1);
  s.wait(119'000);
  s.wait(2'000);
  s.counted({{Counter::kBlocksReturned, 1}});
}

void blocks_run_out(Script& s) {
  open(s, kA, 5000, 128);
  s.counted({{Counter::kBlocksGranted, 2}});
  refused(s, flow(kA, 6000), DropReason::kPoolExhausted);
  s.send(flow(kA, 5000));
  counted_out(s, 1, kUdp6);
}

nat::Settings four_ports(bool soft) {
  return with_pool([&](nat::Pool& pool) {
    pool.ports = {2000, 2003};
    pool.soft_pairing = soft;
  });
}

void hard_pairing(Script& s) {
  open(s, kA, 5000, 4);
  refused(s, flow(kA, 5004), DropReason::kPoolExhausted);
}

// Each of four workers has two addresses.
void soft_pairing(Script& s) {
  const auto first = open(s, kA, 5000, 4);
  for (int port = 5004; port < 5008; ++port) {
    s.check(open(s, kA, port, 1)[0].address != first[0].address, "five ports of four");
  }
}

// A stays paired by its first flow; the ports of the others rest.
void ports_rest(Script& s) {
  open(s, kA, 5000, 4);
  s.wait(200'000);
  s.send(flow(kA, 5000));
  s.wait(102'000);
  counted_gone(s, 3, 3);
  refused(s, flow(kA, 5004), DropReason::kPoolExhausted);
  s.wait(119'000);
  refused(s, flow(kA, 5004), DropReason::kPoolExhausted);
  s.wait(2'000);
  open(s, kA, 5004, 3);
  counted_out(s, 1, kUdp6);
}

// Of TCP a state machine knows when it is over, so its ports do not rest.
void tcp_ports_do_not_rest(Script& s) {
  open(s, kA, 5000, 1);
  const auto syn = [](int port) {
    return ip6(kA, kPZ).tcp(static_cast<uint16_t>(port), 80).flags("S");
  };
  for (int port = 5000; port < 5004; ++port) s.send(syn(port));
  counted_out(s, 4, 240);
  counted_made(s, 4, 4);
  s.wait(242'000);
  counted_gone(s, 4, 4);
  s.send(syn(6000));
  counted_out(s, 1, 60);
  counted_made(s, 1, 1);
}

// 2001:db8::/44 has sixteen subscribers of 48 bits: A is number ten, B eleven.
nat::Settings deterministic(uint16_t last_port, bool overflow) {
  auto settings = with_pool([&](nat::Pool& pool) {
    pool.ranges = {{*net::parse_ip4("192.0.2.1"), *net::parse_ip4("192.0.2.1")}};
    pool.ports = {1024, last_port};
    pool.allocation = nat::Allocation::kDeterministic;
    pool.inside = *net::parse_ip6_prefix("2001:db8::/44");
    pool.overflow = overflow;
  });
  settings.subscriber_prefix_length = 48;
  auto other = stateful().instances[0].pools[0];
  other.name = "other";
  settings.instances[0].pools.push_back(other);
  return settings;
}

void computed_ports(Script& s) {
  for (const auto& m : open(s, kA, 5000, 20)) {
    s.check(m.address == "192.0.2.1" && m.port >= 1024 + 10 * 4032 && m.port < 1024 + 11 * 4032,
            "not A's: " + std::to_string(m.port));
  }
  const auto b = open(s, kB, 5000, 1)[0];
  s.check(b.port >= 1024 + 11 * 4032 && b.port < 1024 + 12 * 4032, "not B's");
  s.expect(ip4(kZ, b.address).udp(53, b.port).payload("hello"),
           ip6(kPZ, kB).hop_limit(63).udp(53, 5000).payload("hello"));
  counted_in(s, 1, kUdp4);
}

void computed_ports_fragments(Script& s) {
  const auto a = open(s, kA, 5000, 1)[0];
  const auto whole = ip4(kZ, a.address).udp(53, a.port).payload(100);
  const auto out = s.burst({whole.slice(56, 52, 7), whole.slice(0, 56, 7)});
  s.check(out.size() == 2, "fragments are lost");
  s.counted({{Counter::kFragmentsHeld, 1}});
  counted_in(s, 2, 72 + 76);
}

void computed_ports_run_out(Script& s) {
  open(s, kA, 5000, 16);
  refused(s, flow(kA, 6000), DropReason::kPoolExhausted);
}

void computed_ports_overflow(Script& s) {
  open(s, kA, 5000, 16);
  const auto more = open(s, kA, 6000, 3);
  s.check(more[0].address.starts_with("203.0.113."), "not of the other pool");
}

void drained(Script& s) {
  refused(s, flow(kA, 5000), DropReason::kPoolExhausted);
}

void far_ranges(Script& s) {
  for (const char* host : {kA, kB}) {
    const auto m = open(s, host, 5000, 1)[0];
    s.expect(ip4(kZ, m.address).udp(53, m.port).payload("hello"),
             ip6(kPZ, host).hop_limit(63).udp(53, 5000).payload("hello"));
    counted_in(s, 1, kUdp4);
  }
}

// Twenty ranges that do not touch, in disorder.
nat::Settings many_ranges() {
  return with_pool([](nat::Pool& pool) {
    pool.ranges.clear();
    for (uint32_t i = 0; i < 20; ++i) {
      const uint32_t first = 0xcb007000 + (i * 7 % 20) * 16;
      pool.ranges.push_back({net::Ip4::from_host(first), net::Ip4::from_host(first + 8)});
    }
  });
}

nat::Pool second_pool() {
  auto pool = stateful().instances[0].pools[0];
  pool.name = "second";
  pool.ranges = {{*net::parse_ip4("192.0.2.16"), *net::parse_ip4("192.0.2.23")}};
  return pool;
}

bool is_second(const Mapping& m) {
  return m.address.starts_with("192.0.2.");
}

void inbound(Script& s, const Mapping& m, const char* host, uint16_t port) {
  s.expect(ip4(kZ, m.address).udp(53, m.port).payload("hello"),
           ip6(kPZ, host).hop_limit(63).udp(53, port).payload("hello"));
  counted_in(s, 1, kUdp4);
}

void pools_come_and_go(Script& s) {
  const auto a = open(s, kA, 5000, 1)[0];
  auto settings = stateful();
  auto& pools = settings.instances[0].pools;
  // A second one comes, and the first is drained.
  pools.insert(pools.begin(), second_pool());
  pools[1].drain = true;
  s.change_pools(settings);
  inbound(s, a, kA, 5000);
  const auto b = open(s, kB, 5000, 1)[0];
  s.check(is_second(b), "a drained pool makes bindings");
  s.check(is_second(open(s, kA, 5001, 1)[0]), "A is not paired anew");
  // It goes, with A's first session.
  pools.pop_back();
  s.change_pools(settings);
  s.nothing(ip4(kZ, a.address).udp(53, a.port).payload("hello"));
  s.counted({{DropReason::kNotForUs, 1}, {Counter::kSessionsPoolRemoved, 1}});
  counted_gone(s, 1, 1);
  inbound(s, b, kB, 5000);
  const auto again = open(s, kA, 5000, 1)[0];
  s.check(is_second(again), "not of the pool that is left");
  // A range leaves; the other half stays.
  const auto middle = *net::parse_ip4("192.0.2.20");
  const auto is_high = [&](const Mapping& m) { return !(*net::parse_ip4(m.address) < middle); };
  const bool high = is_high(b);
  if (is_high(again) != high) {
    s.counted({{Counter::kSessionsPoolRemoved, 2}});
    counted_gone(s, 2, 2);
  }
  auto& range = pools[0].ranges[0];
  (high ? range.first : range.last) = high ? middle : *net::parse_ip4("192.0.2.19");
  s.change_pools(settings);
  inbound(s, b, kB, 5000);
}

// What is left would not have an address for each of four workers, nor for the only one.
void cannot_be_empty(Script& s) {
  auto settings = stateful();
  settings.instances[0].pools[0].ranges.clear();
  s.cannot_change_pools(settings);
  const auto a = open(s, kA, 5000, 1)[0];
  inbound(s, a, kA, 5000);
}

void blocks_of_a_removed_pool(Script& s) {
  auto settings = blocks(1);
  auto other = second_pool();
  settings.instances[0].pools.push_back(other);
  settings.instances[0].pools[1].drain = true;
  s.change_pools(settings);
  const auto a = open(s, kA, 5000, 1)[0];
  open(s, kB, 5000, 1);
  s.counted({{Counter::kBlocksGranted, 2}});
  s.wait(302'000);  // both blocks rest
  counted_gone(s, 2, 2);
  settings.instances[0].pools.erase(settings.instances[0].pools.begin());
  settings.instances[0].pools[0].drain = false;
  s.change_pools(settings);
  s.counted({{Counter::kBlocksReturned, 2}});
  s.check(is_second(open(s, kA, 5000, 1)[0]), "not of the pool that is left");
  s.nothing(ip4(kZ, a.address).udp(53, a.port).payload("hello"));
  s.counted({{DropReason::kNotForUs, 1}});
}

}  // namespace

std::vector<Row> rows() {
  return {
      {"port blocks: a subscriber's ports lie in its blocks", blocks(1), path(), one_block_each},
      {"port blocks: an empty block stays for a while", blocks(1), path(), blocks_rest},
      {"port blocks: an address without free blocks", blocks(4), path(), blocks_run_out},
      {"RFC 7857 4: hard pairing refuses", four_ports(false), path(), hard_pairing},
      {"RFC 7857 4: soft pairing uses another address", four_ports(true), path(), soft_pairing},
      {"RFC 7422 2: ports follow from the subscriber", deterministic(65535, false), path(),
       computed_ports},
      {"RFC 7422 2: fragments find the owner of a computed port", deterministic(65535, false),
       path(), computed_ports_fragments},
      {"RFC 7422 2: the own ports run out", deterministic(1279, false), path(),
       computed_ports_run_out},
      {"RFC 7422 2: ports beyond the own ones come from another pool", deterministic(1279, true),
       path(), computed_ports_overflow},
      {"pools: a drained one makes no bindings", with_pool([](auto& pool) { pool.drain = true; }),
       path(), drained},
      {"RFC 6888 REQ-8: a freed port is not given away for 120 seconds", four_ports(false), path(),
       ports_rest},
      {"RFC 6888 REQ-8: TCP ports may be used again at once", four_ports(false), path(),
       tcp_ports_do_not_rest},
      {"RFC 6888 REQ-3: a pool of many ranges", many_ranges(), path(), far_ranges},
      {"pools come and go under traffic", stateful(), path(), pools_come_and_go},
      {"pools: a change that cannot be leaves all as it was", stateful(), path(), cannot_be_empty},
      {"pools: port blocks go back with their pool", blocks(1), path(), blocks_of_a_removed_pool},
  };
}

}  // namespace isthmus::test::rows_pool
