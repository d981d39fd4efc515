// SPDX-License-Identifier: BSD-3-Clause
#include "fetch.h"

#include <chrono>
#include <cstdio>
#include <thread>

#include "connection.h"
#include "screen.h"

namespace isthmus::ctl {
namespace {

constexpr std::chrono::milliseconds kBetweenReads{50};

ExitCode fail(const std::string& why, ExitCode code) {
  std::fprintf(stderr, "isthmusctl: %s\n", why.c_str());
  return code;
}

}  // namespace

ExitCode fetch(Client& client, const std::string& command, const char* list, double seconds,
               const TakeBatch& take, uint64_t& lost) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  interrupted = 0;
  const Interruptible signals;
  for (bool last = false; !last;) {
    last = interrupted != 0 || Clock::now() >= end;
    const auto answer = client.ask(command + " read");
    if (!answer) return fail(answer.error().text, kNoConnection);
    if (!answer->is_object() || !answer->contains(list)) {
      return fail("the daemon has ended the " + command, kFailed);
    }
    lost = answer->value("lost", lost);
    const auto& batch = (*answer)[list];
    const auto more = take(batch);
    if (!more) return fail(more.error().text, kFailed);
    last = last || !*more;
    if (!last && batch.empty()) std::this_thread::sleep_for(kBetweenReads);
  }
  return kOk;
}

}  // namespace isthmus::ctl
