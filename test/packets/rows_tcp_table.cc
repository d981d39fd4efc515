// SPDX-License-Identifier: BSD-3-Clause
// RFC 6146 3.5.2.2, every state and every event: what it does to the lifetime, to the millisecond.
#include <algorithm>
#include <vector>

#include "packets/rows.h"

namespace isthmus::test::rows_tcp_table {
namespace {

constexpr uint32_t kTrans = 240'000, kEst = 7'200'000, kSyn = 6'000;
constexpr uint32_t kTick = 1'100;  // housekeeping is that coarse; what packets see is exact
constexpr uint64_t kLength6 = 60, kLength4 = 40;

// One connection of A's to Z. Events are written "6SA": a segment of the IPv6 side with SYN, ACK.
class Peer {
 public:
  Peer(Script& s, uint16_t port) : s_(s), port_(port) {}

  void event(const std::string& what) {
    if (what[0] == '6') {
      out(what.substr(1));
    } else {
      in(what.substr(1));
    }
  }
  void in(const std::string& flags) {
    s_.expect(from_z(flags), ip6(kPZ, kA).hop_limit(63).tcp(80, port_).flags(flags));
    counted_in(s_, 1, kLength4);
  }
  Packet from_z(const std::string& flags) const {
    return ip4(kZ, t_.address).tcp(80, t_.port).flags(flags);
  }
  const Mapping& mapping() const { return t_; }
  Packet probe() const { return ip6(kPZ, kA).tcp(80, port_).flags("A").seq(0).ack(0).window(0); }
  /// A binding made by a connection to another server.
  void bind() {
    t_ = s_.mapping(s_.send(ip6(kA, kPZ2).tcp(port_, 80).flags("S")));
    counted_out(s_, 1, kLength6);
    counted_made(s_, 1, 1);
  }

 private:
  void out(const std::string& flags) {
    const auto segment = s_.send(ip6(kA, kPZ).tcp(port_, 80).flags(flags));
    counted_out(s_, 1, kLength6);
    if (t_.port == 0) {
      t_ = s_.mapping(segment);
      counted_made(s_, 1, 1);
    }
    s_.same(out4(t_, kZ).tcp(t_.port, 80).flags(flags), segment);
  }

  Script& s_;
  uint16_t port_;
  Mapping t_;
};

using Events = std::vector<std::string>;

// What becomes of a session `lifetime` after an event.
enum class End { kGone, kProbed };

struct Case {
  std::string name;
  Events start;   ///< from CLOSED to the state in question
  Events events;  ///< each from there, 100 s later
  uint32_t lifetime;
  End end = End::kGone;
  bool from_outside = false;  ///< V4 INIT: a binding, but no session of the same two ends
};

// Two connections for each event: one shows that the session lives until its last millisecond, the
// other that it is over then.
class Transition {
 public:
  Transition(Script& s, const Case& c) : s_(s), case_(c) {
    for (std::size_t i = 0; i < 2 * c.events.size(); ++i) {
      peers_.emplace_back(s, static_cast<uint16_t>(5000 + i));
    }
  }

