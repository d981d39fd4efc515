// SPDX-License-Identifier: BSD-3-Clause
// The smallest gateway there is: two mapped hosts and a prefix, no state. Bytes in, bytes out.
//   client   kClient6 <-> kClient4        (kPort6 <-> kPort4 when ports are mapped)
//   anything else      <-> kPrefix::address
#pragma once

#include <string>
#include <vector>

#include "net/rfc6052.h"
#include "packets/buffer.h"
#include "packets/builder.h"
#include "packets/diff.h"
#include "xlat/rewrite.h"
#include "xlat/split.h"

namespace isthmus::test {

inline constexpr const char* kClient6 = "2001:db8:a::a";
inline constexpr const char* kClient4 = "203.0.113.1";
inline constexpr const char* kServer6 = "2001:db8:64::c633:640a";
inline constexpr const char* kServer4 = "198.51.100.10";
inline constexpr const char* kRouter6 = "2001:db8:64::c000:201";
inline constexpr const char* kRouter4 = "192.0.2.1";
inline constexpr const char* kOwn6 = "2001:db8:1::1";
inline constexpr const char* kOwn4 = "203.0.113.254";
inline constexpr uint16_t kPort6 = 5000;
inline constexpr uint16_t kPort4 = 40000;

struct Answer {
  xlat::Action action = xlat::Action::kDrop;
  net::DropReason reason = net::DropReason::kNone;
  uint16_t split_mtu = 0;
  Bytes packet;  ///< when forwarded, to be split, or a reply
};

struct Gateway {
  xlat::Policy policy;
  xlat::Path path{1500, 1500, *net::parse_ip4(kOwn4), *net::parse_ip6(kOwn6)};
  xlat::Hints hints;
  xlat::IdGenerator ids{0x1000};
  bool map_ports = false;
  bool with_delta = false;  ///< precompute the delta, as a session does
  net::Prefix6052 prefix = *net::Prefix6052::make(*net::parse_ip6_prefix("2001:db8:64::/96"));

  net::Ip4 map(const net::Ip6& a) const {
    if (a == *net::parse_ip6(kClient6)) return *net::parse_ip4(kClient4);
    return prefix.contains(a) ? prefix.extract(a) : *net::parse_ip4("192.0.2.99");
  }
  net::Ip6 map(net::Ip4 a) const {
    return a == *net::parse_ip4(kClient4) ? *net::parse_ip6(kClient6) : prefix.embed(a);
  }
  net::Be16 port4(net::Be16 p) const { return p == net::Be16(kPort6) ? net::Be16(kPort4) : p; }
  net::Be16 port6(net::Be16 p) const { return p == net::Be16(kPort4) ? net::Be16(kPort6) : p; }

  xlat::Rewrite4 rewrite4(const uint8_t* ip, const net::PacketView& v) const {
    const auto* h = net::header_at<net::Ip6Header>(ip);
    return {map(h->source), map(h->destination), port4(v.source_port), port4(v.destination_port),
            map_ports};
  }
  xlat::Rewrite6 rewrite6(const uint8_t* ip, const net::PacketView& v) const {
    const auto* h = net::header_at<net::Ip4Header>(ip);
    return {map(h->source), map(h->destination), port6(v.source_port), port6(v.destination_port),
            map_ports};
  }

  template <class Rewrite>
  xlat::Hints hints_for(const Buffer& buffer, const net::PacketView& v, const Rewrite& to) const {
    xlat::Hints out = hints;
    if (!with_delta || (v.payload != net::Payload::kTcp && v.payload != net::Payload::kUdp)) {
      return out;
    }
    const uint8_t* ip = buffer->data;
    const uint8_t* l4 = ip + v.l4_offset;
    const uint64_t old_sum =
        (v.family == 4 ? net::sum_bytes(ip + 12, 8) : net::sum_bytes(ip + 8, 32)) +
        net::sum_bytes(l4, 4);
    const uint64_t ports = to.ports ? net::sum_of(to.source_port) + net::sum_of(to.destination_port)
                                    : net::sum_bytes(l4, 4);
    out.has_delta = true;
    out.delta = net::ChecksumDelta::between(
        old_sum, net::sum_of(to.source) + net::sum_of(to.destination) + ports);
    return out;
  }

