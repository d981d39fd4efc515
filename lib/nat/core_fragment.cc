// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Fragments of stateful traffic (RFC 6146 3.4).
#include <cstddef>

#include "nat/core.h"
#include "xlat/udp_zero.h"

namespace isthmus::nat {

using net::Payload;
using telemetry::Counter;
using State = FragmentStore::State;
using Fit = FragmentStore::Fit;

namespace {

bool is_icmp(const net::PacketView& view) {
  return view.protocol != net::kProtoTcp && view.protocol != net::kProtoUdp;
}

// What goes out bears what was decided for the whole datagram.
template <Direction kDirection>
void name_alike(net::PacketView& view, const FragmentStore::Datagram& datagram) {
  view.protocol = datagram.protocol;
  if constexpr (kDirection == Direction::k6To4) view.fragment_id = datagram.id4;
}

}  // namespace

// Whether a datagram can only be translated once all of it is there. Its first fragment tells.
bool Core::must_gather(const Batch& batch, unsigned i) const {
  const auto& view = batch.view[i];
  // The ICMPv6 pseudo-header holds the length of the whole message (RFC 4443 2.3).
  if (is_icmp(view)) return true;
  if (view.payload != Payload::kUdp) return false;
  const auto* udp = net::header_at<net::UdpHeader>(batch.buf[i]->data + view.l4_offset);
  if (udp->checksum.raw() != 0) return false;
  // RFC 6146 3.4: "the NAT64 MUST reassemble the packet and MUST calculate the checksum".
  const auto& policy = instances_[batch.decision[i].cls.instance].policy;
  return policy.udp_zero(view) == xlat::UdpZero::kCompute;
}

// Whether it is a UDP packet without checksum that policy forbids.
bool Core::must_have_checksum(const Batch& batch, unsigned i) const {
  const auto& view = batch.view[i];
  return view.payload == Payload::kUdp && xlat::is_udp_zero(*batch.buf[i], view) &&
         policy_of(batch.decision[i].cls).udp_zero(view) == xlat::UdpZero::kDrop;
}

template <Direction kDirection>
void Core::decide_fragment(Batch& batch, unsigned i, uint32_t now_ms) {
  const auto& view = batch.view[i];
  Decision& d = batch.decision[i];
  const auto unfit = FragmentStore::unfit(view);
  if (unfit == DropReason::kBadLength && view.family == 6 && view.l4_length() != 0) {
    // RFC 8200 4.5: discarded, and the sender should hear of it; pointer to Payload Length.
    return answer_with(d, unfit, net::kIcmp6ParamProblem, 0,
                       offsetof(net::Ip6Header, payload_length));
  }
  if (unfit != DropReason::kNone) return drop(d, unfit);
  const auto key = FragmentKey::of(*batch.buf[i], view);
  if (d.past == Past::kReleased) {
    return decide_released<kDirection>(batch, i, fragments_.find(key, now_ms, counters_), now_ms);
  }
  uint32_t at = fragments_.find_for(key, view, now_ms, counters_);
  if (at == FragmentStore::kNone) at = fragments_.open(key, d.cls.instance, now_ms);
  if (at == FragmentStore::kNone) return drop(d, DropReason::kFragmentLimit);
  auto& datagram = fragments_.at(at);
  // Of a gathered datagram that is leaving nothing can be missing any more.
  if (datagram.gather && datagram.leaving != 0) return drop(d, DropReason::kFragment);
  if (datagram.state == State::kWaiting) return decide_waiting<kDirection>(batch, i, at, now_ms);
  fragments_.note(at, view);
  if (datagram.state == State::kRefused) return drop(d, DropReason::kFragment);
  view.is_first_fragment() ? decide_first<kDirection>(batch, i, at, now_ms)
                           : decide_later<kDirection>(batch, i, at);
}

// Nothing has been decided for its datagram yet.
template <Direction kDirection>
void Core::decide_waiting(Batch& batch, unsigned i, uint32_t at, uint32_t now_ms) {
  const auto& view = batch.view[i];
  Decision& d = batch.decision[i];
  auto& datagram = fragments_.at(at);
  const bool first = view.is_first_fragment();
  const Fit fit = fragments_.fit(at, *batch.buf[i], view);
  if (fit == Fit::kDuplicate) return drop(d, DropReason::kFragment);
  // RFC 6146 3.4: only echo has a counterpart that its fragments could be attributed to.
  const bool foreign =
      first && is_icmp(view) && view.payload != Payload::kIcmpQuery && !d.cls.shared;
  if (fit == Fit::kOverlap || foreign) {
    // RFC 8200 4.5, RFC 5722 4: "the entire datagram ... MUST be silently discarded".
    fragments_.note(at, view);
    fragments_.refuse(at, counters_);
    return drop(d, DropReason::kFragment);
  }
  if (first) {
    datagram.protocol = view.protocol;
    datagram.gather = must_gather(batch, i);
    if (!datagram.gather) {
      fragments_.note(at, view);
      return decide_first<kDirection>(batch, i, at, now_ms);
    }
  }
  hold_fragment(batch, i, at);
}

void Core::hold_fragment(Batch& batch, unsigned i, uint32_t at) {
  Decision& d = batch.decision[i];
  const Released how{d.cls, d.keep_hop_limit,
                     batch.marks == nullptr ? uint16_t{0} : batch.marks[i]};
  if (!fragments_.hold(at, *batch.buf[i], batch.view[i], how)) {
    if (fragments_.at(at).pieces == 0) fragments_.forget(at);
    return drop(d, DropReason::kFragmentLimit);
  }
  d.verdict = Verdict::kConsumed;
  if (d.past == Past::kNone) counters_.add(Counter::kFragmentsHeld);
  const auto& datagram = fragments_.at(at);
  if (datagram.gather && fragments_.complete(datagram)) gathered(at);
}

// All of a datagram is held.
void Core::gathered(uint32_t at) {
  auto& datagram = fragments_.at(at);
  if (datagram.protocol != net::kProtoUdp) {
    datagram.icmp_length = datagram.total;
  } else if (!fragments_.fill_udp_checksum(at)) {
    return fragments_.refuse(at, counters_);
  }
  datagram.state = State::kWhole;
  fragments_.release_held(at);
}

// RFC 8200 4.5, RFC 1122 3.3.2: "if the first fragment has been received", its sender is told that
// the others have not (Time Exceeded, code 1), by who had to put them together.
bool Core::tell_late(net::PacketBuf& buf, const xlat::Path& path) {
  net::PacketView view;
  if (!fragments_.take_late(buf) || net::parse_ip(buf, view) != DropReason::kNone) return false;
  const bool v6 = view.family == 6;
  const bool allowed =
      v6 ? errors_.allow(net::header_at<net::Ip6Header>(buf.data)->source, now_ms_)
         : errors_.allow(net::header_at<net::Ip4Header>(buf.data)->source, now_ms_);
  Decision d;
  d.answer = {v6 ? uint8_t{net::kIcmp6TimeExceeded} : uint8_t{net::kIcmp4TimeExceeded}, 1, 0};
  if (!allowed || answer(buf, view, d, path).action != xlat::Action::kReply) return false;
  counters_.add(Counter::kIcmpErrorsSent);
  return true;
}

// A fragment that was held comes back: it is decided for good.
template <Direction kDirection>
void Core::decide_released(Batch& batch, unsigned i, uint32_t at, uint32_t now_ms) {
  Decision& d = batch.decision[i];
  if (at == FragmentStore::kNone || fragments_.at(at).leaving == 0) {
    return drop(d, DropReason::kFragmentLimit);  // its time ran out meanwhile
  }
  auto& datagram = fragments_.at(at);
  --datagram.leaving;
  if (datagram.state == State::kWhole && batch.view[i].is_first_fragment()) {
    decide_first<kDirection>(batch, i, at, now_ms);
  } else if (fragments_.is_decided(at)) {
    decide_later<kDirection>(batch, i, at);
  } else {
    drop(d, DropReason::kFragment);  // the first was refused
  }
  // A gathered datagram is over with its last fragment; its name may be used again at once.
  if (datagram.gather && datagram.leaving == 0) fragments_.forget(at);
}

// Of an address that the box has too: a first fragment that no binding could be meant by.
bool Core::is_for_box(const Batch& batch, unsigned i) const {
  const auto& view = batch.view[i];
  if (!batch.decision[i].cls.shared) return false;
  if (is_icmp(view) && (view.payload != Payload::kIcmpQuery || view.icmp_type == net::kIcmp4Echo)) {
    return true;
  }
  const auto* ip = net::header_at<net::Ip4Header>(batch.buf[i]->data);
  return !classifier.lends(ip->destination, view.destination_port);
}

template <Direction kDirection>
void Core::decide_first(Batch& batch, unsigned i, uint32_t at, uint32_t now_ms) {
  Decision& d = batch.decision[i];
  if (is_for_box(batch, i)) {
    d.verdict = Verdict::kLocal;
    return box_takes(at, batch.view[i]);
  }
  Lane lane;
  lane.simple = true;
  lane.key = key_of<kDirection>(batch, i);
  lane.hash = tables.hash(kDirection, lane.key);
  lane.candidate = tables.index(kDirection).candidate(lane.hash);
  act<kDirection>(batch, i, lane, now_ms);
  if (d.verdict == Verdict::kLocal) return box_takes(at, batch.view[i]);
  if (d.verdict != Verdict::kTranslate) return fragments_.refuse(at, counters_);
  // apply() drops it for its checksum, and nobody could put the others together.
  if (must_have_checksum(batch, i)) return fragments_.refuse(at, counters_);
  // act() may have made the session, or else left in the lane what the packet becomes.
  const uint32_t session = tables.find_session(kDirection, lane.hash, lane.key);
  auto& datagram = fragments_.at(at);
  const SessionKey& key = session == Index::kNone ? lane.key : tables.session(session).key;
  const bool repeated = datagram.state == State::kKnown && same_inside(datagram.translation, key);
  if (kDirection == Direction::k6To4 && !repeated) {
    // RFC 6864 4.3 (conflict C8): a pool address speaks for many hosts, whose identifications know
    // nothing of each other.
    datagram.id4 = ids_.take_for(key.pool, key.remote, key.protocol);
  }
  datagram.translation = key;
  datagram.protocol = batch.view[i].protocol;
  datagram.head = static_cast<uint16_t>(batch.view[i].l4_length());
  d.icmp_length = datagram.icmp_length;
  if (datagram.state == State::kWaiting) fragments_.release_held(at);
  datagram.state = State::kKnown;
  fragments_.pass(at, batch.view[i]);
  name_alike<kDirection>(batch.view[i], datagram);
}

// The datagram is for the box: what is held, and what else comes of it.
void Core::box_takes(uint32_t at, const net::PacketView& view) {
  auto& datagram = fragments_.at(at);
  if (datagram.state == State::kWaiting) fragments_.release_held(at);
  datagram.state = State::kLocal;
  fragments_.pass(at, view);
}

// RFC 6146 3.4: a later fragment goes where the first one went. It has no ports to rewrite, and
// the checksum stands in the first.
template <Direction kDirection>
void Core::decide_later(Batch& batch, unsigned i, uint32_t at) {
  Decision& d = batch.decision[i];
  const auto& datagram = fragments_.at(at);
  if (datagram.state == State::kLocal) {
    d.verdict = Verdict::kLocal;
    fragments_.pass(at, batch.view[i]);
    return;
  }
  if (FragmentStore::contradicts(datagram, batch.view[i])) {
    // It would overwrite the ports that decided, or lies behind the end (RFC 1858, RFC 3128).
    fragments_.refuse(at, counters_);
    return drop(d, DropReason::kFragment);
  }
  const SessionKey& key = datagram.translation;
  const uint32_t session = tables.find_session(kDirection, tables.hash(kDirection, key), key);
  if (session != Index::kNone) {
    tables.session(session).count(kDirection, batch.view[i].total_length);
  }
  d.verdict = Verdict::kTranslate;
  d.icmp_length = datagram.icmp_length;
  if constexpr (kDirection == Direction::k6To4) {
    d.to4 = {key.pool, key.remote, {}, {}, false};
    d.hairpin = classifier.classify4(key.remote).kind != Class::kNone;
  } else {
    d.to6 = {prefix_of(key).embed(key.remote), key.inside, {}, {}, false};
  }
  fragments_.pass(at, batch.view[i]);
  name_alike<kDirection>(batch.view[i], datagram);
}

template void Core::decide_fragment<Direction::k6To4>(Batch&, unsigned, uint32_t);
template void Core::decide_fragment<Direction::k4To6>(Batch&, unsigned, uint32_t);

}  // namespace isthmus::nat
