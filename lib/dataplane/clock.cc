// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/clock.h"

#include <rte_cycles.h>

namespace isthmus::dataplane {
namespace {

__extension__ using Wide = unsigned __int128;

uint32_t read_tsc_ms(void*) {
  // 2^64 milliseconds-per-cycle: a multiplication in place of a division by the frequency.
  static const uint64_t scale = static_cast<uint64_t>((Wide{1000} << 64) / rte_get_tsc_hz());
  return static_cast<uint32_t>((static_cast<Wide>(rte_rdtsc()) * scale) >> 64);
}

}  // namespace

Clock tsc_clock() {
  return Clock{read_tsc_ms, nullptr};
}

}  // namespace isthmus::dataplane
