// SPDX-License-Identifier: BSD-3-Clause
// hot path
// A worker and the fragments that have to wait (nat/fragments.h, nat/fragment_home.h).
#include "dataplane/worker.h"

namespace isthmus::dataplane {
namespace {

/// Released fragments per turn, of each kind. They must fit into an empty burst.
constexpr unsigned kReleaseBudget = 32;
static_assert(kReleaseBudget <= nat::kBatch);

}  // namespace

// This worker is the home of the fragment's datagram.
void Worker::give_fragment(rte_mbuf* mbuf, Work& work, const Origin& origin) {
  const unsigned owner = translator_->fragment_home().owner_of(
      work.next_packet(), work.next_view(), {origin.cls, origin.keep_hop_limit, origin.interface},
      core_.now_ms);
  if (owner == nat::FragmentHome::kNobody) {
    rte_pktmbuf_free(mbuf);
  } else if (owner == core_.id) {
    work.commit(mbuf, origin);
  } else {
    hand_over(mbuf, FrameMeta::Task::kDecide, owner, origin);
  }
}

// A fragment out of a store, parsed into the next place of `work`. nullptr if there is none.
template <class From>
rte_mbuf* Worker::next_released(From& from, Work*& work, nat::Released& how) {
  if (!from.has_released()) return nullptr;
  rte_mbuf* mbuf = rte_pktmbuf_alloc(core_.pool);
  if (mbuf == nullptr) return nullptr;  // it can wait
  net::PacketBuf packet = packet_of(mbuf);
  if (!from.release(packet, how)) {
    rte_pktmbuf_free(mbuf);
    return nullptr;
  }
  sync_mbuf(mbuf, packet);
  work = packet.data[0] >> 4 == 6 ? &six_ : &four_;
  work->next_packet() = packet;
  const auto reason = net::parse_ip(work->next_packet(), work->next_view());
  if (reason == DropReason::kNone) return mbuf;
  core_.drop(mbuf, reason);
  return nullptr;
}

// Fragments that need not wait any longer. Those of the home are handed on, or join the burst.
unsigned Worker::take_released() {
  unsigned count = 0;
  Work* work = nullptr;
  nat::Released how;
  nat::FragmentHome& home = translator_->fragment_home();
  while (count < kReleaseBudget) {
    rte_mbuf* mbuf = next_released(home, work, how);
    if (mbuf == nullptr) break;
    ++count;
    // One hop, so that it is not taken for a packet that steering missed.
    const Origin origin{how.mark, 1, how.keep_hop_limit, how.cls, nat::Past::kCounted};
    fill_meta(mbuf, *work, origin);
    const unsigned owner =
        home.owner_of_released(work->next_packet(), work->next_view(), core_.now_ms);
    if (owner == nat::FragmentHome::kNobody) {
      rte_pktmbuf_free(mbuf);
    } else if (owner == core_.id) {
      work->commit(mbuf, origin);
    } else {
      hand_over(mbuf, FrameMeta::Task::kDecide, owner, origin);
    }
  }
  translate();
  for (unsigned own = 0; own < kReleaseBudget; ++own, ++count) {
    rte_mbuf* mbuf = next_released(*translator_, work, how);
    if (mbuf == nullptr) break;
    work->commit(mbuf, {how.mark, 0, how.keep_hop_limit, how.cls, nat::Past::kReleased});
  }
  translate();
  return count;
}

}  // namespace isthmus::dataplane
