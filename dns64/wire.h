// SPDX-License-Identifier: BSD-3-Clause
// Reading DNS messages: one pass that checks every bound, allocates nothing once warm, and whose
// work is bounded by the size of the message whatever its bytes are.
//
// Theory of operation. parse() notes where each record is; names are decompressed only when
// somebody asks. Compression pointers must lead strictly backwards, to before the labels that led
// to them, at most kMaxHops of them; loops cannot exist and a name costs at most 255 octets plus 16
// jumps. RFC 9267 lists what befell readers that were less strict.
#pragma once

#include <cstdint>
#include <vector>

#include "dns64/name.h"

namespace isthmus::dns64 {

inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kMaxMessage = 65535;
inline constexpr unsigned kMaxHops = 16;
inline constexpr uint16_t kPointerMask = 0xc000;

enum Flag : uint16_t {
  kFlagQr = 0x8000,
  kFlagAa = 0x0400,
  kFlagTc = 0x0200,
  kFlagRd = 0x0100,
  kFlagRa = 0x0080,
  kFlagAd = 0x0020,
  kFlagCd = 0x0010,
};
inline constexpr uint16_t kOpcodeMask = 0x7800;
inline constexpr uint16_t kRcodeMask = 0x000f;

enum Rcode : uint16_t {
  kNoError = 0,
  kFormErr = 1,
  kServFail = 2,
  kNxDomain = 3,
  kNotImp = 4,
  kRefused = 5,
  kBadVers = 16,
  kBadCookie = 23,
};

enum Type : uint16_t {
  kTypeA = 1,
  kTypeNs = 2,
  kTypeCname = 5,
  kTypeSoa = 6,
  kTypePtr = 12,
  kTypeAaaa = 28,
  kTypeDname = 39,
  kTypeOpt = 41,
  kTypeDs = 43,
  kTypeRrsig = 46,
  kTypeTkey = 249,
  kTypeTsig = 250,
  kTypeIxfr = 251,
  kTypeAxfr = 252,
};
inline constexpr uint16_t kClassIn = 1;

/// Options of EDNS(0), by their codes.
inline constexpr uint16_t kOptionCookie = 10;         // RFC 7873 4
inline constexpr uint16_t kOptionPadding = 12;        // RFC 7830 3
inline constexpr uint16_t kOptionExtendedError = 15;  // RFC 8914 2

enum class Section : uint8_t { kAnswer, kAuthority, kAdditional };

inline uint16_t get16(Bytes m, std::size_t at) {
  return static_cast<uint16_t>(m[at] << 8 | m[at + 1]);
}
inline uint32_t get32(Bytes m, std::size_t at) {
  return uint32_t{get16(m, at)} << 16 | get16(m, at + 2);
}

struct Question {
  Name name;
  uint16_t type = 0;
  uint16_t klass = kClassIn;
};

/// Blind to the case of the name. `extra`: what else tells questions apart, at most 16 bits.
uint64_t hash_question(const net::HashKey& key, const Question& question, uint16_t extra);
/// Also blind to case.
bool same_question(const Question& a, const Question& b);

/// Where a resource record lies in its message.
struct Record {
  uint32_t owner = 0;  ///< offset of the owner name
  uint32_t rdata = 0;  ///< offset of the data
  uint32_t ttl = 0;
  uint16_t rdata_size = 0;
  uint16_t type = 0;
  uint16_t klass = 0;
  Section section = Section::kAnswer;
};

/// The OPT pseudo record (RFC 6891 6.1), which belongs to one hop and is never copied.
struct Edns {
  bool present = false;
  bool dnssec_ok = false;
  uint8_t version = 0;
  uint8_t extended_rcode = 0;
  uint16_t payload_size = 0;
  int32_t extended_error = -1;  ///< INFO-CODE of the first RFC 8914 option
  bool padding = false;         ///< RFC 7830
  bool bad_cookie = false;      ///< of a length that RFC 7873 does not allow
  Bytes cookie;                 ///< RFC 7873: client's part, then the server's; empty: none
};

struct Message {
  Bytes bytes;
  uint16_t id = 0;
  uint16_t flags = 0;
  bool has_question = false;
  Question question;
  std::vector<Record> records;  ///< in wire order, without OPT
  Edns edns;

  /// With the upper bits from OPT.
  uint16_t rcode() const {
    return static_cast<uint16_t>((flags & kRcodeMask) | edns.extended_rcode << 4);
  }
};

enum class ParseResult : uint8_t {
  kOk,
  kNoHeader,       ///< shorter than a header
  kQuestionCount,  ///< QDCOUNT is not 1
  kMalformed,
};

/// Decompresses the name at `at` and moves `at` behind it.
bool read_name(Bytes message, std::size_t& at, Name& name);
/// Reads `message` into `out`, whose vector keeps its storage. After any result but kNoHeader, id
/// and flags are set; has_question tells whether the question could be read. Bytes behind the last
/// record are an error.
ParseResult parse(Bytes message, Message& out);

/// Labels and pointers that readers have gone through so far; tests bound what a message costs.
inline uint64_t walked = 0;

/// The owner of a record that parse() has seen.
Name owner_of(const Message& message, const Record& record);
/// Whether it equals `name`, without decompressing it first.
bool owner_is(const Message& message, const Record& record, const Name& name);

}  // namespace isthmus::dns64
