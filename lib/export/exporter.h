// SPDX-License-Identifier: BSD-3-Clause
// One collector: a queue, a thread of its own that encodes and sends, and what became of it.
//
// Theory of operation. The control core offers events; those wanted go into the queue or, when it
// is full, are lost and counted. The thread opens the transport, and again after a pause that
// doubles up to half a minute when that fails; while it is open, it takes what waits, makes
// messages, and writes them as the collector takes them. Events that wait while there is no
// connection are sent on the next one; a message that a connection broke under is lost and counted,
// unless it makes sense on another one (Encoder::keeps). stop() ends the thread within kLinger.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "export/encoder.h"
#include "export/event_queue.h"
#include "export/transport.h"

namespace isthmus::exporter {

enum class State : uint8_t { kConnecting, kConnected, kWaiting };

struct Info {
  std::string kind;       ///< "ipfix", "syslog" or "file"
  std::string collector;  ///< address, port and transport; or path
  State state = State::kConnecting;
  double since_s = 0;      ///< monotonic: of the state
  std::string last_error;  ///< empty: none so far
  uint64_t connections = 0;
  uint64_t records = 0, messages = 0, bytes = 0;
  uint64_t lost = 0;  ///< events that found the queue full, records of messages that did not leave
  uint64_t queued = 0;
};

class Exporter {
 public:
  struct Parts {
    std::string kind, collector;
    conf::ExportChoice choice;
    std::unique_ptr<Encoder> encoder;
    std::unique_ptr<Transport> transport;
  };
  static constexpr double kFirstPause = 0.5, kLongestPause = 30;
  static constexpr double kLinger = 0.5;  ///< for what still waits when it is stopped

  Exporter(Parts parts, std::shared_ptr<const conf::Config> config);
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  void set_config(std::shared_ptr<const conf::Config> config);
  /// Never waits.
  void offer(const Item& item, const conf::Config& config) {
    if (wants(parts_.choice, mask_, config, item.event)) queue_.push(item);
  }
  /// Asks the thread to end; the destructor waits for it.
  void stop();
  Info info() const;

 private:
  void run();
  bool open();
  void work();
  void send();
  void lose_output();
  void broken();
  void enter(State state, const std::string& error = {});
  void rest(double seconds, short transport_events, bool wants_events = false);
  bool must_end() const;

  Parts parts_;
  const nat::EventMask mask_;
  EventQueue queue_;
  std::atomic<bool> stopping_{false};
  std::atomic<double> stop_by_s_{0};

  // The thread's own.
  std::vector<Item> batch_;
  Output output_;
  std::size_t message_ = 0;  ///< of output_, being written
  std::size_t done_ = 0;     ///< bytes of it that are
  double pause_s_ = kFirstPause;

  mutable std::mutex mutex_;
  Info info_;  ///< under mutex_
  std::thread thread_;
};

/// CLOCK_MONOTONIC in seconds.
double now_seconds();

}  // namespace isthmus::exporter
