// SPDX-License-Identifier: BSD-3-Clause
// The floor: lookup and rewrite of UDP from IPv6 to IPv4 with no policy at all.
//
// Theory of operation. No parsing beyond fixed offsets, no checks, no route, no link header worth
// the name, no expiry: hash, one bucket line, one session line, the new header and checksums. What
// it takes between rx and tx is what the machine takes for the memory accesses and the arithmetic
// that no translator can leave out; `io` plus this is the floor that the gateway is held against.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <vector>

#include "bench/frames.h"

namespace isthmus::bench {

class Bare {
 public:
  /// Flow i of the benchmark leaves as cells[i].
  Bare(const Shape& shape, const std::vector<Cell>& cells);
  ~Bare();
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;

  /// Translates frames in place; how many of them had a session.
  unsigned translate(rte_mbuf** mbufs, unsigned count, uint32_t now);

 private:
  struct Session;
  struct Bucket;
  void add(uint32_t flow, const Inside& inside, net::Ip4 remote, const Cell& cell);

  Session* sessions_;
  Bucket* buckets_;
  std::size_t session_bytes_, bucket_bytes_;
  uint32_t mask_;
};

}  // namespace isthmus::bench
