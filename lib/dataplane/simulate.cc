// SPDX-License-Identifier: BSD-3-Clause
// What would become of a packet: the stages of a worker, as far as they only look.
#include <fmt/format.h>

#include "dataplane/engine.h"
#include "dataplane/simulation.h"
#include "nat/core.h"
#include "net/address_tests.h"

namespace isthmus::dataplane {
namespace {

using End = Prospect::End;

/// More hops between workers than any packet has.
constexpr unsigned kMostQuestions = 8;

void end_with(Prospect& out, End end, DropReason reason = DropReason::kNone) {
  out.end = end;
  out.reason = reason;
}

}  // namespace

void Worker::simulate(Simulation& sim) {
  core_.forwarding = &parts_.forwarding->current();
  core_.now_ms = parts_.clock.now_ms();
  sim.elsewhere.reset();
  Prospect& out = sim.prospect;
  out = {};
  out.worker = core_.id;
  sim.work.clear();
  net::PacketBuf& packet = sim.work.next_packet();
  net::PacketView& view = sim.work.next_view();
  if (const auto reason = net::parse_ip(packet, view); reason != DropReason::kNone) {
    return end_with(out, End::kDropped, reason);
  }
  if (!sim.ingress) sim.ingress = way_back(packet, view);
  out.ingress = *sim.ingress;
  if (sim.is_second_half) {
    out.cls = translator_->classify4(net::header_at<net::Ip4Header>(packet.data)->destination);
  } else if (!simulate_receive(sim)) {
    return;
  }
  if (out.cls.kind == nat::Class::kStateful && core_.fabric.workers > 1) {
    const auto owner =
        translator_->classifier().owner_of(core_.fabric.ownership, packet, view, out.cls);
    if (owner.kind == steer::Owner::kWorker && owner.worker != core_.id) {
      sim.elsewhere = owner.worker;
      return;
    }
  }
  const bool v6 = view.family == 6;
  sim.work.commit(nullptr, {*sim.ingress, 0, sim.is_second_half, out.cls, nat::Past::kNone});
  v6 ? simulate_translation<6>(sim) : simulate_translation<4>(sim);
}

// Where packets to its sender leave, or any interface.
InterfaceId Worker::way_back(const net::PacketBuf& packet, const net::PacketView& view) const {
  const auto index = view.family == 6
                         ? route_.look_up(net::header_at<net::Ip6Header>(packet.data)->source)
                         : route_.look_up(net::header_at<net::Ip4Header>(packet.data)->source);
  const Adjacency& back = route_.adjacency(index);
  return back.state == Adjacency::kNone ? InterfaceId{0} : back.interface;
}

// As receive_ip(). False: no translator gets it.
bool Worker::simulate_receive(Simulation& sim) {
  Prospect& out = sim.prospect;
  const net::PacketBuf& packet = sim.work.next_packet();
  const net::PacketView& view = sim.work.next_view();
  const Fate fate = classifier_.classify(packet, view, sim.to_group);
  out.cls = fate.cls;
  if (fate.check_source && forward_.is_spoofed(packet, view, out.ingress)) {
    end_with(out, End::kDropped, DropReason::kSpoofed);
    return false;
  }
  switch (fate.kind) {
    case Fate::kTranslate: return true;
    case Fate::kPunt: end_with(out, End::kBox); break;
    case Fate::kPuntDns: end_with(out, End::kDns); break;
    case Fate::kForward: simulate_passing(sim); break;
    case Fate::kIgnore:
      end_with(
          out, End::kDropped,
          fate.cls.kind == nat::Class::kUnserved ? DropReason::kNotServed : DropReason::kNotForUs);
      break;
  }
  return false;
}

// As ForwardStage::run(), but for the answers: whoever would be told is not.
void Worker::simulate_passing(Simulation& sim) {
  Prospect& out = sim.prospect;
  const net::PacketBuf& packet = sim.work.next_packet();
  const auto check = [&](bool legal_source, bool legal_destination, unsigned hops,
                         AdjacencyIndex next) {
    if (!legal_source) return end_with(out, End::kDropped, DropReason::kIllegalSource);
    if (!legal_destination) return end_with(out, End::kDropped, DropReason::kNotForUs);
    if (hops <= 1) return end_with(out, End::kDropped, DropReason::kHopLimit);
    if (route_.adjacency(next).state == Adjacency::kNone) {
      return end_with(out, End::kDropped, DropReason::kNoRoute);
    }
    if (packet.length > route_.adjacency(next).mtu) {
      return end_with(out, End::kDropped, DropReason::kTooBig);
    }
    end_with(out, End::kPassed);
    simulate_way(out, next, packet);
  };
  if (sim.work.next_view().family == 6) {
    const auto* ip = net::header_at<net::Ip6Header>(packet.data);
    return check(!net::is_illegal_source(ip->source), !net::is_link_local(ip->destination),
                 ip->hop_limit, route_.look_up(ip->destination));
  }
  const auto* ip = net::header_at<net::Ip4Header>(packet.data);
  check(!net::is_illegal_source(ip->source), !net::is_illegal_source(ip->destination), ip->ttl,
        route_.look_up(ip->destination));
}

template <int kFamily>
void Worker::simulate_translation(Simulation& sim) {
  constexpr auto kDirection = kFamily == 6 ? nat::Direction::k6To4 : nat::Direction::k4To6;
  Prospect& out = sim.prospect;
  nat::Batch& batch = sim.work.nat;
  const nat::Decision& d = batch.decision[0];
  translator_->core().end_dead_session<kDirection>(batch, 0, core_.now_ms);
  translator_->core().foresee<kDirection>(batch, 0, core_.now_ms, out.foreseen);
  switch (d.verdict) {
    case nat::Verdict::kDrop: return end_with(out, End::kDropped, d.reason);
    case nat::Verdict::kLocal: return end_with(out, End::kBox);
    case nat::Verdict::kConsumed:
      return end_with(out, out.foreseen.is_fragment ? End::kDepends : End::kHeld, d.reason);
    default: break;
  }
  const auto outcome = nat_.foresee<kFamily>(sim.work);
  const net::PacketBuf& packet = sim.work.packet[0];
  switch (outcome.action) {
    case xlat::Action::kDrop: return end_with(out, End::kDropped, outcome.reason);
    case xlat::Action::kReply: {
      end_with(out, End::kAnswered, outcome.reason);
      const auto index =
          *packet.data >> 4 == 6
              ? route_.look_up(net::header_at<net::Ip6Header>(packet.data)->destination)
              : route_.look_up(net::header_at<net::Ip4Header>(packet.data)->destination);
      return simulate_way(out, index, packet);
    }
    case xlat::Action::kSplit: out.split_mtu = outcome.split_mtu; break;
    case xlat::Action::kForward: break;
  }
  if (d.hairpin) return end_with(out, End::kTurned);
  end_with(out, outcome.action == xlat::Action::kSplit ? End::kSplit : End::kForwarded);
  simulate_way(out, static_cast<AdjacencyIndex>(sim.work.next_hop(0)), packet);
}

// As RouteStage::send().
void Worker::simulate_way(Prospect& out, AdjacencyIndex index, const net::PacketBuf& packet) const {
  const Adjacency& next = route_.adjacency(index);
  if (next.state == Adjacency::kNone) return;
  out.has_route = true;
  out.egress = next.interface;
  if (next.state != Adjacency::kOnLink) {
    out.next_hop = core_.forwarding->neighbors[index];
  } else if (*packet.data >> 4 == 6) {
    out.next_hop = net::header_at<net::Ip6Header>(packet.data)->destination;
  } else {
    out.next_hop = net::header_at<net::Ip4Header>(packet.data)->destination;
  }
  if (next.state == Adjacency::kResolved) {
    out.link_address = net::header_at<net::EthHeader>(next.link.data())->destination;
  }
}

Result<std::vector<Prospect>> Engine::simulate(std::span<const uint8_t> packet,
                                               std::optional<InterfaceId> from) {
  if (packet.empty() || packet.size() > Simulation::kMostBytes) {
    return Error{fmt::format("found a packet of {} octets, expected 1 to {}", packet.size(),
                             Simulation::kMostBytes)};
  }
  auto sim = std::make_unique<Simulation>();
  sim->set_packet(packet);
  sim->ingress = from;
  std::vector<Prospect> out;
  unsigned id = 0;
  for (unsigned asked = 0; asked < kMostQuestions; ++asked) {
    auto answered = ask(id, [&](nat::Translator&, uint32_t) { workers_[id]->simulate(*sim); });
    if (!answered) return answered.error();
    if (sim->elsewhere) {
      id = *sim->elsewhere;
      continue;
    }
    out.push_back(sim->prospect);
    out.back().packet.assign(sim->packet().begin(), sim->packet().end());
    if (sim->prospect.end != End::kTurned) return out;
    sim->is_second_half = true;
  }
  return out;
}

}  // namespace isthmus::dataplane
