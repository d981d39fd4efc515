// SPDX-License-Identifier: BSD-3-Clause
#include "bench/dns64_load.h"

#include <string>

namespace isthmus::bench {

Wire dns_query(unsigned number) {
  Wire out = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  const std::string label = "host" + std::to_string(number);
  for (const std::string& part : {label, std::string("example"), std::string("net")}) {
    out.push_back(static_cast<uint8_t>(part.size()));
    out.insert(out.end(), part.begin(), part.end());
  }
  for (const int octet : {0, 0, 28, 0, 1}) out.push_back(static_cast<uint8_t>(octet));
  return out;
}

void make_dns_answer(Wire& message) {
  constexpr std::size_t kHeader = 12;
  std::size_t end = kHeader;
  while (message[end] != 0) end += message[end] + 1u;
  const uint8_t type = message[end + 2];
  message.resize(end + 5);  // without OPT
  message[2] = 0x81;
  message[3] = 0x80;
  message[11] = 0;
  if (type != 1) return;
  message[7] = 1;
  for (const int octet : {0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 8, 8, 8, 8}) {
    message.push_back(static_cast<uint8_t>(octet));
  }
}

}  // namespace isthmus::bench
