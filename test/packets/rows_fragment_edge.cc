// SPDX-License-Identifier: BSD-3-Clause
// Fragments at the edges of the standards: Next Header values, extension headers, Identifications,
// sizes, floods from many sources. The rest is in rows_fragment.cc.
#include "packets/fragment_list.h"

namespace isthmus::test::rows_fragment_edge {
namespace {

constexpr uint64_t kHello6 = 53;

Mapping open(Script& s, const char* inside = kA, uint16_t port = 5000) {
  const auto t = s.mapping(s.send(ip6(inside, kPZ).udp(port, 53).payload("hello")));
  counted_out(s, 1, kHello6);
  counted_made(s, 1, 1);
  return t;
}

// RFC 8200 4.5: "Only the value from the Offset zero fragment packet is used".
void mixed_next_header(Script& s) {
  const auto t = open(s);
  const auto whole = ip6(kA, kPZ).udp(5000, 53).payload(3000);
  const auto out = pieces(out4(t, kZ).udp(t.port, 53).payload(3000), 3008, 1);
  // ICMPv6, nothing, an extension header: whatever later ones say.
  for (const uint8_t next : {58, 59, 60, 6, 1}) {
    auto other = whole;
    other.protocol(next);
    List in = pieces(other, 3008, next);
    in[0] = whole.slice(0, kStep, next);
    gives(s, in, out);
    gives(s, {in[2], in[1]}, {});  // the same name again: that datagram is done with
    gives(s, {in[0]}, out);
    held(s, 2);
    counted_out(s, 6, 2 * bytes_of(in));
  }
}

void mixed_next_header_of_icmp(Script& s) {
  const auto t = s.mapping(s.send(ip6(kA, kPZ).icmp_echo(77, 1).payload("hello")));
  const auto whole = ip6(kA, kPZ).icmp_echo(77, 2).payload(3000);
  auto other = whole;
  other.protocol(17);
  List in = pieces(other, 3008, 9);
  in[0] = whole.slice(0, kStep, 9);
  const auto out = pieces(out4(t, kZ).icmp_echo(t.port, 2).payload(3000), 3008, 9);
  gives(s, reversed(in), out);
  gives(s, in, out);
  held(s, 6);
  counted_out(s, 7, kHello6 + 2 * bytes_of(in));
  counted_made(s, 1, 1);
}

void headers_in_front(Script& s) {
  const auto t = open(s);
  const auto in =
      pieces(ip6(kA, kPZ).hop_by_hop().dest_opts(16).udp(5000, 53).payload(2000), 2008, 7);
  gives(s, reversed(in), pieces(out4(t, kZ).udp(t.port, 53).payload(2000), 2008, 7));
  held(s, 1);
  counted_out(s, 2, bytes_of(in));
}

// RFC 7915 5.1.1: "the packet SHOULD be dropped and logged".
void header_behind(Script& s) {
  open(s);
  auto first = ip6(kA, kPZ).raw(60, hex("11 00 01 04 00000000") + pattern(40));
  s.nothing(first.fragment(0, true, 7));
  s.counted({{DropReason::kExtHeader, 1}});
}

// RFC 8200 4.5: a length that is no multiple of eight, and M: Parameter Problem, at Payload Length.
void crooked_length(Script& s) {
  open(s);
  auto crooked = ip6(kA, kPZ).raw(17, pattern(81)).fragment(80, true, 7);
  s.same(ip6(kOwn6, kA).icmp6(4, 0, 4).quote(crooked), s.send(crooked));
  s.counted({{DropReason::kBadLength, 1}, {Counter::kIcmpErrorsSent, 1}});
}

// The largest datagram there is, backwards, both ways.
void largest(Script& s) {
  constexpr int kPayload = 65535 - 20 - 8;
  constexpr std::size_t kSize = kPayload + 8, kPiece = 1448;
  const auto t = open(s);
  const auto in4 = pieces(ip4(kZ, t.address).udp(53, t.port).payload(kPayload), kSize, 5, kPiece);
  const auto in6 = pieces(ip6(kA, kPZ).udp(5000, 53).payload(kPayload), kSize, 5, kPiece);
  const auto out6 =
      pieces(ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload(kPayload), kSize, 5, kPiece);
  const auto out = pieces(out4(t, kZ).udp(t.port, 53).payload(kPayload), kSize, 5, kPiece);
  List split;  // 1480-byte IPv4 fragments make more than 1280 in IPv6
  for (std::size_t at = 0; at < kSize; at += kPiece) {
    const auto whole = ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload(kPayload);
    const std::size_t size = std::min(kPiece, kSize - at);
    split.push_back(whole.slice(at, std::min<std::size_t>(1232, size), 5));
    if (size > 1232) split.push_back(whole.slice(at + 1232, size - 1232, 5));
  }
  gives(s, reversed(in4), split);
  gives(s, reversed(in6), out);
  held(s, 2 * (in4.size() - 1));
  counted_in(s, in4.size(), bytes_of(in4));
  counted_out(s, in6.size(), bytes_of(in6));
}

void largest_gathered(Script& s) {
  constexpr int kPayload = 60000;
  const auto t = s.mapping(s.send(ip6(kA, kPZ).icmp_echo(77, 1).payload("hello")));
  const auto in = pieces(ip6(kA, kPZ).icmp_echo(77, 2).payload(kPayload), kPayload + 8, 9);
  gives(s, reversed(in),
        pieces(out4(t, kZ).icmp_echo(t.port, 2).payload(kPayload), kPayload + 8, 9));
  held(s, in.size());
  counted_out(s, 1 + in.size(), kHello6 + bytes_of(in));
  counted_made(s, 1, 1);
}

// As many as the limit says wait, and not one less: 128 of a datagram, 128 slots of a source.
void as_many_as_fit(Script& s) {
  constexpr int kPayload = 16 * 130 - 8;
  const auto t = open(s);
  const auto in = pieces(ip4(kZ, t.address).udp(53, t.port).payload(kPayload), kPayload + 8, 7, 16);
  const auto out =
      pieces(ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload(kPayload), kPayload + 8, 7, 16);
  List most(out.begin(), out.end());
  most.erase(most.begin() + 1);  // the 129th that has to wait is the second
  gives(s, reversed(in), most);
  held(s, 128);
  s.counted({{DropReason::kFragmentLimit, 1}});
  counted_in(s, 129, 129 * 36);
}

// RFC 6864 4.3: two hosts behind one address choose the same numbers; what leaves may not.
void own_identifications(Script& s) {
  open(s);
  open(s, kB, 5002);
  std::map<uint32_t, unsigned> seen;
  uint64_t bytes = 0;
  for (uint32_t id = 0; id < 100; ++id) {
    for (const auto& [host, port] : {std::pair{kA, uint16_t{5000}}, {kB, uint16_t{5002}}}) {
      const auto in = pieces(ip6(host, kPZ).udp(port, 53).payload(2000), 2008, id);
      const auto first = s.burst({in[0]}), last = s.burst({in[1]});
      s.check(first.size() == 1 && last.size() == 1, "both fragments come out");
      if (first.size() != 1 || last.size() != 1) return;
      s.check(id_of(first[0]) == id_of(last[0]), "one datagram, one Identification");
      ++seen[id_of(first[0])];
      bytes += bytes_of(in);
    }
  }
  s.check(seen.size() == 200, "each datagram has an Identification of its own");
  counted_out(s, 400, bytes);
}

// RFC 6864 4.1: whole packets whose DF is clear are not atomic, either.
void identifications_of_whole_packets(Script& s) {
  std::map<uint32_t, unsigned> seen;
  for (unsigned i = 0; i < 1000; ++i) {
    ++seen[id_of(s.send(ip6(kA, kPZ).udp(5000, 53).payload("hello")))];
  }
  s.check(seen.size() == 1000, "1000 packets have 1000 Identifications");
  counted_out(s, 1000, 1000 * kHello6);
  counted_made(s, 1, 1);
}

// A sender uses an Identification again as soon as it likes; the ports of the old datagram do not
// name the new one's.
void identification_again(Script& s) {
  const auto a = open(s), b = open(s, kB, 5002);
  const auto to = [](const Mapping& m, int size) {
    return pieces(ip4(kZ, m.address).udp(53, m.port).payload(size),
                  8u + static_cast<unsigned>(size), 7);
  };
  const auto at = [](const char* host, uint16_t port, int size) {
    return pieces(ip6(kPZ, host).hop_limit(63).udp(53, port).payload(size),
                  8u + static_cast<unsigned>(size), 7);
  };
  gives(s, to(a, 2000), at(kA, 5000, 2000));
  gives(s, reversed(to(b, 3000)), at(kB, 5002, 3000));
  gives(s, reversed(to(a, 2000)), at(kA, 5000, 2000));
  // Also if the old one has lost a fragment.
  gives(s, {to(b, 3000)[0]}, {at(kB, 5002, 3000)[0]});
  gives(s, to(a, 1200), at(kA, 5000, 1200));
  held(s, 2 + 1);
  counted_in(s, 2 + 3 + 2 + 1 + 2,
             bytes_of(to(a, 2000)) * 2 + bytes_of(to(b, 3000)) + to(b, 3000)[0].size() +
                 bytes_of(to(a, 1200)));
}

// RFC 1858, RFC 3128: what would overwrite the header that was looked at.
void overwrites_header(Script& s) {
  const auto t = open(s);
  const auto whole = ip4(kZ, t.address).udp(53, t.port).payload(2000);
  const auto out = ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload(2000);
  gives(s, {whole.slice(0, 80, 7)}, {out.slice(0, 80, 7)});
  gives(s, {whole.slice(8, 80, 7), whole.slice(80, 1000, 7)}, {});
  // And what lies behind the end.
  gives(s, {whole.slice(0, 1200, 8), whole.slice(1200, 808, 8)},
        {out.slice(0, 1200, 8), out.slice(1200, 808, 8)});
  gives(s, {whole.slice(0, 80, 9)}, {out.slice(0, 80, 9)});
  gives(s, {whole.slice(1200, 808, 9)}, {out.slice(1200, 808, 9)});
  auto behind = ip4(kZ, t.address).raw(17, pattern(80)).fragment(2400, true, 9);
  gives(s, {behind, whole.slice(80, 1000, 9)}, {});
  s.counted({{DropReason::kFragment, 2 + 2}});
  counted_in(s, 5, 100 + 1220 + 828 + 100 + 828);
}

// Forged addresses of one family fill their three quarters and no more.
void flood_of_a_family(Script& s) {
  const auto t = open(s);
  for (int source = 1; source <= 100; ++source) {
    auto lost = ip4("192.0.2." + std::to_string(source), t.address).raw(17, pattern(800));
    s.nothing(lost.fragment(800, false, 5));
  }
  const auto in = pieces(ip6(kA, kPZ).udp(5000, 53).payload(2000), 2008, 7);
  gives(s, reversed(in), pieces(out4(t, kZ).udp(t.port, 53).payload(2000), 2008, 7));
  s.expect(ip4(kZ, t.address).udp(53, t.port).payload("hello"),
           ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload("hello"));
  // What comes in order needs no room.
  const auto back = pieces(ip4(kZ, t.address).udp(53, t.port).payload(2000), 2008, 7);
  gives(s, back, pieces(ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload(2000), 2008, 7));
  gives(s, {back[1]}, {});
  s.wait(2'001);
  gives(s, reversed(back), pieces(ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload(2000), 2008, 7));
  held(s, 48 + 1 + 1);
  s.counted({{DropReason::kFragmentLimit, 100 + 1}});
  counted_out(s, 2, bytes_of(in));
  counted_in(s, 5, 33 + 2 * bytes_of(back));
}

// Endpoint-independent filtering: a stranger's datagram makes a session; otherwise it is refused.
void stranger(Script& s) {
  const auto t = open(s);
  const auto in = pieces(ip4(kZ2, t.address).udp(99, t.port).payload(2000), 2008, 7);
  gives(s, reversed(in), pieces(ip6(kPZ2, kA).hop_limit(63).udp(99, 5000).payload(2000), 2008, 7));
  held(s, 1);
  counted_in(s, 2, bytes_of(in));
  counted_made(s, 0, 1);
}
void stranger_filtered(Script& s) {
  const auto t = open(s);
  gives(s, reversed(pieces(ip4(kZ2, t.address).udp(99, t.port).payload(2000), 2008, 7)), {});
  held(s, 1);
  s.counted({{DropReason::kFiltered, 1}, {DropReason::kFragment, 1}});
}

// IPv6 fragments that a narrow IPv4 link makes smaller still keep one Identification.
void narrow(Script& s) {
  const auto t = open(s);
  const auto in = pieces(ip6(kA, kPZ).udp(5000, 53).payload(1800), 1808, 7, 1000);
  const auto whole = out4(t, kZ).udp(t.port, 53).payload(1800);
  gives(s, reversed(in),
        {whole.slice(0, 552, 1), whole.slice(552, 448, 1), whole.slice(1000, 552, 1),
         whole.slice(1552, 256, 1)});
  // A whole packet that has to be split gets one of the kind that fragments get.
  const auto small = out4(t, kZ).udp(t.port, 53).payload(1000);
  gives(s, {ip6(kA, kPZ).udp(5000, 53).payload(1000).bytes()},
        {small.slice(0, 552, 1), small.slice(552, 456, 1)});
  held(s, 1);
  counted_out(s, 3, bytes_of(in) + 1048);
}

// DF and a fragment: it grows by 28 bytes (RFC 7915 4.1).
void fragment_needed(Script& s) {
  const auto t = open(s);
  auto big = ip4(kZ, t.address).df().raw(17, hex("0035 0000 0800 1111") + pattern(1472));
  big.fragment(0, true, 7);
  Bytes first = big;
  first[22] = static_cast<uint8_t>(t.port >> 8);
  first[23] = static_cast<uint8_t>(t.port);
  const auto got = s.burst({first});
  s.check(got.size() == 1, "an ICMP error");
  if (got.size() == 1) {
    s.same(ip4(kOwn4, kZ).tos(0xc0).df().icmp4(3, 4, 1472).quote(first, 548), got[0]);
  }
  s.counted({{DropReason::kTooBig, 1}, {Counter::kIcmpErrorsSent, 1}});
}

// What was to be put together here, and never was: its sender is told, if the first fragment came.
void gathered_in_vain_4(Script& s) {
  const auto t = open(s);
  const auto whole = ip4(kZ, t.address).udp(53, t.port).payload(1000).zero_checksum();
  const Bytes first = whole.slice(0, 504, 7);
  gives(s, {first}, {});
  s.same(ip4(kOwn4, kZ).tos(0xc0).df().icmp4(11, 1).quote(first, 548), s.wait_for_one(2'001));
  gives(s, {whole.slice(504, 504, 8)}, {});
  s.wait(2'001);
  held(s, 2);
  s.counted({{DropReason::kFragmentLimit, 2}, {Counter::kIcmpErrorsSent, 1}});
}

void gathered_in_vain_6(Script& s) {
  const auto whole = ip6(kA, kPZ).icmp_echo(77, 2).payload(2000);
  const Bytes first = whole.slice(0, 1232, 7);
  gives(s, {first}, {});
  s.same(ip6(kOwn6, kA).icmp6(3, 1).quote(first, 1232), s.wait_for_one(2'001));
  gives(s, {whole.slice(1232, 776, 8)}, {});
  s.wait(2'001);
  held(s, 2);
  s.counted({{DropReason::kFragmentLimit, 2}, {Counter::kIcmpErrorsSent, 1}});
}

nat::Settings few_fragments() {
  auto settings = stateful();
  settings.max_fragments = 64;
  return settings;
}
nat::Settings filtering() {
  auto settings = stateful();
  settings.instances[0].filtering = nat::Filtering::kAddressDependent;
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
           {"RFC 8200 4.5: only the first fragment's Next Header counts", mixed_next_header},
           {"RFC 8200 4.5: a ping whose later fragments say UDP", mixed_next_header_of_icmp},
           {"RFC 7915 5.1.1: extension headers before the fragment header", headers_in_front},
           {"RFC 7915 5.1.1: an extension header behind the fragment header", header_behind},
           {"RFC 8200 4.5: a fragment whose length is no multiple of eight", crooked_length},
           {"RFC 8200 4.5: 64 KiB in fragments, backwards, both ways", largest},
           {"RFC 6146 3.4: a ping of 60000 bytes, backwards", largest_gathered},
           {"field defect: out-of-order fragments up to the limit", as_many_as_fit},
           {"RFC 6864 4.3: fragments of two hosts do not share an Identification",
            own_identifications},
           {"RFC 6864 4.3: Identifications of whole packets", identifications_of_whole_packets},
           {"RFC 6146 3.4: an Identification is used again at once", identification_again},
           {"RFC 3128 2: a fragment that would overwrite the first one's ports", overwrites_header},
           {"RFC 6146 3.5.1: fragments of a stranger", stranger},
           {"RFC 1122 3.3.2: a datagram without checksum that never is whole", gathered_in_vain_4},
           {"RFC 8200 4.5: a ping that never is whole is answered 3/1", gathered_in_vain_6}}) {
    rows.push_back({name, stateful(), path(), script});
    rows.push_back({std::string(name) + ", one address", one_address(), path(), script});
  }
  rows.push_back({"RFC 6146 3.5.1: fragments of a stranger, filtered", filtering(), path(),
                  stranger_filtered});
  rows.push_back({"RFC 6146 3.4: a flood of IPv4 fragments leaves IPv6 its share", few_fragments(),
                  path(), flood_of_a_family});
  rows.push_back(
      {"RFC 7915 5.1.1: fragments on a narrow IPv4 link", stateful(), path(1500, 576), narrow});
  rows.push_back({"RFC 7915 4.1: Fragmentation Needed for a fragment says 28 less", stateful(),
                  path(), fragment_needed});
  return rows;
}

}  // namespace isthmus::test::rows_fragment_edge
