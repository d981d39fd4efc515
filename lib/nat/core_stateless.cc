// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Packets of stateless instances (RFC 7915, RFC 7757, RFC 6791).
#include <bit>

#include "nat/plain_path.h"
#include "xlat/header_sizes.h"
#include "xlat/interface_info.h"

namespace isthmus::nat {

using net::Payload;
using xlat::By;
using xlat::Hairpinning;

namespace {

// RFC 7757 4.2.1: whether the EAM algorithm MUST NOT be used for some addresses of this packet.
bool has_simple_rules(const xlat::Siit& siit, const Decision& d) {
  return siit.hairpinning == Hairpinning::kSimple ||
         (siit.hairpinning == Hairpinning::kIntrinsic && d.keep_hop_limit);
}

// The last 32 bits.
net::Ip4 embedded96(const net::Ip6& address) {
  return net::Ip4{net::Be32::from_raw(static_cast<uint32_t>(address.raw_low() >> 32))};
}

}  // namespace

void Core::prefetch_stateless(const uint8_t* data, uint8_t instance) const {
  const auto& siit = settings_.stateless[instance];
  if (siit.eam == nullptr) return;
  if (data[0] >> 4 == 6) {
    const auto* ip = net::header_at<net::Ip6Header>(data);
    siit.eam->prefetch(ip->source);
    // Whether it has to be turned around (the guess is that the prefix holds it).
    siit.eam->prefetch(siit.prefix.extract(ip->destination));
  } else {
    siit.eam->prefetch(net::header_at<net::Ip4Header>(data)->source);
  }
}

void Core::prefetch_mappings(const Batch& batch) const {
  if (!has_mappings_) return;
  for (uint64_t plain = batch.stateless; plain != 0; plain &= plain - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(plain));
    prefetch_stateless(batch.ip[i], static_cast<uint8_t>(batch.tail[i]));
  }
}

template <>
[[gnu::always_inline]] inline bool Core::map_by_prefix<Direction::k6To4>(Batch& batch, unsigned i,
                                                                         Way& way) const {
  const PlainSiit& plain = stateless_plain_[batch.tail[i]];
  const auto* ip = net::header_at<net::Ip6Header>(batch.ip[i]);
  const net::Ip4 source = embedded96(ip->source);
  const net::Ip4 destination = embedded96(ip->destination);
  if (!plain.by_prefix || !plain.holds(ip->source) || !plain.holds(ip->destination) ||
      !plain.addresses->is_ordinary(source) || !plain.addresses->is_ordinary(destination)) {
    return false;
  }
  batch.source4[i] = source;
  batch.destination4[i] = destination;
  return take_way(batch, i, destination, way);
}

template <>
[[gnu::always_inline]] inline bool Core::map_by_prefix<Direction::k4To6>(Batch& batch, unsigned i,
                                                                         Way&) const {
  const PlainSiit& plain = stateless_plain_[batch.tail[i]];
  const auto* ip = net::header_at<net::Ip4Header>(batch.ip[i]);
  if (!plain.by_prefix || !plain.addresses->is_ordinary(ip->source) ||
      !plain.addresses->is_ordinary(ip->destination)) {
    return false;
  }
  batch.source6[i] = plain.embed(ip->source);
  batch.destination6[i] = plain.embed(ip->destination);
  take_way(batch, i, batch.destination6[i]);
  return true;
}

template <>
bool Core::map_by_rules<Direction::k6To4>(Batch& batch, unsigned i, Way& way) const {
  const uint16_t instance = batch.tail[i];
  if (!settings_.stateless_access.empty() && settings_.stateless_access[instance] != nullptr) {
    return false;
  }
  const auto& siit = settings_.stateless[instance];
  const auto* ip = net::header_at<net::Ip6Header>(batch.ip[i]);
  auto& destination = batch.destination4[i];
  if (net::is_illegal_source(ip->source) ||
      siit.map_6to4(ip->destination, destination) != DropReason::kNone ||
      siit.map_6to4(ip->source, batch.source4[i]) != DropReason::kNone) {
    return false;
  }
  return take_way(batch, i, destination, way);
}

