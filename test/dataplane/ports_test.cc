// SPDX-License-Identifier: BSD-3-Clause
// Every kind of virtual port can be opened, moves frames, and leaves nothing behind.
#include <dirent.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "catch.h"
#include "dataplane/engine.h"
#include "dataplane/ring_port.h"

using namespace isthmus;
using namespace isthmus::dataplane;

namespace {

constexpr int kSkip = 77;

// Before main(): Catch2 v2 cannot skip, and none of this works without the right to make devices.
const bool kIsRoot = [] {
  if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) != 0) {
    std::fprintf(stderr, "skipped: needs root and /dev/net/tun\n");
    std::_Exit(kSkip);
  }
  return true;
}();

std::string temporary(const char* name) {
  return fmt::format("/tmp/isthmus-{}-{}", getpid(), name);
}

// One record: a 60-byte frame to a host that is not us.
void write_pcap(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  const uint32_t head[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
  const uint32_t record[] = {0, 0, 60, 60};
  uint8_t frame[60] = {2, 9, 9, 9, 9, 9, 2, 0, 0, 0, 0, 1, 0x86, 0xdd};
  std::fwrite(head, 1, sizeof head, file);
  std::fwrite(record, 1, sizeof record, file);
  std::fwrite(frame, 1, sizeof frame, file);
  std::fclose(file);
}

conf::Config config_for(const std::vector<std::string>& devices, unsigned workers = 1) {
  conf::Config config;
  config.cores.workers.assign(workers, 0);
  config.memory.huge_pages = conf::HugePages::kOff;
  config.memory.megabytes = 64;
  config.memory.buffers = 2048;
  config.limits.sessions = config.limits.bindings = config.limits.subscribers = 64;
  for (const auto& device : devices) {
    conf::Port port;
    port.name = fmt::format("p{}", config.ports.size());
    port.device = device;
    port.rx_descriptors = port.tx_descriptors = 128;
    port.interfaces.push_back({0, port.name, {}});
    config.ports.push_back(port);
  }
  return config;
}

std::unique_ptr<Engine> must_make(const conf::Config& config) {
  test::start_test_eal();
  auto engine = Engine::make(config, {tsc_clock(), 1, make_settings(config, 1)});
  INFO((engine ? "" : engine.error().text));
  REQUIRE(engine);
  return std::move(*engine);
}

constexpr net::Mac kNeighbor{{2, 0, 0, 0, 7, 8}};

test::Bytes frame_to(const net::Mac& to) {
  return test::frame(test::ip6("fe80::2", "ff02::1").icmp6(135, 0), net::to_string(to),
                     "02:00:00:00:07:07");
}

void opens(const std::string& device, const std::string& driver) {
  auto engine = must_make(config_for({device}));
  const auto info = engine->port_info().at(0);
  CHECK(info.driver == driver);
  CHECK(info.rx_queues >= 1);
  CHECK(engine->interfaces().at(0).name == "p0");
  for (int i = 0; i < 4; ++i) engine->worker(0).poll_once();
  engine->stop();
}

std::vector<std::string> leftovers() {
  std::vector<std::string> found;
  std::error_code error;
  const auto look = [&](const char* directory, const std::string& part) {
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
      if (entry.path().filename().string().find(part) != std::string::npos) {
        found.push_back(entry.path());
      }
    }
  };
  look("/sys/class/net", "isth");
  look("/dev/hugepages", "isthmus");
  return found;
}

}  // namespace

TEST_CASE("ports: net_null") {
  opens("net_null0,size=64,no-rx=1", "net_null");
}

TEST_CASE("ports: net_tap, and the same again after it was closed") {
  for (int round = 0; round < 2; ++round) {
    auto engine = must_make(config_for({"net_tap0,iface=isthtap0"}));
    CHECK(engine->port_info().at(0).driver == "net_tap");
    CHECK(if_nametoindex("isthtap0") != 0);
    CHECK(engine->inject(0, frame_to(kNeighbor)));
    engine->worker(0).poll_once();
    CHECK(engine->counters(0).get(telemetry::Counter::kInjected) == 1);
    engine->stop();
    CHECK(if_nametoindex("isthtap0") == 0);
  }
  CHECK(leftovers().empty());
}

