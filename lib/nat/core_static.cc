// SPDX-License-Identifier: BSD-3-Clause
// Static bindings in one worker's tables (RFC 6146 3.1), on behalf of the control core.
#include <algorithm>

#include "nat/core.h"
#include "nat/state_events.h"

namespace isthmus::nat {
namespace {

bool by_outside(const WholeAddress& a, const WholeAddress& b) {
  return a.outside < b.outside;
}
bool by_inside(const WholeAddress& a, const WholeAddress& b) {
  return a.inside < b.inside;
}

std::string cell_text(net::Ip4 address, net::Be16 port) {
  return net::to_string(address) + " port " + std::to_string(port.host());
}

// RFC 6888 REQ-8: nor is a port that rests a static binding's before its time.
std::string rest_text(const Pools::Rest& rest) {
  return ", for at most " + std::to_string(rest.seconds) + " s more (" + rest.option +
         "): try again then, or give another ";
}

Error occupied_address(const Pools& pools, net::Ip4 outside) {
  const auto text = net::to_string(outside);
  if (pools.lends(outside)) {
    return Error{text +
                 " has ports lent to inside hosts: end those first (\"clear bindings outside " +
                 text + "\"), or give another address"};
  }
  return Error{text + " has " + pools.rest_of(outside).what + " that rest" +
               rest_text(pools.rest_of(outside)) + "address"};
}

Error occupied_port(const Pools& pools, const Tables& tables, const StaticBinding& b) {
  const auto text = cell_text(b.outside, b.outside_port);
  const uint32_t found = tables.find_binding_outside(b.outside, b.outside_port, b.protocol);
  if (found == Index::kNone)
    return Error{text + " rests" + rest_text(pools.rest_of(b.outside)) + "port"};
  const Binding& held = tables.binding(found);
  return Error{text + " is lent to " + net::to_string(held.inside) + " port " +
               std::to_string(held.inside_port.host()) +
               ": end that first (\"clear bindings outside " + net::to_string(b.outside) + ":" +
               std::to_string(b.outside_port.host()) + "\"), or give another port"};
}

Event static_event(EventKind kind, const StaticBinding& b, uint8_t prefix) {
  Event event;
  event.kind = kind;
  event.protocol = b.protocol;
  event.instance = b.instance;
  event.prefix = prefix;
  event.inside = b.inside;
  event.outside = b.outside;
  event.inside_port = b.inside_port;
  event.outside_port = b.outside_port;
  return event;
}

}  // namespace

const WholeAddress* Core::whole_of_inside(const net::Ip6& inside, uint8_t prefix) const {
  const auto at = std::lower_bound(wholes_inside_.begin(), wholes_inside_.end(),
                                   WholeAddress{inside, {}, 0, 0}, by_inside);
  const uint8_t instance = classifier.instance_of_prefix(prefix);
  for (auto it = at; it != wholes_inside_.end() && it->inside == inside; ++it) {
    if (it->instance == instance) return &*it;
  }
  return nullptr;
}

const WholeAddress* Core::whole_of_outside(net::Ip4 outside) const {
  const auto at =
      std::lower_bound(wholes_.begin(), wholes_.end(), WholeAddress{{}, outside, 0, 0}, by_outside);
  return at == wholes_.end() || at->outside != outside ? nullptr : &*at;
}

Status Core::reserve(const StaticBinding& b) {
  if (classifier.classify4(b.outside).kind != Class::kStateful) {
    return Error{net::to_string(b.outside) + " is in no pool: give an address of one"};
  }
  if (b.is_whole()) {
    if (!pools.reserve_address(b.outside)) return occupied_address(pools, b.outside);
    know_whole(b);
    return Ok{};
  }
  if (!pools.reserve(b.outside, b.protocol, b.outside_port)) return occupied_port(pools, tables, b);
  return Ok{};
}

// By every worker: flows without ports may be any worker's (Classifier::by_remote()).
void Core::know_whole(const StaticBinding& b) {
  forget_whole(b);
  const WholeAddress whole{b.inside, b.outside, b.instance, classifier.first_prefix(b.instance)};
  wholes_.insert(std::upper_bound(wholes_.begin(), wholes_.end(), whole, by_outside), whole);
  wholes_inside_.insert(
      std::upper_bound(wholes_inside_.begin(), wholes_inside_.end(), whole, by_inside), whole);
}

void Core::forget_whole(const StaticBinding& b) {
  std::erase_if(wholes_, [&](const WholeAddress& w) { return w.outside == b.outside; });
  std::erase_if(wholes_inside_, [&](const WholeAddress& w) { return w.outside == b.outside; });
}

void Core::unreserve(const StaticBinding& b) {
  if (b.is_whole()) {
    pools.unreserve_address(b.outside);
    forget_whole(b);
  } else {
    pools.unreserve(b.outside, b.protocol, b.outside_port);
  }
}

Status Core::conflict_of(const StaticBinding& b) const {
  const uint8_t prefix = classifier.first_prefix(b.instance);
  const uint32_t inside = tables.find_binding_inside(b.inside, b.inside_port, b.protocol, prefix);
  if (inside == Index::kNone) return Ok{};
  const Binding& held = tables.binding(inside);
  return Error{net::to_string(b.inside) + " port " + std::to_string(b.inside_port.host()) +
               " has " + cell_text(held.pool, held.pool_port) + " now: end that first (\"clear " +
               "bindings inside " + net::to_string(b.inside) + "\")"};
}

Status Core::add_static(const StaticBinding& b) {
  const uint8_t prefix = classifier.first_prefix(b.instance);
  if (b.is_whole()) {
    know_whole(b);
  } else {
    if (auto ok = conflict_of(b); !ok) return ok;
    if (tables.bindings_full()) return Error{"the binding table is full: raise limits.bindings"};
    uint32_t subscriber = tables.find_subscriber(b.inside, b.instance);
    if (subscriber == Index::kNone) {
      if (tables.subscribers_full()) {
        return Error{"the subscriber table is full: raise limits.subscribers"};
      }
      // RFC 6146 3.5.1.1: other flows of the host SHOULD use the same address, if it is ours.
      subscriber = tables.add_subscriber(b.inside, b.instance, pools.find(b.outside));
    }
    const SessionKey key{b.inside,       {},         b.inside_port, {}, b.outside,
                         b.outside_port, b.protocol, prefix};
    tables.add_binding(subscriber, key, Binding::kStatic | Binding::kNoCell);
  }
  if (events.wants(EventKind::kStaticAdded)) {
    events.tell(static_event(EventKind::kStaticAdded, b, prefix));
  }
  return Ok{};
}

void Core::remove_static(const StaticBinding& b) {
  if (b.is_whole()) {
    forget_whole(b);
  } else {
    const uint32_t found = tables.find_binding_outside(b.outside, b.outside_port, b.protocol);
    if (found == Index::kNone || !tables.binding(found).is_static()) return;
    tables.retire_binding(found);
  }
  if (events.wants(EventKind::kStaticRemoved)) {
    events.tell(static_event(EventKind::kStaticRemoved, b, classifier.first_prefix(b.instance)));
  }
}

}  // namespace isthmus::nat
