// SPDX-License-Identifier: BSD-3-Clause
// Longest-prefix match of both families, and the one place that knows how DPDK spells it.
//
// DPDK's tables lose room: of what a long prefix takes they do not count all as free again when it
// is removed (22.11: 13 second-level tables of 32767 for each IPv6 host route that comes and goes).
// So what is in a table is remembered here, and one that is full although something was removed
// from it is made anew. That takes the memory of one more table for a moment.
#pragma once

#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_version.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "dataplane/adjacency.h"
#include "dataplane/route_cuts.h"
#include "net/addr.h"
#include "net/result.h"
#include "net/stretch.h"

namespace isthmus::dataplane {

struct FibSize {
  uint32_t routes4 = 1u << 16;
  uint32_t routes6 = 1u << 14;
};

class Fib {
 public:
  static Result<std::unique_ptr<Fib>> make(const FibSize& size, int socket);
  ~Fib();
  Fib(const Fib&) = delete;
  Fib& operator=(const Fib&) = delete;

  // False when the tables are full.
  bool add(const net::Ip4Prefix& prefix, AdjacencyIndex next_hop);
  bool add(const net::Ip6Prefix& prefix, AdjacencyIndex next_hop);
  void remove(const net::Ip4Prefix& prefix);
  void remove(const net::Ip6Prefix& prefix);

  /// `host` are addresses in host order. Index 0 (kNoRoute) where nothing matches.
  void lookup4(uint32_t* host, uint64_t* next_hops, unsigned count) const {
    rte_fib_lookup_bulk(fib4_, host, next_hops, static_cast<int>(count));
  }
  void lookup6(net::Ip6* addresses, uint64_t* next_hops, unsigned count) const {
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
    rte_fib6_lookup_bulk(fib6_, reinterpret_cast<const rte_ipv6_addr*>(addresses), next_hops,
                         static_cast<int>(count));
#else
    rte_fib6_lookup_bulk(fib6_, reinterpret_cast<uint8_t(*)[16]>(addresses), next_hops,
                         static_cast<int>(count));
#endif
  }

  /// Whether any route tells apart addresses under this first octet.
  bool divides4(uint32_t octet) const {
    return longer4_[octet] != 0;
  }
  /// Addresses around those with this upper half (in host order) that all have one next hop.
  net::Stretch<uint64_t> stretch6(uint64_t high) const {
    return cuts6_.around(high);
  }

 private:
  template <class Prefix>
  using Entries = std::map<std::pair<decltype(Prefix::address), uint8_t>, AdjacencyIndex>;

  Fib(const FibSize& size, int socket) : size_(size), socket_(socket) {}
  bool rebuild4();
  bool rebuild6();

  FibSize size_;
  int socket_;
  rte_fib* fib4_ = nullptr;
  rte_fib6* fib6_ = nullptr;
  Entries<net::Ip4Prefix> entries4_;
  Entries<net::Ip6Prefix> entries6_;
  std::array<uint32_t, 256> longer4_{};  ///< by first octet: routes that are longer than it
  RouteCuts cuts6_;
  bool removed4_ = false, removed6_ = false;  ///< anything, since the table was made
};

}  // namespace isthmus::dataplane
