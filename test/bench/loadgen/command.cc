// SPDX-License-Identifier: BSD-3-Clause
#include "bench/loadgen/command.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <limits>

namespace isthmus::loadgen {
namespace {

std::string_view next_word(std::string_view& rest) {
  const auto from = rest.find_first_not_of(" \t\r\n");
  if (from == std::string_view::npos) return rest = {};
  const auto to = rest.find_first_of(" \t\r\n", from);
  const auto word = rest.substr(from, to == std::string_view::npos ? to : to - from);
  rest = to == std::string_view::npos ? std::string_view{} : rest.substr(to);
  return word;
}

bool parse_kind(std::string_view name, Command& out) {
  if (name == "establish") {
    out.kind = Kind::kEstablish;
    out.random = false;
  } else if (name == "throughput" || name == "latency") {  // every frame has a time in it
    out.kind = Kind::kThroughput;
    out.check = false;
  } else if (name == "validate") {
    out.kind = Kind::kValidate;
    out.random = false;
  } else if (name == "forget") {
    out.kind = Kind::kForget;
  } else {
    return name == "quit";
  }
  return true;
}

bool set_number(std::string_view key, double number, Command& out) {
  const bool flag = number != 0;
  if (key == "rate" && number > 0) {
    out.rate = number;
  } else if (key == "seconds" && number > 0 && number <= 3600) {
    out.seconds = number;
  } else if (key == "drain" && number <= 60) {
    out.drain = number;
  } else if (key == "flows" && number >= 1 &&
             number <= static_cast<double>(std::numeric_limits<int32_t>::max())) {
    out.flows = static_cast<uint32_t>(number);
  } else if (key == "check") {
    out.check = flag;
  } else if (key == "answer") {
    out.answer = flag;
  } else {
    return false;
  }
  return true;
}

bool set_word(std::string_view key, std::string_view value, Command& out) {
  if (key == "direction") {
    out.from_inside = value == "6to4" || value == "both";
    out.from_outside = value == "4to6" || value == "both";
    return out.from_inside || out.from_outside;
  }
  if (key == "order") {
    out.random = value == "random";
    return out.random || value == "sequence";
  }
  const std::string text(value);
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(number) || number < 0) return false;
  return set_number(key, number, out);
}

}  // namespace

Result<Command> parse_command(std::string_view line) {
  Command out;
  const auto name = next_word(line);
  if (!parse_kind(name, out)) {
    return Error{fmt::format(
        "unknown command '{}': expected establish, throughput, latency, validate, forget or quit",
        name)};
  }
  for (auto word = next_word(line); !word.empty(); word = next_word(line)) {
    const auto equals = word.find('=');
    if (equals == std::string_view::npos ||
        !set_word(word.substr(0, equals), word.substr(equals + 1), out)) {
      return Error{fmt::format(
          "'{}': expected rate=, seconds=, flows=, drain=, check=, answer= with a number, "
          "direction=6to4|4to6|both or order=sequence|random",
          word)};
    }
  }
  return out;
}

}  // namespace isthmus::loadgen
