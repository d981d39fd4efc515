// SPDX-License-Identifier: BSD-3-Clause
// Finished answers by question.
//
// Theory of operation. A hash table of chains over a slab of entries, and one list in order of use.
// A new answer takes a free entry or that of the answer not used for longest; the sum of message
// sizes is bounded too, so that many large answers cannot take more memory than many small ones.
// An answer moves in the list once a second at most: moving touches four entries, and answers that
// are asked for more often than that are the last that would have to go anyway.
// The question is compared with the one inside the stored message, blind to case. The hash is keyed
// with a secret, so that nobody can aim at one chain. Time is passed in.
#pragma once

#include <cstdint>
#include <vector>

#include "dns64/answer.h"
#include "net/hash.h"

namespace isthmus::dns64 {

using TimeMs = uint64_t;

class Cache {
 public:
  /// DO and CD are part of the question: they change what the answer holds.
  struct Key {
    const Question& question;
    bool dnssec_ok;
    bool checking_disabled;
    uint8_t view = 0;  ///< of the client: whose policy made the answer; kRaw: what upstream said
  };
  static constexpr uint8_t kRaw = 0x80;  ///< added to the view
  struct Hit {
    const Answer* answer = nullptr;  ///< null: not there
    uint32_t age = 0;                ///< seconds since it was stored
    bool stale = false;              ///< past its time (RFC 8767)
    bool recently_failed = false;    ///< stale, and there was no getting a new one a moment ago
    uint32_t uses = 0;               ///< how often it was found
  };

  /// Keyed with the cache's secret.
  uint64_t hash_of(const Key& key) const;
  /// At most `capacity` answers; on average `kMeanBytes` each.
  Cache(uint32_t capacity, const net::HashKey& key);

  /// Stale answers are found for `stale_seconds` after their end.
  Hit find(const Key& key, TimeMs now);
  void keep_stale(uint32_t seconds) { stale_ms_ = TimeMs{seconds} * 1000; }
  /// There was no getting a new answer for `key`, if there is a stale one: not to be tried again
  /// before `again`.
  void failed(const Key& key, TimeMs again);
  /// Removes what is known of a name, whatever its type. Returns how many answers those were.
  unsigned remove_name(const Name& name);
  /// Calls `visit(answer, seconds left, uses)` for the `limit` answers used last.
  template <class Visit>
  void visit(std::size_t limit, TimeMs now, Visit&& visit) const {
    for (uint32_t i = newest_; i != kNone && limit > 0; i = entries_[i].older, --limit) {
      const Entry& entry = entries_[i];
      visit(entry.answer, static_cast<int64_t>(entry.expires - now) / 1000, entry.uses);
    }
  }
  /// Keeps `answer` for its own ttl. Returns how many others had to go.
  unsigned insert(const Key& key, Answer answer, TimeMs now);
  void clear();
  void resize(uint32_t capacity);

  std::size_t size() const { return used_; }
  std::size_t bytes() const { return bytes_; }

  static constexpr std::size_t kMeanBytes = 1024;
  static constexpr TimeMs kMoveAfter = 1000;
  /// RFC 8767 4 and RFC 2308 5 suggest limits of days and hours; one day for all.
  static constexpr uint32_t kMaxTtl = 86400;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Entry {
    Answer answer;
    uint64_t hash = 0;
    TimeMs stored = 0;
    TimeMs expires = 0;
    TimeMs moved = 0;  ///< to the front of the list
    uint32_t chain = kNone;
    uint32_t newer = kNone;
    uint32_t older = kNone;
    bool dnssec_ok = false;
    bool checking_disabled = false;
    uint8_t view = 0;
    uint32_t uses = 0;
    TimeMs again = 0;
  };

  bool matches(const Entry& entry, uint64_t hash, const Key& key) const;
  uint32_t lookup(uint64_t hash, const Key& key) const;
  uint32_t& bucket(uint64_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }
  void link_newest(uint32_t index);
  void unlink(uint32_t index);
  void remove(uint32_t index);
  static std::size_t cost(const Answer& answer);

  net::HashKey hash_key_;
  uint32_t capacity_ = 0;
  TimeMs stale_ms_ = 0;
  std::vector<uint32_t> buckets_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;
  uint32_t newest_ = kNone;
  uint32_t oldest_ = kNone;
  std::size_t used_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace isthmus::dns64
