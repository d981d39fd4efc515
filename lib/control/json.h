// SPDX-License-Identifier: BSD-3-Clause
// JSON lines. Fields keep the order in which they were written.
#pragma once

#include <string>
#include <variant>

#include <nlohmann/json.hpp>

#include "control/commands.h"
#include "net/addr.h"

namespace isthmus::control {

using Json = nlohmann::ordered_json;

/// One line. Text that is not UTF-8 (device names, kernel messages) must not throw: it is replaced.
inline std::string to_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

inline Answer answer(const Json& json) {
  return {to_line(json), {}, {}};
}
inline Answer failure(std::string error, std::string hint) {
  return {{}, {}, Complaint{std::move(error), std::move(hint)}};
}

/// Of an address or prefix of either family.
template <class... T>
std::string text(const std::variant<T...>& value) {
  return std::visit([](const auto& v) { return net::to_string(v); }, value);
}

/// Share in percent with two decimals; 0 of 0 is 0.
inline double percent(uint64_t part, uint64_t whole) {
  if (whole == 0) return 0;
  const double hundredths = 1e4 * static_cast<double>(part) / static_cast<double>(whole);
  return static_cast<double>(static_cast<uint64_t>(hundredths + 0.5)) / 100;
}

}  // namespace isthmus::control
