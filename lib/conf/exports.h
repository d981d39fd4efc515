// SPDX-License-Identifier: BSD-3-Clause
// The part of the configuration about who is told of NAT events.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "net/addr.h"

namespace isthmus::conf {

/// Families of NAT events (RFC 8158 4.3). kLast is the last one.
enum class EventFamily : uint8_t {
  kSessions,
  kBindings,
  kPortBlocks,
  kStatics,
  kExhaustion,
  kQuotas,
  kLast = kQuotas
};

enum class ExportTransport : uint8_t { kTcp, kUdp, kTls };

/// What every kind of exporter can be told.
struct ExportChoice {
  /// Empty: port blocks; bindings of pools that lend single ports; statics; what was refused.
  std::vector<EventFamily> events;
  bool destinations = false;
  uint32_t queue = 65536;  ///< events that wait
};

/// With transport "tls": who the collector has to be, and who we are.
struct ExportTls {
  std::string ca_file;      ///< empty: whom the system trusts
  std::string name;         ///< that its certificate must hold; empty: its address
  std::string fingerprint;  ///< of its certificate; not empty: nothing else counts
  std::string certificate_file, key_file;
};

/// A collector of IPFIX messages (RFC 7011, RFC 8158).
struct IpfixExport {
  std::variant<net::Ip4, net::Ip6> collector;
  uint16_t port = 0;  ///< 0: as port_of() says
  ExportTransport transport = ExportTransport::kTcp;
  ExportTls tls;
  uint32_t domain = 1;
  uint32_t template_interval = 60;  ///< seconds
  uint16_t packet_size = 512;       ///< RFC 7011 10.3.3: where the path's MTU is not known
  ExportChoice choice;
};

/// A receiver of syslog messages (RFC 5424).
struct SyslogExport {
  std::variant<net::Ip4, net::Ip6> collector;
  uint16_t port = 0;  ///< 0: as port_of() says
  ExportTransport transport = ExportTransport::kUdp;
  ExportTls tls;
  uint8_t facility = 16;  ///< local0
  ExportChoice choice;
};

/// A file of syslog messages, one a line.
struct FileExport {
  std::string path;
  uint8_t facility = 16;
  ExportChoice choice;
};

struct Exports {
  std::vector<IpfixExport> ipfix;
  std::vector<SyslogExport> syslog;
  std::vector<FileExport> files;
};

/// The port in force (RFC 7011 10.3.4, RFC 5426 3.3, RFC 5425 4.1).
inline uint16_t port_of(const IpfixExport& one) {
  if (one.port != 0) return one.port;
  return one.transport == ExportTransport::kTls ? 4740 : 4739;
}
inline uint16_t port_of(const SyslogExport& one) {
  if (one.port != 0) return one.port;
  return one.transport == ExportTransport::kTls ? 6514 : 514;
}

struct Config;
/// The families that any exporter wants of some pool: what workers have to report for them.
std::vector<EventFamily> exported_families(const Config& config);

}  // namespace isthmus::conf
