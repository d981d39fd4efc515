// SPDX-License-Identifier: BSD-3-Clause
// What is wrong with a file, to the letter. Each row breaks one thing in a file that is otherwise
// right.
#pragma once

#include <string>
#include <vector>

#include "catch.h"
#include "conf/load.h"

namespace isthmus::errors_test {

inline const std::string kPort =
    "ports = ({ name = \"a\"; device = \"d\";\n"                    // line 1
    "  addresses = [\"192.0.2.1/24\", \"2001:db8::1/64\"]; });\n";  // line 2
inline const std::string kPool = "{ addresses = [\"203.0.113.0/28\"]; }";

inline std::string nat64(const std::string& body) {
  return kPort + "nat64 = ({ " + body + " });\n";
}
inline std::string pools(const std::string& list) {
  return nat64("pools = (" + list + ");");
}
inline std::string timer(const std::string& body) {
  return nat64("pools = (" + kPool + "); timers: { " + body + " };");
}
inline std::string dns64(const std::string& body) {
  return nat64("pools = (" + kPool + ");") + "dns64: { " + body + " };\n";
}

struct Row {
  std::string text;
  std::string error;
};

inline void check_rows(const std::vector<Row>& rows) {
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto loaded = conf::load_text(row.text, "f");
    if (loaded) {
      FAIL_CHECK("was accepted, expected: " << row.error);
    } else {
      CHECK(loaded.error().text == row.error);
    }
  }
}

}  // namespace isthmus::errors_test
