// SPDX-License-Identifier: BSD-3-Clause
#include "telemetry/counters.h"
#include "telemetry/drop_reason.h"

namespace isthmus::telemetry {
namespace {

struct Text {
  std::string_view name;
  std::string_view help;
};

constexpr Text kDropTexts[] = {{"none", "packet was forwarded"},
#define X(id, name, help) {name, help},
                               ISTHMUS_DROP_REASONS(X)
#undef X
};

constexpr Text kCounterTexts[] = {
#define X(id, name, help) {name, help},
    ISTHMUS_COUNTERS(X)
#undef X
};

}  // namespace

std::string_view name(DropReason reason) {
  return kDropTexts[static_cast<std::size_t>(reason)].name;
}

std::string_view help(DropReason reason) {
  return kDropTexts[static_cast<std::size_t>(reason)].help;
}

std::string_view name(Counter counter) {
  return kCounterTexts[static_cast<std::size_t>(counter)].name;
}

std::string_view help(Counter counter) {
  return kCounterTexts[static_cast<std::size_t>(counter)].help;
}

}  // namespace isthmus::telemetry
