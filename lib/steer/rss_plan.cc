// SPDX-License-Identifier: BSD-3-Clause
#include "steer/rss_plan.h"

#include <bit>
#include <cassert>

#include "steer/toeplitz.h"

namespace isthmus::steer {
namespace {

constexpr unsigned kAddressBit = 88;  // input bits 57 to 63: the last of an IPv4 destination
constexpr unsigned kPortBit = 111;    // input bits from 80 on: the destination port

void set_bit_of(std::array<uint8_t, 40>& key, unsigned bit) {
  key[bit / 8] = static_cast<uint8_t>(key[bit / 8] | 0x80 >> bit % 8);
}

// The port that a block of 65536 / `entries` ports begins with, by redirection index.
uint16_t port_of(unsigned index, unsigned entries) {
  unsigned port = 0;
  for (unsigned bit = 1, place = 0x8000; bit < entries; bit <<= 1, place >>= 1) {
    if ((index & bit) != 0) port |= place;
  }
  return static_cast<uint16_t>(port);
}

void plan_inside(RssPlan& plan, const Ownership& ownership) {
  plan.key = ownership.rss_key6();
  plan.inside = true;
  plan.outside = ownership.is_key_for_both();
  for (unsigned i = 0; i < plan.worker.size(); ++i) {
    plan.worker[i] = static_cast<uint8_t>(ownership.owner_of_slot(i % kSlots));
  }
}

void plan_outside(RssPlan& plan, const Ownership& ownership) {
  const auto entries = static_cast<unsigned>(plan.worker.size());
  const bool by_address = ownership.mode4() == Mode4::kByAddress;
  set_bit_of(plan.key, by_address ? kAddressBit : kPortBit);
  plan.outside = true;
  for (unsigned i = 0; i < entries; ++i) {
    const auto address = net::Ip4::from_host(reverse_slot(i % kSlots));
    plan.worker[i] = static_cast<uint8_t>(ownership.owner_by_place(address, port_of(i, entries)));
  }
}

}  // namespace

RssPlan RssPlan::make(const Ownership& ownership, Facing facing, unsigned entries) {
  assert(entries >= kSlots && entries <= 65536 && std::has_single_bit(entries));
  RssPlan plan;
  plan.worker.resize(entries);
  if (facing == Facing::kOutside) {
    plan_outside(plan, ownership);
  } else {
    plan_inside(plan, ownership);
  }
  return plan;
}

unsigned RssPlan::worker_of(std::span<const uint8_t> tuple) const {
  return worker[toeplitz(key, tuple) & (worker.size() - 1)];
}

}  // namespace isthmus::steer
