// SPDX-License-Identifier: BSD-3-Clause
// Forwarding tables that are used again. A test program makes gateways by the hundred, and most of
// the time would go into filling and clearing 64 MiB of table for each. The linker sends calls of
// rte_fib_create() and the like here (meson.build); a table that is freed is emptied by its routes,
// and kept for the next one of the same size.
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_rib.h>
#include <rte_rib6.h>
#include <rte_version.h>

#include <vector>

extern "C" {
rte_fib* __real_rte_fib_create(const char* name, int socket, rte_fib_conf* conf);
void __real_rte_fib_free(rte_fib* fib);
rte_fib6* __real_rte_fib6_create(const char* name, int socket, rte_fib6_conf* conf);
void __real_rte_fib6_free(rte_fib6* fib);
rte_fib* __wrap_rte_fib_create(const char* name, int socket, rte_fib_conf* conf);
void __wrap_rte_fib_free(rte_fib* fib);
rte_fib6* __wrap_rte_fib6_create(const char* name, int socket, rte_fib6_conf* conf);
void __wrap_rte_fib6_free(rte_fib6* fib);
}

namespace {

#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
using Address6 = rte_ipv6_addr;
const Address6* in(const Address6& address) {
  return &address;
}
Address6* out(Address6& address) {
  return &address;
}
#else
struct Address6 {
  uint8_t a[16];
};
const uint8_t* in(const Address6& address) {
  return address.a;
}
uint8_t* out(Address6& address) {
  return address.a;
}
#endif

void empty(rte_fib* fib) {
  rte_rib* rib = rte_fib_get_rib(fib);
  while (rte_rib_node* node = rte_rib_get_nxt(rib, 0, 0, nullptr, RTE_RIB_GET_NXT_ALL)) {
    uint32_t address = 0;
    uint8_t length = 0;
    rte_rib_get_ip(node, &address);
    rte_rib_get_depth(node, &length);
    if (rte_fib_delete(fib, address, length) != 0) break;
  }
  // What it begins at is not among what comes next.
  rte_fib_delete(fib, 0, 0);
}

void empty(rte_fib6* fib) {
  rte_rib6* rib = rte_fib6_get_rib(fib);
  const Address6 zero{};
  while (rte_rib6_node* node = rte_rib6_get_nxt(rib, in(zero), 0, nullptr, RTE_RIB6_GET_NXT_ALL)) {
    Address6 address{};
    uint8_t length = 0;
    rte_rib6_get_ip(node, out(address));
    rte_rib6_get_depth(node, &length);
    if (rte_fib6_delete(fib, in(address), length) != 0) break;
  }
  rte_fib6_delete(fib, in(zero), 0);
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
      entry.used = false;
      return true;
    }
    return false;
  }

 private:
  struct Entry {
    Fib* fib;
    int routes;
    bool used;
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
rte_fib6* __wrap_rte_fib6_create(const char* name, int socket, rte_fib6_conf* conf) {
  return cache6.take(conf->max_routes, [&] { return __real_rte_fib6_create(name, socket, conf); });
}
void __wrap_rte_fib6_free(rte_fib6* fib) {
  if (!cache6.give_back(fib)) __real_rte_fib6_free(fib);
}
