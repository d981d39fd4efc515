// SPDX-License-Identifier: BSD-3-Clause
#include "metrics/endpoint.h"

#include <ev.h>
#include <fmt/format.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>

namespace isthmus::metrics {
namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr std::size_t kThreads = 2;

/// Between the library's threads and the control core.
class Desk final : public prometheus::Collectable {
 public:
  Desk(struct ev_loop* loop, std::function<Families()> look) : loop_(loop), look_(std::move(look)) {
    ev_async_init(&wake_, [](struct ev_loop*, ev_async* watcher, int) {
      static_cast<Desk*>(watcher->data)->put_down();
    });
    wake_.data = this;
    ev_async_start(loop_, &wake_);
  }
  /// Who waits goes without an answer, on the loop's thread.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    ev_async_stop(loop_, &wake_);
  }

  Families Collect() const override {
    std::unique_lock lock(mutex_);
    if (closed_) return {};
    const uint64_t mine = ++asked_;
    ev_async_send(loop_, &wake_);
    changed_.wait_for(lock, kPatience, [&] { return closed_ || answered_ >= mine; });
    return answered_ >= mine ? latest_ : Families{};
  }

 private:
  void put_down() {
    uint64_t asked = 0;
    {
      const std::lock_guard lock(mutex_);
      asked = asked_;
    }
    Families now = look_();
    {
      const std::lock_guard lock(mutex_);
      latest_ = std::move(now);
      answered_ = asked;
    }
    changed_.notify_all();
  }

  struct ev_loop* loop_;
  std::function<Families()> look_;
  mutable ev_async wake_{};
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable uint64_t asked_ = 0;
  uint64_t answered_ = 0;
  bool closed_ = false;
  Families latest_;
};

}  // namespace

struct Endpoint::Impl {
  std::shared_ptr<Desk> desk;
  std::unique_ptr<prometheus::Exposer> exposer;
};

Endpoint::Endpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Endpoint::~Endpoint() {
  impl_->desk->close();
  impl_->exposer.reset();  // waits for its threads
}

Result<std::unique_ptr<Endpoint>> Endpoint::make(struct ev_loop* loop, const std::string& address,
                                                 std::function<Families()> look) {
  auto impl = std::make_unique<Impl>();
  impl->desk = std::make_shared<Desk>(loop, std::move(look));
  try {
    impl->exposer = std::make_unique<prometheus::Exposer>(address, kThreads);
  } catch (const std::exception& error) {
    impl->desk->close();
    return Error{fmt::format(
        "metrics.listen: cannot listen on {} ({}): is the port in use, the address this machine's?",
        address, error.what())};
  }
  impl->exposer->RegisterCollectable(impl->desk);
  return std::unique_ptr<Endpoint>(new Endpoint(std::move(impl)));
}

}  // namespace isthmus::metrics
