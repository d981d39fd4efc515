// SPDX-License-Identifier: BSD-3-Clause
#include "nat/events.h"

namespace isthmus::nat {
namespace {

struct Text {
  std::string_view name;
  std::string_view help;
};

constexpr Text kTexts[] = {
#define X(id, name, help) {name, help},
    ISTHMUS_EVENTS(X)
#undef X
};

}  // namespace

std::string_view name(EventKind kind) {
  return kTexts[static_cast<std::size_t>(kind)].name;
}

std::string_view help(EventKind kind) {
  return kTexts[static_cast<std::size_t>(kind)].help;
}

}  // namespace isthmus::nat
