// SPDX-License-Identifier: BSD-3-Clause
#include "bench/gateway.h"

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>

#include "net/checksum.h"

namespace isthmus::bench {
namespace {

constexpr unsigned kBurst = 64;
constexpr unsigned kOrder = 1u << 20;
constexpr uint32_t kPoolPorts = 64512;
constexpr unsigned kRest = 200;  // seconds until freed ports and blocks can be lent again
constexpr const char* kSix = "six";
constexpr const char* kFour = "four";

[[noreturn]] void fail(const std::string& text) {
  fmt::print(stderr, "dataplane_bench: {}\n", text);
  std::exit(1);
}

uint32_t read_ms(void* context) {
  return *static_cast<const uint32_t*>(context);
}

// EAL waits for a thread that it makes by naps of a microsecond. Under a real-time policy these
// leave nobody else the CPU, and the thread, pinned as we are, would wait for ever.
class OrdinaryPriority {
 public:
  OrdinaryPriority() : policy_(sched_getscheduler(0)) {
    sched_getparam(0, &before_);
    const sched_param ordinary{};
    sched_setscheduler(0, SCHED_OTHER, &ordinary);
  }
  ~OrdinaryPriority() { sched_setscheduler(0, policy_, &before_); }
  OrdinaryPriority(const OrdinaryPriority&) = delete;
  OrdinaryPriority& operator=(const OrdinaryPriority&) = delete;

 private:
  int policy_;
  sched_param before_{};
};

}  // namespace

Gateway::Gateway(const GatewayOptions& options) : options_(options) {
  const auto config = make_config();
  const OrdinaryPriority while_eal_starts;
  auto engine = dataplane::Engine::make(
      config, {{read_ms, &now_ms_}, 1, dataplane::make_settings(config, 1)});
  if (!engine) fail(engine.error().text);
  engine_ = std::move(*engine);
  make_topology();
  six_ = std::make_unique<Port>(kSix);
  four_ = std::make_unique<Port>(kFour);
  for (const unsigned payload : options.payloads) {
    udp6_.emplace_back(6, Transport::kUdp, mac(0), payload);
    udp4_.emplace_back(4, Transport::kUdp, mac(1), payload);
  }
  std::mt19937 random(7);
  order_.resize(kOrder);
  for (auto& flow : order_) flow.number = static_cast<uint32_t>(random() % options.sessions);
}

Gateway::~Gateway() {
  engine_->stop();
}

conf::Config Gateway::make_config() const {
  const uint32_t sessions = options_.sessions;
  conf::Config config;
  config.cores.workers = {options_.cpu};
  config.cores.control = options_.cpu;
  config.memory.megabytes = 384;
  config.memory.huge_pages = options_.huge_pages ? conf::HugePages::kAuto : conf::HugePages::kOff;
  const auto& shape = options_.shape;
  config.limits.sessions = sessions + sessions / 16 + 16384;
  config.limits.bindings = static_cast<uint32_t>(shape.bindings(sessions + sessions / 16)) + 16384;
  const uint64_t hosts = shape.hosts(config.limits.sessions);
  // With blocks twice as many as talk: whose block rests is known meanwhile.
  config.limits.subscribers = static_cast<uint32_t>(options_.blocks ? 2 * hosts : hosts) + 1024;
  config.limits.subscriber_sessions = config.limits.subscriber_bindings = 0;
  config.events.sessions = options_.blocks;
  for (const char* name : {kSix, kFour}) {
    conf::Port port;
    port.name = name;
    port.device = Port::device(name);
    port.interfaces.push_back({0, name, {}});
    config.ports.push_back(port);
  }
  conf::Nat64 nat64;
  nat64.prefixes = {prefix_of(kPrefix)};
  conf::Pool pool;
  const uint32_t first = net::parse_ip4("203.0.0.0")->host();
  // A third more cells than sessions, as subscribers keep to one address each.
  const uint32_t used = options_.blocks ? kPoolPorts / 2 : kPoolPorts * 3 / 4;
  const uint32_t addresses = config.limits.bindings / used + 1;
  pool.ranges = {{net::Ip4::from_host(first), net::Ip4::from_host(first + addresses - 1)}};
  if (options_.blocks) {
    pool.allocation = conf::Allocation::kBlocks;
    pool.block_size = 64;
  }
  nat64.pools = {pool};
  config.nat64.push_back(nat64);
  conf::Siit siit;
  siit.prefix = prefix_of(kSiitPrefix);
  siit.inside4 = {*net::parse_ip4_prefix(kSiitInside)};
  config.siit.push_back(siit);
  return config;
}

void Gateway::make_topology() {
  const auto gateway6 = *net::parse_ip6("fe80::9");
  const auto gateway4 = *net::parse_ip4("198.51.100.9");
  if (!engine_->set_route(net::Ip6Prefix{}, dataplane::NextHop{0, gateway6}) ||
      !engine_->set_route(net::Ip4Prefix{}, dataplane::NextHop{1, gateway4})) {
    fail("routes");
  }
  engine_->set_neighbor(gateway6, 0, net::Mac{{2, 0, 0, 0, 0, 6}});
  engine_->set_neighbor(gateway4, 1, net::Mac{{2, 0, 0, 0, 0, 4}});
  engine_->publish();
}

void Gateway::forget_all() {
  silence();
  const auto pass = [this] {
    advance(10'000);
    for (unsigned i = 0; i < 1000; ++i) turn();
  };
  while (live_sessions() != 0) pass();
  for (unsigned i = 0; i < kRest / 10; ++i) pass();
}

uint32_t Gateway::live_sessions() {
  return static_cast<uint32_t>(engine_->worker(0).translator().table_info().sessions);
}

double Gateway::bytes_per_session() {
  const auto info = engine_->worker(0).translator().table_info();
  return static_cast<double>(info.memory_bytes) / static_cast<double>(info.session_capacity);
}

uint64_t Gateway::drops() const {
  const auto counters = engine_->counters(0);
  uint64_t sum = 0;
  for (const uint64_t drop : counters.drop) sum += drop;
  return sum;
}

std::string Gateway::drops_text() const {
  const auto counters = engine_->counters(0);
  std::string text;
  for (std::size_t i = 1; i < telemetry::kDropReasonCount; ++i) {
    const auto reason = static_cast<telemetry::DropReason>(i);
    if (counters.get(reason) != 0) {
      text += fmt::format(" {} {}", name(reason), counters.get(reason));
    }
  }
  return text;
}

double Gateway::mean_frame(const std::vector<Template>& templates) {
  double sum = 0;
  for (const auto& frame : templates) sum += frame.frame();
  return sum / static_cast<double>(templates.size());
}

void Gateway::forget_events() {
  const uint64_t start = rte_rdtsc();
  engine_->take_events(1u << 16, [](const dataplane::TimedEvent&) {});
  own_cycles_ += rte_rdtsc() - start;
}

void Gateway::io() {
  rte_mbuf* mbufs[kBurst];
  const auto count = rte_eth_rx_burst(six_->id(), 0, mbufs, kBurst);
  rte_eth_tx_burst(four_->id(), 0, mbufs, count);
}

void Gateway::bare() {
  if (!bare_) bare_ = std::make_unique<Bare>(options_.shape, cells_);
  rte_mbuf* mbufs[kBurst];
  const auto count = rte_eth_rx_burst(six_->id(), 0, mbufs, kBurst);
  bare_->translate(mbufs, count, now_ms_);
  rte_eth_tx_burst(four_->id(), 0, mbufs, count);
}

// --- what the ports receive ---------------------------------------------------------------------

void Gateway::silence() {
  for (Port* port : {six_.get(), four_.get()}) {
    port->generate({});
    port->observe({});
  }
}

void Gateway::generate_new(uint32_t first, bool note) {
  silence();
  turn_ = first;
  six_->generate([this](rte_mbuf** mbufs, unsigned count) {
    for (unsigned i = 0; i < count; ++i) write_flow6(mbufs[i], turn_++);
  });
  if (!note) return;
  cells_.clear();
  cells_.reserve(options_.sessions + kBurst);
  four_->observe([this](rte_mbuf** mbufs, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      cells_.push_back({Template::ip4(mbufs[i])->source, udp4_[0].l4(mbufs[i])->source_port});
    }
    if (cells_.size() < options_.sessions) return;
    for (auto& flow : order_) flow.cell = cells_[flow.number];
  });
}

void Gateway::write_flow6(rte_mbuf* mbuf, uint32_t flow) {
  const Template& udp = any_of(udp6_);
  udp.copy_to(mbuf);
  const Inside inside = shape().inside(flow);
  auto* ip = Template::ip6(mbuf);
  ip->source = inside.address;
  const net::Ip4 remote = shape().remote(flow);
  std::memcpy(ip->destination.bytes.data() + 12, &remote, sizeof remote);
  udp.l4(mbuf)->source_port = inside.port;
}

void Gateway::write_6to4(rte_mbuf** mbufs, unsigned count) {
  for (unsigned i = 0; i < count; ++i) write_flow6(mbufs[i], next_flow().number);
}

void Gateway::write_4to6(rte_mbuf** mbufs, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    const Template& udp = any_of(udp4_);
    udp.copy_to(mbufs[i]);
    const Flow& flow = next_flow();
    auto* ip = Template::ip4(mbufs[i]);
    ip->source = shape().remote(flow.number);
    ip->destination = flow.cell.address;
    set_header_checksum(ip);
    udp.l4(mbufs[i])->destination_port = flow.cell.port;
  }
}

