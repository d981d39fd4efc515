// SPDX-License-Identifier: BSD-3-Clause
// A small stateful gateway for fuzz targets that play sequences, and what must be true of it
// whatever comes: tables count what they hold, no pool address and port is lent twice, packets are
// counted once, what is sent is a packet, and when all has expired nothing is left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "packets/harness.h"

namespace isthmus::test {

/// The bytes of an input, one after the other; zeros when they are used up.
class Input {
 public:
  Input(const uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool empty() const { return size_ == 0; }
  uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  uint16_t word() {
    const uint8_t high = byte();
    return static_cast<uint16_t>(high << 8 | byte());
  }
  uint8_t below(uint8_t limit) { return byte() % limit; }
  Bytes bytes(std::size_t count) {
    const std::size_t n = count < size_ ? count : size_;
    Bytes out(data_, data_ + n);
    data_ += n;
    size_ -= n;
    return out;
  }

 private:
  const uint8_t* data_;
  std::size_t size_;
};

/// What every target that plays sequences does with an input: its first byte chooses the Player.
template <class Player>
int play(const uint8_t* data, std::size_t size) {
  if (size == 0 || size > 4096) return 0;
  Input in(data, size);
  Player player(in.byte());
  player.play(in);
  return 0;
}

/// Ends the program, saying what was wrong.
void require(bool condition, const char* what);

/// Makes the IPv4 header checksum and that of an ICMP message right, also of a quoted IPv4 header:
/// random input would never get past them.
void mend(Bytes& packet);

class Gateway {
 public:
  /// Settings with tables so small that they run full.
  static nat::Settings settings(uint8_t options);
  static unsigned workers(uint8_t options) { return 1u << (options & 3) % 3; }

  Gateway(const nat::Settings& settings, unsigned workers);

  /// A burst of at most a few packets; what comes out, checked to be packets.
  std::vector<Bytes> give(const std::vector<Bytes>& burst);
  std::vector<Bytes> pass(uint32_t milliseconds);
  void clear_sessions(const nat::Filter& filter);
  void clear_bindings(const nat::Filter& filter);
  void update(const nat::Settings& settings);
  /// False if the gateway says that it cannot.
  bool change_pools(const nat::Settings& settings);
  bool lease(const nat::LeaseWish& wish);
  void end_lease(const nat::LeaseWish& wish);
  Harness& harness() { return harness_; }

  std::vector<nat::BindingInfo> bindings();
  std::vector<nat::SessionInfo> sessions();

  /// What must be true at any time.
  void check();
  /// Lets everything expire; nothing may be left, and every packet must be accounted for.
  void finish();

 private:
  unsigned worker_of(const nat::LeaseWish& wish) const;
  void check_out(const Bytes& packet) const;
  void balance();

  nat::Settings settings_;
  Harness harness_;
  uint64_t given_ = 0;
  bool moved_statics_ = false;  ///< pools have changed while there were static bindings
  std::vector<nat::LeaseWish> leases_;
};

}  // namespace isthmus::test
