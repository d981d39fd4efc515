// SPDX-License-Identifier: BSD-3-Clause
// Messages that cost libraries dearly (ldns: milliseconds, leaks, endless results). Each is either
// refused, or its cost is bounded; cost is counted, not timed.
#include "catch.h"
#include "dns64/assemble.h"
#include "dns64/cookies.h"
#include "dns64/query.h"

namespace isthmus::hazards_test {
using namespace dns64;

namespace {

using Wire = std::vector<uint8_t>;

void put16(Wire& out, unsigned v) {
  out.push_back(static_cast<uint8_t>(v >> 8));
  out.push_back(static_cast<uint8_t>(v));
}

void put(Wire& out, std::initializer_list<unsigned> octets) {
  for (const unsigned octet : octets) out.push_back(static_cast<uint8_t>(octet));
}

Wire header(unsigned answers, unsigned additional = 0) {
  Wire out;
  for (const unsigned v : {0u, 0x8180u, 1u, answers, 0u, additional}) put16(out, v);
  return out;
}

/// `count` labels of one letter.
Name letters(unsigned count, char first = 'a') {
  Name name;
  for (unsigned i = 0; i < count; ++i) {
    name.append_label(std::string(1, static_cast<char>(first + i % 20)));
  }
  return name;
}

void put_question(Wire& out, const Name& name, uint16_t type) {
  out.insert(out.end(), name.wire().begin(), name.wire().end());
  put16(out, type);
  put16(out, kClassIn);
}

void put_record_head(Wire& out, uint16_t type, std::size_t size) {
  put16(out, type);
  put16(out, kClassIn);
  put(out, {0, 0, 1, 0});
  put16(out, static_cast<unsigned>(size));
}

uint64_t cost_of_parsing(const Wire& wire, ParseResult expected) {
  Message message;
  const uint64_t before = walked;
  CHECK(parse(wire, message) == expected);
  for (const Record& record : message.records) owner_of(message, record);
  return walked - before;
}

uint64_t cost_of_copying(const Wire& wire) {
  Message message;
  REQUIRE(parse(wire, message) == ParseResult::kOk);
  Wire buffer(kMaxMessage);
  Builder builder(buffer);
  builder.begin(message.question, kFlagQr);
  for (const Record& record : message.records) REQUIRE(builder.copy(message, record));
  return builder.work();
}

}  // namespace

TEST_CASE("hazard: a name of 126 labels (ldns: 15 ms to write)") {
  Wire wire = header(1);
  put_question(wire, letters(126), kTypeA);
  put(wire, {0xc0, 12});
  put_record_head(wire, kTypeA, 4);
  put(wire, {192, 0, 2, 1});
  CHECK(cost_of_parsing(wire, ParseResult::kOk) <= 3 * 128);
  CHECK(cost_of_copying(wire) <= 10 * Name::kMaxSize);
}

TEST_CASE("hazard: aliases to sixteen different names of 120 labels (ldns: 158 ms to write)") {
  Wire wire = header(16);
  put_question(wire, letters(120), kTypeA);
  for (unsigned i = 0; i < 16; ++i) {
    const Name target = letters(120, static_cast<char>('b' + i % 5));
    put(wire, {0xc0, 12});
    put_record_head(wire, kTypeCname, target.size());
    wire.insert(wire.end(), target.wire().begin(), target.wire().end());
  }
  // A record costs its two names, each of which is compared with at most eight others a suffix.
  CHECK(cost_of_copying(wire) <= 17 * 2 * (Name::kMaxSize + 8 * 128));
}

TEST_CASE("hazard: a question that points to itself (ldns: 65535 hops)") {
  Wire wire = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1};
  CHECK(cost_of_parsing(wire, ParseResult::kMalformed) <= 2);
}

TEST_CASE("hazard: chains of pointers, in a datagram and in 64 KB (ldns: 140 ms)") {
  for (const unsigned records : {44u, 3063u}) {
    CAPTURE(records);
    Wire wire = header(records);
    put_question(wire, letters(1), kTypeA);
    // Each record's owner points to the owner before, so chains grow until they are refused.
    std::size_t target = 12;
    for (unsigned i = 0; i < records; ++i) {
      const std::size_t own = wire.size();
      put16(wire, static_cast<unsigned>(0xc000 | target));
      put_record_head(wire, kTypeA, 4);
      put(wire, {192, 0, 2, 1});
      if (own < 0x4000 && i < 14) target = own;
    }
    const uint64_t cost = cost_of_parsing(wire, ParseResult::kOk);
    CHECK(cost <= uint64_t{2} * (records + 1) * (kMaxHops + 2));
  }
  Wire deep = header(40);
  put_question(deep, letters(1), kTypeA);
  std::size_t target = 12;
  for (unsigned i = 0; i < 40; ++i) {
    const std::size_t own = deep.size();
    put16(deep, static_cast<unsigned>(0xc000 | target));
    put_record_head(deep, kTypeA, 4);
    put(deep, {192, 0, 2, 1});
    target = own;
  }
  CHECK(cost_of_parsing(deep, ParseResult::kMalformed) <= 41 * (kMaxHops + 2));
}

