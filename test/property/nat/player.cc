// SPDX-License-Identifier: BSD-3-Clause
#include "property/nat/player.h"

#include <algorithm>
#include <functional>

#include "packets/diff.h"
#include "packets/fragment_list.h"

namespace isthmus::test {
namespace {

using Verdict = Reference::Verdict;
constexpr const char* kHosts[] = {"2001:db8:a::1", "2001:db8:a::2", "2001:db8:b::1",
                                  "2001:db8:c::1"};
constexpr const char* kRouter4 = "192.0.2.9";
constexpr int kDatagram = 3000;

nat::Settings settings_of(const Setup& setup) {
  auto settings = setup.one_address ? one_address() : stateful();
  settings.icmp_errors_per_second = 1'000'000;
  // Which port it is the reference leaves open, so it need not know which ones rest.
  for (auto& pool : settings.instances[0].pools) pool.hold_down = 0;
  if (setup.filtering) settings.instances[0].filtering = nat::Filtering::kAddressDependent;
  if (setup.small) {
    settings.max_sessions = 10;
    settings.max_bindings = 6;
    settings.subscriber_sessions = 7;
    settings.subscriber_bindings = 4;
  }
  return settings;
}

class Player {
 public:
  explicit Player(const Setup& setup)
      : settings_(settings_of(setup)),
        harness_(settings_, path(), setup.workers, setup.seed),
        reference_(rules_of(setup)) {}

