// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The three passes over a batch, and plain packets of established sessions: nearly all there are.
#include <bit>

#include "nat/plain_path.h"

namespace isthmus::nat {

using net::Payload;
using telemetry::Counter;

namespace {

/// The flags of a plain TCP packet.
template <Direction kDirection>
uint8_t flags_of(const uint8_t* ip) {
  constexpr auto kHeader =
      kDirection == Direction::k6To4 ? sizeof(net::Ip6Header) : sizeof(net::Ip4Header);
  return net::header_at<net::TcpHeader>(ip + kHeader)->flags;
}

/// Whether a plain TCP packet leaves the state of its session as it is.
template <Direction kDirection>
bool is_quiet(const Session& s, const uint8_t* ip) {
  return s.state == TcpState::kEstablished && (flags_of<kDirection>(ip) & kTcpControlFlags) == 0;
}

/// A bit for each packet.
uint64_t all_of(const Batch& batch) {
  return batch.count == kBatch ? ~uint64_t{0} : (uint64_t{1} << batch.count) - 1;
}

/// Whether it leaves, rather than turning around or going nowhere.
bool leaves(const Decision& d) {
  return (d.verdict == Verdict::kTranslate || d.verdict == Verdict::kTranslateError) && !d.hairpin;
}

}  // namespace

void PlainPrefix::take(const Core& core, uint8_t prefix) {
  const net::Ip6Prefix& taken = core.classifier.stateful_prefix(prefix).prefix();
  number = prefix;
  is_96 = taken.length == 96;
  policy = &core.plain_policies_[core.classifier.instance_of_prefix(prefix)];
  std::memcpy(&start, &taken.address, sizeof start);
}

bool Core::is_simple(const net::PacketView& view, const Class& cls) const {
  if (cls.kind != Class::kStateful || view.source_route) return false;
  const bool known = view.payload == Payload::kTcp || view.payload == Payload::kUdp ||
                     view.payload == Payload::kIcmpQuery;
  // Of a protocol without ports, any fragment shows all that there is to know.
  return known ? !view.is_fragment() : classifier.carries(cls.instance, view.protocol);
}

// What is not simple gets some bucket, so that the next pass need not ask.
template <Direction kDirection>
[[gnu::noinline]] void Core::prepare_any(Batch& batch, unsigned i, Lane& lane) const {
  const Index& index = tables.index(kDirection);
  lane.hash = 0;
  batch.bucket[i] = index.bucket(0);
  batch.tag[i] = Index::tag_of(0);
  lane.simple = is_simple(batch.view[i], batch.decision[i].cls);
  if (!lane.simple) {
    const Class cls = batch.decision[i].cls;
    if (cls.kind == Class::kStateless) prefetch_stateless(batch.buf[i]->data, cls.instance);
    return;
  }
  lane.key = key_of<kDirection>(batch, i);
  lane.hash = tables.hash(kDirection, lane.key);
  batch.bucket[i] = index.bucket(lane.hash);
  batch.tag[i] = Index::tag_of(lane.hash);
  __builtin_prefetch(batch.bucket[i]);
}

// It may be a new flow's.
[[gnu::noinline]] void Core::prefetch_new(const Batch& batch, unsigned i, Lanes& lanes) const {
  Lane& lane = lanes.at(i);
  if (batch.is_stateless(i) || (!batch.is_plain(i) && !lane.simple)) return;
  if (batch.is_plain(i)) {
    lane.key = SessionKey::from(plain_key<Direction::k6To4>(batch.ip[i], batch.tail[i]));
  }
  name(lane, classifier.instance_of_prefix(lane.key.prefix));
}

// Says whether the packet has a session, which the batch notes, and does what it does to that; if
// it is not so simple after all, `candidate` is its session, or kNone. A session that a packet of
// this burst has just used is not ended before the burst is done.
template <Direction kDirection>
[[gnu::always_inline]] inline bool Core::established(Batch& batch, unsigned i, uint32_t& candidate,
                                                     uint32_t now_ms, Way& way) {
  const uint8_t* ip = batch.ip[i];
  if (!is_plain_key<kDirection>(batch.session[i]->key, ip, batch.tail[i])) [[unlikely]] {
    candidate = find_again<kDirection>(batch, i);
    if (candidate == Index::kNone) return false;
    batch.session[i] = &tables.session(candidate);
  }
  Session& s = *batch.session[i];
  const Lifetime lifetime = lifetime_[s.timer];
  const uint32_t age = now_ms - s.last_seen_ms;
  if (age >= lifetime.ms) [[unlikely]] {
    candidate = tables.number_of(s);
    return false;
  }
  if constexpr (kDirection == Direction::k6To4) {
    if (!take_way(batch, i, s.key.remote, way)) [[unlikely]] {
      candidate = tables.number_of(s);
      return false;
    }
  } else {
    take_way(batch, i, s.key.inside);
  }
  if (s.state == TcpState::kNone || is_quiet<kDirection>(s, ip)) [[likely]] {
    refresh<kDirection>(s, now_ms, age, lifetime);
  } else {
    track_tcp(tables.number_of(s), tcp_event(kDirection, flags_of<kDirection>(ip)), now_ms);
  }
  s.count(kDirection, batch.length[i]);
  return true;
}

// A plain packet from inside without a session: it may make one, and then goes on like those that
// have one. False: something is in the way, and nothing has been done; if it is that no binding
// could be made, Lane::refused says why, so that a full pool is not searched twice.
[[gnu::noinline]] bool Core::open_plainly(Batch& batch, unsigned i, Lanes& lanes, uint32_t now_ms,
                                          Way& way) {
  Lane& lane = lanes.at(i);
  const auto words = plain_key<Direction::k6To4>(batch.ip[i], batch.tail[i]);
  lane.key = SessionKey::from(words);
  const auto& key = lane.key;
  // Without SYN, TCP opens nothing.
  if (key.protocol != net::kProtoUdp) return false;
  const uint8_t instance = classifier.instance_of_prefix(key.prefix);
  if (allowed_6to4(lane, instance) != DropReason::kNone || classifier.is_anyones(key.remote)) {
    return false;
  }
  name(lane, instance);
  lane.hash = tables.hash(Direction::k6To4, words);
  uint32_t binding = tables.find_binding_inside(key, lane.flow.binding);
  uint32_t subscriber;
  lane.refused = make_binding(lane, instance, now_ms, subscriber, binding);
  if (lane.refused != DropReason::kNone) return false;
  count_opened(subscriber, now_ms);
  Session& s = tables.session(open_session<Direction::k6To4>(
      binding, subscriber, lane, {TcpState::kNone, Refresh::kKeep}, now_ms));
  take_way(batch, i, s.key.remote, way);
  s.count(Direction::k6To4, batch.length[i]);
  batch.session[i] = &s;
  return true;
}

// Another record bears the same tag, or the bucket has overflowed, or this burst has added to it.
template <Direction kDirection>
[[gnu::noinline]] uint32_t Core::find_again(const Batch& batch, unsigned i) const {
  const Index::Bucket& bucket = *batch.bucket[i];
  if (bucket.overflow == 0 && bucket.match(batch.tag[i]) == 0) return Index::kNone;
  const auto words = plain_key<kDirection>(batch.ip[i], batch.tail[i]);
  return tables.find_session(kDirection, tables.hash(kDirection, words), SessionKey::from(words));
}

// A packet that is not plain, or whose session is not steady, or not there.
template <Direction kDirection>
[[gnu::noinline]] void Core::decide_slowly(Batch& batch, unsigned i, Lanes& lanes,
                                           uint32_t candidate, uint32_t now_ms) {
  Lane& lane = lanes.at(i);
  batch.session[i] = nullptr;
  lane.candidate = candidate;
  if (batch.is_plain(i)) {
    spell_out(batch, i);
    lane.simple = !batch.is_stateless(i);
    lane.key = SessionKey::from(plain_key<kDirection>(batch.ip[i], batch.tail[i]));
    lane.hash = tables.hash(kDirection, lane.key);
  }
  batch.stateless &= ~(uint64_t{1} << i);
  decide_any<kDirection>(batch, i, lane, now_ms);
  const Decision& d = batch.decision[i];
  batch.way[i] = static_cast<uint8_t>(batch.ways);
  if constexpr (kDirection == Direction::k6To4) {
    batch.next4[batch.ways++] = leaves(d) ? d.to4.destination.host() : 0;
  } else {
    batch.next6[batch.ways++] = leaves(d) ? d.to6.destination : net::Ip6{};
  }
}

template <Direction kDirection>
void Core::prepare_others(Batch& batch, Lanes& lanes) const {
  const uint64_t all = all_of(batch);
  for (uint64_t others = all & batch.parsed; others != 0; others &= others - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(others));
    prepare_any<kDirection>(batch, i, lanes.at(i));
  }
  prefetch_mappings(batch);
}

