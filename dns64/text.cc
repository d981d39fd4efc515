// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/text.h"

#include <algorithm>
#include <cstdio>
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

/// RFC 8914 4, for the codes that we send or act upon.
std::string_view extended_error_text(unsigned code) {
  switch (code) {
    case 1: return "Unsupported DNSKEY Algorithm";
    case 2: return "Unsupported DS Digest Type";
    case 3: return "Stale Answer";
    case 5: return "DNSSEC Indeterminate";
    case 6: return "DNSSEC Bogus";
    case 7: return "Signature Expired";
    case 8: return "Signature Not Yet Valid";
    case 9: return "DNSKEY Missing";
    case 10: return "RRSIGs Missing";
    case 11: return "No Zone Key Bit Set";
    case 12: return "NSEC Missing";
    case 15: return "Blocked";
    case 18: return "Prohibited";
    case 22: return "No Reachable Authority";
    case 23: return "Network Error";
    case 27: return "Unsupported NSEC3 Iterations Value";
    case 29: return "Synthesized";
    default: return "other";
  }
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
  const std::string text = take(ldns_pkt2str(packet));
  ldns_pkt_free(packet);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line(text.data() + at, end - at);
    at = end + 1;
    // The library made no query, so it knows no times; of RFC 8914 it knows nothing but octets.
    if (line.starts_with(";; Query time:") || line.starts_with(";; WHEN:")) continue;
    unsigned high = 0;
    unsigned low = 0;
    if (std::sscanf(std::string(line).c_str(), "; EDE: %2x %2x", &high, &low) == 2) {
      out += "; EDE: " + std::to_string(high << 8 | low) + " (" +
             std::string(extended_error_text(high << 8 | low)) + ")\n";
      continue;
    }
    out += line;
    out += '\n';
  }
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
