// SPDX-License-Identifier: BSD-3-Clause
// Captures as the control core runs them.
#include "dataplane/capture.h"

#include <rte_cycles.h>

#include <chrono>

#include "dataplane/engine.h"
#include "dataplane/tap.h"

namespace isthmus::dataplane {

Result<std::unique_ptr<Tap>> Tap::make(const CaptureOptions& options, uint16_t port_id) {
  std::unique_ptr<Tap> tap(new Tap(options, port_id));
  if (options.what == CaptureOptions::What::kTrace) {
    std::optional<PacketFilter> filter;
    if (!options.filter.empty()) {
      auto packets = PacketFilter::make(options.filter, PacketFilter::Link::kNone);
      if (!packets) return packets.error();
      filter = std::move(*packets);
    }
    tap->tracer_ = std::make_unique<Tracer>(std::move(filter));
    return tap;
  }
  if (options.filter.empty()) return tap;
  auto frames = PacketFilter::make(options.filter, PacketFilter::Link::kEthernet);
  if (!frames) return frames.error();
  tap->frames_ = std::move(*frames);
  if (options.what == CaptureOptions::What::kPort) return tap;
  auto packets = PacketFilter::make(options.filter, PacketFilter::Link::kNone);
  if (!packets) return packets.error();
  tap->packets_ = std::move(*packets);
  return tap;
}

namespace {

class RunningCapture final : public Capture {
 public:
  RunningCapture(Engine& engine, std::vector<uint16_t> port_ids)
      : engine_(engine), port_ids_(std::move(port_ids)), tsc_(rte_rdtsc()), unix_ns_(now_ns()) {}

  ~RunningCapture() override {
    for (unsigned id = 0; id < taps_.size(); ++id) {
      // Who does not answer may still write to it.
      if (!engine_.set_tap(id, nullptr)) (void)taps_[id].release();
    }
  }

  Status begin(const CaptureOptions& options) {
    const uint16_t port_id =
        options.port < port_ids_.size() ? port_ids_[options.port] : uint16_t{0xffff};
    for (unsigned id = 0; id < engine_.workers(); ++id) {
      auto tap = Tap::make(options, port_id);
      if (!tap) return tap.error();
      taps_.push_back(std::move(*tap));
      if (auto set = engine_.set_tap(id, taps_.back().get()); !set) return set;
    }
    return Ok{};
  }

  unsigned take(unsigned limit, const std::function<void(const Captured&)>& handler) override {
    unsigned taken = 0;
    for (unsigned id = 0; id < taps_.size(); ++id) {
      Tap& tap = *taps_[(first_ + id) % taps_.size()];
      while (taken < limit) {
        const auto* record = tap.next();
        if (record == nullptr) break;
        handler(captured(*record, static_cast<unsigned>((first_ + id) % taps_.size())));
        tap.done();
        ++taken;
      }
    }
    ++first_;
    return taken;
  }

  unsigned take_steps(unsigned limit, const std::function<void(const Traced&)>& handler) override {
    unsigned taken = 0;
    for (unsigned id = 0; id < taps_.size(); ++id) {
      Tracer* tracer = taps_[(first_ + id) % taps_.size()]->tracer();
      while (tracer != nullptr && taken < limit) {
        const auto* step = tracer->next();
        if (step == nullptr) break;
        handler(traced(*step));
        tracer->done();
        ++taken;
      }
    }
    ++first_;
    return taken;
  }

  uint64_t lost() const override {
    uint64_t sum = 0;
    for (const auto& tap : taps_) {
      sum += tap->tracer() != nullptr ? tap->tracer()->lost() : tap->lost();
    }
    return sum;
  }

 private:
  static uint64_t now_ns() {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
  }

  uint64_t unix_ns(uint64_t tsc) const {
    const double seconds = static_cast<double>(tsc - tsc_) / static_cast<double>(rte_get_tsc_hz());
    return unix_ns_ + static_cast<uint64_t>(seconds * 1e9);
  }

  Traced traced(const Tracer::Step& step) const {
    Traced out;
    out.unix_ns = unix_ns(step.tsc);
    out.from_worker = step.from_worker;
    out.is_second_half = step.is_second_half;
    out.before.assign(step.bytes.begin(), step.bytes.begin() + step.length);
    out.prospect = step.prospect;
    out.prospect.packet.assign(step.out.begin(), step.out.begin() + step.out_length);
    out.dropped = step.dropped;
    out.punted = step.punted;
    return out;
  }

  Captured captured(const Tap::Record& record, unsigned worker) const {
    Captured out;
    out.way = record.way;
    out.reason = record.reason;
    out.punt = record.punt;
    out.is_frame = record.is_frame;
    for (std::size_t port = 0; port < port_ids_.size(); ++port) {
      if (port_ids_[port] == record.port_id) out.port = static_cast<uint16_t>(port);
    }
    out.worker = worker;
    out.unix_ns = unix_ns(record.tsc);
    out.length = record.length;
    out.bytes = {record.bytes.data(), record.kept};
    return out;
  }

  Engine& engine_;
  const std::vector<uint16_t> port_ids_;
  const uint64_t tsc_, unix_ns_;
  std::vector<std::unique_ptr<Tap>> taps_;
  std::size_t first_ = 0;
};

}  // namespace

Status Engine::set_tap(unsigned id, Tap* tap) {
  if (id >= workers_.size()) return Ok{};  // stopped meanwhile: nobody writes any more
  return ask(id, [&](nat::Translator&, uint32_t) { workers_[id]->set_tap(tap); });
}

Result<std::unique_ptr<Capture>> Engine::start_capture(const CaptureOptions& options) {
  std::vector<uint16_t> port_ids;
  for (const auto& port : fabric_->ports) port_ids.push_back(port.port_id);
  auto capture = std::make_unique<RunningCapture>(*this, std::move(port_ids));
  if (auto begun = capture->begin(options); !begun) return begun.error();
  return std::unique_ptr<Capture>(std::move(capture));
}

}  // namespace isthmus::dataplane
