// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/local_zones.h"

#include <algorithm>

#include "dns64/assemble.h"
#include "dns64/reverse.h"

namespace isthmus::dns64 {
namespace {

constexpr uint16_t kZoneFlags = kFlagQr | kFlagAa | kFlagRa;
constexpr uint32_t kZoneNegativeTtl = 60;
constexpr uint16_t kTypeAny = 255;
constexpr unsigned kMaxAliases = 16;

std::optional<Name> name_of(Bytes wire) {
  Name name;
  std::size_t at = 0;
  if (!read_name(wire, at, name)) return std::nullopt;
  return name;
}

bool of_type(uint16_t type, uint16_t wanted) {
  return type == wanted || wanted == kTypeAny;
}

}  // namespace

std::string LocalZones::key_of(const Name& name) {
  Name lower = name;
  lower.make_lower_case();
  return {lower.wire().begin(), lower.wire().end()};
}

void LocalZones::add_zone(const Name& zone) {
  if (!zone.is_root()) zones_.push_back(zone);
}

bool LocalZones::add(const Name& zone, const Name& name, Record record) {
  Records& records = names_[key_of(name)];
  const bool first = records.empty();
  const auto same = std::find_if(records.begin(), records.end(), [&](const Record& r) {
    return r.type == record.type && r.rdata == record.rdata;
  });
  if (same == records.end()) records.push_back(std::move(record));
  if (zone.is_root() || !name.is_within(zone)) return first;
  // RFC 8020: what has something below it exists, though it may have no records.
  for (unsigned i = 1; i + zone.labels() <= name.labels(); ++i) {
    if (const auto above = name_of(name.without_labels(i))) names_.try_emplace(key_of(*above));
  }
  return first;
}

const LocalZones::Records* LocalZones::find(const Name& name) const {
  const auto found = names_.find(key_of(name));
  return found == names_.end() ? nullptr : &found->second;
}

const Name* LocalZones::zone_of(const Name& name) const {
  const Name* best = nullptr;
  for (const Name& zone : zones_) {
    if (name.is_within(zone) && (!best || zone.size() > best->size())) best = &zone;
  }
  return best;
}

bool LocalZones::write_records(Builder& builder, const Name& name, const Records& records,
                               uint16_t type, const Policy& policy) const {
  bool found = false;
  for (const Record& record : records) {
    if (!of_type(record.type, type)) continue;
    if (record.type == kTypeAaaa && policy.synthesis == Synthesis::kAlways) continue;
    builder.add(Section::kAnswer, name, record.type, record.ttl, record.rdata);
    found = true;
  }
  if (found || type != kTypeAaaa || policy.synthesis == Synthesis::kNever) return found;
  std::vector<net::Ip6> addresses;
  for (const Record& record : records) {
    if (record.type != kTypeA) continue;
    policy.synthesise(net::Ip4::from_host(get32(record.rdata, 0)), addresses);
    for (const net::Ip6& address : addresses) {
      builder.add(Section::kAnswer, name, kTypeAaaa, record.ttl, address.bytes);
      found = true;
    }
  }
  return found;
}

bool LocalZones::write(Builder& builder, Name name, uint16_t type, const Policy& policy) const {
  for (unsigned i = 0; i < kMaxAliases; ++i) {
    const Records* records = find(name);
    if (!records) return i > 0;
    const auto alias = std::find_if(records->begin(), records->end(),
                                    [](const Record& r) { return r.type == kTypeCname; });
    if (alias == records->end() || of_type(kTypeCname, type)) {
      return write_records(builder, name, *records, type, policy) || i > 0;
    }
    builder.add(Section::kAnswer, name, kTypeCname, alias->ttl, alias->rdata);
    const auto target = name_of(alias->rdata);
    if (!target) return true;
    name = *target;
  }
  return true;
}

void LocalZones::write_soa(Builder& builder, const Name& zone) const {
  if (const Records* records = find(zone)) {
    for (const Record& record : *records) {
      if (record.type != kTypeSoa) continue;
      builder.add(Section::kAuthority, zone, kTypeSoa, record.ttl, record.rdata);
      return;
    }
  }
  add_local_soa(builder, zone, kZoneNegativeTtl);
}

std::optional<Answer> LocalZones::reverse(const Question& question, const Policy& policy) const {
  const std::optional<net::Ip6> address = address_of_reverse_name(question.name);
  const auto prefix = address ? policy.prefix_of(*address) : std::nullopt;
  if (!prefix) return std::nullopt;
  const Name target = reverse_name(prefix->extract(*address));
  const Records* records = find(target);
  if (!records || records->empty()) return std::nullopt;
  std::array<uint8_t, 4096> buffer;
  Builder builder(buffer);
  builder.begin(question, kZoneFlags);
  builder.add_name(Section::kAnswer, question.name, kTypeCname, records->front().ttl, target);
  write_records(builder, target, *records, kTypePtr, policy);
  if (builder.overflow()) return std::nullopt;
  return finish(builder, 0);
}

std::optional<Answer> LocalZones::answer(const Question& question, const Policy& policy) const {
  if (question.klass != kClassIn || empty()) return std::nullopt;
  const Name* zone = zone_of(question.name);
  const Records* records = find(question.name);
  if (!zone && !records) {
    return question.type == kTypePtr ? reverse(question, policy) : std::nullopt;
  }
  // Of a name outside our zones we know addresses, and an address's name; nothing else.
  const bool known_type = question.type == kTypeA || question.type == kTypeAaaa ||
                          question.type == kTypePtr || question.type == kTypeAny;
  if (!zone && !known_type) return std::nullopt;
  std::array<uint8_t, 16384> buffer;
  Builder builder(buffer);
  builder.begin(question, records ? kZoneFlags : kZoneFlags | kNxDomain);
  const bool data = records && write(builder, question.name, question.type, policy);
  if (!data) write_soa(builder, zone ? *zone : question.name);
  if (builder.overflow()) return bare_answer(question, kServFail);
  return finish(builder, 0);
}

}  // namespace isthmus::dns64
