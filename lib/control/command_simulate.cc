// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_simulate.h"

#include <fmt/format.h>

#include "control/json.h"
#include "control/packet_text.h"
#include "control/state_names.h"
#include "dataplane/prospect.h"
#include "net/protocol.h"
#include "telemetry/drop_reason.h"

namespace isthmus::control {
namespace {

using dataplane::Prospect;
using End = Prospect::End;
using Part = nat::Foreseen::Part;

enum class Tense : uint8_t { kFuture, kPast };

std::string_view end_name(End end) {
  switch (end) {
    case End::kDropped: return "dropped";
    case End::kForwarded: return "forwarded";
    case End::kSplit: return "forwarded in fragments";
    case End::kTurned: return "turned around";
    case End::kAnswered: return "answered";
    case End::kHeld: return "held";
    case End::kBox: return "for the box itself";
    case End::kDns: return "for DNS64";
    case End::kPassed: return "passed through untranslated";
    case End::kDepends: return "depends on the datagram's other fragments";
  }
  return "unknown";
}

std::string_view part_name(Part part, Tense tense) {
  if (part == Part::kNone) return "none";
  if (tense == Tense::kPast) return part == Part::kFound ? "found" : "made";
  return part == Part::kFound ? "there is one" : "would be made";
}

class Report {
 public:
  Report(Backend& backend, Tense tense, Json& out) : backend_(backend), tense_(tense), out_(out) {}

  void add(const Prospect& prospect, const std::string& before) {
    before_ = before;
    field("outcome") = end_name(prospect.end);
    if (prospect.reason != telemetry::DropReason::kNone) {
      field("reason") = telemetry::name(prospect.reason);
      field("why") = telemetry::help(prospect.reason);
    }
    if (prospect.foreseen.limit != nat::LimitKind::kNone) {
      field("limit") = limit_name(prospect.foreseen.limit);
    }
    field("interface") = interface_name(prospect.ingress);
    add_owner(prospect);
    if (prospect.cls.kind == nat::Class::kStateful) add_state(prospect.foreseen);
    if (leaves(prospect)) add_packet(prospect);
    if (prospect.split_mtu != 0) field("fragment_octets") = prospect.split_mtu;
    if (goes(prospect)) add_way(prospect);
  }

 private:
  Json& field(const char* name) { return out_[before_ + name]; }

  static bool goes(const Prospect& p) {
    return p.end == End::kForwarded || p.end == End::kSplit || p.end == End::kAnswered ||
           p.end == End::kPassed;
  }
  static bool leaves(const Prospect& p) { return goes(p) || p.end == End::kTurned; }

  std::string interface_name(dataplane::InterfaceId id) const {
    const auto& interfaces = backend_.dataplane().interfaces();
    return id < interfaces.size() ? interfaces[id].name : fmt::format("#{}", id);
  }

  void add_owner(const Prospect& prospect) {
    const auto config = backend_.config();
    const auto& cls = prospect.cls;
    if (cls.kind == nat::Class::kStateful && cls.instance < config->nat64.size()) {
      field("nat64") = config->nat64[cls.instance].name;
    } else if (cls.kind == nat::Class::kStateless && cls.instance < config->siit.size()) {
      field("siit") = config->siit[cls.instance].name;
    }
    field("worker") = prospect.worker;
  }

  void add_state(const nat::Foreseen& foreseen) {
    field("session") = part_name(foreseen.session, tense_);
    field("binding") = part_name(foreseen.binding, tense_);
    if (!foreseen.knows_flow) return;
    const auto& flow = foreseen.flow;
    field("protocol") = net::protocol_text(flow.protocol);
    field("inside") = net::to_string(flow.inside);
    field("inside_port") = flow.inside_port.host();
    field("outside") = net::to_string(flow.outside);
    field("outside_port") = flow.outside_port.host();
    field("remote") = net::to_string(flow.remote);
    field("remote_port") = flow.remote_port.host();
    if (foreseen.session == Part::kNone) return;
    if (foreseen.session == Part::kFound) {
      field("state") = state_name(flow.state);
      field("expires_in_ms") = flow.expires_in_ms;
    }
    field("state_after") = state_name(foreseen.after);
    field("expires_after_ms") = foreseen.lifetime_ms;
  }

  void add_packet(const Prospect& prospect) {
    field("packet") = describe_packet(prospect.packet);
    if (tense_ == Tense::kPast) return;
    std::string hex;
    for (const uint8_t byte : prospect.packet) hex += fmt::format("{:02x}", byte);
    field("bytes") = hex;
  }

  void add_way(const Prospect& prospect) {
    if (!prospect.has_route) {
      field("next_hop") = "no route";
      return;
    }
    field("next_hop") = text(prospect.next_hop);
    field("egress") = interface_name(prospect.egress);
    const auto& interfaces = backend_.dataplane().interfaces();
    if (prospect.egress < interfaces.size()) field("port") = interfaces[prospect.egress].port;
    field("link_address") = prospect.link_address ? net::to_string(*prospect.link_address)
                                                  : "unknown: it waits until it is resolved";
  }

  Backend& backend_;
  const Tense tense_;
  Json& out_;
  std::string before_;
};

}  // namespace

void describe_step(Backend& backend, const dataplane::Prospect& prospect,
                   nlohmann::ordered_json& out) {
  Report(backend, Tense::kPast, out).add(prospect, "");
}

Answer simulate(Backend& backend, const Request& request) {
  std::string_view line = request.rest;
  std::optional<dataplane::InterfaceId> from;
  const auto words = split_words(line);
  if (words.size() >= 2 && words[0] == "on") {
    const auto& interfaces = backend.dataplane().interfaces();
    for (std::size_t i = 0; i < interfaces.size(); ++i) {
      if (interfaces[i].name == words[1]) from = static_cast<dataplane::InterfaceId>(i);
    }
    if (!from) {
      return failure(fmt::format("there is no interface \"{}\"", words[1].substr(0, 80)),
                     "\"show interfaces\" lists them");
    }
    line.remove_prefix(static_cast<std::size_t>(words[1].data() - line.data()) + words[1].size());
  }
  const auto packet = parse_packet(line);
  if (const auto* wrong = std::get_if<Complaint>(&packet)) return {{}, {}, *wrong};
  const auto& bytes = std::get<PacketBytes>(packet);
  const auto prospects = backend.dataplane().simulate(bytes, from);
  if (!prospects) return failure(prospects.error().text, "\"show workers\" tells who is alive");
  Json out{{"simulated", describe_packet(bytes)}};
  Report report(backend, Tense::kFuture, out);
  for (std::size_t i = 0; i < prospects->size(); ++i) {
    report.add((*prospects)[i], i == 0 ? "" : i == 1 ? "second_" : "third_");
  }
  return answer(out);
}

}  // namespace isthmus::control
