// SPDX-License-Identifier: BSD-3-Clause
// Every line of the tables that say what an ICMP message becomes: RFC 7915 4.2 and 5.2, figures 3
// and 6, and the vectors of MTUs; through a stateful flow, in the direction that they have.
#include "packets/rows.h"

namespace isthmus::test::rows_icmp_table {
namespace {

constexpr const char* kRouter4 = "198.51.100.254";
constexpr uint64_t kUdp6 = 53;
constexpr int kNone = -1;

// One UDP flow from A to Z, and errors about its packets.
struct Flow {
  explicit Flow(Script& script) : s(script) {
    t = s.mapping(s.send(out6()));
    counted_out(s, 1, kUdp6);
    counted_made(s, 1, 1);
  }
  static Packet out6() { return ip6(kA, kPZ).udp(5000, 53).payload("hello"); }
  Packet sent4() const { return ip4(t.address, kZ).udp(t.port, 53).payload("hello"); }
  Packet in4() const { return ip4(kZ, t.address).udp(53, t.port).payload("hello"); }
  static Packet got6() { return ip6(kPZ, kA).udp(53, 5000).payload("hello"); }

  Packet error4(int type, int code, uint32_t rest = 0) const {
    return ip4(kRouter4, t.address).icmp4(u8(type), u8(code), rest).quote(sent4());
  }
  Packet error6(int type, int code, uint32_t rest = 0) const {
    return ip6(kA, kPZ).icmp6(u8(type), u8(code), rest).quote(got6());
  }
  // An ICMPv4 error becomes the ICMPv6 error `type`, `code`, `rest`.
  void in(const Packet& error, int type, int code, uint32_t rest = 0) {
    s.expect(
        error,
        ip6(in_prefix(kRouter4), kA).hop_limit(63).icmp6(u8(type), u8(code), rest).quote(out6()));
    counted_in(s, 1, error.bytes().size());
    s.counted({{Counter::kIcmpErrorsTranslated, 1}});
  }
  void out(const Packet& error, int type, int code, uint32_t rest = 0) {
    s.expect(error, out4(t, kZ).icmp4(u8(type), u8(code), rest).quote(in4()));
    counted_out(s, 1, error.bytes().size());
    s.counted({{Counter::kIcmpErrorsTranslated, 1}});
  }
  void untranslatable(const Packet& error) {
    s.nothing(error);
    s.counted({{DropReason::kIcmpUntranslatable, 1}});
  }
  static uint8_t u8(int value) { return static_cast<uint8_t>(value); }

