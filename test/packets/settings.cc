// SPDX-License-Identifier: BSD-3-Clause
// The settings that rows, property tests and fuzz targets start from.
#include "net/addr.h"
#include "packets/fixture.h"

namespace isthmus::test {

nat::Settings stateful() {
  nat::Settings settings;
  nat::Instance instance;
  instance.name = "nat64";
  instance.prefixes.push_back(*net::Prefix6052::make(*net::parse_ip6_prefix(kPrefix)));
  nat::Pool pool;
  pool.name = "pool";
  pool.ranges.push_back({*net::parse_ip4("203.0.113.0"), *net::parse_ip4("203.0.113.7")});
  instance.pools.push_back(pool);
  settings.instances.push_back(instance);
  settings.max_sessions = 4096;
  settings.max_bindings = 4096;
  settings.max_subscribers = 256;
  return settings;
}

nat::Settings one_address() {
  auto settings = stateful();
  auto& pool = settings.instances[0].pools[0];
  pool.ranges[0] = {*net::parse_ip4("203.0.113.1"), *net::parse_ip4("203.0.113.1")};
  pool.ports = {1, 65535};
  return settings;
}

nat::Settings with_prefix(nat::Settings settings, const char* prefix) {
  settings.instances[0].prefixes[0] = *net::Prefix6052::make(*net::parse_ip6_prefix(prefix));
  return settings;
}

nat::Settings stateless() {
  nat::Settings settings;
  xlat::Siit siit;
  siit.prefix = *net::Prefix6052::make(*net::parse_ip6_prefix("2001:db8:46::/96"));
  siit.inside4.push_back(*net::parse_ip4_prefix("192.0.2.0/24"));
  settings.stateless.push_back(siit);
  return settings;
}

xlat::Path path(uint16_t mtu6, uint16_t mtu4) {
  return {mtu4, mtu6, *net::parse_ip4("100.64.0.1"), *net::parse_ip6("2001:db8:ff::1")};
}

}  // namespace isthmus::test
