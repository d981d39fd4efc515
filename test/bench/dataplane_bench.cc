// SPDX-License-Identifier: BSD-3-Clause
// Cycles a packet of the production worker loop, on one pinned core.
//
//   dataplane_bench [CPU [PACKETS]]
//
// Packets come from net_null ports: fresh mbufs from the worker's pool, whose headers a receive
// callback writes anew; and go to net_null ports, which free them. The time the callback takes is
// measured and left out; what remains is rx to tx. "io" is the same without a worker: rx burst, tx
// burst. Flows are visited in random order. Each figure is the median of five runs.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dataplane/engine.h"
#include "net/headers.h"

using namespace isthmus;
using namespace isthmus::dataplane;

namespace {

constexpr unsigned kPortsPerHost = 63;
constexpr unsigned kRuns = 5;
constexpr unsigned kOrder = 1u << 20;
constexpr unsigned kPayload = 18;  // a 60-byte IPv4 frame, without its checksum
constexpr const char* kPrefix = "64:ff9b:1:fffe::/96";

struct Cell {
  net::Ip4 address;
  net::Be16 port{};
};

/// Writes the headers of the next packets; what it writes is one of the scenarios' affairs.
struct Source {
  enum Kind { kNothing, kSixToFour, kFourToSix, kSetUp } kind = kNothing;
  uint32_t sessions = 0;
  std::vector<uint32_t> order;
  std::vector<Cell> cells;  ///< where each flow's answers go
  uint32_t next = 0;
  uint64_t cycles = 0;
  uint64_t packets = 0;
  net::Mac mac6, mac4;
};

net::Ip6 inside_of(uint32_t flow) {
  net::Ip6 address = *net::parse_ip6("2001:db8:100::1");
  const uint32_t host = net::byte_swap(flow / kPortsPerHost);
  std::memcpy(address.bytes.data() + 4, &host, sizeof host);  // a /64 each
  return address;
}

void write_udp(uint8_t* at, uint16_t source, uint16_t destination) {
  auto* udp = net::header_at<net::UdpHeader>(at);
  udp->source_port = net::Be16(source);
  udp->destination_port = net::Be16(destination);
  udp->length = net::Be16(8 + kPayload);
  udp->checksum = net::Be16(0x1234);  // updated by difference, never looked at
}

void write_six(rte_mbuf* mbuf, uint32_t flow, const Source& source) {
  static const net::Ip6 kServer = [] {
    return net::Prefix6052::make(*net::parse_ip6_prefix(kPrefix))
        ->embed(*net::parse_ip4("192.0.2.9"));
  }();
  auto* eth = rte_pktmbuf_mtod(mbuf, net::EthHeader*);
  *eth = {source.mac6, {{2, 0, 0, 0, 0, 9}}, net::Be16(net::kEtherIp6)};
  auto* ip = net::header_at<net::Ip6Header>(reinterpret_cast<uint8_t*>(eth + 1));
  ip->version_class_flow = net::Be32(0x60000000);
  ip->payload_length = net::Be16(8 + kPayload);
  ip->next_header = net::kProtoUdp;
  ip->hop_limit = 64;
  ip->source = inside_of(flow);
  ip->destination = kServer;
  write_udp(reinterpret_cast<uint8_t*>(ip + 1), static_cast<uint16_t>(1024 + flow % kPortsPerHost),
            443);
  mbuf->data_len = sizeof(net::EthHeader) + sizeof(net::Ip6Header) + 8 + kPayload;
  mbuf->pkt_len = mbuf->data_len;
}

void write_four(rte_mbuf* mbuf, uint32_t flow, const Source& source) {
  auto* eth = rte_pktmbuf_mtod(mbuf, net::EthHeader*);
  *eth = {source.mac4, {{2, 0, 0, 0, 0, 9}}, net::Be16(net::kEtherIp4)};
  auto* ip = net::header_at<net::Ip4Header>(reinterpret_cast<uint8_t*>(eth + 1));
  *ip = {};
  ip->version_ihl = 0x45;
  ip->total_length = net::Be16(20 + 8 + kPayload);
  ip->flags_offset = net::Be16(net::kIp4DontFragment);
  ip->ttl = 64;
  ip->protocol = net::kProtoUdp;
  ip->source = net::Ip4::from_host(0xc0000209);
  ip->destination = source.cells[flow].address;
  ip->checksum = net::checksum_of(net::sum_bytes(ip, sizeof *ip));
  auto* l4 = reinterpret_cast<uint8_t*>(ip + 1);
  write_udp(l4, 443, 0);
  net::header_at<net::UdpHeader>(l4)->destination_port = source.cells[flow].port;
  mbuf->data_len = sizeof(net::EthHeader) + sizeof(net::Ip4Header) + 8 + kPayload;
  mbuf->pkt_len = mbuf->data_len;
}

uint16_t on_receive(uint16_t, uint16_t, rte_mbuf** mbufs, uint16_t count, uint16_t, void* context) {
  auto& source = *static_cast<Source*>(context);
  const uint64_t start = rte_rdtsc();
  for (uint16_t i = 0; i < count; ++i) {
    const uint32_t turn = source.next++;
    const uint32_t flow = source.kind == Source::kSetUp ? turn : source.order[turn % kOrder];
    if (source.kind == Source::kFourToSix) {
      write_four(mbufs[i], flow, source);
    } else {
      write_six(mbufs[i], flow, source);
    }
  }
  source.packets += count;
  source.cycles += rte_rdtsc() - start;
  return count;
}

/// Notes where flows come out, while they are being set up.
uint16_t on_transmit(uint16_t, uint16_t, rte_mbuf** mbufs, uint16_t count, void* context) {
  auto& source = *static_cast<Source*>(context);
  if (source.kind != Source::kSetUp) return count;
  for (uint16_t i = 0; i < count; ++i) {
    const auto* ip =
        net::header_at<net::Ip4Header>(rte_pktmbuf_mtod(mbufs[i], const uint8_t*) + 14);
    source.cells.push_back(
        {ip->source,
         net::header_at<net::UdpHeader>(reinterpret_cast<const uint8_t*>(ip + 1))->source_port});
  }
  return count;
}

[[noreturn]] void fail(const std::string& text) {
  fmt::print(stderr, "{}\n", text);
  std::exit(1);
}

conf::Config make_config(unsigned cpu, uint32_t sessions) {
  conf::Config config;
  config.cores.workers = {cpu};
  config.cores.control = cpu;
  config.memory.megabytes = 512;
  config.limits.sessions = config.limits.bindings = sessions + sessions / 8 + 1024;
  config.limits.subscribers = sessions / kPortsPerHost + 1024;
  for (const char* name : {"six", "four"}) {
    conf::Port port;
    port.name = name;
    port.device = fmt::format("net_null_{},size=64", name);
    port.interfaces.push_back({0, name, {}});
    config.ports.push_back(port);
  }
  conf::Nat64 nat64;
  nat64.name = "bench";
  nat64.prefixes.push_back(*net::Prefix6052::make(*net::parse_ip6_prefix(kPrefix)));
  conf::Pool pool;
  pool.name = "bench";
  const uint32_t first = net::parse_ip4("203.0.113.0")->host();
  pool.ranges.push_back(
      {net::Ip4::from_host(first), net::Ip4::from_host(first + sessions / 48000 + 1)});
  nat64.pools.push_back(pool);
  config.nat64.push_back(nat64);
  return config;
}

/// One worker and its ports; which of the two generates is chosen by polling.
class Bench {
 public:
  Bench(unsigned cpu, uint32_t sessions);
  ~Bench();

