// SPDX-License-Identifier: BSD-3-Clause
#include "bench/bare.h"

#include <emmintrin.h>
#include <nmmintrin.h>
#include <sys/mman.h>

#include <bit>
#include <cstdlib>
#include <cstring>

#include "net/checksum.h"
#include "xlat/wire.h"

namespace isthmus::bench {
namespace {

constexpr unsigned kBurst = 64;
constexpr unsigned kEth = sizeof(net::EthHeader);
constexpr unsigned kPlaces = 8;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

template <class T>
T* map(std::size_t count, std::size_t& bytes) {
  bytes = (count * sizeof(T) + kHugePage - 1) / kHugePage * kHugePage;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  if (memory == MAP_FAILED) {
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(memory, bytes, MADV_HUGEPAGE);
  }
  return static_cast<T*>(memory);
}

uint32_t hash_of(const net::Ip6& source, uint32_t destination, uint32_t ports) {
  uint64_t x = _mm_crc32_u64(0, source.raw_high());
  const uint64_t y = _mm_crc32_u64(~0u, source.raw_low());
  x = _mm_crc32_u64(x, uint64_t{destination} << 32 | ports);
  return static_cast<uint32_t>(x * 0x9e3779b1u ^ y);
}

uint16_t tag_of(uint32_t hash) {
  return static_cast<uint16_t>(hash >> 16 | 1);
}

uint32_t load32(const void* at) {
  uint32_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

uint32_t hash_of(const net::Ip6Header& ip, const net::UdpHeader& udp) {
  return hash_of(ip.source, load32(ip.destination.bytes.data() + 12), load32(&udp));
}

}  // namespace

struct alignas(64) Bare::Session {
  net::Ip6 inside;
  net::Ip4 remote;
  uint32_t ports;
  Cell cell;
  uint16_t delta;
  uint32_t last;
  uint64_t packets, bytes;
};
struct alignas(64) Bare::Bucket {
  uint16_t tag[kPlaces];
  uint32_t session[kPlaces];
};

Bare::Bare(const Shape& shape, const std::vector<Cell>& cells) {
  const std::size_t buckets = std::bit_ceil(cells.size() / 4 + 1);
  static_assert(sizeof(Session) == 64 && sizeof(Bucket) == 64);
  sessions_ = map<Session>(cells.size(), session_bytes_);
  buckets_ = map<Bucket>(buckets, bucket_bytes_);
  mask_ = static_cast<uint32_t>(buckets - 1);
  for (uint32_t flow = 0; flow < cells.size(); ++flow) {
    add(flow, shape.inside(flow), shape.remote(flow), cells[flow]);
  }
}

Bare::~Bare() {
  munmap(sessions_, session_bytes_);
  munmap(buckets_, bucket_bytes_);
}

// A flow that finds its bucket full is left out: there is no policy for that either.
void Bare::add(uint32_t flow, const Inside& inside, net::Ip4 remote, const Cell& cell) {
  const uint32_t ports = uint32_t{net::Be16(kServerPort).raw()} << 16 | inside.port.raw();
  sessions_[flow] = {inside.address, remote, ports, cell, 123, 0, 0, 0};
  const uint32_t hash = hash_of(inside.address, remote.value.raw(), ports);
  Bucket& bucket = buckets_[hash & mask_];
  for (unsigned place = 0; place < kPlaces; ++place) {
    if (bucket.tag[place] != 0) continue;
    bucket.tag[place] = tag_of(hash);
    bucket.session[place] = flow;
    return;
  }
}

namespace {

// The IPv4 frame ends where the IPv6 one did.
void rewrite(rte_mbuf* mbuf, const Cell& cell, net::Ip4 remote, uint16_t delta) {
  auto* frame = rte_pktmbuf_mtod(mbuf, uint8_t*);
  const auto* ip = net::header_at<net::Ip6Header>(frame + kEth);
  auto* udp = net::header_at<net::UdpHeader>(frame + kEth + sizeof *ip);
  const xlat::Ip4Fields fields{
      .tos = ip->traffic_class(),
      .ttl = static_cast<uint8_t>(ip->hop_limit - 1),
      .protocol = ip->next_header,
      .total_length = static_cast<uint16_t>(ip->payload_length.host() + sizeof(net::Ip4Header)),
      .id = 0,
      .flags_offset = net::kIp4DontFragment};
  constexpr unsigned kShorter = sizeof(net::Ip6Header) - sizeof(net::Ip4Header);
  std::memset(frame + kShorter, 0x22, kEth - 2);
  const net::Be16 ether_type(net::kEtherIp4);
  std::memcpy(frame + kShorter + kEth - 2, &ether_type, sizeof ether_type);
  xlat::write_ip4(frame + kShorter + kEth, fields, cell.address, remote);
  udp->source_port = cell.port;
  udp->checksum = net::ChecksumDelta::from_raw(delta).apply_udp(udp->checksum);
  rte_pktmbuf_adj(mbuf, kShorter);
}

}  // namespace

unsigned Bare::translate(rte_mbuf** mbufs, unsigned count, uint32_t now) {
  uint32_t hash[kBurst];
  Session* found[kBurst];
  unsigned hits = 0;
  for (unsigned i = 0; i < count; ++i) {
    const auto* ip = Template::ip6(mbufs[i]);
    hash[i] = hash_of(
        *ip, *net::header_at<net::UdpHeader>(reinterpret_cast<const uint8_t*>(ip) + sizeof *ip));
    __builtin_prefetch(&buckets_[hash[i] & mask_]);
  }
  for (unsigned i = 0; i < count; ++i) {
    const Bucket& bucket = buckets_[hash[i] & mask_];
    const __m128i tags = _mm_load_si128(reinterpret_cast<const __m128i*>(bucket.tag));
    const __m128i same = _mm_cmpeq_epi16(tags, _mm_set1_epi16(static_cast<short>(tag_of(hash[i]))));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(same));
    found[i] = mask == 0 ? nullptr : &sessions_[bucket.session[__builtin_ctz(mask) / 2]];
    __builtin_prefetch(found[i], 1);
  }
  for (unsigned i = 0; i < count; ++i) {
    Session* s = found[i];
    const auto* ip = Template::ip6(mbufs[i]);
    const auto* l4 = reinterpret_cast<const uint8_t*>(ip) + sizeof *ip;
    if (s == nullptr || !(s->inside == ip->source) || s->ports != load32(l4)) continue;
    ++hits;
    s->last = now;
    ++s->packets;
    s->bytes += ip->payload_length.host();
    rewrite(mbufs[i], s->cell, s->remote, s->delta);
  }
  return hits;
}

}  // namespace isthmus::bench
