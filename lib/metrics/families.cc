// SPDX-License-Identifier: BSD-3-Clause
#include "metrics/families.h"

#include <prometheus/metric_type.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>
#include <utility>

#include "control/pool_watch.h"
#include "export/exporter_set.h"
#include "telemetry/counters.h"
#include "telemetry/drop_reason.h"

namespace isthmus::metrics {
namespace {

using prometheus::MetricType;
using Labels = std::vector<std::pair<const char*, std::string>>;

/// "nat64-6to4-packets" -> "nat64_6to4_packets"
std::string snake(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

/// One name, and the series under it.
class Family {
 public:
  Family(Families& out, MetricType type, std::string name, std::string_view help)
      : family_(out.emplace_back()) {
    family_.name = "isthmus_" + std::move(name);
    family_.help = help;
    family_.type = type;
  }

  void add(const Labels& labels, uint64_t value) {
    auto& metric = family_.metric.emplace_back();
    for (const auto& [name, text] : labels) metric.label.push_back({name, text});
    const auto number = static_cast<double>(value);
    metric.counter.value = number;
    metric.gauge.value = number;
    metric.untyped.value = number;
  }
  /// How many values were up to each bound but not up to the one before; the last bound is
  /// infinite.
  void add_histogram(const Labels& labels, const std::vector<std::pair<double, uint64_t>>& buckets,
                     double sum) {
    auto& metric = family_.metric.emplace_back();
    for (const auto& [name, text] : labels) metric.label.push_back({name, text});
    uint64_t count = 0;
    for (const auto& [bound, values] : buckets) {
      count += values;
      metric.histogram.bucket.push_back({count, bound});
    }
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = sum;
  }

 private:
  prometheus::MetricFamily& family_;
};

template <class Row>
struct Column {
  MetricType type;
  const char* name;
  const char* help;
  uint64_t (*value)(const Row&);
};

/// A family for each column, with a series for each row.
template <class Row, std::size_t kColumns, class LabelsOf>
void add_table(Families& out, const std::vector<Row>& rows, const Column<Row> (&columns)[kColumns],
               LabelsOf&& labels_of) {
  for (const auto& column : columns) {
    Family family(out, column.type, column.name, column.help);
    for (const auto& row : rows) family.add(labels_of(row), column.value(row));
  }
}

constexpr auto kCounter = MetricType::Counter;
constexpr auto kGauge = MetricType::Gauge;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

void add_ports(Families& out, control::Backend& backend) {
  using Port = dataplane::PortInfo;
  constexpr Column<Port> kColumns[] = {
      {kGauge, "port_up", "Whether the link is up.",
       [](const Port& p) { return uint64_t{p.link_up}; }},
      {kCounter, "port_receive_packets_total", "Packets received by the port.",
       [](const Port& p) { return p.rx_packets; }},
      {kCounter, "port_receive_bytes_total", "Their bytes.",
       [](const Port& p) { return p.rx_bytes; }},
      {kCounter, "port_receive_missed_total", "Packets lost since no worker took them in time.",
       [](const Port& p) { return p.rx_missed; }},
      {kCounter, "port_receive_errors_total", "Packets that arrived damaged.",
       [](const Port& p) { return p.rx_errors; }},
      {kCounter, "port_receive_no_buffer_total", "Times that there was no packet buffer.",
       [](const Port& p) { return p.rx_no_buffer; }},
      {kCounter, "port_transmit_packets_total", "Packets sent by the port.",
       [](const Port& p) { return p.tx_packets; }},
      {kCounter, "port_transmit_bytes_total", "Their bytes.",
       [](const Port& p) { return p.tx_bytes; }},
      {kCounter, "port_transmit_errors_total", "Packets that the port did not send.",
       [](const Port& p) { return p.tx_errors; }},
  };
  add_table(out, backend.dataplane().port_info(), kColumns, [](const Port& p) {
    return Labels{{"port", p.name}};
  });
}

void add_steering(Families& out, control::Backend& backend) {
  using Steering = dataplane::SteeringInfo;
  constexpr Column<Steering> kColumns[] = {
      {kCounter, "steering_received_packets_total", "Packets that workers looked for the owner of.",
       [](const Steering& s) { return s.received; }},
      {kCounter, "steering_handed_off_packets_total", "Of these, those of another worker.",
       [](const Steering& s) { return s.handed_off; }},
      {kCounter, "steering_mismatched_packets_total",
       "Of these, those that the device ought to have given to their owner.",
       [](const Steering& s) { return s.mismatched; }},
  };
  add_table(out, backend.dataplane().steering_info(), kColumns, [](const Steering& s) {
    return Labels{{"port", s.port}};
  });
}

/// A worker, with what it said if it answered.
struct Worker {
  std::string number;
  dataplane::WorkerInfo info;
  telemetry::Counters counters;
  bool alive = false;
  nat::TableInfo tables;
};

std::vector<Worker> workers_of(control::Backend& backend, control::StateWalk& walk) {
  std::vector<Worker> workers;
  auto& dataplane = backend.dataplane();
  for (unsigned id = 0; id < dataplane.workers(); ++id) {
    const auto tables = walk.tables(id);
    workers.push_back({std::to_string(id), dataplane.worker_info(id), dataplane.counters(id),
                       static_cast<bool>(tables), tables ? *tables : nat::TableInfo{}});
  }
  return workers;
}

Labels worker_labels(const Worker& worker) {
  return {{"worker", worker.number}};
}

void add_workers(Families& out, const std::vector<Worker>& workers) {
  constexpr Column<Worker> kColumns[] = {
      {kGauge, "worker_up", "Whether the worker answers.",
       [](const Worker& w) { return uint64_t{w.alive}; }},
      {kCounter, "worker_packets_total", "Packets that the worker took from its queues.",
       [](const Worker& w) { return w.info.packets; }},
      {kCounter, "worker_loops_total", "Turns of the worker's loop.",
       [](const Worker& w) { return w.info.loops; }},
      {kCounter, "worker_busy_loops_total", "Of these, those in which there was something to do.",
       [](const Worker& w) { return w.info.busy_loops; }},
      {kCounter, "worker_cycles_total", "Cycles of the worker's CPU.",
       [](const Worker& w) { return w.info.total_cycles; }},
      {kCounter, "worker_busy_cycles_total", "Of these, those in busy turns.",
       [](const Worker& w) { return w.info.busy_cycles; }},
      {kGauge, "sessions", "Sessions in the table.",
       [](const Worker& w) { return w.tables.sessions; }},
      {kGauge, "sessions_limit", "Sessions that fit.",
       [](const Worker& w) { return w.tables.session_capacity; }},
      {kGauge, "bindings", "Bindings in the table.",
       [](const Worker& w) { return w.tables.bindings; }},
      {kGauge, "bindings_limit", "Bindings that fit.",
       [](const Worker& w) { return w.tables.binding_capacity; }},
      {kGauge, "subscribers", "Subscribers in the table.",
       [](const Worker& w) { return w.tables.subscribers; }},
      {kGauge, "subscribers_limit", "Subscribers that fit.",
       [](const Worker& w) { return w.tables.subscriber_capacity; }},
      {kGauge, "table_memory_bytes", "Memory of the worker's tables.",
       [](const Worker& w) { return w.tables.memory_bytes; }},
  };
  add_table(out, workers, kColumns, worker_labels);
}

/// With the buckets from 2^`first` on, those before put together.
template <std::size_t kBuckets>
std::vector<std::pair<double, uint64_t>> buckets_of(const telemetry::Histogram<kBuckets>& from,
                                                    std::size_t first) {
  std::vector<std::pair<double, uint64_t>> out;
  uint64_t gathered = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    gathered += from.count[i];
    if (i < first) continue;
    out.emplace_back(i + 1 == kBuckets ? kInfinity : static_cast<double>(uint64_t{1} << i),
                     std::exchange(gathered, 0));
  }
  return out;
}

void add_histograms(Families& out, const std::vector<Worker>& workers) {
  constexpr auto kHistogram = MetricType::Histogram;
  constexpr std::size_t kLeastCycles = 5;
  Family bursts(out, kHistogram, "worker_burst_packets",
                "Packets that the worker took in a turn of its loop in which there were any.");
  for (const auto& worker : workers) {
    bursts.add_histogram(worker_labels(worker), buckets_of(worker.info.bursts, 0),
                         static_cast<double>(worker.info.packets));
  }
  Family cycles(
      out, kHistogram, "worker_packet_cycles",
      "Cycles of the worker's CPU for each packet: those of the turn that it came in, divided "
      "by the packets of that turn.");
  for (const auto& worker : workers) {
    cycles.add_histogram(worker_labels(worker), buckets_of(worker.info.packet_cycles, kLeastCycles),
                         static_cast<double>(worker.info.busy_cycles));
  }
}

void add_rings(Families& out, control::Backend& backend) {
  using Ring = dataplane::RingInfo;
  constexpr Column<Ring> kColumns[] = {
      {kGauge, "ring_packets", "Packets that wait in rings from and to a worker.",
       [](const Ring& r) { return r.used; }},
      {kGauge, "ring_packets_limit", "Packets that fit.", [](const Ring& r) { return r.capacity; }},
  };
  constexpr Column<Ring> kEventColumns[] = {
      {kGauge, "event_ring_events", "Events of a worker that wait for the control core.",
       [](const Ring& r) { return r.used; }},
      {kGauge, "event_ring_events_limit", "Events that fit; more are lost, and counted.",
       [](const Ring& r) { return r.capacity; }},
  };
  auto rings = backend.dataplane().ring_info();
  const auto events = std::stable_partition(rings.begin(), rings.end(),
                                            [](const Ring& r) { return r.ring != "events"; });
  const std::vector<Ring> event_rings(events, rings.end());
  rings.erase(events, rings.end());
  add_table(out, rings, kColumns, [](const Ring& r) {
    return Labels{{"ring", r.ring}, {"worker", std::to_string(r.worker)}};
  });
  add_table(out, event_rings, kEventColumns, [](const Ring& r) {
    return Labels{{"worker", std::to_string(r.worker)}};
  });
}

void add_counters(Families& out, control::Backend& backend, const std::vector<Worker>& workers) {
  for (std::size_t i = 0; i < telemetry::kCounterCount; ++i) {
    const auto counter = static_cast<telemetry::Counter>(i);
    Family family(out, kCounter, snake(telemetry::name(counter)) + "_total",
                  telemetry::help(counter));
    for (const auto& worker : workers) {
      family.add(worker_labels(worker), worker.counters.get(counter));
    }
  }
  Family drops(out, kCounter, "dropped_packets_total", "Packets dropped, by reason.");
  for (std::size_t i = 1; i < telemetry::kDropReasonCount; ++i) {
    const auto reason = static_cast<telemetry::DropReason>(i);
    for (const auto& worker : workers) {
      drops.add({{"reason", std::string(telemetry::name(reason))}, {"worker", worker.number}},
                worker.counters.get(reason));
    }
  }
  // Those that waited with the control core, outside the workers' books.
  drops.add({{"reason", std::string(telemetry::name(telemetry::DropReason::kNeighborFailed))},
             {"worker", "control"}},
            backend.neighbor_queue().dropped);
}

void add_pools(Families& out, control::Backend& backend, control::StateWalk& walk) {
  const auto config = backend.config();
  const auto sums = control::sum_of_pools(*config, walk);
  if (!sums) return;
  const auto labels = [&](const nat::PoolInfo& pool) {
    const auto& instance = config->nat64[pool.instance];
    return Labels{{"nat64", instance.name}, {"pool", instance.pools[pool.pool].name}};
  };
  Family used(out, kGauge, "pool_ports_used", "Ports of the pool that are lent.");
  for (const auto& pool : *sums) {
    const std::pair<const char*, uint64_t> protocols[] = {
        {"tcp", pool.used_tcp}, {"udp", pool.used_udp}, {"icmp", pool.used_icmp}};
    for (const auto& [protocol, count] : protocols) {
      auto all = labels(pool);
      all.emplace_back("protocol", protocol);
      used.add(all, count);
    }
  }
  using Pool = nat::PoolInfo;
  constexpr Column<Pool> kColumns[] = {
      {kGauge, "pool_ports", "Ports that the pool has for each protocol.",
       [](const Pool& p) { return p.capacity; }},
      {kGauge, "pool_ports_resting", "Freed ports that rest for their hold-down.",
       [](const Pool& p) { return p.held; }},
      {kGauge, "pool_blocks", "Port blocks that the pool has.",
       [](const Pool& p) { return p.blocks; }},
      {kGauge, "pool_blocks_granted", "Port blocks that subscribers have.",
       [](const Pool& p) { return p.blocks_granted; }},
      {kGauge, "pool_blocks_resting", "Of these, those without a port in use.",
       [](const Pool& p) { return p.blocks_resting; }},
  };
  add_table(out, *sums, kColumns, labels);
}

void add_control(Families& out, control::Backend& backend) {
  std::string version;
  for (const auto& [name, value] : backend.version()) {
    if (name == "version") version = value;
  }
  Family(out, kGauge, "build_info", "1, with the version as a label.")
      .add({{"version", version}}, 1);
  Family(out, kGauge, "resident_memory_bytes", "Memory that the process has.")
      .add({}, backend.dataplane().process_memory().resident);
  const auto queue = backend.neighbor_queue();
  Family(out, kGauge, "neighbor_queue_packets", "Packets that wait for a neighbor to answer.")
      .add({}, queue.waiting);
  using Twin = control::TwinInfo;
  constexpr Column<Twin> kColumns[] = {
      {kCounter, "twin_to_kernel_packets_total", "Packets given to the kernel.",
       [](const Twin& t) { return t.to_kernel; }},
      {kCounter, "twin_from_kernel_packets_total", "Packets taken from the kernel.",
       [](const Twin& t) { return t.from_kernel; }},
      {kCounter, "twin_dropped_packets_total", "Packets that the kernel had no room for.",
       [](const Twin& t) { return t.dropped; }},
  };
  add_table(out, backend.twins(), kColumns, [](const Twin& t) {
    return Labels{{"interface", t.interface}};
  });
}

void add_exporters(Families& out, control::Backend& backend) {
  if (backend.exports() == nullptr) return;
  using Info = exporter::Info;
  constexpr Column<Info> kColumns[] = {
      {kGauge, "export_up", "Whether the collector takes what is sent, or the file is written.",
       [](const Info& i) { return uint64_t{i.state == exporter::State::kConnected}; }},
      {kCounter, "export_records_total", "Events sent to the collector.",
       [](const Info& i) { return i.records; }},
      {kCounter, "export_lost_total", "Events that it was not sent.",
       [](const Info& i) { return i.lost; }},
      {kCounter, "export_bytes_total", "Bytes sent to the collector.",
       [](const Info& i) { return i.bytes; }},
      {kGauge, "export_queued", "Events that wait.", [](const Info& i) { return i.queued; }},
  };
  add_table(out, backend.exports()->info(), kColumns, [](const Info& i) {
    return Labels{{"kind", i.kind}, {"collector", i.collector}};
  });
}

void add_dns64(Families& out, control::Backend& backend) {
  if (!backend.config()->dns64.enabled) return;
  constexpr std::string_view kBelow = "latency-ms-below-", kAbove = "latency-ms-above-",
                             kSum = "latency-ms-sum";
  const auto figures = backend.dns64_figures();
  // Some grow, some do not: the service does not say which.
  for (const auto& figure : figures) {
    if (figure.name.starts_with("latency-ms-")) continue;
    Family(out, MetricType::Untyped, "dns64_" + snake(figure.name), figure.help)
        .add({}, figure.value);
  }
  std::vector<std::pair<double, uint64_t>> ranges;
  double sum_ms = 0;
  for (const auto& figure : figures) {
    const std::string& name = figure.name;
    if (name.starts_with(kBelow)) {
      const double bound_ms = std::strtod(name.c_str() + kBelow.size(), nullptr);
      ranges.emplace_back(bound_ms / 1000, figure.value);
    } else if (name.starts_with(kAbove)) {
      ranges.emplace_back(kInfinity, figure.value);
    } else if (name == kSum) {
      sum_ms = static_cast<double>(figure.value);
    }
  }
  Family(out, MetricType::Histogram, "dns64_answer_seconds",
         "How long clients waited for answers that had to be asked for.")
      .add_histogram({}, ranges, sum_ms / 1000);
}

}  // namespace

Families look(control::Backend& backend, control::StateWalk& walk) {
  Families out;
  add_control(out, backend);
  add_ports(out, backend);
  add_steering(out, backend);
  const auto workers = workers_of(backend, walk);
  add_workers(out, workers);
  add_histograms(out, workers);
  add_rings(out, backend);
  add_counters(out, backend, workers);
  add_pools(out, backend, walk);
  add_exporters(out, backend);
  add_dns64(out, backend);
  return out;
}

}  // namespace isthmus::metrics
