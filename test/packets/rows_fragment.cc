// SPDX-License-Identifier: BSD-3-Clause
// Fragments of stateful traffic: RFC 6146 3.4, RFC 7915 4.1 and 5.1.1, RFC 8200 4.5, RFC 6946.
#include "packets/fragment_list.h"

namespace isthmus::test::rows_fragment {
namespace {

constexpr uint64_t kHello6 = 53;
constexpr uint32_t kId6 = 0x1234beef;
constexpr uint16_t kId4 = 0xbeef;  // RFC 7915 5.1.1: the low half

// One 2000-byte datagram each way between A, port 5000, and Z, port 53.
struct Flow {
  Mapping t;
  List in6, out4_, in4, out6;

  explicit Flow(Script& s, uint16_t id = kId4) : Flow(s, id, 2000) {}
  Flow(Script& s, uint16_t id, int payload) {
    t = s.mapping(s.send(ip6(kA, kPZ).udp(5000, 53).payload("hello")));
    counted_out(s, 1, kHello6);
    counted_made(s, 1, 1);
    name(id, payload);
  }
  void name(uint16_t id, int payload = 2000) {
    const auto size = static_cast<std::size_t>(payload) + 8;
    const uint32_t id6 = 0x12340000u | id;
    in6 = pieces(ip6(kA, kPZ).udp(5000, 53).payload(payload), size, id6);
    out4_ = pieces(out4(t, kZ).udp(t.port, 53).payload(payload), size, id);
    in4 = pieces(ip4(kZ, t.address).udp(53, t.port).payload(payload), size, id);
    out6 = pieces(ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload(payload), size, id);
  }
};

void in_order(Script& s) {
  Flow f(s);
  for (int i = 0; i < 2; ++i) gives(s, {f.in4[i]}, {f.out6[i]});
  for (int i = 0; i < 2; ++i) gives(s, {f.in6[i]}, {f.out4_[i]});
  f.name(0x0102);
  gives(s, f.in4, f.out6);
  gives(s, f.in6, f.out4_);
  counted_in(s, 4, 2 * bytes_of(f.in4));
  counted_out(s, 4, 2 * bytes_of(f.in6));
}

void in_reverse(Script& s) {
  Flow f(s, kId4, 5000);
  gives(s, reversed(f.in4), f.out6);
  gives(s, reversed(f.in6), f.out4_);
  f.name(0x0102, 5000);
  for (std::size_t i = f.in4.size() - 1; i > 0; --i) gives(s, {f.in4[i]}, {});
  gives(s, {f.in4[0]}, f.out6);
  // The last can come last, too.
  f.name(0x0103, 5000);
  gives(s, {f.in4[2], f.in4[1]}, {});
  gives(s, {f.in4[0]}, {f.out6[0], f.out6[1], f.out6[2]});
  gives(s, {f.in4[4], f.in4[3]}, {f.out6[4], f.out6[3]});
  held(s, 4 + 4 + 4 + 2);
  counted_in(s, 15, 3 * bytes_of(f.in4));
  counted_out(s, 5, bytes_of(f.in6));
}

// The first fragment makes binding and session, as a packet does.
void opens_a_flow(Script& s) {
  const auto whole = ip6(kA, kPZ).udp(5000, 53).payload(2000);
  const auto in = pieces(whole, 2008, kId6);
  gives(s, {in[1]}, {});
  const auto got = s.burst({in[0]});
  s.check(got.size() == 2, "both fragments come out");
  if (got.size() != 2) return;
  const auto t = s.mapping(got[0]);
  same_fragments(s, pieces(out4(t, kZ).udp(t.port, 53).payload(2000), 2008, kId4), got);
  s.expect(ip4(kZ, t.address).udp(53, t.port).payload("hello"),
           ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload("hello"));
  held(s, 1);
  counted_out(s, 2, bytes_of(in));
  counted_in(s, 1, 33);
  counted_made(s, 1, 1);
}

void tcp_segment(Script& s) {
  const auto t = s.mapping(s.send(ip6(kA, kPZ).tcp(5000, 80).flags("S")));
  s.send(ip4(kZ, t.address).tcp(80, t.port).flags("SA"));
  const auto in = pieces(ip4(kZ, t.address).tcp(80, t.port).payload(2000), 2020, 9);
  gives(s, reversed(in), pieces(ip6(kPZ, kA).hop_limit(63).tcp(80, 5000).payload(2000), 2020, 9));
  held(s, 1);
  counted_out(s, 1, 60);
  counted_in(s, 3, 40 + bytes_of(in));
  counted_made(s, 1, 1);
}

void duplicates(Script& s) {
  Flow f(s);
  gives(s, {f.in4[1]}, {});
  gives(s, {f.in4[1]}, {});
  gives(s, {f.in4[0]}, f.out6);
  held(s, 1);
  s.counted({{DropReason::kFragment, 1}});
  counted_in(s, 2, bytes_of(f.in4));
}

void overlaps(Script& s) {
  Flow f(s);
  const auto whole4 = ip4(kZ, f.t.address).udp(53, f.t.port).payload(2000);
  const auto whole6 = ip6(kA, kPZ).udp(5000, 53).payload(2000);
  // Two held ones; then neither they nor what comes later goes on.
  gives(s, {f.in4[1], whole4.slice(1192, 80, kId4), f.in4[0], f.in4[1]}, {});
  gives(s, {f.in6[1], whole6.slice(1192, 80, kId6), f.in6[0], f.in6[1]}, {});
  // The first one over a held one.
  gives(s, {f.in4[1]}, {});
  f.name(0x0102);
  gives(s, {f.in4[1], whole4.slice(0, 1208, 0x0102)}, {});
  gives(s, {f.in4[0]}, {});
  // Same place, other bytes.
  f.name(0x0103);
  Bytes forged = f.in4[1];
  forged.back() ^= 1;
  gives(s, {f.in4[1], forged, f.in4[0]}, {});
  // Behind the end.
  f.name(0x0104);
  Packet beyond = ip4(kZ, f.t.address).raw(17, pattern(80));
  gives(s, {f.in4[1], beyond.fragment(2400, true, 0x0104), f.in4[0]}, {});
  held(s, 5);
  s.counted({{DropReason::kFragment, 4 + 4 + 1 + 3 + 3 + 3}});
}

void time_runs_out(Script& s) {
  Flow f(s);
  gives(s, {f.in4[1]}, {});
  s.wait(1'999);
  gives(s, {f.in4[0]}, f.out6);
  f.name(0x0102);
  gives(s, {f.in4[0]}, {f.out6[0]});
  s.wait(1'900);
  gives(s, {f.in4[1]}, {f.out6[1]});
  f.name(0x0103);
  gives(s, {f.in4[1]}, {});
  s.wait(2'001);
  gives(s, {f.in4[0]}, {f.out6[0]});  // a new datagram, as far as anyone knows
  held(s, 2);
  s.counted({{DropReason::kFragmentLimit, 1}});
  counted_in(s, 5, 2 * bytes_of(f.in4) + f.in4[0].size());
}

// RFC 6146 3.4: MUST be reassembled to compute the checksum.
void zero_checksum(Script& s) {
  Flow f(s);
  constexpr int kOdd = 2501;
  uint16_t id = 1;
  for (const bool backwards : {false, true}) {
    for (const bool bursts : {false, true}) {
      const auto in =
          pieces(ip4(kZ, f.t.address).udp(53, f.t.port).payload(kOdd).zero_checksum(), 2509, id);
      const auto out = pieces(ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload(kOdd), 2509, id);
      const auto order = backwards ? reversed(in) : in;
      if (bursts) {
        gives(s, order, out);
      } else {
        gives(s, {order[0]}, {});
        gives(s, {order[1]}, {});
        gives(s, {order[2]}, out);
      }
      ++id;
      held(s, 3);
      counted_in(s, 3, bytes_of(in));
    }
  }
}

void zero_checksum_dropped(Script& s) {
  Flow f(s);
  const auto in =
      pieces(ip4(kZ, f.t.address).udp(53, f.t.port).payload(1500).zero_checksum(), 1508, 1);
  gives(s, {in[0]}, {});
  // The others would never be whole; nor would those that came before.
  gives(s, {in[1]}, {});
  const auto again =
      pieces(ip4(kZ, f.t.address).udp(53, f.t.port).payload(1500).zero_checksum(), 1508, 2);
  gives(s, reversed(again), {});
  held(s, 1);
  s.counted({{DropReason::kUdpZeroChecksum, 2}, {DropReason::kFragment, 2}});
}

void big_ping(Script& s) {
  const auto t = s.mapping(s.send(ip6(kA, kPZ).icmp_echo(77, 1).payload("hello")));
  counted_out(s, 1, 53);
  counted_made(s, 1, 1);
  uint16_t id = 1;
  for (const bool backwards : {false, true}) {
    auto in = pieces(ip6(kA, kPZ).icmp_echo(77, 2).payload(3001), 3009, 0x77770000u | id);
    auto out = pieces(out4(t, kZ).icmp_echo(t.port, 2).payload(3001), 3009, id);
    if (backwards) in = reversed(in);
    gives(s, {in[0]}, {});
    gives(s, {in[1], in[2]}, out);
    counted_out(s, 3, bytes_of(in));
    in = pieces(ip4(kZ, t.address).icmp_echo_reply(t.port, 2).payload(3001), 3009, id);
    out = pieces(ip6(kPZ, kA).hop_limit(63).icmp_echo_reply(77, 2).payload(3001), 3009, id);
    if (backwards) in = reversed(in);
    gives(s, {in[0], in[1]}, {});
    gives(s, {in[2]}, out);
    gives(s, in, out);  // the same name once more, at once
    counted_in(s, 6, 2 * bytes_of(in));
    held(s, 9);
    ++id;
  }
}

void ping_without_binding(Script& s) {
  const auto in = pieces(ip4(kZ, "203.0.113.1").icmp_echo_reply(9, 2).payload(3000), 3008, 5);
  gives(s, in, {});
  held(s, 3);
  s.counted({{DropReason::kNoBinding, 1}, {DropReason::kFragment, 2}});
}

void atomic(Script& s) {
  Flow f(s);
  gives(s, {f.in6[1]}, {});
  // RFC 6946 4: alone, whatever waits under its name; and RFC 7915 5.1.1 takes its identification.
  auto whole = ip6(kA, kPZ).udp(5000, 53).payload("hello");
  auto lone = whole;
  lone.fragment(0, false, kId6);
  auto expected = out4(f.t, kZ).udp(f.t.port, 53).payload("hello").id(kId4);
  s.same(expected, s.send(lone));
  gives(s, {f.in6[0]}, f.out4_);
  held(s, 1);
  counted_out(s, 3, kHello6 + 8 + bytes_of(f.in6));
}

void refused_first(Script& s) {
  const auto in = pieces(ip4(kZ, "203.0.113.1").udp(53, 40000).payload(3000), 3008, 5);
  gives(s, {in[1]}, {});
  gives(s, {in[0]}, {});
  gives(s, {in[2]}, {});
  held(s, 1);
  s.counted({{DropReason::kNoBinding, 1}, {DropReason::kFragment, 2}});
}

void tiny_first(Script& s) {
  Flow f(s);
  auto tiny = ip4(kZ, f.t.address).raw(6, pattern(16));
  s.nothing(tiny.fragment(0, true, 5));
  auto crooked = ip4(kZ, f.t.address).raw(17, pattern(17));
  s.nothing(crooked.fragment(80, true, 5));
  s.counted({{DropReason::kTruncated, 1}, {DropReason::kBadLength, 1}});
}

void error_in_fragments(Script& s) {
  Flow f(s);
  const auto error = ip4(kZ, f.t.address).icmp4(3, 3).quote(f.out4_[0]);
  s.nothing(error.slice(0, 1200, 5));
  s.nothing(error.slice(1200, 1200, 5));
  s.counted({{DropReason::kFragment, 2}});
}

void error_about_a_fragment(Script& s) {
  Flow f(s);
  gives(s, f.in6, f.out4_);
  const auto error = ip4(kZ, f.t.address).icmp4(3, 3).quote(f.out4_[0], 28);
  const auto got = s.send(error);
  s.check(got.size() > 48 && got[6] == 58 && got[40] == 1, "an ICMPv6 error comes out");
  counted_out(s, 2, bytes_of(f.in6));
  counted_in(s, 1, error.bytes().size());
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
}

void other_protocol(Script& s) {
  Flow f(s);
  auto gre = ip4(kZ, f.t.address).raw(47, pattern(80));
  s.nothing(gre.fragment(800, false, 5));
  s.counted({{DropReason::kProtocol, 1}});
}

// A flood of fragments without their first one has its share and no more.
void flood_from_outside(Script& s) {
  Flow f(s);
  for (uint16_t id = 0; id < 40; ++id) {
    auto lost = ip4(kZ2, f.t.address).raw(17, pattern(800));
    s.nothing(lost.fragment(800, false, id));
  }
  gives(s, {f.in4[1]}, {});
  gives(s, {f.in4[0]}, f.out6);
  s.wait(2'001);
  gives(s, reversed(f.in4), f.out6);
  held(s, 8 + 2);
  s.counted({{DropReason::kFragmentLimit, 40}});
  counted_in(s, 4, 2 * bytes_of(f.in4));
}

void flood_from_inside(Script& s) {
  Flow f(s);
  for (uint32_t id = 0; id < 40; ++id) {
    // One subscriber, many addresses.
    auto lost = ip6("2001:db8:b::" + std::to_string(1 + id), kPZ).raw(17, pattern(800));
    s.nothing(lost.fragment(800, false, id));
  }
  gives(s, reversed(f.in6), f.out4_);
  s.wait(2'001);
  held(s, 8 + 1);
  s.counted({{DropReason::kFragmentLimit, 40}});
  counted_out(s, 2, bytes_of(f.in6));
}

void hairpinned(Script& s) {
  Flow f(s);
  const auto b = s.mapping(s.send(ip6(kB, kPZ).udp(6000, 53).payload("hello")));
  const auto there = ip6(kA, in_prefix(b.address)).udp(5000, b.port).payload(2000);
  const auto seen = ip6(in_prefix(f.t.address), kB).hop_limit(63).udp(f.t.port, 6000).payload(2000);
  const auto in = pieces(there, 2008, 0x77771234);
  gives(s, in, pieces(seen, 2008, kAnyId));
  const auto next = pieces(there, 2008, 0x77771235);
  gives(s, {next[1]}, {});
  gives(s, {next[0]}, pieces(seen, 2008, kAnyId));
  held(s, 1);
  uint64_t four = 0;
  for (const auto& piece : in) four += piece.size() - 28;
  counted_out(s, 5, kHello6 + 2 * bytes_of(in));
  counted_in(s, 4, 2 * four);
  s.counted({{Counter::kHairpin, 4}});
  counted_made(s, 1, 3);
}

// Fragments too large for the IPv6 side are split again (RFC 7915 4.1).
void split_again(Script& s) {
  Flow f(s);
  const auto in = ip4(kZ, f.t.address).udp(53, f.t.port).payload(2952);
  const auto out = ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload(2952);
  const List in4{in.slice(0, 1480, 7), in.slice(1480, 1480, 7)};
  gives(s, reversed(in4),
        {out.slice(0, 1232, 7), out.slice(1232, 248, 7), out.slice(1480, 1232, 7),
         out.slice(2712, 248, 7)});
  held(s, 1);
  counted_in(s, 2, bytes_of(in4));
}

// A fragment larger than one slot of the store.
void jumbo(Script& s) {
  Flow f(s);
  const auto in = ip4(kZ, f.t.address).udp(53, f.t.port).payload(3000);
  const auto out = ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload(3000);
  gives(s, {in.slice(1200, 1808, 7)}, {});
  gives(s, {in.slice(0, 1200, 7)},
        {out.slice(0, 1200, 7), out.slice(1200, 1232, 7), out.slice(2432, 576, 7)});
  held(s, 1);
  counted_in(s, 2, 20 + 1200 + 20 + 1808);
}

nat::Settings few_fragments() {
  auto settings = stateful();
  settings.max_fragments = 64;
  return settings;
}

nat::Settings udp_zero(xlat::UdpZero policy) {
  auto settings = stateful();
  settings.instances[0].policy.udp_zero_4to6 = policy;
  return settings;
}

struct Named {
  const char* name;
  void (*script)(Script&);
};

}  // namespace

std::vector<Row> rows() {
  std::vector<Row> rows;
  for (const auto& [name, script] : std::initializer_list<Named>{
           {"RFC 6146 3.4: fragments in order", in_order},
           {"RFC 6146 3.4: fragments in reverse order", in_reverse},
           {"RFC 6146 3.4: fragments open a flow", opens_a_flow},
           {"RFC 6146 3.4: fragments of a TCP segment", tcp_segment},
           {"RFC 8200 4.5: duplicate fragments", duplicates},
           {"RFC 5722 4: overlapping fragments kill the datagram", overlaps},
           {"RFC 6146 4: FRAGMENT_MIN", time_runs_out},
           {"RFC 6146 3.4: UDP checksum zero in fragments is computed", zero_checksum},
           {"RFC 6146 3.4: fragmented ping", big_ping},
           {"RFC 6146 3.5.3: fragmented ping without binding", ping_without_binding},
           {"RFC 6946 4: atomic fragments", atomic},
           {"RFC 6146 3.4: a refused first fragment", refused_first},
           {"RFC 6146 3.4: a first fragment without its header", tiny_first},
           {"RFC 6146 3.4: fragmented ICMP errors", error_in_fragments},
           {"RFC 5508 3: an ICMP error about a fragment", error_about_a_fragment},
           {"RFC 6146 3.4: fragments of another protocol", other_protocol},
           {"RFC 6146 3.8: hairpinned fragments", hairpinned},
           {"RFC 7915 4.1: fragments are split again", split_again}}) {
    rows.push_back({name, stateful(), path(), script});
    rows.push_back({std::string(name) + ", one address", one_address(), path(), script});
  }
  rows.push_back({"RFC 6146 3.4: UDP checksum zero in fragments, forbidden",
                  udp_zero(xlat::UdpZero::kDrop), path(), zero_checksum_dropped});
  rows.push_back({"RFC 6146 3.4: a flood of fragments from outside is bounded", few_fragments(),
                  path(), flood_from_outside});
  rows.push_back({"RFC 6146 3.4: a flood of fragments from inside is bounded", few_fragments(),
                  path(), flood_from_inside});
  rows.push_back(
      {"RFC 6146 3.4: a fragment larger than a slot", stateful(), path(1500, 1500), jumbo});
  return rows;
}

}  // namespace isthmus::test::rows_fragment
