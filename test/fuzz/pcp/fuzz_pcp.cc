// SPDX-License-Identifier: BSD-3-Clause
// Any datagrams, one after the other, each with its length in front: answers are well-formed, and
// the server and the translator agree on who has what.
#include <algorithm>
#include <cstdlib>
#include <set>

#include "pcp/server.h"

using namespace isthmus;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

struct Gateway final : pcp::Gateway {
  std::set<pcp::Internal> leases;
  std::variant<pcp::External, pcp::Code> lease(const pcp::Wish& wish) override {
    if (wish.internal.port % 7 == 0) return pcp::Code::kNoResources;
    if (wish.internal.port % 5 == 0) return pcp::External{wish.address, 80, true};
    leases.insert(wish.internal);
    return pcp::External{wish.address, wish.internal.port, false};
  }
  void release(const pcp::Internal& internal) override { require(leases.erase(internal) == 1); }
  pcp::Known known(const pcp::Internal& internal) override {
    return internal.port % 3 == 0 ? pcp::Known::kOutbound : pcp::Known::kNothing;
  }
  std::vector<net::Prefix6052> prefixes(const net::Ip6& client) override {
    if (client.bytes[15] == 9) return {};
    return {net::Prefix6052::well_known()};
  }
};

void check(const pcp::Bytes& answer, std::span<const uint8_t> request) {
  require(answer.size() >= 24 && answer.size() <= pcp::kMaxMessage && answer.size() % 4 == 0);
  require(answer[0] == 2 && answer[1] == (request[1] | 0x80) && answer[2] == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Gateway gateway;
  double now = 0;
  pcp::Server server(gateway, {}, now);
  std::span<const uint8_t> rest(data, size);
  while (rest.size() > 2) {
    const std::size_t length = std::min<std::size_t>(rest[0] | rest[1] << 8, rest.size() - 2);
    const auto request = rest.subspan(2, length);
    rest = rest.subspan(2 + length);
    // Mostly from the address that the request names.
    net::Ip6 source;
    if (length >= 24) std::copy_n(request.begin() + 8, 16, source.bytes.begin());
    if (length % 16 == 15) source.bytes[0] ^= 1;
    if (const auto answer = server.answer(request, source, now)) check(*answer, request);
    require(server.mappings().size() == gateway.leases.size());
    now += 50;
    server.expire(now);
    require(server.mappings().size() == gateway.leases.size());
  }
  return 0;
}
