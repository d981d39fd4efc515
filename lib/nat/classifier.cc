// SPDX-License-Identifier: BSD-3-Clause
#include "nat/classifier.h"

#include <algorithm>

#include "net/headers.h"
#include "xlat/icmp_error.h"

namespace isthmus::nat {

Classifier::Classifier(const Settings& settings) {
  for (std::size_t i = 0; i < settings.instances.size(); ++i) {
    const auto instance = static_cast<uint8_t>(i);
    first_prefix_.push_back(static_cast<uint8_t>(stateful_.size()));
    for (const auto& prefix : settings.instances[i].prefixes) {
      const auto index = static_cast<uint8_t>(stateful_.size());
      prefixes_.push_back({prefix, {Class::kStateful, instance, index}, nullptr});
      stateful_.push_back(prefix);
      instance_.push_back(instance);
    }
    mapped_.push_back(false);
    for (const auto& pool : settings.instances[i].pools) {
      if (pool.allocation == Allocation::kDeterministic) mapped_.back() = true;
      for (const auto* ranges : {&pool.ranges, &pool.closed}) {
        for (const auto& range : *ranges) {
          pools_.push_back({range.first.host(),
                            range.last.host() - range.first.host(),
                            {Class::kStateful, instance, 0},
                            pool.ports.first,
                            pool.ports.last});
          mark_octets(range.first.host(), range.last.host());
        }
      }
    }
  }
  share_prefixes(settings);
  for (std::size_t i = 0; i < settings.stateless.size(); ++i) {
    const Class cls{Class::kStateless, static_cast<uint8_t>(i), 0};
    prefixes_.push_back({settings.stateless[i].prefix, cls, nullptr});
    for (const auto& inside : settings.stateless[i].inside4) {
      insides_.push_back({inside, cls});
      mark_octets(inside.address.host(), inside.address.host() | ~inside.mask());
    }
  }
  std::sort(pools_.begin(), pools_.end(),
            [](const PoolRange& a, const PoolRange& b) { return a.first < b.first; });
  std::stable_sort(
      insides_.begin(), insides_.end(),
      [](const InsideRange& a, const InsideRange& b) { return a.prefix.length > b.prefix.length; });
  std::stable_sort(prefixes_.begin(), prefixes_.end(),
                   [](const PrefixEntry& a, const PrefixEntry& b) {
                     return a.prefix.prefix().length > b.prefix.prefix().length;
                   });
  update(settings);
}

void Classifier::mark_octets(uint32_t first, uint32_t last) {
  for (uint32_t octet = first >> 24; octet <= last >> 24; ++octet) {
    range_octets_[octet >> 6] |= uint64_t{1} << (octet & 63);
  }
}

// Entries of the same stateful prefix become one, whose table of sources names the instances. One
// without `sources` serves whoever is left.
void Classifier::share_prefixes(const Settings& settings) {
  std::vector<PrefixEntry> shared;
  for (const auto& entry : prefixes_) {
    const auto seen = [&](const PrefixEntry& other) { return other.prefix == entry.prefix; };
    if (std::any_of(shared.begin(), shared.end(), seen)) continue;
    std::vector<Sources::Entry> sources;
    bool limited = false;
    for (const auto& other : prefixes_) {
      if (!(other.prefix == entry.prefix)) continue;
      const auto& allowed = settings.instances[other.cls.instance].sources;
      limited |= !allowed.empty();
      if (allowed.empty()) sources.push_back({{}, 0, true, other.cls});
      for (const auto& source : allowed) {
        sources.push_back({source.address, source.length, true, other.cls});
      }
    }
    shared.push_back(entry);
    if (limited) shared.back().sources = std::make_shared<const Sources>(sources);
  }
  prefixes_ = std::move(shared);
}

void Classifier::update(const Settings& settings) {
  eams_.clear();
  eam_in_prefix_ = false;
  std::copy_n(range_octets_, 4, octets_);
  portless_.clear();
  for (const auto& instance : settings.instances) portless_.push_back(instance.portless);
  for (std::size_t i = 0; i < settings.stateless.size(); ++i) {
    const auto& siit = settings.stateless[i];
    if (siit.eam == nullptr) continue;
    eams_.push_back({siit.eam, static_cast<uint8_t>(i)});
    eam_in_prefix_ |= siit.eam_in_prefix;
    for (unsigned word = 0; word < 4; ++word) octets_[word] |= siit.eam->octets()[word];
  }
}

Classifier::Usual Classifier::usual() const {
  Usual out;
  if (!pools_.empty()) {
    out.first = pools_.front().first;
    out.count = uint64_t{pools_.front().size} + 1;
  }
  out.hosts = usual_hosts();
  // The first is the longest, unless a mapping is longer.
  if (prefixes_.empty() || eam_in_prefix_) return out;
  const auto& entry = prefixes_.front();
  const auto& prefix = entry.prefix.prefix();
  if (entry.cls.kind == Class::kStateful && entry.sources == nullptr && prefix.length == 96) {
    out.prefix96 = net::Pattern::begins(prefix.address.bytes, 12);
    out.prefix = entry.cls.prefix;
  }
  for (const auto& other : prefixes_) {
    const auto& address = other.prefix.prefix().address;
    if (other.cls.kind != Class::kStateless || other.prefix.prefix().length != 96 ||
        address.bytes[0] == 0xff || find_prefix(address) != &other) {
      continue;
    }
    out.stateless = {net::Pattern::begins(address.bytes, 12), other.cls.instance};
    break;
  }
  return out;
}

// The largest range of stateless hosts in which nobody else has a say.
Classifier::Usual::Hosts Classifier::usual_hosts() const {
  if (!eams_.empty()) return {};
  for (auto at = insides_.rbegin(); at != insides_.rend(); ++at) {
    const uint32_t first = at->prefix.address.host(), last = first | ~at->prefix.mask();
    const auto has_pool = [&](const PoolRange& pool) {
      return pool.first <= last && first <= pool.first + pool.size;
    };
    const auto has_others = [&](const InsideRange& other) {
      return at->prefix.contains(other.prefix.address) && other.cls.instance != at->cls.instance;
    };
    // Multicast and class E are nobody's.
    if (last >= 0xe0000000 || std::any_of(pools_.begin(), pools_.end(), has_pool) ||
        std::any_of(insides_.begin(), insides_.end(), has_others)) {
      continue;
    }
    return {first, uint64_t{last - first} + 1, at->cls.instance};
  }
  return {};
}

Class Classifier::by_source(const PrefixEntry& entry, const net::Ip6& host) {
  const auto* found = entry.sources->find(host);
  return found == nullptr ? Class{Class::kUnserved, 0, 0} : found->value;
}

const net::Ip6& Classifier::host_of(const net::PacketBuf& packet, const net::PacketView& view) {
  if (view.payload == net::Payload::kIcmpError && !view.is_fragment()) {
    const uint32_t quote = view.l4_offset + static_cast<uint32_t>(sizeof(net::IcmpHeader));
    if (packet.length >= quote + sizeof(net::Ip6Header)) {
      return net::header_at<net::Ip6Header>(packet.data + quote)->destination;
    }
  }
  return net::header_at<net::Ip6Header>(packet.data)->source;
}

Class Classifier::with_eams(const PrefixEntry* found, const net::Ip6& destination,
                            const net::Ip6& host) const {
  int longest = found == nullptr ? -1 : found->prefix.prefix().length;
  Class cls;
  for (const auto& eam : eams_) {
    const int length = eam.table->length6(destination);
    if (length <= longest) continue;
    longest = length;
    cls = {Class::kStateless, eam.instance, 0};
  }
  return cls.kind != Class::kNone || found == nullptr ? cls : class_of(*found, host);
}

Class Classifier::longest_eam(net::Ip4 destination, int length, Class otherwise) const {
  for (const auto& eam : eams_) {
    const int found = eam.table->length4(destination);
    if (found <= length) continue;
    length = found;
    otherwise = {Class::kStateless, eam.instance, 0};
  }
  return otherwise;
}

}  // namespace isthmus::nat
