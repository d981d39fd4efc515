// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "dataplane/worker.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_prefetch.h>

namespace isthmus::dataplane {
namespace {

constexpr unsigned kBurst = nat::kBatch;
/// Too little room for a burst that is worth its cost.
constexpr unsigned kLeastRoom = 16;
/// Frames whose headers are fetched ahead.
constexpr unsigned kAhead = 4;
constexpr unsigned kInjectBurst = 32;
constexpr unsigned kTurnsPerHousekeeping = 2;
/// Two bursts' worth: sessions end as fast as full bursts of new flows can make them.
constexpr unsigned kExpiryBudget = 2 * kBurst;
constexpr unsigned kOriginationBudget = 32;
/// An error about the second half of a hairpin is turned around once more; nothing needs a third.
constexpr unsigned kMaxTurns = 3;

Origin origin_of(const FrameMeta& meta) {
  return {meta.interface, meta.hops, meta.keep_hop_limit, meta.cls, meta.past};
}

}  // namespace

unsigned Worker::poll_once() {
  core_.forwarding = &parts_.forwarding->current();
  core_.now_ms = parts_.clock.now_ms();
  // The backlog of other workers before fresh packets, or it would starve behind them.
  unsigned packets = take_handoffs();
  for (const auto& queue : parts_.rx) packets += take_queue(queue);
  translate();
  packets += take_injected();
  const unsigned released = take_released();
  if (packets == 0 || loop_.loops % kTurnsPerHousekeeping == 0) housekeep();
  handoff_.flush();
  tx_.flush();
  if (requests_.waiting()) requests_.answer(*translator_, core_.now_ms);
  parts_.forwarding->quiescent(core_.id);

  const uint64_t tsc = rte_rdtsc();
  const uint64_t cycles = tsc - last_tsc_;
  last_tsc_ = tsc;
  ++loop_.loops;
  loop_.total_cycles += cycles;
  if (packets != 0) {
    ++loop_.busy_loops;
    loop_.busy_cycles += cycles;
    loop_.packets += packets;
    loop_.bursts.add(packets);
    loop_.packet_cycles.add(cycles / packets, packets);
  }
  return packets + released;
}

// How many more packets fit into the burst that is being gathered, whichever family they are of.
unsigned Worker::room() {
  const unsigned used = six_.nat.count > four_.nat.count ? six_.nat.count : four_.nat.count;
  if (kBurst - used >= kLeastRoom) return kBurst - used;
  translate();
  return kBurst;
}

unsigned Worker::take_handoffs() {
  unsigned total = 0;
  std::array<rte_mbuf*, kBurst + kAhead> mbufs;
  for (unsigned from = 0; from < core_.fabric.workers; ++from) {
    if (from == core_.id) continue;
    const unsigned count = handoff_.take(from, mbufs.data(), room());
    if (count == 0) continue;
    std::fill_n(&mbufs[count], kAhead, mbufs[count - 1]);
    // What `from` has written lies in its caches.
    for (unsigned i = 0; i < count; ++i) {
      rte_prefetch0(mbufs[i]);
      rte_prefetch0(&meta_of(mbufs[i]));
    }
    const bool traced = core_.tap != nullptr && core_.tap->tracer() != nullptr;
    for (unsigned i = 0; i < count; ++i) {
      i += accept_plain(&mbufs[i], count - i);
      if (i == count) break;
      if (traced) [[unlikely]] {
        trace_handoff(mbufs[i], from);
      } else {
        accept(mbufs[i]);
      }
    }
    total += count;
  }
  return total;
}

template <int kFamily>
[[gnu::always_inline]] inline bool Worker::give_plain(rte_mbuf* frame, const PlainBurst& burst,
                                                      Work& work, std::size_t& place) {
  constexpr auto kDirection = kFamily == 6 ? nat::Direction::k6To4 : nat::Direction::k4To6;
  constexpr unsigned kEth = sizeof(net::EthHeader);
  auto* ip = rte_pktmbuf_mtod_offset(frame, uint8_t*, kEth);
  const uint32_t length = net::plain_length<kFamily, kEth>(ip, frame->data_len);
  if (length == 0) return false;
  const nat::Class cls = classifier_.class_of_plain<kFamily>(burst.gate, ip);
  if (cls.kind != nat::Class::kStateful) [[unlikely]] {
    if (cls.kind == nat::Class::kNone) return false;
    work.commit_stateless(place++, frame, ip, length, cls.instance, burst.search.anywhere());
    return true;
  }
  if (!burst.gate.alone) {
    const unsigned owner = classifier_.owner_of_plain<kFamily>(ip);
    if (owner != core_.id) {
      hand_plain<kFamily>(frame, ip, burst.interface, owner);
      return true;
    }
  }
  const uint16_t tail = nat::plain_tail<kDirection>(ip, cls.prefix);
  work.commit_plain(place++, frame, ip, length, tail, burst.search.fetch<kDirection>(ip, tail));
  return true;
}

// Whether it may be a plain packet: in an untagged frame of one segment. Buffers are longer than
// any header, so that how long the frame is may be asked later.
[[gnu::always_inline]] inline bool is_plain_frame(const rte_mbuf* frame,
                                                  const net::Pattern& start) {
  constexpr unsigned kLeastOffset = net::kMinHeadroom - sizeof(net::EthHeader);
  return frame->nb_segs == 1 && (frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0 &&
         frame->data_off >= kLeastOffset && start.holds(rte_pktmbuf_mtod(frame, const uint8_t*));
}

// Plain packets of the family go straight into the burst, without a view, from `next` on up to what
// is none, or has no room. On most links it is all of one family.
template <int kFamily>
[[gnu::always_inline]] inline rte_mbuf* const* Worker::take_plain(rte_mbuf* const* next,
                                                                  rte_mbuf* const* end,
                                                                  const PlainBurst& burst,
                                                                  uint64_t& bytes) {
  Work& work = kFamily == 6 ? six_ : four_;
  std::size_t place = work.nat.count;
  const auto room = static_cast<std::ptrdiff_t>(kBurst - place);
  if (end - next > room) end = next + room;
  for (; next != end; ++next) {
    rte_prefetch0(rte_pktmbuf_mtod(next[kAhead], void*));
    rte_mbuf* frame = *next;
    if (!is_plain_frame(frame, kFamily == 6 ? burst.six : burst.four)) break;
    bytes += frame->data_len;
    if (!give_plain<kFamily>(frame, burst, work, place)) {
      bytes -= frame->data_len;
      break;
    }
  }
  std::fill(&work.ingress[work.nat.count], &work.ingress[place], burst.interface);
  work.nat.count = static_cast<unsigned>(place);
  return next;
}

// Frames of one port, with kAhead more behind them that may be looked at; how many bytes they are.
uint64_t Worker::take_frames(rte_mbuf* const* frames, unsigned count, uint16_t port) {
  for (unsigned i = 0; i < kAhead; ++i) rte_prefetch0(rte_pktmbuf_mtod(frames[i], void*));
  const PlainBurst burst = plain_bursts_.of(port);
  uint64_t bytes = 0;
  rte_mbuf* const* const end = frames + count;
  for (rte_mbuf* const* next = frames; next != end;) {
    next = take_plain<6>(next, end, burst, bytes);
    next = take_plain<4>(next, end, burst, bytes);
    if (next == end) break;
    if (six_.full() || four_.full()) {
      translate();
      continue;
    }
    bytes += (*next)->pkt_len;
    receive(*next++, core_.fabric.ports[port]);
  }
  return bytes;
}

unsigned Worker::take_queue(const RxQueue& queue) {
  std::array<rte_mbuf*, kBurst + kAhead> frames;
  const PortTable& port = core_.fabric.ports[queue.port];
  const unsigned count = rte_eth_rx_burst(port.port_id, queue.queue, frames.data(), kBurst);
  if (count == 0) return 0;
  if (core_.tap != nullptr) [[unlikely]] {
    core_.tap->received(frames.data(), count, port.port_id);
    if (core_.tap->tracer() != nullptr) return trace_queue(frames.data(), count, queue);
  }
  std::fill_n(&frames[count], kAhead, frames[count - 1]);  // so that nobody has to ask
  const uint64_t bytes = take_frames(frames.data(), count, queue.port);
  steering_[queue.port].received += count;
  core_.counters.add(Counter::kRxPackets, count);
  core_.counters.add(Counter::kRxBytes, bytes);
  return count;
}

unsigned Worker::take_injected() {
  unsigned count = take_injected(*inject_ring_);
  for (const DnsLane& lane : dns_lanes_) count += take_injected(*lane.answers);
  return count;
}

unsigned Worker::take_injected(SpscRing& ring) {
  std::array<rte_mbuf*, kInjectBurst> frames;
  const unsigned count = ring.pop(frames.data(), kInjectBurst);
  static_assert(kInjectBurst <= kBurst, "translate() has emptied the bursts before");
  for (unsigned i = 0; i < count; ++i) {
    const FrameMeta& meta = meta_of(frames[i]);
    if (meta.task == FrameMeta::Task::kReceive) {
      receive(frames[i], core_.fabric.ports[meta.port]);
    } else {
      tx_.send(frames[i], meta.port, 0);
    }
  }
  if (count != 0) translate();
  core_.counters.add(Counter::kInjected, count);
  return count;
}

void Worker::receive(rte_mbuf* frame, const PortTable& port) {
  // Buffers are sized for the MTU; what came in pieces and does not fit one is larger than that.
  if (frame->nb_segs > 1 && rte_pktmbuf_linearize(frame) != 0) {
    core_.drop(frame, DropReason::kTooBig);
    return;
  }
  LinkView link;
  if (const auto reason = parse_link(frame, port, link); reason != DropReason::kNone) {
    core_.drop(frame, reason);
    return;
  }
  switch (link.ether_type) {
    case net::kEtherIp4:
    case net::kEtherIp6: receive_ip(frame, link); return;
    case net::kEtherArp:
      remove_tag(frame, link);
      punter_.frame(frame, PuntKind::kLocal, link.interface);
      return;
    default: core_.drop(frame, DropReason::kUnknownEtherType);
  }
}

void Worker::receive_ip(rte_mbuf* frame, const LinkView& link) {
  const bool v6 = link.ether_type == net::kEtherIp6;
  Work& work = v6 ? six_ : four_;
  net::PacketBuf& packet = work.next_packet();
  packet = packet_of(frame);
  packet.move_start(link.length);
  const auto reason =
      v6 ? net::parse6(packet, work.next_view()) : net::parse4(packet, work.next_view());
  if (reason != DropReason::kNone) {
    if (reason == DropReason::kExtHeader) translator_->tell_ext_header(packet);
    core_.drop(frame, reason);
    return;
  }
  const Fate fate = classifier_.classify(packet, work.next_view(), link.group);
  if (fate.check_source && forward_.is_spoofed(packet, work.next_view(), link.interface)) {
    core_.drop(frame, DropReason::kSpoofed);
    return;
  }
  switch (fate.kind) {
    case Fate::kForward: forward_.run(frame, packet, work.next_view(), link.interface); return;
    case Fate::kTranslate:
      give_to_nat(frame, work, {link.interface, 0, false, fate.cls, nat::Past::kNone});
      return;
    case Fate::kPunt:
      remove_tag(frame, link);
      punter_.frame(frame, PuntKind::kLocal, link.interface);
      return;
    case Fate::kPuntDns: {
      const uint64_t client = dns_client(packet, v6);
      remove_tag(frame, link);
      punter_.query(frame, link.interface, client);
      return;
    }
    case Fate::kIgnore:
      core_.drop(frame, fate.cls.kind == nat::Class::kUnserved ? DropReason::kNotServed
                                                               : DropReason::kNotForUs);
      return;
  }
}

// The packet has been parsed into `work`'s next place.
void Worker::give_to_nat(rte_mbuf* mbuf, Work& work, const Origin& origin) {
  // Stateless packets are translated where they arrive.
  if (origin.cls.kind == nat::Class::kStateful && core_.fabric.workers > 1) {
    const auto owner = translator_->classifier().owner_of(
        core_.fabric.ownership, work.next_packet(), work.next_view(), origin.cls);
    if (owner.kind == steer::Owner::kUnknown) {
      fill_meta(mbuf, work, origin);
      if (owner.worker == core_.id) {
        give_fragment(mbuf, work, origin);
      } else {
        hand_over(mbuf, FrameMeta::Task::kHome, owner.worker, origin);
      }
      return;
    }
    if (owner.kind == steer::Owner::kWorker && owner.worker != core_.id) {
      fill_meta(mbuf, work, origin);
      hand_over(mbuf, FrameMeta::Task::kDecide, owner.worker, origin);
      return;
    }
  }
  work.commit(mbuf, origin);
}

void Worker::fill_meta(rte_mbuf* mbuf, const Work& work, const Origin& origin) {
  const unsigned i = work.nat.count;
  sync_mbuf(mbuf, work.packet[i]);
  FrameMeta& meta = meta_of(mbuf);
  meta.hops = origin.hops;
  meta.keep_hop_limit = origin.keep_hop_limit;
  meta.interface = origin.interface;
  meta.cls = origin.cls;
  meta.past = origin.past;
  meta.view = work.nat.view[i];
}

// Whether a device that steers such packets ought to have taken this one elsewhere. An ICMP error
// belongs to the owner of what it quotes, which no device looks at.
bool Worker::is_mismatch(rte_mbuf* mbuf, const PortTable& port) const {
  const net::PacketView& view = meta_of(mbuf).view;
  if (view.family == 6) {
    return is_mismatch(rte_pktmbuf_mtod(mbuf, const net::Ip6Header*)->source, port);
  }
  const bool has_ports = view.protocol == net::kProtoTcp || view.protocol == net::kProtoUdp;
  return is_mismatch(rte_pktmbuf_mtod(mbuf, const net::Ip4Header*)->destination,
                     has_ports && !view.is_fragment(), view.destination_port.host(), port);
}

bool Worker::is_mismatch(const net::Ip6& source, const PortTable& port) const {
  return port.steers6 && core_.fabric.ownership.owner6(source) != core_.id;
}

bool Worker::is_mismatch(net::Ip4 destination, bool shows_ports, uint16_t to_port,
                         const PortTable& port) const {
  if (!port.steers4) return false;
  const steer::Ownership& ownership = core_.fabric.ownership;
  constexpr uint16_t kDealtFinely = 1024;
  if (ownership.mode4() == steer::Mode4::kByPortBlock && (!shows_ports || to_port < kDealtFinely)) {
    return false;
  }
  return ownership.owner_by_place(destination, to_port) != core_.id;
}

// As hand_over(), of a whole frame: its owner takes it as if it had come there, and so the short
// way.
template <int kFamily>
[[gnu::noinline]] void Worker::hand_plain(rte_mbuf* frame, const uint8_t* ip, InterfaceId interface,
                                          unsigned to) {
  const uint16_t port = core_.fabric.interfaces[interface].port;
  const PortTable& table = core_.fabric.ports[port];
  bool mismatch;
  if constexpr (kFamily == 6) {
    mismatch = is_mismatch(net::header_at<net::Ip6Header>(ip)->source, table);
  } else {
    const auto* udp = net::header_at<net::UdpHeader>(ip + sizeof(net::Ip4Header));
    mismatch = is_mismatch(net::header_at<net::Ip4Header>(ip)->destination, true,
                           udp->destination_port.host(), table);
  }
  ++steering_[port].handed_off;
  steering_[port].mismatched += mismatch;
  FrameMeta& meta = meta_of(frame);
  meta.task = FrameMeta::Task::kPlain;
  meta.port = port;
  handoff_.give(frame, to, 0);
}

void Worker::hand_over(rte_mbuf* mbuf, FrameMeta::Task task, unsigned to, const Origin& origin) {
  // What a port's steering missed; later hops are not its doing.
  if (origin.hops == 0 && !origin.keep_hop_limit) {
    const uint16_t port = core_.fabric.interfaces[origin.interface].port;
    ++steering_[port].handed_off;
    if (is_mismatch(mbuf, core_.fabric.ports[port])) ++steering_[port].mismatched;
  }
  meta_of(mbuf).task = task;
  handoff_.give(mbuf, to, origin.hops);
}

// Takes up a parsed packet whose meta data is complete and that this worker owns.
void Worker::resume(rte_mbuf* mbuf, Work& work) {
  const FrameMeta& meta = meta_of(mbuf);
  work.next_packet() = packet_of(mbuf);
  work.next_view() = meta.view;
  work.commit(mbuf, origin_of(meta));
}

// Takes those in front that are plain frames of one port; how many that were.
unsigned Worker::accept_plain(rte_mbuf* const* mbufs, unsigned count) {
  const auto is_plain = [](rte_mbuf* mbuf) {
    return meta_of(mbuf).task == FrameMeta::Task::kPlain;
  };
  if (!is_plain(mbufs[0])) return 0;
  const uint16_t port = meta_of(mbufs[0]).port;
  unsigned same = 1;
  while (same < count && is_plain(mbufs[same]) && meta_of(mbufs[same]).port == port) ++same;
  take_frames(mbufs, same, port);
  return same;
}

void Worker::accept(rte_mbuf* mbuf) {
  const FrameMeta& meta = meta_of(mbuf);
  switch (meta.task) {
    case FrameMeta::Task::kTransmit: tx_.send(mbuf, meta.port, meta.hops); return;
    case FrameMeta::Task::kDecide: resume(mbuf, meta.view.family == 6 ? six_ : four_); return;
    case FrameMeta::Task::kPlain:
    case FrameMeta::Task::kReceive: receive(mbuf, core_.fabric.ports[meta.port]); return;
    case FrameMeta::Task::kHome:
      four_.next_packet() = packet_of(mbuf);
      four_.next_view() = meta.view;
      give_fragment(mbuf, four_, origin_of(meta));
      return;
  }
}

// Both families look before either acts: what both read of memory is on its way at one time.
void Worker::translate() {
  if (six_.nat.count + four_.nat.count == 0 && !nat_.has_turned()) return;
  nat_.look_ahead(six_);
  nat_.look_ahead(four_);
  if (six_.nat.count != 0) nat_.run<6>(six_);
  if (four_.nat.count != 0) nat_.run<4>(four_);
  turn_around();
}

void Worker::turn_around() {
  NatStage::Turned turned;
  for (unsigned turn = 0; turn < kMaxTurns; ++turn) {
    while (!second_half_.full() && nat_.take_turned(turned)) {
      second_half_.next_packet() = packet_of(turned.mbuf);
      const auto reason = net::parse4(second_half_.next_packet(), second_half_.next_view());
      if (reason != DropReason::kNone) {
        core_.drop(turned.mbuf, reason);
        continue;
      }
      const auto* ip = net::header_at<net::Ip4Header>(second_half_.next_packet().data);
      const nat::Class cls = translator_->classify4(ip->destination);
      give_to_nat(turned.mbuf, second_half_,
                  {turned.ingress, turned.hops, true, cls, nat::Past::kNone});
    }
    if (second_half_.nat.count == 0) return;
    nat_.look_ahead(second_half_);
    nat_.run<4>(second_half_);
  }
  while (nat_.take_turned(turned)) core_.drop(turned.mbuf, DropReason::kHandoffLoop);
}

void Worker::housekeep() {
  translator_->expire(core_.now_ms, kExpiryBudget);
  nat_.originate(kOriginationBudget);
  tx_.give_turns();
}

}  // namespace isthmus::dataplane
