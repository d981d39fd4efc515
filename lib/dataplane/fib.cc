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

// Every table has a name of its own: both kinds name their memory pools alike.
std::string new_name() {
  static unsigned serial = 0;
  return fmt::format("isthmus-{}", serial++);
}

rte_fib* make4(uint32_t routes, int socket) {
  rte_fib_conf conf{};
  conf.type = RTE_FIB_DIR24_8;
  conf.default_nh = kNoRoute;
  conf.max_routes = static_cast<int>(routes);
  conf.dir24_8.nh_sz = RTE_FIB_DIR24_8_2B;
  conf.dir24_8.num_tbl8 = kTables4;
  return rte_fib_create(new_name().c_str(), socket, &conf);
}

rte_fib6* make6(uint32_t routes, int socket) {
  rte_fib6_conf conf{};
  conf.type = RTE_FIB6_TRIE;
  conf.default_nh = kNoRoute;
  conf.max_routes = static_cast<int>(routes);
  conf.trie.nh_sz = RTE_FIB6_TRIE_2B;
  conf.trie.num_tbl8 = kTables6;
  return rte_fib6_create(new_name().c_str(), socket, &conf);
}

}  // namespace

Result<std::unique_ptr<Fib>> Fib::make(const FibSize& size, int socket) {
  std::unique_ptr<Fib> fib(new Fib(size, socket));
  fib->fib4_ = make4(size.routes4, socket);
  if (fib->fib4_ != nullptr) fib->fib6_ = make6(size.routes6, socket);
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

bool Fib::rebuild4() {
  rte_fib* fresh = make4(size_.routes4, socket_);
  if (fresh == nullptr) return false;
  for (const auto& [prefix, next_hop] : entries4_) {
    rte_fib_add(fresh, prefix.first.host(), prefix.second, next_hop);
  }
  rte_fib_free(fib4_);
  fib4_ = fresh;
  removed4_ = false;
  return true;
}

bool Fib::rebuild6() {
  rte_fib6* fresh = make6(size_.routes6, socket_);
  if (fresh == nullptr) return false;
  for (const auto& [prefix, next_hop] : entries6_) {
    rte_fib6_add(fresh, dpdk(prefix.first), prefix.second, next_hop);
  }
  rte_fib6_free(fib6_);
  fib6_ = fresh;
  removed6_ = false;
  return true;
}

bool Fib::add(const net::Ip4Prefix& prefix, AdjacencyIndex next_hop) {
  const auto put = [&] {
    return rte_fib_add(fib4_, prefix.address.host(), prefix.length, next_hop) == 0;
  };
  if (!put() && !(removed4_ && rebuild4() && put())) return false;
  if (entries4_.insert_or_assign({prefix.address, prefix.length}, next_hop).second) {
    if (prefix.length > 8) ++longer4_[prefix.address.host() >> 24];
  }
  return true;
}

bool Fib::add(const net::Ip6Prefix& prefix, AdjacencyIndex next_hop) {
  const auto put = [&] {
    return rte_fib6_add(fib6_, dpdk(prefix.address), prefix.length, next_hop) == 0;
  };
  if (!put() && !(removed6_ && rebuild6() && put())) return false;
  if (entries6_.insert_or_assign({prefix.address, prefix.length}, next_hop).second) {
    cuts6_.add(net::byte_swap(prefix.address.raw_high()), prefix.length);
  }
  return true;
}

void Fib::remove(const net::Ip4Prefix& prefix) {
  if (entries4_.erase({prefix.address, prefix.length}) == 0) return;
  rte_fib_delete(fib4_, prefix.address.host(), prefix.length);
  if (prefix.length > 8) --longer4_[prefix.address.host() >> 24];
  removed4_ = true;
}

void Fib::remove(const net::Ip6Prefix& prefix) {
  if (entries6_.erase({prefix.address, prefix.length}) == 0) return;
  rte_fib6_delete(fib6_, dpdk(prefix.address), prefix.length);
  cuts6_.remove(net::byte_swap(prefix.address.raw_high()), prefix.length);
  removed6_ = true;
}

}  // namespace isthmus::dataplane
