// SPDX-License-Identifier: BSD-3-Clause
// Writing DNS messages into a buffer of the caller.
//
// Theory of operation. Names are compressed against a small dictionary of suffixes already written.
// It is a fixed array that stops taking names when it has served kMaxNames of them, so that a
// hostile answer cannot buy quadratic work (libraries with a tree of names need 15 ms for one
// message of 300 bytes). The spelling of names is kept: suffixes match only in equal case, except
// that a name equal to the question becomes a pointer to it, because the question carries the
// client's own spelling and the upstream's spelling is only our random one (0x20).
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "dns64/wire.h"

namespace isthmus::dns64 {

class Builder {
 public:
  explicit Builder(std::span<uint8_t> out) : out_(out) {}

  /// Header and question. Sections have to follow in order.
  void begin(const Question& question, uint16_t flags);

  /// A record whose data is given as it stands (no compression inside).
  bool add(Section section, const Name& owner, uint16_t type, uint32_t ttl, Bytes rdata);
  /// A record whose data is one name: CNAME, PTR, NS.
  bool add_name(Section section, const Name& owner, uint16_t type, uint32_t ttl,
                const Name& target);
  /// A record of another message, decompressed and compressed anew. False if its data is malformed
  /// or the buffer is full.
  bool copy(const Message& from, const Record& record);
  bool copy(const Message& from, const Record& record, uint32_t ttl);

  /// Buffer or counters ran over; nothing useful is in the buffer.
  bool overflow() const { return overflow_; }
  /// Offsets of the TTL fields written, given away.
  std::vector<uint16_t> take_ttl_offsets() { return std::move(ttl_offsets_); }
  uint32_t lowest_ttl() const { return lowest_ttl_; }
  /// Where the additional section starts.
  std::size_t additional_at() const { return additional_at_ == 0 ? size_ : additional_at_; }
  /// Fills in the counts.
  Bytes finish();
  /// Octets hashed and compared so far; tests bound what a message costs.
  uint64_t work() const { return work_; }

 private:
  static constexpr unsigned kSlots = 512;
  static constexpr unsigned kMaxNames = 384;

  struct Suffixes {
    unsigned count = 0;
    std::array<uint8_t, 128> start;
    std::array<uint32_t, 128> hash;
  };

  void put8(uint8_t v);
  void put16(uint16_t v);
  void put32(uint32_t v);
  void put_bytes(Bytes bytes);
  void put_name(const Name& name, bool compress);
  bool start_record(Section section, const Name& owner, uint16_t type, uint16_t klass,
                    uint32_t ttl);
  bool end_record();
  bool copy_rdata(const Message& from, const Record& record);

  Suffixes suffixes_of(const Name& name) const;
  /// Where a name was written, or 0.
  uint16_t find(uint32_t hash, Bytes suffix) const;
  void remember(uint32_t hash, std::size_t offset);
  bool written_at_equals(std::size_t at, Bytes name) const;

  std::span<uint8_t> out_;
  std::size_t size_ = 0;
  std::size_t length_at_ = 0;
  std::size_t additional_at_ = 0;
  std::array<uint16_t, 3> counts_{};
  bool overflow_ = false;
  uint32_t lowest_ttl_ = UINT32_MAX;
  unsigned names_ = 0;
  mutable uint64_t work_ = 0;
  Name question_;
  // The dictionary, open addressing. No name starts in the header: 0 is a free slot. Only these are
  // cleared, since clearing is what a builder costs.
  std::array<uint16_t, kSlots> offsets_{};
  std::array<uint32_t, kSlots> hashes_;
  std::vector<uint16_t> ttl_offsets_;
};

}  // namespace isthmus::dns64
