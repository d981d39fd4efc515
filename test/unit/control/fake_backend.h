// SPDX-License-Identifier: BSD-3-Clause
// A gateway that exists on paper: fixed answers, and as many sessions as a test wants.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "conf/load.h"
#include "control/backend.h"
#include "control/state_walk.h"
#include "dataplane/prospect.h"
#include "dataplane/static_binding.h"

namespace isthmus::control {

class FakeDataplane : public dataplane::Dataplane {
 public:
  std::vector<nat::StaticEntry> static_entries;
  std::optional<std::string> static_error;
  std::vector<telemetry::Counters> worker_counters{2};
  std::vector<dataplane::InterfaceInfo> interface_list{
      {"inside", "inside", 0, 1500, net::Mac{{2, 0, 0, 0, 0, 1}}},
      {"outside.100", "outside", 100, 1400, net::Mac{{2, 0, 0, 0, 0, 2}}}};

  Status start() override { return Ok{}; }
  void stop() override {}
  Result<std::vector<dataplane::Prospect>> simulate(
      std::span<const uint8_t> packet, std::optional<dataplane::InterfaceId> from) override {
    simulated.assign(packet.begin(), packet.end());
    simulated_from = from;
    return prospects;
  }
  std::vector<uint8_t> simulated;
  std::optional<dataplane::InterfaceId> simulated_from;
  std::vector<dataplane::Prospect> prospects;
  unsigned take_punted(unsigned, const std::function<void(const dataplane::Punted&)>&) override {
    return 0;
  }
  unsigned take_events(unsigned,
                       const std::function<void(const dataplane::TimedEvent&)>&) override {
    return 0;
  }
  bool inject(dataplane::InterfaceId, std::span<const uint8_t>) override { return false; }
  void set_local_address(std::variant<net::Ip4, net::Ip6>, dataplane::InterfaceId, bool) override {}
  Status set_route(const std::variant<net::Ip4Prefix, net::Ip6Prefix>&,
                   const std::optional<dataplane::NextHop>&) override {
    return Ok{};
  }
  void set_neighbor(std::variant<net::Ip4, net::Ip6>, dataplane::InterfaceId,
                    std::optional<net::Mac>) override {}
  void publish() override {}
  std::vector<dataplane::RouteInfo> routes() const override {
    return {{net::Ip4Prefix{}, {1, net::Ip4::from_host(0xc6336401)}},
            {*net::parse_ip6_prefix("2001:db8:1::/64"), {0, std::nullopt}}};
  }
  std::vector<dataplane::NeighborInfo> neighbors() const override {
    return {{net::Ip4::from_host(0xc6336401), 1, net::Mac{{2, 0, 0, 0, 0, 9}}},
            {*net::parse_ip6("2001:db8:1::7"), 0, std::nullopt}};
  }
  const std::vector<dataplane::InterfaceInfo>& interfaces() const override {
    return interface_list;
  }
  unsigned workers() const override { return static_cast<unsigned>(worker_counters.size()); }
  dataplane::WorkerInfo worker_info(unsigned worker) const override {
    return {worker + 1, 0, 100, 50, 1000, 250, 1000, {{"inside", static_cast<uint16_t>(worker)}}};
  }
  std::vector<dataplane::PortInfo> port_info() const override {
    return {{"inside", "net_null0", "net_null", true, 10000, 2, 2, 10, 1500, 0, 0, 0, 5, 700, 0}};
  }
  std::vector<dataplane::SteeringInfo> steering_info() const override {
    return {{"inside", "software hand-off", "by address", 1000, 250}};
  }
  std::vector<dataplane::MemoryPart> memory() const override {
    return {{"packet buffers", 1 << 20, 256, 3}, {"forwarding tables", 2 << 20, 0, 0}};
  }
  dataplane::ProcessMemory process_memory() const override {
    return {4 << 20, 2 << 20, 0, 1 << 18};
  }
  telemetry::Counters counters(unsigned worker) const override { return worker_counters[worker]; }
  Status ask(unsigned, const std::function<void(nat::Translator&, uint32_t)>&) override {
    return Error{"no translator here"};
  }
  Status add_static(const nat::StaticEntry& entry) override {
    if (static_error) return Error{*static_error};
    static_entries.push_back(entry);
    return Ok{};
  }
  Status remove_static(const nat::StaticBinding& outside) override {
    std::erase_if(static_entries, [&](const nat::StaticEntry& entry) {
      return entry.binding.outside == outside.outside &&
             entry.binding.outside_port == outside.outside_port;
    });
    return Ok{};
  }
  std::vector<nat::StaticEntry> statics() const override { return static_entries; }
  // No command asks for leases.
  std::optional<nat::LeaseAnswer> lease(const nat::LeaseWish&) override { return {}; }
  void end_lease(const nat::LeaseWish&) override {}
  nat::Translator::Bound bound(const nat::LeaseWish&) override { return {}; }
  Status update(const conf::Config&) override { return Ok{}; }
};

class FakeBackend : public Backend {
 public:
  FakeDataplane plane;
  std::shared_ptr<const conf::Config> current;
  Status reload_result = Ok{};
  unsigned reloads = 0;
  unsigned flushes = 0;

