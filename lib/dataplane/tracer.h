// SPDX-License-Identifier: BSD-3-Clause
// A worker's end of a trace (dataplane/capture.h): what becomes of packets, one by one.
//
// Theory of operation. A worker whose tap has a tracer takes bursts apart (trace.cc). A packet that
// the filter matches waits until all before it are done; then what is to become of it is foreseen
// (nat/foresee.h), which is exact since nothing comes between; then it goes its way alone, and what
// drops or punts it meanwhile is noted beside. A hairpin has two steps, with one fate. Steps lie in
// a ring of fixed places, single producer, single consumer: what finds no place is counted.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/packet_filter.h"
#include "dataplane/prospect.h"

namespace isthmus::dataplane {

struct Simulation;

class Tracer {
 public:
  static constexpr uint32_t kMostBytes = 9216;  ///< of a packet
  static constexpr uint32_t kSnap = kMostBytes + 64;
  static constexpr uint32_t kPlaces = 256;

  struct Step {
    uint64_t tsc = 0;
    std::optional<unsigned> from_worker;
    bool is_second_half = false;
    uint32_t length = 0, out_length = 0;
    Prospect prospect;  ///< without its packet
    telemetry::DropReason dropped = telemetry::DropReason::kNone;
    std::optional<PuntKind> punted;
    std::array<uint8_t, kSnap> bytes, out;  ///< before, after
  };

  explicit Tracer(std::optional<PacketFilter> filter);
  ~Tracer();

  // --- worker ---
  bool wants(const uint8_t* ip, uint32_t length) const;
  Simulation& simulation() { return *simulation_; }
  /// What has been foreseen of the simulation's packet, which was `before`.
  void add(std::span<const uint8_t> before, std::optional<unsigned> from_worker);
  void note_drop(telemetry::DropReason reason);
  void note_punt(PuntKind kind);
  /// The packet has gone; its steps may be read.
  void commit();

  // --- control core ---
  const Step* next() const;
  void done() { out_.store(out_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  uint64_t lost() const { return __atomic_load_n(&lost_, __ATOMIC_RELAXED); }

 private:
  Step* last();

  const std::optional<PacketFilter> filter_;
  const std::unique_ptr<Simulation> simulation_;
  std::vector<Step> places_;
  uint32_t pending_ = 0;  ///< steps of the packet that is under way
  uint64_t lost_ = 0;     ///< written by the worker alone
  alignas(64) std::atomic<uint32_t> in_{0};
  alignas(64) std::atomic<uint32_t> out_{0};
};

}  // namespace isthmus::dataplane
