// SPDX-License-Identifier: BSD-3-Clause
// What the gateway says it takes is what the kernel gave it.
#include <cmath>
#include <map>

#include "catch.h"
#include "dataplane/memory.h"
#include "dataplane/pipeline.h"

using namespace isthmus;
using namespace isthmus::dataplane;

namespace {

uint64_t tables_of(Engine& engine) {
  uint64_t bytes = 0;
  for (unsigned worker = 0; worker < engine.workers(); ++worker) {
    const auto info = engine.worker(worker).translator().memory_info();
    for (unsigned i = 0; i < info.count; ++i) bytes += info.parts[i].bytes;
  }
  return bytes;
}

test::PipelineOptions large() {
  test::PipelineOptions options;
  options.workers = 2;
  options.configure = [](conf::Config& config) {
    config.limits.sessions = config.limits.bindings = 4'000'000;
    config.limits.subscribers = 100'000;
  };
  return options;
}

}  // namespace

TEST_CASE("memory: tables of four million sessions take what is said, within a twentieth") {
  test::start_test_eal();
  const uint64_t before = process_memory().resident, dpdk_before = dpdk_bytes();
  test::Pipeline gateway(large());
  const uint64_t tables = tables_of(gateway.engine());
  CHECK(tables > 4'000'000ull * 120);
  const auto said = static_cast<double>(tables + dpdk_bytes() - dpdk_before);
  const auto taken = static_cast<double>(process_memory().resident - before);
  INFO("said " << said / 1e6 << " MB, taken " << taken / 1e6 << " MB");
  CHECK(std::abs(said - taken) < taken / 20);
}

TEST_CASE("memory: the parts of the dataplane are what DPDK has") {
  test::Pipeline gateway({});
  uint64_t sum = 0;
  std::map<std::string, MemoryPart> parts;
  for (const auto& part : gateway.engine().memory()) {
    sum += part.bytes;
    parts[part.name] = part;
  }
  CHECK(sum == dpdk_bytes());
  CHECK(parts.at("packet buffers").capacity >= 4096);
  CHECK(parts.at("packet buffers").bytes > 4096 * 2048);
  CHECK(parts.at("forwarding tables").capacity > parts.at("forwarding tables").used);
  CHECK(parts.at("forwarding tables").used == gateway.engine().routes().size());
}

TEST_CASE("memory: parts of a worker count what is in them") {
  test::PipelineOptions options;
  options.workers = 1;
  test::Pipeline gateway(options);
  gateway.from_inside(
      test::ip6(test::inside_host(0), test::mapped("192.0.2.9")).udp(1000, 2000).payload(8));
  CHECK(gateway.to_internet().size() == 1);
  const auto info = gateway.engine().worker(0).translator().memory_info();
  std::map<std::string, nat::MemoryPart> parts;
  for (unsigned i = 0; i < info.count; ++i) parts[info.parts[i].name] = info.parts[i];
  CHECK(parts.size() == info.count);
  CHECK(parts.at("sessions").used == 1);
  CHECK(parts.at("sessions").capacity == 4096);
  CHECK(parts.at("bindings").used == 1);
  CHECK(parts.at("subscribers").used == 1);
  CHECK(parts.at("ports of pools").used == 1);
  CHECK(parts.at("ports at rest").used == 0);
  CHECK(parts.at("events").capacity > 0);
}
