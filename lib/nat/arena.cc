// SPDX-License-Identifier: BSD-3-Clause
#include "nat/arena.h"

#include <linux/mman.h>
#include <sys/mman.h>
#include <unistd.h>

namespace isthmus::nat {
namespace {

constexpr int kMapping = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MADV_POPULATE_WRITE
constexpr int kPopulateWrite = MADV_POPULATE_WRITE;
#else
constexpr int kPopulateWrite = 23;  // Linux 5.14; older ones refuse it
#endif

void* map_pages(std::size_t bytes, int flags) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kMapping | flags, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

Arena::~Arena() {
  if (base_ != nullptr) munmap(base_, mapped_);
}

bool Arena::map(std::size_t bytes, bool reserved_pages) {
  const std::size_t rounded = mapped(bytes);
  void* memory = nullptr;
  // The kernel sets such pages aside here, or says that there are too few.
  if (reserved_pages) memory = map_pages(rounded, MAP_HUGETLB | MAP_HUGE_2MB);
  if (memory == nullptr) {
    memory = map_pages(rounded, MAP_NORESERVE);
    if (memory == nullptr) return false;
    madvise(memory, rounded, MADV_HUGEPAGE);  // a wish: without it only the TLB misses more
  }
  base_ = static_cast<std::byte*>(memory);
  size_ = bytes;
  mapped_ = rounded;
  return true;
}

void Arena::touch() {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t bytes = (size_ + page - 1) / page * page;
  if (base_ == nullptr || madvise(base_, bytes, kPopulateWrite) == 0) return;
  // Nobody else writes here yet, so what is there may be read and written back.
  for (std::size_t at = 0; at < bytes; at += page) {
    auto* byte = reinterpret_cast<volatile std::byte*>(base_ + at);
    *byte = *byte;
  }
}

void* Arena::take_bytes(std::size_t bytes) {
  const std::size_t rounded = (bytes + kAlign - 1) / kAlign * kAlign;
  if (rounded > size_ - used_) return nullptr;
  void* out = base_ + used_;
  used_ += rounded;
  return out;
}

}  // namespace isthmus::nat
