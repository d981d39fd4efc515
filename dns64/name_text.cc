// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/name.h"
#include "dns64/wire.h"

// Without stdbool.h, ldns would define bool as a macro.
#include <stdbool.h>

#include <ldns/ldns.h>

namespace isthmus::dns64 {

Result<Name> Name::from_text(std::string_view text) {
  ldns_rdf* rdf = nullptr;
  if (ldns_str2rdf_dname(&rdf, std::string(text).c_str()) != LDNS_STATUS_OK) {
    return Error{"\"" + std::string(text) + "\" is not a domain name"};
  }
  const Bytes wire(ldns_rdf_data(rdf), ldns_rdf_size(rdf));
  Name name;
  std::size_t at = 0;
  const bool good = read_name(wire, at, name) && at == wire.size();
  ldns_rdf_deep_free(rdf);
  if (!good) return Error{"\"" + std::string(text) + "\" is not a domain name"};
  return name;
}

std::string to_string(const Name& name) {
  if (name.is_root()) return ".";
  std::string out;
  const Bytes wire = name.wire();
  for (std::size_t at = 0; wire[at] != 0;) {
    const std::size_t end = at + 1 + wire[at];
    for (++at; at < end; ++at) {
      const uint8_t c = wire[at];
      if (c <= ' ' || c >= 0x7f) {
        const char digits[] = {'\\', static_cast<char>('0' + c / 100),
                               static_cast<char>('0' + c / 10 % 10),
                               static_cast<char>('0' + c % 10)};
        out.append(digits, sizeof digits);
        continue;
      }
      if (c == '.' || c == '\\' || c == '"' || c == ';' || c == '@' || c == '$' || c == '(' ||
          c == ')') {
        out += '\\';
      }
      out += static_cast<char>(c);
    }
    out += '.';
  }
  return out;
}

}  // namespace isthmus::dns64
