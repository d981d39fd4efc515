// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The three passes over a batch, and the established packet.
#include "nat/core.h"

namespace isthmus::nat {

using net::Payload;

namespace {

bool is_simple(const net::PacketView& view, const Decision& d) {
  const bool known = view.payload == Payload::kTcp || view.payload == Payload::kUdp ||
                     view.payload == Payload::kIcmpQuery;
  return known && !view.is_fragment() && !view.source_route && d.cls.kind == Class::kStateful;
}

// ICMP queries have one identifier, which is the inside host's name; the remote has no port.
net::Be16 remote_port(const net::PacketView& view, net::Be16 port) {
  return view.payload == Payload::kIcmpQuery ? net::Be16::from_raw(0) : port;
}

uint8_t session_protocol(const net::PacketView& view) {
  return view.payload == Payload::kIcmpQuery ? uint8_t{net::kProtoIcmp4} : view.protocol;
}

}  // namespace

template <Direction kDirection>
SessionKey Core::key_of(const Batch& batch, unsigned i) const {
  const auto& view = batch.view[i];
  if constexpr (kDirection == Direction::k6To4) {
    const auto* ip = net::header_at<net::Ip6Header>(batch.buf[i]->data);
    const uint8_t prefix = batch.decision[i].cls.prefix;
    return {ip->source,
            classifier.stateful_prefix(prefix).extract(ip->destination),
            {},
            view.source_port,
            remote_port(view, view.destination_port),
            {},
            session_protocol(view),
            prefix};
  } else {
    const auto* ip = net::header_at<net::Ip4Header>(batch.buf[i]->data);
    return {{},
            ip->source,
            ip->destination,
            {},
            remote_port(view, view.source_port),
            view.destination_port,
            session_protocol(view),
            0};
  }
}

template <Direction kDirection>
void Core::prepare(const Batch& batch, Lane* lanes) const {
  for (unsigned i = 0; i < batch.count; ++i) {
    Lane& lane = lanes[i];
    const auto& view = batch.view[i];
    const auto& d = batch.decision[i];
    lane.simple = is_simple(view, d);
    lane.candidate = Index::kNone;
    if (!lane.simple) continue;
    lane.key = key_of<kDirection>(batch, i);
    lane.hash = tables.hash(kDirection, lane.key);
    tables.index(kDirection).prefetch(lane.hash);
  }
}

template <Direction kDirection>
void Core::decide_batch(Batch& batch, uint32_t now_ms) {
  tables.wheel().start(now_ms);
  events.set_time(now_ms);
  Lane lanes[kBatch];
  prepare<kDirection>(batch, lanes);
  for (unsigned i = 0; i < batch.count; ++i) {
    if (!lanes[i].simple) continue;
    lanes[i].candidate = tables.index(kDirection).candidate(lanes[i].hash);
    // A guess: without a candidate the first record is prefetched, which costs nothing.
    __builtin_prefetch(&tables.session(lanes[i].candidate == Index::kNone ? 0 : lanes[i].candidate),
                       1);
  }
  for (unsigned i = 0; i < batch.count; ++i) {
    Decision& d = batch.decision[i];
    d.reason = DropReason::kNone;
    d.hairpin = false;
    d.has_delta = false;
    if (lanes[i].simple) {
      act<kDirection>(batch, i, lanes[i], now_ms);
    } else {
      decide_other<kDirection>(batch, i, now_ms);
    }
    if ((d.verdict == Verdict::kDrop || d.verdict == Verdict::kConsumed) &&
        d.reason != DropReason::kNone) {
      counters_.add_drop(d.reason);
    }
  }
}

template <Direction kDirection>
bool Core::fast_path(Session& s, const net::PacketView& view, uint32_t now_ms) {
  const bool steady = s.state == TcpState::kNone || (s.state == TcpState::kEstablished &&
                                                     (view.tcp_flags & kTcpControlFlags) == 0);
  if (!steady || is_over(s, now_ms)) return false;
  refresh<kDirection>(s, now_ms);
  return true;
}

template <Direction kDirection>
void Core::translate(const Session& s, const Batch& batch, unsigned i, Decision& d) const {
  d.verdict = Verdict::kTranslate;
  const bool query = s.key.protocol == net::kProtoIcmp4;
  // The ICMP checksum covers a pseudo-header in IPv6 only; its change depends on the length.
  d.has_delta = !query;
  if constexpr (kDirection == Direction::k6To4) {
    d.delta = net::ChecksumDelta::from_raw(s.delta);
    d.to4 = {s.key.pool, s.key.remote, s.key.pool_port, query ? s.key.pool_port : s.key.remote_port,
             true};
    d.hairpin = classifier.classify4(s.key.remote).kind != Class::kNone;
    const auto& prefix = prefix_of(s.key);
    if (prefix.prefix().length != 96) {
      // RFC 6052 2.2: what stands in octet u and suffix is ignored, but it was summed by the
      // sender.
      const auto* ip = net::header_at<net::Ip6Header>(batch.buf[i]->data);
      if (ip->destination != prefix.embed(s.key.remote)) d.has_delta = false;
    }
  } else {
    d.delta = -net::ChecksumDelta::from_raw(s.delta);
    d.to6 = {prefix_of(s.key).embed(s.key.remote), s.key.inside,
             query ? s.key.inside_port : s.key.remote_port, s.key.inside_port, true};
  }
}

template <Direction kDirection>
void Core::act(Batch& batch, unsigned i, Lane& lane, uint32_t now_ms) {
  const auto& view = batch.view[i];
  uint32_t found = lane.candidate;
  const bool hit =
      found != Index::kNone &&
      (kDirection == Direction::k6To4 ? same_inside(tables.session(found).key, lane.key)
                                      : same_outside(tables.session(found).key, lane.key));
  if (!hit) found = tables.find_session(kDirection, lane.hash, lane.key);
  if (found == Index::kNone) return miss<kDirection>(batch, i, lane, now_ms);
  Session& s = tables.session(found);
  if (!fast_path<kDirection>(s, view, now_ms)) {
    if (!settle(found, now_ms)) return miss<kDirection>(batch, i, lane, now_ms);
    if (s.state == TcpState::kNone) {
      refresh<kDirection>(s, now_ms);
    } else {
      track_tcp(found, tcp_event(kDirection, view.tcp_flags), now_ms);
    }
  }
  s.count(kDirection, view.total_length);
  translate<kDirection>(s, batch, i, batch.decision[i]);
}

template <Direction kDirection>
void Core::miss(Batch& batch, unsigned i, Lane& lane, uint32_t now_ms) {
  Decision& d = batch.decision[i];
  if constexpr (kDirection == Direction::k6To4) {
    miss_6to4(batch.view[i], lane, d, now_ms);
  } else {
    miss_4to6(*batch.buf[i], batch.view[i], lane, d, now_ms);
  }
  if (d.verdict != Verdict::kTranslate) return;
  // miss_*() left in the lane what to translate to: a session, or just a binding.
  if (lane.candidate != Index::kNone) {
    Session& s = tables.session(lane.candidate);
    s.count(kDirection, batch.view[i].total_length);
    translate<kDirection>(s, batch, i, d);
  } else {
    Session bare{};
    bare.key = lane.key;
    translate<kDirection>(bare, batch, i, d);
    d.has_delta = false;
  }
}

template SessionKey Core::key_of<Direction::k6To4>(const Batch&, unsigned) const;
template SessionKey Core::key_of<Direction::k4To6>(const Batch&, unsigned) const;
template void Core::act<Direction::k6To4>(Batch&, unsigned, Lane&, uint32_t);
template void Core::act<Direction::k4To6>(Batch&, unsigned, Lane&, uint32_t);
template void Core::decide_batch<Direction::k6To4>(Batch&, uint32_t);
template void Core::decide_batch<Direction::k4To6>(Batch&, uint32_t);

}  // namespace isthmus::nat
