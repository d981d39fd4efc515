// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/cache.h"

#include <map>
#include <random>

#include "catch.h"

namespace isthmus::cache_test {
using namespace dns64;

namespace {

Question question(unsigned number, uint16_t type = kTypeA) {
  Question out;
  out.name = *Name::from_text("n" + std::to_string(number) + ".example.");
  out.type = type;
  return out;
}

Answer answer(const Question& question, uint32_t ttl, std::size_t padding = 0) {
  Answer out = bare_answer(question, kNoError);
  out.ttl = ttl;
  out.message.resize(out.message.size() + padding);
  return out;
}

Cache::Key key(const Question& q, bool dnssec_ok = false, bool cd = false) {
  return {q, dnssec_ok, cd};
}

}  // namespace

TEST_CASE("RFC 2181 8: a cached answer ends when its time is over") {
  Cache cache(10, {});
  const Question q = question(1);
  cache.insert(key(q), answer(q, 60), 5000);
  CHECK(cache.find(key(q), 5000).age == 0);
  CHECK(cache.find(key(q), 64999).age == 59);
  CHECK(cache.find(key(q), 65000).answer == nullptr);
  CHECK(cache.size() == 0);
  CHECK(cache.bytes() == 0);
}

TEST_CASE("name, type, class, DO and CD tell answers apart") {
  Cache cache(10, {});
  const Question q = question(1);
  cache.insert(key(q), answer(q, 60), 0);
  CHECK(cache.find(key(q), 0).answer);
  CHECK_FALSE(cache.find(key(q, true), 0).answer);
  CHECK_FALSE(cache.find(key(q, false, true), 0).answer);
  CHECK_FALSE(cache.find(key(question(2)), 0).answer);
  CHECK_FALSE(cache.find(key(question(1, kTypeAaaa)), 0).answer);
  Question chaos = q;
  chaos.klass = 3;
  CHECK_FALSE(cache.find(key(chaos), 0).answer);
}

TEST_CASE("bytes are bounded as well as entries") {
  Cache cache(16, {});
  for (unsigned i = 0; i < 100; ++i) {
    const Question q = question(i);
    cache.insert(key(q), answer(q, 60, 6000), 0);
    CHECK(cache.bytes() <= 16 * Cache::kMeanBytes);
  }
  CHECK(cache.size() == 2);
  const Question huge = question(1000);
  cache.insert(key(huge), answer(huge, 60, 17000), 0);
  CHECK_FALSE(cache.find(key(huge), 0).answer);
  CHECK(cache.size() == 2);
}

TEST_CASE("no entries, no caching") {
  Cache cache(0, {});
  const Question q = question(1);
  CHECK(cache.insert(key(q), answer(q, 60), 0) == 0);
  CHECK_FALSE(cache.find(key(q), 0).answer);
}

TEST_CASE("RFC 8767 4: no answer is kept for longer than a day") {
  Cache cache(10, {});
  const Question q = question(1);
  cache.insert(key(q), answer(q, 0x7fffffff), 0);
  CHECK(cache.find(key(q), 86'399'999).answer);
  CHECK_FALSE(cache.find(key(q), 86'400'000).answer);
}

TEST_CASE("property: the cache agrees with a map and a clock") {
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  constexpr uint32_t kCapacity = 64;
  Cache cache(kCapacity, {random(), random(), random()});
  std::map<unsigned, TimeMs> expires;  // of what was stored, evicted or not
  TimeMs now = 0;
  for (int step = 0; step < 20000; ++step) {
    const unsigned number = random() % 100;
    const Question q = question(number);
    now += random() % 300;
    if (random() % 2) {
      const uint32_t ttl = random() % 20;
      cache.insert(key(q), answer(q, ttl), now);
      if (ttl > 0) expires[number] = now + ttl * 1000;
    }
    const bool found = cache.find(key(q), now).answer != nullptr;
    const auto known = expires.find(number);
    if (found) REQUIRE((known != expires.end() && now < known->second));
    REQUIRE(cache.size() <= kCapacity);
  }
}

}  // namespace isthmus::cache_test
