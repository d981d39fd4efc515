// SPDX-License-Identifier: BSD-3-Clause
// What "top" shows: rates, from two looks at the daemon's counters.
//
// Theory of operation. Each time the view asks for everything at once (a Look) and keeps the one
// before. A rate is the difference of a counter over the time between them; the first look has none
// before it and shows dashes. A counter that went back (somebody cleared it, or the daemon started
// anew) has no rate that time.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "render.h"

namespace isthmus::ctl {

class Client;

struct Look {
  double at_s = 0;
  Json ports, workers, pools, subscribers, drops, dns64;  ///< answers; null: none
};

/// The view of `now`, with rates since `before`. A pure function, for tests.
std::string top_text(const std::optional<Look>& before, const Look& now, std::size_t columns,
                     bool styles);

class TopView {
 public:
  /// A new look. False, and why, if the daemon does not answer.
  bool ask(Client& client, std::string& trouble);
  std::string text(std::size_t columns, bool styles) const {
    return top_text(before_, *now_, columns, styles);
  }

 private:
  std::optional<Look> before_, now_;
};

}  // namespace isthmus::ctl
