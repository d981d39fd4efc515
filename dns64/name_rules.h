// SPDX-License-Identifier: BSD-3-Clause
// What the operator said about names: excluded from synthesis, always synthesised, blocked.
//
// Theory of operation. A hash table of names in lower case. Three kinds of entry: a name, what is
// below it, or both. A lookup tries the name and each of its suffixes, longest first, so a rule for
// a name beats one for the zone it is in, however many rules there are.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "dns64/name.h"

namespace isthmus::dns64 {

enum class NameAction : uint8_t {
  kExclude,  ///< no synthesis
  kForce,    ///< synthesis even where there are real AAAA records
  kBlock,    ///< NXDOMAIN
};

class NameRules {
 public:
  /// "www.example" is that name, "*.example" all below example, ".example" both. The last rule for
  /// a name counts.
  Status add(std::string_view text, NameAction action);
  /// A file's text: one name a line; "#" begins a comment. Lines of hosts format ("0.0.0.0 name")
  /// are taken too: blocklists come like that. The error names file, line, text.
  Status add_file(const std::string& file, std::string_view text, NameAction action);

  std::optional<NameAction> find(const Name& name) const;
  std::size_t size() const { return rules_.size(); }

 private:
  struct Rule {
    std::optional<NameAction> itself;
    std::optional<NameAction> below;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, Rule, Hash, std::equal_to<>> rules_;
};

}  // namespace isthmus::dns64
