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

bool is_text_of(std::string_view text, std::string_view letters) {
  return text.find_first_not_of(letters) == std::string_view::npos;
}

constexpr std::string_view kHexadecimal = "0123456789abcdefABCDEF";
constexpr std::string_view kNameLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

/// "sha-256:" and 32 octets (RFC 5425 4.2.2).
bool is_fingerprint(std::string_view text) {
  constexpr std::string_view kHash = "sha-256";
  if (!text.starts_with(kHash) || text.size() != kHash.size() + 3 * 32u) return false;
  for (text.remove_prefix(kHash.size()); !text.empty(); text.remove_prefix(3)) {
    if (text[0] != ':' || !is_text_of(text.substr(1, 2), kHexadecimal)) return false;
  }
  return true;
}

/// All of them as an operator knows them, in the order of the table.
std::vector<std::pair<std::string, std::string>> named(const ExportTls& tls) {
  return {{"tls_ca_file", tls.ca_file},
          {"tls_name", tls.name},
          {"tls_fingerprint", tls.fingerprint},
          {"tls_certificate_file", tls.certificate_file},
          {"tls_key_file", tls.key_file}};
}

Checked check_tls(const ExportTls& tls, ExportTransport transport, const std::string& path) {
  for (const auto& one : named(tls)) {
    const auto& option = one.first;  // clang 14: lambdas take no structured bindings
    const auto& value = one.second;
    if (value.empty()) continue;
    const auto problem = [&](const char* expected) {
      return Problem{path + "." + option, 0, '"' + value + '"', expected};
    };
    if (transport != ExportTransport::kTls) return problem("it with transport \"tls\" only");
    if (option.ends_with("file") && !value.starts_with('/')) {
      return problem("a path that begins with \"/\"");
    }
  }
  if (!is_text_of(tls.name, kNameLetters) || tls.name.starts_with('.')) {
    return Problem{path + ".tls_name", 0, '"' + tls.name + '"', "a domain name"};
  }
  if (!tls.fingerprint.empty() && !is_fingerprint(tls.fingerprint)) {
    return Problem{path + ".tls_fingerprint", 0, '"' + tls.fingerprint + '"',
                   "\"sha-256:\" and 32 octets in hexadecimal with colons"};
  }
  if (!tls.fingerprint.empty() && !(tls.ca_file.empty() && tls.name.empty())) {
    return Problem{path + ".tls_fingerprint", 0, "tls_ca_file or tls_name besides",
                   "one or the other: a fingerprint says it all"};
  }
  if (tls.certificate_file.empty() == tls.key_file.empty()) return std::nullopt;
  const auto missing = tls.key_file.empty() ? ".tls_key_file" : ".tls_certificate_file";
  return Problem{path + missing, 0, "nothing", "a file: certificate and key go together"};
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
    if (auto problem = check_collector(one.collector, port_of(one), ipfix, path)) return problem;
    if (auto problem = check_tls(one.tls, one.transport, path)) return problem;
    if (auto problem = check_choice(one.choice, path)) return problem;
  }
  for (std::size_t i = 0; i < config.exports.syslog.size(); ++i) {
    const auto& one = config.exports.syslog[i];
    const auto path = fmt::format("export.syslog[{}]", i);
    if (auto problem = check_collector(one.collector, port_of(one), syslog, path)) return problem;
    if (auto problem = check_tls(one.tls, one.transport, path)) return problem;
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
