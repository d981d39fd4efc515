// SPDX-License-Identifier: BSD-3-Clause
// Where a translator's tables live: one anonymous mapping, in huge pages if the kernel has them.
//
// Theory of operation. Everything is taken at start and given back as a whole. Memory is zero and
// physically present only once it is touched: by use, so that a table sized for the peak costs what
// is used, or at start by touch(), so that no packet ever waits for the kernel to clear a page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace isthmus::nat {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  /// Maps `bytes`, in reserved huge pages if they are wanted and there are enough. False when the
  /// system does not have them.
  bool map(std::size_t bytes, bool reserved_pages = false);
  /// What map() takes from the system for `bytes`.
  static constexpr std::size_t mapped(std::size_t bytes) {
    return (bytes + kHugePage - 1) / kHugePage * kHugePage;
  }
  /// Makes all of it present.
  void touch();

  /// An array of `count` zeroed objects, aligned to a cache line. Objects are never destroyed, so
  /// they must be trivial. nullptr when the arena is used up.
  template <class T>
  T* take(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(take_bytes(count * sizeof(T)));
  }
  /// What take<T>(count) uses.
  template <class T>
  static constexpr std::size_t need(std::size_t count) {
    return (count * sizeof(T) + kAlign - 1) / kAlign * kAlign;
  }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;
  static constexpr std::size_t kAlign = 64;
  void* take_bytes(std::size_t bytes);

  std::byte* base_ = nullptr;
  std::size_t size_ = 0;
  std::size_t mapped_ = 0;
  std::size_t used_ = 0;
};

}  // namespace isthmus::nat
