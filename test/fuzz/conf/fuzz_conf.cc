// SPDX-License-Identifier: BSD-3-Clause
// Any text is either refused with a reason, or a configuration whose values all print. What
// libconfig reads has the same outline, so that changes find their place.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "conf/edit.h"
#include "conf/load.h"
#include "conf/option.h"

// libconfig 1.5 forgets the string that it has just read when a syntax error follows at once: some
// octets for each such file, of no weight beside a reload, and not ours to free.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libconfig\n";
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto loaded = isthmus::conf::load_text(text, "fuzz");
  if (!loaded) {
    if (loaded.error().text.find(": found ") == std::string::npos) std::abort();
    return 0;
  }
  for (const auto& value : isthmus::conf::values(**loaded)) {
    if (value.text.empty()) std::abort();
  }
  const std::string whole(text);
  using isthmus::conf::EditKind;
  if (const auto changed =
          isthmus::conf::edit_text(whole, {EditKind::kSet, "log.level", "debug"})) {
    const auto again = isthmus::conf::read_text(*changed, "fuzz");
    if (!again || (*again)->log_level != isthmus::conf::LogLevel::kDebug) std::abort();
  }
  if (!isthmus::conf::needs_restart(**loaded, **loaded).empty()) std::abort();
  return 0;
}
