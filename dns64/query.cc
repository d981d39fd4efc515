// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/query.h"

#include <algorithm>

namespace isthmus::dns64 {
namespace {

constexpr uint16_t kClassNone = 254;

/// RFC 8945 5.1: a TSIG that is not the last record, or not the only one, is a format error.
bool misplaced_tsig(const Message& query) {
  for (std::size_t i = 0; i + 1 < query.records.size(); ++i) {
    if (query.records[i].type == kTypeTsig) return true;
  }
  return false;
}

}  // namespace

Judgement judge_query(const Message& query, ParseResult parsed) {
  if (parsed == ParseResult::kNoHeader) return {Verdict::kDropMalformed};
  if (query.flags & kFlagQr) return {Verdict::kDropResponse};
  if (query.flags & kOpcodeMask) return {Verdict::kError, kNotImp};
  // RFC 9619: QDCOUNT of a query must be 1.
  if (parsed != ParseResult::kOk) return {Verdict::kError, kFormErr};
  // RFC 6891 6.1.3: a version that we do not implement is answered with BADVERS.
  if (query.edns.version != 0) return {Verdict::kError, kBadVers};
  // RFC 7873 5.2.2: a COOKIE option of another length is a format error.
  if (query.edns.bad_cookie) return {Verdict::kError, kFormErr};
  if (misplaced_tsig(query)) return {Verdict::kError, kFormErr};

  const Question& question = query.question;
  // A forwarder has no zones to transfer. (IXFR carries a SOA, so this comes before the counts.)
  if (question.type == kTypeAxfr || question.type == kTypeIxfr) return {Verdict::kError, kRefused};
  for (const Record& record : query.records) {
    if (record.section != Section::kAdditional) return {Verdict::kError, kFormErr};
  }
  if (question.type == 0 || question.type == kTypeOpt || question.klass == 0 ||
      question.klass == kClassNone) {
    return {Verdict::kError, kFormErr};
  }
  if (question.type == kTypeTkey || question.type == kTypeTsig) return {Verdict::kError, kNotImp};
  return {Verdict::kResolve};
}

net::Ip6 map_ip4(net::Ip4 address) {
  net::Ip6 out;
  out.bytes[10] = out.bytes[11] = 0xff;
  std::memcpy(out.bytes.data() + 12, &address, sizeof address);
  return out;
}

std::optional<net::Ip4> unmap_ip4(const net::Ip6& address) {
  net::Ip4 out;
  std::memcpy(&out, address.bytes.data() + 12, sizeof out);
  return map_ip4(out) == address ? std::optional(out) : std::nullopt;
}

Asker asker_of(uint64_t token, const Message& query, const Client& client) {
  Asker asker;
  asker.token = token;
  asker.client = client.address;
  asker.tcp = client.tcp;
  asker.padding = query.edns.padding;
  asker.name = query.question.name;
  asker.id = query.id;
  asker.flags = query.flags;
  asker.edns = query.edns.present;
  asker.dnssec_ok = query.edns.dnssec_ok;
  if (client.tcp) {
    asker.limit = kMaxMessage;
  } else if (query.edns.present) {
    // RFC 6891 6.2.3: values lower than 512 MUST be treated as equal to 512.
    asker.limit = std::clamp(query.edns.payload_size, kUdpPayloadWithoutEdns, kUdpPayload);
  }
  return asker;
}

}  // namespace isthmus::dns64
