// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/wire.h"

#include "catch.h"

namespace isthmus::wire_test {
using namespace dns64;

namespace {

using Wire = std::vector<uint8_t>;

Wire header(uint16_t questions, uint16_t answers) {
  Wire out(kHeaderSize);
  out[5] = static_cast<uint8_t>(questions);
  out[6] = static_cast<uint8_t>(answers >> 8);
  out[7] = static_cast<uint8_t>(answers);
  return out;
}

void append(Wire& out, std::initializer_list<int> bytes) {
  for (const int byte : bytes) out.push_back(static_cast<uint8_t>(byte));
}

/// "a.example. IN A", then `answers` records owned by the question's name.
Wire message(uint16_t answers) {
  Wire out = header(1, answers);
  append(out, {1, 'a', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1});
  for (unsigned i = 0; i < answers; ++i) {
    append(out, {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1});
  }
  return out;
}

}  // namespace

TEST_CASE("RFC 1035 4.1: a message cut short anywhere is malformed") {
  const Wire whole = message(3);
  Message parsed;
  REQUIRE(parse(whole, parsed) == ParseResult::kOk);
  CHECK(parsed.records.size() == 3);
  CHECK(to_string(owner_of(parsed, parsed.records[2])) == "a.example.");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // A copy of its own, so that a sanitizer sees every octet read too far.
    const Wire part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    CAPTURE(size);
    const ParseResult expected =
        size < kHeaderSize ? ParseResult::kNoHeader : ParseResult::kMalformed;
    CHECK(parse(part, parsed) == expected);
  }
}

TEST_CASE("RFC 1035 4.1.4: pointers have to lead backwards") {
  const auto name_at = [](Wire wire, std::size_t at) {
    Name name;
    return read_name(wire, at, name);
  };
  Wire wire = header(1, 0);
  SECTION("to itself") {
    append(wire, {0xc0, 12});
    CHECK_FALSE(name_at(wire, 12));
  }
  SECTION("to each other") {
    append(wire, {0xc0, 14, 0xc0, 12});
    CHECK_FALSE(name_at(wire, 12));
    CHECK_FALSE(name_at(wire, 14));
  }
  SECTION("to the labels that led to them") {
    append(wire, {1, 'a', 0xc0, 12});
    CHECK_FALSE(name_at(wire, 12));
  }
  SECTION("forward") {
    append(wire, {0xc0, 14, 0});
    CHECK_FALSE(name_at(wire, 12));
  }
  SECTION("into the header") {
    append(wire, {0xc0, 4});
    CHECK_FALSE(name_at(wire, 12));
  }
  SECTION("cut in half") {
    append(wire, {0, 0xc0});
    CHECK_FALSE(name_at(wire, 13));
  }
  SECTION("reserved label types") {
    append(wire, {0x41, 'a', 0});
    CHECK_FALSE(name_at(wire, 12));
    wire[12] = 0x81;
    CHECK_FALSE(name_at(wire, 12));
  }
}

TEST_CASE("RFC 9267: a chain of pointers is followed 16 times and no more") {
  Wire wire = header(1, 0);
  append(wire, {0});
  std::size_t previous = 12;
  for (unsigned hops = 1; hops <= 20; ++hops) {
    const std::size_t at = wire.size();
    append(wire, {0xc0, static_cast<int>(previous)});
    previous = at;
    std::size_t cursor = at;
    Name name;
    CAPTURE(hops);
    CHECK(read_name(wire, cursor, name) == (hops <= kMaxHops));
    if (hops <= kMaxHops) CHECK(cursor == at + 2);
  }
}

TEST_CASE(
    "RFC 1035 2.3.4: names have at most 255 octets, that is 126 one-letter labels and a root") {
  for (const unsigned labels : {126u, 127u, 128u}) {
    Wire wire = header(1, 0);
    for (unsigned i = 0; i < labels; ++i) append(wire, {1, 'x'});
    append(wire, {0, 0, 1, 0, 1});
    Message parsed;
    CAPTURE(labels);
    // 127 labels of one letter and the root are 255 octets.
    CHECK((parse(wire, parsed) == ParseResult::kOk) == (labels <= 127));
    if (labels <= 127) CHECK(parsed.question.name.labels() == labels);
  }
}

TEST_CASE("RFC 1035 2.3.4: compression does not get around the limit of 255 octets") {
  Wire wire = header(1, 0);
  for (int i = 0; i < 100; ++i) append(wire, {1, 'x'});
  append(wire, {0});
  const std::size_t at = wire.size();
  for (int i = 0; i < 28; ++i) append(wire, {1, 'y'});
  append(wire, {0xc0, 12});
  Name name;
  std::size_t cursor = at;
  CHECK_FALSE(read_name(wire, cursor, name));
  cursor = at + 2;
  CHECK(read_name(wire, cursor, name));
  CHECK(name.size() == 255);
}

TEST_CASE("RFC 1035 4.2.2: 64 KB are read, more are not") {
  // 4094 records of 16 octets behind 27 octets: 65531.
  Wire wire = message(4094);
  Message parsed;
  REQUIRE(wire.size() <= kMaxMessage);
  CHECK(parse(wire, parsed) == ParseResult::kOk);
  CHECK(parsed.records.size() == 4094);
  wire = message(4095);
  REQUIRE(wire.size() > kMaxMessage);
  CHECK(parse(wire, parsed) == ParseResult::kMalformed);
}

TEST_CASE("RFC 1035 4.1.1: counts that promise more than there is are malformed") {
  Wire wire = message(1);
  wire[7] = 0xff;
  wire[6] = 0xff;
  Message parsed;
  CHECK(parse(wire, parsed) == ParseResult::kMalformed);
}

TEST_CASE("RFC 2181 8: a TTL with the top bit set is zero") {
  Wire wire = message(1);
  wire[wire.size() - 10] = 0x80;
  Message parsed;
  REQUIRE(parse(wire, parsed) == ParseResult::kOk);
  CHECK(parsed.records[0].ttl == 0);
}

TEST_CASE("RFC 6891 6.1.2: OPT is read and set apart; options have to fill it") {
  Wire wire = message(0);
  wire[11] = 1;
  append(wire, {0, 0, 41, 4, 0xd0, 1, 0, 0x80, 0, 0, 6, 0, 15, 0, 2, 0, 29});
  Message parsed;
  REQUIRE(parse(wire, parsed) == ParseResult::kOk);
  CHECK(parsed.records.empty());
  CHECK(parsed.edns.present);
  CHECK(parsed.edns.payload_size == 1232);
  CHECK(parsed.edns.dnssec_ok);
  CHECK(parsed.edns.extended_rcode == 1);
  CHECK(parsed.edns.extended_error == 29);
  wire[wire.size() - 3] = 3;
  CHECK(parse(wire, parsed) == ParseResult::kMalformed);
}

TEST_CASE("owner_is agrees with decompression, whatever the case") {
  const Wire wire = message(1);
  Message parsed;
  REQUIRE(parse(wire, parsed) == ParseResult::kOk);
  const auto name = [](const char* text) { return *Name::from_text(text); };
  CHECK(owner_is(parsed, parsed.records[0], name("A.eXample.")));
  CHECK_FALSE(owner_is(parsed, parsed.records[0], name("example.")));
  CHECK_FALSE(owner_is(parsed, parsed.records[0], name("b.a.example.")));
  CHECK_FALSE(owner_is(parsed, parsed.records[0], name("a.exampl.")));
  CHECK_FALSE(owner_is(parsed, parsed.records[0], name(".")));
}

}  // namespace isthmus::wire_test
