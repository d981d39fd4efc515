// SPDX-License-Identifier: BSD-3-Clause
// The tables that all_rows() joins, and what their scripts have in common.
#pragma once

#include <string>
#include <vector>

#include "packets/fixture.h"

namespace isthmus::test {

std::vector<Row> udp_rows();
std::vector<Row> tcp_rows();
std::vector<Row> icmp_rows();
std::vector<Row> icmp_table_rows();
std::vector<Row> error_rows();
std::vector<Row> hairpin_rows();
std::vector<Row> address_rows();
std::vector<Row> limit_rows();
std::vector<Row> pool_rows();
std::vector<Row> shared_rows();
std::vector<Row> malformed_rows();
std::vector<Row> stateless_rows();
std::vector<Row> fragment_rows();
std::vector<Row> tcp_table_rows();
std::vector<Row> behave_rows();
std::vector<Row> timer_rows();
std::vector<Row> static_rows();
std::vector<Row> eam_rows();
std::vector<Row> source_rows();
std::vector<Row> fragment_edge_rows();
std::vector<Row> policy_rows();
std::vector<Row> access_rows();
std::vector<Row> portless_rows();

// The cast: two inside hosts of different subscribers, two servers, and their IPv6 names.
inline constexpr const char* kA = "2001:db8:a::a";
inline constexpr const char* kB = "2001:db8:b::b";
inline constexpr const char* kZ = "198.51.100.10";
inline constexpr const char* kZ2 = "198.51.100.20";
inline constexpr const char* kPZ = "2001:db8:64::198.51.100.10";
inline constexpr const char* kPZ2 = "2001:db8:64::198.51.100.20";
inline constexpr const char* kOwn4 = "100.64.0.1";
inline constexpr const char* kOwn6 = "2001:db8:ff::1";

/// An IPv4 address under kPrefix.
inline std::string in_prefix(const std::string& address4) {
  return "2001:db8:64::" + address4;
}

/// An IPv4 packet as the gateway makes it from IPv6: one hop further, DF by size (RFC 7915 5.1).
inline Packet out4(const Mapping& from, std::string_view to) {
  return ip4(from.address, to).ttl(63);
}

// What one translated packet counts; sizes are those on the receiving side.
inline void counted_out(Script& s, uint64_t packets, uint64_t bytes) {
  s.counted({{Counter::kNat64Out, packets}, {Counter::kNat64OutBytes, bytes}});
}
inline void counted_in(Script& s, uint64_t packets, uint64_t bytes) {
  s.counted({{Counter::kNat64In, packets}, {Counter::kNat64InBytes, bytes}});
}
inline void counted_made(Script& s, uint64_t bindings, uint64_t sessions) {
  s.counted({{Counter::kBindingsCreated, bindings}, {Counter::kSessionsCreated, sessions}});
}
inline void counted_gone(Script& s, uint64_t bindings, uint64_t sessions) {
  s.counted({{Counter::kBindingsDeleted, bindings}, {Counter::kSessionsDeleted, sessions}});
}

}  // namespace isthmus::test
