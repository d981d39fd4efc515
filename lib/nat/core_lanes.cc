// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The three passes over a batch, and plain packets of established sessions: nearly all there are.
#include "nat/core.h"
#include "net/plain.h"
#include "xlat/plain.h"

namespace isthmus::nat {

using net::Payload;
using telemetry::Counter;

namespace {

/// key_of() for plain packets, whose fields lie on the wire as they lie in the key.
template <Direction kDirection>
SessionKey::Words plain_key(const uint8_t* ip, uint8_t prefix) {
  using net::load;
  if constexpr (kDirection == Direction::k6To4) {
    const uint64_t protocol = ip[offsetof(net::Ip6Header, next_header)];
    return {{load<uint64_t>(ip + 8), load<uint64_t>(ip + 16), load<uint32_t>(ip + 36),
             load<uint32_t>(ip + 40) | protocol << 48 | uint64_t{prefix} << 56}};
  } else {
    const uint64_t protocol = ip[offsetof(net::Ip4Header, protocol)];
    return {
        {0, 0, load<uint64_t>(ip + 12), uint64_t{load<uint32_t>(ip + 20)} << 16 | protocol << 48}};
  }
}

}  // namespace

bool Core::is_simple(const net::PacketView& view, const Class& cls) const {
  if (cls.kind != Class::kStateful || view.source_route) return false;
  const bool known = view.payload == Payload::kTcp || view.payload == Payload::kUdp ||
                     view.payload == Payload::kIcmpQuery;
  // Of a protocol without ports, any fragment shows all that there is to know.
  return known ? !view.is_fragment() : classifier.carries(cls.instance, view.protocol);
}

// What is not simple keeps hash 0, so that the next pass need not ask.
template <Direction kDirection>
[[gnu::noinline]] void Core::prepare_any(const Batch& batch, unsigned i, Lane& lane) const {
  lane.hash = 0;
  lane.simple = is_simple(batch.view[i], batch.decision[i].cls);
  if (!lane.simple) {
    if (batch.decision[i].cls.kind == Class::kStateless) prefetch_stateless(batch, i);
    return;
  }
  lane.key = key_of<kDirection>(batch, i);
  lane.hash = tables.hash(kDirection, lane.key);
}

// Notes the session in the batch, or says that the packet is not so simple after all. A session
// that a packet of this burst has just used is not ended before the burst is done.
template <Direction kDirection>
[[gnu::always_inline]] inline bool Core::established(Batch& batch, unsigned i, const Lane& lane,
                                                     uint32_t now_ms) {
  const auto same = [&](const Session& s) {
    return kDirection == Direction::k6To4 ? same_inside(s.key, lane.key)
                                          : same_outside(s.key, lane.key);
  };
  uint32_t found = lane.candidate;
  if (found == Index::kNone || !same(tables.session(found))) [[unlikely]] {
    found = find_again<kDirection>(lane);
    if (found == Index::kNone) return false;
  }
  Session& s = tables.session(found);
  if (!is_steady(s) || is_over(s, now_ms)) return false;
  // A hairpin turns around once more.
  if (kDirection == Direction::k6To4 && classifier.classify4(s.key.remote).kind != Class::kNone) {
    return false;
  }
  refresh<kDirection>(s, now_ms);
  s.count(kDirection, batch.buf[i]->length);
  batch.session[i] = &s;
  return true;
}

// Another record bears the same tag, or the bucket has overflowed.
template <Direction kDirection>
[[gnu::noinline]] uint32_t Core::find_again(const Lane& lane) const {
  return tables.find_session(kDirection, lane.hash, lane.key);
}

template <Direction kDirection>
void Core::decide_batch(Batch& batch, uint32_t now_ms) {
  tables.wheel().start(now_ms);
  events.set_time(now_ms);
  const Index& index = tables.index(kDirection);
  Lane lanes[kBatch];
  for (unsigned i = 0; i < batch.count; ++i) {
    Lane& lane = lanes[i];
    if (batch.plain[i]) [[likely]] {
      const auto words = plain_key<kDirection>(batch.buf[i]->data, batch.cls[i].prefix);
      lane.key = SessionKey::from(words);
      lane.hash = tables.hash(kDirection, words);
      lane.simple = true;
    } else {
      prepare_any<kDirection>(batch, i, lane);
    }
    index.prefetch(lane.hash);
  }
  for (unsigned i = 0; i < batch.count; ++i) {
    lanes[i].candidate = index.candidate(lanes[i].hash);
    // A guess: without a candidate the first record is prefetched, which costs nothing.
    __builtin_prefetch(&tables.session(lanes[i].candidate == Index::kNone ? 0 : lanes[i].candidate),
                       1);
  }
  for (unsigned i = 0; i < batch.count; ++i) {
    batch.session[i] = nullptr;
    if (batch.plain[i]) [[likely]] {
      if (established<kDirection>(batch, i, lanes[i], now_ms)) continue;
      spell_out(batch, i);
    }
    decide_any<kDirection>(batch, i, lanes[i], now_ms);
  }
}

template <Direction kDirection>
[[gnu::always_inline]] inline bool Core::translate_plain(net::PacketBuf& buf, const Session& s,
                                                         uint16_t mtu) {
  const auto& policy = instances_[s.timer / kTimerClasses].policy;
  if constexpr (kDirection == Direction::k6To4) {
    if (buf.length > mtu + xlat::kPlainGrowth) return false;
    xlat::plain_6to4(buf, {s.key.pool, s.key.remote, s.key.pool_port, s.key.remote_port, true},
                     policy, ids_, net::ChecksumDelta::from_raw(s.delta));
  } else {
    if (!xlat::plain_4to6_fits(buf, policy, mtu)) return false;
    xlat::plain_4to6(buf,
                     {prefix_of(s.key).embed(s.key.remote), s.key.inside, s.key.remote_port,
                      s.key.inside_port, true},
                     policy, -net::ChecksumDelta::from_raw(s.delta));
  }
  return true;
}

template <Direction kDirection>
void Core::rewrite_established(Batch& batch) {
  uint64_t packets = 0, bytes = 0;
  for (unsigned i = 0; i < batch.count; ++i) {
    const Session* s = batch.session[i];
    if (s == nullptr) continue;
    const uint32_t length = batch.buf[i]->length;
    if (batch.mtu[i] == 0 || !translate_plain<kDirection>(*batch.buf[i], *s, batch.mtu[i]))
        [[unlikely]] {
      spell_out(batch, i);
      translate<kDirection>(*s, batch, i, batch.decision[i]);
      batch.session[i] = nullptr;
      continue;
    }
    ++packets;
    bytes += length;
  }
  const bool v6 = kDirection == Direction::k6To4;
  counters_.add(v6 ? Counter::kNat64Out : Counter::kNat64In, packets);
  counters_.add(v6 ? Counter::kNat64OutBytes : Counter::kNat64InBytes, bytes);
}

template void Core::decide_batch<Direction::k6To4>(Batch&, uint32_t);
template void Core::decide_batch<Direction::k4To6>(Batch&, uint32_t);
template void Core::rewrite_established<Direction::k6To4>(Batch&);
template void Core::rewrite_established<Direction::k4To6>(Batch&);

}  // namespace isthmus::nat
