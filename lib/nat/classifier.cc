// SPDX-License-Identifier: BSD-3-Clause
#include "nat/classifier.h"

#include <algorithm>

namespace isthmus::nat {

Classifier::Classifier(const Settings& settings) {
  for (std::size_t i = 0; i < settings.instances.size(); ++i) {
    const auto instance = static_cast<uint8_t>(i);
    first_prefix_.push_back(static_cast<uint8_t>(stateful_.size()));
    for (const auto& prefix : settings.instances[i].prefixes) {
      const auto index = static_cast<uint8_t>(stateful_.size());
      prefixes_.push_back({prefix, {Class::kStateful, instance, index}});
      stateful_.push_back(prefix);
      instance_.push_back(instance);
    }
    for (const auto& pool : settings.instances[i].pools) {
      for (const auto* ranges : {&pool.ranges, &pool.closed}) {
        for (const auto& range : *ranges) {
          ranges_.push_back({range.first.host(),
                             range.last.host() - range.first.host(),
                             {Class::kStateful, instance, 0},
                             pool.ports.first,
                             pool.ports.last});
        }
      }
    }
  }
  for (std::size_t i = 0; i < settings.stateless.size(); ++i) {
    const Class cls{Class::kStateless, static_cast<uint8_t>(i), 0};
    prefixes_.push_back({settings.stateless[i].prefix, cls});
    for (const auto& inside : settings.stateless[i].inside4) {
      ranges_.push_back({inside.address.host(), static_cast<uint32_t>(inside.size() - 1), cls});
    }
  }
  for (const auto& range : ranges_) {
    for (uint32_t octet = range.first >> 24; octet <= (range.first + range.size) >> 24; ++octet) {
      octets_[octet >> 6] |= uint64_t{1} << (octet & 63);
    }
  }
  // Configured ones are disjoint. Were they not, a pool's would come first.
  if (ranges_.size() > kFew) {
    std::stable_sort(ranges_.begin(), ranges_.end(),
                     [](const RangeEntry& a, const RangeEntry& b) { return a.first < b.first; });
  }
  std::stable_sort(prefixes_.begin(), prefixes_.end(),
                   [](const PrefixEntry& a, const PrefixEntry& b) {
                     return a.prefix.prefix().length > b.prefix.prefix().length;
                   });
}

}  // namespace isthmus::nat
