// SPDX-License-Identifier: BSD-3-Clause
// Screens of isthmusctl: what is drawn, and what fits.
#include "app/isthmusctl/top.h"

#include "app/isthmusctl/client.h"
#include "app/isthmusctl/repeat.h"
#include "app/isthmusctl/screen.h"
#include "catch.h"

namespace isthmus::top_test {
using namespace ctl;

namespace {

Look look(double at_s, uint64_t packets, uint64_t busy) {
  Look out;
  out.at_s = at_s;
  out.ports = {{"ports",
                {{{"name", "inside"},
                  {"link", "up"},
                  {"rx_packets", packets},
                  {"rx_bytes", packets * 1000},
                  {"tx_packets", 2 * packets},
                  {"tx_bytes", 0},
                  {"rx_missed", 0},
                  {"rx_no_buffer", 7}}}}};
  out.workers = {{"workers",
                  {{{"worker", 0},
                    {"cpu", 1},
                    {"packets", packets},
                    {"busy_cycles", busy},
                    {"total_cycles", 100 * packets},
                    {"sessions", 5},
                    {"bindings", 4}}}}};
  out.drops = {{"drops",
                {{{"reason", "ttl"}, {"packets", 9}, {"help", "too old"}},
                 {{"reason", "no-route"}, {"packets", packets / 1000}, {"help", "lost"}}}}};
  return out;
}

}  // namespace

TEST_CASE("top: rates are differences over the time between") {
  const auto before = look(10, 1'000'000, 0);
  const auto now = look(12, 3'000'000, 50'000'000);
  CHECK(top_text(before, now, 0, false) ==
        "\nPorts\n"
        "PORT    LINK   RX PPS  RX MB/S   TX PPS  TX MB/S  MISSED/S  NO BUFFER/S\n"
        "inside  up    1000000     8000  2000000        0         0            0\n"
        "\nWorkers\n"
        "WORKER  CPU  BUSY %      PPS  SESSIONS  BINDINGS\n"
        "     0    1   25.00  1000000         5         4\n"
        "\nDrops\n"
        "REASON    PER SECOND  TOTAL  HELP\n"
        "no-route        1000   3000  lost\n"
        "ttl                0      9  too old\n");
}

TEST_CASE("top: without a look before, or after a restart, there are no rates") {
  const auto now = look(12, 1000, 0);
  const auto first = top_text({}, now, 0, false);
  CHECK(first.find("inside  up") != std::string::npos);
  CHECK(first.find("1000") == std::string::npos);
  const auto after = top_text(look(10, 5000, 0), now, 0, false);
  CHECK(after.find("inside  up    -       -        -  ") != std::string::npos);
  CHECK(after.find("0    1  -       -  ") != std::string::npos);
  CHECK(top_text({}, Look{}, 0, true).empty());
}

TEST_CASE("screen: lines and characters beyond the terminal are cut") {
  CHECK(fit("one\ntwo\nthree\n", {80, 2}) == "one\033[K\r\ntwo\033[K");
  CHECK(fit("one\n\ntwo", {2, 9}) == "on\033[K\r\n\033[K\r\ntw\033[K");
  CHECK(fit("\u00e4\u00f6\u00fc", {2, 1}) == "\u00e4\u00f6\033[K");
  CHECK(fit("\033[1mbold\033[0m", {4, 1}) == "\033[1mbold\033[0m\033[K");
  CHECK(fit("\033[1mbolder\033[0m", {4, 1}) == "\033[1mbold\033[0m\033[K");
  CHECK(fit("cut\033", {9, 1}) == "cut\033\033[K");
  CHECK(fit("anything", {0, 0}).empty());
}

TEST_CASE("repeat: how often, and what") {
  auto how = parse_repeat("  every 0.5 times 3  show  ports");
  REQUIRE(how);
  CHECK(how->seconds == 0.5);
  CHECK(how->times == 3);
  CHECK(how->rest == "show  ports");
  CHECK(parse_repeat("")->rest.empty());
  CHECK(parse_repeat("show ports")->seconds == 2);
  for (const char* wrong : {"every", "every 0 show", "every nan x", "every 1e9 x", "times -1 x",
                            "times 0 x", "times 1.5 x"}) {
    CAPTURE(wrong);
    CHECK(!parse_repeat(wrong));
  }
}

TEST_CASE("hints: what can follow, with what the table says") {
  CHECK(hints("show top ", {"subscribers", "drops"}) ==
        "  subscribers  Subscribers with the most sessions.\n"
        "  drops        The reasons for which most packets were dropped.\n");
  CHECK(hints("show drops ", {"all"}) == "  all  also those that are zero\n");
  CHECK(hints("show version ", {}) == "  show version\n");
  CHECK(hints("nonsense ", {}) == "  nothing is known to follow\n");
  CHECK(hints("", {"clear", "abort"}) ==
        "  clear  sessions, bindings, counters, dns64\n  abort  Forget the group.\n");
  CHECK(hints("show ", {"top"}) == "  top  subscribers, pools, drops\n");
  CHECK(hints("", {"save"}, 40) ==
        "  save  Write the running configuration\n"
        "        to its file, comments included;\n"
        "        what was there goes to FILE.bak.\n");
}

TEST_CASE("words that can follow stand in columns") {
  const std::vector<std::string> words{"a", "bbbb", "cc", "d"};
  CHECK(in_columns(words, 12) == "a     bbbb\ncc    d\n");
  CHECK(in_columns(words, 80) == "a     bbbb  cc    d\n");
  CHECK(in_columns(words, 0) == "a\nbbbb\ncc\nd\n");
  CHECK(in_columns({}, 80).empty());
}

}  // namespace isthmus::top_test
