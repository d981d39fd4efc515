// SPDX-License-Identifier: BSD-3-Clause
// Names what differs between two packets, so that a failing packet test says which field is wrong.
#pragma once

#include <string>
#include <vector>

#include "packets/builder.h"

namespace isthmus::test {

/// A run of bytes with a name.
struct Field {
  std::size_t offset;
  std::size_t length;
  std::string name;
};

/// The fields of an IP packet, quoted packets included ("icmp.quote.ip4.ttl").
std::vector<Field> fields(const Bytes& packet);

/// "" if equal; else one line for each differing field (offset, name, expected, got) and both
/// dumps (of long packets: headers and lines that differ). CHECK(diff(expected, got) == "") is the
/// usual form.
std::string diff(const Bytes& expected, const Bytes& got);

/// Sixteen bytes a line, with offsets.
std::string dump(const Bytes& bytes);

}  // namespace isthmus::test