// The second pass: notes in the batch the session that each packet may have. Where there is none,
// of which one bit each comes back, any record stands in. Some packet finds nothing where its
// search begins, because that bucket has overflowed: the next one is on its way when the others are
// done.
template <Direction kDirection>
[[gnu::always_inline]] inline uint64_t Core::find_candidates(Batch& batch, Lanes& lanes) {
  Session* const sessions = &tables.session(0);
  const Index& index = tables.index(kDirection);
  uint64_t absent = 0;
  for (unsigned i = 0; i < batch.count; ++i) {
    if (const unsigned hits = batch.bucket[i]->match(batch.tag[i]); hits != 0) [[likely]] {
      batch.session[i] = &sessions[batch.bucket[i]->first_of(hits)];
      __builtin_prefetch(batch.session[i], 1);
      continue;
    }
    batch.session[i] = sessions;
    absent |= uint64_t{1} << i;
    if (batch.bucket[i]->overflow != 0) __builtin_prefetch(index.after(batch.bucket[i]));
    if (kDirection == Direction::k6To4) prefetch_new(batch, i, lanes);
  }
  for (uint64_t left = absent; left != 0; left &= left - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(left));
    if (batch.bucket[i]->overflow == 0) continue;
    const uint32_t candidate = Index::candidate(index.after(batch.bucket[i]), batch.tag[i]);
    if (candidate == Index::kNone) continue;
    batch.session[i] = &sessions[candidate];
    __builtin_prefetch(batch.session[i], 1);
    absent &= ~(uint64_t{1} << i);
  }
  return absent;
}

