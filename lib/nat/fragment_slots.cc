// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The fragments that a FragmentStore holds.
#include <algorithm>
#include <cstring>

#include "nat/fragments.h"
#include "net/checksum.h"

namespace isthmus::nat {

namespace {
// Even 64 KiB in fragments of 576 bytes is less; a list is walked for each that comes.
constexpr uint32_t kMaxPieces = 128;
}  // namespace

FragmentStore::Fit FragmentStore::fit(uint32_t datagram, const net::PacketBuf& buf,
                                      const net::PacketView& view) const {
  const Datagram& d = datagrams_[datagram];
  const uint32_t offset = view.fragment_offset;
  const uint32_t end = offset + view.l4_length();
  for (uint32_t i = d.first_piece; i != kNone; i = slots_[i].next_piece) {
    const Slot& held = slots_[i];
    // Nothing lies behind the last fragment, so nothing of a longer datagram may be held.
    if (!view.more_fragments && held.end() > end) return Fit::kOverlap;
    if (held.end() <= offset || end <= held.offset) continue;
    // RFC 8200 4.5: exact duplicates MAY be told from overlaps.
    const bool same = held.offset == offset && held.end() == end &&
                      held.more == view.more_fragments && same_bytes(i, buf, view);
    return same ? Fit::kDuplicate : Fit::kOverlap;
  }
  if (d.total != 0 && (end > d.total || !view.more_fragments)) return Fit::kOverlap;
  return Fit::kNew;
}

bool FragmentStore::hold(uint32_t datagram, const net::PacketBuf& buf, const net::PacketView& view,
                         const Released& how) {
  Datagram& d = datagrams_[datagram];
  Source& source = sources_[d.source];
  const uint32_t wanted = (buf.length + kSlotBytes - 1) / kSlotBytes;
  Family& all = family_of(d.source);
  if (wanted > slots_free_ || d.pieces == kMaxPieces ||
      source.slots + wanted > part_of(slot_capacity_) ||
      all.slots + wanted > most_of(slot_capacity_)) {
    return false;
  }
  uint32_t chain = kNone;
  for (uint32_t left = wanted; left-- != 0;) {  // from the packet's end, so that the first is last
    uint32_t i = free_slot_;
    if (i != kNone) {
      free_slot_ = slots_[i].next_piece;
    } else {
      i = slots_used_++;
    }
    const uint32_t at = left * kSlotBytes;
    std::memcpy(slots_[i].bytes, buf.data + at, std::min(kSlotBytes, buf.length - at));
    slots_[i].next_slot = chain;
    chain = i;
  }
  slots_free_ -= wanted;
  source.slots += wanted;
  all.slots += wanted;
  Slot& piece = slots_[chain];
  piece.length = buf.length;
  piece.source = d.source;
  piece.l4_offset = view.l4_offset;
  piece.offset = view.fragment_offset;
  piece.more = view.more_fragments;
  piece.how = how;
  uint32_t* place = &d.first_piece;
  while (*place != kNone && slots_[*place].offset < piece.offset) {
    place = &slots_[*place].next_piece;
  }
  piece.next_piece = *place;
  *place = chain;
  ++d.pieces;
  d.bytes += view.l4_length();
  note(datagram, view);
  return true;
}

void FragmentStore::free_piece(uint32_t piece) {
  const uint32_t source = slots_[piece].source;
  for (uint32_t i = piece; i != kNone;) {
    const uint32_t next = slots_[i].next_slot;
    slots_[i].next_piece = free_slot_;
    free_slot_ = i;
    ++slots_free_;
    --sources_[source].slots;
    --family_of(source).slots;
    i = next;
  }
  discharge(source);
}

// Frees what is held of a datagram; how many fragments.
uint32_t FragmentStore::discard(Datagram& d) {
  const uint32_t count = d.pieces;
  while (d.first_piece != kNone) {
    const uint32_t piece = d.first_piece;
    d.first_piece = slots_[piece].next_piece;
    free_piece(piece);
  }
  d.pieces = 0;
  return count;
}

// Its time is over. As discard(), but what the sender is to be told about stays.
uint32_t FragmentStore::give_up(Datagram& d) {
  const uint32_t first = d.first_piece;
  if (!d.gather || d.state != State::kWaiting || first == kNone || slots_[first].offset != 0) {
    return discard(d);
  }
  d.first_piece = slots_[first].next_piece;
  slots_[first].next_piece = late_first_;
  late_first_ = first;
  const uint32_t count = d.pieces;
  discard(d);
  return count;
}

bool FragmentStore::take_late(net::PacketBuf& out) {
  const uint32_t piece = late_first_;
  if (piece == kNone) return false;
  late_first_ = slots_[piece].next_piece;
  const bool fits = write_piece(piece, out);
  free_piece(piece);
  return fits;
}

void FragmentStore::release_held(uint32_t datagram) {
  Datagram& d = datagrams_[datagram];
  if (d.first_piece == kNone) return;
  (queue_first_ == kNone ? queue_first_ : slots_[queue_last_].next_piece) = d.first_piece;
  for (uint32_t i = d.first_piece; i != kNone; i = slots_[i].next_piece) queue_last_ = i;
  d.leaving += d.pieces;
  d.first_piece = kNone;
  d.pieces = 0;
  d.bytes = 0;
}

bool FragmentStore::release(net::PacketBuf& out, Released& how, telemetry::Counters& counters) {
  const uint32_t piece = queue_first_;
  if (piece == kNone) return false;
  const Slot& head = slots_[piece];
  queue_first_ = head.next_piece;
  how = head.how;
  const bool fits = write_piece(piece, out);
  if (!fits) counters.add_drop(telemetry::DropReason::kNoBuffer);
  free_piece(piece);
  return fits;
}

bool FragmentStore::write_piece(uint32_t piece, net::PacketBuf& out) const {
  const uint32_t length = slots_[piece].length;
  if (length > out.tailroom) return false;
  out.set_length(length);
  uint32_t done = 0;
  for (uint32_t i = piece; i != kNone; i = slots_[i].next_slot, done += kSlotBytes) {
    std::memcpy(out.data + done, slots_[i].bytes, std::min(kSlotBytes, length - done));
  }
  return true;
}

uint8_t* FragmentStore::byte_at(uint32_t piece, uint32_t offset) {
  for (; offset >= kSlotBytes; offset -= kSlotBytes) piece = slots_[piece].next_slot;
  return &slots_[piece].bytes[offset];
}

bool FragmentStore::same_bytes(uint32_t piece, const net::PacketBuf& buf,
                               const net::PacketView& view) const {
  uint32_t at = slots_[piece].l4_offset;
  const uint8_t* other = buf.data + view.l4_offset;
  uint32_t left = view.l4_length();
  for (; at >= kSlotBytes; at -= kSlotBytes) piece = slots_[piece].next_slot;
  while (left != 0) {
    const uint32_t count = std::min(left, kSlotBytes - at);
    if (std::memcmp(slots_[piece].bytes + at, other, count) != 0) return false;
    other += count;
    left -= count;
    at = 0;
    piece = slots_[piece].next_slot;
  }
  return true;
}

// One's complement sum of a held packet's bytes [from, to). `from` is even.
uint64_t FragmentStore::sum(uint32_t piece, uint32_t from, uint32_t to) const {
  uint64_t sum = 0;
  for (uint32_t start = 0; piece != kNone && start < to; start += kSlotBytes) {
    const uint32_t stop = std::min(to - start, kSlotBytes);
    const uint32_t first = from > start ? std::min(from - start, stop) : 0;
    sum = net::sum_bytes(slots_[piece].bytes + first, stop - first, sum);
    piece = slots_[piece].next_slot;
  }
  return sum;
}

bool FragmentStore::fill_udp_checksum(uint32_t datagram) {
  const Datagram& d = datagrams_[datagram];
  const uint32_t first = d.first_piece;
  const uint32_t l4 = slots_[first].l4_offset;
  const auto* udp_length = net::header_at<net::Be16>(byte_at(first, l4 + 4));
  const uint32_t length = udp_length->host();
  if (length > d.total) return false;
  // The pseudo-header of either family holds both addresses, the protocol and the length.
  const bool v6 = d.key.rest % 256 == 6;
  uint64_t total = net::fold(sum(first, v6 ? 8 : 12, v6 ? 40 : 20));
  total += net::Be16(net::kProtoUdp).raw() + udp_length->raw();
  // All fragments but the last have a multiple of eight bytes, so words never straddle them.
  for (uint32_t i = first; i != kNone && slots_[i].offset < length; i = slots_[i].next_piece) {
    const Slot& piece = slots_[i];
    const uint32_t end = std::min(piece.end(), length) - piece.offset + piece.l4_offset;
    total += net::fold(sum(i, piece.l4_offset, end));
  }
  const auto checksum = net::checksum_of(total);
  // RFC 768: a computed zero is sent as all ones.
  *net::header_at<net::Be16>(byte_at(first, l4 + 6)) =
      checksum.raw() == 0 ? net::Be16::from_raw(0xffff) : checksum;
  return true;
}

}  // namespace isthmus::nat
