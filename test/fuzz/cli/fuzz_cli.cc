// SPDX-License-Identifier: BSD-3-Clause
// Any octets sent by a client: each whole line gets JSON and a status, nothing grows without bound.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/command_table.h"
#include "control/conversation.h"
#include "test/unit/control/fake_backend.h"

using namespace isthmus::control;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)complete(text.substr(0, kMaxLine));
  static FakeBackend backend;
  static FakeWalk walk;
  static Commands commands(backend, walk);
  // Each input begins with the same configuration, and saves it nowhere.
  static const auto first = [] {
    auto config = std::make_shared<isthmus::conf::Config>(*backend.current);
    config->file = "/nowhere/isthmus.conf";
    return config;
  }();
  backend.current = first;
  Conversation talk(commands, [](std::string_view) { return true; });
  for (std::size_t at = 0; at < size && talk.wants_input(); at += 100) {
    talk.receive(text.substr(at, 100));
    while (talk.busy()) {
      talk.work();
      if (talk.out().size() > 64 * 1024) std::abort();
      talk.out().clear();
    }
  }
  talk.end_of_input();
  if (!talk.finished()) std::abort();
  return 0;
}
