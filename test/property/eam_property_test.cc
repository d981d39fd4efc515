// SPDX-License-Identifier: BSD-3-Clause
// The table of explicit address mappings against RFC 7757 3.3 taken literally: addresses as strings
// of bits, a search through the whole list, and the steps one by one.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "catch.h"
#include "property/seed.h"
#include "xlat/eam.h"

using namespace isthmus;
using namespace isthmus::test;

namespace {

std::string bits(const uint8_t* bytes, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < 8 * count; ++i) out += bytes[i / 8] & (0x80 >> i % 8) ? '1' : '0';
  return out;
}
std::string bits(net::Ip4 address) {
  return bits(reinterpret_cast<const uint8_t*>(&address), 4);
}
std::string bits(const net::Ip6& address) {
  return bits(address.bytes.data(), 16);
}

struct Row {
  std::string six, four;  ///< prefixes, of as many bits as they are long
};

// 3.3.1 and 3.3.2; the only difference is which column is searched, and what step 5 does.
std::string translate(const std::vector<Row>& table, const std::string& address) {
  const bool from6 = address.size() == 128;
  const Row* best = nullptr;
  for (const auto& row : table) {
    const auto& own = from6 ? row.six : row.four;
    if (!address.starts_with(own)) continue;
    if (best == nullptr || own.size() > (from6 ? best->six : best->four).size()) best = &row;
  }
  if (best == nullptr) return "none";
  std::string buffer = address.substr((from6 ? best->six : best->four).size());
  buffer = (from6 ? best->four : best->six) + buffer;
  buffer.resize(from6 ? 32 : 128, '0');
  return buffer;
}

class Random {
 public:
  explicit Random(uint64_t seed) : random_(seed) {}

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  /// Few high bits vary, so that prefixes lie in each other.
  net::Ip4 four() {
    const uint32_t low = static_cast<uint32_t>(random_());
    return net::Ip4::from_host(below(4) == 0 ? low : 0xc0000200 | (low & 0xff));
  }
  net::Ip6 six() {
    net::Ip6 out = *net::parse_ip6("2001:db8::");
    const unsigned from = below(3) == 0 ? 0 : 4 + below(12);
    for (std::size_t i = from; i < 16; ++i) {
      if (below(3) == 0) out.bytes[i] = static_cast<uint8_t>(random_());
    }
    return out;
  }
  net::Eam eam() {
    const auto length4 = static_cast<uint8_t>(below(4) == 0 ? below(33) : 24 + below(9));
    const unsigned most6 = 96u + length4;
    const auto length6 = static_cast<uint8_t>(below(3) == 0 ? below(most6 + 1) : most6);
    const auto address4 = four() & net::mask4(length4);
    return {net::prefix_of(six(), length6), {address4, length4}};
  }

 private:
  std::mt19937_64 random_;
};

template <class Prefix>
bool is_new(std::set<std::string>& seen, const Prefix& prefix) {
  return seen.insert(net::to_string(prefix)).second;
}

}  // namespace

TEST_CASE("RFC 7757 3.3: the table finds what a search through the list finds") {
  const Seed seed;
  Random random(seed.value);
  for (int round = 0; round < 150; ++round) {
    std::vector<net::Eam> list;
    std::vector<Row> rows;
    std::set<std::string> seen;
    for (unsigned i = random.below(60); i > 0; --i) {
      const auto eam = random.eam();
      REQUIRE(eam.fits());
      if (!is_new(seen, eam.six) || !is_new(seen, eam.four)) continue;
      list.push_back(eam);
      rows.push_back({bits(eam.six.address).substr(0, eam.six.length),
                      bits(eam.four.address).substr(0, eam.four.length)});
    }
    const auto table = xlat::EamTable::make(list);
    CHECK(table->size() == list.size());
    for (int i = 0; i < 200; ++i) {
      // Half of them inside a mapping of the list.
      const bool aimed = !list.empty() && random.below(2) == 0;
      const auto& near =
          aimed ? list[random.below(static_cast<unsigned>(list.size()))] : net::Eam{};
      net::Ip4 a4 = random.four();
      net::Ip6 a6 = random.six();
      if (aimed) {
        a4 = net::Ip4::from_host(near.four.address.host() | (a4.host() & ~near.four.mask()));
        const auto mask = net::mask6(near.six.length);
        for (std::size_t b = 0; b < 16; ++b) {
          a6.bytes[b] =
              static_cast<uint8_t>(near.six.address.bytes[b] | (a6.bytes[b] & ~mask.bytes[b]));
        }
      }
      INFO("round " << round << ", " << net::to_string(a4) << ", " << net::to_string(a6));
      net::Ip4 to4;
      net::Ip6 to6;
      CHECK((table->to6(a4, to6) ? bits(to6) : "none") == translate(rows, bits(a4)));
      CHECK((table->to4(a6, to4) ? bits(to4) : "none") == translate(rows, bits(a6)));
    }
  }
}

TEST_CASE("RFC 7757 3.3: an IPv4 address comes back to itself, if no mapping overlaps another") {
  const Seed seed;
  Random random(seed.value);
  for (int round = 0; round < 300; ++round) {
    std::vector<net::Eam> list;
    for (unsigned i = 0; i < 20; ++i) {
      const auto eam = random.eam();
      const bool apart = std::none_of(list.begin(), list.end(), [&](const net::Eam& other) {
        return other.six.contains(eam.six) || eam.six.contains(other.six) ||
               other.four.contains(eam.four) || eam.four.contains(other.four);
      });
      if (apart) list.push_back(eam);
    }
    const auto table = xlat::EamTable::make(list);
    for (int i = 0; i < 100; ++i) {
      const auto a = random.four();
      net::Ip6 there;
      if (!table->to6(a, there)) continue;
      net::Ip4 back;
      INFO(net::to_string(a) << " -> " << net::to_string(there));
      REQUIRE(table->to4(there, back));
      CHECK(back == a);
    }
  }
}
