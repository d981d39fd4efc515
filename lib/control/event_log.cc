// SPDX-License-Identifier: BSD-3-Clause
#include "control/event_log.h"

#include <fmt/format.h>

#include "control/state_names.h"
#include "net/protocol.h"

namespace isthmus::control {
namespace {

constexpr double kInterval = 10;

std::string protocol_text(uint8_t protocol) {
  if (protocol == 0) return "any protocol";
  const auto text = net::protocol_text(protocol);
  return text.front() >= 'a' ? text : "protocol " + text;
}

std::string with_port(const std::string& address, net::Be16 port) {
  return port.raw() == 0 ? address : fmt::format("{} port {}", address, port.host());
}

// Of a packet that was dropped, from where to where: RFC 7915 4.5 wants both ends.
std::string ends_text(const nat::Event& event) {
  const std::string remote = with_port(net::to_string(event.remote), event.remote_port);
  if (event.inside == net::Ip6{}) {
    return fmt::format("; from {} to {}", remote,
                       with_port(net::to_string(event.outside), event.outside_port));
  }
  const auto inside = with_port(net::to_string(event.inside), event.inside_port);
  return fmt::format("; from {}", inside) + (event.remote == net::Ip4{} ? "" : " to " + remote);
}

}  // namespace

std::string event_text(const nat::Event& event, const conf::Config& config) {
  std::string out = fmt::format("{}: {}", nat::name(event.kind), nat::help(event.kind));
  if (event.instance < config.nat64.size()) {
    out += fmt::format("; nat64 \"{}\"", config.nat64[event.instance].name);
  }
  if (event.limit != nat::LimitKind::kNone) {
    out += fmt::format("; its {}", limit_name(event.limit));
  }
  if (event.subscriber_length != 0 && event.kind == nat::EventKind::kSubscriberLimit) {
    out += fmt::format("; subscriber {}",
                       net::to_string(net::prefix_of(event.inside, event.subscriber_length)));
  }
  if ((nat::mask_of(event.kind) & nat::kDroppedEvents) != 0) return out + ends_text(event);
  out += "; " + protocol_text(event.protocol);
  if (event.inside != net::Ip6{}) {
    out += ", inside " + with_port(net::to_string(event.inside), event.inside_port);
  }
  if (event.outside != net::Ip4{}) {
    out += ", outside " + with_port(net::to_string(event.outside), event.outside_port);
  }
  // Not the remote side: RFC 6888 REQ-12, RFC 8158 4.1. The event has it, for who must know.
  return out;
}

EventLog::EventLog(Write write) : write_(std::move(write)) {}

void EventLog::handle(const dataplane::TimedEvent& timed, const conf::Config& config,
                      double now_s) {
  const nat::Event& event = timed.event;
  const auto mask = nat::mask_of(event.kind);
  if ((mask & nat::kRefusalEvents) != 0) {
    // Reported, perhaps, for an exporter only.
    if (config.events.refusals) refusal(event, config, now_s);
    return;
  }
  if ((mask & nat::kStaticEvents) != 0 && config.events.statics) {
    write_(LogLevel::kInfo, event_text(event, config));
  }
}

void EventLog::refusal(const nat::Event& event, const conf::Config& config, double now_s) {
  auto& kind = kinds_[static_cast<std::size_t>(event.kind)];
  if (now_s < kind.next_s) {
    kind.suppressed += event.count;
    return;
  }
  const uint64_t more = kind.suppressed + event.count - 1;
  kind = {now_s + kInterval, 0};
  auto text = event_text(event, config);
  if (more != 0) text += fmt::format(" ({} more refused, suppressed since the last line)", more);
  write_(LogLevel::kWarning, text);
}

}  // namespace isthmus::control
