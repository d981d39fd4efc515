// SPDX-License-Identifier: BSD-3-Clause
#include "conf/load.h"

#include <algorithm>

#include "conf/eam_file.h"
#include "conf/option.h"
#include "conf/read_file.h"

namespace isthmus::conf {
namespace {

constexpr std::size_t kMaxConfiguration = 4 << 20;

/// Pools sorted, as users of Config may rely on. After the checks, which speak of the file's order.
void normalize(Config& config) {
  for (auto& nat64 : config.nat64) {
    for (auto& pool : nat64.pools) {
      std::sort(pool.ranges.begin(), pool.ranges.end(),
                [](const AddressRange& a, const AddressRange& b) { return a.first < b.first; });
    }
  }
}

}  // namespace

Result<std::shared_ptr<const Config>> load_text(std::string_view text, const std::string& name) {
  const auto root = parse_tree(text, name);
  if (!root) return root.error();
  auto config = std::make_shared<Config>();
  Lines lines;
  if (const auto problem = read_config(*root, *config, lines)) return to_error(name, *problem);
  if (const auto problem = check_config(*config, lines)) return to_error(name, *problem);
  if (const auto loaded = load_mappings(name, lines, *config); !loaded) return loaded.error();
  normalize(*config);
  config->file = name;
  config->text = text;
  return std::shared_ptr<const Config>(std::move(config));
}

Result<std::shared_ptr<const Config>> read_text(std::string_view text, const std::string& name) {
  const auto root = parse_tree(text, name);
  if (!root) return root.error();
  auto config = std::make_shared<Config>();
  Lines lines;
  if (const auto problem = read_config(*root, *config, lines)) return to_error(name, *problem);
  normalize(*config);
  config->file = name;
  config->text = text;
  return std::shared_ptr<const Config>(std::move(config));
}

Result<std::shared_ptr<const Config>> load_file(const std::string& path) {
  const auto text =
      read_file(path, kMaxConfiguration, "a configuration file; isthmus.conf(5) describes it");
  if (!text) return text.error();
  return load_text(*text, path);
}

}  // namespace isthmus::conf
