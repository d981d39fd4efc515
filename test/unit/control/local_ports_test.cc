// SPDX-License-Identifier: BSD-3-Clause
// Pools beside the kernel's own ports.
#include "control/local_ports.h"
#include "catch.h"
#include "conf/load.h"

namespace isthmus::control::local_ports_test {
namespace {

std::string problem(const std::string& address, const std::string& ports, LocalPorts kernel) {
  const auto config = conf::load_text(
      "ports = ({ name = \"out\"; device = \"d\"; addresses = [\"192.0.2.1/24\"]; });"
      "nat64 = ({ pools = ({ addresses = [\"" +
          address + "\"]; ports = \"" + ports + "\"; }); });",
      "f");
  REQUIRE(config);
  const auto status = check_local_ports(**config, kernel);
  return status ? "" : status.error().text;
}

}  // namespace

TEST_CASE("shared address: a pool beside the kernel's own ports is fine") {
  CHECK(problem("192.0.2.1", "1024-32767", {32768, 60999}).empty());
  CHECK(problem("192.0.2.1", "61000-65535", {32768, 60999}).empty());
}

TEST_CASE("an address of its own may have all ports") {
  CHECK(problem("192.0.2.2", "1024-65535", {32768, 60999}).empty());
}

TEST_CASE("shared address: ports that the kernel takes are refused with the numbers") {
  CHECK(problem("192.0.2.0/30", "20000-40000", {32768, 60999}) ==
        "f: nat64[0].pools[0].ports: found 20000-40000 on 192.0.2.1, interface out's own address, "
        "while the kernel takes ports 32768-60999 for its own connections "
        "(net.ipv4.ip_local_port_range); sysctl net.ipv4.ip_local_port_range=\"40001 65535\", or "
        "give the pool other ports");
  CHECK(problem("192.0.2.1", "32768-65535", {32768, 60999})
            .ends_with("sysctl net.ipv4.ip_local_port_range=\"1024 32767\", or give the pool other "
                       "ports"));
}

TEST_CASE("the kernel tells its range") {
  const auto ports = kernel_local_ports();
  if (ports) CHECK(ports->first <= ports->last);
}

}  // namespace isthmus::control::local_ports_test