void Gateway::generate_6to4() {
  silence();
  six_->generate([this](rte_mbuf** mbufs, unsigned count) { write_6to4(mbufs, count); },
                 options_.burst);
}

void Gateway::generate_4to6() {
  silence();
  four_->generate([this](rte_mbuf** mbufs, unsigned count) { write_4to6(mbufs, count); },
                  options_.burst);
}

void Gateway::generate_mixed() {
  silence();
  six_->generate([this](rte_mbuf** mbufs, unsigned count) { write_6to4(mbufs, count); },
                 options_.burst);
  four_->generate([this](rte_mbuf** mbufs, unsigned count) { write_4to6(mbufs, count); },
                  options_.burst);
}

void Gateway::generate_siit_6to4() {
  silence();
  six_->generate(
      [this](rte_mbuf** mbufs, unsigned count) {
        static const auto prefix = prefix_of(kSiitPrefix);
        for (unsigned i = 0; i < count; ++i) {
          any_of(udp6_).copy_to(mbufs[i]);
          auto* ip = Template::ip6(mbufs[i]);
          ip->source = prefix.embed(siit_host(next_flow().number));
          ip->destination = prefix.embed(*net::parse_ip4(kServer));
        }
      },
      options_.burst);
}

void Gateway::generate_siit_4to6() {
  silence();
  four_->generate(
      [this](rte_mbuf** mbufs, unsigned count) {
        for (unsigned i = 0; i < count; ++i) {
          any_of(udp4_).copy_to(mbufs[i]);
          auto* ip = Template::ip4(mbufs[i]);
          ip->destination = siit_host(next_flow().number);
          set_header_checksum(ip);
        }
      },
      options_.burst);
}

}  // namespace isthmus::bench
