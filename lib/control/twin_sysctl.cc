// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "control/twin.h"

namespace isthmus::control {
namespace {

struct Setting {
  const char* family;
  const char* key;
  char value;
};

constexpr Setting kSettings[] = {
    // Workers forward; the kernel behind the twins must not, whatever the global switch says.
    {"ipv4", "forwarding", '0'},
    // In IPv6 this one says "I am a router", and only conf/all decides on forwarding: without it
    // our neighbor advertisements lack the R flag, and hosts that have us as default router from a
    // router advertisement drop us (RFC 4861 7.2.5). Workers give a twin nothing but packets for
    // the box, so there is nothing to forward even where conf/all is set for other purposes.
    {"ipv6", "forwarding", '1'},
    // A router does not configure itself from other routers' advertisements (RFC 4861 6.2.7).
    {"ipv6", "accept_ra", '0'},
    {"ipv6", "autoconf", '0'},
    {"ipv6", "disable_ipv6", '0'},
    // Neighbor discovery needs the link-local address at once: without a source the kernel cannot
    // solicit, and packets that wait for it would be lost.
    {"ipv6", "accept_dad", '0'},
    // Linux takes an address of any interface for local on every link. Only the link that leads to
    // the asker may answer, or two links of one switch would both claim an address.
    {"ipv4", "arp_filter", '1'},
    // Who had our address elsewhere (another box, or a MAC that was changed) hears of the new place
    // when the link comes up, and when its MAC changes.
    {"ipv4", "arp_notify", '1'},
    {"ipv6", "ndisc_notify", '1'},
    // No redirects: hosts could otherwise move routes under the workers.
    {"ipv4", "accept_redirects", '0'},
    {"ipv6", "accept_redirects", '0'},
};

bool has_value(const std::string& path, char value) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char current = 0;
  const bool equal = ::read(fd, &current, 1) == 1 && current == value;
  close(fd);
  return equal;
}

int write_value(const std::string& path, char value) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = write(fd, &value, 1) == 1 ? 0 : errno;
  close(fd);
  return error;
}

}  // namespace

Status apply_twin_sysctls(const std::string& name) {
  for (const Setting& setting : kSettings) {
    const std::string path =
        fmt::format("/proc/sys/net/{}/conf/{}/{}", setting.family, name, setting.key);
    // Absent: a kernel without IPv6.
    if (access(path.c_str(), F_OK) != 0 || has_value(path, setting.value)) continue;
    if (const int error = write_value(path, setting.value); error != 0) {
      return Error{fmt::format("twin {}: cannot write {} to {}: {}; mount /proc/sys writable", name,
                               setting.value, path, std::strerror(error))};
    }
  }
  return Ok{};
}

}  // namespace isthmus::control
