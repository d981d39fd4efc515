// SPDX-License-Identifier: BSD-3-Clause
// One gateway and what may happen in it.
#pragma once

#include <memory>

#include "export/record.h"

namespace isthmus::exporter::test {

inline constexpr uint64_t kWhen = 0x0000019a01020304;  // milliseconds since 1970

/// Two instances: the second has two prefixes, pools of each kind, and the limits below.
inline std::shared_ptr<conf::Config> sample_config() {
  auto config = std::make_shared<conf::Config>();
  config->nat64.resize(2);
  config->nat64[0].name = "first";
  config->nat64[0].pools.resize(1);
  auto& second = config->nat64[1];
  second.name = "second";
  second.prefixes = {net::Prefix6052::well_known(),
                     *net::Prefix6052::make(*net::parse_ip6_prefix("2001:db8:64::/96"))};
  second.pools.resize(4);
  second.pools[1].allocation = conf::Allocation::kBlocks;
  second.pools[1].blocks_per_subscriber = 3;
  second.pools[2].allocation = conf::Allocation::kDeterministic;
  second.pools[3].drain = true;
  auto& limits = config->limits;
  limits.sessions = 0x10000;
  limits.bindings = 0x20000;
  limits.subscribers = 0x3000;
  limits.subscriber_sessions = 11;
  limits.subscriber_bindings = 12;
  limits.subscriber_tcp_bindings = 13;
  limits.subscriber_udp_bindings = 14;
  limits.subscriber_icmp_bindings = 15;
  limits.subscriber_sessions_per_second = 16;
  return config;
}

/// Of host 2001:db8:a::b port 5000, which has 203.0.113.7 port 40112, with 198.51.100.10 port 443.
inline Item sample_item(nat::EventKind kind) {
  Item item;
  item.unix_ms = kWhen;
  auto& event = item.event;
  event.kind = kind;
  event.protocol = 6;
  event.instance = 1;
  event.prefix = 2;  // the first instance has one
  event.inside = *net::parse_ip6("2001:db8:a::b");
  event.inside_port = net::Be16(5000);
  event.outside = *net::parse_ip4("203.0.113.7");
  event.outside_port = net::Be16(40112);
  event.outside_last = net::Be16(40623);
  event.remote = *net::parse_ip4("198.51.100.10");
  event.remote_port = net::Be16(443);
  event.subscriber_length = 64;
  return item;
}

}  // namespace isthmus::exporter::test
