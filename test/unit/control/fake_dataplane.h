// SPDX-License-Identifier: BSD-3-Clause
// A dataplane in memory, for tests of the control core: what it is told it keeps, what it shall
// punt it is given.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/prospect.h"

namespace isthmus::test {

using Address = std::variant<net::Ip4, net::Ip6>;
using Prefix = std::variant<net::Ip4Prefix, net::Ip6Prefix>;

class FakeDataplane : public dataplane::Dataplane {
 public:
  std::vector<nat::StaticEntry> static_entries;
  std::optional<std::string> static_error;
  struct Frame {
    dataplane::InterfaceId interface = 0;
    std::vector<uint8_t> bytes;
  };
  struct Punt {
    dataplane::PuntKind kind = dataplane::PuntKind::kLocal;
    dataplane::InterfaceId interface = 0;
    std::vector<uint8_t> bytes;
    Address next_hop;
  };

  // What tests set and look at.
  std::vector<dataplane::InterfaceInfo> interface_infos;
  std::deque<Punt> punts;
  std::deque<dataplane::TimedEvent> events;
  std::vector<Frame> injected;
  bool inject_works = true;
  std::set<std::pair<std::string, dataplane::InterfaceId>> local_addresses;
  std::map<std::string, std::string> route_texts;  ///< "PREFIX" -> "INTERFACE[ via GATEWAY]"
  std::map<std::string, net::Mac> neighbor_macs;   ///< "INTERFACE ADDRESS"
  unsigned publications = 0;
  bool refuse_routes = false;
  std::optional<std::string> update_error;
  std::vector<const conf::Config*> updates;
  std::vector<nat::Translator*> translators;  ///< one a worker, for ask()
  std::vector<telemetry::Counters> worker_counters;
  bool running = false;

  void add_interface(const std::string& name, net::Mac mac, uint16_t mtu = 1500,
                     uint16_t vlan = 0) {
    dataplane::InterfaceInfo info;
    info.name = name;
    info.port = name.substr(0, name.find('.'));
    info.vlan = vlan;
    info.mtu = mtu;
    info.mac = mac;
    interface_infos.push_back(info);
  }

  Status start() override {
    running = true;
    return Ok{};
  }
  void stop() override { running = false; }

  unsigned take_punted(unsigned limit,
                       const std::function<void(const dataplane::Punted&)>& handler) override {
    unsigned taken = 0;
    for (; taken < limit && !punts.empty(); ++taken) {
      const Punt punt = std::move(punts.front());
      punts.pop_front();
      handler({punt.kind, punt.interface, punt.bytes, punt.next_hop});
    }
    return taken;
  }

  unsigned take_events(unsigned limit,
                       const std::function<void(const dataplane::TimedEvent&)>& handler) override {
    unsigned taken = 0;
    for (; taken < limit && !events.empty(); ++taken) {
      const auto event = events.front();
      events.pop_front();
      handler(event);
    }
    return taken;
  }

  bool inject(dataplane::InterfaceId interface, std::span<const uint8_t> frame) override {
    if (!inject_works) return false;
    injected.push_back({interface, {frame.begin(), frame.end()}});
    return true;
  }

  void set_local_address(Address address, dataplane::InterfaceId interface, bool present) override {
    const std::pair key(text(address), interface);
    if (present) {
      local_addresses.insert(key);
    } else {
      local_addresses.erase(key);
    }
  }

  Status set_route(const Prefix& prefix,
                   const std::optional<dataplane::NextHop>& next_hop) override {
    if (refuse_routes) return Error{"no room for another route"};
    if (!next_hop) {
      route_texts.erase(text(prefix));
      return Ok{};
    }
    if (next_hop->discard) {
      route_texts[text(prefix)] = "discard";
      return Ok{};
    }
    std::string hop = interface_infos.at(next_hop->interface).name;
    if (next_hop->via) hop += " via " + text(*next_hop->via);
    route_texts[text(prefix)] = hop;
    return Ok{};
  }

  void set_neighbor(Address address, dataplane::InterfaceId interface,
                    std::optional<net::Mac> mac) override {
    const std::string key = interface_infos.at(interface).name + ' ' + text(address);
    if (mac) {
      neighbor_macs[key] = *mac;
    } else {
      neighbor_macs.erase(key);
    }
  }

  void publish() override { ++publications; }
  std::vector<dataplane::RouteInfo> routes() const override { return {}; }
  std::vector<dataplane::NeighborInfo> neighbors() const override { return {}; }

  const std::vector<dataplane::InterfaceInfo>& interfaces() const override {
    return interface_infos;
  }
  unsigned workers() const override { return static_cast<unsigned>(worker_counters.size()); }
  dataplane::WorkerInfo worker_info(unsigned) const override { return {}; }
  std::vector<dataplane::PortInfo> port_info() const override { return {}; }
  std::vector<dataplane::SteeringInfo> steering_info() const override { return {}; }
  std::vector<dataplane::MemoryPart> memory() const override {
    return {{"packet buffers", 1 << 20, 256, 3}, {"forwarding tables", 2 << 20, 0, 0}};
  }
  dataplane::ProcessMemory process_memory() const override {
    return {4 << 20, 2 << 20, 0, 1 << 18};
  }
  telemetry::Counters counters(unsigned worker) const override {
    return worker_counters.at(worker);
  }

  Status ask(unsigned worker,
             const std::function<void(nat::Translator&, uint32_t)>& question) override {
    if (worker >= translators.size()) return Error{"worker does not answer"};
    question(*translators[worker], 0);
    return Ok{};
  }

  Result<std::vector<dataplane::Prospect>> simulate(
      std::span<const uint8_t>, std::optional<dataplane::InterfaceId>) override {
    return std::vector<dataplane::Prospect>{};
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
  std::optional<nat::LeaseAnswer> lease(const nat::LeaseWish& wish) override {
    leases.push_back(wish);
    return lease_answer;
  }
  void end_lease(const nat::LeaseWish& wish) override { ended_leases.push_back(wish); }
  nat::Translator::Bound bound(const nat::LeaseWish&) override { return bound_answer; }
  std::vector<nat::LeaseWish> leases, ended_leases;
  std::optional<nat::LeaseAnswer> lease_answer;
  nat::Translator::Bound bound_answer = nat::Translator::Bound::kNo;
  Status update(const conf::Config& config) override {
    if (update_error) return Error{*update_error};
    updates.push_back(&config);
    return Ok{};
  }

  template <class T>
  static std::string text(const T& either) {
    return std::visit([](const auto& value) { return net::to_string(value); }, either);
  }
};

}  // namespace isthmus::test
