// SPDX-License-Identifier: BSD-3-Clause
// One twin: the TAP through which the kernel sees an interface that DPDK took from it.
#pragma once

#include <ev.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "control/backend.h"
#include "net/addr.h"
#include "net/result.h"

namespace isthmus::control {

class Twin {
 public:
  /// Called with each Ethernet frame the kernel sends; false: it could not be sent on.
  using OnFrame = std::function<bool(std::span<const uint8_t> frame)>;

  /// Makes the TAP; fails when the name is too long, malformed or taken.
  static Result<std::unique_ptr<Twin>> make(const std::string& name, const net::Mac& mac);
  /// The kernel removes the TAP, and with it its addresses and routes.
  ~Twin();
  Twin(const Twin&) = delete;
  Twin& operator=(const Twin&) = delete;

  /// Begins to hand the kernel's frames to `on_frame`.
  void start(struct ev_loop* loop, OnFrame on_frame);
  /// Gives the kernel a frame as if it had come in.
  void write(std::span<const uint8_t> frame);

  /// What it has now, which may be what somebody else gave it.
  std::optional<net::Mac> mac() const;
  Status set_mac(const net::Mac& mac);

  const TwinInfo& info() const { return info_; }
  uint32_t link() const { return info_.kernel_index; }

 private:
  Twin(int fd, std::string name, uint32_t link);
  void on_readable();

  int fd_;
  struct ev_loop* loop_ = nullptr;
  ev_io readable_{};
  OnFrame on_frame_;
  TwinInfo info_;
};

/// Sets the interface sysctls a twin needs: a router that takes no router advertisements and does
/// not forward, with addresses usable without duplicate address detection.
Status apply_twin_sysctls(const std::string& name);

}  // namespace isthmus::control
