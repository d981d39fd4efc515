// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/answer.h"

#include <algorithm>
#include <cstring>

namespace isthmus::dns64 {
namespace {

constexpr std::size_t kOptSize = 11;
constexpr std::size_t kOptionHeader = 4;
constexpr std::size_t kExtendedErrorSize = kOptionHeader + 2;
constexpr std::size_t kPaddingBlock = 468;  // RFC 8467 4.1

void set16(std::span<uint8_t> out, std::size_t at, uint16_t v) {
  out[at] = static_cast<uint8_t>(v >> 8);
  out[at + 1] = static_cast<uint8_t>(v);
}

void set32(std::span<uint8_t> out, std::size_t at, uint32_t v) {
  set16(out, at, static_cast<uint16_t>(v >> 16));
  set16(out, at + 2, static_cast<uint16_t>(v));
}

std::size_t opt_size(const Asker& asker, int32_t extended_error) {
  if (!asker.edns) return 0;
  return kOptSize + (extended_error >= 0 ? kExtendedErrorSize : 0) +
         (asker.has_cookie ? kOptionHeader + asker.cookie.size() : 0);
}

std::size_t append_option(std::span<uint8_t> out, std::size_t at, uint16_t code, Bytes data) {
  set16(out, at, code);
  set16(out, at + 2, static_cast<uint16_t>(data.size()));
  std::memcpy(out.data() + at + kOptionHeader, data.data(), data.size());
  return at + kOptionHeader + data.size();
}

/// RFC 7830 4: an answer to a padded query MUST be padded, as far as the client's size allows.
std::size_t append_padding(std::span<uint8_t> out, std::size_t at, std::size_t limit) {
  if (at + kOptionHeader > limit) return at;
  const std::size_t blocks = (at + kOptionHeader + kPaddingBlock - 1) / kPaddingBlock;
  const std::size_t end = std::min(blocks * kPaddingBlock, limit);
  set16(out, at, kOptionPadding);
  set16(out, at + 2, static_cast<uint16_t>(end - at - kOptionHeader));
  std::memset(out.data() + at + kOptionHeader, 0, end - at - kOptionHeader);
  return end;
}

/// RFC 6891 6.1.1: a response to a query with OPT has one too; a query without gets none.
std::size_t append_opt(std::span<uint8_t> out, std::size_t at, uint16_t rcode, const Asker& asker,
                       int32_t extended_error) {
  if (!asker.edns) return at;
  out[at] = 0;
  set16(out, at + 1, kTypeOpt);
  set16(out, at + 3, kUdpPayload);
  out[at + 5] = static_cast<uint8_t>(rcode >> 4);
  out[at + 6] = 0;
  set16(out, at + 7, asker.dnssec_ok ? 0x8000 : 0);
  std::size_t end = at + kOptSize;
  if (extended_error >= 0) {
    const uint8_t code[] = {static_cast<uint8_t>(extended_error >> 8),
                            static_cast<uint8_t>(extended_error)};
    end = append_option(out, end, kOptionExtendedError, code);
  }
  if (asker.has_cookie) end = append_option(out, end, kOptionCookie, asker.cookie);
  if (asker.padding) end = append_padding(out, end, asker.limit);
  set16(out, at + 9, static_cast<uint16_t>(end - at - kOptSize));
  set16(out, 10, static_cast<uint16_t>(get16(out, 10) + 1));
  return end;
}

uint16_t flags_for(const Answer& answer, const Asker& asker) {
  uint16_t flags = get16(answer.message, 2);
  flags |= asker.flags & (kFlagRd | kFlagCd);
  // RFC 6147 5.5 (1): with CD and DO clear, AD MUST NOT be set in any response.
  if (!asker.dnssec_ok) flags &= static_cast<uint16_t>(~kFlagAd);
  return flags;
}

/// How much of the answer the client can take: all, all but the additional section (RFC 2181 9: TC
/// is not for extra information that was left out), or the question alone.
std::size_t fitting(const Answer& answer, const Asker& asker, std::size_t question_end) {
  const std::size_t room = asker.limit - opt_size(asker, answer.extended_error);
  if (answer.message.size() <= room) return answer.message.size();
  return answer.additional_at <= room ? answer.additional_at : question_end;
}

}  // namespace

Answer finish(Builder& builder, uint32_t ttl) {
  Answer answer;
  answer.additional_at = static_cast<uint32_t>(builder.additional_at());
  answer.ttl_offsets = builder.take_ttl_offsets();
  answer.ttl = ttl;
  const Bytes message = builder.finish();
  answer.message.assign(message.begin(), message.end());
  return answer;
}

Answer bare_answer(const Question& question, uint16_t rcode, int32_t extended_error) {
  std::array<uint8_t, kHeaderSize + Name::kMaxSize + 4> buffer;
  Builder builder(buffer);
  builder.begin(question, static_cast<uint16_t>(kFlagQr | kFlagRa | rcode));
  Answer answer = finish(builder, kFailureTtl);
  answer.extended_error = extended_error;
  return answer;
}

Rendered render(const Answer& answer, const Asker& asker, uint32_t age, std::span<uint8_t> out) {
  const std::size_t question_end = kHeaderSize + asker.name.size() + 4;
  const std::size_t size = fitting(answer, asker, question_end);
  const bool truncated = size == question_end && size < answer.additional_at;
  std::memcpy(out.data(), answer.message.data(), size);
  set16(out, 0, asker.id);
  set16(out, 2, flags_for(answer, asker));
  // The answer is shared by all who ask in any case; each gets its own spelling back.
  std::memcpy(out.data() + kHeaderSize, asker.name.wire().data(), asker.name.size());
  if (truncated) {
    set16(out, 2, get16(out, 2) | kFlagTc);
    std::memset(out.data() + 6, 0, 6);
  } else if (size < answer.message.size()) {
    set16(out, 10, 0);
  }
  if (age > 0) {
    for (const uint16_t at : answer.ttl_offsets) {
      if (at >= size) break;
      const uint32_t ttl = get32(out, at);
      set32(out, at, ttl > age ? ttl - age : 0);
    }
  }
  const std::size_t end = append_opt(out, size, answer.rcode(), asker, answer.extended_error);
  return {out.first(end), truncated};
}

Bytes render_error(const Message& query, const Asker& asker, uint16_t rcode,
                   std::span<uint8_t> out) {
  std::memset(out.data(), 0, kHeaderSize);
  set16(out, 0, query.id);
  const uint16_t kept = query.flags & (kOpcodeMask | kFlagRd | kFlagCd);
  set16(out, 2, static_cast<uint16_t>(kFlagQr | kFlagRa | kept | (rcode & kRcodeMask)));
  std::size_t end = kHeaderSize;
  if (query.has_question) {
    const Bytes name = query.question.name.wire();
    std::memcpy(out.data() + end, name.data(), name.size());
    end += name.size();
    set16(out, end, query.question.type);
    set16(out, end + 2, query.question.klass);
    end += 4;
    set16(out, 4, 1);
  }
  return out.first(append_opt(out, end, rcode, asker, -1));
}

void grow_old(Answer& answer, uint32_t age) {
  for (const uint16_t at : answer.ttl_offsets) {
    const uint32_t ttl = get32(answer.message, at);
    set32(answer.message, at, ttl > age ? ttl - age : 0);
  }
  answer.ttl = answer.ttl > age ? answer.ttl - age : 0;
}

}  // namespace isthmus::dns64
