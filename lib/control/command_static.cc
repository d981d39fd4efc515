// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_static.h"

#include <fmt/format.h>

#include "control/json.h"

namespace isthmus::control {
namespace {

conf::StaticProtocol protocol_of(const nat::Filter& filter) {
  if (!filter.protocol) return conf::StaticProtocol::kAny;
  return *filter.protocol == 6    ? conf::StaticProtocol::kTcp
         : *filter.protocol == 17 ? conf::StaticProtocol::kUdp
                                  : conf::StaticProtocol::kIcmp;
}

std::string_view word_of(uint8_t protocol) {
  return protocol == 0 ? "any" : protocol == 6 ? "tcp" : protocol == 17 ? "udp" : "icmp";
}

Complaint usage_complaint(std::string error, const Request& request) {
  return {std::move(error), "usage: " + usage(*request.command)};
}

/// Whether outside address and port are there as the protocol demands.
std::optional<Complaint> check_outside(const Request& request) {
  const auto& filter = request.filter;
  if (!filter.outside || filter.outside->length != 32) {
    return usage_complaint("\"outside\" needs one pool address", request);
  }
  if (filter.protocol && !filter.outside_port) {
    return usage_complaint("\"outside\" needs a port, since there is a protocol", request);
  }
  if (!filter.protocol && filter.outside_port) {
    return usage_complaint("a port needs \"protocol tcp\", \"udp\" or \"icmp\"", request);
  }
  return std::nullopt;
}

std::string in_words(const nat::StaticBinding& b) {
  if (b.is_whole()) {
    return fmt::format("{} is {}", net::to_string(b.outside), net::to_string(b.inside));
  }
  return fmt::format("{} is {} port {}", nat::outside_text(b), net::to_string(b.inside),
                     b.inside_port.host());
}

nat::StaticBinding outside_of(const Request& request) {
  return {
      0,  request.filter.protocol.value_or(0), {},
      {}, request.filter.outside->address,     net::Be16(request.filter.outside_port.value_or(0))};
}

const nat::StaticEntry* find(const std::vector<nat::StaticEntry>& entries,
                             const nat::StaticBinding& outside) {
  for (const auto& entry : entries) {
    const auto& b = entry.binding;
    if (b.outside == outside.outside && b.outside_port == outside.outside_port &&
        b.protocol == outside.protocol) {
      return &entry;
    }
  }
  return nullptr;
}

}  // namespace

std::variant<conf::Static, Complaint> static_of(const Request& request) {
  if (auto complaint = check_outside(request)) return *complaint;
  if (!request.host) return usage_complaint("\"inside\" needs an IPv6 address", request);
  if (request.filter.protocol.has_value() != request.host_port.has_value()) {
    return usage_complaint(request.host_port ? "a port needs a protocol"
                                             : "\"inside\" needs a port, since there is a protocol",
                           request);
  }
  const bool icmp = request.filter.protocol == uint8_t{1};
  if (request.filter.protocol && !icmp &&
      (*request.host_port == 0 || *request.filter.outside_port == 0)) {
    return usage_complaint("port 0 is none", request);
  }
  return conf::Static{protocol_of(request.filter), *request.host, request.host_port.value_or(0),
                      request.filter.outside->address, request.filter.outside_port.value_or(0)};
}

Answer add_static(Backend& backend, const Request& request) {
  const auto parsed = static_of(request);
  if (const auto* complaint = std::get_if<Complaint>(&parsed)) return {{}, {}, *complaint};
  const auto status = backend.add_static(std::get<conf::Static>(parsed), request.persist);
  if (!status) return failure(status.error().text, "nothing was changed");
  const auto entries = backend.dataplane().statics();
  const auto* entry = find(entries, outside_of(request));
  return answer({{"added", entry == nullptr ? std::string() : in_words(entry->binding)}});
}

Answer remove_static(Backend& backend, const Request& request) {
  if (auto complaint = check_outside(request)) return {{}, {}, *complaint};
  const auto outside = outside_of(request);
  const auto entries = backend.dataplane().statics();
  const auto* entry = find(entries, outside);
  if (entry == nullptr) {
    return failure(nat::outside_text(outside) + " has no static binding",
                   "\"show bindings static\" lists them");
  }
  if (entry->configured) {
    return failure(nat::outside_text(outside) + " is bound by the configuration file",
                   "remove it there, then \"reload\"");
  }
  const auto status = backend.remove_static(outside);
  if (!status) return failure(status.error().text, "try again");
  return answer({{"removed", in_words(entry->binding)}});
}

Answer show_statics(Backend& backend, const Request& request) {
  const auto config = backend.config();
  const auto& filter = request.filter;
  Answer out;
  uint64_t left = request.limit.value_or(UINT64_MAX);
  for (const auto& entry : backend.dataplane().statics()) {
    const auto& b = entry.binding;
    if ((filter.inside && !filter.inside->contains(b.inside)) ||
        (filter.outside && !filter.outside->contains(b.outside)) ||
        (filter.outside_port && *filter.outside_port != b.outside_port.host()) ||
        (filter.protocol && *filter.protocol != b.protocol)) {
      continue;
    }
    if (left-- == 0) break;
    const bool whole = b.is_whole();
    out.text +=
        to_line({{"protocol", word_of(b.protocol)},
                 {"inside", net::to_string(b.inside)},
                 {"inside_port", whole ? Json() : Json(b.inside_port.host())},
                 {"outside", net::to_string(b.outside)},
                 {"outside_port", whole ? Json() : Json(b.outside_port.host())},
                 {"nat64", b.instance < config->nat64.size() ? config->nat64[b.instance].name : ""},
                 {"origin", entry.configured   ? "file"
                            : entry.persistent ? "command, persistent"
                                               : "command"}});
  }
  return out;
}

}  // namespace isthmus::control