  void run() {
    case_.from_outside ? open_from_outside() : open();
    s_.wait(100'000);
    for (std::size_t i = 0; i < peers_.size(); ++i) peers_[i].event(case_.events[i / 2]);
    s_.wait(case_.lifetime - 1);
    for (std::size_t i = 0; i < peers_.size(); i += 2) peers_[i].in("A");
    case_.end == End::kProbed ? probed() : gone();
  }

 private:
  void open() {
    for (auto& peer : peers_) {
      for (const auto& event : case_.start) peer.event(event);
    }
  }
  void open_from_outside() {
    for (auto& peer : peers_) peer.bind();
    s_.wait(kTrans - 1);
    for (auto& peer : peers_) {
      peer.event("4S");
      counted_made(s_, 0, 1);
      counted_gone(s_, 0, 1);  // the connection that made the binding ends meanwhile
    }
  }
  void gone() {
    s_.wait(1);
    for (std::size_t i = 1; i < peers_.size(); i += 2) {
      s_.nothing(peers_[i].from_z("A"));
      s_.counted({{DropReason::kNoBinding, 1}});
      counted_gone(s_, 1, 1);
    }
  }
  void probed() {
    auto probes = s_.sent_within(kTick);
    s_.check(probes.size() == case_.events.size(), "not one probe for each");
    for (std::size_t i = 1; i < peers_.size(); i += 2) {
      const auto probe = peers_[i].probe().bytes();
      s_.check(std::find(probes.begin(), probes.end(), probe) != probes.end(), "no such probe");
      s_.counted({{Counter::kTcpProbes, 1}});
    }
  }

  Script& s_;
  const Case& case_;
  std::vector<Peer> peers_;
};

std::function<void(Script&)> transitions(const Case& c) {
  return [c](Script& s) { Transition(s, c).run(); };
}

// Knobs of conflict C11 off: the text to the letter.
nat::Settings literal() {
  auto settings = stateful();
  settings.instances[0].rst_closes_half_closed = false;
  settings.instances[0].syn_reopens_closed = false;
  return settings;
}

const Events kV6Init{"6S"};
const Events kEstablished{"6S", "4SA"};
const Events kV4Fin{"6S", "4SA", "4FA"};
const Events kV6Fin{"6S", "4SA", "6FA"};
const Events kBothFins{"6S", "4SA", "6FA", "4FA"};
const Events kReset{"6S", "4SA", "4R"};

std::vector<Case> cases() {
  const Events all{"6S", "4S", "6F", "4F", "6R", "4R", "6A", "4A"};
  const auto p = End::kProbed;
  const uint32_t kept = kTrans - 100'000;
  return {
      {"V6 INIT: V4 SYN establishes for TCP_EST", kV6Init, {"4S", "4SA"}, kEst, p},
      {"V6 INIT: V6 SYN starts TCP_TRANS anew", kV6Init, {"6S", "6SA"}, kTrans},
      {"V6 INIT: all else keeps the lifetime", kV6Init, {"6F", "4F", "6R", "4R", "6A", "4A"}, kept},
      {"ESTABLISHED: SYN and data start TCP_EST anew",
       kEstablished,
       {"6S", "4SA", "6A", "4PA"},
       kEst,
       p},
      {"ESTABLISHED: FIN keeps the lifetime, and spares the probe",
       kEstablished,
       {"6F", "4FA"},
       kEst - 100'000},
      {"ESTABLISHED: RST leaves TCP_TRANS", kEstablished, {"6R", "4R", "4RA"}, kTrans},
      {"V4 FIN RCV: V6 FIN leaves TCP_TRANS", kV4Fin, {"6F", "6FA"}, kTrans},
      {"V4 FIN RCV: all else starts TCP_EST anew",
       kV4Fin,
       {"6S", "4S", "4F", "6R", "4R", "6A", "4A"},
       kEst},
      {"V6 FIN RCV: V4 FIN leaves TCP_TRANS", kV6Fin, {"4F", "4FA"}, kTrans},
      {"V6 FIN RCV: all else starts TCP_EST anew",
       kV6Fin,
       {"6S", "4S", "6F", "6R", "4R", "6A", "4A"},
       kEst},
      {"V6 FIN + V4 FIN RCV: nothing prolongs it", kBothFins, all, kept},
      {"TRANS: a RST does not prolong it", kReset, {"6R", "4R"}, kept},
      {"TRANS: all else establishes for TCP_EST",
       kReset,
       {"6S", "4S", "6F", "4F", "6A", "4A"},
       kEst,
       p},
  };
}

// 5382 REQ-4, 6146 V4 INIT: not a millisecond early, and not prolonged.
void stored_syn(Script& s) {
  const auto syn = ip4(kZ, "203.0.113.1").tcp(80, 40000).flags("S").tcp_options(hex("02 04 05 b4"));
  s.nothing(syn);
  s.wait(kSyn / 2);
  s.nothing(syn);
  s.wait(kSyn / 2 - 1);
  s.same(ip4(kOwn4, kZ).tos(0xc0).df().icmp4(3, 3).quote(syn), s.wait_for_one(kTick));
  s.wait(600'000);
  s.counted({{DropReason::kSynHeld, 2}, {Counter::kIcmpErrorsSent, 1}});
}

// 6146 V4 INIT without an IPv6 end: nothing can be forwarded for it (it would go to "::").
void stored_syn_forwards_nothing(Script& s) {
  const auto from_z = [](const char* flags) {
    return ip4(kZ, "203.0.113.1").tcp(80, 40000).flags(flags);
  };
  s.nothing(from_z("S"));
  for (const char* flags : {"A", "FA", "R", "PA"}) s.nothing(from_z(flags));
  s.counted({{DropReason::kSynHeld, 1}, {DropReason::kNoBinding, 4}});
}

// 5382 REQ-4a: no error where none may be sent.
void stored_syn_without_errors(Script& s) {
  s.nothing(ip4(kZ, "203.0.113.1").tcp(80, 40000).flags("S"));
  s.wait(600'000);
  s.counted({{DropReason::kSynHeld, 1}});
}

// Address-dependent filtering: a SYN of another connection is stored whoever sends it; other
// segments of an address that a session knows pass, without state; those of others do not.
void filtered_segments(Script& s) {
  Peer peer(s, 5000);
  for (const auto& event : kEstablished) peer.event(event);
  const auto from = [&](const char* who, uint16_t port, const char* flags) {
    return ip4(who, peer.mapping().address).tcp(port, peer.mapping().port).flags(flags);
  };
  s.nothing(from(kZ, 81, "S"));
  s.nothing(from(kZ2, 81, "S"));
  s.nothing(from(kZ2, 81, "A"));
  s.expect(from(kZ, 82, "A"), ip6(kPZ, kA).hop_limit(63).tcp(82, 5000).flags("A"));
  counted_in(s, 1, kLength4);
  s.check(s.sent_within(kSyn + kTick).size() == 2, "both are answered");
  s.counted({{DropReason::kSynHeld, 2}, {DropReason::kFiltered, 1}, {Counter::kIcmpErrorsSent, 2}});
}

// 5382 REQ-10: whatever the error is about, the connection goes on, and its lifetime with it.
void errors_end_nothing(Script& s) {
  Peer peer(s, 5000);
  for (const auto& event : kEstablished) peer.event(event);
  const auto& t = peer.mapping();
  const auto quote = ip4(t.address, kZ).tcp(t.port, 80).flags("PA");
  s.wait(7'000'000);
  for (const uint8_t code : {0, 1, 2, 3, 4, 10, 13}) {
    const auto error = ip4(kZ, t.address).icmp4(3, code, code == 4 ? 1400 : 0).quote(quote);
    s.check(s.burst({error}).size() == 1, "an error passes");
    counted_in(s, 1, error.bytes().size());
  }
  s.counted({{Counter::kIcmpErrorsTranslated, 7}});
  s.wait(kEst - 7'000'001);
  peer.event("4A");
  s.wait(kEst - 1);
  peer.event("6A");
}

// 7857 2.2: the first RST was lost behind us; the second passes as well.
void second_reset(Script& s) {
  Peer peer(s, 5000);
  for (const auto& event : kReset) peer.event(event);
  s.wait(kTrans - 1);
  peer.event("4R");
  s.wait(1);
  s.nothing(peer.from_z("R"));
  s.counted({{DropReason::kNoBinding, 1}});
  counted_gone(s, 1, 1);
}

// 5382 REQ-2: both ends open at once; each SYN passes the other inside the network.
void simultaneous_open(Script& s) {
  Peer peer(s, 5000);
  for (const char* event : {"6S", "4S", "6SA", "4SA", "6A", "4A"}) peer.event(event);
  s.wait(kEst - 1);
  peer.event("6PA");
}

// 5382 REQ-5: 2 h 4 min in all, to the millisecond.
void two_hours_four_minutes(Script& s) {
  Peer peer(s, 5000), other(s, 5001);
  for (auto* each : {&peer, &other}) {
    for (const auto& event : kEstablished) each->event(event);
  }
  s.check(s.sent_within(kEst + kTick).size() == 2, "a probe for each");
  s.wait(kTrans - kTick - 1);
  peer.event("4A");
  s.wait(1);
  s.nothing(other.from_z("A"));
  s.counted({{Counter::kTcpProbes, 2}, {DropReason::kNoBinding, 1}});
  counted_gone(s, 1, 1);
}

}  // namespace

std::vector<Row> rows() {
  std::vector<Row> rows;
  for (const auto& c : cases()) {
    rows.push_back({"RFC 6146 3.5.2.2 " + c.name, literal(), path(), transitions(c)});
  }
  const Case opened{
      "V4 INIT: V6 SYN establishes for TCP_EST", {}, {"6S", "6SA"}, kEst, End::kProbed, true};
  const Case kept{"V4 INIT: all else keeps the lifetime",
                  {},
                  {"4S", "6F", "4F", "6R", "4R", "6A", "4A"},
                  kTrans - 100'000,
                  End::kGone,
                  true};
  for (const auto& c : {opened, kept}) {
    rows.push_back({"RFC 6146 3.5.2.2 " + c.name, literal(), path(), transitions(c)});
  }
  // The knobs on, as they are by default.
  const Case fin_rst{"conflict C11: RST in FIN RCV leaves TCP_TRANS", kV4Fin, {"6R", "4R"}, kTrans};
  const Case fin_rst6{
      "conflict C11: RST in V6 FIN RCV leaves TCP_TRANS", kV6Fin, {"6R", "4R"}, kTrans};
  const Case reopened{
      "conflict C11: SYN after both FINs opens anew", kBothFins, {"6S", "4S"}, kTrans};
  const Case revived{"conflict C11: SYN after RST opens anew", kReset, {"6S", "4S"}, kTrans};
  for (const auto& c : {fin_rst, fin_rst6, reopened, revived}) {
    rows.push_back({c.name, stateful(), path(), transitions(c)});
  }
  const std::initializer_list<std::pair<const char*, void (*)(Script&)>> scripts{
      {"RFC 6146 3.5.2.2 V4 INIT: the stored SYN is answered after 6 s, not before", stored_syn},
      {"RFC 6146 3.5.2.2 V4 INIT: without an IPv6 end nothing is forwarded",
       stored_syn_forwards_nothing},
      {"RFC 7857 2.2: a second RST passes, and the session ends four minutes after the first",
       second_reset},
      {"RFC 5382 REQ-2: simultaneous open", simultaneous_open},
      {"RFC 5382 REQ-10: no ICMP error ends a connection", errors_end_nothing},
      {"RFC 5382 REQ-5: 2 h 4 min of silence, and not less", two_hours_four_minutes}};
  for (const auto& [name, script] : scripts) rows.push_back({name, stateful(), path(), script});
  auto filtering = stateful();
  filtering.instances[0].filtering = nat::Filtering::kAddressDependent;
  rows.push_back({"RFC 6146 3.5.2.2 CLOSED: address-dependent filtering of SYN and others",
                  filtering, path(), filtered_segments});
  auto silent = stateful();
  silent.icmp_errors_per_second = 0;
  rows.push_back({"RFC 5382 REQ-4a: without errors a stored SYN is dropped silently", silent,
                  path(), stored_syn_without_errors});
  return rows;
}

}  // namespace isthmus::test::rows_tcp_table
