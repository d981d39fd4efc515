// SPDX-License-Identifier: BSD-3-Clause
// hot path
// One packet that is not plain, or has no session, or changes it.
#include "nat/core.h"

namespace isthmus::nat {

using net::Payload;

namespace {

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
            view.source_port,
            remote_port(view, view.destination_port),
            {},
            {},
            session_protocol(view),
            prefix};
  } else {
    const auto* ip = net::header_at<net::Ip4Header>(batch.buf[i]->data);
    return {{},
            ip->source,
            {},
            remote_port(view, view.source_port),
            ip->destination,
            view.destination_port,
            session_protocol(view),
            0};
  }
}

[[gnu::noinline]] void Core::spell_out(Batch& batch, unsigned i) const {
  net::PacketBuf& buf = *batch.buf[i];
  buf.data = batch.ip[i];
  buf.length = batch.length[i];
  net::parse_ip(buf, batch.view[i]);  // succeeds: see net/plain.h
  const uint8_t* data = buf.data;
  Decision& d = batch.decision[i];
  d.cls = data[0] >> 4 == 6
              ? classifier.classify6(buf, batch.view[i])
              : classifier.classify4(net::header_at<net::Ip4Header>(data)->destination);
  d.reason = DropReason::kNone;
  d.hairpin = d.keep_hop_limit = false;
  d.past = Past::kNone;
  d.icmp_length = 0;
}

template <Direction kDirection>
void Core::decide_plainly(Batch& batch, unsigned i, uint32_t now_ms) {
  spell_out(batch, i);
  if (batch.is_stateless(i)) {
    Lane lane;
    lane.simple = false;
    return decide_any<kDirection>(batch, i, lane, now_ms);
  }
  translate<kDirection>(*batch.session[i], batch, i, batch.decision[i]);
  batch.session[i] = nullptr;
}

template <Direction kDirection>
[[gnu::noinline]] void Core::decide_any(Batch& batch, unsigned i, Lane& lane, uint32_t now_ms) {
  Decision& d = batch.decision[i];
  d.reason = DropReason::kNone;
  d.hairpin = false;
  d.has_delta = false;
  if (lane.simple) {
    act<kDirection>(batch, i, lane, now_ms);
  } else {
    decide_other<kDirection>(batch, i, now_ms);
  }
  if ((d.verdict == Verdict::kDrop || d.verdict == Verdict::kConsumed) &&
      d.reason != DropReason::kNone) {
    counters_.add_drop(d.reason);
  }
}

template <Direction kDirection>
bool Core::fast_path(Session& s, const net::PacketView& view, uint32_t now_ms) {
  if (!is_steady(s) || (view.tcp_flags & kTcpControlFlags) != 0 || is_over(s, now_ms)) return false;
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
template void Core::decide_plainly<Direction::k6To4>(Batch&, unsigned, uint32_t);
template void Core::decide_plainly<Direction::k4To6>(Batch&, unsigned, uint32_t);
template void Core::decide_any<Direction::k6To4>(Batch&, unsigned, Lane&, uint32_t);
template void Core::decide_any<Direction::k4To6>(Batch&, unsigned, Lane&, uint32_t);
template void Core::act<Direction::k6To4>(Batch&, unsigned, Lane&, uint32_t);
template void Core::act<Direction::k4To6>(Batch&, unsigned, Lane&, uint32_t);
template void Core::translate<Direction::k6To4>(const Session&, const Batch&, unsigned,
                                                Decision&) const;
template void Core::translate<Direction::k4To6>(const Session&, const Batch&, unsigned,
                                                Decision&) const;

}  // namespace isthmus::nat