  explicit FakeBackend(const std::string& text = sample()) {
    auto loaded = conf::load_text(text, "test.conf");
    current = loaded ? *loaded : std::make_shared<const conf::Config>();
  }
  static std::string sample() {
    return R"(ports = (
  { name = "inside"; device = "net_null0"; addresses = ["2001:db8:1::1/64"]; },
  { name = "outside"; device = "net_null1";
    interfaces = ({ vlan = 100; addresses = ["198.51.100.2/24"]; }); });
nat64 = ({ name = "main"; pools = ({ name = "p"; addresses = ["203.0.113.0/30"]; }); });
dns64: { listen = ["2001:db8:1::1"]; upstreams = ["192.0.2.53"]; };
)";
  }

  dataplane::Dataplane& dataplane() override { return plane; }
  std::shared_ptr<const conf::Config> config() const override { return current; }
  std::vector<TwinInfo> twins() const override { return {{"inside", 7, 1, 2, 3}}; }
  NeighborQueueInfo neighbor_queue() const override { return {1, 2, 3}; }
  std::vector<Figure> dns64_figures() const override {
    return {{"queries", 12, "queries received"}};
  }
  void dns64_flush_cache() override { ++flushes; }
  dns64::Control* dns64() override { return service; }
  dns64::Control* service = nullptr;
  std::vector<std::pair<std::string, std::string>> version() const override {
    return {{"version", "9.9.9"}, {"compiler", "test"}};
  }
  const pcp::Server* pcp() const override { return pcp_server; }
  const pcp::Server* pcp_server = nullptr;
  Status add_static(const conf::Static& binding, bool persist) override {
    return plane.add_static({dataplane::make_static(0, binding), false, persist});
  }
  Status remove_static(const nat::StaticBinding& outside) override {
    return plane.remove_static(outside);
  }
  Status reload() override {
    ++reloads;
    return reload_result;
  }
  Status change(const std::string& text) override {
    auto loaded = conf::load_text(text, current->file);
    if (!loaded) return loaded.error();
    const auto fixed = conf::needs_restart(*current, **loaded);
    if (!fixed.empty()) return Error{fixed.front() + " needs a restart"};
    current = *loaded;
    ++applied;
    return Ok{};
  }
  unsigned applied = 0;
  const std::string& file_text() const override { return known_text; }
  void set_file_text(std::string text) override { known_text = std::move(text); }
  std::string known_text = sample();
  Status drain_pool(const std::string& name, bool drain) override {
    if (name != "p") return Error{"there is no pool " + name};
    drained = drain;
    return Ok{};
  }
  bool drained = false;
};

/// Worker w has `per_worker` sessions; number i belongs to 2001:db8::i. Each step looks at kScan.
class FakeWalk : public StateWalk {
 public:
  static constexpr uint64_t kScan = 64;
  uint64_t per_worker = 3;
  std::vector<nat::PoolInfo> more_pools;
  unsigned worker_count = 2;
  uint64_t steps = 0;
  bool fails = false;
  nat::Filter last_filter;

  unsigned workers() const override { return worker_count; }

