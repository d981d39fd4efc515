// SPDX-License-Identifier: BSD-3-Clause
#include "bench/dns64_path.h"

#include <ev++.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <rte_cycles.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "bench/dns64_load.h"
#include "bench/port.h"
#include "bench/socket_time.h"
#include "control/punt.h"
#include "dataplane/engine.h"
#include "dns64/service.h"
#include "dns64/sockets.h"
#include "net/checksum.h"

namespace isthmus::bench {
namespace {

constexpr const char* kClients = "clients";
constexpr unsigned kBatch = 512;  // half of the worker's rings
constexpr unsigned kBurst = 64;
constexpr uint16_t kDnsPort = 53;
const net::Ip6 kService = *net::parse_ip6("2001:db8:53::53");
const net::Ip6 kClient = *net::parse_ip6("2001:db8:100::1");
constexpr net::Mac kClientMac{{2, 0, 0, 0, 0, 9}};

[[noreturn]] void fail(const std::string& text) {
  fmt::print(stderr, "dns64_bench: {}\n", text);
  std::exit(1);
}

uint32_t read_ms(void* context) {
  return *static_cast<const uint32_t*>(context);
}

/// A resolver on the loopback, in a thread of its own.
class Resolver {
 public:
  Resolver() {
    const auto any = dns64::socket_address(net::Ip4::from_host(0x7f000001), 0);
    socket_ = dns64::Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const timeval wait{0, 100'000};
    const int room = 8 << 20;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    sockaddr_in own{};
    socklen_t size = sizeof own;
    if (::bind(socket_.get(), any.get(), any.size) != 0 ||
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own), &size) != 0) {
      fail("no socket for the resolver");
    }
    port_ = ntohs(own.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Resolver() {
    stop_ = true;
    thread_.join();
  }
  uint16_t port() const { return port_; }

 private:
  void run() {
    Wire message;
    while (!stop_) {
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      message.resize(512);
      auto* address = reinterpret_cast<sockaddr*>(&from);
      const auto got = ::recvfrom(socket_.get(), message.data(), 512, 0, address, &size);
      if (got < 17) continue;
      message.resize(static_cast<std::size_t>(got));
      make_dns_answer(message);
      ::sendto(socket_.get(), message.data(), message.size(), 0, address, size);
    }
  }

  dns64::Fd socket_;
  uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

conf::Config make_config(unsigned cpu, bool huge_pages, uint16_t resolver) {
  conf::Config config;
  config.cores.workers = {cpu};
  config.cores.control = cpu;
  config.memory.megabytes = 512;
  config.memory.huge_pages = huge_pages ? conf::HugePages::kAuto : conf::HugePages::kOff;
  config.limits.sessions = config.limits.bindings = 16384;
  conf::Port port;
  port.name = kClients;
  port.device = Port::device(kClients);
  port.interfaces.push_back({0, kClients, {}});
  config.ports.push_back(port);
  conf::Nat64 nat64;
  conf::Pool pool;
  const auto address = *net::parse_ip4("203.0.113.1");
  pool.ranges = {{address, address}};
  nat64.pools = {pool};
  config.nat64.push_back(nat64);
  config.dns64.enabled = true;
  config.dns64.listen = {kService};
  config.dns64.upstreams = {
      {net::Ip4::from_host(0x7f000001), resolver, conf::DnsTransport::kUdp, ""}};
  return config;
}

}  // namespace

struct DnsPath::Impl {
  Impl(unsigned cpu, bool huge_pages)
      : config(make_config(cpu, huge_pages, resolver.port())), loop(ev_loop_new(0)) {
    auto made = dataplane::Engine::make(
        config, {{read_ms, &now_ms}, 1, dataplane::make_settings(config, 1)});
    if (!made) fail(made.error().text);
    engine = std::move(*made);
    engine->set_local_address(kService, 0, true);
    engine->publish();
    port = std::make_unique<Port>(kClients);
    auto service_ = dns64::Service::make(config.dns64, dns64::translator_of(config), loop);
    if (!service_) fail(service_.error().text);
    service = std::move(*service_);
    neighbors = std::make_unique<control::NeighborQueue>(control::NeighborQueue::Hooks{}, 4);
    punt = std::make_unique<control::Punt>(
        *engine, [](dataplane::InterfaceId, std::span<const uint8_t>) {}, *neighbors);
    punt->set_service(service.get());
  }
  ~Impl() {
    service.reset();
    engine->stop();
    ev_loop_destroy(loop);
  }

