// SPDX-License-Identifier: BSD-3-Clause
// Answers that are made here and never asked upstream: ipv4only.arpa (RFC 8880 7.1) and the reverse
// names of addresses that it or the policy makes special.
#pragma once

#include <optional>

#include "dns64/answer.h"
#include "dns64/policy.h"

namespace isthmus::dns64 {

class LocalNames {
 public:
  LocalNames();
  /// The answer, if `question` is ours. RFC 8880: DS of ipv4only.arpa is not.
  std::optional<Answer> answer(const Question& question, const Policy& policy) const;

 private:
  Answer ipv4only(const Question& question, const Policy& policy) const;
  std::optional<Answer> reverse(const Question& question, const Policy& policy) const;

  Name ipv4only_;
};

}  // namespace isthmus::dns64
