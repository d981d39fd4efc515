// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Packets off the main path: ICMP errors, other protocols; and to the fragments.
#include "nat/core.h"
#include "xlat/header_sizes.h"

namespace isthmus::nat {

using net::Payload;

namespace {

uint8_t binding_protocol(const net::PacketView& quoted) {
  return quoted.payload == Payload::kIcmpQuery ? uint8_t{net::kProtoIcmp4} : quoted.protocol;
}

}  // namespace

template <Direction kDirection>
void Core::decide_other(Batch& batch, unsigned i, uint32_t now_ms) {
  if (decide_alone<kDirection>(*batch.buf[i], batch.view[i], batch.decision[i])) return;
  decide_fragment<kDirection>(batch, i, now_ms);
}

template <Direction kDirection>
bool Core::decide_alone(const net::PacketBuf& buf, const net::PacketView& view, Decision& d) const {
  const bool v6 = kDirection == Direction::k6To4;
  // RFC 6146 3.5: whatever the protocol, and silently.
  if (v6 && d.cls.kind == Class::kStateful &&
      classifier.in_stateful_prefix(net::header_at<net::Ip6Header>(buf.data)->source)) {
    drop(d, DropReason::kSourceInPrefix);
  } else if (view.source_route) {
    // RFC 7915 5.1: pointer to Segments Left. RFC 7915 4.1: Source Route Failed.
    v6 ? answer_with(d, DropReason::kSourceRoute, net::kIcmp6ParamProblem, 0, view.segments_left_at)
       : answer_with(d, DropReason::kSourceRoute, net::kIcmp4Unreachable, 5);
  } else if (d.cls.kind == Class::kStateless) {
    decide_stateless(buf, view, d);
  } else if (view.payload == Payload::kOther) {
    // RFC 6146 3.4: SHOULD answer Port Unreachable or Protocol Unreachable. IGMP is never meant for
    // us (RFC 7915 4.2: silently dropped).
    if (view.protocol == net::kProtoIgmp) {
      drop(d, DropReason::kProtocol);
    } else {
      v6 ? answer_with(d, DropReason::kProtocol, net::kIcmp6Unreachable, 4)
         : answer_with(d, DropReason::kProtocol, net::kIcmp4Unreachable, 2);
    }
  } else if (view.is_fragment()) {
    return false;
  } else if (view.payload == Payload::kIcmpError) {
    v6 ? decide_error_6to4(buf, view, d) : decide_error_4to6(buf, view, d);
  } else {
    drop(d, DropReason::kIcmpUntranslatable);
  }
  return true;
}

// RFC 5508 REQ-3: an error with a wrong checksum is dropped silently. RFC 6146 3.4: so is one whose
// quoted packet does not tell its ports.
bool Core::quoted(const net::PacketBuf& buf, const net::PacketView& view, Decision& d) const {
  if (!xlat::icmp_checksum_ok(buf, view)) {
    drop(d, DropReason::kBadChecksumIcmp);
    return false;
  }
  const auto reason = xlat::parse_quoted(buf, view, d.inner_view);
  if (reason != DropReason::kNone) {
    drop(d, reason);
    return false;
  }
  return true;
}

// A stateful instance only knows flows that have ports or an identifier, and those it carries
// without.
bool Core::quoted_flow(const net::PacketBuf& buf, const net::PacketView& view, Decision& d) const {
  if (!quoted(buf, view, d)) return false;
  const auto payload = d.inner_view.payload;
  if (payload == Payload::kTcp || payload == Payload::kUdp || payload == Payload::kIcmpQuery) {
    return true;
  }
  if (classifier.carries(d.cls.instance, d.inner_view.protocol)) return true;
  drop(d, DropReason::kIcmpInner);
  return false;
}

void Core::decide_error_6to4(const net::PacketBuf& buf, const net::PacketView& view,
                             Decision& d) const {
  if (!quoted_flow(buf, view, d)) return;
  const auto& inner = d.inner_view;
  const auto* ip = net::header_at<net::Ip6Header>(buf.data);
  const auto* quote = net::header_at<net::Ip6Header>(buf.data + view.l4_offset + xlat::kIcmpHeader);
  // RFC 4443 2.2: an error goes to the source of the packet it is about. Anything else is forged.
  if (quote->source != ip->destination) return drop(d, DropReason::kIcmpInner);
  if (!net::has_ports(inner.protocol)) return portless_error_6to4(buf, view, d);
  const uint8_t protocol = binding_protocol(inner);
  const uint32_t found = tables.find_binding_inside(quote->destination, inner.destination_port,
                                                    protocol, d.cls.prefix);
  if (found == Index::kNone) return drop(d, DropReason::kNoSession);
  const Binding& b = tables.binding(found);
  const net::Ip4 remote = classifier.stateful_prefix(d.cls.prefix).extract(ip->destination);
  // The binding says nothing about the remote side, so it is looked at as for a new flow.
  const auto reason = allowed_remote(remote, d.cls.prefix, d.cls.instance);
  if (reason != DropReason::kNone) return drop(d, reason);
  d.verdict = Verdict::kTranslateError;
  d.hairpin = classifier.classify4(remote).kind != Class::kNone;
  // RFC 6146 3.6.1 (conflict C6): the sender appears as the pool address of the flow, which can be
  // answered and passes source checks; a router inside has no IPv4 address of its own.
  d.to4 = {b.pool, remote, {}, {}, false};
  const bool query = protocol == net::kProtoIcmp4;
  d.inner4 = {remote, b.pool, query ? b.pool_port : inner.source_port, b.pool_port, true};
}

void Core::decide_error_4to6(const net::PacketBuf& buf, const net::PacketView& view,
                             Decision& d) const {
  if (!quoted_flow(buf, view, d)) return;
  const auto& inner = d.inner_view;
  const auto* ip = net::header_at<net::Ip4Header>(buf.data);
  const auto* quote = net::header_at<net::Ip4Header>(buf.data + view.l4_offset + xlat::kIcmpHeader);
  // RFC 1122 3.2.2: an error goes to the source of the packet it is about.
  if (quote->source != ip->destination) return drop(d, DropReason::kIcmpInner);
  if (!net::has_ports(inner.protocol)) return portless_error_4to6(buf, view, d);
  const uint8_t protocol = binding_protocol(inner);
  const uint32_t found = tables.find_binding_outside(quote->source, inner.source_port, protocol);
  if (found == Index::kNone) return not_ours(d, DropReason::kNoSession);
  const Binding& b = tables.binding(found);
  const auto& prefix = classifier.stateful_prefix(b.prefix);
  const auto reason = allowed_router(ip->source, prefix, d.cls.instance);
  if (reason != DropReason::kNone) return drop(d, reason);
  d.verdict = Verdict::kTranslateError;
  // RFC 5508 REQ-4 (conflict C5): the router that sent the error stays visible.
  d.to6 = {prefix.embed(ip->source), b.inside, {}, {}, false};
  const bool query = protocol == net::kProtoIcmp4;
  d.inner6 = {b.inside, prefix.embed(quote->destination), b.inside_port,
              query ? b.inside_port : inner.destination_port, true};
}

template bool Core::decide_alone<Direction::k6To4>(const net::PacketBuf&, const net::PacketView&,
                                                   Decision&) const;
template bool Core::decide_alone<Direction::k4To6>(const net::PacketBuf&, const net::PacketView&,
                                                   Decision&) const;
template void Core::decide_other<Direction::k6To4>(Batch&, unsigned, uint32_t);
template void Core::decide_other<Direction::k4To6>(Batch&, unsigned, uint32_t);

}  // namespace isthmus::nat