  void write(rte_mbuf* mbuf, unsigned number) const;
  /// The control core's part of the daemon's loop; false if there was nothing to do.
  bool control_turn() {
    ev_run(loop, EVRUN_NOWAIT);
    const auto taken =
        engine->take_punted(256, [&](const dataplane::Punted& punted) { punt->handle(punted, 0); });
    engine->publish();
    return taken > 0;
  }
  double worker_turns(unsigned count);

  Resolver resolver;
  conf::Config config;
  uint32_t now_ms = 1;
  struct ev_loop* loop;
  std::unique_ptr<dataplane::Engine> engine;
  std::unique_ptr<Port> port;
  std::unique_ptr<control::NeighborQueue> neighbors;
  std::unique_ptr<dns64::Service> service;
  std::unique_ptr<control::Punt> punt;
};

void DnsPath::Impl::write(rte_mbuf* mbuf, unsigned number) const {
  const Wire message = dns_query(number);
  const auto length = static_cast<uint16_t>(sizeof(net::UdpHeader) + message.size());
  const std::size_t size = sizeof(net::EthHeader) + sizeof(net::Ip6Header) + length;
  mbuf->data_len = static_cast<uint16_t>(size);
  mbuf->pkt_len = mbuf->data_len;
  auto* at = rte_pktmbuf_mtod(mbuf, uint8_t*);
  *net::header_at<net::EthHeader>(at) = {engine->interfaces()[0].mac, kClientMac,
                                         net::Be16(net::kEtherIp6)};
  auto* ip = net::header_at<net::Ip6Header>(at + sizeof(net::EthHeader));
  *ip = {};
  ip->version_class_flow = net::Be32(6u << 28);
  ip->payload_length = net::Be16(length);
  ip->next_header = net::kProtoUdp;
  ip->hop_limit = 64;
  ip->source = kClient;
  ip->destination = kService;
  auto* udp = net::header_at<net::UdpHeader>(at + sizeof(net::EthHeader) + sizeof *ip);
  *udp = {};
  udp->source_port = net::Be16(static_cast<uint16_t>(1024 + number % 50'000));
  udp->destination_port = net::Be16(kDnsPort);
  udp->length = net::Be16(length);
  auto* payload = reinterpret_cast<uint8_t*>(udp + 1);
  std::memcpy(payload, message.data(), message.size());
  const uint64_t pseudo = net::pseudo_sum6(kClient, kService, net::kProtoUdp, length);
  udp->checksum = net::checksum_of(net::sum_bytes(udp, length, pseudo));
  if (udp->checksum.raw() == 0) udp->checksum = net::Be16::from_raw(0xffff);  // RFC 8200 8.1
}

double DnsPath::Impl::worker_turns(unsigned count) {
  const uint64_t own = port->own_cycles();
  const double start = thread_seconds();
  for (unsigned i = 0; i < count; ++i) engine->worker(0).poll_once();
  const double spent = thread_seconds() - start;
  return spent -
         static_cast<double>(port->own_cycles() - own) / static_cast<double>(rte_get_tsc_hz());
}

DnsPath::DnsPath(unsigned cpu, bool huge_pages) : impl_(std::make_unique<Impl>(cpu, huge_pages)) {}
DnsPath::~DnsPath() = default;

DnsPath::Cost DnsPath::ask(unsigned first, unsigned count) {
  Impl& rig = *impl_;
  Cost cost;
  unsigned next = first;
  const uint64_t before = rig.port->sent();
  while (next < first + count) {
    const unsigned batch = std::min(kBatch, first + count - next);
    rig.port->generate(
        [&](rte_mbuf** mbufs, unsigned n) {
          for (unsigned i = 0; i < n; ++i) rig.write(mbufs[i], next++);
        },
        kBurst, batch);
    cost.worker += rig.worker_turns((batch + kBurst - 1) / kBurst);
    const uint64_t sent = rig.port->sent();
    const SocketTime sockets = socket_time();
    const timespec wait{0, 200'000};
    double deadline = 5;
    while (rig.port->sent() - sent < batch && deadline > 0) {
      const double start = thread_seconds();
      while (rig.control_turn()) {
      }
      cost.control += thread_seconds() - start;
      cost.worker += rig.worker_turns(20);
      if (rig.port->sent() - sent < batch) nanosleep(&wait, nullptr);
      deadline -= 0.0002;
    }
    cost.socket_calls += socket_time().calls - sockets.calls;
    cost.sockets += socket_time().seconds - sockets.seconds;
  }
  rig.port->generate({});
  cost.answers = rig.port->sent() - before;
  const double measuring = static_cast<double>(cost.socket_calls) * clock_seconds();
  cost.control -= 2 * measuring;
  cost.sockets -= measuring;
  return cost;
}

}  // namespace isthmus::bench
