// SPDX-License-Identifier: BSD-3-Clause
// From the configuration to what the engine works with, files included.
#pragma once

#include "conf/config.h"
#include "dns64/engine.h"
#include "net/result.h"

namespace isthmus::dns64 {

/// What DNS64 and the translator have to agree on, from the translator's own options.
struct Translator {
  std::vector<net::Prefix6052> prefixes{net::Prefix6052::well_known()};
  MayCarry may_carry;
};

Translator translator_of(const conf::Config& config);

/// Reads the files that `config` names. An error names file, line and text; nothing was changed
/// then. The result lacks `random`.
Result<EngineSettings> make_settings(const conf::Dns64& config, const Translator& translator);

/// All resolvers, the default ones first, in the order that EngineSettings counts them.
std::vector<conf::Endpoint> all_upstreams(const conf::Dns64& config);

inline constexpr std::size_t kMaxUpstreams = 64;

}  // namespace isthmus::dns64
