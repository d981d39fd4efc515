// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/local.h"

#include <algorithm>

#include "dns64/assemble.h"
#include "dns64/reverse.h"

namespace isthmus::dns64 {
namespace {

constexpr uint32_t kTtl = 600;         // clients ask again after a change of prefix (RFC 7050 3)
constexpr uint32_t kNegativeTtl = 60;  // RFC 8880, Appendix A
constexpr net::Ip4 kSpecial[] = {net::Ip4::from_host(0xc00000aa), net::Ip4::from_host(0xc00000ab)};

// RFC 8880 7.1: a DNS64 acts as authoritative for these names.
constexpr uint16_t kFlags = kFlagQr | kFlagAa | kFlagRa;

Bytes bytes_of(const net::Ip4& address) {
  return Bytes(reinterpret_cast<const uint8_t*>(&address), sizeof address);
}

}  // namespace

LocalNames::LocalNames() {
  ipv4only_.append_label("ipv4only");
  ipv4only_.append_label("arpa");
}

std::optional<Answer> LocalNames::answer(const Question& question, const Policy& policy) const {
  if (question.klass != kClassIn) return std::nullopt;
  if (question.name.is_within(ipv4only_)) {
    // RFC 8880 7.1: "Queries for the DS record are resolved the usual way."
    if (question.type == kTypeDs && question.name == ipv4only_) return std::nullopt;
    return ipv4only(question, policy);
  }
  if (question.type == kTypePtr) return reverse(question, policy);
  return std::nullopt;
}

Answer LocalNames::ipv4only(const Question& question, const Policy& policy) const {
  std::array<uint8_t, 8192> buffer;
  Builder builder(buffer);
  const bool apex = question.name == ipv4only_;
  // RFC 8880 7.1: names below ipv4only.arpa MUST be answered with NXDOMAIN.
  builder.begin(question, apex ? kFlags : kFlags | kNxDomain);
  if (apex && question.type == kTypeA) {
    for (const net::Ip4& address : kSpecial) {
      builder.add(Section::kAnswer, ipv4only_, kTypeA, kTtl, bytes_of(address));
    }
  } else if (apex && question.type == kTypeAaaa) {
    // One pair for each prefix (RFC 7050 3), also where the addresses are non-global: they stand
    // for the prefix, not for a host.
    std::vector<net::Prefix6052> prefixes;
    for (const PrefixRule& rule : policy.rules) {
      if (!rule.prefix) continue;
      if (std::find(prefixes.begin(), prefixes.end(), *rule.prefix) != prefixes.end()) continue;
      prefixes.push_back(*rule.prefix);
    }
    for (const net::Prefix6052& prefix : prefixes) {
      for (const net::Ip4& address : kSpecial) {
        const net::Ip6 synthetic = prefix.embed(address);
        builder.add(Section::kAnswer, ipv4only_, kTypeAaaa, kTtl, synthetic.bytes);
      }
    }
  } else {
    add_local_soa(builder, ipv4only_, kNegativeTtl);
  }
  return finish(builder, 0);
}

std::optional<Answer> LocalNames::reverse(const Question& question, const Policy& policy) const {
  const std::optional<net::Ip6> address = address_of_reverse_name(question.name);
  if (!address) return std::nullopt;
  const std::optional<net::Prefix6052> prefix = policy.prefix_of(*address);
  if (!prefix) return std::nullopt;
  const net::Ip4 embedded = prefix->extract(*address);
  const bool special = embedded == kSpecial[0] || embedded == kSpecial[1];
  if (!special && policy.may_carry(*prefix, embedded)) return std::nullopt;

  std::array<uint8_t, 1024> buffer;
  Builder builder(buffer);
  builder.begin(question, special ? kFlags : kFlags | kNxDomain);
  if (special) {
    // RFC 8880 7.2.1: no query is made for these; the answer is fixed.
    builder.add_name(Section::kAnswer, question.name, kTypePtr, kTtl, ipv4only_);
  } else {
    // Never synthesised (RFC 6052 3.1), so the address names nothing.
    add_local_soa(builder, reverse_zone(prefix->prefix()), kNegativeTtl);
  }
  return finish(builder, 0);
}

}  // namespace isthmus::dns64
