// SPDX-License-Identifier: BSD-3-Clause
#include "pager.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "client.h"
#include "screen.h"

namespace isthmus::ctl {
namespace {

std::string chosen() {
  for (const char* name : {"ISTHMUS_PAGER", "PAGER"}) {
    if (const char* value = std::getenv(name)) return value;
  }
  return std::system("command -v less >/dev/null 2>&1") == 0 ? "less" : "";
}

}  // namespace

Pager::Pager(Client& client) : client_(client) {
  static const std::string pager = chosen();
  if (pager.empty() || pager == "cat" || !has_styles()) return;
  // Leave when all is seen, pass styles on, leave the text where it is.
  setenv("LESS", "FRX", 0);
  pipe_ = popen(pager.c_str(), "w");
  if (pipe_ != nullptr) client_.print_to(pipe_);
}

Pager::~Pager() {
  if (pipe_ == nullptr) return;
  pclose(pipe_);
  client_.print_to(stdout);
}

}  // namespace isthmus::ctl
