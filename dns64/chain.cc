// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/chain.h"

#include <algorithm>

namespace isthmus::dns64 {
namespace {

constexpr std::size_t kSoaNumbers = 20;

std::optional<Name> target_of(const Message& message, const Record& record) {
  Name target;
  std::size_t at = record.rdata;
  const std::size_t end = at + record.rdata_size;
  if (!read_name(message.bytes.first(end), at, target) || at != end) return std::nullopt;
  return target;
}

/// RFC 6672 2.2: the owner of the DNAME, as a suffix of `name`, is replaced by its target.
std::optional<Name> substitute(const Message& message, const Record& record, const Name& name) {
  const Name owner = owner_of(message, record);
  if (name == owner || !name.is_within(owner)) return std::nullopt;
  const std::optional<Name> target = target_of(message, record);
  if (!target) return std::nullopt;
  Name out;
  const Bytes kept = name.wire().first(static_cast<std::size_t>(name.suffix_start(owner)));
  for (std::size_t at = 0; at < kept.size(); at += kept[at] + 1u) {
    out.append_label(kept.subspan(at + 1, kept[at]));
  }
  if (!out.append(target->wire())) return std::nullopt;
  return out;
}

/// The name one alias further, looking first behind record `start`: answers mostly list a chain in
/// order, and then following it is one pass over the section.
std::optional<Name> next_in_chain(const Message& message, const Name& name, std::size_t& start) {
  const std::size_t count = message.records.size();
  std::optional<Name> by_dname;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t index = (start + i) % count;
    const Record& record = message.records[index];
    if (is_answer(message, record, kTypeCname, name)) {
      start = index + 1;
      return target_of(message, record);
    }
    const bool dname = record.type == kTypeDname && record.section == Section::kAnswer;
    if (dname && record.klass == kClassIn && !by_dname) {
      by_dname = substitute(message, record, name);
    }
  }
  return by_dname;
}

}  // namespace

bool is_answer(const Message& message, const Record& record, uint16_t type, const Name& owner) {
  return record.section == Section::kAnswer && record.type == type && record.klass == kClassIn &&
         owner_is(message, record, owner);
}

std::optional<Name> end_of_chain(const Message& message, const Name& name) {
  Name current = name;
  std::size_t start = 0;
  for (unsigned i = 0; i <= kMaxChain; ++i) {
    const std::optional<Name> next = next_in_chain(message, current, start);
    if (!next) return current;
    if (*next == current) return std::nullopt;
    current = *next;
  }
  return std::nullopt;
}

uint16_t type_covered(const Message& message, const Record& record) {
  if (record.type != kTypeRrsig || record.rdata_size < 2) return 0;
  return get16(message.bytes, record.rdata);
}

std::optional<uint32_t> negative_ttl(const Message& message) {
  for (const Record& record : message.records) {
    if (record.section != Section::kAuthority || record.type != kTypeSoa) continue;
    if (record.rdata_size < kSoaNumbers + 2) continue;
    const std::size_t minimum = record.rdata + record.rdata_size - 4u;
    return std::min(record.ttl, get32(message.bytes, minimum));
  }
  return std::nullopt;
}

}  // namespace isthmus::dns64
