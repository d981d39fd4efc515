// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/memory_need.h"

#include <string>

#include "catch.h"
#include "dataplane/dataplane.h"

using namespace isthmus;
using namespace isthmus::dataplane;

namespace {

constexpr uint64_t kMegabyte = uint64_t{1} << 20;

conf::Config config_with(uint32_t sessions) {
  conf::Config config;
  config.memory.megabytes = 1024;
  config.limits.sessions = sessions;
  conf::Nat64 instance;
  instance.name = "one";
  instance.prefixes.push_back(*net::Prefix6052::make(*net::parse_ip6_prefix("64:ff9b::/96")));
  conf::Pool pool;
  pool.name = "one";
  pool.ranges.push_back({*net::parse_ip4("203.0.113.0"), *net::parse_ip4("203.0.113.15")});
  instance.pools.push_back(pool);
  config.nat64.push_back(instance);
  return config;
}

SystemMemory system_with(uint64_t megabytes, uint64_t huge_megabytes = 0) {
  const uint64_t huge = huge_megabytes * kMegabyte;
  return {megabytes * kMegabyte, megabytes * kMegabyte, huge, huge, huge};
}

Status check(const conf::Config& config, const SystemMemory& system) {
  const auto settings = make_settings(config, 0);
  return check_memory(config, settings, memory_need(config, settings), system);
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("memory: a session costs what its record, indexes and timer do") {
  const auto one = config_with(1'000'000), two = config_with(2'000'000);
  const auto need = [](const conf::Config& config) {
    return memory_need(config, make_settings(config, 0)).tables;
  };
  const double bytes = static_cast<double>(need(two) - need(one)) / 1e6;
  CHECK(bytes > 80);
  CHECK(bytes < 100);
}

TEST_CASE("memory: more sessions than it holds is an error with the largest number that fits") {
  auto config = config_with(64'000'000);
  const auto system = system_with(4096);
  const auto refused = check(config, system);
  REQUIRE_FALSE(refused);
  const std::string text = refused.error().text;
  CHECK(has(text, "limits.sessions = 64000000"));
  CHECK(has(text, "4096 MB are available"));
  const std::string before = "the largest that would fit is ";
  REQUIRE(has(text, before));
  const auto largest = std::stoul(text.substr(text.find(before) + before.size()));
  CHECK(largest > 30'000'000);
  config.limits.sessions = static_cast<uint32_t>(largest);
  CHECK(check(config, system));
  config.limits.sessions = static_cast<uint32_t>(largest + largest / 1000);
  CHECK_FALSE(check(config, system));
}

TEST_CASE("memory: where fewer sessions would not help, that is said") {
  const auto refused = check(config_with(1000), system_with(900));
  REQUIRE_FALSE(refused);
  CHECK(has(refused.error().text, "no smaller number would help"));
}

TEST_CASE("memory: reserved pages are taken when there are enough, DPDK's first") {
  using conf::HugePages;
  const MemoryNeed need{200 * kMegabyte, 1024 * kMegabyte};
  const auto chosen = [&](HugePages wish, uint64_t megabytes) {
    const auto pages = choose_pages(wish, need, system_with(8192, megabytes));
    return (pages.dpdk ? 1 : 0) + (pages.tables ? 2 : 0);
  };
  CHECK(chosen(HugePages::kAuto, 1023) == 0);
  CHECK(chosen(HugePages::kAuto, 1024) == 1);
  CHECK(chosen(HugePages::kAuto, 1223) == 1);
  CHECK(chosen(HugePages::kAuto, 1224) == 3);
  CHECK(chosen(HugePages::kOff, 4096) == 0);
  // Pages of 1 GB serve DPDK alone.
  SystemMemory large = system_with(8192, 2048);
  large.huge_free_2m = 0;
  CHECK_FALSE(choose_pages(HugePages::kAuto, need, large).tables);
  large.huge_free_2m = 200 * kMegabyte;
  CHECK(choose_pages(HugePages::kAuto, need, large).tables);
}

TEST_CASE("memory: huge pages that are demanded and missing are an error with the remedy") {
  auto config = config_with(1'000'000);
  config.memory.huge_pages = conf::HugePages::kOn;
  auto system = system_with(8192, 1024);
  system.huge_total += 20 * kMegabyte;  // ten more are in use
  const auto refused = check(config, system);
  REQUIRE_FALSE(refused);
  const auto need = memory_need(config, make_settings(config, 0));
  const auto pages = 10 + (need.dpdk + need.tables + 2 * kMegabyte - 1) / (2 * kMegabyte);
  CHECK(has(refused.error().text, "sysctl -w vm.nr_hugepages=" + std::to_string(pages) + "\""));
  CHECK(has(refused.error().text, "1024 MB are free"));
  config.memory.huge_pages = conf::HugePages::kAuto;
  CHECK(check(config, system));
  CHECK(has(huge_page_advice(conf::HugePages::kAuto, need, system), "sysctl -w vm.nr_hugepages="));
  CHECK(huge_page_advice(conf::HugePages::kOff, need, system).empty());
  CHECK(huge_page_advice(conf::HugePages::kAuto, need, system_with(8192, 4096)).empty());
}

TEST_CASE("memory: this system's can be read") {
  const auto system = system_memory();
  CHECK(system.available > 0);
  CHECK(system.total >= system.available);
}
