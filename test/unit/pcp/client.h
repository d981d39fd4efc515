// SPDX-License-Identifier: BSD-3-Clause
// Requests as a client writes them, field by field as in the figures of RFC 6887.
#pragma once

#include <string>

#include "packets/builder.h"
#include "pcp/message.h"

namespace isthmus::test {

inline Bytes number(uint32_t value, int octets) {
  Bytes out;
  for (int i = octets - 1; i >= 0; --i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
  return out;
}

inline Bytes octets(const net::Ip6& address) {
  return {address.bytes.begin(), address.bytes.end()};
}

inline const net::Ip6 kClient = *net::parse_ip6("2001:db8:1::10");
inline const std::string kNonce = "0102030405060708090a0b0c";

inline Bytes header(uint8_t opcode, uint32_t lifetime, const net::Ip6& client = kClient) {
  return Bytes{2, opcode, 0, 0} + number(lifetime, 4) + octets(client);
}

struct Map {
  uint8_t protocol = 17;
  uint16_t internal = 4000;
  uint32_t lifetime = 600;
  std::string external = "::ffff:0:0";
  uint16_t external_port = 0;
  std::string nonce = kNonce;
  net::Ip6 client = kClient;

  Bytes bytes(const Bytes& options = {}) const {
    return header(1, lifetime, client) + hex(nonce) + Bytes{protocol, 0, 0, 0} +
           number(internal, 2) + number(external_port, 2) +
           octets(net::parse_ip6(external).value()) + options;
  }
};

}  // namespace isthmus::test
