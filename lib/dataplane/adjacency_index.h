// SPDX-License-Identifier: BSD-3-Clause
// Gives adjacencies their numbers and counts who uses them. Control core only.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "dataplane/forwarding.h"

namespace isthmus::dataplane {

/// The link-layer neighbor at an address; no address: "whoever the destination is".
struct AdjacencyKey {
  InterfaceId interface = 0;
  std::optional<Address> address;
  friend bool operator<(const AdjacencyKey& a, const AdjacencyKey& b) {
    return std::tie(a.interface, a.address) < std::tie(b.interface, b.address);
  }
};

class AdjacencyNumbers {
 public:
  struct Taken {
    AdjacencyIndex index;
    bool is_new;
  };
  /// One more user of `key`; nullopt when all numbers are taken.
  std::optional<Taken> take(const AdjacencyKey& key) {
    if (const auto at = numbers_.find(key); at != numbers_.end()) {
      ++at->second.users;
      return Taken{at->second.index, false};
    }
    AdjacencyIndex index;
    if (!free_.empty()) {
      index = free_.back();
      free_.pop_back();
    } else if (next_ < kMaxAdjacencies) {
      index = static_cast<AdjacencyIndex>(next_++);
    } else {
      return std::nullopt;
    }
    numbers_.emplace(key, Entry{index, 1});
    return Taken{index, true};
  }
  /// One user less.
  void release(const AdjacencyKey& key) {
    const auto at = numbers_.find(key);
    if (at == numbers_.end() || --at->second.users != 0) return;
    free_.push_back(at->second.index);
    numbers_.erase(at);
  }
  std::optional<AdjacencyIndex> find(const AdjacencyKey& key) const {
    const auto at = numbers_.find(key);
    if (at == numbers_.end()) return std::nullopt;
    return at->second.index;
  }

 private:
  struct Entry {
    AdjacencyIndex index;
    unsigned users;
  };
  std::map<AdjacencyKey, Entry> numbers_;
  std::vector<AdjacencyIndex> free_;
  unsigned next_ = kNoRoute + 1;
};

}  // namespace isthmus::dataplane
