// SPDX-License-Identifier: BSD-3-Clause
// hot path
// How arrays of records are used: what was freed first, then what never was in use.
#pragma once

#include "nat/index.h"

namespace isthmus::nat {

/// The next record of an array: one that was freed, or one never used. The one after it is fetched
/// for the next call. There must be room: the caller keeps to the capacity.
template <class Record, class NextFree>
uint32_t take_record(Record* records, uint32_t& free, uint32_t& used, NextFree&& next_free) {
  if (free == Index::kNone) {
    __builtin_prefetch(&records[used + 1], 1);
    return used++;
  }
  const uint32_t i = free;
  free = next_free(records[i]);
  __builtin_prefetch(&records[free == Index::kNone ? used : free], 1);
  return i;
}

}  // namespace isthmus::nat