template <>
bool Core::map_by_rules<Direction::k4To6>(Batch& batch, unsigned i, Way&) const {
  const uint16_t instance = batch.tail[i];
  if (!settings_.stateless_access.empty() && settings_.stateless_access[instance] != nullptr) {
    return false;
  }
  const auto& siit = settings_.stateless[instance];
  const auto* ip = net::header_at<net::Ip4Header>(batch.ip[i]);
  // RFC 7757 4.2.1, rule 1.
  const bool simple = siit.hairpinning == Hairpinning::kSimple;
  auto& source = batch.source6[i];
  auto& destination = batch.destination6[i];
  if (net::is_illegal_source(ip->source) ||
      siit.map_4to6(ip->destination, destination) != DropReason::kNone ||
      (simple ? siit.embed(ip->source, source) : siit.map_4to6(ip->source, source)) !=
          DropReason::kNone) {
    return false;
  }
  take_way(batch, i, destination);
  return true;
}

template <Direction kDirection>
bool Core::map_plain(Batch& batch, unsigned i, Way& way) const {
  return map_by_prefix<kDirection>(batch, i, way) || map_by_rules<kDirection>(batch, i, way);
}

template <Direction kDirection>
void Core::map_batch(Batch& batch, uint32_t now_ms) {
  Lanes& lanes = lanes_of<kDirection>();
  lanes.clear();
  Way way;
  for (unsigned i = 0; i < batch.count; ++i) {
    batch.session[i] = nullptr;
    if (map_by_prefix<kDirection>(batch, i, way) || map_by_rules<kDirection>(batch, i, way))
      continue;
    decide_slowly<kDirection>(batch, i, lanes, Index::kNone, now_ms);
  }
}

template bool Core::map_plain<Direction::k6To4>(Batch&, unsigned, Way&) const;
template bool Core::map_plain<Direction::k4To6>(Batch&, unsigned, Way&) const;
template void Core::map_batch<Direction::k6To4>(Batch&, uint32_t);
template void Core::map_batch<Direction::k4To6>(Batch&, uint32_t);

void Core::decide_stateless(const net::PacketBuf& buf, const net::PacketView& view,
                            Decision& d) const {
  const bool error = view.payload == Payload::kIcmpError && !view.is_fragment();
  if (error && !quoted(buf, view, d)) return;
  d.to4.ports = d.to6.ports = d.inner4.ports = d.inner6.ports = false;
  auto reason =
      view.family == 6 ? stateless_6to4(buf, view, d, error) : stateless_4to6(buf, view, d, error);
  if (reason == DropReason::kNone) reason = allowed_stateless(buf, view, d);
  if (reason != DropReason::kNone) return refuse(view, d, reason);
  d.verdict = error ? Verdict::kTranslateError : Verdict::kTranslate;
}

DropReason Core::stateless_6to4(const net::PacketBuf& buf, const net::PacketView& view, Decision& d,
                                bool error) const {
  const auto& siit = settings_.stateless[d.cls.instance];
  const auto* ip = net::header_at<net::Ip6Header>(buf.data);
  By by = By::kPrefix;
  auto reason = siit.map_6to4(ip->destination, d.to4.destination, by);
  if (reason != DropReason::kNone) return reason;
  reason = siit.map_6to4(ip->source, d.to4.source);
  if (reason == DropReason::kNoMapping && error) {
    d.to4.source = {};  // RFC 6791: chosen when its way is known
  } else if (reason != DropReason::kNone) {
    return reason;
  }
  if (error) {
    const auto* inner =
        net::header_at<net::Ip6Header>(buf.data + view.l4_offset + xlat::kIcmpHeader);
    reason = siit.map_6to4(inner->destination, d.inner4.destination);
    if (reason == DropReason::kNone) {
      // RFC 7757 4.2.2, condition B2: it is the inner source that tells.
      reason = siit.map_6to4(inner->source, d.inner4.source, by);
    }
  } else if (view.payload == Payload::kTcp || view.payload == Payload::kUdp) {
    d.delta = address_delta(*ip, d.to4.source, d.to4.destination);
    d.has_delta = true;
  }
  d.hairpin = must_turn(d, by);
  return reason;
}

