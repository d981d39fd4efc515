// SPDX-License-Identifier: BSD-3-Clause
#include "conf/eam_file.h"

#include <fmt/format.h>
#include <algorithm>

#include "conf/check.h"
#include "conf/read_file.h"

namespace isthmus::conf {
namespace {

// A million of the longest lines; more is not a file of mappings.
constexpr std::size_t kMaxMappingFile = 64u << 20;
constexpr std::string_view kExpected =
    "an IPv6 and an IPv4 prefix like \"2001:db8:1::5 192.0.2.5\", no bit set beyond their length";

std::string_view next_word(std::string_view& line) {
  constexpr std::string_view kBlank = " \t\r";
  const auto begin = line.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  const auto end = std::min(line.find_first_of(kBlank, begin), line.size());
  const auto word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

// RFC 7757 3.2: a missing length means one address.
std::optional<net::Ip6Prefix> parse6(std::string_view word) {
  if (word.empty()) return std::nullopt;
  if (const auto one = net::parse_ip6(word)) return net::Ip6Prefix{*one, 128};
  return net::parse_ip6_prefix(word);
}
std::optional<net::Ip4Prefix> parse4(std::string_view word) {
  if (word.empty()) return std::nullopt;
  if (const auto one = net::parse_ip4(word)) return net::Ip4Prefix{*one, 32};
  return net::parse_ip4_prefix(word);
}

std::string print(const net::Eam& eam) {
  return quote(net::to_string(eam.six) + ' ' + net::to_string(eam.four));
}

/// A problem with a mapping, where it stands.
struct Fault {
  PlacedEam at;
  std::string found, expected;
};
using MaybeFault = std::optional<Fault>;

std::string place(const PlacedEam& eam) {
  return eam.path.empty() ? fmt::format("line {}", eam.line) : eam.path;
}

// One family's column: each prefix once (RFC 7757 5: "MAY refuse"); those that lie in others are
// counted ("MAY warn"). Sorted, a prefix comes right behind those that hold it.
template <auto Column>
MaybeFault check_column(std::vector<PlacedEam>& all, std::size_t& overlapping) {
  std::stable_sort(all.begin(), all.end(), [](const PlacedEam& a, const PlacedEam& b) {
    const auto& x = a.eam.*Column;
    const auto& y = b.eam.*Column;
    return x.address == y.address ? x.length < y.length : x.address < y.address;
  });
  std::vector<std::size_t> around;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& own = all[i].eam.*Column;
    if (i > 0 && all[i - 1].eam.*Column == own) {
      return Fault{all[i], quote(net::to_string(own)) + " again",
                   fmt::format("each prefix once ({} has it)", place(all[i - 1]))};
    }
    while (!around.empty() && !(all[around.back()].eam.*Column).contains(own)) around.pop_back();
    overlapping += !around.empty();
    around.push_back(i);
  }
  return std::nullopt;
}

struct PoolRange {
  AddressRange range;
  std::size_t instance, pool;
};

std::vector<PoolRange> pool_ranges(const Config& config) {
  std::vector<PoolRange> out;
  for (std::size_t i = 0; i < config.nat64.size(); ++i) {
    for (std::size_t j = 0; j < config.nat64[i].pools.size(); ++j) {
      for (const auto& range : config.nat64[i].pools[j].ranges) out.push_back({range, i, j});
    }
  }
  std::sort(out.begin(), out.end(),
            [](const PoolRange& a, const PoolRange& b) { return a.range.first < b.range.first; });
  return out;
}

// A pool's address is stateful, so a mapping of it could never be used. One that is wider than the
// pool is another matter: it has the rest.
MaybeFault check_pools_of(const Config& config, const std::vector<PlacedEam>& all) {
  const auto pools = pool_ranges(config);
  for (const auto& placed : all) {
    const auto& four = placed.eam.four;
    const uint64_t end = four.address.host() + four.size();
    auto it = std::partition_point(pools.begin(), pools.end(), [&](const PoolRange& pool) {
      return pool.range.last < four.address;
    });
    for (; it != pools.end() && it->range.first.host() < end; ++it) {
      const bool wider = four.contains(it->range.first) && four.contains(it->range.last) &&
                         four.size() > uint64_t{it->range.last.host()} - it->range.first.host() + 1;
      if (wider) continue;
      return Fault{
          placed, quote(net::to_string(four)),
          fmt::format("addresses that nat64[{}].pools[{}] does not have", it->instance, it->pool)};
    }
  }
  return std::nullopt;
}

MaybeFault check_mappings(const Config& config, std::vector<PlacedEam>& all,
                          std::size_t& overlapping) {
  for (const auto& placed : all) {
    if (placed.eam.fits()) continue;
    return Fault{placed, print(placed.eam),
                 fmt::format("an IPv6 suffix of at least as many bits as the IPv4 suffix (RFC 7757 "
                             "3.2): here at most /{}",
                             96 + placed.eam.four.length)};
  }
  if (auto fault = check_pools_of(config, all)) return fault;
  if (auto fault = check_column<&net::Eam::six>(all, overlapping)) return fault;
  return check_column<&net::Eam::four>(all, overlapping);
}

Status load_instance(const std::string& file, const Lines& lines, Config& config, std::size_t i) {
  auto& siit = config.siit[i];
  const auto path = fmt::format("siit[{}]", i);
  std::vector<PlacedEam> all;
  for (std::size_t k = 0; k < siit.eam.size(); ++k) {
    all.push_back({{siit.eam[k].ipv6, siit.eam[k].ipv4}, fmt::format("{}.eam[{}]", path, k), 0});
  }
  if (!siit.eam_file.empty()) {
    const auto option = path + ".eam_file";
    if (!siit.eam_file.starts_with('/')) {
      return to_error(
          file, {option, lines.of(option), quote(siit.eam_file), "a path that begins with \"/\""});
    }
    const auto text = read_file(siit.eam_file, kMaxMappingFile, "a file of address mappings");
    if (!text) return text.error();
    if (const auto problem = parse_eams(*text, all)) return to_error(siit.eam_file, *problem);
  }
  siit.overlapping = 0;
  if (const auto fault = check_mappings(config, all, siit.overlapping)) {
    const auto& at = fault->at;
    if (at.path.empty()) {
      return to_error(siit.eam_file, {"", at.line, fault->found, fault->expected});
    }
    return to_error(file, {at.path, lines.of(at.path), fault->found, fault->expected});
  }
  siit.mappings.reserve(all.size());
  for (const auto& placed : all) siit.mappings.push_back(placed.eam);
  return Ok{};
}

}  // namespace

Checked parse_eams(std::string_view text, std::vector<PlacedEam>& out) {
  for (int line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto whole = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    auto rest = whole.substr(0, whole.find('#'));
    const auto one = next_word(rest);
    if (one.empty()) continue;
    const auto two = next_word(rest);
    const bool six_first = one.find(':') != std::string_view::npos;
    const auto six = parse6(six_first ? one : two);
    const auto four = parse4(six_first ? two : one);
    if (!six || !four || !next_word(rest).empty()) {
      return Problem{"", line, quote(whole), std::string(kExpected)};
    }
    out.push_back({{*six, *four}, "", line});
    if (out.size() > kMaxMappings) {
      return Problem{"", line, fmt::format("more than {} mappings", kMaxMappings),
                     "fewer; wider prefixes hold many addresses"};
    }
  }
  return std::nullopt;
}

Status load_mappings(const std::string& file, const Lines& lines, Config& config) {
  std::size_t total = 0;
  for (std::size_t i = 0; i < config.siit.size(); ++i) {
    if (auto loaded = load_instance(file, lines, config, i); !loaded) return loaded;
    const auto& siit = config.siit[i];
    total += siit.mappings.size();
    const auto path = fmt::format("siit[{}]", i);
    if (total > kMaxMappings) {
      return to_error(file, {path, lines.of(path), fmt::format("{} mappings so far", total),
                             fmt::format("at most {} in all instances", kMaxMappings)});
    }
    if (siit.inside4.empty() && siit.mappings.empty()) {
      return to_error(file, {path, lines.of(path), "neither inside4 nor mappings",
                             "IPv4 addresses to translate: inside4, eam or eam_file"});
    }
  }
  return Ok{};
}

}  // namespace isthmus::conf
