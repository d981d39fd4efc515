// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment: started once per process, quiet, leaving no files.
//
// Theory of operation. EAL cannot be initialised twice in a process, so the first caller's options
// hold for good and later calls succeed without effect; a process that makes several dataplanes one
// after the other (tests do) shares it. EAL knows one lcore only, the control core. Workers are
// threads of our own that register with EAL: so their number is free, and two of them may be given
// the same CPU. Memory is anonymous: nothing is left in the file system. The rest is
// given back when the process exits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "net/result.h"

namespace isthmus::dataplane {

struct EalOptions {
  std::vector<std::string> pci_devices;
  unsigned control_cpu = 0;
  conf::HugePages huge_pages = conf::HugePages::kAuto;
  uint32_t megabytes = 1024;
  bool telemetry = false;
  conf::LogLevel log_level = conf::LogLevel::kInfo;
};

/// Whether want_telemetry() (dataplane.h) has been called.
bool telemetry_wanted();

/// The options that `config` asks for.
EalOptions eal_options(const conf::Config& config);

/// Whether a device string names a PCI function ("0000:3b:00.0", "3b:00.0", both with ",args").
bool is_pci_device(std::string_view device);

/// The arguments EAL is started with; apart from start_eal() so that tests can look at them.
std::vector<std::string> eal_arguments(const EalOptions& options, uint64_t free_huge_megabytes);

Status start_eal(const EalOptions& options);

}  // namespace isthmus::dataplane
