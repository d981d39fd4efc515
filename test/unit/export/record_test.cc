// SPDX-License-Identifier: BSD-3-Clause
// What of an event goes into which record.
#include "export/record.h"

#include <map>
#include <set>
#include <vector>

#include "catch.h"
#include "samples.h"

namespace isthmus::exporter::record_test {
namespace {

using nat::EventKind, nat::LimitKind;
using test::sample_config, test::sample_item;

std::vector<Record> records_of(const Item& item, bool destinations = false) {
  std::array<Record, kMaxRecords> room;
  const auto config = sample_config();
  const std::size_t count = make_records(item, destinations, *config, room);
  return {room.begin(), room.begin() + static_cast<std::ptrdiff_t>(count)};
}

uint64_t number_in(const Record& record, Element wanted) {
  std::size_t at = 0;
  for (const auto element : elements_of(record.layout)) {
    const std::size_t length = info_of(element).length;
    if (element == wanted) {
      uint64_t value = 0;
      std::memcpy(&value, record.bytes().data() + at, length);
      return value;
    }
    at += length;
  }
  FAIL("no such element: " << info_of(wanted).name);
  return 0;
}

}  // namespace

TEST_CASE("RFC 8158 4.3: each kind of event is the NAT event of the registry, or none") {
  const std::map<EventKind, int> expected{
      {EventKind::kSessionCreated, 6},    {EventKind::kSessionDeleted, 7},
      {EventKind::kBindingCreated, 10},   {EventKind::kBindingDeleted, 11},
      {EventKind::kPortBlockGranted, 16}, {EventKind::kPortBlockReturned, 17},
      {EventKind::kStaticAdded, 10},      {EventKind::kStaticRemoved, 11},
      {EventKind::kPoolExhausted, 12},    {EventKind::kSessionTableFull, 13},
      {EventKind::kBindingTableFull, 13}, {EventKind::kSubscriberTableFull, 13},
      {EventKind::kSubscriberLimit, 13},  {EventKind::kSynStoreFull, 0},
      {EventKind::kUdpZeroChecksum, 0},   {EventKind::kExtHeader, 0},
  };
  REQUIRE(expected.size() == nat::kEventKinds);
  for (const auto& [kind, number] : expected) {
    CAPTURE(nat::name(kind));
    const auto item = sample_item(kind);
    CHECK(static_cast<int>(nat_event_of(item.event)) == number);
    const auto records = records_of(item);
    REQUIRE(records.size() == (number == 0 ? 0u : 1u));
    if (number == 0) continue;
    CHECK(number_in(records[0], Element::kNatEvent) == static_cast<uint64_t>(number));
    CHECK(number_in(records[0], Element::kTime) == test::kWhen);
    CHECK(number_in(records[0], Element::kNatInstance) == 2);
  }
}

TEST_CASE("RFC 8158 4.6: a template's elements have room, and no template has one twice") {
  for (int id = 256; id < static_cast<int>(Layout::kEnd); ++id) {
    std::size_t length = 0;
    std::set<Element> seen;
    for (const auto element : elements_of(static_cast<Layout>(id))) {
      CHECK(info_of(element).length != 0);
      CHECK_FALSE(info_of(element).name.empty());
      CHECK(seen.insert(element).second);
      length += info_of(element).length;
    }
    CHECK(length != 0);
    CHECK(length <= Record::kRoom);
  }
}

TEST_CASE("RFC 8158 4.6.9: a static binding of whole addresses is an address binding") {
  auto item = sample_item(EventKind::kStaticAdded);
  item.event.protocol = 0;
  CHECK(records_of(item)[0].layout == Layout::kAddressBinding);
  CHECK(number_in(records_of(item)[0], Element::kNatEvent) == 14);
  item.event.kind = EventKind::kStaticRemoved;
  CHECK(number_in(records_of(item)[0], Element::kNatEvent) == 15);
}

TEST_CASE("RFC 8158 4.6.5: an exhausted instance is an event for each pool that lends to all") {
  auto item = sample_item(EventKind::kPoolExhausted);
  item.event.outside = {};
  const auto records = records_of(item);
  REQUIRE(records.size() == 2);
  for (const auto& record : records) {
    CHECK(record.layout == Layout::kAddressesExhausted);
    CHECK(number_in(record, Element::kNatEvent) == 3);
  }
  CHECK(number_in(records[0], Element::kNatPool) == 0x20001);
  CHECK(number_in(records[1], Element::kNatPool) == 0x20002);
  item.event.instance = nat::kNoInstance;
  CHECK(records_of(item).empty());
}

TEST_CASE("RFC 8158 4.6.8.2: a pool that fills up, and the number of ports that is its alarm") {
  Item item;
  item.event.kind = EventKind::kPoolExhausted;
  item.event.instance = 1;
  item.event.pool = 2;
  item.threshold = 900;
  const auto records = records_of(item);
  REQUIRE(records.size() == 1);
  CHECK(records[0].layout == Layout::kThreshold);
  CHECK(number_in(records[0], Element::kNatEvent) == 18);
  CHECK(number_in(records[0], Element::kNatThreshold) == 3);
  CHECK(number_in(records[0], Element::kMappingsHighThreshold) == 900);
  CHECK(number_in(records[0], Element::kNatPool) == 0x20003);
  CHECK(number_in(records[0], Element::kNatInstance) == 2);
}

TEST_CASE("RFC 8158 4.6.7: quotas with the limits in force") {
  const auto quota = [](EventKind kind, Layout layout, Element limit) {
    const auto records = records_of(sample_item(kind));
    REQUIRE(records.size() == 1);
    CHECK(records[0].layout == layout);
    return std::pair(number_in(records[0], Element::kNatQuota), number_in(records[0], limit));
  };
  CHECK(quota(EventKind::kSessionTableFull, Layout::kQuotaSessions, Element::kMaxSessions) ==
        std::pair<uint64_t, uint64_t>(1, 0x10000));
  CHECK(quota(EventKind::kBindingTableFull, Layout::kQuotaBindings, Element::kMaxBindings) ==
        std::pair<uint64_t, uint64_t>(2, 0x20000));
  CHECK(quota(EventKind::kSubscriberTableFull, Layout::kQuotaSubscribers,
              Element::kMaxSubscribers) == std::pair<uint64_t, uint64_t>(4, 0x3000));
  const std::map<LimitKind, uint64_t> limits{
      {LimitKind::kNone, 0},         {LimitKind::kSessions, 11},    {LimitKind::kBindings, 12},
      {LimitKind::kTcpBindings, 13}, {LimitKind::kUdpBindings, 14}, {LimitKind::kIcmpBindings, 15},
      {LimitKind::kSessionRate, 16}, {LimitKind::kPortBlocks, 3},
  };
  for (const auto& [limit, value] : limits) {
    auto item = sample_item(EventKind::kSubscriberLimit);
    item.event.limit = limit;
    const auto records = records_of(item);
    REQUIRE(records.size() == 1);
    CHECK(records[0].layout == Layout::kQuotaUser);
    CHECK(number_in(records[0], Element::kNatQuota) == 3);
    CHECK(number_in(records[0], Element::kMaxEntriesPerUser) == value);
  }
}

TEST_CASE("export: by default bindings of pools that lend single ports only, and no sessions") {
  const auto config = sample_config();
  const conf::ExportChoice choice;
  const auto mask = mask_of(choice);
  CHECK((mask & nat::kSessionEvents) == 0);
  auto item = sample_item(EventKind::kBindingCreated);
  for (const auto& [pool, wanted] : {std::pair(0, true), {1, false}, {2, false}, {3, true}}) {
    item.event.pool = static_cast<uint16_t>(pool);
    CHECK(wants(choice, mask, *config, item.event) == wanted);
  }
  CHECK(wants(choice, mask, *config, sample_item(EventKind::kPortBlockGranted).event));
  CHECK_FALSE(wants(choice, mask, *config, sample_item(EventKind::kExtHeader).event));
}

TEST_CASE("export: what is asked for is what is wanted, in any pool") {
  const auto config = sample_config();
  const std::map<conf::EventFamily, std::set<EventKind>> families{
      {conf::EventFamily::kSessions, {EventKind::kSessionCreated, EventKind::kSessionDeleted}},
      {conf::EventFamily::kBindings, {EventKind::kBindingCreated, EventKind::kBindingDeleted}},
      {conf::EventFamily::kPortBlocks,
       {EventKind::kPortBlockGranted, EventKind::kPortBlockReturned}},
      {conf::EventFamily::kStatics, {EventKind::kStaticAdded, EventKind::kStaticRemoved}},
      {conf::EventFamily::kExhaustion, {EventKind::kPoolExhausted}},
      {conf::EventFamily::kQuotas,
       {EventKind::kSessionTableFull, EventKind::kBindingTableFull, EventKind::kSubscriberTableFull,
        EventKind::kSubscriberLimit}},
  };
  for (const auto& [family, kinds] : families) {
    conf::ExportChoice choice;
    choice.events = {family};
    const auto mask = mask_of(choice);
    for (std::size_t i = 0; i < nat::kEventKinds; ++i) {
      const auto kind = static_cast<EventKind>(i);
      auto item = sample_item(kind);
      item.event.pool = 1;
      CHECK(wants(choice, mask, *config, item.event) == kinds.contains(kind));
    }
  }
}

}  // namespace isthmus::exporter::record_test
