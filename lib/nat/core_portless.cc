// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Protocols without ports: ESP, GRE, SCTP and what else the instance carries.
//
// Theory of operation. What tells hosts behind one address apart is the remote host alone: the
// session (protocol, pool address, remote) belongs to one inside host, and the address is chosen
// such that it does. It lies in the tables like any other, with ports of zero, and has a binding of
// its own that no other flow finds. Nothing above the IP header is looked at or changed, so
// fragments go like whole packets.
// Where the ports of an address are divided among workers, such a session is owned by its remote
// (steer/owner.h), and a subscriber may have some on several workers, none of which knows what the
// others have paired it with. Its name then decides, so that all of them come to the same address.
#include <algorithm>

#include "nat/core.h"
#include "xlat/header_sizes.h"

namespace isthmus::nat {

bool Core::pairs_by_name(uint8_t instance) const {
  return ownership_.workers() > 1 && settings_.instances[instance].portless.any() &&
         classifier.by_remote(ownership_, instance);
}

uint32_t Core::named_address(uint8_t instance, uint32_t subscriber) const {
  const auto& prefix = tables.subscriber(subscriber).prefix;
  return pools.by_name(instance, net::hash_ip6(settings_.hash_key, prefix, instance));
}

// Sets key.pool if the address can be had for key's protocol and remote.
bool Core::can_take_portless(SessionKey& key, uint8_t instance, uint32_t address) const {
  if (!pools.usable(address, instance)) return false;
  key.pool = pools.address(address);
  return whole_of_outside(key.pool) == nullptr && !is_taken(key);
}

bool Core::take_portless(SessionKey& key, uint8_t instance, uint32_t address) {
  if (!can_take_portless(key, instance, address)) return false;
  pools.take_portless(address);
  return true;
}

Grant Core::choose_portless(SessionKey& key, uint8_t instance, uint32_t subscriber) {
  if (const auto* own = pools.deterministic(instance, key.inside)) {
    // RFC 7422: whose the address is follows from the subscriber's name alone.
    const uint32_t address = pools.find(own->map->cells_of(key.inside).address);
    return take_portless(key, instance, address) ? Grant::kDone : Grant::kFull;
  }
  uint32_t address = tables.subscriber(subscriber).address;
  if (pools.usable(address, instance)) {
    if (take_portless(key, instance, address)) return Grant::kDone;
    // As for ports: RFC 7857 4.
    if (!pools.pairs_softly(address)) return Grant::kFull;
  } else {
    address = pairs_by_name(instance) ? named_address(instance, subscriber)
                                      : pools.choose(instance, key.protocol, random_);
    if (take_portless(key, instance, address)) return use_cell(key, subscriber, address, {});
  }
  const auto others = pools.open_addresses(instance);
  if (others.empty()) return Grant::kFull;
  auto at = random_.below(static_cast<uint32_t>(others.size()));
  const auto tries = std::min<std::size_t>(others.size(), kMostTaken);
  for (std::size_t i = 0; i < tries; ++i, at = at + 1 == others.size() ? 0 : at + 1) {
    if (pools.is_mapped(others[at])) continue;
    if (take_portless(key, instance, others[at])) {
      return use_cell(key, subscriber, others[at], {});
    }
  }
  return Grant::kFull;
}

const Session* Core::session_of(Direction direction, const SessionKey& key) const {
  const uint32_t found = tables.find_session(direction, tables.hash(direction, key), key);
  return found == Index::kNone ? nullptr : &tables.session(found);
}

// An ICMP error about a packet of such a session; decide_error_6to4() has looked at the rest.
void Core::portless_error_6to4(const net::PacketBuf& buf, const net::PacketView& view,
                               Decision& d) const {
  const auto* quote = net::header_at<net::Ip6Header>(buf.data + view.l4_offset + xlat::kIcmpHeader);
  const net::Ip4 remote = classifier.stateful_prefix(d.cls.prefix).extract(quote->source);
  const SessionKey key{quote->destination,    remote,      {}, {}, {}, {},
                       d.inner_view.protocol, d.cls.prefix};
  const Session* s = session_of(Direction::k6To4, key);
  if (s == nullptr) return drop(d, DropReason::kNoSession);
  d.verdict = Verdict::kTranslateError;
  d.hairpin = classifier.classify4(remote).kind != Class::kNone;
  // As for other flows (RFC 6146 3.6.1, conflict C6).
  d.to4 = {s->key.pool, remote, {}, {}, false};
  d.inner4 = {remote, s->key.pool, {}, {}, false};
}

void Core::portless_error_4to6(const net::PacketBuf& buf, const net::PacketView& view,
                               Decision& d) const {
  const auto* ip = net::header_at<net::Ip4Header>(buf.data);
  const auto* quote = net::header_at<net::Ip4Header>(buf.data + view.l4_offset + xlat::kIcmpHeader);
  const SessionKey key{{}, quote->destination, {}, {}, quote->source, {}, d.inner_view.protocol, 0};
  const Session* s = session_of(Direction::k4To6, key);
  if (s == nullptr) return not_ours(d, DropReason::kNoSession);
  const auto& prefix = prefix_of(s->key);
  const auto reason = allowed_router(ip->source, prefix, d.cls.instance);
  if (reason != DropReason::kNone) return drop(d, reason);
  d.verdict = Verdict::kTranslateError;
  // RFC 5508 REQ-4 (conflict C5).
  d.to6 = {prefix.embed(ip->source), s->key.inside, {}, {}, false};
  d.inner6 = {s->key.inside, prefix.embed(quote->destination), {}, {}, false};
}

}  // namespace isthmus::nat
