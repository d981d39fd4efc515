// SPDX-License-Identifier: BSD-3-Clause
#include "nat/arena.h"

#include <sys/mman.h>

namespace isthmus::nat {
namespace {
constexpr std::size_t kHugePage = std::size_t{2} << 20;
}

Arena::~Arena() {
  if (base_ != nullptr) munmap(base_, mapped_);
}

bool Arena::map(std::size_t bytes) {
  const std::size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* memory = mmap(nullptr, rounded, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  madvise(memory, rounded, MADV_HUGEPAGE);  // a wish: without it only the TLB misses more
  base_ = static_cast<std::byte*>(memory);
  size_ = bytes;
  mapped_ = rounded;
  return true;
}

void* Arena::take_bytes(std::size_t bytes) {
  const std::size_t rounded = (bytes + kAlign - 1) / kAlign * kAlign;
  if (rounded > size_ - used_) return nullptr;
  void* out = base_ + used_;
  used_ += rounded;
  return out;
}

}  // namespace isthmus::nat
