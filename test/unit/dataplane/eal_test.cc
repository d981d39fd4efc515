// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>

#include "catch.h"
#include "dataplane/eal.h"

using namespace isthmus;
using namespace isthmus::dataplane;

namespace {

bool has(const std::vector<std::string>& args, const std::string& wanted) {
  return std::find(args.begin(), args.end(), wanted) != args.end();
}

std::string after(const std::vector<std::string>& args, const std::string& option) {
  const auto at = std::find(args.begin(), args.end(), option);
  return at == args.end() || at + 1 == args.end() ? "" : *(at + 1);
}

}  // namespace

TEST_CASE("device strings: PCI addresses and virtual devices are told apart") {
  CHECK(is_pci_device("0000:3b:00.0"));
  CHECK(is_pci_device("3b:00.1"));
  CHECK(is_pci_device("0000:3b:00.0,some_arg=1"));
  CHECK_FALSE(is_pci_device("net_tap0,iface=a:b.c"));
  CHECK_FALSE(is_pci_device("net_null0"));
  CHECK_FALSE(is_pci_device(""));
}

TEST_CASE("EAL arguments: huge pages by wish and by what is free") {
  EalOptions options;
  options.megabytes = 512;
  options.huge_pages = conf::HugePages::kAuto;
  CHECK(has(eal_arguments(options, 511), "--no-huge"));
  CHECK(after(eal_arguments(options, 511), "-m") == "512");
  CHECK_FALSE(has(eal_arguments(options, 512), "--no-huge"));
  options.huge_pages = conf::HugePages::kOff;
  CHECK(has(eal_arguments(options, 4096), "--no-huge"));
  options.huge_pages = conf::HugePages::kOn;
  CHECK_FALSE(has(eal_arguments(options, 0), "--no-huge"));
}

TEST_CASE("EAL arguments: nothing on disk, no PCI scan without need, main lcore on its CPU") {
  EalOptions options;
  options.control_cpu = 3;
  auto args = eal_arguments(options, 0);
  CHECK(has(args, "--no-shconf"));
  CHECK(has(args, "--no-telemetry"));
  options.telemetry = true;
  CHECK_FALSE(has(eal_arguments(options, 0), "--no-telemetry"));
  CHECK(has(args, "--no-pci"));
  CHECK(after(args, "--lcores") == "0@3");
  options.pci_devices = {"0000:01:00.0"};
  options.huge_pages = conf::HugePages::kOn;
  args = eal_arguments(options, 0);
  CHECK_FALSE(has(args, "--no-pci"));
  CHECK(has(args, "--in-memory"));
  CHECK(after(args, "-a") == "0000:01:00.0");
}
