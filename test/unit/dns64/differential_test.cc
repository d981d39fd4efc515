// SPDX-License-Identifier: BSD-3-Clause
// The wire walker and the builder against ldns, on the fuzz corpus and on random mutations of it.
// ldns is the more lenient reader (it takes forward pointers and trailing octets), so: what the
// walker takes, ldns must take too, and both must print the same; and what ldns reads out of the
// builder's copy must be what it read out of the original.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "catch.h"
#include "dns64/assemble.h"
#include "scenario/wire_text.h"

namespace isthmus::differential_test {
using namespace dns64;
using test::TextMessage;
using test::Wire;

namespace {

std::vector<Wire> corpus() {
  std::vector<Wire> out;
  for (const auto& entry : std::filesystem::directory_iterator(ISTHMUS_DNS_MESSAGES)) {
    std::ifstream file(entry.path(), std::ios::binary);
    out.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return out;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(to_lower(static_cast<uint8_t>(c)));
  return text;
}

/// Both spell unusual octets with escapes, but not the same ones.
bool has_escapes(const std::string& text) {
  return text.find('\\') != std::string::npos;
}

/// ldns prints TTLs with the top bit set as they are; RFC 2181 8 makes them zero.
std::string with_sane_ttl(const std::string& line) {
  const std::size_t start = line.find(' ') + 1;
  const std::size_t end = line.find(' ', start);
  if (std::stoul(line.substr(start, end - start)) <= 0x7fffffff) return line;
  return line.substr(0, start) + "0" + line.substr(end);
}

/// What both readers print of a message: question and records without data.
void compare_reading(const Message& walked, const TextMessage& read) {
  const std::string name = to_string(walked.question.name);
  if (!has_escapes(name)) CHECK(lower(name) == lower(read.name));
  std::size_t index = 0;
  for (const auto& section : read.sections) {
    for (const std::string& line : section) {
      REQUIRE(index < walked.records.size());
      const std::string owner = to_string(owner_of(walked, walked.records[index++]));
      if (has_escapes(owner)) continue;
      CHECK(lower(line.substr(0, line.find(' '))) == lower(owner));
    }
  }
  CHECK(index == walked.records.size());
  CHECK(walked.edns.present == (read.edns_size >= 0));
}

/// True if the message was good enough to be compared.
bool compare(const Wire& wire) {
  Message walked;
  if (parse(wire, walked) != ParseResult::kOk) return false;
  // ldns takes TSIG out of its section, and leaks memory when there are two; it loses the owner of
  // SINK records, type 40.
  for (const Record& record : walked.records) {
    if (record.type == kTypeTsig || record.type == 40) return false;
  }
  Assembler assembler;
  const auto answer = assembler.forward(walked, walked.question);
  // What cannot be copied has malformed data, on which ldns may have its own opinion.
  if (!answer) return false;
  TextMessage original;
  try {
    original = test::from_wire(wire);
  } catch (const std::exception&) {
    // ldns checks the data of types that are opaque to us.
    return false;
  }
  // ldns takes some data off the wire that it then cannot print, and returns nothing.
  for (const auto& section : original.sections) {
    if (std::find(section.begin(), section.end(), "") != section.end()) return false;
  }
  compare_reading(walked, original);
  const TextMessage copied = test::from_wire(answer->message);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(original.sections[i].size() == copied.sections[i].size());
    for (std::size_t k = 0; k < original.sections[i].size(); ++k) {
      CHECK(lower(with_sane_ttl(original.sections[i][k])) == lower(copied.sections[i][k]));
    }
  }
  return true;
}

}  // namespace

TEST_CASE("the walker and ldns read the corpus alike, and the builder's copies too") {
  unsigned compared = 0;
  for (const Wire& wire : corpus()) compared += compare(wire);
  CHECK(compared >= 10);
}

TEST_CASE("property: mutated messages are read alike or refused") {
  // ISTHMUS_SEED replays a failure.
  const char* given = std::getenv("ISTHMUS_SEED");
  const unsigned seed = given ? static_cast<unsigned>(std::stoul(given))
                              : static_cast<unsigned>(std::random_device()());
  CAPTURE(seed);
  std::mt19937 random(seed);
  const std::vector<Wire> originals = corpus();
  REQUIRE_FALSE(originals.empty());
  unsigned compared = 0;
  for (int round = 0; round < 4000; ++round) {
    Wire wire = originals[random() % originals.size()];
    const unsigned changes = 1 + random() % 3;
    for (unsigned i = 0; i < changes && wire.size() > 12; ++i) {
      wire[12 + random() % (wire.size() - 12)] = static_cast<uint8_t>(random());
    }
    std::string hex;
    for (const uint8_t octet : wire)
      hex += "0123456789abcdef"[octet >> 4], hex += "0123456789abcdef"[octet & 15];
    CAPTURE(hex);
    compared += compare(wire);
  }
  CHECK(compared > 100);
}

}  // namespace isthmus::differential_test
