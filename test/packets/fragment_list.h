// SPDX-License-Identifier: BSD-3-Clause
// Lists of fragments, as rows about fragments speak of them.
//
// The Identification of an IPv4 fragment that the gateway makes is its own choice (RFC 6864 4.3,
// conflict C8): it is not compared, but all fragments of one datagram must bear the same one, and
// different datagrams different ones. The same goes for what a hairpin makes of it (kAnyId).
#pragma once

#include <algorithm>
#include <map>
#include <vector>

#include "packets/diff.h"
#include "packets/rows.h"

namespace isthmus::test {

using List = std::vector<Bytes>;

inline constexpr std::size_t kStep = 1200;
inline constexpr uint32_t kAnyId = 0xaaaa5555;

/// The whole of a datagram in fragments of `step` bytes.
inline List pieces(const Packet& packet, std::size_t payload, uint32_t id,
                   std::size_t step = kStep) {
  List out;
  for (std::size_t at = 0; at < payload; at += step) out.push_back(packet.slice(at, step, id));
  return out;
}

inline List reversed(List list) {
  std::reverse(list.begin(), list.end());
  return list;
}

inline uint64_t bytes_of(const List& list) {
  uint64_t sum = 0;
  for (const auto& bytes : list) sum += bytes.size();
  return sum;
}

/// The Identification of a fragment of either family. An IPv6 one has no header but the fragment's.
inline uint32_t id_of(const Bytes& packet) {
  const std::size_t at = packet[0] >> 4 == 4 ? 2 : 44;
  uint32_t id = 0;
  for (std::size_t i = at; i < at + 4; ++i) id = id << 8 | packet[i];
  return packet[0] >> 4 == 4 ? id & 0xffff : id;
}

/// `packet` with another Identification.
inline Bytes with_id(Bytes packet, uint32_t id) {
  const bool v4 = packet[0] >> 4 == 4;
  for (unsigned i = 0; i < (v4 ? 2u : 4u); ++i) {
    packet[(v4 ? 5u : 47u) - i] = static_cast<uint8_t>(id >> 8 * i);
  }
  if (!v4) return packet;
  packet[10] = packet[11] = 0;
  const uint16_t sum = plain_checksum(Bytes(packet.begin(), packet.begin() + 20));
  packet[10] = static_cast<uint8_t>(sum >> 8);
  packet[11] = static_cast<uint8_t>(sum);
  return packet;
}

inline void same_fragments(Script& s, const List& wanted, const List& got) {
  s.check(got.size() == wanted.size(), "expected " + std::to_string(wanted.size()) +
                                           " fragments, got " + std::to_string(got.size()));
  std::map<uint32_t, uint32_t> ids;
  std::map<uint32_t, uint32_t> back;
  for (std::size_t i = 0; i < std::min(got.size(), wanted.size()); ++i) {
    Bytes expected = wanted[i];
    const bool chosen = (expected[0] >> 4 == 4 || id_of(expected) == kAnyId) &&
                        got[i].size() >= (expected[0] >> 4 == 4 ? 20u : 48u) &&
                        expected[0] >> 4 == got[i][0] >> 4;
    if (chosen) {
      const uint32_t id = ids.emplace(id_of(expected), id_of(got[i])).first->second;
      s.check(id == id_of(got[i]), "fragments of one datagram differ in Identification");
      const uint32_t name = back.emplace(id_of(got[i]), id_of(expected)).first->second;
      s.check(name == id_of(expected), "two datagrams have one Identification");
      expected = with_id(expected, id);
    }
    s.check(got[i] == expected, diff(expected, got[i]));
  }
}

/// A burst in; exactly these fragments out.
inline void gives(Script& s, const List& in, const List& out) {
  same_fragments(s, out, s.burst(in));
}

inline void held(Script& s, uint64_t count) {
  s.counted({{Counter::kFragmentsHeld, count}});
}

}  // namespace isthmus::test
