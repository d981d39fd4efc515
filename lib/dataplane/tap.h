// SPDX-License-Identifier: BSD-3-Clause
// hot path
// A worker's end of a capture (dataplane/capture.h): copies packets into a ring of fixed places.
//
// Theory of operation. Single producer, single consumer: the worker fills the place at `in_` and
// moves it on with a release store; the control core takes the place at `out_`. Packets of which
// more than kSnap octets would have to be copied are cut. Where a packet is dropped its link header
// may be gone, so whether there is one is told from the bytes.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/capture.h"
#include "dataplane/packet_filter.h"
#include "dataplane/tracer.h"
#include "net/packet_buf.h"

namespace isthmus::dataplane {

using telemetry::DropReason;

class Tap {
 public:
  static constexpr uint32_t kSnap = 2048;
  static constexpr uint32_t kPlaces = 1024;

  /// `port_id`: DPDK's number of the port to copy, if it is one that shall be.
  static Result<std::unique_ptr<Tap>> make(const CaptureOptions& options, uint16_t port_id);

  // --- worker ---
  void received(rte_mbuf* const* frames, unsigned count, uint16_t port_id) {
    if (takes_port(port_id)) copy_all(frames, count, Captured::Way::kReceived);
  }
  void sent(rte_mbuf* const* frames, unsigned count, uint16_t port_id) {
    if (takes_port(port_id)) copy_all(frames, count, Captured::Way::kSent);
  }
  void dropped(const rte_mbuf* mbuf, DropReason reason);
  /// An IP packet that lies in `mbuf`.
  void dropped(const rte_mbuf* mbuf, const net::PacketBuf& packet, DropReason reason);
  /// Notes what a packet is before it is changed, in case that it is dropped.
  void keep(const net::PacketBuf& packet);
  void dropped_as_kept(const rte_mbuf* mbuf, DropReason reason);
  void punted(const rte_mbuf* mbuf, PuntKind kind);
  /// Not nullptr: packets are not copied, but traced.
  Tracer* tracer() const { return tracer_.get(); }

  // --- control core ---
  struct Record {
    uint64_t tsc;
    uint32_t length, kept;
    uint16_t port_id;
    Captured::Way way;
    DropReason reason;
    PuntKind punt;
    bool is_frame;
    std::array<uint8_t, kSnap> bytes;
  };
  /// The oldest record, or nullptr; done() gives its place back.
  const Record* next() const;
  void done() { out_.store(out_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  uint64_t lost() const { return __atomic_load_n(&lost_, __ATOMIC_RELAXED); }

 private:
  Tap(const CaptureOptions& options, uint16_t port_id)
      : what_(options.what),
        port_id_(port_id),
        places_(options.what == CaptureOptions::What::kTrace ? 0 : kPlaces) {}
  bool takes_port(uint16_t port_id) const {
    return what_ == CaptureOptions::What::kPort && port_id_ == port_id;
  }
  void copy_all(rte_mbuf* const* frames, unsigned count, Captured::Way way);
  Record* place(const uint8_t* bytes, uint32_t available, uint32_t length, bool is_frame);
  void commit() { in_.store(in_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

  const CaptureOptions::What what_;
  const uint16_t port_id_;
  std::optional<PacketFilter> frames_, packets_;
  std::unique_ptr<Tracer> tracer_;
  std::vector<Record> places_;
  std::array<uint8_t, kSnap> kept_bytes_;
  uint32_t kept_length_ = 0;
  uint64_t lost_ = 0;  ///< written by the worker alone
  alignas(64) std::atomic<uint32_t> in_{0};
  alignas(64) std::atomic<uint32_t> out_{0};
};

}  // namespace isthmus::dataplane
