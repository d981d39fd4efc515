// SPDX-License-Identifier: BSD-3-Clause
// Command table, parser and completion.
#include "catch.h"
#include "control/command_table.h"

namespace isthmus::command_test {
using namespace control;

namespace {

Request good(std::string_view line) {
  INFO(line);
  const auto parsed = parse_request(line);
  if (const auto* complaint = std::get_if<Complaint>(&parsed)) FAIL(complaint->error);
  return std::get<Request>(parsed);
}

Complaint bad(std::string_view line) {
  INFO(line);
  const auto parsed = parse_request(line);
  REQUIRE(std::holds_alternative<Complaint>(parsed));
  return std::get<Complaint>(parsed);
}

}  // namespace

TEST_CASE("every command of the table is understood, explained and completed") {
  for (const auto& command : commands()) {
    CAPTURE(command.path);
    CHECK(good(command.path).command == &command);
    CHECK(find_command(command.path) == &command);
    CHECK(!command.help.empty());
    CHECK(!command.answer.empty());
    CHECK(usage(command).starts_with(command.path));
    const auto words = split_words(command.path);
    std::string typed;
    for (std::size_t i = 0; i + 1 < words.size(); ++i) typed += std::string(words[i]) + ' ';
    const auto offered = complete(typed + std::string(words.back().substr(0, 2)));
    CHECK(std::find(offered.begin(), offered.end(), words.back()) != offered.end());
    for (const auto& argument : command.arguments) CHECK(!argument.help.empty());
  }
}

TEST_CASE("filters") {
  const auto r = good(
      "show sessions inside 2001:db8::/64 outside 203.0.113.7:40112 protocol udp "
      "remote 192.0.2.0/24 limit 10");
  CHECK(r.command->action == Action::kShowSessions);
  CHECK(net::to_string(r.filter.inside.value()) == "2001:db8::/64");
  CHECK(net::to_string(r.filter.outside.value()) == "203.0.113.7/32");
  CHECK(r.filter.outside_port == 40112);
  CHECK(r.filter.protocol == 17);
  CHECK(net::to_string(r.filter.remote.value()) == "192.0.2.0/24");
  CHECK(r.limit == 10u);

  const auto two_words = good("show bindings outside 203.0.113.7 40112 inside 2001:db8::7");
  CHECK(two_words.filter.outside_port == 40112);
  CHECK(net::to_string(two_words.filter.inside.value()) == "2001:db8::7/128");
  CHECK(!good("show bindings outside 203.0.113.0/24").filter.outside_port);
  CHECK(good("show sessions protocol tcp").filter.protocol == 6);
  CHECK(good("clear sessions protocol icmp").filter.protocol == 1);
  CHECK(good("clear bindings protocol esp").filter.protocol == 50);
  CHECK(good("show bindings protocol gre").filter.protocol == 47);
  CHECK(good("show sessions protocol sctp").filter.protocol == 132);
  CHECK(good("show sessions protocol 41").filter.protocol == 41);
  CHECK(good("show config --file").file);
  CHECK(good("show config --text").file);
  CHECK(good("show drops all").all);
}

TEST_CASE("words may be shortened while they are unambiguous") {
  CHECK(good("sh ses").command->path == "show sessions");
  CHECK(good("  show \t neighbours ").command->path == "show neighbors");
  CHECK(good("show neighbours").command->path == "show neighbors");
  CHECK(good("rel").command->path == "reload");
  CHECK(bad("show c").hint == "commands: show counters, show config");
}

TEST_CASE("complaints say what is wrong and what to do") {
  struct Row {
    const char* line;
    const char* error;
    const char* hint;
  };
  const Row rows[] = {
      {"", "empty line", "\"help\" lists commands"},
      {"   ", "empty line", "\"help\" lists commands"},
      {"frobnicate", "unknown command \"frobnicate\"", "\"help\" lists commands"},
      {"hlep", "unknown command \"hlep\"", "did you mean \"help\"? \"help\" lists commands"},
      {"shwo sessions", "unknown command \"shwo\"",
       "did you mean \"show\"? \"help\" lists commands"},
      {"clear sesions", "unknown word \"sesions\" after \"clear\"",
       "did you mean \"clear sessions\"? commands: clear sessions, clear bindings, clear counters, "
       "clear dns64 cache"},
      {"show drops al", "unknown argument \"al\"", "did you mean \"all\"? usage: show drops [all]"},
      {"clear", "\"clear\" is not complete",
       "commands: clear sessions, clear bindings, clear counters, clear dns64 cache"},
      {"clear nothing", "unknown word \"nothing\" after \"clear\"",
       "commands: clear sessions, clear bindings, clear counters, clear dns64 cache"},
      {"show version now", "unknown argument \"now\"", "usage: show version"},
      {"show drops all all", "\"all\" is given twice", "usage: show drops [all]"},
      {"clear bindings inside", "no value after \"inside\"",
       "usage: clear bindings [inside PREFIX] [outside ADDRESS[:PORT]] "
       "[protocol tcp|udp|icmp|esp|gre|sctp|N]"},
      {"show sessions inside 2001:db8::1/64", "\"2001:db8::1/64\" is no value for \"inside\"",
       "give an IPv6 address or prefix, like 2001:db8:1::/64, no bit set beyond its length"},
      {"show sessions inside 192.0.2.1", "\"192.0.2.1\" is no value for \"inside\"",
       "give an IPv6 address or prefix, like 2001:db8:1::/64, no bit set beyond its length"},
      {"show sessions outside 203.0.113.7:", "\"203.0.113.7:\" is no value for \"outside\"",
       "give an IPv4 address or prefix, and a port if wanted: 203.0.113.7:40112"},
      {"show sessions outside 203.0.113.7:65536",
       "\"203.0.113.7:65536\" is no value for \"outside\"",
       "give an IPv4 address or prefix, and a port if wanted: 203.0.113.7:40112"},
      {"show sessions outside 203.0.113.7 99999", "\"203.0.113.7\" is no value for \"outside\"",
       "give an IPv4 address or prefix, and a port if wanted: 203.0.113.7:40112"},
      {"show sessions protocol 256", "\"256\" is no value for \"protocol\"",
       "give tcp, udp, icmp, esp, gre, sctp or the number of another protocol"},
      {"add static protocol esp", "\"esp\" is no value for \"protocol\"", "give tcp, udp or icmp"},
      {"show sessions limit -1", "\"-1\" is no value for \"limit\"", "give a number"},
      {"show sessions limit 18446744073709551616",
       "\"18446744073709551616\" is no value for \"limit\"", "give a number"},
      {"show sessions remote 2001:db8::1", "\"2001:db8::1\" is no value for \"remote\"",
       "give an IPv4 address or prefix, like 192.0.2.0/24, no bit set beyond its length"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.line);
    const auto complaint = bad(row.line);
    CHECK(complaint.error == row.error);
    CHECK(complaint.hint == row.hint);
  }
}

TEST_CASE("completion offers what can come next") {
  using Words = std::vector<std::string>;
  CHECK(complete("") == Words{"show",     "health",  "clear", "add",           "remove",  "dns64",
                              "simulate", "capture", "trace", "deterministic", "who",     "drain",
                              "undrain",  "reload",  "set",   "begin",         "commit",  "abort",
                              "save",     "watch",   "top",   "help",          "complete"});
  CHECK(complete("cl") == Words{"clear"});
  CHECK(complete("show se") == Words{"sessions"});
  CHECK(complete("clear ") == Words{"sessions", "bindings", "counters", "dns64"});
  CHECK(complete("show sessions ") == Words{"inside", "outside", "protocol", "remote", "limit"});
  CHECK(complete("show sessions protocol ") == Words{"tcp", "udp", "icmp", "esp", "gre", "sctp"});
  CHECK(complete("add static protocol ") == Words{"tcp", "udp", "icmp"});
  CHECK(complete("show sessions protocol tcp ") == Words{"inside", "outside", "remote", "limit"});
  CHECK(complete("show sessions inside ").empty());
  CHECK(complete("help show st") == Words{"steering"});
  CHECK(complete("nonsense ").empty());
  CHECK(complete("watch ").size() == 2 + complete("").size());
  CHECK(complete("watch every ").empty());
  CHECK(complete("watch every 5 show sessions inside ").empty());
  CHECK(complete("watch every 5 times 2 show se") == Words{"sessions"});
  CHECK(complete("watch show sessions l") == Words{"limit"});
  CHECK(complete("top ") == Words{"every", "times"});
  CHECK(complete("top every 1 ") == Words{"times"});
  CHECK(complete("show config ") == Words{"--defaults", "--diff", "--file", "--text"});
}

TEST_CASE("the rest of a line reaches help and complete as it is") {
  CHECK(good("help show sessions").rest == "show sessions");
  CHECK(good("complete show ").rest == "show ");
  CHECK(good("complete ").rest == " ");
  CHECK(good("complete").rest.empty());
}

}  // namespace isthmus::command_test
