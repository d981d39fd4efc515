// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Fetches what sessions leave behind, while those before them end.
//
// Theory of operation. A session that ends touches some ten lines that nobody has looked at for its
// lifetime: its own, its binding's, four of indexes. Which ones is known step by step. So three
// records are named ahead of the one that ends: the line of the first is sent for, the second's is
// there and leads to the indexes and the binding, the third's binding leads to the rest. As many
// lines are on their way all the time, which memory answers faster than all of many records at
// once.
#pragma once

#include "nat/tables.h"

namespace isthmus::nat {

template <class IsOver>
class EndsAhead {
 public:
  /// Sessions for which `is_over(session)` does not hold are not going to end.
  EndsAhead(const Tables& tables, IsOver is_over) : tables_(tables), is_over_(is_over) {}

  /// `count` records, which end_of() is going to be asked for in this order.
  void begin(const uint32_t* records, unsigned count) {
    records_ = records;
    count_ = count;
    for (unsigned i = 0; i < kSession && i < count; ++i) tables_.fetch_session(records[i]);
    for (unsigned i = 0; i < kNames && i < count; ++i) name(i);
    for (unsigned i = 0; i < kBinding && i < count; ++i) name_binding(i);
  }
  /// Under what the `i`th session stands in the indexes.
  const EndHashes& end_of(unsigned i) {
    if (i + kSession < count_) tables_.fetch_session(records_[i + kSession]);
    if (i + kNames < count_) name(i + kNames);
    if (i + kBinding < count_) name_binding(i + kBinding);
    return hashes_[i % kRing];
  }

 private:
  // How many records ahead.
  static constexpr unsigned kSession = 12, kNames = 7, kBinding = 3;
  static constexpr unsigned kRing = 8;
  static_assert(kNames < kRing);

  void name(unsigned i) {
    if (is_over_(tables_.session(records_[i]))) {
      tables_.name_session(records_[i], hashes_[i % kRing]);
    }
  }
  void name_binding(unsigned i) {
    if (is_over_(tables_.session(records_[i]))) {
      tables_.name_binding(records_[i], hashes_[i % kRing]);
    }
  }

  const Tables& tables_;
  IsOver is_over_;
  const uint32_t* records_ = nullptr;
  unsigned count_ = 0;
  EndHashes hashes_[kRing];
};

}  // namespace isthmus::nat
