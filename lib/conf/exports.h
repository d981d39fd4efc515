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

enum class ExportTransport : uint8_t { kTcp, kUdp };

/// What every kind of exporter can be told.
struct ExportChoice {
  /// Empty: port blocks; bindings of pools that lend single ports; statics; what was refused.
  std::vector<EventFamily> events;
  bool destinations = false;
  uint32_t queue = 65536;  ///< events that wait
};

/// A collector of IPFIX messages (RFC 7011, RFC 8158).
struct IpfixExport {
  std::variant<net::Ip4, net::Ip6> collector;
  uint16_t port = 4739;
  ExportTransport transport = ExportTransport::kTcp;
  uint32_t domain = 1;
  uint32_t template_interval = 60;  ///< seconds
  uint16_t packet_size = 512;       ///< RFC 7011 10.3.3: where the path's MTU is not known
  ExportChoice choice;
};

/// A receiver of syslog messages (RFC 5424).
struct SyslogExport {
  std::variant<net::Ip4, net::Ip6> collector;
  uint16_t port = 514;
  ExportTransport transport = ExportTransport::kUdp;
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

struct Config;
/// The families that any exporter wants of some pool: what workers have to report for them.
std::vector<EventFamily> exported_families(const Config& config);

}  // namespace isthmus::conf
