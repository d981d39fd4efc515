// SPDX-License-Identifier: BSD-3-Clause
// Runs fixture rows through the whole pipeline: frames on ring ports, every packet delivered to one
// given queue.
#pragma once

#include <memory>
#include <vector>

#include "dataplane/engine.h"
#include "dataplane/ring_port.h"
#include "packets/fixture.h"

namespace isthmus::test {

class RowRig : public Rig {
 public:
  /// `queue` of as many as there are workers.
  RowRig(const nat::Settings& settings, const xlat::Path& path, unsigned workers, unsigned queue,
         uint64_t seed);
  ~RowRig() override;

  std::vector<Bytes> exchange(const std::vector<Bytes>& in) override;
  std::vector<Bytes> advance(uint32_t milliseconds) override;
  std::string change_pools(const nat::Settings& wanted) override {
    const auto done = engine_->change_pools(wanted);
    return done ? "" : done.error().text;
  }
  std::vector<Bytes> given_to_box() override;
  telemetry::Counters counters() const override;

 private:
  conf::Config make_config(const xlat::Path& path) const;
  void tell_topology(const xlat::Path& path);
  void deliver(const Bytes& packet);
  void turn(unsigned rounds);
  void take(std::vector<Bytes>& out);

  unsigned workers_;
  unsigned queue_;
  uint32_t now_ms_ = 0xffff0000;  // wraps soon
  RingPort six_;
  RingPort four_;
  std::unique_ptr<dataplane::Engine> engine_;
};

}  // namespace isthmus::test
