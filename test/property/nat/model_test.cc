// SPDX-License-Identifier: BSD-3-Clause
// Random packets and time steps against the model, with one, two and four workers.
#include "property/nat/model.h"

#include <algorithm>
#include <random>

#include "catch.h"
#include "packets/diff.h"
#include "packets/harness.h"

namespace isthmus::test {
namespace {

class Player {
 public:
  Player(const nat::Settings& settings, bool filtering, unsigned workers, uint64_t seed)
      : settings_(settings),
        filtering_(filtering),
        harness_(settings, path(), workers, seed),
        model_(filtering),
        random_(seed) {}

  void play(int steps) {
    for (int i = 0; i < steps; ++i) {
      const auto dice = pick(100);
      if (dice < 50) {
        outbound();
      } else if (dice < 92) {
        inbound();
      } else if (dice < 97) {
        time_passes();
      } else if (dice < 99) {
        change_pools();
      } else {
        clear();
      }
    }
    settle();
    check_totals(static_cast<unsigned>(harness_workers()));
  }

 private:
  uint32_t pick(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
  unsigned harness_workers() const { return harness_.ownership().workers(); }
  std::string host() {
    static const char* kHosts[] = {"2001:db8:a::1", "2001:db8:a::2", "2001:db8:b::1",
                                   "2001:db8:c::1", "2001:db8:d::1"};
    return kHosts[pick(5)];
  }
  Model::Remote remote(uint8_t protocol) {
    const auto address = "198.51.100." + std::to_string(1 + pick(3));
    return {address, protocol == Model::kIcmp ? uint16_t{0} : static_cast<uint16_t>(80 + pick(2))};
  }
  uint8_t protocol() {
    static constexpr uint8_t kProtocols[] = {Model::kTcp, Model::kTcp, Model::kUdp, Model::kIcmp};
    return kProtocols[pick(4)];
  }
  uint8_t tcp_flags() {
    static constexpr uint8_t kFlags[] = {0, 0, 0, 0, 1, 1, 2, 2, 2, 4, 3, 6, 5};
    return kFlags[pick(sizeof kFlags)];
  }
  static std::string letters(uint8_t flags) {
    std::string out = "A";
    if ((flags & Model::kFin) != 0) out += 'F';
    if ((flags & Model::kSyn) != 0) out += 'S';
    if ((flags & Model::kRst) != 0) out += 'R';
    return out;
  }
  static Packet transport(Packet p, uint8_t protocol, uint16_t from, uint16_t to, uint8_t flags) {
    if (protocol == Model::kUdp) return p.udp(from, to).payload("data");
    if (protocol == Model::kTcp) return p.tcp(from, to).flags(letters(flags));
    return p.icmp_echo(from, 1).payload("ping");
  }

  void outbound() {
    const uint8_t proto = protocol();
    const Model::Inside from{proto, host(), static_cast<uint16_t>(1000 + pick(6))};
    const auto to = remote(proto);
    const uint8_t flags = tcp_flags();
    const bool passes = model_.passes_out(from, flags);
    const auto out = harness_.exchange({transport(ip6(std::get<1>(from), in_prefix(to.first)),
                                                  proto, std::get<2>(from), to.second, flags)});
    REQUIRE(out.size() == (passes ? 1u : 0u));
    if (!passes) return;
    const auto as = name_of(out[0], proto);
    if (const auto* known = model_.binding(from)) {
      REQUIRE(as == *known);
    } else {
      check_choice(from, as);
    }
    auto expected =
        transport(ip4(std::get<1>(as), to.first).ttl(63), proto, std::get<2>(as), to.second, flags);
    expected.id(static_cast<uint16_t>(out[0][4] << 8 | out[0][5]));
    REQUIRE(diff(expected, out[0]).empty());
    model_.went_out(from, as, to, flags, now_);
  }

  void check_choice(const Model::Inside& from, const Model::Outside& as) {
    REQUIRE(model_.inside(as) == nullptr);  // RFC 6146 3.5.1.1: not in use in the same BIB
    if (!filtering_) REQUIRE_FALSE(model_.rests(as, now_));
    REQUIRE(is_open(std::get<1>(as)));
    const auto paired = model_.address_of(std::get<1>(from));
    // After a drain a host may have bindings on two addresses, and be paired with either.
    if (!paired.empty() && changes_ == 0) REQUIRE(std::get<1>(as) == paired);
    const auto& map = harness_.ownership();
    REQUIRE(map.owner4(*net::parse_ip4(std::get<1>(as)), std::get<2>(as)) ==
            map.owner6(*net::parse_ip6(std::get<1>(from))));
    if (std::get<0>(from) == Model::kUdp) {
      REQUIRE(std::get<2>(as) % 2 == std::get<2>(from) % 2);
    }
  }

  static std::string in_prefix(const std::string& address) { return "2001:db8:64::" + address; }

  static Model::Outside name_of(const Bytes& out, uint8_t proto) {
    const std::size_t at = proto == Model::kIcmp ? 24 : 20;
    const auto address = net::Ip4::from_host(static_cast<uint32_t>(out[12]) << 24 |
                                             static_cast<uint32_t>(out[13]) << 16 |
                                             static_cast<uint32_t>(out[14]) << 8 | out[15]);
    return {proto, net::to_string(address), static_cast<uint16_t>(out[at] << 8 | out[at + 1])};
  }

  void inbound() {
    const uint8_t proto = protocol();
    Model::Outside to{proto, "203.0.113.1", static_cast<uint16_t>(40000 + pick(4))};
    if (!model_.all_bindings().empty() && pick(10) != 0) {
      auto it = model_.all_bindings().begin();
      std::advance(it, pick(static_cast<uint32_t>(model_.all_bindings().size())));
      to = it->second;
    }
    const auto from = remote(std::get<0>(to));
    const uint8_t flags = tcp_flags();
    const auto* known = model_.inside(to);
    const auto inside = known != nullptr ? *known : Model::Inside{};
    const bool passes = model_.comes_in(from, to, flags, now_);
    const bool icmp = std::get<0>(to) == Model::kIcmp;
    const uint16_t from_port = icmp ? std::get<2>(to) : from.second;
    const auto out = harness_.exchange({transport(ip4(from.first, std::get<1>(to)), std::get<0>(to),
                                                  from_port, std::get<2>(to), flags)});
    REQUIRE(out.size() == (passes ? 1u : 0u));
    if (!passes) return;
    const uint16_t seen = icmp ? std::get<2>(inside) : from.second;
    REQUIRE(diff(transport(ip6(in_prefix(from.first), std::get<1>(inside)).hop_limit(63),
                           std::get<0>(to), seen, std::get<2>(inside), flags),
                 out[0])
                .empty());
  }

  // Housekeeping may be up to two seconds late, so time does not stop that close after a deadline.
  void advance(uint32_t milliseconds) {
    constexpr uint32_t kLate = 2100;
    const auto before = now_;
    now_ += milliseconds;
    while (model_.grey(now_ - kLate, kLate)) now_ += kLate;
    std::size_t sent = 0, owed = 0;
    // In steps, since a probed session that dies in the same leap is probed all the same.
    for (auto t = before; t < now_;) {
      const auto step = std::min<uint64_t>(now_ - t, 100'000);
      t += step;
      sent += harness_.advance(static_cast<uint32_t>(step)).size();
    }
    owed += model_.tick(now_);
    REQUIRE(sent == owed);
  }

  void time_passes() {
    static constexpr uint32_t kSteps[] = {10, 3'000, 50'000, 200'000, 280'000, 7'000'000};
    advance(kSteps[pick(6)]);
  }
  void settle() { advance(10); }

  bool is_open(const std::string& address) const {
    for (const auto& pool : settings_.instances[0].pools) {
      for (const auto& range : pool.ranges) {
        const auto a = *net::parse_ip4(address);
        if (!(a < range.first) && !(range.last < a)) return !pool.drain;
      }
    }
    return false;
  }

  // One of two more pools comes, goes, is drained or filled again.
  void change_pools() {
    settle();
    auto wanted = settings_;
    auto& pools = wanted.instances[0].pools;
    const auto name = std::string(pick(2) == 0 ? "x" : "y");
    const auto known = std::find_if(pools.begin(), pools.end(),
                                    [&](const auto& pool) { return pool.name == name; });
    const uint32_t first = name == "x" ? 0xcb007200 : 0xcb007300;
    const auto last = net::Ip4::from_host(first + 7);
    if (known == pools.end()) {
      pools.insert(pools.begin() + pick(2), {name, {{net::Ip4::from_host(first), last}}, {}});
    } else if (pick(2) == 0) {
      known->drain = !known->drain;
    } else {
      pools.erase(known);
      unsigned lost = 0;
      for (uint32_t i = 0; i < 8; ++i) {
        lost += model_.lose(net::to_string(net::Ip4::from_host(first + i)), now_);
      }
      lost_ += lost;
    }
    ++changes_;
    REQUIRE(harness_.change_pools(wanted) == "");
    settings_ = wanted;
    CHECK(harness_.counters().get(telemetry::Counter::kSessionsPoolRemoved) == lost_);
  }

  void clear() {
    settle();
    for (unsigned w = 0; w < harness_workers(); ++w) {
      harness_.translator(w).clear_sessions(0, 1u << 20, {});
    }
    model_.clear(now_);
  }

  void check_totals(unsigned workers) {
    std::size_t sessions = 0, bindings = 0;
    for (unsigned w = 0; w < workers; ++w) {
      sessions += harness_.translator(w).table_info().sessions;
      bindings += harness_.translator(w).table_info().bindings;
    }
    uint64_t used = 0;
    for (unsigned w = 0; w < workers; ++w) {
      nat::PoolInfo pools[3];
      const auto count = harness_.translator(w).pool_info(pools);
      for (std::size_t i = 0; i < count; ++i) {
        used += pools[i].used_tcp + pools[i].used_udp + pools[i].used_icmp;
      }
    }
    CHECK(used == model_.bindings());
    CHECK(sessions == model_.sessions());
    CHECK(bindings == model_.bindings());
  }

  nat::Settings settings_;
  bool filtering_;
  uint64_t lost_ = 0;
  unsigned changes_ = 0;
  Harness harness_;
  Model model_;
  std::mt19937_64 random_;
  uint64_t now_ = 0;
};

}  // namespace

TEST_CASE("RFC 6146 3.5: random packets do what the model says") {
  const uint64_t start = std::random_device{}();
  for (int run = 0; run < 12; ++run) {
    for (const unsigned workers : {1u, 2u, 4u}) {
      for (const bool filtering : {false, true}) {
        const uint64_t seed = start + static_cast<uint64_t>(run);
        INFO("seed " << seed << ", " << workers << " workers, filtering " << filtering);
        auto settings = run % 2 == 0 ? stateful() : one_address();
        settings.instances[0].filtering =
            filtering ? nat::Filtering::kAddressDependent : nat::Filtering::kEndpointIndependent;
        Player(settings, filtering, workers, seed).play(400);
      }
    }
  }
}

}  // namespace isthmus::test
