// SPDX-License-Identifier: BSD-3-Clause
// A domain name as on the wire, uncompressed, in a buffer of its own. Comparisons ignore the case
// of ASCII letters (RFC 4343); the case itself is kept, because clients check that their question
// comes back as they sent it.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "net/hash.h"
#include "net/result.h"

namespace isthmus::dns64 {

using Bytes = std::span<const uint8_t>;

constexpr uint8_t to_lower(uint8_t c) {
  return c >= 'A' && c <= 'Z' ? static_cast<uint8_t>(c | 0x20) : c;
}

/// Compares wire names byte by byte. Length octets are at most 63 and so never look like a letter.
bool equal_ignoring_case(Bytes a, Bytes b);

class Name {
 public:
  static constexpr std::size_t kMaxSize = 255;  ///< RFC 1035 2.3.4, length octets included
  static constexpr std::size_t kMaxLabel = 63;

  /// The root. What is behind it is not written: names are made and thrown away all the time.
  Name() { bytes_[0] = 0; }
  /// Only as far as the name reaches: nearly all of the buffer is empty nearly always, and its
  /// cache lines cost more than all else that is done with a name.
  Name(const Name& other) { copy(other); }
  Name& operator=(const Name& other) {
    copy(other);
    return *this;
  }
  /// A name from its text, for names that we write ourselves; escapes as in zone files.
  static Result<Name> from_text(std::string_view text);

  std::size_t size() const { return size_; }
  Bytes wire() const { return {bytes_.data(), size_}; }
  bool is_root() const { return size_ == 1; }
  /// Becomes the root; what the rest holds does not count.
  void clear() {
    size_ = 1;
    bytes_[0] = 0;
  }

  /// Adds a label in front of the root. False (and unchanged) when the name would become too long.
  bool append_label(Bytes label);
  bool append_label(std::string_view label);
  /// Adds all labels of `other`, a wire name.
  bool append(Bytes other);

  /// The name without its first `count` labels, as wire bytes inside this name.
  Bytes without_labels(unsigned count) const;
  unsigned labels() const;
  /// True for `zone` itself and everything below it.
  bool is_within(const Name& zone) const;
  /// Where the suffix that equals `zone` starts, or -1.
  int suffix_start(const Name& zone) const;

  void make_lower_case();
  /// Flips letters by `random_bits()` ("0x20"), one bit a letter.
  template <class Random>
  void randomise_case(Random&& random_bits) {
    uint64_t bits = 0;
    unsigned left = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      const uint8_t lower = to_lower(bytes_[i]);
      if (lower < 'a' || lower > 'z') continue;
      if (left == 0) {
        bits = random_bits();
        left = 64;
      }
      bytes_[i] = static_cast<uint8_t>(lower & ~((bits & 1) << 5));
      bits >>= 1;
      --left;
    }
  }

  friend bool operator==(const Name& a, const Name& b) {
    return equal_ignoring_case(a.wire(), b.wire());
  }

 private:
  void copy(const Name& other) {
    size_ = other.size_;
    // Sizes that the compiler knows, not one that it does not.
    if (size_ <= 32) {
      std::memmove(bytes_.data(), other.bytes_.data(), 32);
    } else if (size_ <= 64) {
      std::memmove(bytes_.data(), other.bytes_.data(), 64);
    } else {
      std::memmove(bytes_.data(), other.bytes_.data(), kMaxSize);
    }
  }

  uint8_t size_ = 1;
  std::array<uint8_t, kMaxSize> bytes_;
};

/// Keyed hash of a wire name, blind to case.
uint64_t hash_name(const net::HashKey& key, Bytes wire);

/// Text as in zone files, for logs and tests.
std::string to_string(const Name& name);

}  // namespace isthmus::dns64
