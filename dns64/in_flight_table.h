// SPDX-License-Identifier: BSD-3-Clause
// What is in flight, by a running number; the memory of what has ended is used again.
//
// Theory of operation. Jobs and exchanges hold names of 256 octets and a few vectors, and live for
// one answer from upstream: making them anew costs a quarter of what a question costs. Here the
// nodes of the map that are taken out wait in a list, vectors and all, for the next number.
// `T::reset()` brings one back to its first state but for the room in its vectors. All by the
// thread of the DNS64.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace isthmus::dns64 {

template <class T>
class InFlightTable {
  using Map = std::unordered_map<uint64_t, T>;

 public:
  using Node = typename Map::node_type;

  /// A new one in its first state. `id` has not been used before.
  T& add(uint64_t id) {
    if (spare_.empty()) return map_[id];
    Node node = std::move(spare_.back());
    spare_.pop_back();
    node.key() = id;
    return map_.insert(std::move(node)).position->second;
  }
  /// Null: ended, or never was.
  T* find(uint64_t id) {
    const auto found = map_.find(id);
    return found == map_.end() ? nullptr : &found->second;
  }
  bool contains(uint64_t id) const { return map_.contains(id); }
  /// Ends what `id` stands for; it can be read until it is given back.
  Node take(uint64_t id) { return map_.extract(id); }
  void give_back(Node&& node) {
    if (spare_.size() >= kMaxSpare) return;
    node.mapped().reset();
    spare_.push_back(std::move(node));
  }

  std::size_t size() const { return map_.size(); }
  auto begin() { return map_.begin(); }
  auto end() { return map_.end(); }
  void clear() { map_.clear(); }

 private:
  static constexpr std::size_t kMaxSpare = 1024;

  Map map_;
  std::vector<Node> spare_;
};

}  // namespace isthmus::dns64
