// SPDX-License-Identifier: BSD-3-Clause
#include "pcp/message.h"

#include <algorithm>
#include <cstring>

namespace isthmus::pcp {
namespace {

struct Header {
  uint8_t version;
  uint8_t opcode;  ///< the high bit: an answer
  uint8_t reserved;
  uint8_t result;
  net::Be32 lifetime;
  net::Ip6 client;  ///< in answers: epoch, and 96 bits of nothing
};
static_assert(sizeof(Header) == 24 && alignof(Header) == 1);

struct OptionHeader {
  uint8_t code;
  uint8_t reserved;
  net::Be16 length;
};
static_assert(sizeof(OptionHeader) == 4);

constexpr uint8_t kVersion = 2;
constexpr uint8_t kAnswer = 0x80;
constexpr uint8_t kPreferFailure = 2;
constexpr uint8_t kPrefix64 = 129;
constexpr uint8_t kOptional = 0x80;  ///< codes from here on may be ignored
constexpr std::size_t kEpochAt = 8;

template <class T>
T read(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <class T>
void append(Bytes& bytes, const T& value) {
  // Not insert(): optimizing, g++ 12 warns of what it takes for an overflow there.
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof value);
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

std::size_t padded(std::size_t length) {
  return (length + 3) & ~std::size_t{3};
}

void set_epoch(Bytes& answer, uint32_t epoch) {
  const net::Be32 value(epoch);
  std::memcpy(answer.data() + kEpochAt, &value, sizeof value);
}

Code parse_option(const OptionHeader& option, Request& request) {
  switch (option.code) {
    case kPreferFailure:
      // RFC 6887 13.2: of MAP, without data, once. 11.3: it makes no sense when deleting.
      if (request.opcode != Opcode::kMap || option.length.host() != 0 || request.prefer_failure ||
          request.lifetime == 0 || request.map.external_port.host() == 0) {
        return Code::kMalformedOption;
      }
      request.prefer_failure = true;
      return Code::kSuccess;
    case kPrefix64: request.wants_prefixes = true; return Code::kSuccess;
    default:
      // RFC 6887 7.3: also THIRD_PARTY, which nobody is authorised to (13.1), and FILTER.
      return option.code < kOptional ? Code::kUnsupportedOption : Code::kSuccess;
  }
}

Code parse_options(std::span<const uint8_t> bytes, Request& request) {
  while (!bytes.empty()) {
    if (bytes.size() < sizeof(OptionHeader)) return Code::kMalformedOption;
    const auto option = read<OptionHeader>(bytes.data());
    const std::size_t whole = sizeof option + padded(option.length.host());
    if (whole > bytes.size()) return Code::kMalformedOption;
    if (const Code code = parse_option(option, request); code != Code::kSuccess) return code;
    bytes = bytes.subspan(whole);
  }
  return Code::kSuccess;
}

Code parse_body(std::span<const uint8_t> bytes, const net::Ip6& source, Request& request) {
  const auto header = read<Header>(bytes.data());
  const uint8_t opcode = header.opcode;
  const bool map = opcode == static_cast<uint8_t>(Opcode::kMap);
  const std::size_t least = sizeof(Header) + (map ? sizeof(MapFields) : 0);
  if (bytes.size() > kMaxMessage || bytes.size() % 4 != 0 || bytes.size() < least) {
    return Code::kMalformedRequest;
  }
  // A translator on the way that knows nothing of PCP.
  if (!(header.client == source)) return Code::kAddressMismatch;
  if (!map && opcode != static_cast<uint8_t>(Opcode::kAnnounce)) return Code::kUnsupportedOpcode;
  request.opcode = static_cast<Opcode>(opcode);
  request.lifetime = header.lifetime.host();
  if (map) request.map = read<MapFields>(bytes.data() + sizeof(Header));
  return parse_options(bytes.subspan(least), request);
}

void append_prefix64(Bytes& bytes, const net::Prefix6052& prefix) {
  // RFC 7225 4.1: lengths in octets; prefix and suffix, of which ours are zero, fill 12 of them.
  constexpr std::size_t kLength = 1 + 12;
  append(bytes, OptionHeader{kPrefix64, 0, net::Be16(kLength)});
  const std::size_t at = bytes.size();
  bytes.resize(at + padded(kLength));
  bytes[at] = static_cast<uint8_t>(prefix.prefix().length / 8);
  std::memcpy(bytes.data() + at + 1, prefix.prefix().address.bytes.data(), bytes[at]);
}

}  // namespace

Parsed parse_request(std::span<const uint8_t> bytes, const net::Ip6& source) {
  Parsed parsed;
  parsed.silent = bytes.size() < 2 || (bytes[1] & kAnswer) != 0;
  if (parsed.silent) return parsed;
  if (bytes[0] != kVersion) {
    parsed.code = Code::kUnsupportedVersion;
    return parsed;
  }
  parsed.silent = bytes.size() < sizeof(Header);
  if (!parsed.silent) parsed.code = parse_body(bytes, source, parsed.request);
  return parsed;
}

Bytes make_error(std::span<const uint8_t> request, Code code, uint32_t lifetime, uint32_t epoch,
                 bool understood) {
  // RFC 6887 8.2: "Copying the entire UDP payload, or 1100 octets, whichever is less". Of requests
  // that were not understood that includes 96 bits of the client's address (7.2).
  Bytes answer(request.begin(), request.begin() + static_cast<std::ptrdiff_t>(
                                                      std::min(request.size(), kMaxMessage)));
  answer.resize(std::max(padded(answer.size()), sizeof(Header)));
  answer[0] = kVersion;
  answer[1] |= kAnswer;
  answer[2] = 0;
  answer[3] = static_cast<uint8_t>(code);
  const net::Be32 seconds(lifetime);
  std::memcpy(answer.data() + 4, &seconds, sizeof seconds);
  set_epoch(answer, epoch);
  if (understood) std::fill_n(answer.begin() + kEpochAt + 4, 12, uint8_t{0});
  return answer;
}

Bytes make_success(const Request& request, const MapFields& map, uint32_t lifetime, uint32_t epoch,
                   std::span<const net::Prefix6052> prefixes) {
  Bytes answer;
  const auto opcode = static_cast<uint8_t>(static_cast<uint8_t>(request.opcode) | kAnswer);
  append(answer, Header{kVersion, opcode, 0, 0, net::Be32(lifetime), {}});
  set_epoch(answer, epoch);
  if (request.opcode == Opcode::kMap) append(answer, map);
  if (request.prefer_failure) append(answer, OptionHeader{kPreferFailure, 0, net::Be16(0)});
  if (!request.wants_prefixes) return answer;
  constexpr std::size_t kOption = 4 + 16;
  for (const auto& prefix : prefixes) {
    if (answer.size() + kOption > kMaxMessage) break;
    append_prefix64(answer, prefix);
  }
  return answer;
}

Bytes make_announcement(uint32_t epoch) {
  return make_success({}, {}, 0, epoch, {});
}

net::Ip6 mapped(net::Ip4 address) {
  net::Ip6 out;
  out.bytes[10] = out.bytes[11] = 0xff;
  std::memcpy(out.bytes.data() + 12, &address, sizeof address);
  return out;
}

net::Ip4 unmapped(const net::Ip6& address) {
  net::Ip4 out;
  std::memcpy(&out, address.bytes.data() + 12, sizeof out);
  return mapped(out) == address ? out : net::Ip4{};
}

}  // namespace isthmus::pcp
