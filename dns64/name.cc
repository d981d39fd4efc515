// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/name.h"

#include <algorithm>

namespace isthmus::dns64 {
namespace {

/// Lower-cases eight bytes at once: sets bit 5 of every byte that is 'A' to 'Z'.
uint64_t lower_word(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  const uint64_t seven_bits = word & (kOnes * 0x7f);
  const uint64_t from_a = seven_bits + kOnes * (0x80 - 'A');
  const uint64_t past_z = seven_bits + kOnes * (0x80 - 'Z' - 1);
  const uint64_t letters = (from_a & ~past_z & ~word) & (kOnes * 0x80);
  return word | letters >> 2;
}

template <class Word>
uint64_t load(const uint8_t* bytes) {
  Word word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

/// Up to eight bytes, without a call or a loop: what is left over is read twice.
uint64_t load_word(const uint8_t* bytes, std::size_t count) {
  if (count >= 8) return load<uint64_t>(bytes);
  if (count >= 4) {
    return load<uint32_t>(bytes) | load<uint32_t>(bytes + count - 4) << (8 * (count - 4));
  }
  if (count == 0) return 0;
  return bytes[0] | uint64_t{bytes[count / 2]} << (8 * (count / 2)) |
         uint64_t{bytes[count - 1]} << (8 * (count - 1));
}

}  // namespace

bool equal_ignoring_case(Bytes a, Bytes b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); i += 8) {
    const std::size_t left = a.size() - i;
    if (lower_word(load_word(&a[i], left)) != lower_word(load_word(&b[i], left))) return false;
  }
  return true;
}

bool Name::append_label(Bytes label) {
  if (label.empty() || label.size() > kMaxLabel || size_ + label.size() + 1 > kMaxSize) {
    return false;
  }
  bytes_[size_ - 1u] = static_cast<uint8_t>(label.size());
  std::memcpy(bytes_.data() + size_, label.data(), label.size());
  size_ = static_cast<uint8_t>(size_ + label.size() + 1);
  bytes_[size_ - 1u] = 0;
  return true;
}

bool Name::append_label(std::string_view label) {
  return append_label(Bytes(reinterpret_cast<const uint8_t*>(label.data()), label.size()));
}

bool Name::append(Bytes other) {
  if (size_ - 1u + other.size() > kMaxSize) return false;
  std::memcpy(bytes_.data() + size_ - 1, other.data(), other.size());
  size_ = static_cast<uint8_t>(size_ - 1u + other.size());
  return true;
}

Bytes Name::without_labels(unsigned count) const {
  std::size_t at = 0;
  while (count-- > 0 && bytes_[at] != 0) at += bytes_[at] + 1u;
  return wire().subspan(at);
}

unsigned Name::labels() const {
  unsigned count = 0;
  for (std::size_t at = 0; bytes_[at] != 0; at += bytes_[at] + 1u) ++count;
  return count;
}

int Name::suffix_start(const Name& zone) const {
  std::size_t at = 0;
  while (size_ - at > zone.size_) at += bytes_[at] + 1u;
  return equal_ignoring_case(wire().subspan(at), zone.wire()) ? static_cast<int>(at) : -1;
}

bool Name::is_within(const Name& zone) const {
  return size_ >= zone.size_ && suffix_start(zone) >= 0;
}

void Name::make_lower_case() {
  for (std::size_t i = 0; i < size_; ++i) bytes_[i] = to_lower(bytes_[i]);
}

uint64_t hash_name(const net::HashKey& key, Bytes wire) {
  uint64_t hash = wire.size();
  for (std::size_t i = 0; i < wire.size(); i += 16) {
    const std::size_t left = wire.size() - i;
    const uint64_t first = lower_word(load_word(&wire[i], left));
    const uint64_t second = left > 8 ? lower_word(load_word(&wire[i + 8], left - 8)) : 0;
    hash = net::hash_words(key, first, second, hash);
  }
  return hash;
}

}  // namespace isthmus::dns64
