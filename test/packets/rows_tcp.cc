// SPDX-License-Identifier: BSD-3-Clause
// TCP: RFC 6146 3.5.2, RFC 5382, RFC 7857 2.
#include "packets/rows.h"

namespace isthmus::test::rows_tcp {
namespace {

constexpr uint64_t kLength6 = 60, kLength4 = 40;

Packet from_a(const char* flags, uint16_t port = 5000) {
  return ip6(kA, kPZ).tcp(port, 80).flags(flags);
}
Packet from_z(const Mapping& t, const char* flags) {
  return ip4(kZ, t.address).tcp(80, t.port).flags(flags);
}

// A connection that counts its packets.
class Connection {
 public:
  explicit Connection(Script& s) : s_(s) {
    const auto syn = s.send(from_a("S"));
    t_ = s.mapping(syn);
    s.same(out4(t_, kZ).tcp(t_.port, 80).flags("S"), syn);
    counted_out(s, 1, kLength6);
    counted_made(s, 1, 1);
  }
  void out(const char* flags) {
    s_.expect(from_a(flags), out4(t_, kZ).tcp(t_.port, 80).flags(flags));
    counted_out(s_, 1, kLength6);
  }
  void in(const char* flags) {
    s_.expect(from_z(t_, flags), ip6(kPZ, kA).hop_limit(63).tcp(80, 5000).flags(flags));
    counted_in(s_, 1, kLength4);
  }
  void establish() {
    in("SA");
    out("A");
  }
  // Neither session nor binding is left: inbound segments find nothing.
  void gone() {
    s_.nothing(from_z(t_, "A"));
    s_.counted({{DropReason::kNoBinding, 1}});
    counted_gone(s_, 1, 1);
  }
  const Mapping& mapping() const { return t_; }

