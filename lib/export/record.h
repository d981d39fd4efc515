// SPDX-License-Identifier: BSD-3-Clause
// From a worker's event to the record that RFC 8158 wants of it.
//
// Theory of operation. A Layout is one of the templates of RFC 8158 4.6: a list of information
// elements. A Record is a layout and the values, one behind the other as the layout lists them:
// integers as this machine has them (libfixbuf turns them), IPv6 addresses as on the wire. IPFIX
// and syslog write the same records. An event may be no record (RFC 8158 knows nothing like it),
// one, or several: an exhausted instance is an exhausted event for each of its pools.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "conf/config.h"
#include "nat/events.h"

namespace isthmus::exporter {

/// An event and when it happened: UTC, milliseconds since 1970.
struct Item {
  uint64_t unix_ms = 0;
  nat::Event event;
  /// Not 0: the event is no refusal, but instance and pool of it have so many ports in use that the
  /// operator wants to know. Found by the control core, so no kind of a worker's events.
  uint32_t threshold = 0;
};

/// natEvent (RFC 8158 4.3, Table 2).
enum class NatEvent : uint8_t {
  kNone = 0,
  kAddressesExhausted = 3,
  kSessionCreate = 6,
  kSessionDelete = 7,
  kBibCreate = 10,
  kBibDelete = 11,
  kPortsExhausted = 12,
  kQuotaExceeded = 13,
  kAddressBindingCreate = 14,
  kAddressBindingDelete = 15,
  kPortBlockAllocate = 16,
  kPortBlockDeallocate = 17,
  kThresholdReached = 18,
};

/// natQuotaExceededEvent (RFC 8158 4.4, Table 3).
enum class NatQuota : uint32_t { kNone, kSessions, kBindings, kEntriesPerUser, kSubscribers };

/// natThresholdEvent (RFC 8158 4.5, Table 4).
enum class NatThreshold : uint32_t { kNone = 0, kMappingsHigh = 3 };

/// Information elements, by their IANA numbers.
enum class Element : uint16_t {
  kProtocol = 4,
  kSourcePort = 7,
  kDestinationPort = 11,
  kSource6 = 27,
  kDestination6 = 28,
  kPostNatSource4 = 225,
  kPostNatDestination4 = 226,
  kPostNaptSourcePort = 227,
  kPostNaptDestinationPort = 228,
  kNatEvent = 230,
  kNatPool = 283,
  kTime = 323,
  kPortRangeStart = 361,
  kPortRangeEnd = 362,
  kNatInstance = 463,
  kNatQuota = 466,
  kNatThreshold = 467,
  kMaxSessions = 471,
  kMaxBindings = 472,
  kMaxEntriesPerUser = 473,
  kMaxSubscribers = 474,
  kMappingsHighThreshold = 478,
};

struct ElementInfo {
  std::string_view name;
  uint16_t length;
};
ElementInfo info_of(Element element);

/// Templates; the numbers are template identifiers (RFC 7011 3.4.1: from 256).
enum class Layout : uint16_t {
  kSession = 256,
  kSessionWithDestination,
  kBib,
  kAddressBinding,
  kPortBlock,
  kAddressesExhausted,
  kPortsExhausted,
  kQuotaSessions,
  kQuotaBindings,
  kQuotaUser,
  kQuotaSubscribers,
  kThreshold,
  kEnd
};
std::span<const Element> elements_of(Layout layout);

class Record {
 public:
  static constexpr std::size_t kRoom = 80;

  Layout layout = Layout::kEnd;

  std::span<const uint8_t> bytes() const { return {bytes_.data(), length_}; }
  void put(const void* from, std::size_t length) {
    std::memcpy(bytes_.data() + length_, from, length);
    length_ += static_cast<uint16_t>(length);
  }

 private:
  uint16_t length_ = 0;
  std::array<uint8_t, kRoom> bytes_;
};

/// What an event is in RFC 8158's words; kNone: it has none.
NatEvent nat_event_of(const nat::Event& event);

/// Families an exporter wants, as kinds of events; see wants() for the rest of the choice.
nat::EventMask mask_of(const conf::ExportChoice& choice);
/// Whether this event is among those wanted.
bool wants(const conf::ExportChoice& choice, nat::EventMask mask, const conf::Config& config,
           const nat::Event& event);

inline constexpr std::size_t kMaxRecords = 16;
/// The records of an event, at most kMaxRecords; how many.
std::size_t make_records(const Item& item, bool destinations, const conf::Config& config,
                         std::span<Record, kMaxRecords> out);

}  // namespace isthmus::exporter
