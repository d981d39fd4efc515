// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "nat/fragment_home.h"

#include <algorithm>

namespace isthmus::nat {

using telemetry::DropReason;
using State = FragmentStore::State;
using Fit = FragmentStore::Fit;

bool FragmentHome::init(const Settings& settings) {
  const uint32_t slots = slots_for(settings, ownership_);
  instances_ = settings.instances.size();
  update(settings);
  return arena_.map(FragmentStore::need(slots)) &&
         store_.init(arena_, slots, settings.hash_key, instances_);
}

void FragmentHome::update(const Settings& settings) {
  store_.set_share(settings.fragment_share);
  for (std::size_t i = 0; i < std::min(instances_, settings.instances.size()); ++i) {
    store_.set_lifetime(i, settings.instances[i].timers.fragment * 1000);
  }
}

unsigned FragmentHome::refuse(DropReason reason) {
  counters_.add_drop(reason);
  return kNobody;
}

unsigned FragmentHome::owner_of(const net::PacketBuf& buf, const net::PacketView& view,
                                const Released& how, uint32_t now_ms) {
  const bool other = view.payload == net::Payload::kOther;  // its owner says what is wrong with it
  const auto unfit = other ? DropReason::kNone : FragmentStore::unfit(view);
  if (unfit != DropReason::kNone) return refuse(unfit);
  const auto key = FragmentKey::of(buf, view);
  uint32_t at = store_.find_for(key, view, now_ms, counters_);
  const bool first = view.is_first_fragment();
  if (at == FragmentStore::kNone) at = store_.open(key, how.cls.instance, now_ms);
  if (at == FragmentStore::kNone) return refuse(DropReason::kFragmentLimit);
  auto& datagram = store_.at(at);
  if (datagram.state != State::kWaiting) store_.note(at, view);
  if (datagram.state == State::kRefused) return refuse(DropReason::kFragment);
  if (datagram.state == State::kWaiting) {
    const Fit fit = store_.fit(at, buf, view);
    if (fit == Fit::kOverlap) {
      store_.note(at, view);
      store_.refuse(at, counters_);
    }
    if (fit != Fit::kNew) return refuse(DropReason::kFragment);
    if (!first) {
      if (store_.hold(at, buf, view, how)) {
        counters_.add(telemetry::Counter::kFragmentsHeld);
        return kNobody;
      }
      if (datagram.pieces == 0) store_.forget(at);
      return refuse(DropReason::kFragmentLimit);
    }
    store_.note(at, view);
    store_.release_held(at);
    datagram.state = State::kKnown;
  }
  if (first) {
    datagram.head = static_cast<uint16_t>(view.l4_length());
    const auto* ip = net::header_at<net::Ip4Header>(buf.data);
    datagram.owner =
        ownership_.owner_of_cell(ip->destination, view.destination_port.host(), view.protocol);
  }
  const unsigned owner = datagram.owner;
  store_.pass(at, view);
  return owner;
}

unsigned FragmentHome::owner_of_released(const net::PacketBuf& buf, const net::PacketView& view,
                                         uint32_t now_ms) {
  const uint32_t at = store_.find(FragmentKey::of(buf, view), now_ms, counters_);
  if (at == FragmentStore::kNone || store_.at(at).leaving == 0) {
    return refuse(DropReason::kFragmentLimit);
  }
  auto& datagram = store_.at(at);
  --datagram.leaving;
  const unsigned owner = datagram.owner;
  store_.pass(at, view);
  return owner;
}

}  // namespace isthmus::nat
