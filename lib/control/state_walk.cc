// SPDX-License-Identifier: BSD-3-Clause
#include "control/state_walk.h"

#include "control/backend.h"

namespace isthmus::control {
namespace {

// A question runs between two bursts; 256 places cost about as much as a burst does.
constexpr unsigned kScan = 256;

class AskWalk : public StateWalk {
 public:
  explicit AskWalk(Backend& backend) : backend_(backend) {}

  unsigned workers() const override { return backend_.dataplane().workers(); }

  Result<WalkStep> sessions(unsigned worker, uint64_t cursor, const nat::Filter& filter,
                            std::span<nat::SessionInfo> out) override {
    return step(worker, [&](nat::Translator& translator, uint32_t now_ms) {
      return translator.dump_sessions(cursor, kScan, filter, now_ms, out);
    });
  }
  Result<WalkStep> bindings(unsigned worker, uint64_t cursor, const nat::Filter& filter,
                            std::span<nat::BindingInfo> out) override {
    return step(worker, [&](nat::Translator& translator, uint32_t) {
      return translator.dump_bindings(cursor, kScan, filter, out);
    });
  }
  Result<WalkStep> blocks(unsigned worker, uint64_t cursor, const nat::Filter& filter,
                          std::span<nat::BlockInfo> out) override {
    return step(worker, [&](nat::Translator& translator, uint32_t) {
      // Most places are blocks that nobody has, and lie close together.
      return translator.dump_blocks(cursor, 8 * kScan, filter, out);
    });
  }
  Result<WalkStep> subscribers(unsigned worker, uint64_t cursor, const nat::Filter& filter,
                               std::span<nat::SubscriberInfo> out) override {
    return step(worker, [&](nat::Translator& translator, uint32_t) {
      return translator.dump_subscribers(cursor, kScan, filter, out);
    });
  }
  Result<WalkStep> clear_sessions(unsigned worker, uint64_t cursor,
                                  const nat::Filter& filter) override {
    return step(worker, [&](nat::Translator& translator, uint32_t) {
      return translator.clear_sessions(cursor, kScan, filter);
    });
  }
  Result<WalkStep> clear_bindings(unsigned worker, uint64_t cursor,
                                  const nat::Filter& filter) override {
    return step(worker, [&](nat::Translator& translator, uint32_t) {
      return translator.clear_bindings(cursor, kScan, filter);
    });
  }
  Result<std::size_t> pools(unsigned worker, std::span<nat::PoolInfo> out) override {
    std::size_t count = 0;
    const auto status = backend_.dataplane().ask(
        worker, [&](nat::Translator& translator, uint32_t) { count = translator.pool_info(out); });
    if (!status) return status.error();
    return count;
  }
  Result<nat::TableInfo> tables(unsigned worker) override {
    nat::TableInfo info;
    const auto status = backend_.dataplane().ask(
        worker, [&](nat::Translator& translator, uint32_t) { info = translator.table_info(); });
    if (!status) return status.error();
    return info;
  }
  Result<nat::MemoryInfo> memory(unsigned worker) override {
    nat::MemoryInfo info;
    const auto status = backend_.dataplane().ask(
        worker, [&](nat::Translator& translator, uint32_t) { info = translator.memory_info(); });
    if (!status) return status.error();
    return info;
  }

 private:
  template <class Question>
  Result<WalkStep> step(unsigned worker, const Question& question) {
    nat::Translator::DumpResult result;
    const auto status =
        backend_.dataplane().ask(worker, [&](nat::Translator& translator, uint32_t now_ms) {
          result = question(translator, now_ms);
        });
    if (!status) return status.error();
    return WalkStep{result.next_cursor, result.count};
  }

  Backend& backend_;
};

}  // namespace

std::unique_ptr<StateWalk> make_state_walk(Backend& backend) {
  return std::make_unique<AskWalk>(backend);
}

}  // namespace isthmus::control