TEST_CASE("ports: net_tap with a queue for each of two workers") {
  auto engine = must_make(config_for({"net_tap1,iface=isthtap1"}, 2));
  CHECK(engine->port_info().at(0).rx_queues == 2);
  CHECK(engine->worker_info(0).queues.size() == 1);
  CHECK(engine->worker_info(1).queues.size() == 1);
  engine->stop();
}

TEST_CASE("ports: net_pcap reads a file and writes one") {
  const auto in = temporary("in.pcap");
  const auto out = temporary("out.pcap");
  write_pcap(in);
  auto engine = must_make(config_for({"net_pcap0,rx_pcap=" + in + ",tx_pcap=" + out}));
  CHECK(engine->port_info().at(0).driver == "net_pcap");
  CHECK(engine->inject(0, frame_to(kNeighbor)));
  for (int i = 0; i < 4; ++i) engine->worker(0).poll_once();
  CHECK(engine->counters(0).get(telemetry::Counter::kRxPackets) == 1);
  CHECK(engine->counters(0).get(telemetry::Counter::kTxPackets) == 1);
  engine->stop();
  CHECK(std::filesystem::file_size(out) > 24);
  std::remove(in.c_str());
  std::remove(out.c_str());
}

TEST_CASE("ports: net_memif, both ends in one process") {
  const auto socket = temporary("memif.sock");
  auto engine =
      must_make(config_for({"net_memif0,role=server,socket-abstract=no,socket=" + socket,
                            "net_memif1,role=client,socket-abstract=no,socket=" + socket}));
  CHECK(engine->port_info().at(0).driver == "net_memif");
  for (int i = 0; i < 4; ++i) engine->worker(0).poll_once();
  engine->stop();
  std::remove(socket.c_str());
}

TEST_CASE("ports: net_af_packet") {
  // The loopback interface exists in every network namespace.
  opens("net_af_packet0,iface=lo", "net_af_packet");
}

TEST_CASE("ports: net_ring by its own name") {
  opens("net_ring7", "net_ring");
}

TEST_CASE("ports: jumbo frames where the device can, an error where it cannot") {
  const auto socket = temporary("jumbo.sock");
  auto config = config_for({"net_memif2,role=server,socket-abstract=no,socket=" + socket});
  config.ports[0].mtu = 9000;
  auto engine = must_make(config);
  CHECK(engine->interfaces()[0].mtu == 9000);
  engine->stop();
  std::remove(socket.c_str());

  // Of the drivers here only this one refuses in every DPDK; net_tap takes such frames since 24.11.
  config = config_for({"net_af_packet2,iface=lo"});
  config.ports[0].mtu = 9000;
  auto refused = Engine::make(config, {tsc_clock(), 1, make_settings(config, 1)});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text.find("mtu 9000") != std::string::npos);
}

TEST_CASE("ports: errors name the port and what to do") {
  test::start_test_eal();
  const auto text_of = [](const conf::Config& config) {
    auto engine = Engine::make(config, {tsc_clock(), 1, make_settings(config, 1)});
    REQUIRE_FALSE(engine);
    return engine.error().text;
  };
  const auto unknown = text_of(config_for({"net_nonsense0"}));
  CHECK(unknown.find("port \"p0\" (net_nonsense0)") != std::string::npos);
  const auto missing = text_of(config_for({"net_af_packet1,iface=nosuchif"}));
  CHECK(missing.find("net_af_packet1") != std::string::npos);
  auto none = config_for({"net_null0"});
  none.cores.workers.clear();
  CHECK(text_of(none).find("cores.workers") != std::string::npos);
}

TEST_CASE("ports: a CPU that does not exist is an error at start") {
  auto config = config_for({"net_null3,no-rx=1"});
  config.cores.workers = {1000};
  auto engine = must_make(config);
  const auto started = engine->start();
  REQUIRE_FALSE(started);
  CHECK(started.error().text.find("CPU 1000") != std::string::npos);
}