  std::string step(const Operation& op) {
    wrong_.clear();
    switch (op.kind) {
      case Operation::kOutbound: outbound(op); break;
      case Operation::kInbound: inbound(op); break;
      case Operation::kHairpin: hairpin(op); break;
      case Operation::kErrorIn: error_in(op); break;
      case Operation::kErrorOut: error_out(op); break;
      case Operation::kFragmentsOut: fragments_out(op); break;
      case Operation::kFragmentsIn: fragments_in(op); break;
      case Operation::kTime: time_passes(op); break;
      case Operation::kClear: clear(op); break;
      case Operation::kReload: reload(op); break;
      case Operation::kPools: pools(op); break;
      case Operation::kKinds: break;
    }
    if (wrong_.empty()) compare_state();
    return wrong_;
  }
  std::string finish() {
    wrong_.clear();
    advance(100);
    harness_.advance(10'000);  // fragments that nobody completed
    balance();
    return wrong_;
  }

 private:
  using Inside = Reference::Inside;
  using Outside = Reference::Outside;
  using Remote = Reference::Remote;

  Rules rules_of(const Setup& setup) {
    Rules rules;
    rules.filtering = setup.filtering;
    rules.subscriber_sessions = settings_.subscriber_sessions;
    rules.subscriber_bindings = settings_.subscriber_bindings;
    rules.sessions = settings_.max_sessions;
    rules.bindings = settings_.max_bindings;
    rules.worker_of = [this](const std::string& host) {
      return harness_.ownership().owner6(*net::parse_ip6(host));
    };
    rules.is_pools = [this](const std::string& address) { return pool_of(address) != nullptr; };
    rules.is_open = [this](const std::string& address) {
      const auto* pool = pool_of(address);
      return pool != nullptr && !pool->drain;
    };
    return rules;
  }
  const nat::Pool* pool_of(const std::string& text) const {
    const auto address = *net::parse_ip4(text);
    for (const auto& pool : settings_.instances[0].pools) {
      const auto& range = pool.ranges[0];
      if (!(address < range.first) && !(range.last < address)) return &pool;
    }
    return nullptr;
  }
  void check(bool condition, const std::string& what) {
    if (!condition && wrong_.empty()) wrong_ = what;
  }

  // --- names from numbers ------------------------------------------------------------------------
  static uint8_t protocol(uint32_t n) {
    static constexpr uint8_t kProtocols[] = {kTcp, kTcp, kUdp, kIcmp};
    return kProtocols[n % 4];
  }
  static Inside inside_name(uint32_t who, uint8_t proto) {
    return {proto, kHosts[who % 4], static_cast<uint16_t>(1100 + who / 4 % 4)};
  }
  static Remote remote_name(uint32_t what, uint8_t proto) {
    return {"198.51.100." + std::to_string(1 + what % 3),
            proto == kIcmp ? uint16_t{0} : static_cast<uint16_t>(80 + what / 3 % 2)};
  }
  static uint8_t flags_from(uint32_t how) {
    static constexpr uint8_t kFlags[] = {0,    0,           0,           0,          kFin,
                                         kFin, kSyn,        kSyn,        kSyn,       kSyn,
                                         kRst, kSyn | kFin, kSyn | kRst, kFin | kRst};
    return kFlags[how % sizeof kFlags];
  }
  /// A binding that there is, or (one time in eight) a pool cell without.
  Outside outside_name(uint32_t who) const {
    const auto& all = reference_.bindings();
    if (all.empty() || who % 8 == 0) {
      return {protocol(who / 8), "203.0.113.1", static_cast<uint16_t>(40000 + who / 32 % 3)};
    }
    auto it = all.begin();
    std::advance(it, who / 8 % all.size());
    return it->second;
  }
  static std::string letters(uint8_t flags) {
    std::string out = "A";
    if ((flags & kFin) != 0) out += 'F';
    if ((flags & kSyn) != 0) out += 'S';
    if ((flags & kRst) != 0) out += 'R';
    return out;
  }
  static Packet transport(Packet p, uint8_t proto, uint16_t from, uint16_t to, uint8_t flags) {
    if (proto == kUdp) return p.udp(from, to).payload("data");
    if (proto == kTcp) return p.tcp(from, to).flags(letters(flags));
    return p.icmp_echo(from, 1).payload("ping");
  }
  static uint16_t other_port(uint8_t proto, uint16_t own, uint16_t remote) {
    return proto == kIcmp ? own : remote;
  }

  // --- what the gateway says ---------------------------------------------------------------------
  /// The one packet in `out`, or nothing.
  void expect(const std::vector<Bytes>& out, const Packet& packet) {
    check(out.size() == 1, "expected a packet, got " + std::to_string(out.size()));
    if (out.size() != 1) return;
    Bytes wanted = packet;
    if (wanted[0] >> 4 == 4 && out[0].size() > 20) wanted = with_id(wanted, id_of(out[0]));
    const auto difference = diff(wanted, out[0]);
    check(difference.empty(), difference);
  }
  void expect_nothing(const std::vector<Bytes>& out) {
    check(out.empty(), "expected nothing, got " + std::to_string(out.size()) + " packets");
  }
  std::vector<Bytes> offer(const std::vector<Bytes>& in) {
    given_ += in.size();
    return harness_.exchange(in);
  }
  Outside binding_of(const Inside& from) {
    nat::Filter filter;
    const auto host = *net::parse_ip6(std::get<1>(from));
    filter.inside = net::Ip6Prefix{host, 128};
    filter.protocol = std::get<0>(from);
    static std::vector<nat::BindingInfo> found(64);
    for (unsigned w = 0; w < harness_.workers(); ++w) {
      const auto result = harness_.translator(w).dump_bindings(0, 1u << 20, filter, found);
      for (std::size_t i = 0; i < result.count; ++i) {
        if (found[i].inside_port != net::Be16(std::get<2>(from))) continue;
        return {std::get<0>(from), net::to_string(found[i].outside), found[i].outside_port.host()};
      }
    }
    return {std::get<0>(from), "", uint16_t{0}};
  }
  void judge(const std::string& complaint) { check(complaint.empty(), complaint); }

  // --- packets -----------------------------------------------------------------------------------
  void outbound(const Operation& op) {
    const uint8_t proto = protocol(op.what);
    const auto from = inside_name(op.who, proto);
    const auto to = remote_name(op.what / 4, proto);
    const uint8_t flags = flags_from(op.how);
    const Packet in = transport(ip6(std::get<1>(from), in_prefix(to.first)), proto,
                                std::get<2>(from), to.second, flags);
    const auto verdict = reference_.judge_outbound(from, to, flags);
    const auto out = offer({in});
    if (verdict == Verdict::kDrop) return expect_nothing(out);
    if (verdict == Verdict::kUnreachable) {
      return expect(out, ip6(kOwn6, std::get<1>(from)).icmp6(1, 3).quote(in));
    }
    const auto as = binding_of(from);
    judge(reference_.outbound(from, as, to, flags, now_));
    check_owner(from, as);
    expect(out, transport(ip4(std::get<1>(as), to.first).ttl(63), proto, std::get<2>(as), to.second,
                          flags));
  }
  void check_owner(const Inside& from, const Outside& as) {
    if (std::get<1>(as).empty()) return check(false, "a packet has passed without a binding");
    const auto& map = harness_.ownership();
    check(map.owner4(*net::parse_ip4(std::get<1>(as)), std::get<2>(as)) ==
              map.owner6(*net::parse_ip6(std::get<1>(from))),
          "the pool cell is another worker's");
  }

  void inbound(const Operation& op) {
    const auto to = outside_name(op.who);
    const uint8_t proto = std::get<0>(to);
    const auto from = remote_name(op.what, proto);
    const uint8_t flags = flags_from(op.how);
    const auto* known = reference_.inside(to);
    const auto inside = known == nullptr ? Inside{} : *known;
    const bool passes = reference_.inbound(from, to, flags, now_);
    const auto out =
        offer({transport(ip4(from.first, std::get<1>(to)), proto,
                         other_port(proto, std::get<2>(to), from.second), std::get<2>(to), flags)});
    if (!passes) return expect_nothing(out);
    expect(out, transport(ip6(in_prefix(from.first), std::get<1>(inside)).hop_limit(63), proto,
                          other_port(proto, std::get<2>(inside), from.second), std::get<2>(inside),
                          flags));
  }

  // 3.8: out and in again, as if both had gone over the wire.
  void hairpin(const Operation& op) {
    const auto to = outside_name(op.who | 1);
    const uint8_t proto = std::get<0>(to);
    if (proto == kIcmp || reference_.bindings().empty()) return;
    const auto from = inside_name(op.what, proto);
    const Remote remote{std::get<1>(to), std::get<2>(to)};
    const uint8_t flags = flags_from(op.how);
    const Packet in = transport(ip6(std::get<1>(from), in_prefix(remote.first)), proto,
                                std::get<2>(from), remote.second, flags);
    const auto verdict = reference_.judge_outbound(from, remote, flags);
    const auto out = offer({in});
    if (verdict == Verdict::kDrop) return expect_nothing(out);
    if (verdict == Verdict::kUnreachable) {
      return expect(out, ip6(kOwn6, std::get<1>(from)).icmp6(1, 3).quote(in));
    }
    const auto as = binding_of(from);
    judge(reference_.outbound(from, as, remote, flags, now_));
    const auto* known = reference_.inside(to);
    const auto inside = known == nullptr ? Inside{} : *known;
    const Remote seen{std::get<1>(as), std::get<2>(as)};
    if (!reference_.inbound(seen, to, flags, now_)) return expect_nothing(out);
    expect(out, transport(ip6(in_prefix(seen.first), std::get<1>(inside)).hop_limit(63), proto,
                          seen.second, std::get<2>(inside), flags));
  }

  // 3.5: errors make, refresh and end nothing; 3.6.1, 5508 REQ-4: where they go.
  void error_in(const Operation& op) {
    const auto about = outside_name(op.who);
    const uint8_t proto = std::get<0>(about);
    const auto remote = remote_name(op.what, proto);
    const auto* known = reference_.inside(about);
    const uint16_t port = std::get<2>(about);
    const Packet quoted =
        transport(ip4(std::get<1>(about), remote.first).ttl(1), proto, port, remote.second, 0);
    const auto out =
        offer({ip4(kRouter4, std::get<1>(about)).icmp4(op.how % 2 == 0 ? 11 : 3, 0).quote(quoted)});
    if (known == nullptr) return expect_nothing(out);
    const auto& host = std::get<1>(*known);
    expect(out, ip6(in_prefix(kRouter4), host)
                    .hop_limit(63)
                    .icmp6(op.how % 2 == 0 ? 3 : 1, 0)
                    .quote(transport(ip6(host, in_prefix(remote.first)).hop_limit(1), proto,
                                     std::get<2>(*known), remote.second, 0)));
  }
  void error_out(const Operation& op) {
    const auto about = outside_name(op.who);
    const auto* known = reference_.inside(about);
    if (known == nullptr) return;
    const uint8_t proto = std::get<0>(about);
    const auto remote = remote_name(op.what, proto);
    const auto& [unused, host, port] = *known;
    const auto quote = [&](Packet p, uint16_t own) {
      return transport(std::move(p), proto, other_port(proto, own, remote.second), own, 0);
    };
    const auto out =
        offer({ip6(host, in_prefix(remote.first))
                   .icmp6(1, 4)
                   .quote(quote(ip6(in_prefix(remote.first), host).hop_limit(9), port))});
    expect(out,
           ip4(std::get<1>(about), remote.first)
               .ttl(63)
               .icmp4(3, 3)
               .quote(quote(ip4(remote.first, std::get<1>(about)).ttl(9), std::get<2>(about))));
  }

  // --- fragments ---------------------------------------------------------------------------------
  /// Three fragments in the n-th order, maybe without the first.
  List offer_one_by_one(const List& in, uint32_t n, bool lost) {
    std::vector<std::size_t> order{0, 1, 2};
    for (n %= 6; n != 0; --n) std::next_permutation(order.begin(), order.end());
    List got;
    for (const std::size_t i : order) {
      if (i == 0 && lost) continue;
      const auto out = offer({in[i]});
      got.insert(got.end(), out.begin(), out.end());
    }
    return got;
  }
  // 3.4: what comes before the first fragment waits, and goes on with it if it goes on.
  void fragments_out(const Operation& op) {
    const auto from = inside_name(op.who, kUdp);
    const auto to = remote_name(op.what, kUdp);
    const bool lost = op.more % 5 == 0;
    const auto verdict = lost ? Verdict::kDrop : reference_.judge_outbound(from, to, 0);
    const auto in = pieces(ip6(std::get<1>(from), in_prefix(to.first))
                               .udp(std::get<2>(from), to.second)
                               .payload(kDatagram),
                           kDatagram + 8, ++datagrams_);
    const auto got = offer_one_by_one(in, op.how, lost);
    if (verdict != Verdict::kPass) {
      return check(got.size() == (verdict == Verdict::kUnreachable ? 1u : 0u),
                   "an answer, or none");
    }
    const auto as = binding_of(from);
    judge(reference_.outbound(from, as, to, 0, now_));
    check_all(got, pieces(ip4(std::get<1>(as), to.first)
                              .ttl(63)
                              .udp(std::get<2>(as), to.second)
                              .payload(kDatagram),
                          kDatagram + 8, 1));
  }
  void fragments_in(const Operation& op) {
    auto to = outside_name(op.who);
    if (std::get<0>(to) != kUdp) return;
    const auto from = remote_name(op.what, kUdp);
    const bool lost = op.more % 5 == 0;
    const auto* known = reference_.inside(to);
    const auto inside = known == nullptr ? Inside{} : *known;
    const bool passes = !lost && reference_.inbound(from, to, 0, now_);
    const uint16_t id = static_cast<uint16_t>(++datagrams_);
    const auto in = pieces(
        ip4(from.first, std::get<1>(to)).udp(from.second, std::get<2>(to)).payload(kDatagram),
        kDatagram + 8, id);
    const auto got = offer_one_by_one(in, op.how, lost);
    if (!passes) return expect_nothing(got);
    check_all(got, pieces(ip6(in_prefix(from.first), std::get<1>(inside))
                              .hop_limit(63)
                              .udp(from.second, std::get<2>(inside))
                              .payload(kDatagram),
                          kDatagram + 8, id));
  }
  /// All of these, in any order, and one Identification.
  void check_all(const List& got, const List& wanted) {
    check(got.size() == wanted.size(), "expected " + std::to_string(wanted.size()) +
                                           " fragments, got " + std::to_string(got.size()));
    for (const auto& piece : wanted) {
      const auto same = [&](const Bytes& x) {
        return x.size() > 48 && x == (x[0] >> 4 == 4 ? with_id(piece, id_of(got[0])) : piece);
      };
      check(std::count_if(got.begin(), got.end(), same) == 1, "a fragment is missing or wrong");
    }
  }

  // --- time and the operator ---------------------------------------------------------------------
  // Housekeeping may be up to two seconds late, so time does not stop that close behind a deadline.
  void advance(uint32_t milliseconds) {
    constexpr uint32_t kLate = 2100;
    const auto before = now_;
    now_ += milliseconds;
    while (reference_.ends_within(now_ < kLate ? 0 : now_ - kLate, kLate)) now_ += kLate;
    std::size_t sent = 0;
    // In steps, since a probed session that dies in the same leap is probed all the same.
    for (auto t = before; t < now_;) {
      const auto step = std::min<uint64_t>(now_ - t, 100'000);
      t += step;
      sent += harness_.advance(static_cast<uint32_t>(step)).size();
    }
    const std::size_t owed = reference_.tick(now_);
    check(sent == owed, "the gateway has sent " + std::to_string(sent) + " packets, and owed " +
                            std::to_string(owed));
  }
  void time_passes(const Operation& op) {
    static constexpr uint32_t kSteps[] = {10,      1'000,   3'000,    50'000,
                                          200'000, 280'000, 3600'000, 7'000'000};
    advance(kSteps[op.how % 8]);
  }
  void clear(const Operation& op) {
    advance(10);
    nat::Filter filter;
    std::function<bool(const Inside&, const Outside&, const Remote&)> is_meant;
    const auto host = std::string(kHosts[op.who % 4]);
    const auto cell = outside_name(op.who);
    const auto remote = remote_name(op.what, kUdp).first;
    bool bindings = false;
    switch (op.how % 8) {
      case 0: is_meant = [](const auto&, const auto&, const auto&) { return true; }; break;
      case 1:
      case 2:
      case 3:
        filter.protocol = protocol(op.how % 8);
        is_meant = [&](const auto& from, const auto&, const auto&) {
          return std::get<0>(from) == *filter.protocol;
        };
        break;
      case 4:
      case 5:
        filter.inside = net::Ip6Prefix{*net::parse_ip6(host), 64};
        bindings = op.how % 8 == 5;
        is_meant = [&](const auto& from, const auto&, const auto&) {
          return filter.inside->contains(*net::parse_ip6(std::get<1>(from)));
        };
        break;
      case 6:
        filter.protocol = std::get<0>(cell);
        filter.outside = net::Ip4Prefix{*net::parse_ip4(std::get<1>(cell)), 32};
        filter.outside_port = std::get<2>(cell);
        is_meant = [&](const auto&, const auto& as, const auto&) { return as == cell; };
        break;
      case 7:
        filter.remote = net::Ip4Prefix{*net::parse_ip4(remote), 32};
        is_meant = [&](const auto&, const auto&, const auto& to) { return to.first == remote; };
        break;
    }
    for (unsigned w = 0; w < harness_.workers(); ++w) {
      auto& translator = harness_.translator(w);
      bindings ? translator.clear_bindings(0, 1u << 20, filter)
               : translator.clear_sessions(0, 1u << 20, filter);
    }
    reference_.clear(is_meant);
  }
  // Each of two pools is there, drained, or not there; one of them is always there.
  void pools(const Operation& op) {
    advance(10);
    auto& pools = settings_.instances[0].pools;
    pools.clear();
    const unsigned first = op.how % 3, second = op.what % 3;
    const auto add = [&](nat::Pool pool, unsigned how) {
      pool.drain = how == 1;
      pools.push_back(std::move(pool));
    };
    if (first != 2 || second == 2) add(base_, first);
    if (second != 2) {
      auto other = base_;
      other.name = "other";
      other.ranges = {{*net::parse_ip4("203.0.113.128"), *net::parse_ip4("203.0.113.135")}};
      add(std::move(other), second);
    }
    judge(harness_.change_pools(settings_));
    reference_.rules().any_open =
        std::any_of(pools.begin(), pools.end(), [](const auto& pool) { return !pool.drain; });
    // Sessions end with their pool address.
    reference_.clear([this](const Inside&, const Outside& as, const Remote&) {
      return pool_of(std::get<1>(as)) == nullptr;
    });
  }
  // Lifetimes only grow here: of shorter ones the tables hear when the old ones are over.
  void reload(const Operation& op) {
    auto& rules = reference_.rules();
    auto& instance = settings_.instances[0];
    instance.timers.udp += op.who % 60;
    instance.timers.icmp += op.what % 60;
    instance.timers.tcp_closing += op.more % 60;
    instance.rst_closes_half_closed = op.how % 4 != 0;
    instance.syn_reopens_closed = op.how % 8 < 6;
    if (op.how % 3 == 0) settings_.subscriber_sessions = op.how % 12;
    if (op.how % 3 == 1) settings_.subscriber_bindings = op.how % 7;
    if (op.how % 5 == 0) {
      rules.filtering = !rules.filtering;
      instance.filtering = rules.filtering ? nat::Filtering::kAddressDependent
                                           : nat::Filtering::kEndpointIndependent;
    }
    rules.udp = instance.timers.udp * 1000u;
    rules.icmp = instance.timers.icmp * 1000u;
    rules.closing = instance.timers.tcp_closing * 1000u;
    rules.rst_closes_half_closed = instance.rst_closes_half_closed;
    rules.syn_reopens_closed = instance.syn_reopens_closed;
    rules.subscriber_sessions = settings_.subscriber_sessions;
    rules.subscriber_bindings = settings_.subscriber_bindings;
    for (unsigned w = 0; w < harness_.workers(); ++w) harness_.translator(w).update(settings_);
    // Whom bindings have sent to is gathered in turns of housekeeping; until then all may come in.
    advance(10);
  }

  // --- state -------------------------------------------------------------------------------------
  void compare_state() {
    // To make them took longer than to fill them.
    static std::vector<nat::BindingInfo> bindings(256);
    static std::vector<nat::SessionInfo> sessions(512);
    std::set<std::string> actual;
    std::set<Outside> cells;
    for (unsigned w = 0; w < harness_.workers(); ++w) {
      auto& translator = harness_.translator(w);
      const auto b = translator.dump_bindings(0, 1u << 20, {}, bindings);
      for (std::size_t i = 0; i < b.count; ++i) {
        const auto& x = bindings[i];
        const Outside as{x.protocol, net::to_string(x.outside), x.outside_port.host()};
        check(cells.insert(as).second, "two workers hold one pool address and port");
        actual.insert(Reference::line({x.protocol, net::to_string(x.inside), x.inside_port.host()},
                                      as, x.sessions));
      }
      const auto s = translator.dump_sessions(0, 1u << 20, {}, harness_.now(), sessions);
      for (std::size_t i = 0; i < s.count; ++i) {
        const auto& x = sessions[i];
        actual.insert(Reference::line({x.protocol, net::to_string(x.inside), x.inside_port.host()},
                                      {net::to_string(x.remote), x.remote_port.host()}, x.state,
                                      x.expires_in_ms));
      }
    }
    const auto wanted = reference_.lines(now_);
    if (actual == wanted) return;
    std::string text = "the state differs:\n";
    for (const auto& line : wanted)
      text += actual.count(line) != 0 ? "" : "  missing " + line + "\n";
    for (const auto& line : actual)
      text += wanted.count(line) != 0 ? "" : "  extra   " + line + "\n";
    check(false, text);
  }
  // in = out + dropped, once nothing is held any more.
  void balance() {
    const auto c = harness_.counters();
    uint64_t gone = c.get(Counter::kNat64Out) + c.get(Counter::kNat64In) - c.get(Counter::kHairpin);
    for (std::size_t i = 1; i < telemetry::kDropReasonCount; ++i) gone += c.drop[i];
    check(gone == given_, "of " + std::to_string(given_) + " packets, " + std::to_string(gone) +
                              " are accounted for");
  }

  nat::Settings settings_;
  const nat::Pool base_ = settings_.instances[0].pools[0];
  Harness harness_;
  Reference reference_;
  std::string wrong_;
  uint64_t now_ = 0;
  uint64_t given_ = 0;
  uint32_t datagrams_ = 0;
};

}  // namespace

Sequence random_sequence(std::mt19937_64& random, std::size_t length) {
  // Out of a hundred.
  static constexpr unsigned kWeights[Operation::kKinds] = {32, 25, 6, 5, 5, 5, 5, 8, 3, 4, 2};
  Sequence out(length);
  for (auto& op : out) {
    auto dice = static_cast<unsigned>(random() % 100);
    unsigned kind = 0;
    while (dice >= kWeights[kind]) dice -= kWeights[kind++];
    const auto number = [&] { return static_cast<uint32_t>(random() >> 8 & 0xffff); };
    op = {static_cast<Operation::Kind>(kind), number(), number(), number(), number()};
  }
  return out;
}

std::string describe(const Operation& op) {
  static constexpr const char* kNames[] = {"outbound",  "inbound",       "hairpin",      "error in",
                                           "error out", "fragments out", "fragments in", "time",
                                           "clear",     "reload",        "pools"};
  return std::string(kNames[op.kind]) + " " + std::to_string(op.who) + " " +
         std::to_string(op.what) + " " + std::to_string(op.how) + " " + std::to_string(op.more);
}

std::string play(const Setup& setup, const Sequence& sequence) {
  Player player(setup);
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    const auto wrong = player.step(sequence[i]);
    if (!wrong.empty()) {
      return "operation " + std::to_string(i) + ", " + describe(sequence[i]) + ": " + wrong;
    }
  }
  return player.finish();
}

Sequence shrink(const Setup& setup, Sequence sequence) {
  for (std::size_t size = sequence.size() / 2; size != 0; size /= 2) {
    for (std::size_t at = 0; at + size <= sequence.size();) {
      Sequence without = sequence;
      without.erase(without.begin() + static_cast<long>(at),
                    without.begin() + static_cast<long>(at + size));
      if (play(setup, without).empty()) {
        at += size;
      } else {
        sequence = std::move(without);
      }
    }
  }
  return sequence;
}

}  // namespace isthmus::test
