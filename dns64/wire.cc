// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/wire.h"

namespace isthmus::dns64 {
namespace {

constexpr uint32_t kEdnsDo = 0x8000;
constexpr std::size_t kFixedRecordPart = 10;  // TYPE CLASS TTL RDLENGTH

/// Calls `on_label(Bytes)` for each label of the name at `at`; false if the name is malformed or
/// the callback says stop. Moves `at` behind the name.
template <class OnLabel>
bool walk_name(Bytes message, std::size_t& at, OnLabel&& on_label) {
  std::size_t cursor = at;
  std::size_t segment = at;  // pointers have to lead to before this
  std::size_t octets = 1;
  unsigned hops = 0;
  for (;; ++walked) {
    if (cursor >= message.size()) return false;
    const uint8_t length = message[cursor];
    if (length == 0) break;
    if ((length & 0xc0) == 0xc0) {
      if (cursor + 2 > message.size()) return false;
      const std::size_t target = get16(message, cursor) & ~kPointerMask & 0xffff;
      if (hops == 0) at = cursor + 2;
      if (target >= segment || target < kHeaderSize || ++hops > kMaxHops) return false;
      cursor = segment = target;
      continue;
    }
    // 01 and 10 in the top bits are reserved (RFC 1035 4.1.4, RFC 6891 5).
    if (length > Name::kMaxLabel || cursor + 1 + length > message.size()) return false;
    octets += length + 1u;
    if (octets > Name::kMaxSize || !on_label(message.subspan(cursor + 1, length))) return false;
    cursor += length + 1u;
  }
  if (hops == 0) at = cursor + 1;
  return true;
}

/// RFC 7873 5.2.2: a client cookie of 8 octets, alone or with a server cookie of 8 to 32.
bool is_cookie(std::size_t size) {
  return size == 8 || (size >= 16 && size <= 40);
}

bool skip_name(Bytes message, std::size_t& at) {
  return walk_name(message, at, [](Bytes) { return true; });
}

/// Options have to fill the record exactly (RFC 6891 6.1.2).
bool read_options(Bytes options, Edns& edns) {
  std::size_t at = 0;
  while (at < options.size()) {
    if (options.size() - at < 4) return false;
    const uint16_t code = get16(options, at);
    const uint16_t size = get16(options, at + 2);
    at += 4;
    if (options.size() - at < size) return false;
    if (code == kOptionExtendedError && size >= 2 && edns.extended_error < 0) {
      edns.extended_error = get16(options, at);
    } else if (code == kOptionCookie && edns.cookie.empty()) {
      edns.bad_cookie = !is_cookie(size);
      edns.cookie = options.subspan(at, size);
    } else if (code == kOptionPadding) {
      edns.padding = true;
    }
    at += size;
  }
  return true;
}

bool read_opt(const Message& message, const Record& record, Edns& edns) {
  // RFC 6891 6.1.1: one OPT at most, in the additional section, owned by the root.
  if (edns.present || record.section != Section::kAdditional) return false;
  if (message.bytes[record.owner] != 0) return false;
  edns.present = true;
  edns.payload_size = record.klass;
  const uint32_t bits = get32(message.bytes, record.rdata - 6);
  edns.extended_rcode = static_cast<uint8_t>(bits >> 24);
  edns.version = static_cast<uint8_t>(bits >> 16);
  edns.dnssec_ok = (bits & kEdnsDo) != 0;
  // What options look like in a version that we do not know is not ours to judge.
  if (edns.version != 0) return true;
  return read_options(message.bytes.subspan(record.rdata, record.rdata_size), edns);
}

bool read_record(Message& message, std::size_t& at, Section section) {
  const Bytes bytes = message.bytes;
  Record record;
  record.section = section;
  record.owner = static_cast<uint32_t>(at);
  if (!skip_name(bytes, at) || bytes.size() - at < kFixedRecordPart) return false;
  record.type = get16(bytes, at);
  record.klass = get16(bytes, at + 2);
  record.ttl = get32(bytes, at + 4);
  // RFC 2181 8: a TTL with the top bit set is to be treated as zero.
  if (record.ttl > 0x7fffffff) record.ttl = 0;
  record.rdata_size = get16(bytes, at + 8);
  at += kFixedRecordPart;
  record.rdata = static_cast<uint32_t>(at);
  if (bytes.size() - at < record.rdata_size) return false;
  at += record.rdata_size;
  if (record.type == kTypeOpt) return read_opt(message, record, message.edns);
  message.records.push_back(record);
  return true;
}

}  // namespace

uint64_t hash_question(const net::HashKey& key, const Question& question, uint16_t extra) {
  const uint64_t rest =
      uint64_t{question.type} << 32 | uint64_t{question.klass} << 16 | uint64_t{extra};
  return net::hash_words(key, hash_name(key, question.name.wire()), rest);
}

bool same_question(const Question& a, const Question& b) {
  return a.type == b.type && a.klass == b.klass && a.name == b.name;
}

bool read_name(Bytes message, std::size_t& at, Name& name) {
  name.clear();
  return walk_name(message, at, [&](Bytes label) { return name.append_label(label); });
}

ParseResult parse(Bytes message, Message& out) {
  out.bytes = message;
  out.records.clear();
  out.edns = Edns();
  out.has_question = false;
  if (message.size() < kHeaderSize) return ParseResult::kNoHeader;
  out.id = get16(message, 0);
  out.flags = get16(message, 2);
  if (message.size() > kMaxMessage) return ParseResult::kMalformed;
  if (get16(message, 4) != 1) return ParseResult::kQuestionCount;

  std::size_t at = kHeaderSize;
  // A pointer in the question could only lead into the header; walk_name() refuses that.
  if (!read_name(message, at, out.question.name) || message.size() - at < 4) {
    return ParseResult::kMalformed;
  }
  out.question.type = get16(message, at);
  out.question.klass = get16(message, at + 2);
  out.has_question = true;
  at += 4;

  constexpr Section kSections[] = {Section::kAnswer, Section::kAuthority, Section::kAdditional};
  for (const Section section : kSections) {
    const unsigned count = get16(message, 6 + 2 * static_cast<std::size_t>(section));
    for (unsigned i = 0; i < count; ++i) {
      if (!read_record(out, at, section)) return ParseResult::kMalformed;
    }
  }
  return at == message.size() ? ParseResult::kOk : ParseResult::kMalformed;
}

Name owner_of(const Message& message, const Record& record) {
  Name name;
  std::size_t at = record.owner;
  read_name(message.bytes, at, name);
  return name;
}

bool owner_is(const Message& message, const Record& record, const Name& name) {
  const Bytes wanted = name.wire();
  std::size_t position = 0;
  std::size_t at = record.owner;
  const bool same = walk_name(message.bytes, at, [&](Bytes label) {
    if (wanted.size() - position <= label.size() || wanted[position] != label.size()) return false;
    const bool equal = equal_ignoring_case(wanted.subspan(position + 1, label.size()), label);
    position += label.size() + 1;
    return equal;
  });
  return same && position + 1 == wanted.size();
}

}  // namespace isthmus::dns64
