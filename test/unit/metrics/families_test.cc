// SPDX-License-Identifier: BSD-3-Clause
// Every figure has a name, a help and a series for each thing that it is about.
#include "metrics/families.h"

#include <prometheus/text_serializer.h>

#include <set>
#include <string>

#include "catch.h"
#include "unit/control/fake_backend.h"

namespace isthmus::metrics::families_test {
namespace {

struct Fixture {
  control::FakeBackend backend;
  control::FakeWalk walk;
  std::string text() { return prometheus::TextSerializer().Serialize(look(backend, walk)); }
  bool has(const std::string& line) {
    INFO(line);
    return ("\n" + text()).find("\n" + line + "\n") != std::string::npos;
  }
};

}  // namespace

TEST_CASE("metrics: each counter and each reason, for each worker") {
  Fixture f;
  f.backend.plane.worker_counters[1].add(telemetry::Counter::kRxPackets, 12);
  f.backend.plane.worker_counters[0].add_drop(telemetry::DropReason::kNeighborFailed, 3);
  CHECK(f.has("# TYPE isthmus_rx_packets_total counter"));
  CHECK(f.has("# HELP isthmus_rx_packets_total packets received from ports"));
  CHECK(f.has(R"(isthmus_rx_packets_total{worker="0"} 0)"));
  CHECK(f.has(R"(isthmus_rx_packets_total{worker="1"} 12)"));
  const std::string failed(telemetry::name(telemetry::DropReason::kNeighborFailed));
  CHECK(f.has("isthmus_dropped_packets_total{reason=\"" + failed + "\",worker=\"0\"} 3"));
  CHECK(f.has("isthmus_dropped_packets_total{reason=\"" + failed + "\",worker=\"control\"} 3"));
  std::size_t drops = 0, totals = 0;
  for (const auto& family : look(f.backend, f.walk)) {
    if (family.name == "isthmus_dropped_packets_total") drops = family.metric.size();
    totals += family.metric.size() == 2 && family.name.ends_with("_total");
  }
  CHECK(drops == 2 * (telemetry::kDropReasonCount - 1) + 1);
  CHECK(totals >= telemetry::kCounterCount);
}

TEST_CASE("metrics: tables, pools, ports, twins, DNS64") {
  Fixture f;
  for (const char* line :
       {R"(isthmus_build_info{version="9.9.9"} 1)", R"(isthmus_sessions{worker="1"} 3)",
        R"(isthmus_sessions_limit{worker="1"} 1000)", R"(isthmus_worker_up{worker="0"} 1)",
        R"(isthmus_worker_busy_cycles_total{worker="0"} 250)",
        R"(isthmus_pool_ports_used{nat64="main",pool="p",protocol="udp"} 40)",
        R"(isthmus_pool_ports{nat64="main",pool="p"} 2000)",
        R"(isthmus_pool_blocks_granted{nat64="main",pool="p"} 8)",
        R"(isthmus_port_receive_bytes_total{port="inside"} 1500)",
        R"(isthmus_port_up{port="inside"} 1)",
        R"(isthmus_steering_handed_off_packets_total{port="inside"} 250)",
        R"(isthmus_twin_dropped_packets_total{interface="inside"} 3)"}) {
    CHECK(f.has(line));
  }
}

TEST_CASE("metrics: histograms, cumulative, with bounds as Prometheus wants them") {
  struct Plane final : control::FakeDataplane {
    dataplane::WorkerInfo worker_info(unsigned) const override {
      dataplane::WorkerInfo info;
      info.packets = 70;
      info.busy_cycles = 7000;
      for (const uint64_t packets : {1, 3, 66}) info.bursts.add(packets);
      info.packet_cycles.add(20, 4);
      info.packet_cycles.add(64, 60);
      info.packet_cycles.add(1 << 20, 6);
      return info;
    }
    std::vector<dataplane::RingInfo> ring_info() const override {
      return {{1, "events", 5, 8192}, {1, "punt", 3, 1023}};
    }
  };
  struct Backend final : control::FakeBackend {
    Plane own;
    dataplane::Dataplane& dataplane() override { return own; }
    std::vector<control::Figure> dns64_figures() const override {
      return {{"latency-ms-below-1", 5, ""},
              {"latency-ms-below-2", 2, ""},
              {"latency-ms-above-2", 1, ""},
              {"latency-ms-sum", 2500, ""}};
    }
  } backend;
  control::FakeWalk walk;
  const auto text = "\n" + prometheus::TextSerializer().Serialize(look(backend, walk));
  for (const char* line : {R"(# TYPE isthmus_worker_burst_packets histogram)",
                           R"(isthmus_worker_burst_packets_count{worker="0"} 3)",
                           R"(isthmus_worker_burst_packets_sum{worker="0"} 70)",
                           R"(isthmus_worker_burst_packets_bucket{worker="0",le="1"} 1)",
                           R"(isthmus_worker_burst_packets_bucket{worker="0",le="2"} 1)",
                           R"(isthmus_worker_burst_packets_bucket{worker="0",le="4"} 2)",
                           R"(isthmus_worker_burst_packets_bucket{worker="0",le="64"} 2)",
                           R"(isthmus_worker_burst_packets_bucket{worker="0",le="128"} 3)",
                           R"(isthmus_worker_burst_packets_bucket{worker="0",le="+Inf"} 3)",
                           R"(isthmus_worker_packet_cycles_count{worker="1"} 70)",
                           R"(isthmus_worker_packet_cycles_sum{worker="1"} 7000)",
                           R"(isthmus_worker_packet_cycles_bucket{worker="1",le="32"} 4)",
                           R"(isthmus_worker_packet_cycles_bucket{worker="1",le="64"} 64)",
                           R"(isthmus_worker_packet_cycles_bucket{worker="1",le="131072"} 64)",
                           R"(isthmus_worker_packet_cycles_bucket{worker="1",le="+Inf"} 70)",
                           R"(# TYPE isthmus_dns64_answer_seconds histogram)",
                           R"(isthmus_dns64_answer_seconds_count 8)",
                           R"(isthmus_dns64_answer_seconds_sum 2.5)",
                           R"(isthmus_dns64_answer_seconds_bucket{le="0.001"} 5)",
                           R"(isthmus_dns64_answer_seconds_bucket{le="0.002"} 7)",
                           R"(isthmus_dns64_answer_seconds_bucket{le="+Inf"} 8)",
                           R"(isthmus_ring_packets{ring="punt",worker="1"} 3)",
                           R"(isthmus_ring_packets_limit{ring="punt",worker="1"} 1023)",
                           R"(isthmus_event_ring_events{worker="1"} 5)",
                           R"(isthmus_event_ring_events_limit{worker="1"} 8192)"}) {
    INFO(line);
    CHECK(text.find("\n" + std::string(line) + "\n") != std::string::npos);
  }
  CHECK(text.find("ring=\"events\"") == std::string::npos);  // no packets
  CHECK(text.find("le=\"16\"} 4") == std::string::npos);     // of cycles: no bucket below 32
}

TEST_CASE("metrics: no family twice, all with a help") {
  Fixture f;
  std::set<std::string> names;
  for (const auto& family : look(f.backend, f.walk)) {
    CAPTURE(family.name);
    CHECK(names.insert(family.name).second);
    CHECK(!family.help.empty());
    CHECK(family.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
          std::string::npos);
    CHECK(family.name.ends_with("_total") == (family.type == prometheus::MetricType::Counter));
  }
}

TEST_CASE("metrics: a worker that does not answer is down, and all else is told") {
  Fixture f;
  f.walk.fails = true;
  CHECK(f.has(R"(isthmus_worker_up{worker="0"} 0)"));
  CHECK(f.has(R"(isthmus_rx_packets_total{worker="0"} 0)"));
}

}  // namespace isthmus::metrics::families_test
