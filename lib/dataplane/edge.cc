// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/edge.h"

#include "conf/config.h"

namespace isthmus::dataplane {
namespace {

// What the translators take, by prefix. Pools are left out: no prefix that passes lies within one,
// and one around a pool comes after the translators.
template <class Visit>
void each_translated(const conf::Config& config, const net::Ip6Prefix*, Visit&& visit) {
  for (const auto& nat64 : config.nat64) {
    for (const auto& prefix : nat64.prefixes) visit(prefix.prefix());
  }
  for (const auto& siit : config.siit) {
    visit(siit.prefix.prefix());
    for (const auto& mapping : siit.mappings) visit(mapping.six);
  }
}

template <class Visit>
void each_translated(const conf::Config& config, const net::Ip4Prefix*, Visit&& visit) {
  for (const auto& siit : config.siit) {
    for (const auto& inside : siit.inside4) visit(inside);
    for (const auto& mapping : siit.mappings) visit(mapping.four);
  }
}

// The longest prefix decides: one that passes is an exception to the translators' around it, and
// theirs are exceptions to an exception around them.
template <class Prefix>
void add(const conf::Config& config, const Prefix& pass, net::PrefixMap<Prefix>& to, Edge& edge) {
  bool is_exception = false;
  each_translated(config, &pass,
                  [&](const Prefix& translated) { is_exception |= translated.contains(pass); });
  to.add(pass, is_exception ? Edge::kBeforeTranslators : Edge::kAfterTranslators);
  if (!is_exception) return;
  edge.is_first = true;
  each_translated(config, &pass, [&](const Prefix& translated) {
    if (translated.length > pass.length && pass.contains(translated)) {
      to.add(translated, Edge::kNo);
    }
  });
}

}  // namespace

std::shared_ptr<const Edge> make_edge(const conf::Config& config) {
  const auto& from = config.forwarding;
  if (from.pass_through.empty() && !from.spoof_check) return nullptr;
  auto edge = std::make_shared<Edge>();
  edge->spoof_check = edge->is_first = from.spoof_check;
  for (const auto& prefix : from.pass_through) {
    if (const auto* ip6 = std::get_if<net::Ip6Prefix>(&prefix)) {
      add(config, *ip6, edge->pass6, *edge);
    } else {
      add(config, std::get<net::Ip4Prefix>(prefix), edge->pass4, *edge);
    }
  }
  edge->pass6.build();
  edge->pass4.build();
  return edge;
}

}  // namespace isthmus::dataplane
