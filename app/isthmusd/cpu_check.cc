// SPDX-License-Identifier: BSD-3-Clause
// Refuses to run on a CPU that lacks what the binary was compiled for, with a sentence instead of
// an illegal instruction some time later.
#include <unistd.h>

#include <cstring>

namespace {

void say(const char* text) {
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text, std::strlen(text));
}

void need(bool has, const char* feature) {
  if (has) return;
  say("isthmusd: error: this CPU has no ");
  say(feature);
  say(", which this binary was compiled for (" ISTHMUS_CPU
      "); build with a lower baseline, "
      "meson configure -Dcpu=x86-64-v2, or run it on a newer CPU\n");
  _exit(1);
}

// Before other initializers: those may already use what is missing.
[[gnu::constructor(101)]] void check_cpu() {
  __builtin_cpu_init();
#ifdef __SSE4_2__
  need(__builtin_cpu_supports("sse4.2") != 0, "SSE4.2");
#endif
#ifdef __POPCNT__
  need(__builtin_cpu_supports("popcnt") != 0, "POPCNT");
#endif
#ifdef __AVX__
  need(__builtin_cpu_supports("avx") != 0, "AVX");
#endif
#ifdef __AVX2__
  need(__builtin_cpu_supports("avx2") != 0, "AVX2");
#endif
#ifdef __BMI__
  need(__builtin_cpu_supports("bmi") != 0, "BMI1");
#endif
#ifdef __BMI2__
  need(__builtin_cpu_supports("bmi2") != 0, "BMI2");
#endif
#ifdef __FMA__
  need(__builtin_cpu_supports("fma") != 0, "FMA");
#endif
#ifdef __AVX512F__
  need(__builtin_cpu_supports("avx512f") != 0, "AVX-512F");
#endif
#ifdef __AVX512VL__
  need(__builtin_cpu_supports("avx512vl") != 0, "AVX-512VL");
#endif
#ifdef __AVX512BW__
  need(__builtin_cpu_supports("avx512bw") != 0, "AVX-512BW");
#endif
}

}  // namespace