TEST_CASE("hazard: two TSIG records are a format error, and leak nothing (ldns#317)") {
  Wire wire = header(0, 2);
  wire[2] = 1;
  wire[3] = 0;
  put_question(wire, letters(1), kTypeA);
  for (int i = 0; i < 2; ++i) {
    wire.push_back(0);
    put16(wire, kTypeTsig);
    put16(wire, 255);
    put(wire, {0, 0, 0, 0, 0, 0});
  }
  Message query;
  const ParseResult parsed = parse(wire, query);
  const Judgement judgement = judge_query(query, parsed);
  CHECK(judgement.verdict == Verdict::kError);
  CHECK(judgement.rcode == kFormErr);
}

TEST_CASE("hazard: octets behind the message, pointers that lead forwards") {
  Wire wire = header(0);
  put_question(wire, letters(2), kTypeA);
  Wire garbage = wire;
  garbage.push_back(0);
  CHECK(cost_of_parsing(garbage, ParseResult::kMalformed) <= 4);
  Wire forward = header(1);
  put_question(forward, letters(2), kTypeA);
  put16(forward, static_cast<unsigned>(0xc000 | (forward.size() + 12)));
  put_record_head(forward, kTypeCname, 3);
  put(forward, {1, 'x', 0});
  CHECK(cost_of_parsing(forward, ParseResult::kMalformed) <= 8);
}

TEST_CASE("hazard: a result beyond 64 KB is an error, not a longer message") {
  Wire wire = header(3900);
  put_question(wire, letters(1), kTypeAaaa);
  wire[wire.size() - 3] = kTypeA;
  for (unsigned i = 0; i < 3900; ++i) {
    put(wire, {0xc0, 12});
    put_record_head(wire, kTypeA, 4);
    put(wire, {8, 8, i >> 8, i & 255});
  }
  Message message;
  REQUIRE(parse(wire, message) == ParseResult::kOk);
  Assembler assembler;
  Question question = message.question;
  question.type = kTypeAaaa;
  const auto result = assembler.synthesise(message, question, Policy{}, std::nullopt);
  CHECK(result.carried);
  CHECK_FALSE(result.answer);
}

TEST_CASE("hazard: an owner in another case than the question keeps its case where it differs") {
  Wire wire = header(1);
  Name upper;
  upper.append_label("WWW");
  upper.append_label("Example");
  Name lower;
  lower.append_label("www");
  lower.append_label("example");
  Name other;
  other.append_label("FTP");
  other.append_label("Example");
  put_question(wire, lower, kTypeA);
  wire.insert(wire.end(), other.wire().begin(), other.wire().end());
  put_record_head(wire, kTypeA, 4);
  put(wire, {192, 0, 2, 1});
  Message message;
  REQUIRE(parse(wire, message) == ParseResult::kOk);
  Wire buffer(512);
  Builder builder(buffer);
  builder.begin(message.question, kFlagQr);
  REQUIRE(builder.copy(message, message.records[0]));
  const Bytes made = builder.finish();
  Message copy;
  REQUIRE(parse(made, copy) == ParseResult::kOk);
  const Name owner = owner_of(copy, copy.records[0]);
  CHECK(std::equal(owner.wire().begin(), owner.wire().end(), other.wire().begin()));
}

TEST_CASE("hazard: an OPT record without data (ldns#183), and one that ends in mid option") {
  Wire wire = header(0, 1);
  put_question(wire, letters(1), kTypeA);
  put(wire, {0, 0, kTypeOpt, 4, 0, 0, 0, 0, 0, 0, 0});
  CHECK(cost_of_parsing(wire, ParseResult::kOk) <= 4);
  wire[wire.size() - 1] = 3;
  put(wire, {0, 10, 0});
  CHECK(cost_of_parsing(wire, ParseResult::kMalformed) <= 4);
}

TEST_CASE("SipHash-2-4 agrees with its authors' first vectors") {
  SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  const uint8_t data[15] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
  CHECK(siphash(key, {data, 0}) == 0x726fdb47dd0e0e31);
  CHECK(siphash(key, {data, 15}) == 0xa129ca6149be45e5);
}

}  // namespace isthmus::hazards_test
