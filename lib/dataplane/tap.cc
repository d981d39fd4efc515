// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "dataplane/tap.h"

#include <rte_cycles.h>

#include <algorithm>
#include <cstring>

#include "net/headers.h"

namespace isthmus::dataplane {
namespace {

// A link header that looks like all of an IP packet, lengths included, does not come by chance.
bool begins_with_ip(const uint8_t* bytes, uint32_t available, uint32_t length) {
  if (available < sizeof(net::Ip4Header)) return false;
  if (bytes[0] >> 4 == 4) {
    const auto* ip = net::header_at<net::Ip4Header>(bytes);
    return ip->header_length() >= sizeof *ip && ip->total_length.host() == length;
  }
  if (bytes[0] >> 4 != 6 || available < sizeof(net::Ip6Header)) return false;
  return net::header_at<net::Ip6Header>(bytes)->payload_length.host() + sizeof(net::Ip6Header) ==
         length;
}

}  // namespace

// The bytes where a copy may go; nullptr if it is not wanted, or there is no place.
Tap::Record* Tap::place(const uint8_t* bytes, uint32_t available, uint32_t length, bool is_frame) {
  const auto& filter = is_frame ? frames_ : packets_;
  if (filter && !filter->matches(bytes, available, length)) return nullptr;
  const uint32_t in = in_.load(std::memory_order_relaxed);
  if (in - out_.load(std::memory_order_acquire) == kPlaces) {
    __atomic_store_n(&lost_, lost_ + 1, __ATOMIC_RELAXED);
    return nullptr;
  }
  Record& record = places_[in % kPlaces];
  record.tsc = rte_rdtsc();
  record.length = length;
  record.kept = std::min(available, kSnap);
  record.is_frame = is_frame;
  record.reason = DropReason::kNone;
  record.punt = PuntKind::kLocal;
  std::memcpy(record.bytes.data(), bytes, record.kept);
  return &record;
}

void Tap::copy_all(rte_mbuf* const* frames, unsigned count, Captured::Way way) {
  for (unsigned i = 0; i < count; ++i) {
    const rte_mbuf* frame = frames[i];
    Record* record =
        place(rte_pktmbuf_mtod(frame, const uint8_t*), frame->data_len, frame->pkt_len, true);
    if (record == nullptr) continue;
    record->way = way;
    record->port_id = port_id_;
    commit();
  }
}

void Tap::dropped(const rte_mbuf* mbuf, DropReason reason) {
  if (tracer_ != nullptr) tracer_->note_drop(reason);
  if (what_ != CaptureOptions::What::kDrops) return;
  const auto* bytes = rte_pktmbuf_mtod(mbuf, const uint8_t*);
  const bool is_frame = !begins_with_ip(bytes, mbuf->data_len, mbuf->pkt_len);
  Record* record = place(bytes, mbuf->data_len, mbuf->pkt_len, is_frame);
  if (record == nullptr) return;
  record->way = Captured::Way::kDropped;
  record->reason = reason;
  record->port_id = mbuf->port;
  commit();
}

void Tap::dropped(const rte_mbuf* mbuf, const net::PacketBuf& packet, DropReason reason) {
  if (reason == DropReason::kNone) return;
  if (tracer_ != nullptr) tracer_->note_drop(reason);
  if (what_ != CaptureOptions::What::kDrops) return;
  Record* record = place(packet.data, packet.length, packet.length, false);
  if (record == nullptr) return;
  record->way = Captured::Way::kDropped;
  record->reason = reason;
  record->port_id = mbuf->port;
  commit();
}

void Tap::keep(const net::PacketBuf& packet) {
  kept_length_ = packet.length;
  std::memcpy(kept_bytes_.data(), packet.data, std::min(packet.length, kSnap));
}

void Tap::dropped_as_kept(const rte_mbuf* mbuf, DropReason reason) {
  if (tracer_ != nullptr) tracer_->note_drop(reason);
  if (what_ != CaptureOptions::What::kDrops) return;
  Record* record = place(kept_bytes_.data(), std::min(kept_length_, kSnap), kept_length_, false);
  if (record == nullptr) return;
  record->way = Captured::Way::kDropped;
  record->reason = reason;
  record->port_id = mbuf->port;
  commit();
}

void Tap::punted(const rte_mbuf* mbuf, PuntKind kind) {
  if (tracer_ != nullptr) tracer_->note_punt(kind);
  if (what_ != CaptureOptions::What::kPunts) return;
  Record* record = place(rte_pktmbuf_mtod(mbuf, const uint8_t*), mbuf->data_len, mbuf->pkt_len,
                         kind != PuntKind::kUnresolved);
  if (record == nullptr) return;
  record->way = Captured::Way::kPunted;
  record->punt = kind;
  record->port_id = mbuf->port;
  commit();
}

const Tap::Record* Tap::next() const {
  const uint32_t out = out_.load(std::memory_order_relaxed);
  return out == in_.load(std::memory_order_acquire) ? nullptr : &places_[out % kPlaces];
}

}  // namespace isthmus::dataplane
