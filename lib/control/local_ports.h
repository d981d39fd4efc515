// SPDX-License-Identifier: BSD-3-Clause
// Ports that the kernel takes for its own connections, beside those of a pool on one address.
#pragma once

#include <cstdint>
#include <optional>

#include "conf/config.h"
#include "net/result.h"

namespace isthmus::control {

struct LocalPorts {
  uint16_t first = 0;
  uint16_t last = 0;
};

/// net.ipv4.ip_local_port_range; nothing if it cannot be read.
std::optional<LocalPorts> kernel_local_ports();

/// Error: a pool shares an address with the gateway, and the kernel would take ports out of the
/// pool's range, so that answers to the gateway's own connections could meet a binding.
Status check_local_ports(const conf::Config& config, const LocalPorts& kernel);

}  // namespace isthmus::control
