// SPDX-License-Identifier: BSD-3-Clause
// Reading the files of local zones.
#include <cstdio>
#include <memory>

#include "dns64/local_zones.h"
#include "dns64/rdata.h"
#include "dns64/reverse.h"
#include "dns64/text_file.h"

// Without stdbool.h, ldns would define bool as a macro.
#include <stdbool.h>

#include <ldns/ldns.h>

namespace isthmus::dns64 {
namespace {

constexpr uint32_t kHostsTtl = 300;
constexpr uint16_t kTypeNsec = 47;

/// A host's name: as it stands, or in the zone where it has no dot.
Result<Name> host_name(std::string_view text, const Name& zone) {
  Result<Name> name = Name::from_text(text);
  if (!name || zone.is_root() || text.find('.') != std::string_view::npos) return name;
  if (!name->append(zone.wire())) return Error{"\"" + std::string(text) + "\" is too long a name"};
  return name;
}

std::vector<uint8_t> bytes(Bytes wire) {
  return {wire.begin(), wire.end()};
}

}  // namespace

Status LocalZones::add_hosts(const Name& zone, const std::string& file, std::string_view text) {
  add_zone(zone);
  TextFile lines(text);
  while (lines.next()) {
    const std::vector<std::string_view>& words = lines.words();
    const auto v4 = net::parse_ip4(words[0]);
    const auto v6 = v4 ? std::nullopt : net::parse_ip6(words[0]);
    if ((!v4 && !v6) || words.size() < 2) {
      return lines.error(file, "an IP address and names, like \"192.0.2.7 printer.example\"");
    }
    const Name backwards = v4 ? reverse_name(*v4) : reverse_name(*v6);
    const Bytes address = v4 ? Bytes(reinterpret_cast<const uint8_t*>(&*v4), 4) : Bytes(v6->bytes);
    for (std::size_t i = 1; i < words.size(); ++i) {
      Result<Name> name = host_name(words[i], zone);
      if (!name) return lines.error(file, "a domain name: " + name.error().text);
      if (!name->is_within(zone)) return lines.error(file, "a name in " + to_string(zone));
      const uint16_t type = v4 ? kTypeA : kTypeAaaa;
      names_with_records_ += add(zone, *name, {type, kHostsTtl, bytes(address)});
      // As gethostbyaddr() has it: the first name of a line is the host's, others are aliases.
      if (i == 1) add(Name(), backwards, {kTypePtr, kHostsTtl, bytes(name->wire())});
    }
  }
  return Ok{};
}

namespace {

/// Whether `rdata` is what `type` says. ldns takes data in the way of RFC 3597 5 ("\\# 4 c0000201")
/// as it stands, and it is served as it stands: a pointer in a name would lead anywhere.
bool well_formed(uint16_t type, Bytes rdata) {
  if (type == kTypeA) return rdata.size() == sizeof(net::Ip4);
  if (type == kTypeAaaa) return rdata.size() == sizeof(net::Ip6);
  const RdataLayout layout = rdata_layout(type);
  if (layout.names == 0) return true;
  std::size_t at = layout.fixed;
  for (unsigned i = 0; i < layout.strings && at < rdata.size(); ++i) at += rdata[at] + 1u;
  for (unsigned i = 0; i < layout.names; ++i) {
    const std::size_t start = at;
    Name name;
    if (at >= rdata.size() || !read_name(rdata, at, name) || at - start != name.size())
      return false;
  }
  return layout.tail == kAnyTail || rdata.size() - at == layout.tail;
}

}  // namespace

Status LocalZones::add_master(const Name& zone, const std::string& file, const std::string& text) {
  add_zone(zone);
  names_.try_emplace(key_of(zone));
  const std::unique_ptr<FILE, int (*)(FILE*)> stream(
      ::fmemopen(const_cast<char*>(text.data()), text.size(), "r"), &std::fclose);
  if (!stream) return Ok{};  // an empty file is an empty zone
  uint32_t ttl = kHostsTtl;
  ldns_rdf* origin = ldns_dname_new_frm_str(to_string(zone).c_str());
  ldns_rdf* previous = nullptr;
  int line = 0;
  std::string wrong;
  while (wrong.empty() && !std::feof(stream.get())) {
    ldns_rr* rr = nullptr;
    const ldns_status status =
        ldns_rr_new_frm_fp_l(&rr, stream.get(), &ttl, &origin, &previous, &line);
    const bool directive = status == LDNS_STATUS_SYNTAX_TTL ||
                           status == LDNS_STATUS_SYNTAX_ORIGIN ||
                           status == LDNS_STATUS_SYNTAX_EMPTY;
    if (directive) continue;
    if (status != LDNS_STATUS_OK) {
      wrong = std::string("a resource record: ") + ldns_get_errorstr_by_id(status);
      break;
    }
    std::vector<uint8_t> rdata;
    for (std::size_t i = 0; i < ldns_rr_rd_count(rr); ++i) {
      uint8_t* wire = nullptr;
      std::size_t size = 0;
      ldns_buffer* buffer = ldns_buffer_new(512);
      ldns_rdf2buffer_wire(buffer, ldns_rr_rdf(rr, i));
      wire = ldns_buffer_begin(buffer);
      size = ldns_buffer_position(buffer);
      rdata.insert(rdata.end(), wire, wire + size);
      ldns_buffer_free(buffer);
    }
    const ldns_rdf* owner = ldns_rr_owner(rr);
    Name name;
    std::size_t at = 0;
    read_name(Bytes(ldns_rdf_data(owner), ldns_rdf_size(owner)), at, name);
    const auto type = static_cast<uint16_t>(ldns_rr_get_type(rr));
    if (!name.is_within(zone)) {
      wrong = "a name in " + to_string(zone);
    } else if (type == kTypeDname || (type == kTypeNs && !(name == zone)) || type == kTypeNsec ||
               (name.wire()[0] == 1 && name.wire()[1] == '*')) {
      wrong = "no wildcards, DNAME, delegations or NSEC: they are not served here";
    } else if (!well_formed(type, rdata)) {
      wrong = "data of its type";
    } else {
      names_with_records_ += add(zone, name, {type, ldns_rr_ttl(rr), std::move(rdata)});
    }
    ldns_rr_free(rr);
  }
  ldns_rdf_deep_free(origin);
  ldns_rdf_deep_free(previous);
  if (wrong.empty()) return Ok{};
  return Error{file + ':' + std::to_string(line) + ": expected " + wrong};
}

}  // namespace isthmus::dns64