  xlat::Outcome translate(Buffer& buffer) {
    net::PacketView v;
    const auto reason = net::parse_ip(*buffer, v);
    if (reason != net::DropReason::kNone) return {xlat::Action::kDrop, reason, 0};
    if (v.payload == net::Payload::kIcmpError) return translate_error(buffer, v);
    if (v.family == 6) {
      const auto to = rewrite4(buffer->data, v);
      return xlat::rewrite_6to4(*buffer, v, to, policy, path, ids, hints_for(buffer, v, to));
    }
    const auto to = rewrite6(buffer->data, v);
    return xlat::rewrite_4to6(*buffer, v, to, policy, path, hints_for(buffer, v, to));
  }

  xlat::Outcome translate_error(Buffer& buffer, const net::PacketView& v) {
    net::PacketView quoted;
    const auto reason = xlat::parse_quoted(*buffer, v, quoted);
    if (reason != net::DropReason::kNone) return {xlat::Action::kDrop, reason, 0};
    const uint8_t* inner = buffer->data + v.l4_offset + sizeof(net::IcmpHeader);
    if (v.family == 6) {
      return xlat::rewrite_error_6to4(*buffer, v, rewrite4(buffer->data, v), quoted,
                                      rewrite4(inner, quoted), policy, path, ids, hints);
    }
    return xlat::rewrite_error_4to6(*buffer, v, rewrite6(buffer->data, v), quoted,
                                    rewrite6(inner, quoted), policy, path, hints);
  }

  Answer operator()(const Bytes& packet) {
    Buffer buffer(packet);
    const auto outcome = translate(buffer);
    Answer answer{outcome.action, outcome.reason, outcome.split_mtu, {}};
    if (outcome.action != xlat::Action::kDrop) answer.packet = buffer.bytes();
    return answer;
  }

  /// The packets that leave: one, or its fragments.
  std::vector<Bytes> send(const Bytes& packet) {
    Buffer buffer(packet);
    const auto outcome = translate(buffer);
    if (outcome.action == xlat::Action::kDrop) return {};
    if (outcome.action != xlat::Action::kSplit) return {buffer.bytes()};
    std::vector<Bytes> out;
    xlat::Splitter splitter(*buffer, outcome.split_mtu);
    while (const uint32_t length = splitter.next_length()) {
      out.emplace_back(length);
      splitter.write_next(out.back().data());
    }
    return out;
  }
};

/// "" if `gateway` forwards `in` as `out`, else what happened instead.
inline std::string forwards(Gateway gateway, const Bytes& in, const Bytes& out) {
  const auto answer = gateway(in);
  if (answer.action != xlat::Action::kForward) {
    return "not forwarded: " + std::string(telemetry::name(answer.reason));
  }
  return diff(out, answer.packet);
}

/// "" if `gateway` answers `in` with `out`.
inline std::string replies(Gateway gateway, const Bytes& in, const Bytes& out) {
  const auto answer = gateway(in);
  if (answer.action != xlat::Action::kReply) {
    return "no reply: " + std::string(telemetry::name(answer.reason));
  }
  return diff(out, answer.packet);
}

/// Why `gateway` drops `in`; kNone if it does not, kCount if it answers.
inline net::DropReason dropped(Gateway gateway, const Bytes& in) {
  const auto answer = gateway(in);
  if (answer.action == xlat::Action::kReply) return net::DropReason::kCount;
  return answer.action == xlat::Action::kDrop ? answer.reason : net::DropReason::kNone;
}

// The ICMP errors the gateway originates, as the tests expect them (RFC 1812 4.3.2, RFC 4443 2.4).
inline Packet own_error4(const char* to, uint8_t type, uint8_t code, uint32_t rest,
                         const Bytes& offending) {
  return ip4(kOwn4, to).tos(0xc0).df().icmp4(type, code, rest).quote(offending, 576 - 28);
}
inline Packet own_error6(const char* to, uint8_t type, uint8_t code, uint32_t rest,
                         const Bytes& offending) {
  return ip6(kOwn6, to).icmp6(type, code, rest).quote(offending, 1280 - 48);
}

}  // namespace isthmus::test

#include "catch.h"

// Catch prints reasons by name.
namespace Catch {
template <>
struct StringMaker<isthmus::net::DropReason> {
  static std::string convert(isthmus::net::DropReason reason) {
    return std::string(isthmus::telemetry::name(reason));
  }
};
}  // namespace Catch
