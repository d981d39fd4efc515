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

}  // namespace

class Endpoint::Desk final : public prometheus::Collectable {
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

Endpoint::Endpoint(std::shared_ptr<Desk> desk) : desk_(std::move(desk)) {}

Endpoint::~Endpoint() {
  desk_->close();
  exposer_.reset();  // waits for its threads
}

Result<std::unique_ptr<Endpoint>> Endpoint::make(struct ev_loop* loop, const std::string& address,
                                                 std::function<Families()> look) {
  std::unique_ptr<Endpoint> endpoint(new Endpoint(std::make_shared<Desk>(loop, std::move(look))));
  try {
    endpoint->exposer_ = std::make_unique<prometheus::Exposer>(address, kThreads);
  } catch (const std::exception& error) {
    return Error{fmt::format(
        "metrics.listen: cannot listen on {} ({}): is the port in use, the address this machine's?",
        address, error.what())};
  }
  endpoint->exposer_->RegisterCollectable(endpoint->desk_);
  return endpoint;
}

}  // namespace isthmus::metrics
