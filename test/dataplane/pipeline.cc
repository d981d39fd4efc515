// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/pipeline.h"

#include <fmt/format.h>

#include <stdexcept>

namespace isthmus::test {
namespace {

using dataplane::NextHop;

constexpr const char* kPrefix = "64:ff9b:1:fffe::/96";

net::Ip6 ip6(const std::string& text) {
  return *net::parse_ip6(text);
}
net::Ip4 ip4(const std::string& text) {
  return *net::parse_ip4(text);
}

uint32_t read_virtual(void* context) {
  return *static_cast<uint32_t*>(context);
}

std::string fresh_name(const char* stem) {
  static unsigned serial = 0;
  return fmt::format("{}{}", stem, serial++);
}

}  // namespace

std::string inside_host(unsigned subscriber, unsigned host) {
  return fmt::format("2001:db8:1:{:x}::{:x}", subscriber + 1, host);
}

std::string mapped(const std::string& address) {
  return net::to_string(
      net::Prefix6052::make(*net::parse_ip6_prefix(kPrefix))->embed(ip4(address)));
}

Pipeline::Pipeline(const PipelineOptions& options) : options_(options) {
  const unsigned queues = options.queues == 0 ? options.workers : options.queues;
  ports_.push_back(std::make_unique<RingPort>(fresh_name("rig"), queues, options.ring_size));
  if (!options.one_port) {
    ports_.push_back(std::make_unique<RingPort>(fresh_name("rig"), queues, options.ring_size));
  }
  const auto config = make_config();
  auto engine = dataplane::Engine::make(
      config,
      {{read_virtual, &now_ms_}, options.seed, dataplane::make_settings(config, options.seed)});
  if (!engine) throw std::runtime_error(engine.error().text);
  engine_ = std::move(*engine);
  tell_topology();
}

Pipeline::~Pipeline() {
  for (auto& port : ports_) port->drain();
  engine_->stop();
  for (auto& port : ports_) port->drain();
}

conf::Config Pipeline::make_config() const {
  conf::Config config;
  config.cores.workers.assign(options_.workers, 0);
  config.memory.huge_pages = conf::HugePages::kOff;
  config.memory.megabytes = 64;  // sizes the routing tables; EAL has its memory already
  config.memory.buffers = 4096;
  config.limits.sessions = 4096;
  config.limits.bindings = 4096;
  config.limits.subscribers = 1024;
  config.limits.icmp_errors_per_second = 1000000;
  conf::Port in;
  in.name = "in";
  in.device = in_port().device();
  in.mtu = options_.in_mtu;
  in.rx_descriptors = in.tx_descriptors = 64;
  in.interfaces.push_back({options_.in_vlan, "in", {}});
  conf::Port out = in;
  if (options_.one_port) {
    in.interfaces.push_back({options_.out_vlan, "out", {}});
    config.ports = {in};
  } else {
    out.name = "out";
    out.device = out_port().device();
    out.mtu = options_.out_mtu;
    out.interfaces = {{options_.out_vlan, "out", {}}};
    config.ports = {in, out};
  }
  conf::Nat64 nat64;
  nat64.name = "lab";
  nat64.prefixes = {*net::Prefix6052::make(*net::parse_ip6_prefix(kPrefix))};
  conf::Pool pool;
  pool.name = "pool";
  const uint32_t first = ip4("203.0.113.0").host();
  pool.ranges.push_back(
      {net::Ip4::from_host(first), net::Ip4::from_host(first + options_.pool_addresses - 1)});
  nat64.pools.push_back(pool);
  config.nat64.push_back(nat64);
  config.dns64.enabled = true;
  config.dns64.listen = {ip6("2001:db8:1::53")};
  if (options_.configure) options_.configure(config);
  return config;
}

void Pipeline::tell_topology() {
  const auto must = [](const Status& status) {
    if (!status) throw std::runtime_error(status.error().text);
  };
  auto& engine = *engine_;
  // On a stick without VLANs both networks lie on one interface.
  const dataplane::InterfaceId out = engine.interfaces().size() > 1 ? kOut : kIn;
  engine.set_local_address(ip6("2001:db8:1::1"), kIn, true);
  engine.set_local_address(ip6("fe80::1"), kIn, true);
  engine.set_local_address(ip4("198.51.100.1"), out, true);
  must(engine.set_route(*net::parse_ip6_prefix("2001:db8:1::/64"), NextHop{kIn, {}}));
  must(engine.set_route(*net::parse_ip6_prefix("2001:db8:1::/48"), NextHop{kIn, ip6("fe80::ff")}));
  must(engine.set_route(*net::parse_ip4_prefix("198.51.100.0/24"), NextHop{out, {}}));
  must(engine.set_route(*net::parse_ip4_prefix("192.0.2.0/24"),
                        NextHop{out, ip4("198.51.100.254")}));
  if (options_.neighbors) {
    engine.set_neighbor(ip6("fe80::ff"), kIn, net::parse_mac(host_mac()));
    engine.set_neighbor(ip4("198.51.100.254"), out, net::parse_mac(internet_mac()));
  }
  engine.publish();
}

std::string Pipeline::own_mac(bool inside) const {
  return net::to_string(inside ? in_port().mac() : out_port().mac());
}

Bytes Pipeline::inside_frame(const Bytes& packet) const {
  return frame(packet, own_mac(true), host_mac(), options_.in_vlan);
}

Bytes Pipeline::internet_frame(const Bytes& packet) const {
  return frame(packet, own_mac(false), internet_mac(), options_.out_vlan);
}

void Pipeline::from_inside(const Bytes& packet, unsigned queue) {
  in_port().deliver(queue, inside_frame(packet));
}

void Pipeline::from_internet(const Bytes& packet, unsigned queue) {
  out_port().deliver(queue, internet_frame(packet));
}

void Pipeline::run() {
  // What one worker hands to another is seen a turn later; a few quiet rounds end all of it.
  for (int quiet = 0; quiet < 4;) {
    unsigned moved = 0;
    for (unsigned id = 0; id < options_.workers; ++id) moved += engine_->worker(id).poll_once();
    quiet = moved == 0 ? quiet + 1 : 0;
  }
}

void Pipeline::collect() {
  run();
  for (auto& port : ports_) {
    for (const Bytes& sent : port->sent()) {
      // The link header tells which way it went, and has to be exactly right.
      const auto stripped = [&](bool inside) -> Bytes {
        const uint16_t vlan = inside ? options_.in_vlan : options_.out_vlan;
        const std::size_t link = vlan == 0 ? 14 : 18;
        if (sent.size() < link) return {};
        const Bytes packet(sent.begin() + static_cast<std::ptrdiff_t>(link), sent.end());
        const auto expected =
            frame(packet, inside ? host_mac() : internet_mac(), own_mac(inside), vlan);
        return expected == sent ? packet : Bytes{};
      };
      const bool may_be_inside = port.get() == &in_port();
      const bool may_be_outside = port.get() == &out_port();
      Bytes packet;
      if (may_be_inside && !(packet = stripped(true)).empty()) {
        to_inside_.push_back(packet);
      } else if (may_be_outside && !(packet = stripped(false)).empty()) {
        to_internet_.push_back(packet);
      } else {
        throw std::runtime_error("a frame with a wrong link header was sent");
      }
    }
  }
}

std::vector<Bytes> Pipeline::to_inside() {
  collect();
  return std::exchange(to_inside_, {});
}

std::vector<Bytes> Pipeline::to_internet() {
  collect();
  return std::exchange(to_internet_, {});
}

std::vector<Punt> Pipeline::punts() {
  run();
  std::vector<Punt> out;
  engine_->take_punted(4096, [&](const dataplane::Punted& punted) {
    out.push_back({punted.kind,
                   punted.interface,
                   {punted.bytes.begin(), punted.bytes.end()},
                   punted.next_hop});
  });
  return out;
}

std::map<std::string, uint64_t> Pipeline::counters(bool without_handoff) const {
  std::map<std::string, uint64_t> out;
  for (unsigned id = 0; id < options_.workers; ++id) {
    const auto counters = engine_->counters(id);
    for (std::size_t i = 0; i < telemetry::kCounterCount; ++i) {
      const auto counter = static_cast<telemetry::Counter>(i);
      if (without_handoff && (counter == telemetry::Counter::kHandoffOut ||
                              counter == telemetry::Counter::kHandoffIn)) {
        continue;
      }
      if (counters.get(counter) != 0) out[std::string(name(counter))] += counters.get(counter);
    }
    for (std::size_t i = 0; i < telemetry::kDropReasonCount; ++i) {
      const auto reason = static_cast<telemetry::DropReason>(i);
      if (counters.get(reason) != 0) {
        out["drop " + std::string(name(reason))] += counters.get(reason);
      }
    }
  }
  return out;
}

uint64_t Pipeline::count(telemetry::Counter counter) const {
  uint64_t sum = 0;
  for (unsigned id = 0; id < options_.workers; ++id) sum += engine_->counters(id).get(counter);
  return sum;
}

uint64_t Pipeline::count(telemetry::DropReason reason) const {
  uint64_t sum = 0;
  for (unsigned id = 0; id < options_.workers; ++id) sum += engine_->counters(id).get(reason);
  return sum;
}

}  // namespace isthmus::test
