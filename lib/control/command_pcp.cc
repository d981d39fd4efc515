// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_pcp.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "control/json.h"
#include "control/log.h"

namespace isthmus::control {
namespace {

// A step looks at no more mappings than fit a millisecond.
constexpr std::size_t kRowsPerStep = 1024;

void print(const pcp::Mapping& mapping, double now, std::string& out) {
  const double left = std::max(0.0, mapping.expires - now);
  fmt::format_to(
      std::back_inserter(out),
      R"({{"protocol":"{}","inside":"{}","inside_port":{},"outside":"{}","outside_port":{},)"
      R"("expires_in_ms":{}}})"
      "\n",
      mapping.internal.protocol == 6 ? "tcp" : "udp", net::to_string(mapping.internal.address),
      mapping.internal.port, net::to_string(mapping.external.address), mapping.external.port,
      static_cast<uint64_t>(left * 1000));
}

// Mappings come and go between steps: the walk remembers where it is, not who was next.
struct LeaseWalk {
  Backend& backend;
  std::optional<net::Ip6Prefix> inside;
  uint64_t left;
  std::optional<pcp::Internal> last = {};

  Step step(std::string& out) {
    if (backend.pcp() == nullptr) return {};
    const auto& all = backend.pcp()->mappings();
    const double now = monotonic_seconds();
    auto at = last ? all.upper_bound(*last) : all.begin();
    for (std::size_t scanned = 0; at != all.end() && left != 0; ++at) {
      if (++scanned > kRowsPerStep) return {true, {}};
      last = at->first;
      if (inside && !inside->contains(at->first.address)) continue;
      print(at->second, now, out);
      --left;
    }
    return {};
  }
};

}  // namespace

Answer show_pcp(Backend& backend) {
  const auto* server = backend.pcp();
  if (server == nullptr) return answer({{"enabled", false}});
  Json listen = Json::array();
  for (const auto& address : backend.config()->pcp.listen)
    listen.push_back(net::to_string(address));
  const auto& figures = server->figures();
  return answer({{"enabled", true},
                 {"listen", std::move(listen)},
                 {"epoch_ms", uint64_t{server->epoch(monotonic_seconds())} * 1000},
                 {"mappings", server->mappings().size()},
                 {"requests", figures.requests},
                 {"answered", figures.answered},
                 {"refused", figures.refused},
                 {"ignored", figures.ignored},
                 {"expired", figures.expired}});
}

Answer show_mappings(Backend& backend, const Request& request) {
  return {{},
          [walk = LeaseWalk{backend, request.filter.inside, request.limit.value_or(UINT64_MAX)}](
              std::string& out) mutable { return walk.step(out); },
          {}};
}

}  // namespace isthmus::control
