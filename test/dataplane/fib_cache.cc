// SPDX-License-Identifier: BSD-3-Clause
// Forwarding tables that are used again. A test program makes gateways by the hundred, and most of
// the time would go into filling and clearing 64 MiB of table for each. The linker sends calls of
// rte_fib_create() and the like here (meson.build); a table that is freed is emptied by its routes,
// and kept for the next one of the same size. A default route, which fills the whole table, is left
// in it: the next gateway mostly adds the same first thing. If it does anything else first, it
// goes.
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_rib.h>
#include <rte_rib6.h>
#include <rte_version.h>

#include <optional>
#include <vector>

#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
using Address6 = rte_ipv6_addr;
using Octets6 = const rte_ipv6_addr*;
using Addresses6 = const rte_ipv6_addr*;
#else
struct Address6 {
  uint8_t a[16];
};
using Octets6 = const uint8_t*;
using Addresses6 = uint8_t (*)[16];
#endif

extern "C" {
rte_fib* __real_rte_fib_create(const char* name, int socket, rte_fib_conf* conf);
void __real_rte_fib_free(rte_fib* fib);
int __real_rte_fib_add(rte_fib* fib, uint32_t address, uint8_t depth, uint64_t next_hop);
int __real_rte_fib_delete(rte_fib* fib, uint32_t address, uint8_t depth);
int __real_rte_fib_lookup_bulk(rte_fib* fib, uint32_t* addresses, uint64_t* next_hops, int n);
rte_fib6* __real_rte_fib6_create(const char* name, int socket, rte_fib6_conf* conf);
void __real_rte_fib6_free(rte_fib6* fib);
int __real_rte_fib6_add(rte_fib6* fib, Octets6 address, uint8_t depth, uint64_t next_hop);
int __real_rte_fib6_delete(rte_fib6* fib, Octets6 address, uint8_t depth);
int __real_rte_fib6_lookup_bulk(rte_fib6* fib, Addresses6 addresses, uint64_t* next_hops, int n);

rte_fib* __wrap_rte_fib_create(const char* name, int socket, rte_fib_conf* conf);
void __wrap_rte_fib_free(rte_fib* fib);
int __wrap_rte_fib_add(rte_fib* fib, uint32_t address, uint8_t depth, uint64_t next_hop);
int __wrap_rte_fib_delete(rte_fib* fib, uint32_t address, uint8_t depth);
int __wrap_rte_fib_lookup_bulk(rte_fib* fib, uint32_t* addresses, uint64_t* next_hops, int n);
rte_fib6* __wrap_rte_fib6_create(const char* name, int socket, rte_fib6_conf* conf);
void __wrap_rte_fib6_free(rte_fib6* fib);
int __wrap_rte_fib6_add(rte_fib6* fib, Octets6 address, uint8_t depth, uint64_t next_hop);
int __wrap_rte_fib6_delete(rte_fib6* fib, Octets6 address, uint8_t depth);
int __wrap_rte_fib6_lookup_bulk(rte_fib6* fib, Addresses6 addresses, uint64_t* next_hops, int n);
}

