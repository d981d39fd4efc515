// SPDX-License-Identifier: BSD-3-Clause
// Assembling answers: bounds of size and work that scenarios cannot show.
#include "dns64/assemble.h"

#include "catch.h"

namespace isthmus::assemble_test {
using namespace dns64;

namespace {

using Wire = std::vector<uint8_t>;

void append(Wire& out, std::initializer_list<int> bytes) {
  for (const int byte : bytes) out.push_back(static_cast<uint8_t>(byte));
}

Wire header(unsigned answers) {
  Wire out(kHeaderSize);
  out[2] = 0x81;
  out[3] = 0x80;
  out[5] = 1;
  out[6] = static_cast<uint8_t>(answers >> 8);
  out[7] = static_cast<uint8_t>(answers);
  return out;
}

Wire many_a(unsigned count) {
  Wire out = header(count);
  append(out, {1, 'a', 0, 0, 1, 0, 1});
  for (unsigned i = 0; i < count; ++i) {
    append(out, {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 8, 8, static_cast<int>(i >> 8),
                 static_cast<int>(i & 255)});
  }
  return out;
}

Question aaaa(const char* text) {
  return {*Name::from_text(text), kTypeAaaa, kClassIn};
}

}  // namespace

TEST_CASE("RFC 1035 4.2.2: a synthesis beyond 64 KB is not made") {
  Assembler assembler;
  Message message;
  const Wire small = many_a(2000);
  REQUIRE(parse(small, message) == ParseResult::kOk);
  auto result = assembler.synthesise(message, aaaa("a."), Policy(), {});
  REQUIRE(result.answer);
  CHECK(result.answer->message.size() == 12 + 7 + 2000 * 28);
  const Wire large = many_a(4000);
  REQUIRE(parse(large, message) == ParseResult::kOk);
  result = assembler.synthesise(message, aaaa("a."), Policy(), {});
  CHECK(result.carried);
  CHECK_FALSE(result.answer);
}

TEST_CASE("a name of 126 labels is written with one pointer for each further use") {
  // The shape of message that costs a compressor with a tree of names milliseconds.
  Wire wire = header(200);
  for (int i = 0; i < 126; ++i) append(wire, {1, 'x'});
  append(wire, {0, 0, 1, 0, 1});
  for (int i = 0; i < 200; ++i) {
    append(wire, {0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12 + 2 * (i % 100)});
  }
  Message message;
  REQUIRE(parse(wire, message) == ParseResult::kOk);
  Assembler assembler;
  const auto answer = assembler.forward(message, message.question);
  REQUIRE(answer);
  CHECK(answer->message.size() == wire.size());
}

TEST_CASE("the dictionary of names is bounded: beyond it names are written out") {
  // 1000 different targets, 2 labels each.
  Wire wire = header(1000);
  append(wire, {1, 'a', 0, 0, 2, 0, 1});
  for (int i = 0; i < 1000; ++i) {
    append(wire, {0xc0, 12, 0, 2, 0, 1, 0, 0, 0, 60, 0, 6, 3, 'n', 'a' + i / 26 % 26, 'a' + i % 26,
                  0xc0, 12});
  }
  Message message;
  REQUIRE(parse(wire, message) == ParseResult::kOk);
  Assembler assembler;
  const auto answer = assembler.forward(message, message.question);
  REQUIRE(answer);
  Message copy;
  REQUIRE(parse(answer->message, copy) == ParseResult::kOk);
  CHECK(copy.records.size() == 1000);
  CHECK(answer->message.size() < wire.size() + 2000);
}

TEST_CASE("RFC 6147 5.1.5: chains are followed for 64 aliases, in order or not") {
  for (const bool backwards : {false, true}) {
    for (const int aliases : {63, 64, 65}) {
      Wire wire = header(static_cast<unsigned>(aliases));
      append(wire, {2, 'n', 'A', 0, 0, 28, 0, 1});
      for (int k = 0; k < aliases; ++k) {
        const int i = backwards ? aliases - 1 - k : k;
        append(wire, {2, 'n', 'A' + i, 0, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 2, 'n', 'B' + i, 0});
      }
      // Names differ in more than case, or the chain would loop.
      for (std::size_t at = 20; at < wire.size(); at += 18) {
        wire[at + 1] = '0';
        wire[at + 15] = '0';
        wire[at + 2] = static_cast<uint8_t>(wire[at + 2] + 0x80);
        wire[at + 16] = static_cast<uint8_t>(wire[at + 16] + 0x80);
      }
      wire[13] = '0';
      wire[14] = 'A' + 0x80;
      Message message;
      REQUIRE(parse(wire, message) == ParseResult::kOk);
      CAPTURE(aliases, backwards);
      CHECK(end_of_chain(message, message.question.name).has_value() == (aliases <= 64));
    }
  }
}

TEST_CASE("record data that does not fit its type is refused") {
  Wire wire = header(1);
  append(wire, {1, 'a', 0, 0, 15, 0, 1});
  append(wire, {0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 60, 0, 5, 0, 10, 0xc0, 12, 0});
  Message message;
  REQUIRE(parse(wire, message) == ParseResult::kOk);
  CHECK_FALSE(Assembler().forward(message, message.question));
  // An MX whose name runs over the end of its data.
  wire.pop_back();
  wire[wire.size() - 5] = 3;
  wire.pop_back();
  REQUIRE(parse(wire, message) == ParseResult::kOk);
  CHECK_FALSE(Assembler().forward(message, message.question));
}

}  // namespace isthmus::assemble_test