  /// Median cycles a packet, without the source's.
  double measure(Source::Kind kind, uint64_t packets);
  /// Sets all sessions up; cycles each.
  double set_up();
  double io(uint64_t packets);
  void check_drops() const;

 private:
  using Turn = std::function<void()>;
  double run(uint64_t packets, const Turn& turn);
  void generate_on(unsigned port);

  Source source_;
  std::unique_ptr<Engine> engine_;
  std::array<uint16_t, 2> ports_{};
  std::array<const rte_eth_rxtx_callback*, 2> callbacks_{};
  const rte_eth_rxtx_callback* notes_ = nullptr;
};

// The port that is not to generate gets a callback that frees what came: net_null cannot be told to
// stop. Its cost is the source's.
uint16_t discard(uint16_t, uint16_t, rte_mbuf** mbufs, uint16_t count, uint16_t, void* context) {
  auto& source = *static_cast<Source*>(context);
  const uint64_t start = rte_rdtsc();
  rte_pktmbuf_free_bulk(mbufs, count);
  source.cycles += rte_rdtsc() - start;
  return 0;
}

Bench::Bench(unsigned cpu, uint32_t sessions) {
  const auto config = make_config(cpu, sessions);
  auto engine = Engine::make(config, {tsc_clock(), 1, make_settings(config, 1)});
  if (!engine) fail(engine.error().text);
  engine_ = std::move(*engine);
  const auto gateway6 = *net::parse_ip6("fe80::9");
  const auto gateway4 = *net::parse_ip4("198.51.100.9");
  if (!engine_->set_route(net::Ip6Prefix{}, NextHop{0, gateway6}) ||
      !engine_->set_route(net::Ip4Prefix{}, NextHop{1, gateway4})) {
    fail("routes");
  }
  engine_->set_neighbor(gateway6, 0, net::Mac{{2, 0, 0, 0, 0, 6}});
  engine_->set_neighbor(gateway4, 1, net::Mac{{2, 0, 0, 0, 0, 4}});
  engine_->publish();
  source_.sessions = sessions;
  source_.mac6 = engine_->interfaces()[0].mac;
  source_.mac4 = engine_->interfaces()[1].mac;
  source_.cells.reserve(sessions + 64);
  std::mt19937 random(7);
  for (unsigned i = 0; i < kOrder; ++i) source_.order.push_back(random() % sessions);
  for (unsigned i = 0; i < 2; ++i) {
    const std::string name = fmt::format("net_null_{}", i == 0 ? "six" : "four");
    rte_eth_dev_get_port_by_name(name.c_str(), &ports_[i]);
  }
  notes_ = rte_eth_add_tx_callback(ports_[1], 0, on_transmit, &source_);
}

// Callbacks outlive a port that is removed, and would meet the next one of that number.
Bench::~Bench() {
  for (unsigned i = 0; i < 2; ++i) {
    if (callbacks_[i] != nullptr) rte_eth_remove_rx_callback(ports_[i], 0, callbacks_[i]);
  }
  rte_eth_remove_tx_callback(ports_[1], 0, notes_);
  engine_->stop();
}

void Bench::generate_on(unsigned port) {
  for (unsigned i = 0; i < 2; ++i) {
    if (callbacks_[i] != nullptr) rte_eth_remove_rx_callback(ports_[i], 0, callbacks_[i]);
    callbacks_[i] =
        rte_eth_add_rx_callback(ports_[i], 0, i == port ? on_receive : discard, &source_);
  }
}

double Bench::run(uint64_t packets, const Turn& turn) {
  const uint64_t first = source_.packets;
  source_.cycles = 0;
  const uint64_t start = rte_rdtsc();
  while (source_.packets - first < packets) turn();
  const uint64_t cycles = rte_rdtsc() - start - source_.cycles;
  return static_cast<double>(cycles) / static_cast<double>(source_.packets - first);
}

double Bench::set_up() {
  source_.kind = Source::kSetUp;
  source_.next = 0;
  generate_on(0);
  const double cycles = run(source_.sessions, [this] { engine_->worker(0).poll_once(); });
  if (source_.cells.size() < source_.sessions) {
    check_drops();
    fail(fmt::format("{} of {} flows came out", source_.cells.size(), source_.sessions));
  }
  return cycles;
}

double Bench::measure(Source::Kind kind, uint64_t packets) {
  source_.kind = kind;
  generate_on(kind == Source::kFourToSix ? 1 : 0);
  std::vector<double> runs;
  for (unsigned i = 0; i < kRuns; ++i) {
    runs.push_back(run(packets, [this] { engine_->worker(0).poll_once(); }));
  }
  std::sort(runs.begin(), runs.end());
  return runs[kRuns / 2];
}

double Bench::io(uint64_t packets) {
  source_.kind = Source::kSixToFour;
  generate_on(0);
  std::vector<double> runs;
  for (unsigned i = 0; i < kRuns; ++i) {
    runs.push_back(run(packets, [this] {
      std::array<rte_mbuf*, 64> mbufs;
      const auto count = rte_eth_rx_burst(ports_[0], 0, mbufs.data(), mbufs.size());
      rte_eth_tx_burst(ports_[0], 0, mbufs.data(), count);
    }));
  }
  std::sort(runs.begin(), runs.end());
  return runs[kRuns / 2];
}

void Bench::check_drops() const {
  const auto counters = engine_->counters(0);
  for (std::size_t i = 1; i < telemetry::kDropReasonCount; ++i) {
    const auto reason = static_cast<telemetry::DropReason>(i);
    if (counters.get(reason) != 0)
      fmt::print("  drop {}: {}\n", name(reason), counters.get(reason));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned cpu = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 0;
  const uint64_t packets = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 4'000'000;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  sched_setaffinity(0, sizeof cpus, &cpus);
  fmt::print("{:>10} {:>8} {:>14} {:>10} {:>10}\n", "sessions", "io", "setup/session", "6to4",
             "4to6");
  for (const uint32_t sessions : {1000u, 1032192u}) {
    Bench bench(cpu, sessions);
    const double set_up = bench.set_up();
    const double io = bench.io(packets);
    const double out = bench.measure(Source::kSixToFour, packets);
    const double in = bench.measure(Source::kFourToSix, packets);
    fmt::print("{:>10} {:>8.1f} {:>14.1f} {:>10.1f} {:>10.1f}\n", sessions, io, set_up, out, in);
    bench.check_drops();
  }
}
