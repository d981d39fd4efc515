// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/assemble.h"

#include <algorithm>

namespace isthmus::dns64 {
namespace {

// RFC 6147 5.1.7: the bound of synthesised TTLs when the SOA is not known.
constexpr uint32_t kTtlWithoutSoa = 600;

/// QR and RA are ours; AA is not, since we are no authority; of the rest, RCODE and perhaps AD.
uint16_t base_flags(const Message& message, bool keep_ad) {
  const uint16_t rcode = message.rcode() > kRcodeMask ? uint16_t{kServFail} : message.rcode();
  const uint16_t ad = keep_ad ? message.flags & kFlagAd : 0;
  return static_cast<uint16_t>(kFlagQr | kFlagRa | ad | rcode);
}

bool answers_question(const Record& record, const Question& question) {
  constexpr uint16_t kTypeAny = 255;
  return record.section == Section::kAnswer &&
         (record.type == question.type || question.type == kTypeAny);
}

/// How long an answer may be kept: its lowest TTL, or for negative ones what the SOA allows
/// (RFC 2308 5: without SOA, not at all).
uint32_t cache_ttl(const Message& message, bool positive, uint32_t lowest_ttl) {
  const uint16_t rcode = message.rcode();
  if (rcode != kNoError && rcode != kNxDomain) return kFailureTtl;
  if (positive && rcode == kNoError) return lowest_ttl;
  return std::min(negative_ttl(message).value_or(0), lowest_ttl);
}

net::Ip6 ip6_of(const Message& message, const Record& record) {
  net::Ip6 address;
  std::memcpy(address.bytes.data(), &message.bytes[record.rdata], sizeof address);
  return address;
}

net::Ip4 ip4_of(const Message& message, const Record& record) {
  return net::Ip4::from_host(get32(message.bytes, record.rdata));
}

bool is_address(const Record& record, uint16_t type) {
  return record.section == Section::kAnswer && record.type == type && record.klass == kClassIn &&
         record.rdata_size == (type == kTypeAaaa ? 16 : 4);
}

}  // namespace

Assembler::Assembler() : buffer_(kMaxMessage) {}

template <class Keep>
std::optional<Answer> Assembler::copy_if(const Message& message, const Question& question,
                                         bool keep_ad, Keep&& keep) {
  Builder builder(buffer_);
  builder.begin(question, base_flags(message, keep_ad));
  bool positive = false;
  for (const Record& record : message.records) {
    if (!keep(record)) continue;
    if (!builder.copy(message, record)) return std::nullopt;
    positive |= answers_question(record, question);
  }
  Answer answer = finish(builder, cache_ttl(message, positive, builder.lowest_ttl()));
  answer.extended_error = message.edns.extended_error;
  return answer;
}

std::optional<Answer> Assembler::forward(const Message& message, const Question& question) {
  return copy_if(message, question, true, [](const Record&) { return true; });
}

AaaaFinding Assembler::examine_aaaa(const Message& message, const Question& question,
                                    const Policy& policy) {
  AaaaFinding finding;
  const std::optional<Name> end = end_of_chain(message, question.name);
  finding.broken = !end;
  if (!end) return finding;
  for (const Record& record : message.records) {
    if (!is_address(record, kTypeAaaa)) continue;
    if (policy.excluded(ip6_of(message, record))) {
      finding.excluded = true;
    } else if (owner_is(message, record, *end)) {
      finding.usable = true;
    }
  }
  return finding;
}

std::optional<Answer> Assembler::without_excluded(const Message& message, const Question& question,
                                                  const Policy& policy) {
  return copy_if(message, question, false, [&](const Record& record) {
    // The signature covers the whole set, so it is no longer true of what is left.
    if (record.section == Section::kAnswer && type_covered(message, record) == kTypeAaaa) {
      return false;
    }
    return !is_address(record, kTypeAaaa) || !policy.excluded(ip6_of(message, record));
  });
}

std::optional<Answer> Assembler::without_a(const Message& message, const Question& question) {
  return copy_if(message, question, false, [&](const Record& record) {
    if (record.section != Section::kAnswer) return true;
    return record.type != kTypeA && type_covered(message, record) != kTypeA;
  });
}

Assembler::Synthesis Assembler::synthesise(const Message& message, const Question& question,
                                           const Policy& policy, std::optional<uint32_t> negative) {
  Synthesis result;
  const std::optional<Name> end = end_of_chain(message, question.name);
  if (!end) return result;

  const auto is_basis = [&](const Record& record) {
    return is_address(record, kTypeA) && owner_is(message, record, *end);
  };
  // One TTL for the whole set (RFC 2181 5.2), the lowest of all that bound it (RFC 6147 5.1.7).
  uint32_t ttl = negative.value_or(kTtlWithoutSoa);
  for (const Record& record : message.records) {
    if (!is_basis(record)) continue;
    result.has_a = true;
    ttl = std::min(ttl, record.ttl);
    policy.synthesise(ip4_of(message, record), addresses_);
    result.carried |= !addresses_.empty();
  }
  if (!result.carried) return result;

  Builder builder(buffer_);
  // AD is cleared: nobody has validated what is made here.
  builder.begin(question, base_flags(message, false));
  for (const Record& record : message.records) {
    bool good = true;
    if (is_basis(record)) {
      policy.synthesise(ip4_of(message, record), addresses_);
      for (const net::Ip6& address : addresses_) {
        good &= builder.add(Section::kAnswer, *end, kTypeAaaa, ttl, address.bytes);
      }
    } else if (record.section != Section::kAnswer ||
               (record.type != kTypeA && type_covered(message, record) != kTypeA)) {
      // RFC 6147 5.1.5: aliases stay. 5.3.2: the additional section is passed unchanged.
      good = builder.copy(message, record);
    }
    if (!good) return result;
  }
  result.answer = finish(builder, builder.lowest_ttl());
  result.answer->extended_error = kEdeSynthesized;
  return result;
}

bool add_local_soa(Builder& builder, const Name& zone, uint32_t ttl) {
  std::array<uint8_t, Name::kMaxSize + 64> rdata;
  std::size_t size = zone.size();
  std::memcpy(rdata.data(), zone.wire().data(), size);
  constexpr uint8_t kMailboxAndNumbers[] =
      "\6nobody\7invalid\0"  // RNAME nobody.invalid.
      "\0\0\0\1"             // serial 1
      "\0\0\x0e\x10"         // refresh 3600
      "\0\0\4\xb0"           // retry 1200
      "\0\x09\x3a\x80";      // expire 604800
  std::memcpy(rdata.data() + size, kMailboxAndNumbers, sizeof kMailboxAndNumbers - 1);
  size += sizeof kMailboxAndNumbers - 1;
  for (int shift = 24; shift >= 0; shift -= 8) rdata[size++] = static_cast<uint8_t>(ttl >> shift);
  return builder.add(Section::kAuthority, zone, kTypeSoa, ttl, Bytes(rdata.data(), size));
}

std::optional<Answer> Assembler::reverse(const Message& message, const Question& question,
                                         const Name& target, const Name& zone) {
  Builder builder(buffer_);
  builder.begin(question, base_flags(message, false));
  const std::optional<Name> end = end_of_chain(message, target);
  const bool has_data =
      end && std::any_of(message.records.begin(), message.records.end(), [&](const Record& record) {
        return is_answer(message, record, kTypePtr, *end);
      });
  if (!has_data) {
    // RFC 6147 5.3.1: no CNAME SHOULD point at nothing.
    // How long that holds is what the zone in in-addr.arpa says; the zone it holds for is ours.
    if (const std::optional<uint32_t> ttl = negative_ttl(message)) {
      add_local_soa(builder, zone, *ttl);
    }
    if (builder.overflow()) return std::nullopt;
    return finish(builder, cache_ttl(message, false, builder.lowest_ttl()));
  }
  uint32_t ttl = UINT32_MAX;
  for (const Record& record : message.records) {
    if (record.section == Section::kAnswer) ttl = std::min(ttl, record.ttl);
  }
  // Where the in-addr.arpa name is itself an alias (RFC 2317), ours leads straight to its
  // end: 5.3.1 asks not to make a chain of CNAMEs longer.
  builder.add_name(Section::kAnswer, question.name, kTypeCname, ttl, *end);
  for (const Record& record : message.records) {
    const bool of_target = record.section != Section::kAnswer || owner_is(message, record, *end);
    if (of_target && !builder.copy(message, record)) return std::nullopt;
  }
  if (builder.overflow()) return std::nullopt;
  return finish(builder, builder.lowest_ttl());
}

}  // namespace isthmus::dns64