// RFC 7757 4.2.2, conditions A and B; and packets for hosts of other instances.
bool Core::must_turn(const Decision& d, By by) const {
  const Class out = classifier.classify4(d.to4.destination);
  if (out.kind == Class::kNone) return false;
  if (out.kind != Class::kStateless || out.instance != d.cls.instance) return true;
  // What the mappings themselves led to is not for us again: it leaves like all else.
  return by == By::kPrefix && settings_.stateless[out.instance].hairpinning != Hairpinning::kOff;
}

DropReason Core::stateless_4to6(const net::PacketBuf& buf, const net::PacketView& view, Decision& d,
                                bool error) const {
  const auto& siit = settings_.stateless[d.cls.instance];
  const auto* ip = net::header_at<net::Ip4Header>(buf.data);
  const bool simple = has_simple_rules(siit, d);
  auto reason = siit.map_4to6(ip->destination, d.to6.destination);
  if (reason != DropReason::kNone) return reason;
  if (!error) {
    // RFC 7757 4.2.1, rule 1.
    reason =
        simple ? siit.embed(ip->source, d.to6.source) : siit.map_4to6(ip->source, d.to6.source);
    if (view.payload == Payload::kTcp || view.payload == Payload::kUdp) {
      d.delta = address_delta(*ip, d.to6.source, d.to6.destination);
      d.has_delta = true;
    }
    return reason;
  }
  const auto* inner = net::header_at<net::Ip4Header>(buf.data + view.l4_offset + xlat::kIcmpHeader);
  const bool same = ip->source == inner->destination;
  // Rule 3, and rule 2.
  reason = simple && same ? siit.embed(ip->source, d.to6.source)
                          : siit.map_4to6(ip->source, d.to6.source);
  if (reason != DropReason::kNone) return reason;
  reason = simple ? siit.embed(inner->destination, d.inner6.destination)
                  : siit.map_4to6(inner->destination, d.inner6.destination);
  if (reason != DropReason::kNone) return reason;
  return siit.map_4to6(inner->source, d.inner6.source);
}

// RFC 6791: the sender of an ICMPv6 error has no IPv4 address, and gets one of ours.
xlat::Outcome Core::rewrite_nameless_error(net::PacketBuf& buf, const net::PacketView& view,
                                           const Decision& d, const xlat::Path& path,
                                           const xlat::Hints& hints) {
  const auto& siit = settings_.stateless[d.cls.instance];
  xlat::Rewrite4 to = d.to4;
  // 5: "it is RECOMMENDED to randomly select the IPv4 source address from the pool".
  to.source = siit.icmp_sources.empty() ? path.own4
                                        : siit.icmp_source(static_cast<uint32_t>(random_.next()));
  if (to.source == net::Ip4{}) return {xlat::Action::kDrop, DropReason::kNoMapping, 0};
  net::PacketView extended = view;
  if (siit.icmp_extension) {
    // 4: "SHOULD include the Interface IP Address Sub-Object"; conflict C16: if asked to.
    const net::Ip6 sender = net::header_at<net::Ip6Header>(buf.data)->source;
    xlat::add_interface_info(buf, extended, sender);
  }
  return xlat::rewrite_error_6to4(buf, extended, to, d.inner_view, d.inner4, siit.policy, path,
                                  ids_, hints);
}

}  // namespace isthmus::nat
