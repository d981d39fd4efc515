// SPDX-License-Identifier: BSD-3-Clause
// Making answers from upstream messages. Pure: a message in, an Answer out.
//
// Every function returns nullopt when the message cannot be copied: record data that is malformed,
// or a result beyond 64 KB. The client then gets SERVFAIL.
#pragma once

#include <optional>
#include <vector>

#include "dns64/answer.h"
#include "dns64/chain.h"
#include "dns64/policy.h"

namespace isthmus::dns64 {

/// What the AAAA query brought (RFC 6147 5.1.1 to 5.1.4).
struct AaaaFinding {
  bool usable = false;    ///< some AAAA outside every excluded range
  bool excluded = false;  ///< some AAAA inside one
  bool broken = false;    ///< the chain of aliases loops or is too long
};

class Assembler {
 public:
  Assembler();

  /// The message as it is, but for hop-by-hop parts (header, OPT).
  std::optional<Answer> forward(const Message& message, const Question& question);

  AaaaFinding examine_aaaa(const Message& message, const Question& question, const Policy& policy);
  /// The message without the AAAA records in excluded ranges and their signatures. RFC 6147 5.1.4.
  std::optional<Answer> without_excluded(const Message& message, const Question& question,
                                         const Policy& policy);

  struct Synthesis {
    std::optional<Answer> answer;
    bool has_a = false;    ///< the chain ends in A records
    bool carried = false;  ///< at least one of them may be represented
  };
  /// AAAA records from the A records of `message` (RFC 6147 5.1.7, 5.4). `negative` is the
  /// negative TTL of the AAAA answer, if it had a SOA.
  Synthesis synthesise(const Message& message, const Question& question, const Policy& policy,
                       std::optional<uint32_t> negative);

  /// An empty answer based on the A query, its aliases kept (RFC 6147 5.1.6).
  std::optional<Answer> without_a(const Message& message, const Question& question);

  /// RFC 6147 5.3.1, second option: CNAME to `target` in in-addr.arpa, then what it has. Falls back
  /// to a negative answer for `zone` when there is nothing there.
  std::optional<Answer> reverse(const Message& message, const Question& question,
                                const Name& target, const Name& zone);

 private:
  /// Copies the records for which `keep(record)` holds.
  template <class Keep>
  std::optional<Answer> copy_if(const Message& message, const Question& question, bool keep_ad,
                                Keep&& keep);

  std::vector<uint8_t> buffer_;
  std::vector<net::Ip6> addresses_;
};

/// A SOA for zones that live only here, in the form of RFC 6303 3.
bool add_local_soa(Builder& builder, const Name& zone, uint32_t ttl);

}  // namespace isthmus::dns64
