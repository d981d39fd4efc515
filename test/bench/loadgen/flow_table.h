// SPDX-License-Identifier: BSD-3-Clause
// Which pool address and port each flow was given, as the responder sees it (the "state table" of
// RFC 9693): what frames from outside have to be sent to.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/frames.h"

namespace isthmus::loadgen {

class FlowTable {
 public:
  explicit FlowTable(uint32_t flows) : size_(flows), cells_(flows) {}

  enum class Learned : uint8_t { kNew, kSame, kChanged, kUnknown };

  /// A frame of `flow` came out of `address` and `port`. Changed: it had come out of another one,
  /// and the new one counts. Unknown: no such flow.
  Learned learn(uint32_t flow, net::Ip4 address, net::Be16 port) {
    if (flow >= size_) return Learned::kUnknown;
    bench::Cell& cell = cells_[flow];
    if (cell.address == address && cell.port == port) return Learned::kSame;
    const bool fresh = !is_set(cell);
    cell = {address, port};
    known_ += fresh ? 1 : 0;
    return fresh ? Learned::kNew : Learned::kChanged;
  }

  /// nullptr unless it has been learned.
  const bench::Cell* find(uint32_t flow) const {
    return flow < size_ && is_set(cells_[flow]) ? &cells_[flow] : nullptr;
  }

  uint32_t size() const { return size_; }
  uint32_t known() const { return known_; }
  void forget() {
    cells_.assign(size_, {});
    known_ = 0;
  }

 private:
  static bool is_set(const bench::Cell& cell) { return !(cell.address == net::Ip4{}); }

  uint32_t size_;
  std::vector<bench::Cell> cells_;
  uint32_t known_ = 0;
};

}  // namespace isthmus::loadgen
