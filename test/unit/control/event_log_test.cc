// SPDX-License-Identifier: BSD-3-Clause
#include "control/event_log.h"

#include <vector>

#include "catch.h"

namespace isthmus::control::event_log_test {
namespace {

struct Fixture {
  std::vector<std::pair<LogLevel, std::string>> lines;
  EventLog log{
      [this](LogLevel level, const std::string& text) { lines.emplace_back(level, text); }};
  conf::Config config;
  dataplane::TimedEvent timed;

  Fixture() {
    config.nat64.emplace_back().name = "internet";
    auto& event = timed.event;
    event.kind = nat::EventKind::kSubscriberLimit;
    event.protocol = 17;
    event.inside = *net::parse_ip6("2001:db8:a::a");
    event.inside_port = net::Be16(5000);
    event.remote = *net::parse_ip4("198.51.100.10");
    event.remote_port = net::Be16(53);
    event.subscriber_length = 56;
    event.limit = nat::LimitKind::kSessions;
  }
};

}  // namespace

TEST_CASE("RFC 6888 REQ-12: a refusal in words, without its destination") {
  Fixture f;
  f.log.handle(f.timed, f.config, 100);
  REQUIRE(f.lines.size() == 1);
  CHECK(f.lines[0].first == LogLevel::kWarning);
  CHECK(f.lines[0].second ==
        "subscriber-limit: a subscriber reached a limit of its own; nat64 \"internet\"; its "
        "sessions; subscriber 2001:db8:a::/56; udp, inside 2001:db8:a::a port 5000");
}

TEST_CASE("event log: one line of a kind in ten seconds, and how many it stands for") {
  Fixture f;
  f.log.handle(f.timed, f.config, 100);
  f.timed.event.count = 1000;
  for (int i = 0; i < 99; ++i) f.log.handle(f.timed, f.config, 100 + 0.1 * i);
  CHECK(f.lines.size() == 1);
  // Another kind has its own turn.
  auto other = f.timed;
  other.event.kind = nat::EventKind::kPoolExhausted;
  other.event.count = 1;
  f.log.handle(other, f.config, 105);
  REQUIRE(f.lines.size() == 2);
  CHECK(f.lines[1].second.starts_with("pool-exhausted: "));
  CHECK(f.lines[1].second.find("suppressed") == std::string::npos);
  f.timed.event.count = 7;
  f.log.handle(f.timed, f.config, 110);
  REQUIRE(f.lines.size() == 3);
  CHECK(f.lines[2].second.ends_with(" (99006 more refused, suppressed since the last line)"));
  f.timed.event.count = 1;
  f.log.handle(f.timed, f.config, 120);
  REQUIRE(f.lines.size() == 4);
  CHECK(f.lines[3].second.find("suppressed") == std::string::npos);
}

TEST_CASE("event log: single sessions, bindings and blocks are for exporters") {
  Fixture f;
  for (const auto kind : {nat::EventKind::kSessionCreated, nat::EventKind::kSessionDeleted,
                          nat::EventKind::kBindingCreated, nat::EventKind::kBindingDeleted,
                          nat::EventKind::kPortBlockGranted, nat::EventKind::kPortBlockReturned}) {
    f.timed.event.kind = kind;
    f.log.handle(f.timed, f.config, 100);
  }
  CHECK(f.lines.empty());
}

}  // namespace isthmus::control::event_log_test
