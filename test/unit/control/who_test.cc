// SPDX-License-Identifier: BSD-3-Clause
// Whose an outside address and port was: what the tables and the arithmetic can prove, and what
// not.
#include <nlohmann/json.hpp>

#include "catch.h"
#include "control/command_who.h"
#include "control/time_text.h"
#include "fake_backend.h"

namespace isthmus::who_test {
using namespace control;
using Json = nlohmann::ordered_json;

namespace {

constexpr uint64_t kNow = 1795714800000;  // 2026-11-26T17:40:00Z

net::Ip6 ip6(std::string_view text) {
  return *net::parse_ip6(text);
}
net::Ip4 ip4(std::string_view text) {
  return *net::parse_ip4(text);
}

bool fits(const nat::Filter& f, net::Ip4 outside, uint16_t first, uint16_t last, uint8_t protocol) {
  return (!f.outside || f.outside->contains(outside)) &&
         (!f.outside_port || (*f.outside_port >= first && *f.outside_port <= last)) &&
         (!f.protocol || protocol == 0 || *f.protocol == protocol);
}

/// Tables of the second worker, one row a question.
class TableWalk : public FakeWalk {
 public:
  std::vector<nat::BindingInfo> binding_rows;
  std::vector<nat::SessionInfo> session_rows;
  std::vector<nat::BlockInfo> block_rows;

  Result<WalkStep> bindings(unsigned worker, uint64_t cursor, const nat::Filter& f,
                            std::span<nat::BindingInfo> out) override {
    return take(worker, cursor, binding_rows, out, [&](const nat::BindingInfo& b) {
      return fits(f, b.outside, b.outside_port.host(), b.outside_port.host(), b.protocol);
    });
  }
  Result<WalkStep> sessions(unsigned worker, uint64_t cursor, const nat::Filter& f,
                            std::span<nat::SessionInfo> out) override {
    return take(worker, cursor, session_rows, out, [&](const nat::SessionInfo& s) {
      return fits(f, s.outside, s.outside_port.host(), s.outside_port.host(), s.protocol);
    });
  }
  Result<WalkStep> blocks(unsigned worker, uint64_t cursor, const nat::Filter& f,
                          std::span<nat::BlockInfo> out) override {
    return take(worker, cursor, block_rows, out, [&](const nat::BlockInfo& b) {
      return fits(f, b.outside, b.first_port, b.last_port, 0);
    });
  }

 private:
  template <class Row, class Fits>
  Result<WalkStep> take(unsigned worker, uint64_t cursor, const std::vector<Row>& rows,
                        std::span<Row> out, const Fits& matches) const {
    WalkStep step;
    if (fails) return Error{"no answer within a second"};
    if (worker != 1 || cursor >= rows.size()) return step;
    if (matches(rows[cursor])) out[step.count++] = rows[cursor];
    step.next_cursor = cursor + 1 < rows.size() ? cursor + 1 : 0;
    return step;
  }
};

struct Fixture {
  FakeBackend backend;
  TableWalk walk;

  Fixture() { backend.plane.static_entries.clear(); }

  void lend(uint8_t protocol, uint16_t port, const char* inside, uint32_t idle_ms) {
    walk.binding_rows.push_back({ip6(inside), net::Be16(5000), ip4("203.0.113.1"), net::Be16(port),
                                 protocol, 0, false, 1, false});
    nat::SessionInfo session;
    session.inside = ip6(inside);
    session.inside_port = net::Be16(5000);
    session.outside = ip4("203.0.113.1");
    session.outside_port = net::Be16(port);
    session.protocol = protocol;
    session.idle_ms = idle_ms;
    walk.session_rows.push_back(session);
  }

