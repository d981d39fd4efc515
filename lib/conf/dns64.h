// SPDX-License-Identifier: BSD-3-Clause
// The DNS64 part of the configuration.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "net/addr.h"
#include "net/rfc6052.h"

namespace isthmus::conf {

enum class DnsTransport : uint8_t { kUdp, kTcp, kTls };

/// A resolver to ask.
struct Endpoint {
  std::variant<net::Ip4, net::Ip6> address;
  uint16_t port = 53;
  DnsTransport transport = DnsTransport::kUdp;  ///< kUdp: and TCP where an answer was cut short
  std::string tls_name;  ///< that its certificate must hold; empty: its address
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// Which prefixes stand for a range of IPv4 addresses (RFC 6147 5).
struct DnsRange {
  net::Ip4Prefix ipv4;
  std::vector<net::Prefix6052> prefixes;  ///< empty: addresses of the range are not synthesised
};

enum class DnsSynthesis : uint8_t { kNormal, kNever, kAlways };
enum class DnsClientPolicy : uint8_t { kNormal, kNever, kAlways, kRefuse };
enum class DnsNameAction : uint8_t { kExclude, kForce, kBlock };
enum class DnsUpstreamChoice : uint8_t { kFastest, kOrder };

struct DnsClients {
  std::string name;
  std::vector<std::variant<net::Ip4Prefix, net::Ip6Prefix>> addresses;
  DnsClientPolicy policy = DnsClientPolicy::kNormal;
  std::vector<net::Prefix6052> prefixes;  ///< empty: those of everybody
};

struct DnsNames {
  std::string name;
  DnsNameAction action = DnsNameAction::kExclude;
  std::vector<std::string> names;
  std::string file;
};

/// A zone that is served here or has resolvers of its own.
struct DnsZone {
  std::string name = ".";
  std::vector<Endpoint> upstreams;
  std::string hosts;  ///< a file in hosts format
  std::string file;   ///< a master file
};

struct Dns64 {
  bool enabled = false;  ///< the file has a dns64 group
  std::vector<std::variant<net::Ip4, net::Ip6>>
      listen;  ///< service addresses, also on an interface
  std::vector<Endpoint> upstreams;
  std::string nat64;          ///< the instance whose prefixes are used for synthesis
  bool all_prefixes = false;  ///< of the instance; else the first one
  std::vector<DnsRange> ranges;
  /// AAAA records inside are treated as absent (RFC 6147 5.1.4, which names this default).
  std::vector<net::Ip6Prefix> exclude{
      {net::Ip6{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}}, 96}};
  DnsSynthesis synthesis = DnsSynthesis::kNormal;
  bool synthesise_on_error = true;
  bool parallel = true;
  std::vector<DnsClients> clients;
  std::vector<DnsNames> names;
  std::vector<DnsZone> zones;
  DnsUpstreamChoice upstream_choice = DnsUpstreamChoice::kFastest;
  uint32_t upstream_timeout_ms = 2000;
  uint32_t cache_entries = 65536;
  uint32_t serve_stale = 0;  ///< seconds
  bool prefetch = true;
  uint32_t max_in_flight = 10000;
  uint32_t client_in_flight = 500;
  uint32_t zone_in_flight = 5000;
  uint32_t rate_limit = 0;  ///< answers a second to one client
  std::string query_log;
  uint32_t query_log_every = 1;
  std::string dnstap;       ///< the socket of who collects
  std::string tls_ca_file;  ///< empty: whom the system trusts
};

}  // namespace isthmus::conf
