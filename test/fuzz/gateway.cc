// SPDX-License-Identifier: BSD-3-Clause
#include "fuzz/gateway.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <tuple>

#include "fuzz/mend_header4.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "net/parse.h"
#include "packets/buffer.h"

namespace isthmus::test {
namespace {

using telemetry::Counter;
using telemetry::DropReason;
using Cell = std::tuple<uint8_t, net::Ip4, uint16_t>;

// Wide enough that nothing is split between the halves of a hairpin, which the harness cannot turn.
xlat::Path path_of() {
  auto path = test::path();
  path.mtu4 = 65535;
  return path;
}

}  // namespace

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

void mend(Bytes& packet) {
  mend_header4(packet.data(), packet.size());
  net::PacketView view;
  Buffer copy(packet);
  if (net::parse_ip(*copy, view) != DropReason::kNone || view.is_fragment()) return;
  const bool v6 = view.family == 6;
  if (view.protocol != (v6 ? net::kProtoIcmp6 : net::kProtoIcmp4)) return;
  const std::size_t at = view.l4_offset, length = view.l4_length();
  if (length < 8 || at + length > packet.size()) return;
  if (view.payload == net::Payload::kIcmpError && length > 8) {
    mend_header4(packet.data() + at + 8, length - 8);
  }
  auto* icmp = net::header_at<net::IcmpHeader>(packet.data() + at);
  icmp->checksum = net::Be16(0);
  uint64_t sum = 0;
  if (v6) {
    const auto* ip = net::header_at<net::Ip6Header>(packet.data());
    sum = net::pseudo_sum6(ip->source, ip->destination, net::kProtoIcmp6,
                           static_cast<uint32_t>(length));
  }
  icmp->checksum = net::checksum_of(net::sum_bytes(packet.data() + at, length, sum));
}

// Bits 0-1: workers; 2: one address, shared by port block; 3: filtering; 4: port blocks; 5: ports
// rest; 6: UDP checksums of zero are refused; 7: any sender's /56 is a subscriber.
nat::Settings Gateway::settings(uint8_t options) {
  auto settings = (options & 4) != 0 ? one_address() : stateful();
  auto& instance = settings.instances[0];
  auto& pool = instance.pools[0];
  const bool blocks = (options & 16) != 0;
  pool.ports = {1024, blocks               ? uint16_t{1535}
                      : (options & 4) != 0 ? uint16_t{1087}
                                           : uint16_t{1031}};
  if ((options & 4) == 0) {
    pool.ranges[0].last = net::Ip4::from_host(pool.ranges[0].first.host() + 3);
  }
  pool.hold_down = (options & 32) != 0 ? 120 : 0;
  pool.hold_down_ports = 5;
  if ((options & 8) != 0) instance.filtering = nat::Filtering::kAddressDependent;
  if (blocks) {
    pool.allocation = nat::Allocation::kBlocks;
    pool.block_size = 64;
    pool.blocks_per_subscriber = 1;
    pool.block_release_delay = (options & 32) != 0 ? 10 : 0;
  }
  if ((options & 64) != 0) {
    instance.policy.udp_zero_4to6 = xlat::UdpZero::kDrop;
    instance.policy.udp_zero_6to4 = xlat::UdpZero::kCompute;
  }
  if ((options & 128) != 0) settings.subscriber_prefix_length = 56;
  // Time costs turns of the wheel, and has nothing more to show after two hours.
  instance.timers.tcp_established = 600;
  settings.max_sessions = 24;
  settings.max_bindings = 16;
  settings.max_subscribers = 6;
  settings.max_held_syns = 4;
  settings.max_fragments = 12;
  settings.fragment_share = 2;
  settings.subscriber_sessions = 20;
  settings.icmp_errors_per_second = 1'000'000;
  settings.event_ring = 16;
  settings.events = ~nat::EventMask{0};
  return settings;
}

Gateway::Gateway(const nat::Settings& settings, unsigned workers)
    : settings_(settings), harness_(settings, path_of(), workers, 1) {}

// A packet we made must be one that we would accept.
void Gateway::check_out(const Bytes& packet) const {
  Buffer copy(packet);
  net::PacketView view;
  const auto reason = net::parse_ip(*copy, view);
  // What is made of a packet whose transport header is cut off passes as it came.
  require(reason == DropReason::kNone || reason == DropReason::kTruncated ||
              reason == DropReason::kBadLength || reason == DropReason::kExtHeader,
          "what comes out does not parse");
  require(packet.size() >= 20, "what comes out is no packet");
  const bool v6 = packet[0] >> 4 == 6;
  const std::size_t length =
      v6 ? net::header_at<net::Ip6Header>(packet.data())->payload_length.host() + 40u
         : net::header_at<net::Ip4Header>(packet.data())->total_length.host();
  require(length == packet.size(), "what comes out has a wrong length field");
}

std::vector<Bytes> Gateway::give(const std::vector<Bytes>& burst) {
  given_ += burst.size();
  auto out = harness_.exchange(burst);
  for (const auto& packet : out) check_out(packet);
  return out;
}

std::vector<Bytes> Gateway::pass(uint32_t milliseconds) {
  auto out = harness_.advance(milliseconds);
  for (const auto& packet : out) check_out(packet);
  // Fragments that time has set free go on by themselves.
  for (auto& more : give({})) out.push_back(std::move(more));
  return out;
}

void Gateway::clear_sessions(const nat::Filter& filter) {
  for (unsigned w = 0; w < harness_.workers(); ++w) {
    uint64_t cursor = 0;
    do {
      cursor = harness_.translator(w).clear_sessions(cursor, 5, filter).next_cursor;
    } while (cursor != 0);
  }
}

void Gateway::clear_bindings(const nat::Filter& filter) {
  for (unsigned w = 0; w < harness_.workers(); ++w) {
    uint64_t cursor = 0;
    do {
      cursor = harness_.translator(w).clear_bindings(cursor, 5, filter).next_cursor;
    } while (cursor != 0);
  }
}

void Gateway::update(const nat::Settings& settings) {
  settings_ = settings;
  for (unsigned w = 0; w < harness_.workers(); ++w) harness_.translator(w).update(settings);
}

bool Gateway::change_pools(const nat::Settings& settings) {
  moved_statics_ = moved_statics_ || !harness_.statics().entries().empty();
  if (!harness_.change_pools(settings).empty()) return false;
  settings_ = settings;
  return true;
}

unsigned Gateway::worker_of(const nat::LeaseWish& wish) const {
  return harness_.ownership().owner6(wish.inside);
}

bool Gateway::lease(const nat::LeaseWish& wish) {
  const auto answer = harness_.translator(worker_of(wish)).lease(wish);
  if (!std::holds_alternative<nat::Leased>(answer)) return false;
  leases_.push_back(wish);
  return true;
}

void Gateway::end_lease(const nat::LeaseWish& wish) {
  harness_.translator(worker_of(wish)).end_lease(wish);
}

std::vector<nat::BindingInfo> Gateway::bindings() {
  std::vector<nat::BindingInfo> all;
  for (unsigned w = 0; w < harness_.workers(); ++w) {
    std::array<nat::BindingInfo, 64> some;
    const auto done = harness_.translator(w).dump_bindings(0, 1u << 20, {}, some);
    all.insert(all.end(), some.begin(), some.begin() + static_cast<long>(done.count));
  }
  return all;
}

std::vector<nat::SessionInfo> Gateway::sessions() {
  std::vector<nat::SessionInfo> all;
  for (unsigned w = 0; w < harness_.workers(); ++w) {
    std::array<nat::SessionInfo, 64> some;
    const auto done = harness_.translator(w).dump_sessions(0, 1u << 20, {}, harness_.now(), some);
    all.insert(all.end(), some.begin(), some.begin() + static_cast<long>(done.count));
  }
  return all;
}

void Gateway::check() {
  std::set<Cell> cells;
  std::map<Cell, uint32_t> sessions_of;
  std::set<std::tuple<uint8_t, net::Ip6, uint16_t>> insides;
  uint64_t lent[3] = {};
  std::set<net::Ip4> wholes;  // of these no port is lent
  for (const auto& entry : harness_.statics().entries()) {
    if (entry.binding.is_whole()) wholes.insert(entry.binding.outside);
  }
  for (const auto& b : bindings()) {
    const Cell cell{b.protocol, b.outside, b.outside_port.host()};
    require(cells.insert(cell).second, "a pool address and port is lent twice");
    require(insides.insert({b.protocol, b.inside, b.inside_port.host()}).second,
            "an inside address and port has two bindings");
    require(b.is_static || b.is_leased || b.sessions != 0, "a binding outlives its sessions");
    sessions_of[cell] = b.sessions;
    if (!b.is_static && wholes.count(b.outside) == 0)
      ++lent[b.protocol == net::kProtoTcp ? 0 : b.protocol == net::kProtoUdp ? 1 : 2];
  }
  std::map<Cell, uint32_t> counted;
  for (const auto& s : sessions()) ++counted[{s.protocol, s.outside, s.outside_port.host()}];
  for (const auto& [cell, count] : counted) {
    require(sessions_of.count(cell) != 0, "a session has no binding");
    // Those whose time is over are not shown, but still there for a while.
    require(count <= sessions_of[cell], "a binding has more sessions than it knows of");
  }
  nat::TableInfo total;
  uint64_t used[3] = {}, known = 0;
  for (const auto& [cell, count] : sessions_of) known += count;
  for (unsigned w = 0; w < harness_.workers(); ++w) {
    const auto info = harness_.translator(w).table_info();
    require(info.sessions <= info.session_capacity && info.bindings <= info.binding_capacity &&
                info.subscribers <= info.subscriber_capacity,
            "a table holds more than it can");
    total.sessions += info.sessions;
    total.bindings += info.bindings;
    std::array<nat::PoolInfo, 8> pools;
    const std::size_t count = harness_.translator(w).pool_info(pools);
    for (std::size_t i = 0; i < count; ++i) {
      used[0] += pools[i].used_tcp;
      used[1] += pools[i].used_udp;
      used[2] += pools[i].used_icmp;
    }
  }
  require(total.sessions == known, "bindings and the table count different sessions");
  require(total.bindings == cells.size(), "the table counts different bindings");
  // Static bindings have cells of no pool, and whole addresses cells that nobody uses. A cell that
  // was reserved when its address left stays counted in its pool: known, and only a figure.
  const bool exact = harness_.statics().entries().empty() && !moved_statics_;
  for (int i = 0; i < 3 && exact; ++i) {
    if (used[i] == lent[i]) continue;
    std::fprintf(stderr, "fuzz: of protocol %d, %llu ports are lent, and %llu bound\n", i,
                 static_cast<unsigned long long>(used[i]),
                 static_cast<unsigned long long>(lent[i]));
    require(false, "a port is lent to nobody, or twice");
  }
}

void Gateway::finish() {
  for (const auto& wish : leases_) end_lease(wish);
  while (!harness_.statics().entries().empty()) {
    const auto binding = harness_.statics().entries().front().binding;
    require(static_cast<bool>(harness_.statics().remove(binding)), "a static binding stays");
  }
  check();
  // Established TCP sessions first, then the wait for an answer to the probe; then blocks.
  for (const uint32_t step : {61'000u, 601'000u, 301'000u, 601'000u, 301'000u, 121'000u}) {
    pass(step);
    pass(3'000);
  }
  check();
  for (unsigned w = 0; w < harness_.workers(); ++w) {
    const auto info = harness_.translator(w).table_info();
    require(info.sessions == 0, "sessions are left");
    require(info.bindings == 0, "bindings are left");
    require(info.subscribers == 0, "subscribers are left");
    std::array<nat::PoolInfo, 8> pools;
    const std::size_t count = harness_.translator(w).pool_info(pools);
    for (std::size_t i = 0; i < count; ++i) {
      require(pools[i].held == 0, "ports rest for ever");
      require(pools[i].blocks_granted == 0, "port blocks are left");
    }
  }
  balance();
}

// in = out + dropped, now that nothing is held any more.
void Gateway::balance() {
  const auto c = harness_.counters();
  uint64_t gone = c.get(Counter::kNat64Out) + c.get(Counter::kNat64In) - c.get(Counter::kHairpin) +
                  c.get(Counter::kSiitOut) + c.get(Counter::kSiitIn) +
                  harness_.given_to_box().size();
  for (std::size_t i = 1; i < telemetry::kDropReasonCount; ++i) gone += c.drop[i];
  if (gone != given_) {
    std::fprintf(stderr, "fuzz: of %llu packets, %llu are accounted for\n",
                 static_cast<unsigned long long>(given_), static_cast<unsigned long long>(gone));
    std::abort();
  }
  require(c.get(Counter::kSessionsCreated) == c.get(Counter::kSessionsDeleted),
          "sessions made and removed do not balance");
  require(c.get(Counter::kBindingsCreated) == c.get(Counter::kBindingsDeleted),
          "bindings made and removed do not balance");
  require(c.get(Counter::kBlocksGranted) == c.get(Counter::kBlocksReturned),
          "port blocks given and returned do not balance");
}

}  // namespace isthmus::test