  Script& s;
  Mapping t;
};

// --- ICMPv4 to ICMPv6, RFC 7915 4.2 --------------------------------------------------------------

void echo_in(Script& s) {
  const auto t = s.mapping(s.send(ip6(kA, kPZ).icmp_echo(7, 1).payload("ping")));
  const auto rest = [](uint16_t id) { return uint32_t{id} << 16 | 9; };
  for (const uint8_t code : {0, 1, 255}) {
    s.expect(ip4(kZ, t.address).icmp4(0, code, rest(t.port)).payload("ping"),
             ip6(kPZ, kA).hop_limit(63).icmp6(129, 0, rest(7)).payload("ping"));
    s.expect(ip4(kZ, t.address).icmp4(8, code, rest(t.port)).payload("ping"),
             ip6(kPZ, kA).hop_limit(63).icmp6(128, 0, rest(7)).payload("ping"));
    s.expect(ip6(kA, kPZ).icmp6(128, code, rest(7)).payload("ping"),
             out4(t, kZ).icmp4(8, 0, rest(t.port)).payload("ping"));
    s.expect(ip6(kA, kPZ).icmp6(129, code, rest(7)).payload("ping"),
             out4(t, kZ).icmp4(0, 0, rest(t.port)).payload("ping"));
  }
  counted_out(s, 7, 7 * 52);
  counted_in(s, 6, 6 * 32);
  counted_made(s, 1, 1);
}

void unreachable_in(Script& s) {
  Flow f(s);
  struct To {
    int type, code;
    uint32_t rest = 0;
  };
  // By code; 4 says less than what fits, and becomes the least MTU.
  constexpr To kTo[] = {{1, 0}, {1, 0}, {4, 1, 6}, {1, 4}, {2, 0, 1280}, {1, 0}, {1, 0}, {1, 0},
                        {1, 0}, {1, 1}, {1, 1},    {1, 0}, {1, 0},       {1, 1}, {},     {1, 1}};
  for (int code = 0; code < 16; ++code) {
    const auto error = f.error4(3, code, code == 4 ? 576 : 0);
    if (code == 14) {
      f.untranslatable(error);
    } else {
      f.in(error, kTo[code].type, kTo[code].code, kTo[code].rest);
    }
  }
  for (const int code : {16, 17, 128, 255}) f.untranslatable(f.error4(3, code));
}

void time_exceeded_in(Script& s) {
  Flow f(s);
  f.in(f.error4(11, 0), 3, 0);
  f.in(f.error4(11, 1), 3, 1);
  for (const int code : {2, 255}) f.untranslatable(f.error4(11, code));
}

// RFC 7915 figure 3. In ICMPv4 the pointer is an octet, in ICMPv6 a word.
void pointers_in(Script& s) {
  Flow f(s);
  constexpr int kTo[] = {0,     1, 4, 4, kNone, kNone, kNone, kNone, 7,  6,    kNone,
                         kNone, 8, 8, 8, 8,     24,    24,    24,    24, kNone};
  for (const int code : {0, 2}) {
    for (uint32_t at = 0; at < std::size(kTo); ++at) {
      const auto error = f.error4(12, code, at << 24);
      if (kTo[at] == kNone) {
        f.untranslatable(error);
      } else {
        f.in(error, 4, 0, static_cast<uint32_t>(kTo[at]));
      }
    }
    f.untranslatable(f.error4(12, code, 255u << 24));
  }
  for (const int code : {1, 3, 255}) f.untranslatable(f.error4(12, code));
}

void others_in(Script& s) {
  Flow f(s);
  // Source Quench, Redirect, Alternate Host Address, Router Advertisement and Solicitation,
  // Timestamps, Information, Address Masks, and what nobody has defined.
  for (const int type : {4, 5, 6, 9, 10, 13, 14, 15, 16, 17, 18, 1, 2, 7, 19, 30, 40, 42, 255}) {
    f.untranslatable(f.error4(type, 0));
  }
}

// --- ICMPv6 to ICMPv4, RFC 7915 5.2 --------------------------------------------------------------

void errors_out(Script& s) {
  Flow f(s);
  f.out(f.error6(1, 0), 3, 1);
  f.out(f.error6(1, 1), 3, 10);
  f.out(f.error6(1, 2), 3, 1);
  f.out(f.error6(1, 3), 3, 1);
  f.out(f.error6(1, 4), 3, 3);
  for (const int code : {5, 6, 7, 8, 255}) f.untranslatable(f.error6(1, code));
  for (const int code : {0, 1, 255}) f.out(f.error6(2, code, 1400), 3, 4, 1380);
  f.out(f.error6(3, 0), 11, 0);
  f.out(f.error6(3, 1), 11, 1);
  for (const int code : {2, 255}) f.untranslatable(f.error6(3, code));
  f.out(f.error6(4, 1, 6), 3, 2);
  for (const int code : {2, 3, 4, 255}) f.untranslatable(f.error6(4, code));
}

// RFC 7915 figure 6.
void pointers_out(Script& s) {
  Flow f(s);
  const auto to = [](uint32_t at) {
    constexpr int kFirst[] = {0, 1, kNone, kNone, 2, 2, 9, 8};
    return at < 8 ? kFirst[at] : at < 24 ? 12 : at < 40 ? 16 : kNone;
  };
  for (const uint32_t at : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 15u, 23u, 24u, 31u, 39u, 40u, 48u,
                            256u, 1u << 24, 0xffffffffu}) {
    const auto error = f.error6(4, 0, at);
    if (to(at) == kNone) {
      f.untranslatable(error);
    } else {
      f.out(error, 12, 0, static_cast<uint32_t>(to(at)) << 24);
    }
  }
}

void others_out(Script& s) {
  Flow f(s);
  for (const int type : {0, 5, 100, 101, 127, 130, 131, 132, 133, 134, 136, 137, 143, 200, 255}) {
    f.untranslatable(f.error6(type, 0));
  }
}

// --- MTUs ----------------------------------------------------------------------------------------

// "Fragmentation needed" about a packet of `inner` bytes, of which the quote has the beginning.
void mtu_in(Script& s, uint32_t reported, int inner, uint32_t expected) {
  Flow f(s);
  const int payload = inner - 28;
  const auto sent4 = ip4(f.t.address, kZ).df().udp(f.t.port, 53).payload(payload);
  const auto sent6 = ip6(kA, kPZ).udp(5000, 53).payload(payload);
  const auto error = ip4(kRouter4, f.t.address).icmp4(3, 4, reported).quote(sent4, 548);
  s.expect(error,
           ip6(in_prefix(kRouter4), kA).hop_limit(63).icmp6(2, 0, expected).quote(sent6, 568));
  counted_in(s, 1, error.bytes().size());
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
}

void mtus_out(Script& s) {
  Flow f(s);
  f.out(f.error6(2, 0, 1500), 3, 4, 1480);
  f.out(f.error6(2, 0, 1400), 3, 4, 1380);
  f.out(f.error6(2, 0, 1280), 3, 4, 1260);
  // No link of IPv6 is smaller: taken for 1280, never less than nothing.
  for (const uint32_t absurd : {0u, 5u, 19u, 1279u}) f.out(f.error6(2, 0, absurd), 3, 4, 1260);
  f.out(f.error6(2, 0, 0xffffffff), 3, 4, 1480);
}

void mtu_of_a_narrow_link_out(Script& s) {
  Flow f(s);
  f.out(f.error6(2, 0, 9000), 3, 4, 1500);
}

struct MtuRow {
  uint32_t reported;
  int inner;
  uint16_t next_hops;
  uint32_t expected;
};

}  // namespace

