// SPDX-License-Identifier: BSD-3-Clause
// Where a worker gets the time from: once per loop, through a pointer, so that the same loop runs
// on virtual time.
#pragma once

#include <cstdint>

namespace isthmus::dataplane {

struct Clock {
  uint32_t (*read_ms)(void* context);
  void* context = nullptr;

  uint32_t now_ms() const { return read_ms(context); }
};

/// Milliseconds from the time stamp counter; wraps after 49 days, as nat::Translator expects.
Clock tsc_clock();

}  // namespace isthmus::dataplane
