// SPDX-License-Identifier: BSD-3-Clause
// Long answers in the shell go through a pager, as git does it.
#pragma once

#include <cstdio>

namespace isthmus::ctl {

class Client;

/// While it lives, what `client` prints goes to $ISTHMUS_PAGER, else $PAGER, else less, where a
/// short text is just printed. Nothing happens if the pager is "cat" or empty, there is none, or
/// output is no terminal.
class Pager {
 public:
  explicit Pager(Client& client);
  ~Pager();
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

 private:
  Client& client_;
  std::FILE* pipe_ = nullptr;
};

}  // namespace isthmus::ctl
