// SPDX-License-Identifier: BSD-3-Clause
// Files of the operator's about names: the first octet says which kind, the rest is the text. It is
// either refused with file and line, or every question about what it holds is answered.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "dns64/local_zones.h"
#include "dns64/name_rules.h"

using namespace isthmus;
using namespace isthmus::dns64;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

Name name(std::string_view text) {
  const auto parsed = Name::from_text(text);
  require(static_cast<bool>(parsed));
  return *parsed;
}

void refused(const Status& status) {
  if (!status) require(status.error().text.starts_with("file:"));
}

void ask(const LocalZones& zones, const Name& about) {
  static const Policy policy;
  for (const uint16_t type : {1, 2, 5, 6, 12, 15, 16, 28, 33, 65, 255}) {
    Question question;
    question.name = about;
    question.type = type;
    question.klass = 1;
    const auto answer = zones.answer(question, policy);
    if (!answer) continue;
    require(answer->message.size() >= 12 + about.size() + 4);
    require(answer->message.size() <= 65535 && answer->additional_at <= answer->message.size());
    for (const uint16_t at : answer->ttl_offsets) require(at + 4u <= answer->message.size());
  }
}

void ask_all(const LocalZones& zones, const Name& zone) {
  ask(zones, zone);
  for (const char* text : {"a.example", "b.a.example", "A.EXAMPLE", "a", "www.example.net",
                           "7.2.0.192.in-addr.arpa", "1.0.0.10.in-addr.arpa"}) {
    ask(zones, name(text));
  }
  // The name of 64:ff9b::192.0.2.7, backwards.
  ask(zones, name("7.0.2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Name zone = (data[0] & 4) != 0 ? Name() : name("example");
  LocalZones zones;
  NameRules rules;
  switch (data[0] & 3) {
    case 0: refused(zones.add_hosts(zone, "file", text)); break;
    case 1: refused(zones.add_master(zone, "file", text)); break;
    default:
      refused(rules.add_file("file", text, NameAction::kBlock));
      (void)rules.find(name("b.a.example"));
      return 0;
  }
  ask_all(zones, zone);
  return 0;
}
