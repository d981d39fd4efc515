// SPDX-License-Identifier: BSD-3-Clause
// The first eight bytes choose options, the rest is a packet: parse it, translate it whichever way
// it goes, split or answer it. Nothing may be read or written outside the buffer, and what comes
// out must be a packet that parses, with lengths and header checksum that are right.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "fuzz/mend_header4.h"
#include "net/rfc6052.h"
#include "packets/buffer.h"
#include "xlat/icmp_error.h"
#include "xlat/rewrite.h"
#include "xlat/split.h"

namespace {

using namespace isthmus;
using net::DropReason;
using net::PacketView;

constexpr std::size_t kOptions = 8;

struct Options {
  xlat::Policy policy;
  xlat::Path path;
  xlat::Hints hints;
  bool ports;
  uint16_t headroom;
  uint16_t tailroom;
};

Options options_from(const uint8_t* bytes) {
  static constexpr uint16_t kMtus[] = {1280, 1500, 9000, 65535};
  static constexpr uint16_t kMtus4[] = {68, 576, 1500, 65535};
  Options o;
  o.policy.lowest_ipv6_mtu = kMtus[bytes[0] & 3];
  if ((bytes[0] & 4) == 0) o.policy.class_4to6 = o.policy.class_6to4 = {xlat::kEcnBits, 0};
  o.policy.udp_zero_4to6 = static_cast<xlat::UdpZero>((bytes[0] >> 4) % 3);
  o.policy.udp_zero_6to4 = static_cast<xlat::UdpZero>((bytes[0] >> 6) % 3);
  o.path.mtu6 = kMtus[bytes[1] & 3];
  o.path.mtu4 = kMtus4[bytes[1] >> 2 & 3];
  o.path.own4 = net::Ip4::from_host(0xc0000201);
  o.path.own6.bytes = {0x20, 0x01, 0x0d, 0xb8, 1};
  o.hints.keep_hop_limit = (bytes[2] & 1) != 0;
  o.hints.has_delta = (bytes[2] & 2) != 0;
  o.hints.delta = net::ChecksumDelta::from_raw(0x1234);
  o.hints.icmp_length = (bytes[2] & 4) != 0 ? 3000 : 0;
  o.ports = (bytes[2] & 8) != 0;
  o.headroom = (bytes[2] & 16) != 0 ? bytes[3] : net::kMinHeadroom;
  o.tailroom = bytes[4];
  return o;
}

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "fuzz_packet: %s\n", what);
  std::abort();
}

// IPv4 fragments of AH go on, and AH is cut to the MTU (RFC 7915 4.5); IPv6 fragments of it are
// refused (5.1.1), even our own.
bool is_fragment_of_ah(const net::PacketBuf& buf) {
  return buf.length > 40 && buf.data[0] >> 4 == 6 && buf.data[6] == net::kProtoFragment &&
         buf.data[40] == net::kProtoAh;
}

// A packet we made must be one that we would accept.
void check_result(const net::PacketBuf& buf) {
  test::Buffer copy(test::Bytes(buf.data, buf.data + buf.length));
  PacketView view;
  const auto reason = net::parse_ip(*copy, view);
  if (is_fragment_of_ah(buf)) return;
  require(reason == DropReason::kNone, "result does not parse");
  require(copy->length == buf.length, "result has trailing bytes");
  require(view.total_length == buf.length, "result's length field is wrong");
}

void check_split(const net::PacketBuf& buf, uint16_t mtu) {
  xlat::Splitter splitter(buf, mtu);
  while (const uint32_t length = splitter.next_length()) {
    require(length <= mtu, "fragment exceeds the MTU");
    test::Buffer piece{test::Bytes(length)};
    splitter.write_next(piece->data);
    if (is_fragment_of_ah(*piece)) continue;
    net::PacketBuf whole = *piece;
    PacketView view;
    const auto reason = net::parse_ip(whole, view);
    // The transport header may have been cut; the network header may not be wrong.
    require(reason == DropReason::kNone || reason == DropReason::kTruncated ||
                reason == DropReason::kBadLength,
            "fragment does not parse");
    require(view.total_length == length, "fragment's length field is wrong");
  }
}

xlat::Outcome translate(net::PacketBuf& buf, const PacketView& view, const Options& o) {
  const xlat::Rewrite4 to4{net::Ip4::from_host(0xcb007101), net::Ip4::from_host(0xc633640a),
                           net::Be16(1234), net::Be16(53), o.ports};
  xlat::Rewrite6 to6{{}, {}, net::Be16(53), net::Be16(4321), o.ports};
  to6.source.bytes = {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8};
  to6.destination.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10};
  xlat::IdGenerator ids;
  if (view.payload != net::Payload::kIcmpError) {
    return view.family == 6 ? rewrite_6to4(buf, view, to4, o.policy, o.path, ids, o.hints)
                            : rewrite_4to6(buf, view, to6, o.policy, o.path, o.hints);
  }
  (void)xlat::icmp_checksum_ok(buf, view);
  PacketView inner;
  const auto reason = xlat::parse_quoted(buf, view, inner);
  if (reason != DropReason::kNone) return {xlat::Action::kDrop, reason, 0};
  return view.family == 6
             ? rewrite_error_6to4(buf, view, to4, inner, to4, o.policy, o.path, ids, o.hints)
             : rewrite_error_4to6(buf, view, to6, inner, to6, o.policy, o.path, o.hints);
}

void mend(test::Bytes& packet) {
  test::mend_header4(packet.data(), packet.size());
  if (packet.size() < 28 || packet[0] >> 4 != 4) return;
  const std::size_t quote = (packet[0] & 15u) * 4 + 8;
  if (quote < packet.size()) test::mend_header4(packet.data() + quote, packet.size() - quote);
}

void make_own_error(const test::Bytes& packet, const Options& o) {
  test::Buffer buffer(packet, o.headroom, o.tailroom);
  PacketView view;
  if (net::parse_ip(*buffer, view) != DropReason::kNone || !xlat::may_answer(*buffer, view)) return;
  if (buffer->headroom + buffer->length + buffer->tailroom < 48) return;
  if (view.family == 4) {
    xlat::make_error4(*buffer, {3, 4, 1400}, o.path.own4);
    require(buffer->length <= 576, "ICMPv4 error too long");
  } else {
    xlat::make_error6(*buffer, {4, 0, 43}, o.path.own6);
    require(buffer->length <= 1280, "ICMPv6 error too long");
  }
  require(test::faults(buffer.bytes()).empty(), "own error is faulty");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < kOptions || size > 70000) return 0;
  const Options o = options_from(data);
  test::Bytes packet(data + kOptions, data + size);
  if ((data[2] & 32) == 0) mend(packet);
  test::Buffer buffer(packet, o.headroom, o.tailroom);
  PacketView view;
  if (net::parse_ip(*buffer, view) != DropReason::kNone) return 0;
  const auto outcome = translate(*buffer, view, o);
  if (outcome.action == xlat::Action::kDrop) {
    require(outcome.reason != DropReason::kNone, "dropped without a reason");
  } else {
    check_result(*buffer);
  }
  if (outcome.action == xlat::Action::kSplit) check_split(*buffer, outcome.split_mtu);
  make_own_error(packet, o);
  return 0;
}
