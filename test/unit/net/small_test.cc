// SPDX-License-Identifier: BSD-3-Clause
// be.h, hash.h, packet_buf.h, result.h.
#include <string>

#include "catch.h"
#include "net/be.h"
#include "net/hash.h"
#include "net/packet_buf.h"
#include "net/result.h"

using namespace isthmus;
using namespace isthmus::net;

TEST_CASE("big-endian integers hold wire order") {
  const Be16 a(0x1234);
  const Be32 b(0x12345678);
  const Be64 c(0x123456789abcdef0);
  CHECK(a.host() == 0x1234);
  CHECK(a.raw() == 0x3412);
  CHECK(b.host() == 0x12345678);
  CHECK(c.host() == 0x123456789abcdef0);
  CHECK(Be16::from_raw(0x3412) == a);
  CHECK(Be16(0x00ff) < Be16(0x0100));  // by value, not by raw word
  uint8_t bytes[5] = {0xff, 0x12, 0x34, 0x56, 0x78};
  CHECK(*reinterpret_cast<const Be32*>(bytes + 1) == b);
}

TEST_CASE("a packet buffer accounts for its room") {
  uint8_t block[100] = {};
  PacketBuf buf{block + 40, 20, 40, 40};
  buf.move_start(-20);
  CHECK(buf.data == block + 20);
  CHECK(buf.length == 40);
  CHECK(buf.headroom == 20);
  buf.move_start(30);
  CHECK(buf.data == block + 50);
  CHECK(buf.length == 10);
  CHECK(buf.headroom == 50);
  CHECK(buf.tailroom == 40);
  buf.set_length(50);
  CHECK(buf.tailroom == 0);
  buf.set_length(0);
  CHECK(buf.tailroom == 50);
}

TEST_CASE("hashes depend on every word and on the key") {
  const HashKey key;
  HashKey other;
  other.a ^= 1;
  const uint64_t h = hash_words(key, 1, 2, 3);
  CHECK(h == hash_words(key, 1, 2, 3));
  CHECK(h != hash_words(key, 2, 2, 3));
  CHECK(h != hash_words(key, 1, 3, 3));
  CHECK(h != hash_words(key, 1, 2, 4));
  CHECK(h != hash_words(other, 1, 2, 3));
  CHECK(hash_words(key, 1, 2) != hash_words(key, 2, 1));
  const Ip6 address = *parse_ip6("2001:db8::1");
  CHECK(hash_ip6(key, address, 7) == hash_words(key, address.raw_high(), address.raw_low(), 7));
}

TEST_CASE("a result is a value or an error") {
  Result<std::string> good = std::string("value");
  REQUIRE(good);
  CHECK(*good == "value");
  CHECK(good->size() == 5);
  const Result<std::string> bad = Error{"port-range: write the lower port first"};
  REQUIRE_FALSE(bad);
  CHECK(bad.error().text == "port-range: write the lower port first");
  const Status fine = Ok{};
  CHECK(fine);
}
