// SPDX-License-Identifier: BSD-3-Clause
#include "xlat/identification.h"

#include <set>

#include "catch.h"

namespace isthmus::test::identification_test {
namespace {

const net::Ip4 kPool = net::Ip4::from_host(0xcb007101);
const net::Ip4 kServer = net::Ip4::from_host(0xc633640a);

}  // namespace

TEST_CASE("RFC 6864 4.3: an Identification does not come back before all have been used") {
  xlat::IdGenerator ids;
  ids.divide(0, 1);
  std::set<uint16_t> seen;
  for (unsigned i = 0; i < 32768; ++i) CHECK(seen.insert(ids.take_for(kPool, kServer, 17)).second);
  // Other traffic in between makes no difference.
  std::set<uint16_t> again;
  for (unsigned i = 0; i < 1000; ++i) {
    CHECK(again.insert(ids.take_for(kPool, kServer, 6)).second);
    ids.take_for(kPool, net::Ip4::from_host(i), 6);
    ids.take();
  }
}

TEST_CASE("RFC 6864 4.3: fragments and whole packets have numbers of their own") {
  xlat::IdGenerator ids;
  ids.divide(0, 1);
  for (unsigned i = 0; i < 40000; ++i) {
    CHECK(ids.take() < 0x8000);
    CHECK(ids.take_for(kPool, kServer, 17) >= 0x8000);
  }
}

TEST_CASE("RFC 6864 4.3: workers that share an address divide the numbers") {
  for (const unsigned parts : {2u, 3u, 7u, 16u}) {
    std::set<uint16_t> whole, fragments;
    std::size_t given = 0;
    for (unsigned part = 0; part < parts; ++part) {
      xlat::IdGenerator ids;
      ids.next = 12345 * part;
      ids.divide(part, parts);
      for (unsigned i = 0; i < 2048; ++i, ++given) {
        whole.insert(ids.take());
        fragments.insert(ids.take_for(kPool, kServer, 17));
      }
    }
    CHECK(whole.size() == given);
    CHECK(fragments.size() == given);
  }
}

TEST_CASE("RFC 6864 4.3: numbers in a row are a worker's own, and come back as late as others") {
  for (const unsigned parts : {1u, 3u, 64u}) {
    xlat::IdGenerator ids;
    ids.next = 54321;
    ids.divide(parts - 1, parts);
    const unsigned all = ids.mask + 1u;
    std::set<uint16_t> seen;
    unsigned given = 0;
    for (unsigned count = 1; given < all - 2 * 64; given += count, count = count % 64 + 1) {
      const unsigned first = ids.take(count);
      for (unsigned i = 0; i < count; ++i) {
        const auto id = static_cast<uint16_t>(first + i);
        CHECK((id & ~uint32_t{ids.mask}) == ids.base);
        CHECK(seen.insert(id).second);
      }
    }
  }
}

}  // namespace isthmus::test::identification_test