std::vector<Row> rows() {
  std::vector<Row> rows{
      {"RFC 7915 4.2, 5.2: echo of any code", stateful(), path(), echo_in},
      {"RFC 7915 4.2: every code of Destination Unreachable", stateful(), path(), unreachable_in},
      {"RFC 7915 4.2: every code of Time Exceeded", stateful(), path(), time_exceeded_in},
      {"RFC 7915 4.2: Parameter Problem, figure 3", stateful(), path(), pointers_in},
      {"RFC 7915 4.2: all other types are dropped silently", stateful(), path(), others_in},
      {"RFC 7915 5.2: every type and code", stateful(), path(), errors_out},
      {"RFC 7915 5.2: Parameter Problem, figure 6", stateful(), path(), pointers_out},
      {"RFC 7915 5.2: all other types are dropped silently", stateful(), path(), others_out},
      {"RFC 7915 5.2: MTUs reported and announced", stateful(), path(), mtus_out},
      {"RFC 7915 5.2: MTU of a narrower IPv4 link", stateful(), path(9000, 1500),
       mtu_of_a_narrow_link_out},
  };
  for (const MtuRow& mtu : {MtuRow{1400, 1480, 1500, 1420}, MtuRow{1480, 1500, 1500, 1500},
                            MtuRow{576, 1480, 1500, 1280}, MtuRow{0, 1480, 1500, 1280},
                            MtuRow{0, 1492, 1500, 1280}, MtuRow{0, 8980, 9000, 8186}}) {
    rows.push_back({"RFC 7915 4.2: Fragmentation Needed says " + std::to_string(mtu.reported) +
                        " about " + std::to_string(mtu.inner) + " bytes",
                    stateful(), path(mtu.next_hops, mtu.next_hops),
                    [mtu](Script& s) { mtu_in(s, mtu.reported, mtu.inner, mtu.expected); }});
  }
  return rows;
}

}  // namespace isthmus::test::rows_icmp_table
