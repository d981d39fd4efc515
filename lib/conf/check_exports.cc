// SPDX-License-Identifier: BSD-3-Clause
// Exporters of NAT events: what no single option shows, and what they want of the workers.
#include <algorithm>
#include <set>

#include "conf/check.h"

namespace isthmus::conf {
namespace {

bool has(const std::vector<EventFamily>& families, EventFamily family) {
  return std::find(families.begin(), families.end(), family) != families.end();
}

// RFC 8158 4.6.1: "when the destination information is suppressed, the session log event contains
// the same information as the BIB event. In such cases, the NAT device SHOULD NOT send both".
Checked check_choice(const ExportChoice& choice, const std::string& path) {
  if (choice.destinations || !has(choice.events, EventFamily::kSessions) ||
      !has(choice.events, EventFamily::kBindings)) {
    return std::nullopt;
  }
  return Problem{path + ".events", 0, "sessions and bindings",
                 "one of them: without destinations both say the same (RFC 8158 4.6.1)"};
}

Checked check_once(std::set<std::string>& seen, const std::string& value, const std::string& path) {
  if (seen.insert(value).second) return std::nullopt;
  return Problem{path, 0, value, "one that no exporter before has"};
}

Checked check_collector(const Address& address, uint16_t port, std::set<std::string>& seen,
                        const std::string& path) {
  const auto text = TextCodec<Address>::print(address);
  if (text == "0.0.0.0" || text == "::") {
    return Problem{path + ".collector", 0, text, "the address of a collector"};
  }
  return check_once(seen, fmt::format("{} port {}", text, port), path + ".collector");
}

bool lends_ports(const Config& config) {
  for (const auto& nat64 : config.nat64) {
    for (const auto& pool : nat64.pools) {
      if (pool.allocation == Allocation::kDynamic) return true;
    }
  }
  return false;
}

void add_families(const ExportChoice& choice, const Config& config, std::set<EventFamily>& out) {
  out.insert(choice.events.begin(), choice.events.end());
  if (!choice.events.empty()) return;
  for (int i = 0; i <= static_cast<int>(EventFamily::kLast); ++i) {
    const auto family = static_cast<EventFamily>(i);
    if (family == EventFamily::kSessions) continue;
    if (family != EventFamily::kBindings || lends_ports(config)) out.insert(family);
  }
}

}  // namespace

Checked check_exports(const Config& config, const Lines&) {
  std::set<std::string> ipfix, syslog, files;
  for (std::size_t i = 0; i < config.exports.ipfix.size(); ++i) {
    const auto& one = config.exports.ipfix[i];
    const auto path = fmt::format("export.ipfix[{}]", i);
    if (auto problem = check_collector(one.collector, one.port, ipfix, path)) return problem;
    if (auto problem = check_choice(one.choice, path)) return problem;
  }
  for (std::size_t i = 0; i < config.exports.syslog.size(); ++i) {
    const auto& one = config.exports.syslog[i];
    const auto path = fmt::format("export.syslog[{}]", i);
    if (auto problem = check_collector(one.collector, one.port, syslog, path)) return problem;
    if (auto problem = check_choice(one.choice, path)) return problem;
  }
  for (std::size_t i = 0; i < config.exports.files.size(); ++i) {
    const auto& one = config.exports.files[i];
    const auto path = fmt::format("export.files[{}]", i);
    if (!one.path.starts_with('/')) {
      return Problem{path + ".path", 0, '"' + one.path + '"', "a path that begins with \"/\""};
    }
    if (auto problem = check_once(files, one.path, path + ".path")) return problem;
    if (auto problem = check_choice(one.choice, path)) return problem;
  }
  return std::nullopt;
}

std::vector<EventFamily> exported_families(const Config& config) {
  std::set<EventFamily> out;
  for (const auto& one : config.exports.ipfix) add_families(one.choice, config, out);
  for (const auto& one : config.exports.syslog) add_families(one.choice, config, out);
  for (const auto& one : config.exports.files) add_families(one.choice, config, out);
  return {out.begin(), out.end()};
}

}  // namespace isthmus::conf
