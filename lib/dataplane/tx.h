// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Complete frames to ports. Gathered per port, sent at the end of a burst; what the queue does not
// take is dropped and counted. A transmit queue belongs to one worker: others hand frames to it.
#pragma once

#include <array>
#include <vector>

#include "dataplane/core.h"
#include "dataplane/handoff.h"

namespace isthmus::dataplane {

class Transmitter {
 public:
  static constexpr unsigned kBurst = 64;

  /// `queues`: one per port, in the order of the configuration.
  Transmitter(Core& core, Handoff& handoff, const std::vector<TxQueue>& queues)
      : core_(core), handoff_(handoff), out_(queues.size()) {
    for (std::size_t port = 0; port < queues.size(); ++port) {
      out_[port].queue = queues[port];
      out_[port].is_ours = queues[port].owner == core.id;
    }
  }

  /// What has gathered for a port.
  struct Out {
    TxQueue queue;
    bool is_ours = false;
    unsigned count = 0;
    uint64_t bytes = 0;  ///< of the frames: the driver owns them once they are sent
    std::array<rte_mbuf*, 2 * kBurst> frames;
  };

  /// Adds a burst to one port, counting in registers, and ends with pause(). Between that and
  /// resume() others may add to the port. (What ends by itself, as a destructor, is kept in
  /// memory.)
  class Run {
   public:
    [[gnu::always_inline]] Run(Transmitter& tx, Out& out) : tx_(tx), out_(out) { resume(); }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    /// At most kBurst times.
    [[gnu::always_inline]] void add(rte_mbuf* frame, uint32_t length) {
      *next_++ = frame;
      bytes_ += length;
    }
    [[gnu::always_inline]] void pause() {
      out_.count = static_cast<unsigned>(next_ - out_.frames.data());
      out_.bytes += bytes_;
      if (out_.count >= kBurst) tx_.flush(out_);
    }
    [[gnu::always_inline]] void resume() {
      next_ = &out_.frames[out_.count];
      bytes_ = 0;
    }

   private:
    Transmitter& tx_;
    Out& out_;
    rte_mbuf** next_ = nullptr;
    uint64_t bytes_ = 0;
  };

  void send(rte_mbuf* frame, uint16_t port, uint8_t hops) {
    if (Out* out = ours(port)) [[likely]]
      return add(*out, frame, frame->pkt_len);
    give(frame, port, hops);
  }
  /// The port's, for add(); nullptr if its queue is another worker's.
  Out* ours(uint16_t port) { return out_[port].is_ours ? &out_[port] : nullptr; }
  /// A frame of `length` bytes.
  [[gnu::always_inline]] void add(Out& out, rte_mbuf* frame, uint32_t length) {
    out.frames[out.count++] = frame;
    out.bytes += length;
    if (out.count >= kBurst) flush(out);
  }
  void give(rte_mbuf* frame, uint16_t port, uint8_t hops);
  void flush();
  /// Calls the drivers that have something of their own to send.
  void give_turns();

 private:
  void flush(Out& out);

  Core& core_;
  Handoff& handoff_;
  std::vector<Out> out_;
};

}  // namespace isthmus::dataplane
