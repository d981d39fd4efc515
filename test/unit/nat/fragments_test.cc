// SPDX-License-Identifier: BSD-3-Clause
#include "nat/fragments.h"

#include <algorithm>
#include <random>
#include <vector>

#include "catch.h"
#include "packets/buffer.h"
#include "property/seed.h"

namespace isthmus::test::fragments_test {
namespace {

using nat::FragmentKey;
using nat::FragmentStore;
using Fit = FragmentStore::Fit;
using telemetry::Counter;
using telemetry::DropReason;

struct Parsed {
  Buffer buffer;
  net::PacketView view;
  explicit Parsed(const Bytes& bytes) : buffer(bytes) {
    REQUIRE(net::parse_ip(*buffer, view) == DropReason::kNone);
  }
  FragmentKey key() { return FragmentKey::of(*buffer, view); }
};

struct Store {
  nat::Arena arena;
  FragmentStore store;
  telemetry::Counters counters;
  explicit Store(uint32_t slots) {
    REQUIRE(arena.map(FragmentStore::need(slots)));
    REQUIRE(store.init(arena, slots, {}, 2));
  }
  /// The record, or kNone.
  uint32_t place(const Bytes& bytes, uint32_t now = 0, uint8_t instance = 0) {
    Parsed p(bytes);
    const uint32_t found = store.find(p.key(), now, counters);
    return found != FragmentStore::kNone ? found : store.open(p.key(), instance, now);
  }
  bool hold(const Bytes& bytes, uint32_t now = 0, uint16_t mark = 0) {
    const uint32_t at = place(bytes, now);
    if (at == FragmentStore::kNone) return false;
    Parsed p(bytes);
    return store.hold(at, *p.buffer, p.view, {{}, true, mark});
  }
  Fit fit(uint32_t at, const Bytes& bytes) {
    Parsed p(bytes);
    return store.fit(at, *p.buffer, p.view);
  }
  std::vector<Bytes> take() {
    std::vector<Bytes> out;
    while (store.has_released()) {
      Buffer buffer(Bytes{}, net::kMinHeadroom, 20000);
      nat::Released how;
      REQUIRE(store.release(*buffer, how, counters));
      CHECK(how.keep_hop_limit);
      out.push_back(buffer.bytes());
    }
    return out;
  }
  uint64_t late() { return counters.get(DropReason::kFragmentLimit); }
};

Packet datagram(const std::string& source = "198.51.100.1", int payload = 4000) {
  return ip4(source, "203.0.113.1").udp(1, 2).payload(payload);
}

Bytes lone(const std::string& source, uint32_t id, std::size_t length = 80) {
  return ip4(source, "203.0.113.1").raw(17, pattern(length)).fragment(800, false, id).bytes();
}

}  // namespace

TEST_CASE("fragments: held ones come back in order, byte for byte") {
  Store s(64);
  const auto whole = datagram();
  const std::vector<Bytes> pieces{whole.slice(0, 800, 7), whole.slice(800, 1600, 7),
                                  whole.slice(2400, 1608, 7)};
  CHECK(s.hold(pieces[2]));
  CHECK(s.hold(pieces[0]));
  const uint32_t at = s.place(pieces[1]);
  CHECK_FALSE(s.store.complete(s.store.at(at)));
  CHECK(s.hold(pieces[1]));
  CHECK(s.store.complete(s.store.at(at)));
  s.store.release_held(at);
  CHECK(s.take() == pieces);
}

TEST_CASE("RFC 8200 4.5: duplicates and overlaps are told apart") {
  Store s(64);
  const auto whole = datagram();
  const Bytes middle = whole.slice(800, 800, 7);
  REQUIRE(s.hold(middle));
  const uint32_t at = s.place(middle);
  CHECK(s.fit(at, middle) == Fit::kDuplicate);
  CHECK(s.fit(at, whole.slice(0, 800, 7)) == Fit::kNew);
  CHECK(s.fit(at, whole.slice(1600, 80, 7)) == Fit::kNew);
  CHECK(s.fit(at, whole.slice(0, 808, 7)) == Fit::kOverlap);
  CHECK(s.fit(at, whole.slice(1592, 80, 7)) == Fit::kOverlap);
  CHECK(s.fit(at, whole.slice(808, 80, 7)) == Fit::kOverlap);
  CHECK(s.fit(at, whole.slice(0, 3200, 7)) == Fit::kOverlap);
  Bytes other = middle;
  other.back() ^= 1;
  CHECK(s.fit(at, other) == Fit::kOverlap);
  // A last fragment that ends before others do.
  auto end = ip4("198.51.100.1", "203.0.113.1").raw(17, pattern(80));
  CHECK(s.fit(at, end.fragment(80, false, 7).bytes()) == Fit::kOverlap);
  REQUIRE(s.hold(whole.slice(1600, 2408, 7)));
  auto beyond = ip4("198.51.100.1", "203.0.113.1").raw(17, pattern(80));
  CHECK(s.fit(at, beyond.fragment(8000, true, 7).bytes()) == Fit::kOverlap);
  auto second_end = ip4("198.51.100.1", "203.0.113.1").raw(17, pattern(80));
  CHECK(s.fit(at, second_end.fragment(80, false, 7).bytes()) == Fit::kOverlap);
}

TEST_CASE("RFC 6146 4: fragments live from the first one on, also over a wrap of the clock") {
  Store s(64);
  const uint32_t start = 0xfffffe00;
  const auto whole = datagram();
  CHECK(s.hold(whole.slice(800, 800, 7), start));
  CHECK(s.hold(whole.slice(1600, 800, 7), start + 1500));
  CHECK_FALSE(s.store.expire(start + 1999, 10, s.counters));
  CHECK(s.late() == 0);
  CHECK_FALSE(s.store.expire(start + 2000, 10, s.counters));
  CHECK(s.late() == 2);
  // Nobody needs expire() for a late fragment not to meet the old ones.
  CHECK(s.hold(whole.slice(800, 800, 8), start));
  Parsed p(whole.slice(1600, 800, 8));
  CHECK(s.store.find(p.key(), start + 2000, s.counters) == FragmentStore::kNone);
  CHECK(s.late() == 3);
}

TEST_CASE("RFC 6146 3.4: expiry is bounded per turn, lifetimes are per instance") {
  Store s(64);
  s.store.set_lifetime(1, 5000);
  for (uint32_t id = 0; id < 5; ++id) REQUIRE(s.hold(lone("198.51.100.1", id)));
  REQUIRE(s.place(lone("198.51.100.1", 77), 0, 1) != FragmentStore::kNone);
  CHECK(s.store.expire(3000, 2, s.counters));
  CHECK(s.late() == 2);
  CHECK_FALSE(s.store.expire(3000, 3, s.counters));
  CHECK(s.late() == 5);
  Parsed slow(lone("198.51.100.1", 77));
  CHECK(s.store.find(slow.key(), 4999, s.counters) != FragmentStore::kNone);
  CHECK(s.store.find(slow.key(), 5000, s.counters) == FragmentStore::kNone);
}

TEST_CASE("RFC 6146 3.4: a source gets its share and leaves the others theirs") {
  Store s(64);
  unsigned held = 0;
  for (uint32_t id = 0; id < 100; ++id) held += s.hold(lone("198.51.100.1", id)) ? 1 : 0;
  CHECK(held == 8);
  // Large fragments use several slots.
  held = 0;
  for (uint32_t id = 0; id < 100; ++id) held += s.hold(lone("198.51.100.2", id, 4000)) ? 1 : 0;
  CHECK(held == 2);
  CHECK(s.hold(lone("198.51.100.3", 1)));
  // An IPv6 source is its /64.
  held = 0;
  for (int host = 1; host < 100; ++host) {
    const auto p = ip6("2001:db8::" + std::to_string(host), "64:ff9b::1").raw(17, pattern(80));
    held += s.hold(Packet(p).fragment(800, false, 1).bytes()) ? 1 : 0;
  }
  CHECK(held == 8);
  CHECK(
      s.hold(ip6("2001:db8:1::1", "64:ff9b::1").raw(17, pattern(8)).fragment(8, false, 1).bytes()));
}

TEST_CASE("fragments: settled records give way, others do not") {
  Store s(8);  // 32 records, four a source, 24 a family
  for (uint32_t source = 1; source <= 6; ++source) {
    for (uint32_t id = 0; id < 4; ++id) {
      CHECK(s.place(lone("198.51.100." + std::to_string(source), id)) != FragmentStore::kNone);
    }
  }
  CHECK(s.place(lone("198.51.100.1", 9)) == FragmentStore::kNone);
  CHECK(s.place(lone("198.51.100.99", 9)) == FragmentStore::kNone);
  const uint32_t at = s.place(lone("198.51.100.1", 0));
  s.store.refuse(at, s.counters);
  CHECK(s.place(lone("198.51.100.99", 9)) != FragmentStore::kNone);
  CHECK(s.place(lone("198.51.100.98", 9)) == FragmentStore::kNone);
}

TEST_CASE("fragments: a fragment that no buffer takes is dropped, and the next one comes") {
  Store s(64);
  const auto whole = datagram();
  REQUIRE(s.hold(whole.slice(0, 2000, 7)));
  REQUIRE(s.hold(whole.slice(2000, 80, 7)));
  s.store.release_held(s.place(whole.slice(0, 2000, 7)));
  Buffer small(Bytes{}, net::kMinHeadroom, 200);
  nat::Released how;
  CHECK_FALSE(s.store.release(*small, how, s.counters));
  CHECK(s.counters.get(DropReason::kNoBuffer) == 1);
  CHECK(s.store.release(*small, how, s.counters));
  CHECK_FALSE(s.store.has_released());
}

TEST_CASE("RFC 6146 3.4: the missing UDP checksum of held fragments, whatever their sizes") {
  std::mt19937_64 random(Seed().value);
  for (int round = 0; round < 200; ++round) {
    Store s(512);
    const int payload = static_cast<int>(random() % 20000 + 64);
    const bool v6 = round % 2 == 0;
    const auto make = [&] {
      auto p = v6 ? ip6("2001:db8::1", "64:ff9b::1") : ip4("198.51.100.1", "203.0.113.1");
      if (!v6 && round % 3 == 0) p.options4(hex("01010100"));
      if (v6 && round % 3 == 0) p.dest_opts(1600);
      return p.udp(static_cast<uint16_t>(random()), 53).payload(payload);
    };
    const Packet right = make();
    Packet wrong = right;
    wrong.zero_checksum();
    std::vector<Bytes> in, expected;
    const std::size_t total = static_cast<std::size_t>(payload) + 8;
    for (std::size_t at = 0; at < total;) {
      const std::size_t step = 64 + random() % 500 * 8;
      in.push_back(wrong.slice(at, step, 7));
      expected.push_back(right.slice(at, step, 7));
      at += step;
    }
    std::shuffle(in.begin(), in.end(), random);
    for (const auto& piece : in) REQUIRE(s.hold(piece));
    const uint32_t at = s.place(in[0]);
    REQUIRE(s.store.complete(s.store.at(at)));
    REQUIRE(s.store.fill_udp_checksum(at));
    s.store.release_held(at);
    REQUIRE(s.take() == expected);
  }
}

TEST_CASE("fragments: no slot, record or source is ever lost") {
  std::mt19937_64 random(Seed().value);
  Store s(32);
  uint32_t now = 0;
  for (int step = 0; step < 20000; ++step) {
    const auto source = "198.51.100." + std::to_string(random() % 20);
    const auto whole = ip4(source, "203.0.113.1").udp(1, 2).payload(3000);
    const Bytes piece = whole.slice(random() % 3 * 1000, 1000, static_cast<uint32_t>(random() % 4));
    const uint32_t at = s.place(piece, now);
    if (at == FragmentStore::kNone) continue;
    auto& d = s.store.at(at);
    switch (random() % 5) {
      case 0:
        if (d.state == FragmentStore::State::kWaiting) s.store.release_held(at);
        break;
      case 1: s.store.refuse(at, s.counters); break;
      case 2: (void)s.take(); break;
      case 3: s.store.expire(now, random() % 4, s.counters); break;
      default:
        if (d.state == FragmentStore::State::kWaiting && s.fit(at, piece) == Fit::kNew) {
          s.hold(piece, now);
        }
    }
    now += random() % 50;
  }
  (void)s.take();
  s.store.expire(now + 2000, 10000, s.counters);
  // Everything is free again: each of eight sources gets its whole share, and a family its own.
  unsigned held = 0;
  for (int source = 100; source < 108; ++source) {
    for (uint32_t id = 0; id < 10; ++id) {
      held += s.hold(lone("198.51.100." + std::to_string(source), id), now + 2000) ? 1 : 0;
    }
  }
  CHECK(held == 24);
}

TEST_CASE("RFC 6146 3.4: a family leaves the other a quarter of slots and of records") {
  Store s(64);
  unsigned held = 0;
  for (int source = 1; source <= 200; ++source) {
    held += s.hold(lone("198.51.100." + std::to_string(source), 1)) ? 1 : 0;
  }
  CHECK(held == 48);
  const auto six = [](int n) {
    return ip6("2001:db8:" + std::to_string(n) + "::1", "64:ff9b::1")
        .raw(17, pattern(80))
        .fragment(800, false, 1)
        .bytes();
  };
  for (int n = 1; n <= 16; ++n) CHECK(s.hold(six(n)));
  CHECK_FALSE(s.hold(six(17)));
  s.store.expire(2000, 1000, s.counters);
  CHECK(s.late() == 64);
  for (int n = 1; n <= 16; ++n) CHECK(s.hold(six(n), 2000));
}

TEST_CASE("RFC 6146 3.4: limits.fragment_share is obeyed at once") {
  Store s(64);
  s.store.set_share(2);
  unsigned held = 0;
  for (uint32_t id = 0; id < 100; ++id) held += s.hold(lone("198.51.100.1", id)) ? 1 : 0;
  CHECK(held == 32);
  s.store.set_share(1);
  for (uint32_t id = 0; id < 100; ++id) held += s.hold(lone("198.51.100.2", id)) ? 1 : 0;
  CHECK(held == 48);  // as far as the family goes
  s.store.set_share(64);
  CHECK_FALSE(s.hold(lone("198.51.100.1", 777)));
}

TEST_CASE("fragments: a record is over when each fragment has been seen once") {
  const auto whole = datagram();
  const Bytes first = whole.slice(0, 800, 7), middle = whole.slice(800, 1600, 7),
              last = whole.slice(2400, 1608, 7);
  const auto known = [&](Store& s) {
    const uint32_t at = s.place(first);
    s.store.at(at).state = FragmentStore::State::kKnown;
    s.store.at(at).head = 800;
    return at;
  };
  const auto goes_on = [](Store& s, const Bytes& bytes) {
    Parsed p(bytes);
    return s.store.find_for(p.key(), p.view, 0, s.counters) != FragmentStore::kNone;
  };
  const auto note = [](Store& s, uint32_t at, const Bytes& bytes) {
    s.store.note(at, Parsed(bytes).view);
  };
  SECTION("in any order") {
    Store s(64);
    const uint32_t at = known(s);
    for (const auto& piece : {last, first, middle}) {
      CHECK(goes_on(s, middle));
      note(s, at, piece);
    }
    CHECK_FALSE(goes_on(s, middle));
  }
  SECTION("not with a duplicate, or with an overlap") {
    for (const auto& odd : {middle, whole.slice(800, 808, 7), first}) {
      Store s(64);
      const uint32_t at = known(s);
      for (const auto& piece : {first, odd, last, middle}) note(s, at, piece);
      CHECK(goes_on(s, middle));
    }
  }
  SECTION("a first fragment of another length begins another datagram") {
    Store s(64);
    known(s);
    CHECK(goes_on(s, first));
    CHECK_FALSE(goes_on(s, whole.slice(0, 1200, 7)));
  }
}

}  // namespace isthmus::test::fragments_test