namespace {

#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
Octets6 in(const Address6& address) {
  return &address;
}
Address6* out(Address6& address) {
  return &address;
}
#else
Octets6 in(const Address6& address) {
  return address.a;
}
uint8_t* out(Address6& address) {
  return address.a;
}
#endif
constexpr Address6 kZero6{};

/// The next hop of the default route.
std::optional<uint64_t> default_of(rte_fib* fib) {
  uint64_t next_hop = 0;
  rte_rib_node* node = rte_rib_lookup_exact(rte_fib_get_rib(fib), 0, 0);
  if (node == nullptr || rte_rib_get_nh(node, &next_hop) != 0) return {};
  return next_hop;
}
std::optional<uint64_t> default_of(rte_fib6* fib) {
  uint64_t next_hop = 0;
  rte_rib6_node* node = rte_rib6_lookup_exact(rte_fib6_get_rib(fib), in(kZero6), 0);
  if (node == nullptr || rte_rib6_get_nh(node, &next_hop) != 0) return {};
  return next_hop;
}
void drop_default(rte_fib* fib) {
  __real_rte_fib_delete(fib, 0, 0);
}
void drop_default(rte_fib6* fib) {
  __real_rte_fib6_delete(fib, in(kZero6), 0);
}

// Deletes all routes but the default one: what a walk begins at is not among what comes next.
void empty(rte_fib* fib) {
  rte_rib* rib = rte_fib_get_rib(fib);
  while (rte_rib_node* node = rte_rib_get_nxt(rib, 0, 0, nullptr, RTE_RIB_GET_NXT_ALL)) {
    uint32_t address = 0;
    uint8_t length = 0;
    rte_rib_get_ip(node, &address);
    rte_rib_get_depth(node, &length);
    if (__real_rte_fib_delete(fib, address, length) != 0) break;
  }
}
void empty(rte_fib6* fib) {
  rte_rib6* rib = rte_fib6_get_rib(fib);
  while (rte_rib6_node* node =
             rte_rib6_get_nxt(rib, in(kZero6), 0, nullptr, RTE_RIB6_GET_NXT_ALL)) {
    Address6 address{};
    uint8_t length = 0;
    rte_rib6_get_ip(node, out(address));
    rte_rib6_get_depth(node, &length);
    if (__real_rte_fib6_delete(fib, in(address), length) != 0) break;
  }
}

template <class Fib>
class Cache {
 public:
  template <class Make>
  Fib* take(int routes, Make&& make) {
    for (auto& entry : entries_) {
      if (entry.used || entry.routes != routes) continue;
      entry.used = true;
      return entry.fib;
    }
    Fib* made = make();
    if (made != nullptr) entries_.push_back({made, routes, true});
    return made;
  }
  /// False if it is none of these.
  bool give_back(Fib* fib) {
    for (auto& entry : entries_) {
      if (entry.fib != fib) continue;
      empty(fib);
      if (!entry.left) entry.left = default_of(fib);
      entry.used = false;
      return true;
    }
    return false;
  }
  /// Whether a route that is now added is there already, left by an earlier gateway.
  bool has_default(Fib* fib, unsigned depth, uint64_t next_hop) {
    for (auto& entry : entries_) {
      if (entry.fib != fib || !entry.left) continue;
      const bool same = depth == 0 && entry.left == next_hop;
      if (!same) drop_default(fib);
      entry.left.reset();
      return same;
    }
    return false;
  }
  /// Takes away what an earlier gateway left.
  void forget_default(Fib* fib) { has_default(fib, 1, 0); }

 private:
  struct Entry {
    Fib* fib;
    int routes;
    bool used;
    std::optional<uint64_t> left = {};  // next hop of a default route that is nobody's
  };
  std::vector<Entry> entries_;
};
Cache<rte_fib> cache4;
Cache<rte_fib6> cache6;

}  // namespace

rte_fib* __wrap_rte_fib_create(const char* name, int socket, rte_fib_conf* conf) {
  return cache4.take(conf->max_routes, [&] { return __real_rte_fib_create(name, socket, conf); });
}
void __wrap_rte_fib_free(rte_fib* fib) {
  if (!cache4.give_back(fib)) __real_rte_fib_free(fib);
}
int __wrap_rte_fib_add(rte_fib* fib, uint32_t address, uint8_t depth, uint64_t next_hop) {
  if (cache4.has_default(fib, depth, next_hop)) return 0;
  return __real_rte_fib_add(fib, address, depth, next_hop);
}
int __wrap_rte_fib_delete(rte_fib* fib, uint32_t address, uint8_t depth) {
  cache4.forget_default(fib);
  return __real_rte_fib_delete(fib, address, depth);
}
int __wrap_rte_fib_lookup_bulk(rte_fib* fib, uint32_t* addresses, uint64_t* next_hops, int n) {
  cache4.forget_default(fib);
  return __real_rte_fib_lookup_bulk(fib, addresses, next_hops, n);
}

rte_fib6* __wrap_rte_fib6_create(const char* name, int socket, rte_fib6_conf* conf) {
  return cache6.take(conf->max_routes, [&] { return __real_rte_fib6_create(name, socket, conf); });
}
void __wrap_rte_fib6_free(rte_fib6* fib) {
  if (!cache6.give_back(fib)) __real_rte_fib6_free(fib);
}
int __wrap_rte_fib6_add(rte_fib6* fib, Octets6 address, uint8_t depth, uint64_t next_hop) {
  if (cache6.has_default(fib, depth, next_hop)) return 0;
  return __real_rte_fib6_add(fib, address, depth, next_hop);
}
int __wrap_rte_fib6_delete(rte_fib6* fib, Octets6 address, uint8_t depth) {
  cache6.forget_default(fib);
  return __real_rte_fib6_delete(fib, address, depth);
}
int __wrap_rte_fib6_lookup_bulk(rte_fib6* fib, Addresses6 addresses, uint64_t* next_hops, int n) {
  cache6.forget_default(fib);
  return __real_rte_fib6_lookup_bulk(fib, addresses, next_hops, n);
}
