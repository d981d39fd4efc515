// SPDX-License-Identifier: BSD-3-Clause
// Plays a sequence of operations to translators and to the reference, and compares after each.
//
// Theory of operation. An operation is a kind and a few numbers, all drawn beforehand. What they
// mean depends on the state (the n-th binding, modulo how many there are), so that any part of a
// sequence is a sequence, too, and a failing one can be made shorter by leaving operations out.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "packets/harness.h"
#include "property/nat/reference.h"

namespace isthmus::test {

struct Operation {
  enum Kind : uint8_t {
    kOutbound,
    kInbound,
    kHairpin,
    kErrorIn,       ///< an ICMPv4 error about something sent
    kErrorOut,      ///< an ICMPv6 error about something received
    kFragmentsOut,  ///< a UDP datagram in fragments, in any order, or without its first
    kFragmentsIn,
    kTime,
    kClear,
    kReload,  ///< timers, limits, filtering
    kPools,   ///< two pools are added, drained and removed
    kKinds
  } kind;
  uint32_t who, what, how, more;
};
using Sequence = std::vector<Operation>;

Sequence random_sequence(std::mt19937_64& random, std::size_t length);
std::string describe(const Operation& operation);

/// A gateway and the reference for it.
struct Setup {
  unsigned workers = 1;
  bool filtering = false;
  bool one_address = false;
  bool small = false;  ///< tables and subscribers run full
  uint64_t seed = 1;
};

/// What went wrong, and after which operation; or "".
std::string play(const Setup& setup, const Sequence& sequence);

/// A shorter sequence that goes wrong, too.
Sequence shrink(const Setup& setup, Sequence sequence);

}  // namespace isthmus::test
