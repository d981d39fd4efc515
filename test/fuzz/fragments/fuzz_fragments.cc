// SPDX-License-Identifier: BSD-3-Clause
// Fragments of a few datagrams, both ways, in any order, doubled, overlapping, cut to any size,
// with time passing between them. What comes out lies where it lay in its datagram, byte for byte.
// The first byte chooses the gateway; each fragment is a few bytes more.
#include "fuzz/gateway.h"
#include "net/headers.h"
#include "net/parse.h"
#include "packets/buffer.h"
#include "packets/rows.h"

namespace {

using namespace isthmus;
using namespace isthmus::test;

constexpr unsigned kMaxFragments = 96;
constexpr std::size_t kSize = 2400;  // of a datagram's payload, above its transport header

class Player {
 public:
  explicit Player(uint8_t options)
      : settings_(Gateway::settings(options)), gateway_(settings_, Gateway::workers(options)) {
    gateway_.give({ip6(kA, kPZ).udp(1100, 80).payload("open")});
    gateway_.give({ip6(kA, kPZ).tcp(1100, 80).flags("S")});
    gateway_.give({ip6(kA, kPZ).icmp_echo(1100, 1)});
    for (const auto& b : gateway_.bindings()) {
      Mapping& t = b.protocol == net::kProtoUdp   ? udp_
                   : b.protocol == net::kProtoTcp ? tcp_
                                                  : echo_;
      t = {net::to_string(b.outside), b.outside_port.host()};
    }
  }

  void play(Input& in) {
    for (unsigned i = 0; i < kMaxFragments && !in.empty(); ++i) {
      if (!step(in)) break;
    }
    gateway_.check();
    gateway_.finish();
  }

 private:
  bool step(Input& in) {
    const uint8_t how = in.byte();
    switch (how / 32) {
      case 6: pass(in); return true;
      case 7:
        if (how % 4 == 0) {
          gateway_.clear_sessions({});
        } else {
          settings_.fragment_share = 1 + how % 8;
          gateway_.update(settings_);
        }
        return true;
      default: break;
    }
    const uint8_t where = in.byte(), size = in.byte();
    const bool wild = how / 32 == 5;
    // Mostly cut into eight; else to any multiple of eight, and beyond the end.
    const std::size_t at = wild ? where * 8u * (size % 2 == 0 ? 1 : 32) : where % 8 * 304u;
    const std::size_t length = wild ? 8u + size / 2 * 8u : 304u * (1 + size % 3 / 2);
    Bytes packet = wild ? any(in, how, at, length) : fragment(how, where / 8, at, length);
    const uint8_t edit = in.byte();
    if (edit >= 0xf0 && !packet.empty()) {
      changed_ = true;
      packet[in.byte() % packet.size()] ^= edit;
      mend(packet);
    }
    for (const auto& out : gateway_.give({packet})) check_out(out);
    return true;
  }
  void pass(Input& in) {
    static constexpr uint32_t kSteps[] = {0, 1, 100, 999, 1'001, 1'999, 2'001, 61'000};
    gateway_.pass(kSteps[in.below(8)]);
  }

  /// Of a datagram that is as it should be.
  Bytes fragment(uint8_t how, uint8_t id, std::size_t at, std::size_t length) const {
    const bool out = how % 2 == 0;
    const Mapping& t = how / 2 % 4 == 1 ? tcp_ : how / 2 % 4 == 2 ? echo_ : udp_;
    Packet p = out ? ip6(kA, kPZ) : ip4(kZ, t.address);
    switch (how / 2 % 4) {
      case 1: out ? p.tcp(1100, 80) : p.tcp(80, t.port); break;
      case 2: out ? p.icmp_echo(1100, 1) : p.icmp_echo_reply(t.port, 1); break;
      default: out ? p.udp(1100, 80) : p.udp(80, t.port);
    }
    p.payload(static_cast<int>(kSize));
    if (how / 2 % 4 == 3) p.zero_checksum();
    return p.slice(at, length, how / 2 % 4 * 4u + id % 4u);
  }
  /// With any transport header, or none.
  Bytes any(Input& in, uint8_t how, std::size_t at, std::size_t length) {
    changed_ = true;
    const uint8_t n = in.byte();
    static constexpr uint8_t kProtocols[] = {17, 6, 1, 58, 50, 0, 60, 132};
    Packet p =
        how % 2 == 0 ? ip6(n % 8 == 0 ? kB : kA, kPZ) : ip4(n % 8 == 0 ? kZ2 : kZ, udp_.address);
    p.fragment(static_cast<uint16_t>(at), n / 8 % 2 == 0, n / 16 % 4u);
    Bytes bytes = in.bytes(in.below(24));
    const Bytes rest = pattern(length);
    bytes.insert(bytes.end(), rest.begin() + static_cast<long>(std::min(bytes.size(), rest.size())),
                 rest.end());
    return p.raw(kProtocols[how / 2 % 8], bytes);
  }

  void check_out(const Bytes& out) const {
    if (changed_) return;
    Buffer copy(out);
    net::PacketView view;
    require(net::parse_ip(*copy, view) == telemetry::DropReason::kNone,
            "a fragment does not parse");
    if (view.payload == net::Payload::kIcmpError) return;
    require(view.is_fragment(), "fragments are put together");
    const std::size_t header = view.protocol == net::kProtoTcp ? 20 : 8;
    const Bytes whole = pattern(kSize);
    for (std::size_t i = 0; i < view.l4_length(); ++i) {
      const std::size_t at = view.fragment_offset + i;
      if (at < header) continue;
      require(at - header < kSize && out[view.l4_offset + i] == whole[at - header],
              "a fragment's bytes have moved");
    }
  }

  nat::Settings settings_;
  Gateway gateway_;
  Mapping udp_, tcp_, echo_;
  bool changed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return play<Player>(data, size);
}
