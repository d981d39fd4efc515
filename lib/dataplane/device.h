// SPDX-License-Identifier: BSD-3-Clause
// What a port of the configuration is to DPDK: a device, or a bond of several (net_bonding).
//
// Theory of operation. A device is attached unless it is there already by that name, and is
// detached by whoever attached it, a bond before its members. A PCI device is there already, since
// EAL is started with it (eal_options()); it is ours all the same. It has to be closed before its
// buffers go: a stopped one may still write to them, and its driver gives them back only when it
// is closed. The bond is a virtual device of the port's name; the members' names stand in its
// arguments, which the driver reads when it is configured for the first time. So it is configured
// once before anything is asked of it: what it can do is what all its members can.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "net/result.h"

namespace isthmus::dataplane {

struct Device {
  uint16_t id = 0;
  bool is_ours = false;  ///< we attached it, or had EAL do so
};

/// `device`: as in the configuration, with its arguments.
Result<Device> attach_device(const std::string& device);
/// Closes it, and removes it if it is ours.
void detach_device(const Device& device);

/// In messages and "show ports".
std::string device_text(const conf::Port& port);
/// The argument of attach_device() for a bond whose members have been attached.
std::string bond_of(const conf::Port& port);
/// Makes the bond take its members in.
Status gather_members(const Device& bond);

bool is_link_up(uint16_t port_id);
const char* driver_text(int code);

}  // namespace isthmus::dataplane
