// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors about packets of flows that there are, both ways and hairpinned, with the quoted
// packet changed, cut and lengthened at will. Whatever an error says, it makes, refreshes and ends
// nothing (RFC 6146 3.5), and what is made of it is a whole ICMP error with a true checksum.
// The first byte chooses the gateway; each error is a few bytes more.
#include <algorithm>

#include "fuzz/gateway.h"
#include "net/headers.h"
#include "packets/rows.h"

namespace {

using namespace isthmus;
using namespace isthmus::test;

constexpr unsigned kMaxErrors = 16;

struct Flow {
  std::string host;
  uint16_t port;
  uint8_t protocol;
  std::string address;
  uint16_t outside;
};

Packet transport(Packet p, uint8_t protocol, uint16_t from, uint16_t to, bool reply) {
  switch (protocol) {
    case net::kProtoTcp: return p.tcp(from, to).flags("S");
    case net::kProtoUdp: return p.udp(from, to);
    default: return reply ? p.icmp_echo_reply(to, 1) : p.icmp_echo(from, 1);
  }
}

class Player {
 public:
  explicit Player(uint8_t options)
      : gateway_(Gateway::settings(options & 0x7f), Gateway::workers(options)) {
    uint16_t port = 1100;
    for (const char* host : {kA, kB}) {
      for (const uint8_t protocol : {net::kProtoUdp, net::kProtoTcp, net::kProtoIcmp4}) {
        gateway_.give({transport(ip6(host, kPZ), protocol, port++, 80, false)});
      }
    }
    for (const auto& b : gateway_.bindings()) {
      flows_.push_back({net::to_string(b.inside), b.inside_port.host(), b.protocol,
                        net::to_string(b.outside), b.outside_port.host()});
    }
    require(flows_.size() == 6, "the flows are not there");
  }

  void play(Input& in) {
    for (unsigned i = 0; i < kMaxErrors && !in.empty(); ++i) error(in);
    gateway_.check();
    gateway_.finish();
  }

 private:
  void error(Input& in) {
    const uint8_t how = in.byte();
    const Flow& flow = flows_[how % flows_.size()];
    const Flow& other = flows_[(how / 8 + how) % flows_.size()];
    const auto before = state();
    Bytes packet;
    switch (how / 64) {
      case 0:
      case 1: packet = from_outside(in, flow); break;
      case 2: packet = from_inside(in, flow); break;
      case 3: packet = hairpinned(in, flow, other); break;
    }
    change(in, packet);
    for (const auto& out : gateway_.give({packet})) check_out(out);
    require(!is_error(packet) || state() == before, "an ICMP error has changed the state");
  }

