// SPDX-License-Identifier: BSD-3-Clause
// UDP: RFC 6146 3.5.1, RFC 4787.
#include "packets/rows.h"

namespace isthmus::test::rows_udp {
namespace {

// IPv6 header 40 + UDP 8 + "hello" 5; IPv4 20 less.
constexpr uint64_t kLength6 = 53, kLength4 = 33;

Packet from_a(uint16_t port, const char* to = kPZ, uint16_t to_port = 53) {
  return ip6(kA, to).udp(port, to_port).payload("hello");
}

void there_and_back(Script& s) {
  const auto out = s.send(from_a(5000));
  const auto t = s.mapping(out);
  s.same(out4(t, kZ).udp(t.port, 53).payload("hello"), out);
  s.expect(ip4(kZ, t.address).udp(53, t.port).payload("hello"),
           ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload("hello"));
  s.check(t.port >= 1024, "port left its class");
  counted_out(s, 1, kLength6);
  counted_in(s, 1, kLength4);
  counted_made(s, 1, 1);
}

void endpoint_independent_mapping(Script& s) {
  const auto t = s.mapping(s.send(from_a(5000)));
  s.expect(from_a(5000, kPZ2, 99), out4(t, kZ2).udp(t.port, 99).payload("hello"));
  s.expect(from_a(5000, kPZ, 54), out4(t, kZ).udp(t.port, 54).payload("hello"));
  counted_out(s, 3, 3 * kLength6);
  counted_made(s, 1, 3);
}

void endpoint_independent_filtering(Script& s) {
  const auto t = s.mapping(s.send(from_a(5000)));
  s.expect(ip4(kZ2, t.address).udp(7, t.port).payload("hello"),
           ip6(kPZ2, kA).hop_limit(63).udp(7, 5000).payload("hello"));
  counted_out(s, 1, kLength6);
  counted_in(s, 1, kLength4);
  counted_made(s, 1, 2);
}

void address_dependent_filtering(Script& s) {
  const auto t = s.mapping(s.send(from_a(5000)));
  s.expect(ip4(kZ, t.address).udp(54, t.port).payload("hello"),
           ip6(kPZ, kA).hop_limit(63).udp(54, 5000).payload("hello"));
  s.nothing(ip4(kZ2, t.address).udp(53, t.port).payload("hello"));
  counted_out(s, 1, kLength6);
  counted_in(s, 1, kLength4);
  counted_made(s, 1, 2);
  s.counted({{DropReason::kFiltered, 1}});
}

void filtered_does_not_refresh(Script& s) {
  const auto t = s.mapping(s.send(from_a(5000)));
  s.wait(299'000);
  s.nothing(ip4(kZ2, t.address).udp(53, t.port).payload("hello"));
  s.wait(1'000);
  s.nothing(ip4(kZ, t.address).udp(53, t.port).payload("hello"));
  counted_out(s, 1, kLength6);
  counted_made(s, 1, 1);
  counted_gone(s, 1, 1);
  s.counted({{DropReason::kFiltered, 1}, {DropReason::kNoBinding, 1}});
}

void unmapped_is_dropped(Script& s) {
  s.nothing(ip4(kZ, "203.0.113.1").udp(53, 40000).payload("hello"));
  s.counted({{DropReason::kNoBinding, 1}});
}

void lives_299_seconds(Script& s) {
  const auto t = s.mapping(s.send(from_a(5000)));
  s.wait(299'000);
  s.expect(ip4(kZ, t.address).udp(53, t.port).payload("hello"),
           ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload("hello"));
  s.wait(299'000);
  s.expect(ip4(kZ, t.address).udp(53, t.port).payload("hello"),
           ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload("hello"));
  counted_out(s, 1, kLength6);
  counted_in(s, 2, 2 * kLength4);
  counted_made(s, 1, 1);
}

// Housekeeping is coarse, but a session is over for packets at its very deadline.
void dead_at_the_deadline(Script& s) {
  const auto t = s.mapping(s.send(from_a(5000)));
  s.wait(300'000);
  s.nothing(ip4(kZ, t.address).udp(53, t.port).payload("hello"));
  counted_out(s, 1, kLength6);
  counted_made(s, 1, 1);
  counted_gone(s, 1, 1);
  s.counted({{DropReason::kNoBinding, 1}});
}

void same_flow_twice_in_a_burst(Script& s) {
  const auto out = s.burst({from_a(5000), from_a(5000), from_a(5000, kPZ2), from_a(5000)});
  s.check(out.size() == 4, "four packets");
  const auto t = s.mapping(out[0]);
  for (const std::size_t i : {0u, 1u, 3u}) {
    s.same(out4(t, kZ).udp(t.port, 53).payload("hello"), out[i]);
  }
  s.same(out4(t, kZ2).udp(t.port, 53).payload("hello"), out[2]);
  counted_out(s, 4, 4 * kLength6);
  counted_made(s, 1, 2);
}

void parity_is_kept(Script& s) {
  for (uint16_t i = 0; i < 100; ++i) {
    const auto port = static_cast<uint16_t>(20000 + i);
    const auto t = s.mapping(s.send(from_a(port)));
    s.check(t.port % 2 == port % 2, "parity of " + std::to_string(port));
  }
  counted_out(s, 100, 100 * kLength6);
  counted_made(s, 100, 100);
}

void well_known_stays_well_known(Script& s) {
  const auto low = s.mapping(s.send(from_a(500)));
  const auto high = s.mapping(s.send(from_a(5000)));
  s.check(low.port < 1024 && low.port % 2 == 0, "500 became " + std::to_string(low.port));
  s.check(high.port >= 1024, "5000 became " + std::to_string(high.port));
  counted_out(s, 2, 2 * kLength6);
  counted_made(s, 2, 2);
}

void one_address_for_all(Script& s) {
  const auto first = s.mapping(s.send(from_a(5000)));
  for (uint16_t port = 5001; port < 5020; ++port) {
    const auto t = s.mapping(s.send(from_a(port)));
    s.check(t.address == first.address, "another address");
    s.check(t.port != first.port, "port given twice");
  }
  counted_out(s, 20, 20 * kLength6);
  counted_made(s, 20, 20);
}

void protocols_share_the_address(Script& s) {
  const auto udp = s.mapping(s.send(from_a(5000)));
  const auto tcp = s.mapping(s.send(ip6(kA, kPZ).tcp(5000, 80).flags("S")));
  const auto icmp = s.mapping(s.send(ip6(kA, kPZ).icmp_echo(7, 1)));
  s.check(udp.address == tcp.address && tcp.address == icmp.address, "addresses differ");
  counted_out(s, 3, kLength6 + 60 + 48);
  counted_made(s, 3, 3);
}

void wrong_stays_wrong(Script& s) {
  const auto out = s.send(from_a(5000).bad_checksum(0x1234));
  const auto t = s.mapping(out);
  // Off by as much as it was: equal differences in one's complement arithmetic.
  const Bytes in = from_a(5000).bytes(), bad = from_a(5000).bad_checksum(0x1234).bytes();
  const Bytes right = out4(t, kZ).udp(t.port, 53).payload("hello").bytes();
  const auto off = [](const Bytes& wrong, const Bytes& good, std::size_t at) {
    const int difference = (wrong[at] - good[at]) * 256 + wrong[at + 1] - good[at + 1];
    return (difference % 0xffff + 0xffff) % 0xffff;
  };
  s.check(off(bad, in, 46) != 0 && off(out, right, 26) == off(bad, in, 46),
          "a wrong checksum is not off by what it was");
  counted_out(s, 1, kLength6);
  counted_made(s, 1, 1);
}

void zero_checksum_in(Script& s) {
  const auto t = s.mapping(s.send(from_a(5000)));
  s.expect(ip4(kZ, t.address).udp(53, t.port).payload("hello").zero_checksum(),
           ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload("hello"));
  counted_out(s, 1, kLength6);
  counted_in(s, 1, kLength4);
  counted_made(s, 1, 1);
}

nat::Settings filtering() {
  auto settings = stateful();
  settings.instances[0].filtering = nat::Filtering::kAddressDependent;
  return settings;
}

}  // namespace

std::vector<Row> rows() {
  return {
      {"RFC 6146 3.5.1: UDP out and back", stateful(), path(), there_and_back},
      {"RFC 6146 3.5.1: UDP out and back, one address", one_address(), path(), there_and_back},
      {"RFC 6146 5.2: endpoint-independent mapping", stateful(), path(),
       endpoint_independent_mapping},
      {"RFC 6146 3.5.1: endpoint-independent filtering", stateful(), path(),
       endpoint_independent_filtering},
      {"RFC 6146 3.5.1: address-dependent filtering", filtering(), path(),
       address_dependent_filtering},
      {"RFC 7857 7: a filtered packet does not refresh", filtering(), path(),
       filtered_does_not_refresh},
      {"RFC 6146 3.5.1: no binding, no packet", stateful(), path(), unmapped_is_dropped},
      {"RFC 6146 3.5.1: session lives UDP_DEFAULT, refreshed from outside", stateful(), path(),
       lives_299_seconds},
      {"RFC 6146 3.5.1: session ends at its deadline", stateful(), path(), dead_at_the_deadline},
      {"RFC 6146 3.5.1: one new flow several times in a burst", stateful(), path(),
       same_flow_twice_in_a_burst},
      {"RFC 6146 3.5.1.1: parity is kept", one_address(), path(), parity_is_kept},
      {"RFC 6146 3.5.1.1: port range is kept", one_address(), path(), well_known_stays_well_known},
      {"RFC 6146 3.5.1.1: one inside host, one address", stateful(), path(), one_address_for_all},
      {"RFC 6146 3.5.2.3: TCP and ICMP share UDP's address", stateful(), path(),
       protocols_share_the_address},
      {"RFC 6146 3.7: a wrong checksum stays wrong", stateful(), path(), wrong_stays_wrong},
      {"RFC 6146 3.4: UDP checksum zero is computed", stateful(), path(), zero_checksum_in},
  };
}

}  // namespace isthmus::test::rows_udp
