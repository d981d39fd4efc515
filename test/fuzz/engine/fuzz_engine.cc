// SPDX-License-Identifier: BSD-3-Clause
// A script of packets, time, clears and changes of configuration, played to a stateful gateway of
// one to four workers (fuzz/gateway.h). The first byte chooses the gateway; then each operation is
// a byte, and what it needs.
#include <algorithm>

#include "fuzz/gateway.h"
#include "packets/rows.h"

namespace {

using namespace isthmus;
using namespace isthmus::test;

constexpr unsigned kMaxOperations = 64;
constexpr const char* kHosts[] = {"2001:db8:a::1",  "2001:db8:a::2", "2001:db8:b::1",
                                  "2001:db8:c::1",  "2001:db8:d::1", "2001:db8:a:1::1",
                                  "2001:db8:64::1", "fe80::1"};

class Player {
 public:
  explicit Player(uint8_t options)
      : base_(Gateway::settings(options)),
        settings_(base_),
        gateway_(settings_, Gateway::workers(options)) {}

  void play(Input& in) {
    for (unsigned i = 0; i < kMaxOperations && !in.empty(); ++i) {
      step(in);
      gateway_.check();
    }
    gateway_.finish();
  }

 private:
  void step(Input& in) {
    const uint8_t op = in.byte();
    switch (op % 16) {
      case 0:
      case 1:
      case 2: give(in, outbound(in)); break;
      case 3:
      case 4: give(in, inbound(in)); break;
      case 5: give(in, hairpin(in)); break;
      case 6: give(in, error(in, true)); break;
      case 7: give(in, error(in, false)); break;
      case 8: give(in, in.bytes(in.byte())); break;
      case 9: pass(in); break;
      case 10: clear(in); break;
      case 11: reload(in); break;
      case 12: pools(in); break;
      case 13: lease(in); break;
      case 14: statics(in); break;
      case 15: burst(in); break;
    }
  }

  // --- packets -----------------------------------------------------------------------------------
  struct Name {
    std::string address;
    uint16_t port;
  };
  Name host(Input& in) {
    const uint8_t n = in.byte();
    return {kHosts[n % 8], static_cast<uint16_t>(1100 + n / 8 % 8)};
  }
  Name remote(Input& in) {
    const uint8_t n = in.byte();
    static constexpr const char* kRemotes[] = {"198.51.100.1", "198.51.100.2", "192.0.2.1",
                                               "10.0.0.1"};
    return {kRemotes[n % 4], static_cast<uint16_t>(53 + n / 4 % 8)};
  }
  /// A pool address and port, mostly one that is in use.
  Name pool(Input& in, uint8_t& protocol) {
    const uint8_t n = in.byte();
    const auto bindings = gateway_.bindings();
    if (bindings.empty() || n % 8 == 7) {
      return {"203.0.113." + std::to_string(n / 8 % 4), static_cast<uint16_t>(1024 + n)};
    }
    const auto& b = bindings[n % bindings.size()];
    protocol = b.protocol;
    return {net::to_string(b.outside), b.outside_port.host()};
  }
  static uint8_t protocol_of(uint8_t how) {
    static constexpr uint8_t kProtocols[] = {net::kProtoUdp, net::kProtoTcp, net::kProtoTcp,
                                             net::kProtoIcmp4};
    return kProtocols[how % 4];
  }
  static Packet transport(Packet p, uint8_t protocol, uint16_t from, uint16_t to, uint8_t how,
                          bool reply) {
    static constexpr const char* kFlags[] = {"S", "SA", "A", "F", "R", "RA", "FA", "SF"};
    switch (protocol) {
      case net::kProtoTcp: return p.tcp(from, to).flags(kFlags[how / 4 % 8]);
      case net::kProtoIcmp4: return reply ? p.icmp_echo_reply(to, 1) : p.icmp_echo(from, 1);
      default:
        p.udp(from, to).payload(how % 64);
        if (how / 4 % 8 == 7) p.zero_checksum();
        return p;
    }
  }
  Bytes outbound(Input& in) {
    const auto from = host(in);
    const auto to = remote(in);
    const uint8_t how = in.byte();
    return fragment(in, how,
                    transport(ip6(from.address, in_prefix(to.address)), protocol_of(how), from.port,
                              to.port, how, false));
  }
  Bytes inbound(Input& in) {
    const uint8_t how = in.byte();
    uint8_t protocol = protocol_of(how);
    const auto to = pool(in, protocol);
    const auto from = remote(in);
    return fragment(
        in, how, transport(ip4(from.address, to.address), protocol, from.port, to.port, how, true));
  }
  Bytes hairpin(Input& in) {
    const uint8_t how = in.byte();
    uint8_t protocol = protocol_of(how);
    const auto from = host(in);
    const auto to = pool(in, protocol);
    return fragment(in, how,
                    transport(ip6(from.address, in_prefix(to.address)), protocol, from.port,
                              to.port, how, false));
  }
  /// The packet, or one in eight times a fragment of it.
  static Bytes fragment(Input& in, uint8_t how, const Packet& packet) {
    if (how / 32 != 7) return packet;
    Packet whole = packet;
    whole.payload(600);
    const uint8_t n = in.byte();
    return whole.slice(n / 4 % 4 * 128u, 128u + n / 16 * 8u, n % 4);
  }
  Bytes error(Input& in, bool from_outside) {
    static constexpr uint8_t kTypes4[] = {3, 11, 12, 4, 5, 8};
    static constexpr uint8_t kTypes6[] = {1, 2, 3, 4, 128, 137};
    const uint8_t how = in.byte(), type = in.byte(), code = in.below(16);
    uint8_t protocol = protocol_of(how);
    const auto about = pool(in, protocol);
    const auto to = remote(in);
    if (from_outside) {
      const Packet quoted =
          transport(ip4(about.address, to.address), protocol, about.port, to.port, how, false);
      return ip4("192.0.2.9", about.address)
          .icmp4(kTypes4[type % 6], code, in.word())
          .quote(quoted, 20 + in.below(100));
    }
    const auto own = host(in);
    const Packet quoted =
        transport(ip6(in_prefix(to.address), own.address), protocol, to.port, own.port, how, true);
    return ip6(own.address, in_prefix(to.address))
        .icmp6(kTypes6[type % 6], code, in.word())
        .quote(quoted, 40 + in.below(100));
  }
  /// Bits that are changed on the way.
  static void change(Input& in, Bytes& packet) {
    for (unsigned edits = in.below(4); edits != 0 && !packet.empty(); --edits) {
      packet[in.byte() % packet.size()] ^= in.byte();
    }
    mend(packet);
  }
  void give(Input& in, Bytes packet) {
    if (in.below(4) == 3) change(in, packet);
    gateway_.give({packet});
  }
  void burst(Input& in) {
    std::vector<Bytes> packets;
    for (unsigned n = 1 + in.below(6); n != 0; --n) {
      packets.push_back(in.below(2) == 0 ? outbound(in) : inbound(in));
    }
    gateway_.give(packets);
  }

