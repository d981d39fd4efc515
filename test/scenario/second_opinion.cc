// SPDX-License-Identifier: BSD-3-Clause
#include "scenario/second_opinion.h"

#include <algorithm>
#include <stdexcept>

#include "dns64/assemble.h"
#include "dns64/rdata.h"
#include "scenario/wire_text.h"

namespace isthmus::test {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(dns64::to_lower(static_cast<uint8_t>(c)));
  return text;
}

/// Both spell unusual octets with escapes, but not the same ones.
bool has_escapes(const std::string& text) {
  return text.find('\\') != std::string::npos;
}

/// Empty if both are the same but for case.
std::string differ(const std::string& what, const std::string& ours, const std::string& theirs) {
  if (lower(ours) == lower(theirs)) return {};
  return what + ": \"" + ours + "\", ldns has \"" + theirs + "\"";
}

/// ldns prints TTLs with the top bit set as they are; RFC 2181 8 makes them zero.
std::string with_sane_ttl(const std::string& line) {
  const std::size_t start = line.find(' ') + 1;
  const std::size_t end = line.find(' ', start);
  if (std::stoul(line.substr(start, end - start)) <= 0x7fffffff) return line;
  return line.substr(0, start) + "0" + line.substr(end);
}

/// Whether ldns says of a record's data what it is: when that ends before RDLENGTH says so, it
/// takes the rest for the next record, and it reads data of other classes than IN as if they were
/// IN's. So only what cannot end early: fixed sizes, types whose layout we know, too, and types
/// that ldns does not know.
bool ldns_reads(const dns64::Record& record) {
  constexpr uint16_t kTypeTxt = 16, kFirstUnknown = 300, kTypeTa = 32768, kTypeDlv = 32769;
  if (record.klass != dns64::kClassIn) return false;
  switch (record.type) {
    case dns64::kTypeA: return record.rdata_size == 4;
    case dns64::kTypeAaaa: return record.rdata_size == 16;
    case kTypeTxt: return true;
    case kTypeTa:
    case kTypeDlv: return false;
    default: return dns64::rdata_layout(record.type).names > 0 || record.type >= kFirstUnknown;
  }
}

/// ldns takes some data off the wire that it then cannot print, and returns nothing.
bool printed(const TextMessage& message) {
  return std::none_of(
      std::begin(message.sections), std::end(message.sections),
      [](const auto& lines) { return std::find(lines.begin(), lines.end(), "") != lines.end(); });
}

/// What both readers print of a message: question and records without data.
std::string compare_reading(const dns64::Message& walked, const TextMessage& read) {
  const std::string name = to_string(walked.question.name);
  std::string found = has_escapes(name) ? "" : differ("question", name, read.name);
  std::size_t index = 0;
  for (const auto& section : read.sections) {
    for (const std::string& line : section) {
      if (index >= walked.records.size()) return "ldns has more records";
      const std::string owner = to_string(owner_of(walked, walked.records[index++]));
      if (!found.empty() || has_escapes(owner)) continue;
      found = differ("owner", owner, line.substr(0, line.find(' ')));
    }
  }
  if (index != walked.records.size()) return "ldns has fewer records";
  if (walked.edns.present != (read.edns_size >= 0)) return "one sees EDNS";
  return found;
}

std::string compare_copy(const TextMessage& original, const std::vector<uint8_t>& wire) {
  TextMessage copied;
  try {
    copied = from_wire(wire);
  } catch (const std::exception& error) {
    return std::string("ldns cannot read the copy: ") + error.what();
  }
  for (int i = 0; i < 3; ++i) {
    const auto& before = original.sections[i];
    const auto& after = copied.sections[i];
    if (before.size() != after.size()) return "the copy has another number of records";
    for (std::size_t k = 0; k < before.size(); ++k) {
      const auto found = differ("copied record", after[k], with_sane_ttl(before[k]));
      if (!found.empty()) return found;
    }
  }
  return {};
}

}  // namespace

SecondOpinion second_opinion(const std::vector<uint8_t>& wire) {
  dns64::Message walked;
  if (dns64::parse(wire, walked) != dns64::ParseResult::kOk ||
      !std::all_of(walked.records.begin(), walked.records.end(), ldns_reads)) {
    return {};
  }
  dns64::Assembler assembler;
  const auto answer = assembler.forward(walked, walked.question);
  // What cannot be copied has malformed data, on which ldns may have its own opinion.
  if (!answer) return {};
  TextMessage original;
  try {
    original = from_wire(wire);
  } catch (const std::exception&) {
    return {};  // ldns checks the data of types that are opaque to us
  }
  if (!printed(original)) return {};
  auto difference = compare_reading(walked, original);
  if (difference.empty()) {
    difference = compare_copy(original, {answer->message.begin(), answer->message.end()});
  }
  return {true, std::move(difference)};
}

}  // namespace isthmus::test
