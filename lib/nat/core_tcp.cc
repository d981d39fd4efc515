// SPDX-License-Identifier: BSD-3-Clause
// hot path
// TCP sessions over time: state, lifetime, and what is owed when it ends.
#include "nat/core.h"
#include "nat/ends_ahead.h"
#include "xlat/wire.h"

namespace isthmus::nat {

namespace {

TimerClass timer_of(Refresh refresh) {
  return refresh == Refresh::kEstablished ? TimerClass::kTcpEstablished
         : refresh == Refresh::kOpening   ? TimerClass::kTcpOpening
                                          : TimerClass::kTcpClosing;
}

}  // namespace

bool Core::step_tcp(Session& s, TcpEvent event, TimerClass& timer) const {
  const uint8_t instance = s.timer / kTimerClasses;
  const TcpStep step = tcp_step(s.state, event, instances_[instance].tcp);
  timer = timer_of(step.refresh);
  if (is_inbound(event) && lifetime_[s.timer].inbound == 0) {
    // RFC 6146 5.3: the outside may move a connection on, but neither revive it nor keep it alive.
    if (s.state == TcpState::kTrans && step.next == TcpState::kEstablished) return false;
    if (step.refresh != Refresh::kKeep && s.timer == timer_slot(instance, timer)) {
      s.state = step.next;
      return false;
    }
  }
  s.state = step.next;
  return step.refresh != Refresh::kKeep;
}

void Core::track_tcp(uint32_t i, TcpEvent event, uint32_t now_ms) {
  TimerClass timer;
  if (step_tcp(tables.session(i), event, timer)) set_timer(i, timer, now_ms);
}

void Core::set_timer(uint32_t i, TimerClass timer, uint32_t now_ms) {
  Session& s = tables.session(i);
  const uint32_t before = deadline(s);
  s.timer = timer_slot(s.timer / kTimerClasses, timer);
  s.last_seen_ms = now_ms;
  // Later deadlines are found out when the wheel comes round; only an earlier one must be filed.
  if (static_cast<int32_t>(deadline(s) - before) >= 0) return;
  tables.wheel().unfile(i);
  tables.wheel().file(i, deadline(s));
}

bool Core::settle(uint32_t i, uint32_t now_ms) {
  Session& s = tables.session(i);
  while (is_over(s, now_ms)) {
    if (s.state != TcpState::kEstablished) {
      drop_session(i);
      return false;
    }
    begin_closing(s);  // the packet at hand spares us the probe
  }
  return true;
}

// RFC 6146 3.5.2.2: ESTABLISHED expires into TRANS.
void Core::begin_closing(Session& s) const {
  s.last_seen_ms = deadline(s);
  s.state = TcpState::kTrans;
  s.timer = timer_slot(s.timer / kTimerClasses, TimerClass::kTcpClosing);
}

bool Core::is_dead(const Session& s, uint32_t now_ms) const {
  if (!is_over(s, now_ms)) return false;
  if (s.state != TcpState::kEstablished) return true;
  const uint8_t closing = timer_slot(s.timer / kTimerClasses, TimerClass::kTcpClosing);
  return now_ms - s.last_seen_ms >= lifetime_[s.timer].ms + lifetime_[closing].ms;
}

void Core::drop_session(uint32_t i) {
  tables.wheel().unfile(i);
  tables.remove_session(i);
}

// A session came up on the wheel, and is not filed. False: no room for what it is owed; stop.
bool Core::when_due(uint32_t i, const EndHashes& hashes, uint32_t now_ms) {
  Session& s = tables.session(i);
  if (is_over(s, now_ms)) {
    if (s.state != TcpState::kEstablished) {
      tables.remove_session(i, hashes);
      return true;
    }
    if (probes_in_ - probes_out_ == kProbes) {
      tables.wheel().file(i, now_ms);
      return false;
    }
    // RFC 6146 3.5.2.2: SHOULD send a probe to at least one end. It goes to the inside host: its
    // answer passes through us and refreshes the session, and makes the other end answer, too.
    probes_[probes_in_++ % kProbes].key = s.key;
    begin_closing(s);
  }
  tables.wheel().file(i, deadline(s));
  return true;
}

bool Core::expire(uint32_t now_ms, unsigned budget) {
  now_ms_ = now_ms;
  events.set_time(now_ms);
  tables.wheel().start(now_ms);
  pools.tick(now_ms);
  bool more = pools.expire(
      budget, [&](uint32_t subscriber) { tables.remove_unused_subscriber(subscriber); });
  if (!held_.empty()) {
    for (std::size_t i = 0; i < instances_.size(); ++i) {
      more |= held_.expire(static_cast<uint8_t>(i), instances_[i].held_syn_ms, now_ms, budget);
    }
  }
  if (tables.permits_pending()) more |= !tables.build_permits(8 * budget);
  more |= fragments_.expire(now_ms, budget, counters_);
  const auto over = [&](const Session& s) { return is_over(s, now_ms); };
  EndsAhead ends(tables, over);
  more |= tables.wheel().turn(
      now_ms, budget, [&](const uint32_t* records, unsigned count) { ends.begin(records, count); },
      [&](uint32_t record, unsigned i) { return when_due(record, ends.end_of(i), now_ms); });
  return more;
}

bool Core::has_origination() const {
  return probes_in_ != probes_out_ || held_.first_due() != HeldSyns::kNone || fragments_.has_late();
}

bool Core::originate(net::PacketBuf& buf, const xlat::Path& path) {
  for (uint32_t held; (held = held_.first_due()) != HeldSyns::kNone;) {
    const auto& record = held_.at(held);
    buf.set_length(record.length);
    std::memcpy(buf.data, record.bytes, record.length);
    held_.forget(held);
    const net::Ip4 sender = net::header_at<net::Ip4Header>(buf.data)->source;
    if (path.own4 == net::Ip4{} || !errors_.allow(sender, now_ms_)) continue;
    // RFC 6146 3.5.2.2, V4 INIT: Port Unreachable that contains the stored SYN.
    xlat::make_error4(buf, {net::kIcmp4Unreachable, 3, 0}, path.own4);
    counters_.add(telemetry::Counter::kIcmpErrorsSent);
    return true;
  }
  while (fragments_.has_late()) {
    if (tell_late(buf, path)) return true;
  }
  if (probes_in_ == probes_out_) return false;
  write_probe(buf, probes_[probes_out_++ % kProbes].key);
  counters_.add(telemetry::Counter::kTcpProbes);
  return true;
}

// RFC 6146 3.5.2.2: no data, sequence and acknowledgment number zero, no flag but ACK.
void Core::write_probe(net::PacketBuf& buf, const SessionKey& key) const {
  constexpr uint32_t kLength = sizeof(net::Ip6Header) + sizeof(net::TcpHeader);
  buf.set_length(kLength);
  std::memset(buf.data, 0, kLength);
  const net::Ip6 source = prefix_of(key).embed(key.remote);
  xlat::write_ip6(buf.data,
                  {.traffic_class = 0,
                   .hop_limit = 64,
                   .next_header = net::kProtoTcp,
                   .payload_length = sizeof(net::TcpHeader)},
                  source, key.inside);
  auto* tcp = net::header_at<net::TcpHeader>(buf.data + sizeof(net::Ip6Header));
  tcp->source_port = key.remote_port;
  tcp->destination_port = key.inside_port;
  tcp->data_offset = sizeof(net::TcpHeader) / 4 << 4;
  tcp->flags = net::kTcpAck;
  tcp->checksum = net::checksum_of(
      net::sum_bytes(tcp, sizeof(net::TcpHeader),
                     net::pseudo_sum6(source, key.inside, net::kProtoTcp, sizeof(net::TcpHeader))));
}

}  // namespace isthmus::nat
