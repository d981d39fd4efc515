// SPDX-License-Identifier: BSD-3-Clause
// An explicit address mapping (RFC 7757 3.1).
#pragma once

#include "net/addr.h"

namespace isthmus::net {

/// Addresses in `six` and `four` stand for each other, suffix by suffix.
struct Eam {
  Ip6Prefix six;
  Ip4Prefix four;

  /// RFC 7757 3.2: the IPv4 suffix MUST NOT have more bits than the IPv6 suffix.
  bool fits() const { return 32 - four.length <= 128 - six.length; }
  friend bool operator==(const Eam&, const Eam&) = default;
};

}  // namespace isthmus::net
