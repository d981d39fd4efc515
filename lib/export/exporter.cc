// SPDX-License-Identifier: BSD-3-Clause
#include "export/exporter.h"

#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <exception>
#include <utility>

namespace isthmus::exporter {

double now_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

Exporter::Exporter(Parts parts, std::shared_ptr<const conf::Config> config)
    : parts_(std::move(parts)), mask_(mask_of(parts_.choice)), queue_(parts_.choice.queue) {
  info_.kind = parts_.kind;
  info_.collector = parts_.collector;
  info_.since_s = now_seconds();
  queue_.set_config(std::move(config));
  // Signals are the control core's.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Exporter::~Exporter() {
  stop();
  thread_.join();
}

void Exporter::set_config(std::shared_ptr<const conf::Config> config) {
  queue_.set_config(std::move(config));
}

void Exporter::stop() {
  if (stopping_) return;
  stop_by_s_ = now_seconds() + kLinger;
  stopping_ = true;
  queue_.wake();
}

Info Exporter::info() const {
  Info out;
  {
    const std::lock_guard lock(mutex_);
    out = info_;
  }
  out.lost += queue_.lost();
  out.queued = queue_.waiting();
  return out;
}

void Exporter::enter(State state, const std::string& error) {
  const std::lock_guard lock(mutex_);
  info_.state = state;
  info_.since_s = now_seconds();
  if (!error.empty()) info_.last_error = error;
  if (state == State::kConnected) ++info_.connections;
}

// Nothing is left to do, or it took too long.
bool Exporter::must_end() const {
  return stopping_ && ((output_.size() == 0 && queue_.waiting() == 0) ||
                       info_.state != State::kConnected || now_seconds() >= stop_by_s_);
}

void Exporter::run() {
  pthread_setname_np(pthread_self(), "isthmus-export");
  try {
    while (!must_end()) {
      if (info_.state == State::kConnected || open()) work();
    }
  } catch (const std::exception& error) {
    enter(State::kWaiting, error.what());
  }
  parts_.transport->close();
}

bool Exporter::open() {
  switch (parts_.transport->open()) {
    case Transport::Result::kDone: break;
    case Transport::Result::kWait: rest(kLongestPause, parts_.transport->waits_for()); return false;
    case Transport::Result::kFailed: broken(); return false;
  }
  if (!parts_.encoder->keeps()) lose_output();
  done_ = 0;
  parts_.encoder->begin();
  enter(State::kConnected);
  return true;
}

void Exporter::lose_output() {
  uint64_t records = 0;
  for (; message_ < output_.size(); ++message_) records += output_.message(message_).records;
  output_.clear();
  message_ = done_ = 0;
  const std::lock_guard lock(mutex_);
  info_.lost += records;
}

// The transport closed itself.
void Exporter::broken() {
  const bool lasted = info_.state == State::kConnected && now_seconds() - info_.since_s > pause_s_;
  if (lasted) pause_s_ = kFirstPause;
  if (!parts_.encoder->keeps()) lose_output();
  enter(State::kWaiting, parts_.transport->error());
  const double until = now_seconds() + pause_s_;
  for (double now = now_seconds(); now < until && !stopping_; now = now_seconds()) {
    rest(until - now, 0);
  }
  pause_s_ = std::min(pause_s_ * 2, kLongestPause);
  if (!stopping_) enter(State::kConnecting);
}

void Exporter::work() {
  if (output_.size() == 0) {
    const auto config = queue_.take(batch_);
    const double now = now_seconds();
    parts_.encoder->encode(batch_, *config, now, output_);
    if (output_.size() == 0) {
      rest(1, POLLIN, true);
      if (!parts_.transport->is_alive()) broken();
      return;
    }
  }
  send();
}

void Exporter::send() {
  while (message_ < output_.size()) {
    const auto message = output_.message(message_);
    const auto result = parts_.transport->write(message.bytes, done_);
    if (result == Transport::Result::kFailed) return broken();
    if (result == Transport::Result::kWait) return rest(1, parts_.transport->waits_for());
    {
      const std::lock_guard lock(mutex_);
      info_.records += message.records;
      info_.messages += 1;
      info_.bytes += message.bytes.size();
    }
    ++message_;
    done_ = 0;
  }
  output_.clear();
  message_ = 0;
}

// Ends early when the transport is ready, or there are new events while nothing else is to be sent.
void Exporter::rest(double seconds, short transport_events, bool wants_events) {
  pollfd wait[2] = {{queue_.fd(), POLLIN, 0},
                    {transport_events == 0 ? -1 : parts_.transport->fd(), transport_events, 0}};
  // Without a connection events wait in the queue; only stop() is looked for then.
  if (!wants_events) {
    wait[0].fd = -1;
    seconds = std::min(seconds, 0.1);
  }
  poll(wait, 2, static_cast<int>(seconds * 1000) + 1);
}

}  // namespace isthmus::exporter
