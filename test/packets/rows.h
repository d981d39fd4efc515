// SPDX-License-Identifier: BSD-3-Clause
// The tables that all_rows() joins, and what their scripts have in common.
#pragma once

#include <string>
#include <vector>

#include "packets/fixture.h"

namespace isthmus::test {

// A table to a file, each in a namespace of its own.
// clang-format off
namespace rows_udp { std::vector<Row> rows(); }
namespace rows_tcp { std::vector<Row> rows(); }
namespace rows_icmp { std::vector<Row> rows(); }
namespace rows_icmp_table { std::vector<Row> rows(); }
namespace rows_error { std::vector<Row> rows(); }
namespace rows_hairpin { std::vector<Row> rows(); }
namespace rows_address { std::vector<Row> rows(); }
namespace rows_limit { std::vector<Row> rows(); }
namespace rows_pool { std::vector<Row> rows(); }
namespace rows_shared { std::vector<Row> rows(); }
namespace rows_malformed { std::vector<Row> rows(); }
namespace rows_stateless { std::vector<Row> rows(); }
namespace rows_fragment { std::vector<Row> rows(); }
namespace rows_tcp_table { std::vector<Row> rows(); }
namespace rows_behave { std::vector<Row> rows(); }
namespace rows_timer { std::vector<Row> rows(); }
namespace rows_static { std::vector<Row> rows(); }
namespace rows_eam { std::vector<Row> rows(); }
namespace rows_sources { std::vector<Row> rows(); }
namespace rows_fragment_edge { std::vector<Row> rows(); }
namespace rows_policy { std::vector<Row> rows(); }
namespace rows_access { std::vector<Row> rows(); }
namespace rows_portless { std::vector<Row> rows(); }
// clang-format on

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
