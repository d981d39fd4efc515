// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "dataplane/nat_stage.h"

#include "dataplane/fragment_out.h"
#include "nat/plain_path.h"
#include "net/headers.h"

namespace isthmus::dataplane {
namespace {

// Between the halves of a hairpin there is no link, hence no MTU: the second half meets the real
// one.
constexpr uint16_t kNoMtu = 65535;

bool is_translation(const nat::Decision& decision) {
  return decision.verdict == nat::Verdict::kTranslate ||
         decision.verdict == nat::Verdict::kTranslateError;
}

// A router without a route answers "no route" / "network unreachable" (RFC 4443 3.1 code 0, RFC
// 1812 5.2.7.1 code 0).
void answer_no_route(nat::Decision& decision, int family) {
  decision.verdict = nat::Verdict::kAnswer;
  decision.reason = DropReason::kNoRoute;
  decision.answer = {
      family == 6 ? uint8_t{net::kIcmp6Unreachable} : uint8_t{net::kIcmp4Unreachable}, 0, 0};
}

}  // namespace

template <int kFamily>
void NatStage::run(Work& work) {
  if (work.usual_way.begin<kFamily>(core_, translator_, work.nat)) [[unlikely]]
    route_.look_up<kFamily>(work, 0, 1);
  translator_.decide_seen(work.nat, core_.now_ms);
  work.usual_way.end<kFamily>(work.nat);
  if (const unsigned usual = work.nat.has_usual ? 1 : 0; work.nat.ways > usual) {
    route_.look_up<kFamily>(work, usual, work.nat.ways);
  }
  constexpr auto kType = kFamily == 6 ? net::kEtherIp4 : net::kEtherIp6;
  if (const Exit exit = route_.common_exit(work, kType); exit.is_usual()) [[likely]] {
    rewrite_all<kFamily, RouteStage::OneWay>(work, exit);
  } else {
    rewrite_all<kFamily, RouteStage::Ways>(work, kType);
  }
  work.clear();
}

// The two short ways are written out, each with its own sending: shared, they cost established
// flows 7 to 10 instructions a packet more (405 for 398, clang 14).
template <int kFamily, class Ways, class Argument>
void NatStage::rewrite_all(Work& work, const Argument& argument) {
  Ways ways(route_, work, argument);
  constexpr auto kDirection = kFamily == 6 ? nat::Direction::k6To4 : nat::Direction::k4To6;
  nat::Batch& batch = work.nat;
  const unsigned count = batch.count;
  nat::PlainRewrite<kDirection> rewrite(translator_.core(), count);
  for (unsigned i = 0; i < count; ++i) {
    const nat::Session* s = batch.session[i];
    if (s != nullptr) [[likely]] {
      uint8_t* ip = batch.ip[i];
      uint32_t length = batch.length[i];
      if (rewrite.run(i, ip, length, *s, ways.plain_mtu(i))) [[likely]] {
        ways.send(work.mbuf[i], ip, length);
        continue;
      }
      translator_.spell_out(batch, i, core_.now_ms);
    } else if (batch.is_stateless(i)) {
      uint8_t* ip = batch.ip[i];
      uint32_t length = batch.length[i];
      if (rewrite.run_stateless(i, ip, length, batch, ways.plain_mtu(i))) [[likely]] {
        ways.send(work.mbuf[i], ip, length);
        continue;
      }
      translator_.spell_out(batch, i, core_.now_ms);
    }
    rewrite.leave_out();
    if (batch.is_plain(i)) work.complete(i);
    ways.pause();
    finish<kFamily>(work, i);
    ways.resume();
  }
  ways.pause();
}

template void NatStage::run<4>(Work&);
template void NatStage::run<6>(Work&);

template <int kFamily>
xlat::Outcome NatStage::foresee(Work& work) {
  nat::Decision& d = work.nat.decision[0];
  work.nat.ways = 1;
  work.nat.way[0] = 0;
  work.nat.next4[0] = kFamily == 6 && is_translation(d) ? d.to4.destination.host() : 0;
  work.nat.next6[0] = kFamily == 4 && is_translation(d) ? d.to6.destination : net::Ip6{};
  route_.look_up<kFamily>(work, 0, 1);
  if (is_translation(d) && !d.hairpin &&
      route_.adjacency(work.next_hop(0)).state == Adjacency::kNone) {
    answer_no_route(d, kFamily);
  }
  return translator_.core().foresee_apply(work.nat, 0, path_of<kFamily>(work, 0), core_.now_ms);
}

template xlat::Outcome NatStage::foresee<4>(Work&);
template xlat::Outcome NatStage::foresee<6>(Work&);

template <int kFamily>
xlat::Path NatStage::path_of(const Work& work, unsigned i) const {
  const nat::Decision& decision = work.nat.decision[i];
  const auto& own = core_.forwarding->locals->own;
  const InterfaceId in = work.ingress[i];
  const uint16_t in_mtu = core_.fabric.interfaces[in].mtu;
  InterfaceId out = in;
  uint16_t out_mtu = in_mtu;
  if (decision.hairpin) {
    out_mtu = kNoMtu;
  } else if (is_translation(decision)) {
    const Adjacency& next = route_.adjacency(work.next_hop(i));
    out = next.interface;
    out_mtu = next.mtu;
  }
  const uint16_t in_limit = decision.keep_hop_limit ? kNoMtu : in_mtu;
  if constexpr (kFamily == 6) return {out_mtu, in_limit, own[out].ip4, own[in].ip6};
  return {in_limit, out_mtu, own[in].ip4, own[out].ip6};
}

template <int kFamily>
void NatStage::finish(Work& work, unsigned i) {
  nat::Decision& decision = work.nat.decision[i];
  if (decision.verdict == nat::Verdict::kDrop || decision.verdict == nat::Verdict::kConsumed) {
    if (core_.tap != nullptr) [[unlikely]]
      core_.tap->dropped(work.mbuf[i], work.packet[i], decision.reason);
    rte_pktmbuf_free(work.mbuf[i]);  // the translator has counted it
    return;
  }
  if (decision.verdict == nat::Verdict::kLocal) {
    sync_mbuf(work.mbuf[i], work.packet[i]);
    route_.give_to_box(work.mbuf[i], work.ingress[i]);
    return;
  }
  if (is_translation(decision) && !decision.hairpin &&
      route_.adjacency(work.next_hop(i)).state == Adjacency::kNone) {
    answer_no_route(decision, kFamily);
  }
  if (core_.tap != nullptr) [[unlikely]]
    core_.tap->keep(work.packet[i]);
  const xlat::Outcome outcome =
      translator_.apply(work.nat, i, path_of<kFamily>(work, i), core_.now_ms);
  if (core_.tap != nullptr && outcome.reason != DropReason::kNone) [[unlikely]]
    core_.tap->dropped_as_kept(work.mbuf[i], outcome.reason);
  switch (outcome.action) {
    case xlat::Action::kForward: forward(work, i); break;
    case xlat::Action::kSplit: split(work, i, outcome.split_mtu); break;
    case xlat::Action::kReply: reply(work, i); break;
    case xlat::Action::kDrop: rte_pktmbuf_free(work.mbuf[i]); break;
  }
}

void NatStage::forward(Work& work, unsigned i) {
  sync_mbuf(work.mbuf[i], work.packet[i]);
  if (work.nat.decision[i].hairpin) {
    turn(work.mbuf[i], work.ingress[i], work.hops[i]);
  } else {
    route_.send(work.mbuf[i], work.next_hop(i), work.hops[i]);
  }
}

void NatStage::split(Work& work, unsigned i, uint16_t mtu) {
  send_fragments(core_, work.mbuf[i], work.packet[i], mtu, [&](rte_mbuf* fragment) {
    if (work.nat.decision[i].hairpin) {
      turn(fragment, work.ingress[i], work.hops[i]);
    } else {
      route_.send(fragment, work.next_hop(i), work.hops[i]);
    }
  });
}

void NatStage::reply(Work& work, unsigned i) {
  rte_mbuf* mbuf = work.mbuf[i];
  sync_mbuf(mbuf, work.packet[i]);
  const auto* ip = rte_pktmbuf_mtod(mbuf, const uint8_t*);
  if (ip[0] >> 4 == 4) {
    const net::Ip4 sender = net::header_at<net::Ip4Header>(ip)->destination;
    // Only about what was turned: others came from the IPv4 side, and so does who sent them, also
    // when a mapping gives that host an IPv6 address (RFC 6877).
    if (work.nat.decision[i].keep_hop_limit &&
        translator_.classify4(sender).kind != nat::Class::kNone) {
      turn_own(mbuf, work.ingress[i], work.hops[i]);
      return;
    }
  }
  route_.send_by_destination(mbuf, work.hops[i]);
}

// An error of ours about a hairpinned packet. It is counted as what it is about, so that its second
// half, too, is one of a packet that came.
void NatStage::turn_own(rte_mbuf* mbuf, InterfaceId ingress, uint8_t hops) {
  core_.counters.add(Counter::kHairpin);
  turn(mbuf, ingress, hops);
}

void NatStage::turn(rte_mbuf* mbuf, InterfaceId ingress, uint8_t hops) {
  if (turned_tail_ - turned_head_ == kTurned) {
    core_.drop(mbuf, DropReason::kHandoffFull);
    return;
  }
  turned_[turned_tail_++ % kTurned] = {mbuf, ingress, hops};
}

bool NatStage::take_turned(Turned& out) {
  if (turned_head_ == turned_tail_) return false;
  out = turned_[turned_head_++ % kTurned];
  return true;
}

bool NatStage::is_pools(net::Ip4 address) const {
  return translator_.classify4(address).kind == nat::Class::kStateful;
}

void NatStage::originate(unsigned budget) {
  for (; budget != 0 && translator_.has_origination(); --budget) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(core_.pool);
    if (mbuf == nullptr) return;  // it can wait
    net::PacketBuf packet = packet_of(mbuf);
    const auto& any = core_.forwarding->locals->any;
    if (!translator_.originate(packet, xlat::Path{kNoMtu, kNoMtu, any.ip4, any.ip6})) {
      rte_pktmbuf_free(mbuf);
      return;
    }
    sync_mbuf(mbuf, packet);
    // What it is about may have come from an inside host, which goes by its pool address here.
    if (*packet.data >> 4 == 4 &&
        is_pools(net::header_at<net::Ip4Header>(packet.data)->destination)) {
      turn_own(mbuf, 0, 0);
    } else {
      route_.send_by_destination(mbuf, 0);
    }
  }
}

}  // namespace isthmus::dataplane
