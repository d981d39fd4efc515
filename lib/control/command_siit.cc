// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_siit.h"

#include <iterator>

#include <fmt/format.h>

#include "conf/codec.h"
#include "control/json.h"

namespace isthmus::control {
namespace {

// A step prints at most so many lines, and looks at no more mappings than fit a millisecond.
constexpr std::size_t kLinesPerStep = 128;
constexpr std::size_t kMappingsPerStep = 16384;

template <class T>
Json list_of(const std::vector<T>& values) {
  Json list = Json::array();
  for (const auto& value : values) list.push_back(conf::TextCodec<T>::print(value));
  return list;
}

/// Whether two prefixes have addresses in common.
template <class Prefix>
bool meet(const std::optional<Prefix>& filter, const Prefix& prefix) {
  return !filter || filter->contains(prefix) || prefix.contains(*filter);
}

// A walk through all instances' mappings. It holds on to the configuration that it began with, so a
// reload meanwhile does not tear it.
struct MappingWalk {
  std::shared_ptr<const conf::Config> config;
  std::optional<net::Ip6Prefix> inside;
  std::optional<net::Ip4Prefix> outside;
  uint64_t left;
  std::size_t instance = 0, at = 0;

  Step step(std::string& out) {
    std::size_t lines = 0;
    for (std::size_t scanned = 0; scanned < kMappingsPerStep; ++scanned) {
      while (instance < config->siit.size() && at == config->siit[instance].mappings.size()) {
        ++instance;
        at = 0;
      }
      if (instance == config->siit.size() || left == 0) return {};
      const auto& siit = config->siit[instance];
      const auto& eam = siit.mappings[at++];
      if (!meet(inside, eam.six) || !meet(outside, eam.four)) continue;
      fmt::format_to(std::back_inserter(out),
                     R"({{"inside":"{}","outside":"{}","siit":"{}"}})"
                     "\n",
                     net::to_string(eam.six), net::to_string(eam.four), siit.name);
      --left;
      if (++lines == kLinesPerStep) break;
    }
    return {true, {}};
  }
};

}  // namespace

Answer show_siit(Backend& backend) {
  const auto config = backend.config();
  Json list = Json::array();
  for (const auto& siit : config->siit) {
    list.push_back({{"siit", siit.name},
                    {"prefix", net::to_string(siit.prefix.prefix())},
                    {"inside4", list_of(siit.inside4)},
                    {"mappings", siit.mappings.size()},
                    {"overlapping", siit.overlapping},
                    {"eam_file", siit.eam_file},
                    {"hairpinning",
                     conf::kWords<conf::Hairpinning>[static_cast<std::size_t>(siit.hairpinning)]},
                    {"icmp_source_pool", list_of(siit.icmp_source_pool)}});
  }
  return answer({{"siit", std::move(list)}});
}

Answer show_eam(Backend& backend, const Request& request) {
  return {{},
          [walk = MappingWalk{backend.config(), request.filter.inside, request.filter.remote,
                              request.limit.value_or(UINT64_MAX)}](std::string& out) mutable {
            return walk.step(out);
          },
          {}};
}

}  // namespace isthmus::control