  Result<WalkStep> sessions(unsigned worker, uint64_t cursor, const nat::Filter& filter,
                            std::span<nat::SessionInfo> out) override {
    return walk(cursor, filter, out.size(),
                [&](uint64_t i, std::size_t n) { out[n] = session(worker, i); });
  }
  Result<WalkStep> bindings(unsigned worker, uint64_t cursor, const nat::Filter& filter,
                            std::span<nat::BindingInfo> out) override {
    return walk(cursor, filter, out.size(), [&](uint64_t i, std::size_t n) {
      const auto s = session(worker, i);
      out[n] = {s.inside, s.inside_port, s.outside, s.outside_port, s.protocol, 0, i == 0, 1};
    });
  }
  Result<WalkStep> clear_sessions(unsigned, uint64_t cursor, const nat::Filter& filter) override {
    return walk(cursor, filter, kScan, [](uint64_t, std::size_t) {});
  }
  Result<WalkStep> clear_bindings(unsigned, uint64_t cursor, const nat::Filter& filter) override {
    return walk(cursor, filter, kScan, [](uint64_t, std::size_t) {});
  }
  Result<WalkStep> blocks(unsigned worker, uint64_t cursor, const nat::Filter& filter,
                          std::span<nat::BlockInfo> out) override {
    return walk(cursor, filter, out.size(), [&](uint64_t i, std::size_t n) {
      const auto s = session(worker, i);
      out[n] = {net::prefix_of(s.inside, 64), s.outside, 1024, 1535, 0, 0, 3, 2, 1, i == 1, 0};
    });
  }
  /// The one with number i has i sessions.
  Result<WalkStep> subscribers(unsigned worker, uint64_t cursor, const nat::Filter& filter,
                               std::span<nat::SubscriberInfo> out) override {
    return walk(cursor, filter, out.size(), [&](uint64_t i, std::size_t n) {
      const auto s = session(worker, i);
      out[n] = {
          net::prefix_of(s.inside, 64), s.outside, i != 0, 0, static_cast<uint32_t>(i), 1, 2, 3, 4};
    });
  }
  Result<std::size_t> pools(unsigned, std::span<nat::PoolInfo> out) override {
    if (fails) return Error{"no answer within a second"};
    if (out.empty()) return std::size_t{0};
    out[0] = {0, 0, 2, 1000, 10, 20, 30, 5, 16, 4, 1, false};
    const auto more = std::min(more_pools.size(), out.size() - 1);
    std::copy_n(more_pools.begin(), more, out.begin() + 1);
    return 1 + more;
  }
  Result<nat::TableInfo> tables(unsigned) override {
    if (fails) return Error{"no answer within a second"};
    return nat::TableInfo{per_worker, 1000, per_worker, 1000, 1, 100, 4096};
  }
  Result<nat::MemoryInfo> memory(unsigned) override {
    if (fails) return Error{"no answer within a second"};
    nat::MemoryInfo info;
    info.add({"sessions", 64000, 1000, per_worker});
    info.add({"events", 4096, 64, 0});
    return info;
  }

  static nat::SessionInfo session(unsigned worker, uint64_t i) {
    nat::SessionInfo s;
    s.inside = *net::parse_ip6("2001:db8::");
    for (std::size_t byte = 0; byte < 4; ++byte) {
      s.inside.bytes[15 - byte] = static_cast<uint8_t>(i >> (8 * byte));
    }
    s.inside.bytes[5] = static_cast<uint8_t>(worker);
    s.inside_port = net::Be16(40000);
    s.outside = net::Ip4::from_host(0xcb007100 + worker);
    s.outside_port = net::Be16(static_cast<uint16_t>(1024 + i % 60000));
    s.remote = net::Ip4::from_host(0xc0000201);
    s.remote_port = net::Be16(443);
    s.protocol = 6;
    s.state = nat::TcpState::kEstablished;
    s.idle_ms = 1500;
    s.expires_in_ms = 7198500;
    s.packets_6to4 = 10;
    s.packets_4to6 = 20;
    s.bytes_6to4 = 1000;
    s.bytes_4to6 = 20480;
    return s;
  }

 private:
  template <class Found>
  Result<WalkStep> walk(uint64_t cursor, const nat::Filter& filter, std::size_t room,
                        const Found& found) {
    ++steps;
    last_filter = filter;
    if (fails) return Error{"no answer within a second"};
    WalkStep step;
    uint64_t i = cursor;
    for (; i < std::min(per_worker, cursor + kScan) && step.count < room; ++i) {
      found(i, step.count++);
    }
    step.next_cursor = i < per_worker ? i : 0;
    return step;
  }
};

}  // namespace isthmus::control
