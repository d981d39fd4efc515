// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/usual_way.h"

#include <algorithm>
#include <array>

#include "nat/classifier.h"

namespace isthmus::dataplane {
namespace {

constexpr unsigned kOctets = 256;

/// The next hop of all addresses under each first octet. kNoRoute if they differ, or some are
/// anyone's.
std::array<uint64_t, kOctets> hops_by_octet(const Fib& fib, const nat::Classifier& classifier) {
  std::array<uint32_t, kOctets> hosts;
  std::array<uint64_t, kOctets> hops;
  for (uint32_t octet = 0; octet < kOctets; ++octet) hosts[octet] = octet << 24;
  fib.lookup4(hosts.data(), hops.data(), kOctets);
  for (uint32_t octet = 0; octet < kOctets; ++octet) {
    if (fib.divides4(octet) || classifier.has_any_under(octet)) hops[octet] = kNoRoute;
  }
  return hops;
}

uint64_t most_frequent(const std::array<uint64_t, kOctets>& hops) {
  auto sorted = hops;
  std::sort(sorted.begin(), sorted.end());
  uint64_t best = kNoRoute;
  std::ptrdiff_t most = 0;
  for (auto at = sorted.cbegin(); at != sorted.cend();) {
    const auto end = std::upper_bound(at, sorted.cend(), *at);
    if (*at != kNoRoute && end - at > most) {
      best = *at;
      most = end - at;
    }
    at = end;
  }
  return best;
}

}  // namespace

template <int kFamily>
void UsualWay::renew(const Core& core, const nat::Translator& translator, nat::Batch& batch) {
  const Fib& fib = *core.forwarding->fib;
  if constexpr (kFamily == 6) {
    const auto hops = hops_by_octet(fib, translator.classifier());
    const uint64_t usual = most_frequent(hops);
    batch.has_usual = usual != kNoRoute;
    for (uint32_t octet = 0; octet < kOctets; ++octet) {
      batch.usual4[octet] = batch.has_usual && hops[octet] == usual;
      if (batch.usual4[octet]) batch.next4[0] = octet << 24;
    }
  } else {
    // What has changed need not have moved the latest stray: it is the best guess.
    batch.usual6 = fib.stretch6(latest_);
    batch.has_usual = !batch.usual6.empty();
    const uint64_t words[2] = {net::byte_swap(batch.usual6.first), 0};
    std::memcpy(&batch.next6[0], words, sizeof words);
  }
  forwarding_ = core.forwarding->version;
  rules_ = translator.rules();
  strays_ = 0;
}

template void UsualWay::renew<4>(const Core&, const nat::Translator&, nat::Batch&);
template void UsualWay::renew<6>(const Core&, const nat::Translator&, nat::Batch&);

}  // namespace isthmus::dataplane
