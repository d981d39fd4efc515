// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/name_rules.h"

#include <vector>

#include "dns64/text_file.h"

namespace isthmus::dns64 {

Status NameRules::add(std::string_view text, NameAction action) {
  bool itself = true;
  bool below = false;
  if (text.starts_with("*.")) {
    itself = false;
    below = true;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.front() == '.') {
    below = true;
    text.remove_prefix(1);
  }
  Result<Name> name = Name::from_text(text);
  if (!name) return name.error();
  name->make_lower_case();
  const Bytes wire = name->wire();
  Rule& rule = rules_[std::string(wire.begin(), wire.end())];
  if (itself) rule.itself = action;
  if (below) rule.below = action;
  return Ok{};
}

Status NameRules::add_file(const std::string& file, std::string_view text, NameAction action) {
  TextFile lines(text);
  while (lines.next()) {
    const std::vector<std::string_view>& words = lines.words();
    const bool hosts = words.size() == 2 && (words[0].find(':') != std::string_view::npos ||
                                             net::parse_ip4(words[0]).has_value());
    if (words.size() != 1 && !hosts) {
      return lines.error(file,
                         "one name a line, like \"www.example\", \"*.example\" or "
                         "\".example\"");
    }
    if (Status status = add(words.back(), action); !status) {
      return lines.error(file, "a domain name: " + status.error().text);
    }
  }
  return Ok{};
}

std::optional<NameAction> NameRules::find(const Name& name) const {
  if (rules_.empty()) return std::nullopt;
  Name lower = name;
  lower.make_lower_case();
  const Bytes wire = lower.wire();
  const std::string_view text(reinterpret_cast<const char*>(wire.data()), wire.size());
  for (std::size_t at = 0; at < wire.size(); at += wire[at] + 1u) {
    const auto found = rules_.find(text.substr(at));
    if (found == rules_.end()) continue;
    const auto& action = at == 0 ? found->second.itself : found->second.below;
    if (action) return action;
  }
  return std::nullopt;
}

}  // namespace isthmus::dns64
