// SPDX-License-Identifier: BSD-3-Clause
// net::plain_length() against the parser: it may refuse, but where it accepts, the parser does, and
// sees nothing that plain packets do not have.
#include <algorithm>

#include "catch.h"
#include "net/parse.h"
#include "net/plain.h"
#include "property/random_packet.h"
#include "property/seed.h"

using namespace isthmus;
using namespace isthmus::test;

namespace {

constexpr unsigned kPackets = 200'000;

Bytes random_packet(RandomPackets& random) {
  const bool v6 = random.chance(50);
  Packet packet = v6 ? random.base(6, "2001:db8::1", "64:ff9b::c000:201")
                     : random.base(4, "198.51.100.7", "203.0.113.5");
  if (v6 && random.chance(10)) packet = random.with_extensions(packet);
  Bytes bytes = random.with_transport(packet, 64).bytes();
  // Most mutations of the first octets break something; none at all must be accepted, too.
  if (random.chance(70)) {
    const auto at = random.below(static_cast<uint32_t>(std::min<std::size_t>(bytes.size(), 64)));
    bytes[at] = static_cast<uint8_t>(random.below(256));
  }
  if (random.chance(20)) bytes.resize(bytes.size() + random.below(16));
  if (random.chance(20)) bytes.resize(random.below(static_cast<uint32_t>(bytes.size())));
  return bytes;
}

template <int kFamily>
uint32_t plain_length(const net::PacketBuf& buf) {
  using Start = net::PlainStart<kFamily>;
  if ((buf.data[0] & Start::kMask) != Start::kOctet) return 0;
  return net::plain_length<kFamily>(buf.data, buf.length);
}

bool is_plain(net::PacketBuf& buf) {
  const uint32_t length = buf.data[0] >> 4 == 6 ? plain_length<6>(buf) : plain_length<4>(buf);
  if (length != 0) buf.set_length(length);
  return length != 0;
}

}  // namespace

TEST_CASE("a plain packet is one that the parser finds nothing rare in") {
  RandomPackets random{Seed{}.value};
  unsigned accepted = 0;
  for (unsigned i = 0; i < kPackets; ++i) {
    const Bytes drawn = random_packet(random);
    Bytes bytes(drawn.begin(), drawn.end());  // ends where the packet does, for AddressSanitizer
    // Of runts there is what an earlier frame has left in the buffer.
    while (bytes.size() < 28) bytes.push_back(static_cast<uint8_t>(random.below(256)));
    net::PacketBuf plain{bytes.data(), static_cast<uint32_t>(drawn.size()), 128, 64};
    net::PacketBuf parsed = plain;
    if (!is_plain(plain)) continue;
    ++accepted;
    net::PacketView view;
    REQUIRE(net::parse_ip(parsed, view) == net::DropReason::kNone);
    CHECK(parsed.length == plain.length);
    CHECK(view.total_length == plain.length);
    CHECK((view.payload == net::Payload::kTcp || view.payload == net::Payload::kUdp));
    CHECK(view.l4_offset == (view.family == 6 ? 40 : 20));
    CHECK_FALSE(view.is_fragment());
    CHECK_FALSE(view.has_fragment_header);
    CHECK_FALSE(view.source_route);
    CHECK((view.tcp_flags & net::kTcpSyn) == 0);
  }
  CHECK(accepted > kPackets / 20);
}
