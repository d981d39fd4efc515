// SPDX-License-Identifier: BSD-3-Clause
// What an operator may choose: MSS clamping, UDP without checksum, traffic class, sizes of errors.
#include "packets/rows.h"

namespace isthmus::test::rows_policy {
namespace {

constexpr const char* kInside = "2001:db8:46::192.0.2.5";
constexpr const char* kInside2 = "2001:db8:46::192.0.2.6";
constexpr const char* kServer = "2001:db8:46::198.51.100.10";
constexpr uint64_t kUdp6 = 53, kUdp4 = 33;

template <class Change>
nat::Settings with_policy(Change&& change) {
  auto settings = stateful();
  change(settings.instances[0].policy);
  return settings;
}

template <class Change>
nat::Settings stateless_with_policy(Change&& change) {
  auto settings = stateless();
  change(settings.stateless[0].policy);
  return settings;
}

// --- MSS -----------------------------------------------------------------------------------------

Bytes mss(uint16_t value) {
  return {2, 4, static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

// Whole handshake; 1440 is what fits 1500 bytes of IPv6.
void mss_stateful(Script& s) {
  const auto tcp6 = [](const char* flags, uint16_t size) {
    return ip6(kA, kPZ).tcp(5000, 80).flags(flags).tcp_options(mss(size));
  };
  const auto syn = s.send(tcp6("S", 1460));
  const auto t = s.mapping(syn);
  const auto tcp4 = [&](const char* flags, uint16_t size) {
    return ip4(kZ, t.address).tcp(80, t.port).flags(flags).tcp_options(mss(size));
  };
  const auto sent4 = [&](const char* flags, uint16_t size) {
    return out4(t, kZ).tcp(t.port, 80).flags(flags).tcp_options(mss(size));
  };
  const auto got6 = [](const char* flags, uint16_t size) {
    return ip6(kPZ, kA).hop_limit(63).tcp(80, 5000).flags(flags).tcp_options(mss(size));
  };
  s.same(sent4("S", 1440), syn);
  s.expect(tcp4("SA", 1460), got6("SA", 1440));
  s.expect(tcp6("A", 1460), sent4("A", 1460));  // only SYNs
  s.expect(tcp4("A", 1460), got6("A", 1460));
  s.expect(tcp6("SA", 1460), sent4("SA", 1440));  // also late ones
  s.expect(tcp4("S", 9000), got6("S", 1440));
  s.expect(tcp4("S", 1000), got6("S", 1000));
  counted_out(s, 3, 3 * 64);
  counted_in(s, 4, 4 * 44);
  counted_made(s, 1, 1);
}

void mss_hairpin(Script& s) {
  const auto b = s.mapping(s.send(ip6(kB, kPZ).tcp(80, 443).flags("S")));
  const auto a = s.mapping(s.send(ip6(kA, kPZ).tcp(5000, 443).flags("S")));
  s.expect(ip6(kA, in_prefix(b.address)).tcp(5000, b.port).flags("S").tcp_options(mss(8940)),
           ip6(in_prefix(a.address), kB)
               .hop_limit(63)
               .tcp(a.port, 80)
               .flags("S")
               .tcp_options(mss(1440)));
  counted_out(s, 3, 60 + 60 + 64);
  counted_in(s, 1, 44);
  counted_made(s, 2, 4);
  s.counted({{Counter::kHairpin, 1}});
}

void mss_stateless(Script& s) {
  const auto both = [&](const char* flags, uint16_t in, uint16_t out) {
    s.expect(ip6(kInside, kServer).tcp(5000, 80).flags(flags).tcp_options(mss(in)),
             ip4("192.0.2.5", kZ).ttl(63).tcp(5000, 80).flags(flags).tcp_options(mss(out)));
    s.expect(ip4(kZ, "192.0.2.5").tcp(80, 5000).flags(flags).tcp_options(mss(in)),
             ip6(kServer, kInside).hop_limit(63).tcp(80, 5000).flags(flags).tcp_options(mss(out)));
    s.counted({{Counter::kSiitOut, 1}, {Counter::kSiitIn, 1}});
  };
  both("S", 1460, 1300);
  both("SA", 1301, 1300);
  both("S", 1300, 1300);
  both("S", 536, 536);
  both("A", 1460, 1460);
  s.expect(ip6(kInside, kInside2).tcp(5000, 80).flags("S").tcp_options(mss(1460)),
           ip6(kInside, kInside2).hop_limit(63).tcp(5000, 80).flags("S").tcp_options(mss(1300)));
  s.counted({{Counter::kSiitOut, 1}, {Counter::kSiitIn, 1}, {Counter::kHairpin, 1}});
}

// --- UDP without checksum ------------------------------------------------------------------------

struct ZeroFlow {
  explicit ZeroFlow(Script& script, uint16_t port = 4789) : s(script), remote(port) {
    t = s.mapping(s.send(ip6(kA, kPZ).udp(5000, remote).payload("hello")));
    counted_out(s, 1, kUdp6);
    counted_made(s, 1, 1);
  }
  Packet out6() const { return ip6(kA, kPZ).udp(5000, remote).payload("hello"); }
  Packet sent4() const { return out4(t, kZ).udp(t.port, remote).payload("hello"); }
  Packet in4() const { return ip4(kZ, t.address).udp(remote, t.port).payload("hello"); }
  Packet got6() const { return ip6(kPZ, kA).hop_limit(63).udp(remote, 5000).payload("hello"); }

  Script& s;
  uint16_t remote;
  Mapping t;
};

void zero_dropped(Script& s) {
  const ZeroFlow f(s);
  s.nothing(f.out6().zero_checksum());
  s.nothing(f.in4().zero_checksum());
  s.counted({{DropReason::kUdpZeroChecksum, 2}});
}

void zero_computed(Script& s) {
  const ZeroFlow f(s);
  s.expect(f.out6().zero_checksum(), f.sent4());
  s.expect(f.in4().zero_checksum(), f.got6());
  counted_out(s, 1, kUdp6);
  counted_in(s, 1, kUdp4);
}

void zero_forwarded(Script& s) {
  const ZeroFlow f(s);
  s.expect(f.out6().zero_checksum(), f.sent4().zero_checksum());
  s.expect(f.in4().zero_checksum(), f.got6().zero_checksum());
  counted_out(s, 1, kUdp6);
  counted_in(s, 1, kUdp4);
}

void zero_by_port(Script& s) {
  zero_forwarded(s);
  const ZeroFlow other(s, 4790);
  s.nothing(other.out6().zero_checksum());
  s.nothing(other.in4().zero_checksum());
  counted_made(s, -1, 0);  // the second flow shares the first one's binding
  s.counted({{DropReason::kUdpZeroChecksum, 2}});
}

// A port on the list: fragments are not gathered, and the first one keeps its zero.
void zero_fragments_by_port(Script& s) {
  const ZeroFlow f(s);
  const auto in = ip4(kZ, f.t.address).udp(4789, f.t.port).payload(1000).zero_checksum();
  const auto out = ip6(kPZ, kA).hop_limit(63).udp(4789, 5000).payload(1000).zero_checksum();
  for (const auto& [offset, length] : {std::pair<std::size_t, std::size_t>{0, 504}, {504, 504}}) {
    const auto got = s.burst({in.slice(offset, length, 7)});
    s.check(got == std::vector<Bytes>{out.slice(offset, length, 7)}, "fragment with checksum zero");
    counted_in(s, 1, 20 + length);
  }
}

void zero_stateless(Script& s) {
  const auto out6 = [](uint16_t port) {
    return ip6(kInside, kServer).udp(5000, port).payload("hello").zero_checksum();
  };
  const auto in4 = [](uint16_t port) {
    return ip4(kZ, "192.0.2.5").udp(port, 5000).payload("hello").zero_checksum();
  };
  s.expect(out6(4789),
           ip4("192.0.2.5", kZ).ttl(63).udp(5000, 4789).payload("hello").zero_checksum());
  s.expect(in4(4789),
           ip6(kServer, kInside).hop_limit(63).udp(4789, 5000).payload("hello").zero_checksum());
  s.nothing(out6(53));
  s.expect(in4(53), ip6(kServer, kInside).hop_limit(63).udp(53, 5000).payload("hello"));
  // A lone fragment cannot be summed (RFC 7915 4.5), but may pass as it is.
  const auto whole = [](uint16_t port) {
    return ip4(kZ, "192.0.2.5").udp(port, 5000).payload(72).zero_checksum();
  };
  s.check(s.burst({whole(4789).slice(0, 40, 9)}).size() == 1, "a listed port's fragment passes");
  s.check(s.burst({whole(53).slice(0, 40, 9)}).empty(), "another one's does not");
  s.counted({{Counter::kSiitOut, 1}, {Counter::kSiitIn, 3}, {DropReason::kUdpZeroChecksum, 2}});
}

// --- traffic class -------------------------------------------------------------------------------

std::function<void(Script&)> classes(uint8_t out, uint8_t in) {
  return [=](Script& s) {
    const ZeroFlow f(s, 53);
    for (int i = 0; i < 2; ++i) {
      s.expect(f.out6().traffic_class(0xb9), f.sent4().tos(out));
      s.expect(f.in4().tos(0xb9), f.got6().traffic_class(in));
    }
    counted_out(s, 2, 2 * kUdp6);
    counted_in(s, 2, 2 * kUdp4);
  };
}

// --- errors --------------------------------------------------------------------------------------

// From a router inside, quoting all that fits 1280 bytes.
std::function<void(Script&)> long_error(std::size_t quoted) {
  return [=](Script& s) {
    const ZeroFlow f(s, 53);
    const auto big6 = ip6(kPZ, kA).udp(53, 5000).payload(1400);
    const auto big4 = ip4(kZ, f.t.address).df().udp(53, f.t.port).payload(1400);
    const auto error = ip6(kA, kPZ).icmp6(1, 4).quote(big6, 1232);
    auto out = out4(f.t, kZ).icmp4(3, 3).quote(big4, quoted);
    s.expect(error, out);
    counted_out(s, 1, error.bytes().size());
    s.counted({{Counter::kIcmpErrorsTranslated, 1}});
  };
}

// Conflict C14, the other half: with an extension always at most 576 bytes.
void long_error_with_extension(Script& s) {
  const ZeroFlow f(s, 53);
  const auto big6 = ip6(kPZ, kA).udp(53, 5000).payload(1400);
  const auto got = s.send(ip6(kA, kPZ).icmp6(1, 4).quote(big6, 1000).extension(mpls_extension()));
  s.check(got.size() == 576, "an error with an extension has 576 bytes");
  s.check(faults(got).empty(), faults(got));
  counted_out(s, 1, 40 + 8 + 1000 + mpls_extension().size());
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
}

// Conflict C19: the packet in the quote went through with a fragment header, 28 bytes longer.
void too_big_fragment(Script& s) {
  const ZeroFlow f(s, 53);
  const auto quote6 =
      ip6(kPZ, kA).hop_limit(60).fragment(0, true, 0x77).udp(53, 5000).payload(1000);
  const auto quote4 =
      ip4(kZ, f.t.address).ttl(60).fragment(0, true, 0x77).udp(53, f.t.port).payload(1000);
  const auto error = ip6(kA, kPZ).icmp6(2, 0, 1400).quote(quote6);
  s.expect(error, out4(f.t, kZ).icmp4(3, 4, 1372).quote(quote4));
  counted_out(s, 1, error.bytes().size());
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
}

// Conflict C18: only what the gateway originates is limited.
void echo_is_not_limited(Script& s) {
  const auto t = s.mapping(s.send(ip6(kA, kPZ).icmp_echo(7, 0).payload("ping")));
  for (uint16_t i = 1; i < 50; ++i) {
    s.expect(ip6(kA, kPZ).icmp_echo(7, i).payload("ping"),
             out4(t, kZ).icmp_echo(t.port, i).payload("ping"));
    s.expect(ip4(kZ, t.address).icmp_echo_reply(t.port, i).payload("ping"),
             ip6(kPZ, kA).hop_limit(63).icmp_echo_reply(7, i).payload("ping"));
  }
  counted_out(s, 50, 50 * 52);
  counted_in(s, 49, 49 * 32);
  counted_made(s, 1, 1);
}

// One source may not use up what the others are owed.
void errors_per_source(Script& s) {
  const auto dying = [](const char* from) {
    return ip6(from, kPZ).udp(5000, 53).payload("hello").hop_limit(1);
  };
  const auto told = [&](const char* host) {
    s.expect(dying(host), ip6(kOwn6, host).icmp6(3, 0).quote(dying(host)));
  };
  for (int i = 0; i < 10; ++i) told(kA);
  for (int i = 0; i < 5; ++i) s.nothing(dying(kA));
  s.nothing(dying("2001:db8:a::b"));  // the same /64
  told(kB);
  s.wait(1'000);
  told(kA);
  counted_made(s, 3, 3);
  s.counted({{DropReason::kHopLimit, 12},
             {DropReason::kIcmpRateLimit, 6},
             {Counter::kIcmpErrorsSent, 12}});
}

void mss_rows(std::vector<Row>& rows) {
  const auto clamp = [](uint16_t to) { return [to](auto& policy) { policy.mss_clamp = to; }; };
  rows.push_back({"MSS clamping: SYN and SYN/ACK, nothing else", with_policy(clamp(xlat::kMssAuto)),
                  path(), mss_stateful});
  rows.push_back({"MSS clamping: auto takes the narrower side, IPv4",
                  with_policy(clamp(xlat::kMssAuto)), path(9000, 1480), mss_stateful});
  rows.push_back(
      {"MSS clamping: hairpin", with_policy(clamp(xlat::kMssAuto)), path(), mss_hairpin});
  rows.push_back({"MSS clamping: stateless, both ways and hairpin",
                  stateless_with_policy(clamp(1300)), path(), mss_stateless});
}

void zero_rows(std::vector<Row>& rows) {
  using xlat::UdpZero;
  const auto zero = [](UdpZero in, UdpZero out, std::vector<uint16_t> ports = {}) {
    return [=](auto& policy) {
      policy.udp_zero_4to6 = in;
      policy.udp_zero_6to4 = out;
      policy.udp_zero_ports = ports;
    };
  };
  rows.push_back({"conflict C20: UDP checksum zero is dropped",
                  with_policy(zero(UdpZero::kDrop, UdpZero::kDrop)), path(), zero_dropped});
  rows.push_back({"conflict C2: UDP checksum zero is computed, both ways",
                  with_policy(zero(UdpZero::kCompute, UdpZero::kCompute)), path(), zero_computed});
  rows.push_back({"conflict C2: UDP checksum zero passes, both ways",
                  with_policy(zero(UdpZero::kForward, UdpZero::kForward)), path(), zero_forwarded});
  rows.push_back({"RFC 6936 5: UDP checksum zero passes on listed ports only",
                  with_policy(zero(UdpZero::kDrop, UdpZero::kDrop, {4789, 6081})), path(),
                  zero_by_port});
  rows.push_back({"RFC 6936 5: fragments on a listed port",
                  with_policy(zero(UdpZero::kCompute, UdpZero::kDrop, {4789})), path(),
                  zero_fragments_by_port});
  rows.push_back({"RFC 7915 4.5: UDP checksum zero, stateless",
                  stateless_with_policy(zero(UdpZero::kCompute, UdpZero::kDrop, {4789})), path(),
                  zero_stateless});
}

}  // namespace

std::vector<Row> rows() {
  std::vector<Row> rows;
  mss_rows(rows);
  zero_rows(rows);
  const auto fixed = [](xlat::ClassRule in, xlat::ClassRule out) {
    return with_policy([=](auto& policy) {
      policy.class_4to6 = in;
      policy.class_6to4 = out;
    });
  };
  rows.push_back(
      {"RFC 7915 4.1, 5.1: traffic class is copied", stateful(), path(), classes(0xb9, 0xb9)});
  rows.push_back({"RFC 7915 4.1: traffic class fixed towards IPv6 only", fixed({0, 0x20}, {}),
                  path(), classes(0xb9, 0x20)});
  rows.push_back({"RFC 7915 5.1: traffic class fixed towards IPv4 only", fixed({}, {0, 0x40}),
                  path(), classes(0x40, 0xb9)});
  rows.push_back({"RFC 3168 5.3: traffic class fixed, ECN kept",
                  fixed({xlat::kEcnBits, 0x20}, {xlat::kEcnBits, 0x40}), path(),
                  classes(0x41, 0x21)});
  rows.push_back(
      {"conflict C14: a long error goes on whole", stateful(), path(), long_error(1232 - 20)});
  rows.push_back({"conflict C14: the knob cuts it to 576 bytes",
                  with_policy([](auto& policy) { policy.short_icmp4_errors = true; }), path(),
                  long_error(576 - 28)});
  rows.push_back({"conflict C14: an extension keeps it to 576 bytes", stateful(), path(),
                  long_error_with_extension});
  rows.push_back(
      {"conflict C19: packet too big about a fragment", stateful(), path(), too_big_fragment});
  auto few = stateful();
  few.icmp_errors_per_second = 0;
  rows.push_back(
      {"conflict C18: translated echo is not limited", few, path(), echo_is_not_limited});
  auto fair = stateful();
  fair.icmp_errors_per_source = 1;
  rows.push_back({"RFC 4443 2.4: errors to one host are limited", fair, path(), errors_per_source});
  return rows;
}

}  // namespace isthmus::test::rows_policy
