// SPDX-License-Identifier: BSD-3-Clause
#include "export/record.h"

#include <algorithm>

namespace isthmus::exporter {
namespace {

using enum Element;
using nat::EventKind;
using nat::LimitKind;

// --- layouts ------------------------------------------------------------------------------------

// RFC 8158 Tables 6 and 8; whoever collects tells them by natEvent.
constexpr Element kBindingElements[] = {
    kTime,       kNatEvent,       kProtocol,           kSource6,
    kSourcePort, kPostNatSource4, kPostNaptSourcePort, kNatInstance};
constexpr Element kDestinationElements[] = {kTime,
                                            kNatEvent,
                                            kProtocol,
                                            kSource6,
                                            kSourcePort,
                                            kPostNatSource4,
                                            kPostNaptSourcePort,
                                            kDestination6,
                                            kDestinationPort,
                                            kPostNatDestination4,
                                            kPostNaptDestinationPort,
                                            kNatInstance};
// Table 20.
constexpr Element kAddressElements[] = {kTime, kNatEvent, kSource6, kPostNatSource4, kNatInstance};
// Table 21 says that portRangeEnd may be left out, the text above it that it MUST be specified:
// always sent (conflict C17).
constexpr Element kBlockElements[] = {kTime,           kNatEvent,     kSource6,    kPostNatSource4,
                                      kPortRangeStart, kPortRangeEnd, kNatInstance};
// Tables 9 and 10.
constexpr Element kPoolElements[] = {kTime, kNatEvent, kNatPool, kNatInstance};
constexpr Element kPortsElements[] = {kTime, kNatEvent, kPostNatSource4, kProtocol, kNatInstance};
// Tables 11 to 14.
constexpr Element kSessionsElements[] = {kTime, kNatEvent, kNatQuota, kMaxSessions, kNatInstance};
constexpr Element kBindingsElements[] = {kTime, kNatEvent, kNatQuota, kMaxBindings, kNatInstance};
constexpr Element kUserElements[] = {kTime,    kNatEvent,   kNatQuota, kMaxEntriesPerUser,
                                     kSource6, kNatInstance};
constexpr Element kSubscribersElements[] = {kTime, kNatEvent, kNatQuota, kMaxSubscribers,
                                            kNatInstance};
// Table 17, which leaves open what it is the threshold of: the pool is told, too.
constexpr Element kThresholdElements[] = {
    kTime, kNatEvent, kNatThreshold, kMappingsHighThreshold, kNatPool, kNatInstance};

// --- values -------------------------------------------------------------------------------------

/// What the values of a record are made from.
struct Source {
  const Item& item;
  const conf::Config& config;
  NatEvent nat_event;
  NatQuota quota;
  uint32_t limit;
};

/// RFC 7659 counts instances and pools from 1; a pool's number holds its instance's.
uint32_t instance_number(const nat::Event& event) {
  return event.instance == nat::kNoInstance ? 0 : event.instance + 1u;
}
uint32_t pool_number(const nat::Event& event) {
  return instance_number(event) << 16 | (event.pool + 1u);
}

/// The address that the inside host sent to. Prefixes are numbered over all instances.
net::Ip6 destination_of(const nat::Event& event, const conf::Config& config) {
  std::size_t number = event.prefix;
  for (const auto& nat64 : config.nat64) {
    if (number < nat64.prefixes.size()) return nat64.prefixes[number].embed(event.remote);
    number -= nat64.prefixes.size();
  }
  return {};
}

template <class T>
void put(Record& record, T value) {
  record.put(&value, sizeof value);
}

void put_element(Record& record, Element element, const Source& from) {
  const auto& event = from.item.event;
  switch (element) {
    case kTime: return put(record, from.item.unix_ms);
    case kNatEvent: return put(record, from.nat_event);
    case kProtocol: return put(record, event.protocol);
    case kSource6: return put(record, event.inside);
    case kSourcePort: return put(record, event.inside_port.host());
    case kPostNatSource4: return put(record, event.outside.host());
    case kPostNaptSourcePort:
    case kPortRangeStart: return put(record, event.outside_port.host());
    case kPortRangeEnd: return put(record, event.outside_last.host());
    case kDestination6: return put(record, destination_of(event, from.config));
    case kPostNatDestination4: return put(record, event.remote.host());
    // NAT64 leaves the peer's port as it is.
    case kDestinationPort:
    case kPostNaptDestinationPort: return put(record, event.remote_port.host());
    case kNatPool: return put(record, pool_number(event));
    case kNatInstance: return put(record, instance_number(event));
    case kNatQuota: return put(record, from.quota);
    case kMaxSessions:
    case kMaxBindings:
    case kMaxEntriesPerUser:
    case kMaxSubscribers: return put(record, from.limit);
    case kNatThreshold: return put(record, NatThreshold::kMappingsHigh);
    case kMappingsHighThreshold: return put(record, from.item.threshold);
  }
}

// --- quotas -------------------------------------------------------------------------------------

uint32_t blocks_per_subscriber(const nat::Event& event, const conf::Config& config) {
  if (event.instance >= config.nat64.size()) return 0;
  for (const auto& pool : config.nat64[event.instance].pools) {
    if (pool.allocation == conf::Allocation::kBlocks) return pool.blocks_per_subscriber;
  }
  return 0;
}

uint32_t user_limit(const nat::Event& event, const conf::Config& config) {
  const auto& limits = config.limits;
  switch (event.limit) {
    case LimitKind::kNone: return 0;
    case LimitKind::kSessions: return limits.subscriber_sessions;
    case LimitKind::kBindings: return limits.subscriber_bindings;
    case LimitKind::kTcpBindings: return limits.subscriber_tcp_bindings;
    case LimitKind::kUdpBindings: return limits.subscriber_udp_bindings;
    case LimitKind::kIcmpBindings: return limits.subscriber_icmp_bindings;
    case LimitKind::kSessionRate: return limits.subscriber_sessions_per_second;
    case LimitKind::kPortBlocks: return blocks_per_subscriber(event, config);
  }
  return 0;
}

Record make(Layout layout, const Source& from) {
  Record record;
  record.layout = layout;
  for (const auto element : elements_of(layout)) put_element(record, element, from);
  return record;
}

Layout layout_of(const nat::Event& event, NatEvent nat_event, bool destinations) {
  switch (nat_event) {
    case NatEvent::kSessionCreate:
    case NatEvent::kSessionDelete:
      return destinations ? Layout::kSessionWithDestination : Layout::kSession;
    case NatEvent::kBibCreate:
    case NatEvent::kBibDelete: return Layout::kBib;
    case NatEvent::kAddressBindingCreate:
    case NatEvent::kAddressBindingDelete: return Layout::kAddressBinding;
    case NatEvent::kPortBlockAllocate:
    case NatEvent::kPortBlockDeallocate: return Layout::kPortBlock;
    case NatEvent::kAddressesExhausted: return Layout::kAddressesExhausted;
    case NatEvent::kPortsExhausted: return Layout::kPortsExhausted;
    case NatEvent::kThresholdReached: return Layout::kThreshold;
    case NatEvent::kQuotaExceeded: break;
    case NatEvent::kNone: return Layout::kEnd;
  }
  switch (event.kind) {
    case EventKind::kSessionTableFull: return Layout::kQuotaSessions;
    case EventKind::kBindingTableFull: return Layout::kQuotaBindings;
    case EventKind::kSubscriberTableFull: return Layout::kQuotaSubscribers;
    default: return Layout::kQuotaUser;
  }
}

void set_quota(Source& source, Layout layout) {
  const auto& limits = source.config.limits;
  switch (layout) {
    case Layout::kQuotaSessions:
      source.quota = NatQuota::kSessions;
      source.limit = limits.sessions;
      return;
    case Layout::kQuotaBindings:
      source.quota = NatQuota::kBindings;
      source.limit = limits.bindings;
      return;
    case Layout::kQuotaSubscribers:
      source.quota = NatQuota::kSubscribers;
      source.limit = limits.subscribers;
      return;
    case Layout::kQuotaUser:
      source.quota = NatQuota::kEntriesPerUser;
      source.limit = user_limit(source.item.event, source.config);
      return;
    default: return;
  }
}

// A flow found nothing in any pool that lends to all: RFC 8158 4.6.5 has an event for each.
std::size_t make_exhausted(const Item& item, const conf::Config& config,
                           std::span<Record, kMaxRecords> out) {
  std::size_t count = 0;
  if (item.event.instance >= config.nat64.size()) return 0;
  const auto& pools = config.nat64[item.event.instance].pools;
  for (std::size_t i = 0; i < pools.size() && count < out.size(); ++i) {
    if (pools[i].drain || pools[i].allocation == conf::Allocation::kDeterministic) continue;
    Item of_pool = item;
    of_pool.event.pool = static_cast<uint16_t>(i);
    out[count++] = make(Layout::kAddressesExhausted,
                        {of_pool, config, NatEvent::kAddressesExhausted, NatQuota::kNone, 0});
  }
  return count;
}

nat::EventMask mask_of(conf::EventFamily family) {
  constexpr auto kQuotas =
      nat::mask_of(EventKind::kSessionTableFull) | nat::mask_of(EventKind::kBindingTableFull) |
      nat::mask_of(EventKind::kSubscriberTableFull) | nat::mask_of(EventKind::kSubscriberLimit);
  switch (family) {
    case conf::EventFamily::kSessions: return nat::kSessionEvents;
    case conf::EventFamily::kBindings: return nat::kBindingEvents;
    case conf::EventFamily::kPortBlocks: return nat::kPortBlockEvents;
    case conf::EventFamily::kStatics: return nat::kStaticEvents;
    case conf::EventFamily::kExhaustion: return nat::mask_of(EventKind::kPoolExhausted);
    case conf::EventFamily::kQuotas: return kQuotas;
  }
  return 0;
}

}  // namespace

ElementInfo info_of(Element element) {
  switch (element) {
    case kProtocol: return {"protocolIdentifier", 1};
    case kSourcePort: return {"sourceTransportPort", 2};
    case kDestinationPort: return {"destinationTransportPort", 2};
    case kSource6: return {"sourceIPv6Address", 16};
    case kDestination6: return {"destinationIPv6Address", 16};
    case kPostNatSource4: return {"postNATSourceIPv4Address", 4};
    case kPostNatDestination4: return {"postNATDestinationIPv4Address", 4};
    case kPostNaptSourcePort: return {"postNAPTSourceTransportPort", 2};
    case kPostNaptDestinationPort: return {"postNAPTDestinationTransportPort", 2};
    case kNatEvent: return {"natEvent", 1};
    case kNatPool: return {"natPoolId", 4};
    case kTime: return {"observationTimeMilliseconds", 8};
    case kPortRangeStart: return {"portRangeStart", 2};
    case kPortRangeEnd: return {"portRangeEnd", 2};
    case kNatInstance: return {"natInstanceID", 4};
    case kNatQuota: return {"natQuotaExceededEvent", 4};
    case kMaxSessions: return {"maxSessionEntries", 4};
    case kMaxBindings: return {"maxBIBEntries", 4};
    case kMaxEntriesPerUser: return {"maxEntriesPerUser", 4};
    case kMaxSubscribers: return {"maxSubscribers", 4};
    case kNatThreshold: return {"natThresholdEvent", 4};
    case kMappingsHighThreshold: return {"addressPortMappingHighThreshold", 4};
  }
  return {"", 0};
}

std::span<const Element> elements_of(Layout layout) {
  switch (layout) {
    case Layout::kSession:
    case Layout::kBib: return kBindingElements;
    case Layout::kSessionWithDestination: return kDestinationElements;
    case Layout::kAddressBinding: return kAddressElements;
    case Layout::kPortBlock: return kBlockElements;
    case Layout::kAddressesExhausted: return kPoolElements;
    case Layout::kPortsExhausted: return kPortsElements;
    case Layout::kQuotaSessions: return kSessionsElements;
    case Layout::kQuotaBindings: return kBindingsElements;
    case Layout::kQuotaUser: return kUserElements;
    case Layout::kQuotaSubscribers: return kSubscribersElements;
    case Layout::kThreshold: return kThresholdElements;
    case Layout::kEnd: break;
  }
  return {};
}

NatEvent nat_event_of(const nat::Event& event) {
  // A static binding without protocol binds whole addresses.
  const bool whole = event.protocol == 0;
  switch (event.kind) {
    case EventKind::kSessionCreated: return NatEvent::kSessionCreate;
    case EventKind::kSessionDeleted: return NatEvent::kSessionDelete;
    case EventKind::kBindingCreated: return NatEvent::kBibCreate;
    case EventKind::kBindingDeleted: return NatEvent::kBibDelete;
    case EventKind::kPortBlockGranted: return NatEvent::kPortBlockAllocate;
    case EventKind::kPortBlockReturned: return NatEvent::kPortBlockDeallocate;
    case EventKind::kStaticAdded:
      return whole ? NatEvent::kAddressBindingCreate : NatEvent::kBibCreate;
    case EventKind::kStaticRemoved:
      return whole ? NatEvent::kAddressBindingDelete : NatEvent::kBibDelete;
    case EventKind::kPoolExhausted:
      return event.outside == net::Ip4{} ? NatEvent::kAddressesExhausted
                                         : NatEvent::kPortsExhausted;
    case EventKind::kSessionTableFull:
    case EventKind::kBindingTableFull:
    case EventKind::kSubscriberTableFull:
    case EventKind::kSubscriberLimit: return NatEvent::kQuotaExceeded;
    case EventKind::kSynStoreFull:
    case EventKind::kUdpZeroChecksum:
    case EventKind::kExtHeader:
    case EventKind::kCount: break;
  }
  return NatEvent::kNone;
}

nat::EventMask mask_of(const conf::ExportChoice& choice) {
  if (choice.events.empty()) {
    return nat::kBindingEvents | nat::kPortBlockEvents | nat::kStaticEvents |
           mask_of(conf::EventFamily::kExhaustion) | mask_of(conf::EventFamily::kQuotas);
  }
  nat::EventMask mask = 0;
  for (const auto family : choice.events) mask |= mask_of(family);
  return mask;
}

bool wants(const conf::ExportChoice& choice, nat::EventMask mask, const conf::Config& config,
           const nat::Event& event) {
  const auto kind = nat::mask_of(event.kind);
  if ((mask & kind) == 0) return false;
  if (!choice.events.empty() || (kind & nat::kBindingEvents) == 0) return true;
  // Of ports in blocks and in deterministic pools the subscriber is known without.
  if (event.instance >= config.nat64.size()) return true;
  const auto& pools = config.nat64[event.instance].pools;
  return event.pool >= pools.size() || pools[event.pool].allocation == conf::Allocation::kDynamic;
}

std::size_t make_records(const Item& item, bool destinations, const conf::Config& config,
                         std::span<Record, kMaxRecords> out) {
  const NatEvent nat_event =
      item.threshold != 0 ? NatEvent::kThresholdReached : nat_event_of(item.event);
  if (nat_event == NatEvent::kNone) return 0;
  if (nat_event == NatEvent::kAddressesExhausted) return make_exhausted(item, config, out);
  const Layout layout = layout_of(item.event, nat_event, destinations);
  Source source{item, config, nat_event, NatQuota::kNone, 0};
  set_quota(source, layout);
  out[0] = make(layout, source);
  return 1;
}

}  // namespace isthmus::exporter
