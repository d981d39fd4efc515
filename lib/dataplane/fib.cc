// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/fib.h"

#include <fmt/format.h>
#include <rte_errno.h>

#include <string>

namespace isthmus::dataplane {
namespace {

// Second-level tables: one per /24 that holds longer prefixes; and for IPv6 up to 13 per prefix
// longer than /24. Two-byte next hops allow 2^15 - 1 of them.
constexpr uint32_t kTables4 = 4096;
constexpr uint32_t kTables6 = (1u << 15) - 1;

#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
const rte_ipv6_addr* dpdk(const net::Ip6& address) {
  return reinterpret_cast<const rte_ipv6_addr*>(address.bytes.data());
}
#else
const uint8_t* dpdk(const net::Ip6& address) {
  return address.bytes.data();
}
#endif

}  // namespace

Result<std::unique_ptr<Fib>> Fib::make(const FibSize& size, int socket) {
  static unsigned serial = 0;
  // Two names: both kinds of table name their memory pools alike.
  const std::string name4 = fmt::format("isthmus4-{}", serial);
  const std::string name6 = fmt::format("isthmus6-{}", serial++);
  std::unique_ptr<Fib> fib(new Fib);
  rte_fib_conf conf4{};
  conf4.type = RTE_FIB_DIR24_8;
  conf4.default_nh = kNoRoute;
  conf4.max_routes = static_cast<int>(size.routes4);
  conf4.dir24_8.nh_sz = RTE_FIB_DIR24_8_2B;
  conf4.dir24_8.num_tbl8 = kTables4;
  fib->fib4_ = rte_fib_create(name4.c_str(), socket, &conf4);
  rte_fib6_conf conf6{};
  conf6.type = RTE_FIB6_TRIE;
  conf6.default_nh = kNoRoute;
  conf6.max_routes = static_cast<int>(size.routes6);
  conf6.trie.nh_sz = RTE_FIB6_TRIE_2B;
  conf6.trie.num_tbl8 = kTables6;
  if (fib->fib4_ != nullptr) fib->fib6_ = rte_fib6_create(name6.c_str(), socket, &conf6);
  if (fib->fib6_ == nullptr) {
    return Error{
        fmt::format("no memory for forwarding tables of {} IPv4 and {} IPv6 routes ({}): "
                    "raise memory.megabytes",
                    size.routes4, size.routes6, rte_strerror(rte_errno))};
  }
  return fib;
}

Fib::~Fib() {
  if (fib4_ != nullptr) rte_fib_free(fib4_);
  if (fib6_ != nullptr) rte_fib6_free(fib6_);
}

bool Fib::add(const net::Ip4Prefix& prefix, AdjacencyIndex next_hop) {
  return rte_fib_add(fib4_, prefix.address.host(), prefix.length, next_hop) == 0;
}

bool Fib::add(const net::Ip6Prefix& prefix, AdjacencyIndex next_hop) {
  return rte_fib6_add(fib6_, dpdk(prefix.address), prefix.length, next_hop) == 0;
}

void Fib::remove(const net::Ip4Prefix& prefix) {
  rte_fib_delete(fib4_, prefix.address.host(), prefix.length);
}

void Fib::remove(const net::Ip6Prefix& prefix) {
  rte_fib6_delete(fib6_, dpdk(prefix.address), prefix.length);
}

}  // namespace isthmus::dataplane
