// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_capture.h"

#include <fmt/format.h>

#include "control/command_simulate.h"
#include "control/json.h"
#include "control/log.h"
#include "control/packet_text.h"
#include "telemetry/drop_reason.h"

namespace isthmus::control {
namespace {

using dataplane::Captured;
using dataplane::CaptureOptions;
using dataplane::Traced;

constexpr unsigned kPacketsPerRead = 256;
constexpr unsigned kStepsPerRead = 64;

std::string_view way_name(Captured::Way way) {
  switch (way) {
    case Captured::Way::kReceived: return "received";
    case Captured::Way::kSent: return "sent";
    case Captured::Way::kDropped: return "dropped";
    case Captured::Way::kPunted: return "punted";
  }
  return "unknown";
}

std::string_view punt_name(dataplane::PuntKind kind) {
  switch (kind) {
    case dataplane::PuntKind::kLocal: return "for the box itself";
    case dataplane::PuntKind::kDns: return "for DNS64";
    case dataplane::PuntKind::kUnresolved: return "waits for the link address of its next hop";
  }
  return "unknown";
}

std::string comment_of(const Captured& packet) {
  std::string out = fmt::format("worker {}", packet.worker);
  if (packet.way == Captured::Way::kDropped) {
    out = fmt::format("dropped: {} ({}); ", telemetry::name(packet.reason),
                      telemetry::help(packet.reason)) +
          out;
  } else if (packet.way == Captured::Way::kPunted) {
    out = fmt::format("punted: {}; ", punt_name(packet.punt)) + out;
  }
  return out;
}

Json json_of(const Captured& packet, const conf::Config& config) {
  std::string hex;
  hex.reserve(2 * packet.bytes.size());
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const uint8_t byte : packet.bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  Json out{{"unix_ns", packet.unix_ns}, {"way", way_name(packet.way)}};
  if (packet.way == Captured::Way::kDropped) out["reason"] = telemetry::name(packet.reason);
  const bool known = packet.port && *packet.port < config.ports.size();
  out["port"] = known ? config.ports[*packet.port].name : "unknown";
  out["worker"] = packet.worker;
  out["link"] = packet.is_frame ? "ethernet" : "ip";
  out["length"] = packet.length;
  out["comment"] = comment_of(packet);
  out["bytes"] = std::move(hex);
  return out;
}

/// What was foreseen, but for what then dropped or punted the packet after all.
Json json_of(Backend& backend, const Traced& step) {
  Json out{{"unix_ns", step.unix_ns}, {"parsed", describe_packet(step.before)}};
  if (step.is_second_half) out["half"] = "second";
  if (step.from_worker) out["received_by"] = *step.from_worker;
  describe_step(backend, step.prospect, out);
  using telemetry::DropReason;
  if (step.dropped != DropReason::kNone && step.dropped != step.prospect.reason) {
    out["outcome"] = "dropped";
    out["reason"] = telemetry::name(step.dropped);
    out["why"] = telemetry::help(step.dropped);
  }
  if (step.punted) out["punted"] = punt_name(*step.punted);
  return out;
}

Answer trace_misunderstood() {
  return failure("that is no trace",
                 "\"trace start [filter EXPRESSION]\", then \"trace read\" at least every 10 "
                 "seconds, and \"trace stop\"; isthmusctl does it by itself");
}

Answer misunderstood() {
  return failure(
      "that is no capture",
      "\"capture start drops|punts|port NAME [filter EXPRESSION]\", then \"capture read\" "
      "at least every 10 seconds, and \"capture stop\"; isthmusctl does it by itself");
}

}  // namespace

Answer CaptureDesk::run(Backend& backend, const Request& request, Clock::time_point now) {
  sweep(now);
  const auto words = split_words(request.rest);
  if (words.empty()) return misunderstood();
  if (words[0] == "read" && words.size() == 1) return read(backend, now);
  if (words[0] == "stop" && words.size() == 1) return stop();
  if (words[0] != "start" || words.size() < 2) return misunderstood();
  return start(backend, request.rest, now);
}

void CaptureDesk::sweep(Clock::time_point now) {
  if (capture_ == nullptr || now - last_read_ < kPatience) return;
  log_info("capture ended: nobody reads it");
  capture_.reset();
}

Answer CaptureDesk::run_trace(Backend& backend, const Request& request, Clock::time_point now) {
  sweep(now);
  const auto words = split_words(request.rest);
  if (words.empty()) return trace_misunderstood();
  if (words[0] == "stop" && words.size() == 1) return stop();
  if (words[0] == "read" && words.size() == 1) {
    if (capture_ == nullptr) return failure("no trace is running", "start one");
    last_read_ = now;
    Json steps = Json::array();
    capture_->take_steps(kStepsPerRead,
                         [&](const Traced& step) { steps.push_back(json_of(backend, step)); });
    return answer({{"steps", std::move(steps)}, {"lost", capture_->lost()}});
  }
  if (words[0] != "start") return trace_misunderstood();
  CaptureOptions options;
  options.what = CaptureOptions::What::kTrace;
  if (words.size() > 1) {
    if (words[1] != "filter" || words.size() == 2) return trace_misunderstood();
    options.filter =
        request.rest.substr(static_cast<std::size_t>(words[2].data() - request.rest.data()));
  }
  return begin(backend, options, "trace" + (options.filter.empty() ? "" : " of " + options.filter),
               now);
}

Answer CaptureDesk::begin(Backend& backend, const dataplane::CaptureOptions& options,
                          const std::string& what, Clock::time_point now) {
  if (capture_ != nullptr) {
    return failure("another capture or trace is running",
                   "\"capture stop\" or \"trace stop\" ends it");
  }
  auto* source = dynamic_cast<dataplane::CaptureSource*>(&backend.dataplane());
  if (source == nullptr) return failure("this dataplane cannot be looked into", "");
  auto started = source->start_capture(options);
  if (!started) return failure(started.error().text, "filters are those of pcap-filter(7)");
  capture_ = std::move(*started);
  last_read_ = now;
  log_info("{}", what);
  return answer({{"capturing", what}});
}

Answer CaptureDesk::start(Backend& backend, std::string_view wish, Clock::time_point now) {
  const auto words = split_words(wish);
  CaptureOptions options;
  std::size_t at = 2;
  if (words[1] == "port" && words.size() > 2) {
    options.what = CaptureOptions::What::kPort;
    const auto config = backend.config();
    while (options.port < config->ports.size() && config->ports[options.port].name != words[2]) {
      ++options.port;
    }
    if (options.port == config->ports.size()) {
      return failure(fmt::format("there is no port \"{}\"", words[2].substr(0, 80)),
                     "\"show ports\" lists them");
    }
    at = 3;
  } else if (words[1] == "punts") {
    options.what = CaptureOptions::What::kPunts;
  } else if (words[1] != "drops") {
    return misunderstood();
  }
  if (at < words.size()) {
    if (words[at] != "filter" || at + 1 == words.size()) return misunderstood();
    options.filter = wish.substr(static_cast<std::size_t>(words[at + 1].data() - wish.data()));
  }
  const auto what = wish.substr(static_cast<std::size_t>(words[1].data() - wish.data()));
  return begin(backend, options, "capture of " + std::string(what), now);
}

Answer CaptureDesk::read(Backend& backend, Clock::time_point now) {
  if (capture_ == nullptr) return failure("no capture is running", "start one");
  last_read_ = now;
  const auto config = backend.config();
  Json packets = Json::array();
  capture_->take(kPacketsPerRead,
                 [&](const Captured& packet) { packets.push_back(json_of(packet, *config)); });
  return answer({{"packets", std::move(packets)}, {"lost", capture_->lost()}});
}

Answer CaptureDesk::stop() {
  if (capture_ == nullptr) return failure("no capture is running", "start one");
  const uint64_t lost = capture_->lost();
  capture_.reset();
  return answer({{"stopped", true}, {"lost", lost}});
}

}  // namespace isthmus::control
