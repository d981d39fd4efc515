// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Questions about addresses that have one answer.
#pragma once

#include "net/addr.h"

namespace isthmus::net {

/// Whether a range of addresses, both ends included, has this one.
template <class Range>
bool contains(const Range& range, Ip4 address) {
  return !(address < range.first) && !(range.last < address);
}

/// fe80::/10 (RFC 4291 2.5.6).
inline bool is_link_local(const Ip6& a) {
  return a.bytes[0] == 0xfe && (a.bytes[1] & 0xc0) == 0x80;
}

}  // namespace isthmus::net
