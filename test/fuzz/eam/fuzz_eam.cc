// SPDX-License-Identifier: BSD-3-Clause
// Any text is either refused with a line and a reason, or a list of mappings that prints to a file
// of the same list; and a table of them answers for every address it was given.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "conf/eam_file.h"
#include "xlat/eam.h"

using namespace isthmus;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void look_up(const std::vector<conf::PlacedEam>& placed) {
  std::set<std::string> seen;
  std::vector<net::Eam> list;
  for (const auto& one : placed) {
    if (!one.eam.fits()) continue;
    const bool fresh = seen.insert(net::to_string(one.eam.six)).second;
    if (seen.insert(net::to_string(one.eam.four)).second && fresh) list.push_back(one.eam);
  }
  const auto table = xlat::EamTable::make(list);
  for (const auto& eam : list) {
    net::Ip4 four;
    net::Ip6 six;
    require(table->to4(eam.six.address, four));
    require(table->to6(eam.four.address, six));
    require(table->length6(six) >= 0 && table->overlaps(eam.six) && table->overlaps(eam.four));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<conf::PlacedEam> out;
  const auto problem =
      conf::parse_eams(std::string_view(reinterpret_cast<const char*>(data), size), out);
  if (problem) {
    require(problem->line > 0 && !problem->found.empty() && !problem->expected.empty());
    return 0;
  }
  std::string text;
  for (const auto& one : out) {
    text += net::to_string(one.eam.four) + ' ' + net::to_string(one.eam.six) + '\n';
  }
  std::vector<conf::PlacedEam> again;
  require(!conf::parse_eams(text, again) && again.size() == out.size());
  for (std::size_t i = 0; i < out.size(); ++i) require(again[i].eam == out[i].eam);
  look_up(out);
  return 0;
}