  std::string say(const std::string& line) {
    const auto parsed = parse_request(line);
    if (const auto* complaint = std::get_if<Complaint>(&parsed)) {
      return complaint->error + " | " + complaint->hint;
    }
    auto got = who(backend, walk, std::get<Request>(parsed), kNow);
    while (!got.complaint && got.step) {
      const auto step = got.step(got.text);
      if (step.complaint) got.complaint = step.complaint;
      if (!step.more) break;
    }
    return got.complaint ? got.complaint->error + " | " + got.complaint->hint : got.text;
  }
  Json ask(const std::string& line) { return Json::parse(say(line)); }
};

}  // namespace

TEST_CASE("times with their zone are understood, others are not") {
  CHECK(parse_time("2026-11-26T17:40:00Z") == kNow);
  CHECK(parse_time("2026-11-26t17:40:00z") == kNow);
  CHECK(parse_time("2026-11-26T18:40:00+01:00") == kNow);
  CHECK(parse_time("2026-11-26T12:10:00-05:30") == kNow);
  CHECK(parse_time("2026-11-26T17:40:00.25Z") == kNow + 250);
  CHECK(parse_time("2026-11-26T17:40:00.1234567Z") == kNow + 123);
  CHECK(parse_time("1795714800") == kNow);
  CHECK(parse_time("1970-01-01T00:00:00Z") == 0);
  CHECK(parse_time("2024-02-29T00:00:00Z"));
  for (const char* text :
       {"", "now", "2026-11-26", "2026-11-26T17:40:00", "2026-11-26T17:40Z", "2026-11-26 17:40:00Z",
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-26T24:00:00Z", "-5",
        "2026-11-26T17:40:00.Z", "2026-11-26T17:40:00Zx", "1969-12-31T23:59:59Z",
        "99999999999999999999", "2026-11-26T17:40:00+1:00"}) {
    INFO(text);
    CHECK_FALSE(parse_time(text));
  }
  CHECK(time_text(kNow + 7) == "2026-11-26T17:40:00.007Z");
}

TEST_CASE_METHOD(Fixture, "who holds a port now", "[who]") {
  lend(6, 40112, "2001:db8:7::10", 60000);
  lend(17, 40112, "2001:db8:8::10", 1000);
  lend(6, 40113, "2001:db8:9::10", 0);
  CHECK(say("who outside 203.0.113.1:40112 protocol tcp") ==
        R"({"outside":"203.0.113.1","outside_port":40112,"at":null,"note":"as of now",)"
        R"("holders":[{"protocol":"tcp","subscriber":"2001:db8:7::/64","inside":"2001:db8:7::10",)"
        R"("inside_port":5000,"nat64":"main","by":"binding",)"
        R"("since_at_least":"2026-11-26T17:39:00.000Z","certain":true}]})"
        "\n");
  CHECK(ask("who --outside 203.0.113.1:40112")["holders"].size() == 2);
  const auto nobody = ask("who outside 203.0.113.2 40112");
  CHECK(nobody["holders"].empty());
  CHECK(nobody["note"] == "nobody holds it now");
  CHECK(nobody.contains("search_for"));
}

TEST_CASE_METHOD(Fixture, "for a time before, tables prove as much as their sessions are old",
                 "[who]") {
  lend(6, 40112, "2001:db8:7::10", 60000);
  const auto proven =
      ask("who --outside 203.0.113.1:40112 --protocol tcp --at 2026-11-26T17:39:30Z");
  CHECK(proven["note"] == "held without a break from before that time until now");
  CHECK(proven["holders"][0]["certain"] == true);
  CHECK_FALSE(proven.contains("search_for"));

  const auto open = ask("who --outside 203.0.113.1:40112 --protocol tcp --at 2026-11-26T17:38:59Z");
  CHECK(open["note"] == "it is held now, but the tables do not prove since when: ask the log");
  CHECK(open["holders"][0]["certain"] == false);
  CHECK(open["exporters"] == 0);
  std::string fields;
  for (const auto& row : open["search_for"]) {
    fields += row["field"].get<std::string>() + ": " + row["value"].get<std::string>() + "\n";
  }
  CHECK(fields ==
        "observationTimeMilliseconds: the last one up to 2026-11-26T17:38:59.000Z\n"
        "natEvent: 10 binding made, 6 session made, 16 port block granted; 11, 7, 17: ended\n"
        "postNATSourceIPv4Address: 203.0.113.1\n"
        "postNAPTSourceTransportPort: 40112 (of 10 and 6)\n"
        "portRangeStart: at most 40112 (of 16)\n"
        "portRangeEnd: at least 40112 (of 16)\n"
        "protocolIdentifier: 6 (of 10 and 6)\n"
        "sourceIPv6Address: the answer\n");
  CHECK(ask("who outside 203.0.113.2:40112 at 1795714700")["note"] ==
        "nobody holds it now: ask the log");
}

TEST_CASE_METHOD(Fixture, "a port block is its subscriber's, whether the port is in use or not",
                 "[who]") {
  walk.block_rows.push_back({*net::parse_ip6_prefix("2001:db8:7::/64"), ip4("203.0.113.1"), 40000,
                             40511, 0, 0, 1, 0, 0, false, 0});
  auto block = ask("who outside 203.0.113.1:40500")["holders"];
  REQUIRE(block.size() == 1);
  CHECK(block[0]["by"] == "port block");
  CHECK(block[0]["subscriber"] == "2001:db8:7::/64");
  CHECK(block[0]["inside"].is_null());
  CHECK(block[0]["since_at_least"].is_null());
  CHECK(ask("who outside 203.0.113.1:40500 at 1795714799").contains("search_for"));
  lend(6, 40500, "2001:db8:7::10", 60000);
  const auto both = ask("who outside 203.0.113.1:40500 at 1795714770");
  REQUIRE(both["holders"].size() == 2);
  CHECK(both["holders"][0]["certain"] == true);
  CHECK(both["holders"][1]["certain"] == true);
}

TEST_CASE_METHOD(Fixture, "static bindings hold their port, and a whole address all ports",
                 "[who]") {
  backend.plane.static_entries = {
      {{0, 6, ip6("2001:db8:1::80"), net::Be16(8080), ip4("203.0.113.1"), net::Be16(80)},
       true,
       false},
      {{0, 0, ip6("2001:db8:1::81"), {}, ip4("203.0.113.2"), {}}, false, false}};
  const auto one = ask("who outside 203.0.113.1:80")["holders"];
  REQUIRE(one.size() == 1);
  CHECK(one[0]["by"] == "static binding");
  CHECK(one[0]["inside"] == "2001:db8:1::80");
  CHECK(ask("who outside 203.0.113.1:80 protocol udp")["holders"].empty());
  CHECK(ask("who outside 203.0.113.2:4711")["holders"][0]["by"] == "static address");
}

TEST_CASE("RFC 7422 2: a deterministic pool answers for any time, without tables") {
  Fixture f;
  const std::string pool = R"(pools = ({ name = "p"; addresses = ["203.0.113.0/30"]; )";
  auto text = FakeBackend::sample();
  const auto at = text.find("pools = (");
  const auto end = text.find("});", at);
  text.replace(at, end - at,
               pool + R"(allocation = "deterministic"; inside = "2001:db8:100::/58"; )");
  const auto loaded = conf::load_text(text, "test.conf");
  if (!loaded) FAIL(loaded.error().text);
  f.backend.current = *loaded;
  const auto map = conf::make_map(**loaded, (*loaded)->nat64[0].pools[0]);
  REQUIRE(map);
  const auto cells = map->cells_of(ip6("2001:db8:100:5::1"));
  const auto line = "who outside " + net::to_string(cells.address) + ":" +
                    std::to_string(cells.first) + " at 1000000000";
  const auto answer = f.ask(line);
  REQUIRE(answer["holders"].size() == 1);
  CHECK(answer["at"] == "2001-09-09T01:46:40.000Z");
  CHECK(answer["holders"][0]["subscriber"] == "2001:db8:100:5::/64");
  CHECK(answer["holders"][0]["by"] == "deterministic pool");
  CHECK(answer["holders"][0]["certain"] == true);
  CHECK(answer["note"].get<std::string>().starts_with("by the running configuration"));
  CHECK_FALSE(answer.contains("search_for"));
}

TEST_CASE_METHOD(Fixture, "what cannot be asked", "[who]") {
  CHECK(say("who").starts_with("it takes a pool address and port"));
  CHECK(say("who outside 203.0.113.0/24").starts_with("it takes a pool address and port"));
  CHECK(say("who outside 203.0.113.1:1 at yesterday") ==
        "\"yesterday\" is no value for \"at\" | give a time with its zone, like "
        "2026-11-26T17:40:00Z or 2026-11-26T18:40:00+01:00, or seconds since 1970");
  CHECK(say("who outside 203.0.113.1:1 at 1795714801") ==
        "2026-11-26T17:40:01.000Z has not come yet | this machine's clock says "
        "2026-11-26T17:40:00.000Z");
  walk.fails = true;
  CHECK(say("who outside 203.0.113.1:1").starts_with("worker 0: no answer"));
}

}  // namespace isthmus::who_test