 private:
  Script& s_;
  Mapping t_;
};

void handshake_and_close(Script& s) {
  Connection c(s);
  c.establish();
  c.out("F");
  c.in("FA");
  c.out("A");
  s.wait(239'000);
  c.in("A");  // RFC 6146 3.5.2.2: does not prolong
  s.wait(2'100);
  c.gone();
}

void unanswered_syn(Script& s) {
  Connection c(s);
  s.wait(239'000);
  c.out("S");
  s.wait(239'000);
  c.in("R");  // forwarded, changes nothing
  s.wait(2'100);
  c.gone();
}

void established_lives_two_hours(Script& s) {
  Connection c(s);
  c.establish();
  s.wait(7'199'000);
  c.in("A");
  s.wait(7'199'000);
  c.out("A");
}

void probe_at_the_end(Script& s) {
  Connection c(s);
  c.establish();
  const auto probe = s.wait_for_one(7'201'100);
  s.same(ip6(kPZ, kA).tcp(80, 5000).flags("A").seq(0).ack(0).window(0), probe);
  s.counted({{Counter::kTcpProbes, 1}});
  c.out("A");  // the host answers the probe, so the connection lives on
  s.wait(7'199'000);
  c.out("A");
}

void unanswered_probe(Script& s) {
  Connection c(s);
  c.establish();
  s.wait_for_one(7'201'100);
  s.counted({{Counter::kTcpProbes, 1}});
  s.wait(237'800);  // 7439 s in all (RFC 5382 REQ-5: not before 2 h 4 min)
  s.wait(2'200);
  c.gone();
}

void reset_then_data(Script& s) {
  Connection c(s);
  c.establish();
  c.in("R");
  s.wait(239'000);
  c.out("A");  // the peer did not accept the RST
  s.wait(7'199'000);
  c.in("A");
}

void reset_then_silence(Script& s) {
  Connection c(s);
  c.establish();
  c.out("R");
  s.wait(241'100);
  c.gone();
}

void half_closed(Script& s) {
  Connection c(s);
  c.establish();
  c.in("FA");
  s.wait(7'000'000);
  c.out("A");
  s.wait(7'000'000);
  c.in("A");
}

void reset_when_half_closed(Script& s) {
  Connection c(s);
  c.establish();
  c.in("FA");
  c.out("R");
  s.wait(241'100);
  c.gone();
}

void reset_when_half_closed_literally(Script& s) {
  Connection c(s);
  c.establish();
  c.in("FA");
  c.out("R");
  s.wait(7'000'000);
  c.in("A");
}

void port_reused_after_close(Script& s) {
  Connection c(s);
  c.establish();
  c.out("F");
  c.in("FA");
  s.wait(60'000);
  c.out("S");
  c.establish();
  s.wait(600'000);
  c.in("A");
}

void segment_without_binding(Script& s) {
  s.nothing(from_a("A"));
  s.nothing(from_a("R"));
  s.nothing(from_a("F"));
  s.counted({{DropReason::kNoSession, 3}});
}

void segment_with_binding_only(Script& s) {
  Connection c(s);
  // Another remote: no session, but (T, t) is bound, so RFC 6146 says forward and keep no state.
  s.expect(ip6(kA, kPZ2).tcp(5000, 80).flags("A"),
           out4(c.mapping(), kZ2).tcp(c.mapping().port, 80).flags("A"));
  s.expect(ip4(kZ2, c.mapping().address).tcp(80, c.mapping().port).flags("A"),
           ip6(kPZ2, kA).hop_limit(63).tcp(80, 5000).flags("A"));
  counted_out(s, 1, kLength6);
  counted_in(s, 1, kLength4);
}

void inbound_open_with_binding(Script& s) {
  Connection c(s);
  const auto& t = c.mapping();
  s.expect(ip4(kZ2, t.address).tcp(81, t.port).flags("S"),
           ip6(kPZ2, kA).hop_limit(63).tcp(81, 5000).flags("S"));
  s.expect(ip6(kA, kPZ2).tcp(5000, 81).flags("SA"), out4(t, kZ2).tcp(t.port, 81).flags("SA"));
  counted_in(s, 1, kLength4);
  counted_out(s, 1, kLength6);
  counted_made(s, 0, 1);
  s.wait(238'000);
  s.wait(3'100);  // the first session is unanswered and ends; this one is established
  counted_gone(s, 0, 1);
  s.expect(ip4(kZ2, t.address).tcp(81, t.port).flags("A"),
           ip6(kPZ2, kA).hop_limit(63).tcp(81, 5000).flags("A"));
  counted_in(s, 1, kLength4);
}

Packet unsolicited() {
  return ip4(kZ, "203.0.113.1").tcp(80, 40000).flags("S");
}

void unsolicited_syn(Script& s) {
  s.nothing(unsolicited());
  s.wait(3'000);
  s.nothing(unsolicited());  // a repeated SYN does not prolong the wait
  s.wait(2'900);
  const auto error = s.wait_for_one(1'200);
  s.same(ip4(kOwn4, kZ).tos(0xc0).df().icmp4(3, 3).quote(unsolicited()), error);
  s.wait(10'000);
  s.counted({{DropReason::kSynHeld, 2}, {Counter::kIcmpErrorsSent, 1}});
}

void simultaneous_open(Script& s) {
  // The SYN goes to the address that the inside host is paired with already: its worker owns all
  // ports of it, so nothing but the machine decides whether the cell is given.
  const auto paired = s.mapping(s.send(ip6(kA, kPZ).udp(7000, 53)));
  counted_out(s, 1, 48);
  const auto syn = ip4(kZ, paired.address).tcp(80, 40000).flags("S");
  s.nothing(syn);
  s.counted({{DropReason::kSynHeld, 1}});
  s.wait(2'000);
  const auto t = s.mapping(s.send(from_a("S")));
  s.check(t.address == paired.address && t.port == 40000, "not the cell that the SYN asked for");
  counted_out(s, 1, kLength6);
  counted_made(s, 2, 2);
  s.wait(10'000);  // the stored SYN is dropped silently (RFC 5382 REQ-4)
  s.expect(syn, ip6(kPZ, kA).hop_limit(63).tcp(80, 5000).flags("S"));
  counted_in(s, 1, kLength4);
  s.wait(7'000'000);  // the UDP session goes meanwhile
  s.counted({{Counter::kSessionsDeleted, 1}, {Counter::kBindingsDeleted, 1}});
  s.expect(from_a("A"), out4(t, kZ).tcp(t.port, 80).flags("A"));
  counted_out(s, 1, kLength6);
}

void filtered_syn_is_held(Script& s) {
  Connection c(s);
  const auto& t = c.mapping();
  const auto syn = ip4(kZ2, t.address).tcp(81, t.port).flags("S");
  s.nothing(syn);
  s.counted({{DropReason::kSynHeld, 1}});
  // The inside opens towards the same remote: established, no error.
  s.expect(ip6(kA, kPZ2).tcp(5000, 81).flags("S"), out4(t, kZ2).tcp(t.port, 81).flags("S"));
  s.expect(syn, ip6(kPZ2, kA).hop_limit(63).tcp(81, 5000).flags("S"));
  counted_out(s, 1, kLength6);
  counted_in(s, 1, kLength4);
  counted_made(s, 0, 1);
  s.wait(10'000);
}

nat::Settings filtering() {
  auto settings = stateful();
  settings.instances[0].filtering = nat::Filtering::kAddressDependent;
  return settings;
}

nat::Settings literal() {
  auto settings = stateful();
  settings.instances[0].rst_closes_half_closed = false;
  return settings;
}

}  // namespace

std::vector<Row> rows() {
  return {
      {"RFC 6146 3.5.2: open, close, gone after TCP_TRANS", stateful(), path(),
       handshake_and_close},
      {"RFC 6146 3.5.2: the same with one address", one_address(), path(), handshake_and_close},
      {"RFC 6146 3.5.2.2 V6 INIT: only a SYN prolongs it", stateful(), path(), unanswered_syn},
      {"RFC 6146 3.5.2.2 ESTABLISHED: lives TCP_EST from either side", stateful(), path(),
       established_lives_two_hours},
      {"RFC 6146 3.5.2.2 ESTABLISHED: probe at expiry", stateful(), path(), probe_at_the_end},
      {"RFC 5382 REQ-5: unanswered probe, gone after 2 h 4 min", stateful(), path(),
       unanswered_probe},
      {"RFC 6146 3.5.2.2 TRANS: data after RST brings it back", stateful(), path(),
       reset_then_data},
      {"RFC 6146 3.5.2.2 TRANS: RST and silence end it", stateful(), path(), reset_then_silence},
      {"RFC 6146 3.5.2.2 V4 FIN RCV: half-closed carries data", stateful(), path(), half_closed},
      {"conflict C11: RST in FIN RCV ends it in four minutes", stateful(), path(),
       reset_when_half_closed},
      {"RFC 6146 3.5.2.2 V4 FIN RCV: literally, a RST changes nothing", literal(), path(),
       reset_when_half_closed_literally},
      {"conflict C11: port reused after close", stateful(), path(), port_reused_after_close},
      {"RFC 6146 3.5.2.2 CLOSED: segment without binding is dropped silently", stateful(), path(),
       segment_without_binding},
      {"RFC 6146 3.5.2.2 CLOSED: segment with a binding passes, no state", stateful(), path(),
       segment_with_binding_only},
      {"RFC 6146 3.5.2.2 CLOSED: V4 SYN to a binding passes", stateful(), path(),
       inbound_open_with_binding},
      {"RFC 5382 REQ-4: unsolicited SYN answered after six seconds", stateful(), path(),
       unsolicited_syn},
      {"RFC 6146 3.5.2.2 V4 INIT: simultaneous open", stateful(), path(), simultaneous_open},
      {"RFC 6146 3.5.2.2 V4 INIT: filtered SYN is held for the inside", filtering(), path(),
       filtered_syn_is_held},
  };
}

}  // namespace isthmus::test::rows_tcp
