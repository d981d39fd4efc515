// SPDX-License-Identifier: BSD-3-Clause
#include "scenario/wire_text.h"

#include <algorithm>
#include <memory>
#include <stdexcept>

// Without stdbool.h, ldns would define bool as a macro.
#include <stdbool.h>

#include <ldns/ldns.h>

namespace isthmus::test {
namespace {

struct PacketFree {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};
using Packet = std::unique_ptr<ldns_pkt, PacketFree>;

constexpr ldns_pkt_section kSections[] = {LDNS_SECTION_ANSWER, LDNS_SECTION_AUTHORITY,
                                          LDNS_SECTION_ADDITIONAL};

std::string take(char* text) {
  std::string out = text ? text : "";
  std::free(text);
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  std::replace(out.begin(), out.end(), '\t', ' ');
  return out;
}

ldns_rr* record_of(const std::string& line) {
  ldns_rr* rr = nullptr;
  ldns_rdf* origin = ldns_dname_new_frm_str(".");
  const ldns_status status = ldns_rr_new_frm_str(&rr, line.c_str(), 0, origin, nullptr);
  ldns_rdf_deep_free(origin);
  if (status != LDNS_STATUS_OK) {
    throw std::runtime_error("\"" + line + "\": " + ldns_get_errorstr_by_id(status));
  }
  return rr;
}

bool has(const TextMessage& message, const char* flag) {
  return std::find(message.flags.begin(), message.flags.end(), flag) != message.flags.end();
}

void set_edns(ldns_pkt* packet, const TextMessage& message) {
  if (message.edns_size < 0) return;
  ldns_pkt_set_edns_udp_size(packet, static_cast<uint16_t>(message.edns_size));
  ldns_pkt_set_edns_do(packet, message.dnssec_ok);
  ldns_pkt_set_edns_version(packet, static_cast<uint8_t>(message.edns_version));
  if (message.extended_error >= 0) {
    const uint8_t option[] = {0,
                              15,
                              0,
                              2,
                              static_cast<uint8_t>(message.extended_error >> 8),
                              static_cast<uint8_t>(message.extended_error)};
    ldns_pkt_set_edns_data(packet,
                           ldns_rdf_new_frm_data(LDNS_RDF_TYPE_NONE, sizeof option, option));
  }
}

uint16_t rcode_of(const std::string& text) {
  if (text == "BADCOOKIE") return 23;  // which ldns does not know by name
  const ldns_lookup_table* entry = ldns_lookup_by_name(ldns_rcodes, text.c_str());
  if (!entry) throw std::runtime_error("no such rcode: " + text);
  return static_cast<uint16_t>(entry->id);
}

void read_edns(ldns_pkt* packet, TextMessage& out) {
  if (!ldns_pkt_edns(packet)) return;
  out.edns_size = ldns_pkt_edns_udp_size(packet);
  out.dnssec_ok = ldns_pkt_edns_do(packet);
  out.edns_version = ldns_pkt_edns_version(packet);
  const ldns_rdf* data = ldns_pkt_edns_data(packet);
  if (!data || ldns_rdf_size(data) < 6) return;
  const uint8_t* bytes = ldns_rdf_data(data);
  if (bytes[0] == 0 && bytes[1] == 15) out.extended_error = bytes[4] << 8 | bytes[5];
}

}  // namespace

std::string canonical_record(const std::string& line) {
  ldns_rr* rr = record_of(line);
  std::string out = take(ldns_rr2str(rr));
  ldns_rr_free(rr);
  return out;
}

Wire to_wire(const TextMessage& message) {
  const Packet packet(ldns_pkt_new());
  ldns_pkt_set_id(packet.get(), message.id);
  ldns_pkt_set_qr(packet.get(), has(message, "qr"));
  ldns_pkt_set_aa(packet.get(), has(message, "aa"));
  ldns_pkt_set_tc(packet.get(), has(message, "tc"));
  ldns_pkt_set_rd(packet.get(), has(message, "rd"));
  ldns_pkt_set_ra(packet.get(), has(message, "ra"));
  ldns_pkt_set_ad(packet.get(), has(message, "ad"));
  ldns_pkt_set_cd(packet.get(), has(message, "cd"));
  const uint16_t rcode = rcode_of(message.rcode);
  ldns_pkt_set_rcode(packet.get(), rcode & 15);
  if (message.has_question) {
    ldns_rr* question = ldns_rr_new();
    ldns_rr_set_question(question, true);
    ldns_rr_set_owner(question, ldns_dname_new_frm_str(message.name.c_str()));
    ldns_rr_set_type(question, ldns_get_rr_type_by_name(message.type.c_str()));
    ldns_rr_set_class(question, ldns_get_rr_class_by_name(message.klass.c_str()));
    ldns_pkt_push_rr(packet.get(), LDNS_SECTION_QUESTION, question);
  }
  for (int i = 0; i < 3; ++i) {
    for (const std::string& line : message.sections[i]) {
      ldns_pkt_push_rr(packet.get(), kSections[i], record_of(line));
    }
  }
  set_edns(packet.get(), message);
  if (rcode > 15) ldns_pkt_set_edns_extended_rcode(packet.get(), static_cast<uint8_t>(rcode >> 4));
  uint8_t* bytes = nullptr;
  std::size_t size = 0;
  if (ldns_pkt2wire(&bytes, packet.get(), &size) != LDNS_STATUS_OK) {
    throw std::runtime_error("ldns cannot write the message");
  }
  Wire out(bytes, bytes + size);
  std::free(bytes);
  return out;
}

TextMessage from_wire(const Wire& wire) {
  ldns_pkt* raw = nullptr;
  const ldns_status status = ldns_wire2pkt(&raw, wire.data(), wire.size());
  if (status != LDNS_STATUS_OK) {
    throw std::runtime_error(std::string("ldns cannot read it: ") +
                             ldns_get_errorstr_by_id(status));
  }
  const Packet packet(raw);
  TextMessage out;
  out.id = ldns_pkt_id(raw);
  const auto flag = [&](bool set, const char* name) {
    if (set) out.flags.push_back(name);
  };
  flag(ldns_pkt_qr(raw), "qr");
  flag(ldns_pkt_aa(raw), "aa");
  flag(ldns_pkt_tc(raw), "tc");
  flag(ldns_pkt_rd(raw), "rd");
  flag(ldns_pkt_ra(raw), "ra");
  flag(ldns_pkt_ad(raw), "ad");
  flag(ldns_pkt_cd(raw), "cd");
  read_edns(raw, out);
  const int extended = out.edns_size >= 0 ? ldns_pkt_edns_extended_rcode(raw) << 4 : 0;
  const int rcode = static_cast<int>(ldns_pkt_get_rcode(raw)) | extended;
  const ldns_lookup_table* entry = ldns_lookup_by_id(ldns_rcodes, rcode);
  out.rcode = entry ? entry->name : rcode == 16 ? "BADVERS" : std::to_string(rcode);
  out.has_question = ldns_pkt_qdcount(raw) > 0;
  if (out.has_question) {
    const ldns_rr* question = ldns_rr_list_rr(ldns_pkt_question(raw), 0);
    out.name = take(ldns_rdf2str(ldns_rr_owner(question)));
    out.type = take(ldns_rr_type2str(ldns_rr_get_type(question)));
    out.klass = take(ldns_rr_class2str(ldns_rr_get_class(question)));
  }
  const ldns_rr_list* lists[] = {ldns_pkt_answer(raw), ldns_pkt_authority(raw),
                                 ldns_pkt_additional(raw)};
  for (int i = 0; i < 3; ++i) {
    for (std::size_t k = 0; k < ldns_rr_list_rr_count(lists[i]); ++k) {
      out.sections[i].push_back(take(ldns_rr2str(ldns_rr_list_rr(lists[i], k))));
    }
  }
  return out;
}

}  // namespace isthmus::test
