// SPDX-License-Identifier: BSD-3-Clause
#include "control/twin.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace isthmus::control {
namespace {

// Frames one readable event handles, so that a busy twin does not hold up DNS.
constexpr int kFramesPerTurn = 64;
constexpr std::size_t kLargestFrame = 65536;

Error twin_error(const std::string& name, const std::string& what) {
  return Error{fmt::format("twin {}: {}", name, what)};
}

Status check_name(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) {
    return twin_error(name, fmt::format("the kernel takes interface names of 1 to {} characters, "
                                        "this one has {}; rename the port",
                                        IFNAMSIZ - 1, name.size()));
  }
  if (name == "." || name == ".." || name.find_first_of("/: \t\n%") != std::string::npos) {
    return twin_error(name, "the kernel allows no '/', ':', '%' or space in an interface name");
  }
  if (if_nametoindex(name.c_str()) != 0) {
    return twin_error(name,
                      "the kernel has an interface of this name already; rename the port or "
                      "remove the interface (another isthmusd may be running)");
  }
  return Ok{};
}

}  // namespace

Result<std::unique_ptr<Twin>> Twin::make(const std::string& name, const net::Mac& mac) {
  if (const Status status = check_name(name); !status) return status.error();
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) {
    return twin_error(name, fmt::format("cannot open /dev/net/tun: {}; load the module tun and "
                                        "run with CAP_NET_ADMIN",
                                        std::strerror(errno)));
  }
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  // Exclusive: a TAP made meanwhile by somebody else must not be taken over.
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL);
  if (ioctl(fd, TUNSETIFF, &request) != 0) {
    const int error = errno;
    close(fd);
    return twin_error(name, fmt::format("cannot make a TAP: {}", std::strerror(error)));
  }
  std::unique_ptr<Twin> twin(new Twin(fd, name, if_nametoindex(name.c_str())));
  // At once: udev gives a new link whose MAC is random one of its own
  // (MACAddressPolicy=persistent), and looks at what is there a little later.
  if (const Status status = twin->set_mac(mac); !status) return status.error();
  return twin;
}

std::optional<net::Mac> Twin::mac() const {
  ifreq request{};
  if (ioctl(fd_, SIOCGIFHWADDR, &request) != 0) return std::nullopt;
  net::Mac mac;
  std::memcpy(mac.bytes.data(), request.ifr_hwaddr.sa_data, mac.bytes.size());
  return mac;
}

Status Twin::set_mac(const net::Mac& mac) {
  ifreq request{};
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size());
  if (ioctl(fd_, SIOCSIFHWADDR, &request) == 0) return Ok{};
  return twin_error(info_.interface, fmt::format("cannot set MAC {}: {}", net::to_string(mac),
                                                 std::strerror(errno)));
}

Twin::Twin(int fd, std::string name, uint32_t link) : fd_(fd) {
  info_.interface = std::move(name);
  info_.kernel_index = link;
}

Twin::~Twin() {
  if (loop_ != nullptr) ev_io_stop(loop_, &readable_);
  close(fd_);
}

void Twin::start(struct ev_loop* loop, OnFrame on_frame) {
  loop_ = loop;
  on_frame_ = std::move(on_frame);
  ev_io_init(
      &readable_,
      [](struct ev_loop*, ev_io* watcher, int) {
        static_cast<Twin*>(watcher->data)->on_readable();
      },
      fd_, EV_READ);
  readable_.data = this;
  ev_io_start(loop_, &readable_);
}

void Twin::on_readable() {
  static std::array<uint8_t, kLargestFrame> frame;
  for (int i = 0; i < kFramesPerTurn; ++i) {
    const ssize_t size = ::read(fd_, frame.data(), frame.size());
    if (size <= 0) return;
    ++info_.from_kernel;
    if (!on_frame_({frame.data(), static_cast<std::size_t>(size)})) ++info_.dropped;
  }
}

void Twin::write(std::span<const uint8_t> frame) {
  if (::write(fd_, frame.data(), frame.size()) == static_cast<ssize_t>(frame.size())) {
    ++info_.to_kernel;
  } else {
    ++info_.dropped;
  }
}

}  // namespace isthmus::control
