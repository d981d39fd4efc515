// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Carrying a decision out, and counting what came of it.
#include "nat/core.h"

namespace isthmus::nat {

using telemetry::Counter;
using xlat::Action;
using xlat::Outcome;

Outcome Core::apply(Batch& batch, unsigned i, const xlat::Path& path, uint32_t now_ms) {
  auto& buf = *batch.buf[i];
  const auto& view = batch.view[i];
  const Decision& d = batch.decision[i];
  const uint32_t bytes = view.total_length;
  Outcome out =
      d.verdict == Verdict::kAnswer ? answer(buf, view, d, path) : rewrite(buf, view, d, path);
  if (out.action == Action::kForward || out.action == Action::kSplit) {
    count_forwarded(view, d, bytes);
    return out;
  }
  tell_dropped(out.reason, buf, view,
               d.cls.kind == Class::kStateful ? d.cls.instance : kNoInstance);
  // RFC 4443 2.4 f: originated errors MUST be limited, also those the translation step makes.
  if (out.action == Action::kReply && !allow_reply(buf, now_ms)) {
    out = {Action::kDrop, DropReason::kIcmpRateLimit, 0};
  }
  counters_.add_drop(out.reason);
  if (out.action == Action::kReply) counters_.add(Counter::kIcmpErrorsSent);
  return out;
}

// RFC 7915 4.5: "a system management event that specifies at least the IP addresses and port
// numbers of the packet"; 5.1.1: "SHOULD be dropped and logged".
void Core::tell_dropped(DropReason reason, const net::PacketBuf& buf, const net::PacketView& view,
                        uint8_t instance) {
  if (reason != DropReason::kUdpZeroChecksum && reason != DropReason::kExtHeader) return;
  const auto kind =
      reason == DropReason::kUdpZeroChecksum ? EventKind::kUdpZeroChecksum : EventKind::kExtHeader;
  if (!events.wants(kind) || !events.count_refusal(kind)) return;
  Event event;
  event.kind = kind;
  event.protocol = view.protocol;
  event.instance = instance;
  if (buf.data[0] >> 4 == 6) {
    const auto* ip = net::header_at<net::Ip6Header>(buf.data);
    event.inside = ip->source;
    event.inside_port = view.source_port;
    event.remote = classifier.embedded_in(ip->destination);
    event.remote_port = view.destination_port;
  } else {
    const auto* ip = net::header_at<net::Ip4Header>(buf.data);
    event.remote = ip->source;
    event.remote_port = view.source_port;
    event.outside = ip->destination;
    event.outside_port = view.destination_port;
  }
  events.tell_refusal(event);
}

// `buf` holds the ICMP error, addressed to its receiver.
bool Core::allow_reply(const net::PacketBuf& buf, uint32_t now_ms) {
  return buf.data[0] >> 4 == 6
             ? errors_.allow(net::header_at<net::Ip6Header>(buf.data)->destination, now_ms)
             : errors_.allow(net::header_at<net::Ip4Header>(buf.data)->destination, now_ms);
}

Outcome Core::answer(net::PacketBuf& buf, const net::PacketView& view, const Decision& d,
                     const xlat::Path& path) {
  const bool unnamed = view.family == 6 ? path.own6 == net::Ip6{} : path.own4 == net::Ip4{};
  if (unnamed || !xlat::may_answer(buf, view)) return {Action::kDrop, d.reason, 0};
  if (view.family == 6) {
    xlat::make_error6(buf, d.answer, path.own6);
  } else {
    xlat::make_error4(buf, d.answer, path.own4);
  }
  return {Action::kReply, d.reason, 0};
}

Outcome Core::rewrite(net::PacketBuf& buf, const net::PacketView& view, const Decision& d,
                      const xlat::Path& path) {
  const auto& policy = policy_of(d.cls);
  const xlat::Hints hints{d.keep_hop_limit, d.has_delta, d.delta,
                          view.is_fragment() ? d.icmp_length : 0};
  if (d.verdict == Verdict::kTranslate) {
    return view.family == 6 ? xlat::rewrite_6to4(buf, view, d.to4, policy, path, ids_, hints)
                            : xlat::rewrite_4to6(buf, view, d.to6, policy, path, hints);
  }
  if (view.family == 6 && d.to4.source == net::Ip4{}) {
    return rewrite_nameless_error(buf, view, d, path, hints);
  }
  return view.family == 6 ? xlat::rewrite_error_6to4(buf, view, d.to4, d.inner_view, d.inner4,
                                                     policy, path, ids_, hints)
                          : xlat::rewrite_error_4to6(buf, view, d.to6, d.inner_view, d.inner6,
                                                     policy, path, hints);
}

void Core::count_forwarded(const net::PacketView& view, const Decision& d, uint32_t bytes) {
  const bool v6 = view.family == 6;
  if (d.cls.kind == Class::kStateful) {
    counters_.add(v6 ? Counter::kNat64Out : Counter::kNat64In);
    counters_.add(v6 ? Counter::kNat64OutBytes : Counter::kNat64InBytes, bytes);
  } else {
    counters_.add(v6 ? Counter::kSiitOut : Counter::kSiitIn);
  }
  if (d.verdict == Verdict::kTranslateError) counters_.add(Counter::kIcmpErrorsTranslated);
  if (d.hairpin) counters_.add(Counter::kHairpin);
}

}  // namespace isthmus::nat
