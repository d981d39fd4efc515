// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/device.h"

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_version.h>

#include "dataplane/eal.h"

namespace isthmus::dataplane {
namespace {

#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
constexpr const char* kMember = "member";
#else
constexpr const char* kMember = "slave";
#endif

std::string name_of(const std::string& device) {
  return device.substr(0, device.find(','));
}

bool find(const std::string& name, uint16_t& id) {
  // A PCI device may be given in short form; ports bear the long one.
  return rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0 ||
         rte_eth_dev_get_port_by_name(("0000:" + name).c_str(), &id) == 0;
}

// In the driver's numbering, which is that of Linux.
unsigned number_of(conf::BondMode mode) {
  switch (mode) {
    case conf::BondMode::kActiveBackup: return 1;
    case conf::BondMode::kBalance: return 2;
    case conf::BondMode::k8023ad: return 4;
  }
  return 1;
}

const char* text_of(conf::BondMode mode) {
  switch (mode) {
    case conf::BondMode::kActiveBackup: return "active-backup";
    case conf::BondMode::kBalance: return "balance";
    case conf::BondMode::k8023ad: return "802.3ad";
  }
  return "";
}

}  // namespace

const char* driver_text(int code) {
  return rte_strerror(code < 0 ? -code : code);
}

Result<Device> attach_device(const std::string& device) {
  Device out;
  const std::string name = name_of(device);
  if (find(name, out.id)) {
    out.is_ours = is_pci_device(device);
    return out;
  }
  if (const int code = rte_dev_probe(device.c_str()); code != 0) {
    return Error{
        fmt::format("device cannot be attached: {}. Expected the PCI "
                    "address of a NIC bound to vfio-pci, or a DPDK device "
                    "string such as \"net_tap0,iface=tap0\"",
                    driver_text(code))};
  }
  out.is_ours = true;
  if (!find(name, out.id)) return Error{"device has no Ethernet port"};
  return out;
}

void detach_device(const Device& device) {
  rte_eth_dev_info info{};
  const bool known = rte_eth_dev_info_get(device.id, &info) == 0 && info.device != nullptr;
  rte_eth_dev_stop(device.id);
  if (!device.is_ours) return;  // whoever made the device will close it
  // A bond is not removed before it has let its members go.
  if (known && std::string_view(info.driver_name) == "net_bonding") rte_eth_dev_close(device.id);
  if (!known || rte_dev_remove(info.device) != 0) rte_eth_dev_close(device.id);
}

std::string device_text(const conf::Port& port) {
  if (port.members.empty()) return port.device;
  std::string out = text_of(port.bond_mode);
  const char* between = " of ";
  for (const auto& member : port.members) {
    out += between + name_of(member);
    between = ", ";
  }
  return out;
}

std::string bond_of(const conf::Port& port) {
  std::string out = fmt::format("net_bonding_{},mode={}", port.name, number_of(port.bond_mode));
  // Flows, not hosts: behind a translator there are few link addresses.
  if (port.bond_mode != conf::BondMode::kActiveBackup) out += ",xmit_policy=l34";
  for (const auto& member : port.members) out += fmt::format(",{}={}", kMember, name_of(member));
  return out;
}

Status gather_members(const Device& bond) {
  const rte_eth_conf conf{};
  if (rte_eth_dev_configure(bond.id, 1, 1, &conf) == 0) return Ok{};
  return Error{
      "members cannot be bonded: DPDK's reason is in the line before. They have to be of one "
      "speed, and none a member already"};
}

bool is_link_up(uint16_t port_id) {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(port_id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

}  // namespace isthmus::dataplane
