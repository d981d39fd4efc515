// SPDX-License-Identifier: BSD-3-Clause
// Plays text scenarios against the DNS64 engine on a virtual clock.   Usage: runner FILE.scn...
//
// A file holds scenarios one after the other. Lines are commands; what stands behind ';' is
// comment.
//
//   scenario NAME                     a fresh engine. NAME starts with the clause it shows
//   option prefix P/N [RANGE/N]       synthesis prefix (repeatable; the first replaces the default)
//   option exclude P/N                excluded range (repeatable; the first replaces the default)
//   option none RANGE/N               no prefix for these IPv4 addresses
//   option global P/N | forbidden P/N  IPv4 addresses that are, or that may not be carried
//   option allow-non-global | always | never | parallel | fastest | no-synthesis-on-error
//   option upstreams N | timeout MS | cache N | max-in-flight N | client-in-flight N
//   option zone-in-flight N | rate N | stale SECONDS | prefetch
//   option names exclude|force|block NAME...
//   option no-clients
//   option clients P/N [refuse|always|never] [prefix P/N]...
//   option forward ZONE FIRST COUNT   upstreams of a zone
//   option hosts ZONE ADDRESS NAME... a line of a hosts file
//   option master ZONE LINE           a line of a zone file
//
//   query ID NAME TYPE [CLASS] [norecurse] [do] [cd] [ad] [edns SIZE] [version N] [tcp] [from A]
//       [cookie HEX | cookie-of ID] [padding] [trace]
//   raw ID [tcp] HEX...               a query byte by byte
//   upstream [N] NAME TYPE [CLASS] [tcp] [do] [cd] [noedns] [cookie HEX]
//                                     (cookie: what follows the client's part is HEX; "-": nothing)
//                                     the oldest query not yet looked at goes to upstream N, and is
//                                     just this; it becomes the one that the next lines answer
//   no-upstream                       no query is left to look at
//   answer [RCODE] [flags F...] [tc] [ede N] [noedns] [case fold] [id wrong] [name NAME]
//       [type TYPE] [cookie HEX]
//   bare RCODE                        an answer that is a header only
//   hex HEX...                        an answer byte by byte, behind the right ID
//   refused                           the network refuses it
//     AN LINE | AU LINE | AR LINE     records of the answer or expectation above (zone file
//                                     syntax)
//   reuse K                           turn back to the K-th query sent upstream (from 0)
//   time MS                           the clock advances, and every deadline on the way is kept
//   expect ID RCODE [flags F...] [edns SIZE] [do] [ede N] [noquestion] [any-records]
//                                     the reply to ID has come, and has exactly this
//   expect-size ID MAX                and is at most so long
//   expect-case ID NAME               its question is spelt like this
//   silent ID                         there is no reply to ID (yet)
//   dropped ID                        the query was dropped
//   figure NAME N                     a counter stands at N
//   expect-option ID CODE SIZE|none   the reply's OPT has this option, of so many octets
//   traced ID TEXT                    a step of ID contains this
//   reload                            the options as they stand now are applied
//   flush | flush-name NAME           the cache is emptied, or forgets a name
//
// An answer is sent when its last line has been read. Flags of an answer default to "qr ra rd",
// those of an expectation likewise. Anything sent upstream that no line looks at fails the
// scenario.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>

#include "scenario/scenario.h"

namespace isthmus::test {
namespace {

struct Tally {
  unsigned passed = 0;
  unsigned failed = 0;
};

void play(const char* path, Tally& tally) {
  std::ifstream file(path);
  if (!file) fail(std::string("cannot read ") + path);
  std::unique_ptr<Scenario> scenario;
  bool broken = false;
  int number = 0;
  const auto guarded = [&](const std::function<void()>& step) {
    try {
      step();
    } catch (const std::exception& error) {
      std::printf("%s:%d: %s\n%s\n", path, number, scenario ? scenario->name().c_str() : "",
                  error.what());
      broken = true;
    }
  };
  const auto close = [&] {
    if (scenario && !broken) guarded([&] { scenario->finish(); });
    if (scenario) ++(broken ? tally.failed : tally.passed);
    broken = false;
  };
  for (std::string line; std::getline(file, line);) {
    ++number;
    line.resize(std::min(line.size(), line.find(" ;")));
    const std::size_t start = line.find_first_not_of(" \t");
    if (start == std::string::npos || line[start] == ';') continue;
    if (line.compare(start, 9, "scenario ") == 0) {
      close();
      scenario = std::make_unique<Scenario>(line.substr(start + 9));
    } else if (!broken) {
      if (!scenario) fail(std::string(path) + ": the first command must be \"scenario\"");
      guarded([&] { scenario->line(line); });
    }
  }
  close();
}

}  // namespace
}  // namespace isthmus::test

int main(int argc, char** argv) {
  isthmus::test::Tally tally;
  for (int i = 1; i < argc; ++i) isthmus::test::play(argv[i], tally);
  std::printf("%u scenarios passed, %u failed\n", tally.passed, tally.failed);
  return tally.failed != 0 || tally.passed == 0;
}