  /// Still one after all changes: a longer IPv4 header, for one, can make an echo of a quoted echo.
  static bool is_error(const Bytes& p) {
    if (p.empty()) return false;
    const bool v6 = p[0] >> 4 == 6;
    const std::size_t at = v6 ? 40 : (p[0] & 15u) * 4u;
    if (p.size() <= at || p[v6 ? 6 : 9] != (v6 ? net::kProtoIcmp6 : net::kProtoIcmp4)) return false;
    constexpr uint8_t kErrors4[] = {3, 4, 5, 11, 12};
    return v6 ? p[at] < 128
              : std::find(std::begin(kErrors4), std::end(kErrors4), p[at]) != std::end(kErrors4);
  }
  static uint8_t type4(uint8_t n) {
    static constexpr uint8_t kTypes[] = {3, 3, 11, 12, 4, 5, 3, 11};
    return kTypes[n % 8];
  }
  static uint8_t type6(uint8_t n) {
    static constexpr uint8_t kTypes[] = {1, 2, 3, 4, 5, 127, 1, 2};
    return kTypes[n % 8];
  }
  Bytes from_outside(Input& in, const Flow& flow) {
    const uint8_t type = in.byte(), code = in.below(16);
    auto quoted = ip4(flow.address, kZ);
    if (type >= 128) quoted.options4(in.bytes(in.below(12)));
    auto whole = transport(std::move(quoted), flow.protocol, flow.outside, 80, false);
    whole.payload(type & 0x40 ? 1400 : 40);
    return finish(in,
                  ip4(in.below(8) == 0 ? kZ2 : kZ, flow.address).icmp4(type4(type), code, rest(in)),
                  whole);
  }
  Bytes from_inside(Input& in, const Flow& flow) {
    const uint8_t type = in.byte(), code = in.below(8);
    auto quoted = ip6(kPZ, flow.host);
    if (type >= 128) quoted.dest_opts(8 + type % 4 * 8u);
    auto whole = transport(std::move(quoted), flow.protocol, 80, flow.port, true);
    whole.payload(type & 0x40 ? 1400 : 40);
    const char* router = "2001:db8:a::ffff";
    return finish(in,
                  ip6(in.below(8) == 0 ? std::string(router) : flow.host, kPZ)
                      .icmp6(type6(type), code, rest(in)),
                  whole);
  }
  /// About a packet of `other`'s to `flow`'s host, as that host saw it.
  Bytes hairpinned(Input& in, const Flow& flow, const Flow& other) {
    const uint8_t type = in.byte(), code = in.below(8);
    auto whole = transport(ip6(in_prefix(other.address), flow.host), flow.protocol, other.outside,
                           flow.port, true);
    return finish(in, ip6(flow.host, in_prefix(other.address)).icmp6(type6(type), code, rest(in)),
                  whole.payload(40));
  }
  static uint32_t rest(Input& in) {
    const uint32_t high = in.word();
    return high << 16 | in.word();
  }
  /// The quote, cut; maybe with an extension behind it (RFC 4884).
  static Bytes finish(Input& in, Packet outer, const Bytes& quoted) {
    const uint8_t how = in.byte();
    outer.quote(quoted, how >= 0xf0 ? quoted.size() : how * 6u);
    if (how % 4 == 3) outer.extension(in.bytes(in.below(64)), in.byte() * 4u);
    return outer;
  }
  static void change(Input& in, Bytes& packet) {
    for (unsigned edits = in.below(6); edits != 0 && !packet.empty(); --edits) {
      const std::size_t at = (edits == 1 ? in.word() : 20u + in.byte()) % packet.size();
      packet[at] ^= in.byte();
    }
    if (in.below(16) == 15) {
      const auto tail = in.bytes(in.byte());
      packet.insert(packet.end(), tail.begin(), tail.end());
    }
    mend(packet);
  }

  std::vector<std::vector<uint64_t>> state() {
    std::vector<std::vector<uint64_t>> all;
    for (const auto& s : gateway_.sessions()) {
      all.push_back({s.protocol, s.outside.host(), s.outside_port.host(), s.remote.host(),
                     s.remote_port.host(), static_cast<uint64_t>(s.state), s.expires_in_ms});
    }
    for (const auto& b : gateway_.bindings()) {
      all.push_back({b.protocol, b.outside.host(), b.outside_port.host(), b.sessions});
    }
    return all;
  }

  // Errors of our own, and translated ones, are whole; what is no error may have been made of the
  // input by chance.
  static void check_out(const Bytes& out) {
    const bool v6 = out[0] >> 4 == 6;
    const std::size_t at = v6 ? 40 : (out[0] & 15u) * 4u;
    const bool icmp = v6 ? out[6] == net::kProtoIcmp6
                         : out[9] == net::kProtoIcmp4 && (out[6] & 0x3f) == 0 && out[7] == 0;
    if (!icmp) return;
    require(out.size() >= at + 8, "an ICMP packet is cut short");
    const bool error = v6 ? out[at] < 128 : out[at] != 0 && out[at] != 8;
    if (!error) return;
    require(out.size() <= 1280 || out[0] >> 4 == 4, "an ICMPv6 error is longer than 1280 bytes");
    require(faults(out).empty(), "an ICMP error is faulty");
  }

  Gateway gateway_;
  std::vector<Flow> flows_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return play<Player>(data, size);
}
