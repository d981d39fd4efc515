// SPDX-License-Identifier: BSD-3-Clause
// One message read by the wire walker and by ldns, and copied by the builder: do they agree?
//
// ldns is the more lenient reader (it takes forward pointers and trailing octets), so: what the
// walker takes, ldns must take too, and both must print the same; and what ldns reads out of the
// builder's copy must be what it read out of the original.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace isthmus::test {

struct SecondOpinion {
  bool compared = false;   ///< the message was good enough for both
  std::string difference;  ///< empty if there is none
};

SecondOpinion second_opinion(const std::vector<uint8_t>& wire);

}  // namespace isthmus::test
