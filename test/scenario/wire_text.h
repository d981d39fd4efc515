// SPDX-License-Identifier: BSD-3-Clause
// Between DNS messages and text, by ldns: the tests' second opinion on everything the engine reads
// and writes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace isthmus::test {

using Wire = std::vector<uint8_t>;

/// A message in words. Records are zone file lines, as ldns prints them.
struct TextMessage {
  uint16_t id = 0;
  std::string rcode = "NOERROR";
  std::vector<std::string> flags;  ///< of qr aa tc rd ra ad cd, in this order
  std::string name;
  std::string type;
  std::string klass = "IN";
  bool has_question = true;
  std::vector<std::string> sections[3];
  int edns_size = -1;  ///< -1: no OPT
  bool dnssec_ok = false;
  int edns_version = 0;
  int extended_error = -1;
};

/// Compressed as ldns does it. The question keeps its case.
Wire to_wire(const TextMessage& message);
/// Throws std::runtime_error if ldns cannot read it.
TextMessage from_wire(const Wire& wire);
/// A zone file line in ldns' own spelling; throws if it is none.
std::string canonical_record(const std::string& line);

}  // namespace isthmus::test