  // --- time and the operator ---------------------------------------------------------------------
  void pass(Input& in) {
    static constexpr uint32_t kSteps[] = {0, 10, 999, 2'100, 61'000, 301'000, 241'000, 601'000};
    gateway_.pass(kSteps[in.below(8)]);
  }
  void clear(Input& in) {
    nat::Filter filter;
    const uint8_t how = in.byte();
    if ((how & 1) != 0) filter.protocol = protocol_of(how / 32);
    if ((how & 2) != 0) filter.inside = net::Ip6Prefix{*net::parse_ip6(kHosts[how / 32]), 64};
    if ((how & 4) != 0) filter.outside_port = static_cast<uint16_t>(1024 + how / 32);
    if ((how & 8) != 0) filter.remote = net::Ip4Prefix{*net::parse_ip4("198.51.100.1"), 32};
    (how & 16) != 0 ? gateway_.clear_bindings(filter) : gateway_.clear_sessions(filter);
  }
  void reload(Input& in) {
    const uint8_t how = in.byte();
    auto& instance = settings_.instances[0];
    instance.filtering =
        (how & 1) != 0 ? nat::Filtering::kAddressDependent : nat::Filtering::kEndpointIndependent;
    instance.timers.udp = (how & 2) != 0 ? 120 : 300;
    instance.timers.tcp_established = (how & 2) != 0 ? 500 : 600;
    settings_.subscriber_sessions = (how & 4) != 0 ? 3 : 20;
    settings_.subscriber_bindings = (how & 8) != 0 ? 2 : 0;
    settings_.subscriber_sessions_per_second = (how & 16) != 0 ? 2 : 0;
    instance.inbound_refresh.udp = (how & 32) == 0;
    settings_.icmp_errors_per_second = (how & 64) != 0 ? 0 : 1'000'000;
    gateway_.update(settings_);
  }
  /// Ranges are drained, removed, and added again.
  void pools(Input& in) {
    const uint8_t how = in.byte();
    auto next = settings_;
    auto& pool = next.instances[0].pools[0];
    pool.drain = (how & 1) != 0;
    const auto at = [](uint32_t n) { return net::Ip4::from_host(0xcb007100 + n); };
    switch (how / 2 % 4) {
      case 0: pool.ranges = base_.instances[0].pools[0].ranges; break;
      case 1: pool.ranges = {{at(16), at(19)}}; break;
      case 2: pool.ranges.push_back({at(32), at(35)}); break;
      case 3:
        if (pool.ranges.size() > 1) pool.ranges.erase(pool.ranges.begin());
        break;
    }
    std::sort(pool.ranges.begin(), pool.ranges.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    const auto twice = [](const auto& a, const auto& b) { return a.first == b.first; };
    pool.ranges.erase(std::unique(pool.ranges.begin(), pool.ranges.end(), twice),
                      pool.ranges.end());
    if (gateway_.change_pools(next)) settings_ = next;
  }
  void lease(Input& in) {
    const uint8_t how = in.byte();
    const auto inside = host(in);
    nat::LeaseWish wish;
    wish.protocol = (how & 1) != 0 ? net::kProtoTcp : net::kProtoUdp;
    wish.inside = *net::parse_ip6(inside.address);
    wish.inside_port = net::Be16(inside.port);
    wish.outside = net::Ip4::from_host(0xcb007100 + how / 16 % 4);
    wish.outside_port = net::Be16((how & 8) != 0 ? static_cast<uint16_t>(1024 + in.byte()) : 0);
    wish.nothing_else = (how & 4) != 0;
    (how & 2) != 0 ? gateway_.end_lease(wish) : void(gateway_.lease(wish));
  }
  void statics(Input& in) {
    const uint8_t how = in.byte();
    const auto inside = host(in);
    nat::StaticBinding binding;
    binding.protocol = how % 8 == 7 ? uint8_t{0} : protocol_of(how);
    binding.inside = *net::parse_ip6(inside.address);
    binding.outside = net::Ip4::from_host(0xcb007100 + how / 16 % 4);
    if (binding.protocol != 0) {
      binding.inside_port = net::Be16(inside.port);
      binding.outside_port = net::Be16(static_cast<uint16_t>(1024 + in.byte()));
    }
    auto& statics = gateway_.harness().statics();
    (how & 8) != 0 ? void(statics.remove(binding)) : void(statics.add({binding, false, false}));
  }

  const nat::Settings base_;
  nat::Settings settings_;
  Gateway gateway_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return play<Player>(data, size);
}
