// SPDX-License-Identifier: BSD-3-Clause
// Copies of packets for the control core: all of a port, what is dropped, or what is punted.
//
// Theory of operation. A worker that shall copy has a Tap (dataplane/tap.h), which it is given and
// loses between two bursts, like the answer to any question; without one it asks once a burst. The
// filter runs on the worker, so that only what is wanted takes up a place in the ring between them.
// A full ring is counted, and never waited for. A trace is a capture that tells, of packets one by
// one, what is made of them, instead of copying them (dataplane/tracer.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/dataplane.h"
#include "dataplane/prospect.h"
#include "telemetry/drop_reason.h"

namespace isthmus::dataplane {

struct CaptureOptions {
  enum class What : uint8_t { kDrops, kPunts, kPort, kTrace } what = What::kDrops;
  uint16_t port = 0;     ///< kPort: index into the configuration's ports
  std::string filter{};  ///< pcap-filter(7); empty: everything
};

struct Captured {
  enum class Way : uint8_t { kReceived, kSent, kDropped, kPunted } way = Way::kDropped;
  telemetry::DropReason reason = telemetry::DropReason::kNone;  ///< kDropped
  PuntKind punt = PuntKind::kLocal;                             ///< kPunted
  bool is_frame = false;         ///< with its link header; else it starts with the IP header
  std::optional<uint16_t> port;  ///< index into the configuration's ports, if it is known
  unsigned worker = 0;
  uint64_t unix_ns = 0;
  uint32_t length = 0;  ///< of the whole packet; `bytes` may have less
  std::span<const uint8_t> bytes;
};

/// What a worker made of a packet, or of one half of a hairpin.
struct Traced {
  uint64_t unix_ns = 0;
  std::optional<unsigned> from_worker;  ///< that received it, if another one
  bool is_second_half = false;
  std::vector<uint8_t> before;  ///< from the IP header on
  Prospect prospect;            ///< what was foreseen, with the worker and the packet after
  /// What happened then: why it was dropped or answered, and for what it was punted.
  telemetry::DropReason dropped = telemetry::DropReason::kNone;
  std::optional<PuntKind> punted;
};

/// One that runs; its end is that of the object. The dataplane outlives it.
class Capture {
 public:
  virtual ~Capture() = default;
  /// Takes at most `limit` packets from all workers; returns how many. The bytes live only during
  /// the call.
  virtual unsigned take(unsigned limit, const std::function<void(const Captured&)>& handler) = 0;
  /// The same of a trace.
  virtual unsigned take_steps(unsigned /*limit*/,
                              const std::function<void(const Traced&)>& /*handler*/) {
    return 0;
  }
  /// That found no place in a ring.
  virtual uint64_t lost() const = 0;
};

/// What a dataplane is besides, if it can be looked into.
class CaptureSource {
 public:
  virtual ~CaptureSource() = default;
  /// Errors: a filter that does not compile, no memory, a worker that does not answer.
  virtual Result<std::unique_ptr<Capture>> start_capture(const CaptureOptions& options) = 0;
};

}  // namespace isthmus::dataplane
