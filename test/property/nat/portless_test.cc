// SPDX-License-Identifier: BSD-3-Clause
// Protocols without ports against a map of who has what: random packets of both directions, time
// and clears, with one, two and four workers, many addresses and few.
#include <map>
#include <tuple>

#include "catch.h"
#include "packets/harness.h"
#include "packets/rows.h"
#include "property/seed.h"

namespace isthmus::test::portless_test {
namespace {

constexpr uint64_t kLifetime = 300'000;
constexpr uint64_t kCoarse = 3'000;  ///< by then what has ended is gone
constexpr uint8_t kProtocols[] = {47, 50};
constexpr const char* kHosts[] = {"2001:db8:a::1", "2001:db8:a::2", "2001:db8:b::1",
                                  "2001:db8:c::1"};

nat::Settings settings_of(bool few, bool soft) {
  auto settings = few ? one_address() : stateful();
  auto& instance = settings.instances[0];
  // Two addresses that four workers share.
  if (few) instance.pools[0].ranges[0].last = *net::parse_ip4("203.0.113.2");
  instance.pools[0].soft_pairing = soft;
  for (const auto protocol : kProtocols) instance.portless.set(protocol);
  settings.icmp_errors_per_second = 1'000'000;
  return settings;
}

std::string address_at(const Bytes& packet, std::size_t at) {
  return std::to_string(packet[at]) + '.' + std::to_string(packet[at + 1]) + '.' +
         std::to_string(packet[at + 2]) + '.' + std::to_string(packet[at + 3]);
}

class Player {
 public:
  Player(std::mt19937_64& random, unsigned workers, bool few, bool soft)
      : random_(random), few_(few), harness_(settings_of(few, soft), path(), workers, random()) {}

  void step() {
    switch (random_() % 10) {
      case 0: return time_passes();
      case 1: return random_() % 4 == 0 ? clear() : time_passes();
      case 2:
      case 3:
      case 4: return inbound();
      default: return outbound();
    }
  }
  void finish() {
    now_ += 2 * kLifetime;
    harness_.advance(2 * kLifetime);
    sessions_.clear();
    balance();
  }

 private:
  using Name = std::tuple<uint8_t, std::string, std::string>;  // protocol, pool address, remote
  struct Session {
    std::string host;
    uint64_t seen;
  };

  uint8_t protocol() { return kProtocols[random_() % 2]; }
  std::string remote() { return "198.51.100." + std::to_string(1 + random_() % 4); }

  void outbound() {
    const auto proto = protocol();
    const std::string host = kHosts[random_() % 4], to = remote();
    const auto data = pattern(24, static_cast<uint8_t>(random_()));
    auto packet = ip6(host, in_prefix(to)).raw(proto, data);
    const auto out = harness_.exchange({packet.bytes()});
    REQUIRE(out.size() == 1);
    const auto own = std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
      return std::get<0>(entry.first) == proto && std::get<2>(entry.first) == to &&
             entry.second.host == host;
    });
    if (out[0][0] >> 4 == 6) {
      // Refused: it has none, and somebody else has that remote.
      CHECK(own == sessions_.end());
      CHECK(std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
        return std::get<0>(entry.first) == proto && std::get<2>(entry.first) == to;
      }));
      return;
    }
    const auto address = address_at(out[0], 12);
    CHECK(Bytes(out[0].begin() + 20, out[0].end()) == data);
    CHECK(address_at(out[0], 16) == to);
    const Name name{proto, address, to};
    if (own != sessions_.end()) {
      CHECK(own->first == name);
    } else {
      CHECK(sessions_.count(name) == 0);
    }
    sessions_[name] = {host, now_};
    balance();
  }

  void inbound() {
    const auto proto = protocol();
    const std::string from = remote();
    const std::string to = "203.0.113." + std::to_string(few_ ? 1 + random_() % 2 : random_() % 8);
    const auto data = pattern(24, static_cast<uint8_t>(random_()));
    const auto out = harness_.exchange({ip4(from, to).raw(proto, data).bytes()});
    const auto found = sessions_.find({proto, to, from});
    if (found == sessions_.end()) {
      CHECK(out.empty());
      return;
    }
    found->second.seen = now_;
    REQUIRE(out.size() == 1);
    CHECK(out[0] ==
          ip6(in_prefix(from), found->second.host).hop_limit(63).raw(proto, data).bytes());
  }

  void time_passes() {
    advance(static_cast<uint32_t>(1 + random_() % 250'000));
    // Nothing is looked at between its end and its removal.
    while (std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
      const auto idle = now_ - entry.second.seen;
      return idle >= kLifetime && idle < kLifetime + kCoarse;
    })) {
      advance(kCoarse);
    }
    std::erase_if(sessions_,
                  [&](const auto& entry) { return now_ - entry.second.seen >= kLifetime; });
    balance();
  }
  void advance(uint32_t milliseconds) {
    now_ += milliseconds;
    CHECK(harness_.advance(milliseconds).empty());
  }

  void clear() {
    nat::Filter filter;
    filter.protocol = protocol();
    for (unsigned worker = 0; worker < harness_.workers(); ++worker) {
      auto& translator = harness_.translator(worker);
      uint64_t cursor = 0;
      do {
        cursor = translator.clear_sessions(cursor, 3, filter).next_cursor;
      } while (cursor != 0);
    }
    std::erase_if(sessions_,
                  [&](const auto& entry) { return std::get<0>(entry.first) == *filter.protocol; });
    balance();
  }

  // The tables hold this and nothing else.
  void balance() {
    uint64_t sessions = 0, bindings = 0, subscribers = 0;
    for (unsigned worker = 0; worker < harness_.workers(); ++worker) {
      const auto info = harness_.translator(worker).table_info();
      sessions += info.sessions;
      bindings += info.bindings;
      subscribers += info.subscribers;
    }
    CHECK(sessions == sessions_.size());
    CHECK(bindings == sessions_.size());
    CHECK((subscribers == 0) == sessions_.empty());
  }

  std::mt19937_64& random_;
  bool few_;
  Harness harness_;
  uint64_t now_ = 0;
  std::map<Name, Session> sessions_;
};

}  // namespace

TEST_CASE("portless: random sequences give each protocol, address and remote to one host") {
  const Seed seed;
  std::mt19937_64 random(seed.value);
  for (unsigned i = 0; i < 120; ++i) {
    const unsigned workers = 1u << random() % 3;
    const bool few = random() % 2 == 0, soft = random() % 2 == 0;
    INFO("sequence " << i << " of ISTHMUS_SEED=" << seed.value << ", " << workers << " workers"
                     << (few ? ", two addresses" : "") << (soft ? ", soft pairing" : ""));
    Player player(random, workers, few, soft);
    for (unsigned step = 0; step < 150; ++step) player.step();
    player.finish();
  }
}

}  // namespace isthmus::test::portless_test
