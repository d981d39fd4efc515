// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_show.h"

#include <fmt/format.h>

#include "control/json.h"
#include "control/memory_report.h"

namespace isthmus::control {
namespace {

std::string interface_name(Backend& backend, dataplane::InterfaceId id) {
  const auto& interfaces = backend.dataplane().interfaces();
  return id < interfaces.size() ? interfaces[id].name : fmt::format("#{}", id);
}

Json addresses_of(const conf::Config& config, const std::string& interface) {
  Json list = Json::array();
  for (const auto& port : config.ports) {
    for (const auto& candidate : port.interfaces) {
      if (candidate.name != interface) continue;
      for (const auto& own : candidate.addresses) {
        list.push_back(fmt::format("{}/{}", text(own.address), own.length));
      }
    }
  }
  return list;
}

std::string hex_of(const std::vector<uint8_t>& bytes) {
  std::string text;
  for (const uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::string members_text(const std::vector<dataplane::MemberInfo>& members) {
  std::string out;
  for (const auto& member : members) {
    if (!out.empty()) out += ", ";
    out += fmt::format("{} {}", member.device, member.link_up ? "up" : "down");
  }
  return out;
}

Answer unanswered(unsigned worker, const Error& error) {
  return failure(fmt::format("worker {}: {}", worker, error.text),
                 "\"show workers\" tells whether it is alive; try again");
}

}  // namespace

Answer show_version(Backend& backend) {
  Json out = Json::object();
  for (const auto& [name, value] : backend.version()) out[name] = value;
  return answer(out);
}

Answer show_ports(Backend& backend) {
  Json list = Json::array();
  for (const auto& port : backend.dataplane().port_info()) {
    list.push_back({{"name", port.name},
                    {"device", port.device},
                    {"driver", port.driver},
                    {"link", port.link_up ? "up" : "down"},
                    {"speed_mbps", port.speed_mbps},
                    {"rx_queues", port.rx_queues},
                    {"tx_queues", port.tx_queues},
                    {"rx_packets", port.rx_packets},
                    {"rx_bytes", port.rx_bytes},
                    {"rx_missed", port.rx_missed},
                    {"rx_errors", port.rx_errors},
                    {"rx_no_buffer", port.rx_no_buffer},
                    {"tx_packets", port.tx_packets},
                    {"tx_bytes", port.tx_bytes},
                    {"tx_errors", port.tx_errors}});
    if (!port.members.empty()) list.back()["members"] = members_text(port.members);
  }
  return answer({{"ports", std::move(list)}});
}

Answer show_interfaces(Backend& backend) {
  const auto config = backend.config();
  const auto twins = backend.twins();
  Json list = Json::array();
  for (const auto& interface : backend.dataplane().interfaces()) {
    Json row{{"name", interface.name},
             {"port", interface.port},
             {"vlan", interface.vlan},
             {"mtu", interface.mtu},
             {"mac", net::to_string(interface.mac)},
             {"addresses", addresses_of(*config, interface.name)}};
    for (const auto& twin : twins) {
      if (twin.interface != interface.name) continue;
      row["kernel_index"] = twin.kernel_index;
      row["to_kernel"] = twin.to_kernel;
      row["from_kernel"] = twin.from_kernel;
      row["dropped"] = twin.dropped;
    }
    list.push_back(std::move(row));
  }
  return answer({{"interfaces", std::move(list)}});
}

Answer show_workers(Backend& backend, StateWalk& walk) {
  Json list = Json::array();
  auto& dataplane = backend.dataplane();
  for (unsigned worker = 0; worker < dataplane.workers(); ++worker) {
    const auto info = dataplane.worker_info(worker);
    Json queues = Json::array();
    for (const auto& [port, queue] : info.queues)
      queues.push_back(fmt::format("{}:{}", port, queue));
    Json row{{"worker", worker},
             {"cpu", info.cpu},
             {"numa_node", info.numa_node},
             {"queues", std::move(queues)},
             {"busy_percent", percent(info.busy_cycles, info.total_cycles)},
             {"busy_cycles", info.busy_cycles},
             {"total_cycles", info.total_cycles},
             {"loops", info.loops},
             {"busy_loops", info.busy_loops},
             {"packets", info.packets}};
    // A worker that does not answer is just what this command is asked about: say so, go on.
    const auto tables = walk.tables(worker);
    row["sessions"] = tables ? Json(tables->sessions) : Json();
    row["bindings"] = tables ? Json(tables->bindings) : Json();
    row["alive"] = static_cast<bool>(tables);
    list.push_back(std::move(row));
  }
  return answer({{"workers", std::move(list)}});
}

Answer show_routes(Backend& backend) {
  Json list = Json::array();
  for (const auto& route : backend.dataplane().routes()) {
    list.push_back({{"prefix", text(route.prefix)},
                    {"via", route.next_hop.via ? Json(text(*route.next_hop.via)) : Json()},
                    {"interface", route.next_hop.discard
                                      ? Json("discard")
                                      : Json(interface_name(backend, route.next_hop.interface))}});
  }
  return answer({{"routes", std::move(list)}});
}

Answer show_neighbors(Backend& backend) {
  Json list = Json::array();
  for (const auto& neighbor : backend.dataplane().neighbors()) {
    list.push_back({{"address", text(neighbor.address)},
                    {"interface", interface_name(backend, neighbor.interface)},
                    {"mac", neighbor.mac ? Json(net::to_string(*neighbor.mac)) : Json()}});
  }
  const auto queue = backend.neighbor_queue();
  return answer({{"neighbors", std::move(list)},
                 {"waiting", queue.waiting},
                 {"released", queue.released},
                 {"dropped", queue.dropped}});
}

Answer show_steering(Backend& backend) {
  Json list = Json::array();
  for (const auto& steering : backend.dataplane().steering_info()) {
    list.push_back({{"port", steering.port},
                    {"rung", steering.rung},
                    {"mode4", steering.mode4},
                    {"received", steering.received},
                    {"handed_off", steering.handed_off},
                    {"handed_off_percent", percent(steering.handed_off, steering.received)},
                    {"mismatched", steering.mismatched},
                    {"entries", steering.entries},
                    {"key", hex_of(steering.key)}});
  }
  return answer({{"steering", std::move(list)}});
}

Answer show_memory(Backend& backend, StateWalk& walk) {
  Json list = Json::array();
  for (unsigned worker = 0; worker < walk.workers(); ++worker) {
    const auto tables = walk.tables(worker);
    if (!tables) return unanswered(worker, tables.error());
    list.push_back({{"worker", worker},
                    {"sessions", tables->sessions},
                    {"session_capacity", tables->session_capacity},
                    {"bindings", tables->bindings},
                    {"binding_capacity", tables->binding_capacity},
                    {"subscribers", tables->subscribers},
                    {"subscriber_capacity", tables->subscriber_capacity},
                    {"table_bytes", tables->memory_bytes}});
  }
  const auto report = report_memory(backend, walk);
  if (!report) return failure(report.error().text, "try again");
  Json parts = Json::array();
  for (const auto& row : report->rows) {
    parts.push_back({{"owner", row.owner},
                     {"part", row.part.name},
                     {"bytes", row.part.bytes},
                     {"capacity", row.part.capacity == 0 ? Json() : Json(row.part.capacity)},
                     {"used", row.part.capacity == 0 ? Json() : Json(row.part.used)}});
  }
  return answer({{"memory", std::move(list)},
                 {"parts", std::move(parts)},
                 {"sum_bytes", report->sum()},
                 {"resident_bytes", report->process.resident},
                 {"reserved_huge_bytes", report->process.reserved_huge},
                 {"transparent_huge_bytes", report->process.transparent_huge}});
}

}  // namespace isthmus::control
