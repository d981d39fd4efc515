// SPDX-License-Identifier: BSD-3-Clause
// Queries, and upstream's answers to them, for dns64_bench.
#pragma once

#include <cstdint>
#include <vector>

namespace isthmus::bench {

using Wire = std::vector<uint8_t>;

/// AAAA of host<number>.example.net, RD set, without EDNS.
Wire dns_query(unsigned number);
/// Turns a query of the engine into its answer: one A record, or no AAAA and no SOA.
void make_dns_answer(Wire& message);

}  // namespace isthmus::bench