template <Direction kDirection>
void Core::look_ahead(Batch& batch) {
  const uint64_t all = all_of(batch);
  if (batch.stateless == all) return prefetch_mappings(batch);
  Lanes& lanes = lanes_of<kDirection>();
  lanes.clear();
  if (((batch.parsed & all) | batch.stateless) != 0) prepare_others<kDirection>(batch, lanes);
  batch.absent = find_candidates<kDirection>(batch, lanes);
}

template <Direction kDirection, bool kPlain>
void Core::decide_sessions(Batch& batch, uint32_t now_ms) {
  Lanes& lanes = lanes_of<kDirection>();
  tables.begin_burst();
  Way way;
  for (unsigned i = 0; i < batch.count; ++i) {
    uint32_t candidate = Index::kNone;
    if (kPlain || batch.is_plain(i)) [[likely]] {
      if (!kPlain && batch.is_stateless(i)) [[unlikely]] {
        batch.session[i] = nullptr;
        if (map_plain<kDirection>(batch, i, way)) continue;
      } else if (established<kDirection>(batch, i, candidate, now_ms, way)) [[likely]] {
        continue;
      } else if (kDirection == Direction::k6To4 && candidate == Index::kNone &&
                 open_plainly(batch, i, lanes, now_ms, way)) {
        continue;
      }
    } else if ((batch.absent >> i & 1) == 0) {
      candidate = tables.number_of(*batch.session[i]);
    }
    decide_slowly<kDirection>(batch, i, lanes, candidate, now_ms);
  }
  tables.end_burst();
}

template <Direction kDirection>
void Core::decide_batch(Batch& batch, uint32_t now_ms) {
  tables.wheel().start(now_ms);
  events.set_time(now_ms);
  batch.ways = batch.has_usual ? 1 : 0;
  if (((batch.parsed & all_of(batch)) | batch.stateless) == 0) {
    decide_sessions<kDirection, true>(batch, now_ms);
  } else if (batch.stateless == all_of(batch)) {
    map_batch<kDirection>(batch, now_ms);
  } else {
    decide_sessions<kDirection, false>(batch, now_ms);
  }
}

template void Core::decide_slowly<Direction::k6To4>(Batch&, unsigned, Lanes&, uint32_t, uint32_t);
template void Core::decide_slowly<Direction::k4To6>(Batch&, unsigned, Lanes&, uint32_t, uint32_t);
template void Core::look_ahead<Direction::k6To4>(Batch&);
template void Core::look_ahead<Direction::k4To6>(Batch&);
template void Core::decide_batch<Direction::k6To4>(Batch&, uint32_t);
template void Core::decide_batch<Direction::k4To6>(Batch&, uint32_t);

}  // namespace isthmus::nat
