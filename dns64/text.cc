// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/text.h"

#include <cstdlib>

// Without stdbool.h, ldns would define bool as a macro.
#include <stdbool.h>

#include <ldns/ldns.h>

#include "dns64/query.h"

namespace isthmus::dns64 {
namespace {

std::string take(char* text) {
  std::string out = text ? text : "";
  std::free(text);
  return out;
}

}  // namespace

std::string type_text(uint16_t type) {
  return take(ldns_rr_type2str(static_cast<ldns_rr_type>(type)));
}

std::string rcode_text(uint16_t rcode) {
  if (rcode > kRcodeMask) return "RCODE" + std::to_string(rcode);
  return take(ldns_pkt_rcode2str(static_cast<ldns_pkt_rcode>(rcode)));
}

std::string client_text(const net::Ip6& client) {
  const auto v4 = unmap_ip4(client);
  return v4 ? net::to_string(*v4) : net::to_string(client);
}

std::string message_text(Bytes message) {
  ldns_pkt* packet = nullptr;
  if (ldns_wire2pkt(&packet, message.data(), message.size()) != LDNS_STATUS_OK) return {};
  std::string out = take(ldns_pkt2str(packet));
  ldns_pkt_free(packet);
  return out;
}

Result<std::vector<uint8_t>> make_query(std::string_view name, std::string_view type, uint16_t id) {
  Result<Name> wire = Name::from_text(name);
  if (!wire) return wire.error();
  const ldns_rr_type number = ldns_get_rr_type_by_name(std::string(type).c_str());
  if (number == 0) return Error{"\"" + std::string(type) + "\" is not a type of record"};
  std::vector<uint8_t> out = {
      static_cast<uint8_t>(id >> 8), static_cast<uint8_t>(id), 1, 0, 0, 1, 0, 0, 0, 0, 0, 1};
  out.insert(out.end(), wire->wire().begin(), wire->wire().end());
  const auto put16 = [&](unsigned v) {
    out.push_back(static_cast<uint8_t>(v >> 8));
    out.push_back(static_cast<uint8_t>(v));
  };
  put16(number);
  put16(kClassIn);
  out.push_back(0);
  for (const unsigned v : {unsigned{kTypeOpt}, unsigned{kUdpPayload}, 0u, 0u, 0u}) put16(v);
  return out;
}

}  // namespace isthmus::dns64
