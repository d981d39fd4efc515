// SPDX-License-Identifier: BSD-3-Clause
// Handlers and the conversation with one client, on a gateway on paper.
#include "catch.h"
#include "control/conversation.h"
#include "fake_backend.h"
#include "quiet_service.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace isthmus::commands_test {
using namespace control;
using Json = nlohmann::ordered_json;

namespace {

struct Fixture {
  FakeBackend backend;
  FakeWalk walk;
  Commands commands{backend, walk};
  std::vector<std::string> changes;
  bool permit = true;
  Conversation talk{commands, [this](std::string_view line) {
                      changes.emplace_back(line);
                      return permit;
                    }};

  Fixture() { talk.out().clear(); }

  /// Sends `bytes` and returns the lines that come back.
  std::vector<std::string> say(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto part = bytes.substr(0, 1000);
      talk.receive(part);
      bytes.remove_prefix(part.size());
      std::string kept = std::move(text_);
      drain();
      text_ = kept + text_;
    }
    std::vector<std::string> lines;
    std::size_t begin = 0;
    for (std::size_t end; (end = text_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      lines.push_back(text_.substr(begin, end - begin));
    }
    text_.erase(0, begin);
    return lines;
  }
  Json one(std::string_view line) {
    const auto lines = say(std::string(line) + '\n');
    REQUIRE(lines.size() == 2);
    CHECK(lines[1] == R"({"status":"ok"})");
    return Json::parse(lines[0]);
  }
  std::string text_;

  void drain() {
    do {
      talk.work();
      most = std::max(most, talk.out().size());
      text_ += talk.out();
      talk.out().clear();
    } while (talk.busy());
  }
  std::size_t most = 0;
};

}  // namespace

TEST_CASE("a client is greeted with version and protocol") {
  FakeBackend backend;
  FakeWalk walk;
  Commands commands(backend, walk);
  Conversation talk(commands, [](std::string_view) { return true; });
  CHECK(talk.out() == "{\"isthmus\":\"9.9.9\",\"api\":1}\n");
}

TEST_CASE("every command answers with JSON lines and a status") {
  for (const auto& command : commands()) {
    CAPTURE(command.path);
    Fixture f;
    // These need an address: see below, and static_test.cc.
    if (command.action == Action::kDeterministic || command.path.ends_with(" static")) continue;
    if (command.action == Action::kDns64Query) continue;  // needs a name, and DNS64
    if (command.action == Action::kSimulate) continue;    // needs a packet: simulate_test.cc
    if (command.action == Action::kCapture) continue;     // capture_test.cc
    if (command.action == Action::kTrace) continue;       // capture_test.cc
    constexpr std::string_view kElsewhere[] = {"set",   "add",  "remove", "commit",
                                               "abort", "save", "who"};
    if (std::ranges::find(kElsewhere, command.path) != std::end(kElsewhere)) continue;
    if (command.action == Action::kWatch || command.action == Action::kTop)
      continue;  // isthmusctl's
    const bool names_pool = command.path.ends_with(" pool");
    const auto lines = f.say(std::string(command.path) + (names_pool ? " p\n" : "\n"));
    REQUIRE(!lines.empty());
    for (const auto& line : lines) CHECK(Json::parse(line).is_object());
    CHECK(lines.back() == R"({"status":"ok"})");
    CHECK(f.changes.size() == (command.changes ? 1 : 0));
  }
}

TEST_CASE("exact answers") {
  Fixture f;
  CHECK(f.one("show version").dump() == R"({"version":"9.9.9","compiler":"test"})");
  CHECK(f.one("show routes").dump() ==
        R"({"routes":[{"prefix":"0.0.0.0/0","via":"198.51.100.1","interface":"outside.100"},)"
        R"({"prefix":"2001:db8:1::/64","via":null,"interface":"inside"}]})");
  CHECK(f.one("show neighbours").dump() ==
        R"({"neighbors":[{"address":"198.51.100.1","interface":"outside.100",)"
        R"("mac":"02:00:00:00:00:09"},{"address":"2001:db8:1::7","interface":"inside",)"
        R"("mac":null}],"waiting":1,"released":2,"dropped":3})");
  CHECK(f.one("show pools").dump() ==
        R"({"pools":[{"nat64":"main","pool":"p","allocation":"dynamic","drain":false,)"
        R"("addresses":4,"ports":"1024-65535","capacity":2000,"used_tcp":20,"used_udp":40,)"
        R"("used_icmp":60,"used_percent":25.0,"held_down":10,"blocks":32,"blocks_granted":8,)"
        R"("blocks_resting":2}]})");
  CHECK(f.one("show steering").dump() ==
        R"({"steering":[{"port":"inside","rung":"software hand-off","mode4":"by address",)"
        R"("received":1000,"handed_off":250,"handed_off_percent":25.0,"mismatched":0,)"
        R"("entries":0,"key":""}]})");
  const auto memory = f.one("show memory");
  CHECK(memory["parts"][0].dump() ==
        R"({"owner":"worker 0","part":"sessions","bytes":64000,"capacity":1000,"used":)" +
            memory["memory"][0]["sessions"].dump() + "}");
  CHECK(memory["resident_bytes"] == 4 << 20);
  CHECK(f.one("show interfaces")["interfaces"][0].dump() ==
        R"({"name":"inside","port":"inside","vlan":0,"mtu":1500,"mac":"02:00:00:00:00:01",)"
        R"("addresses":["2001:db8:1::1/64"],"kernel_index":7,"to_kernel":1,"from_kernel":2,)"
        R"("dropped":3})");
  CHECK(f.one("show config --file")["text"] == FakeBackend::sample());
}

TEST_CASE("subscribers are streamed, and those with the most sessions stand first") {
  Fixture f;
  f.walk.per_worker = 200;
  const auto lines = f.say("show subscribers\n");
  REQUIRE(lines.size() == 401);
  CHECK(lines[1] ==
        R"({"subscriber":"2001:db8::/64","outside":"203.0.113.0","nat64":"main","sessions":1,)"
        R"("tcp":1,"udp":2,"icmp":3,"blocks":4})");
  CHECK(Json::parse(lines[0])["outside"].is_null());
  const auto top = f.one("show top subscribers limit 3")["subscribers"];
  REQUIRE(top.size() == 3);
  CHECK(top[0]["sessions"] == 199);
  CHECK(top[1]["sessions"] == 199);
  CHECK(top[2]["sessions"] == 198);
  CHECK(f.one("show top subscribers")["subscribers"].size() == 10);
  CHECK(f.one("show top subscribers limit 0")["subscribers"].empty());
  f.say("show subscribers inside 2001:db8::/48 outside 203.0.113.0/24\n");
  CHECK(f.walk.last_filter.outside == net::parse_ip4_prefix("203.0.113.0/24"));
  CHECK(!f.walk.last_filter.remote);
}

TEST_CASE("zones are listed with how many names or resolvers they have") {
  class Zones final : public test::QuietService {
   public:
    std::vector<dns64::ZoneRow> zones() const override {
      return {{"lab.example", "hosts", "/etc/hosts.lab", 12}, {"corp.example", "upstreams", "", 2}};
    }
  } zones;
  Fixture f;
  f.backend.service = &zones;
  CHECK(f.one("show dns64 zones")["zones"].dump() ==
        R"([{"zone":"lab.example","kind":"hosts","source":"/etc/hosts.lab","count":12},)"
        R"({"zone":"corp.example","kind":"upstreams","source":"","count":2}])");
}

TEST_CASE("DNS cores are listed, also one that hangs") {
  class Cores final : public test::QuietService {
   public:
    std::vector<dns64::CoreRow> cores() const override {
      return {{8, true, 100, 90, 2, 30}, {9, false, 0, 0, 0, 0}};
    }
  } cores;
  Fixture f;
  f.backend.service = &cores;
  CHECK(f.one("show dns64 cores")["cores"].dump() ==
        R"([{"core":0,"cpu":8,"state":"turning","queries":100,"cache_hits":90,"waiting":2,)"
        R"("cache_entries":30},{"core":1,"cpu":9,"state":"silent","queries":null,)"
        R"("cache_hits":null,"waiting":null,"cache_entries":null}])");
  test::QuietService alone;
  f.backend.service = &alone;
  CHECK(f.say("show dns64 cores\n")[0] ==
        R"({"status":"error","error":"the control core does DNS64 itself",)"
        R"("hint":"name CPUs in cores.dns and restart"})");
}

TEST_CASE("the fullest pools stand first") {
  Fixture f;
  const auto loaded = conf::load_text(R"(
ports = ({ name = "inside"; device = "net_null0"; addresses = ["2001:db8:1::1/64"]; });
nat64 = ({ name = "main"; pools = (
  { name = "a"; addresses = ["203.0.113.0/30"]; }, { name = "b"; addresses = ["203.0.113.4/30"]; },
  { name = "c"; addresses = ["203.0.113.8/30"]; }); });
)",
                                      "test.conf");
  REQUIRE(loaded);
  f.backend.current = *loaded;
  f.walk.more_pools = {{0, 1, 2, 1000, 900, 0, 0, 0, 0, 0, 0, false},
                       {0, 2, 2, 1000, 0, 0, 10, 0, 0, 0, 0, false}};
  const auto names = [&](const char* line) {
    std::string out;
    const auto answer = f.one(line);
    for (const auto& pool : answer["pools"]) out += pool["pool"].get<std::string>();
    return out;
  };
  CHECK(names("show pools") == "abc");
  CHECK(names("show top pools") == "bac");
  CHECK(names("show top pools limit 1") == "b");
}

TEST_CASE("what isthmusctl draws is not the daemon's") {
  Fixture f;
  for (const char* line : {"top\n", "watch show ports\n"}) {
    CHECK(f.say(line).back() ==
          R"({"status":"error","error":"that is drawn by isthmusctl","hint":"run it there"})");
  }
}

TEST_CASE("show config tells value, default and what a change needs") {
  Fixture f;
  const auto options = f.one("show config --defaults")["options"];
  bool seen = false;
  for (const auto& option : options) {
    if (option["option"] != "nat64[0].timers.udp") continue;
    seen = true;
    CHECK(option.dump() == R"({"option":"nat64[0].timers.udp","value":300,"default":300,)"
                           R"("unit":"seconds","change":"live"})");
  }
  CHECK(seen);
}

TEST_CASE("mappings are streamed, and can be asked for by either address") {
  std::string text = FakeBackend::sample() +
                     "siit = ({ name = \"dc\"; prefix = "
                     "\"2001:db8:46::/96\"; eam = (";
  for (int i = 0; i < 300; ++i) {
    text += fmt::format("{}{{ ipv6 = \"2001:db8:12:34::{:x}\"; ipv4 = \"192.0.{}.{}\"; }}",
                        i == 0 ? "" : ",", i + 1, 2 + i / 250, i % 250);
  }
  text += "); });";
  FakeBackend backend(text);
  FakeWalk walk;
  Commands commands(backend, walk);
  const auto say = [&](const std::string& line) {
    Conversation talk(commands, [](std::string_view) { return true; });
    talk.out().clear();
    talk.receive(line + '\n');
    std::string out;
    do {
      talk.work();
      out += talk.out();
      talk.out().clear();
    } while (talk.busy());
    return out;
  };
  const auto all = say("show eam");
  CHECK(std::count(all.begin(), all.end(), '\n') == 301);
  CHECK(say("show eam inside 2001:db8:12:34::2b") ==
        "{\"inside\":\"2001:db8:12:34::2b/128\",\"outside\":\"192.0.2.42/32\",\"siit\":\"dc\"}\n"
        "{\"status\":\"ok\"}\n");
  CHECK(say("show eam outside 192.0.3.49") ==
        "{\"inside\":\"2001:db8:12:34::12c/128\",\"outside\":\"192.0.3.49/32\",\"siit\":\"dc\"}\n"
        "{\"status\":\"ok\"}\n");
  const auto some = say("show eam outside 192.0.3.0/24 limit 7");
  CHECK(std::count(some.begin(), some.end(), '\n') == 8);
  CHECK(say("show siit") ==
        "{\"siit\":[{\"siit\":\"dc\",\"prefix\":\"2001:db8:46::/96\",\"inside4\":[],"
        "\"mappings\":300,\"overlapping\":0,\"eam_file\":\"\",\"hairpinning\":\"intrinsic\","
        "\"icmp_source_pool\":[]}]}\n{\"status\":\"ok\"}\n");
}

TEST_CASE("pools are drained by name") {
  Fixture f;
  CHECK(f.one("drain pool p").dump() == R"({"drained":"p"})");
  CHECK(f.backend.drained);
  CHECK(f.one("undrain pool p").dump() == R"({"undrained":"p"})");
  CHECK_FALSE(f.backend.drained);
}

TEST_CASE("RFC 7422 2: both test commands") {
  Fixture f;
  auto loaded = conf::load_text(R"(ports = ({ name = "a"; device = "d"; });
nat64 = ({ name = "n"; pools = ({ name = "d"; addresses = ["192.0.2.1"];
  allocation = "deterministic"; inside = "2001:db8::/60"; }); });)",
                                "t");
  REQUIRE(loaded);
  f.backend.current = *loaded;
  const std::string mine =
      R"({"nat64":"n","pool":"d","inside":"2001:db8:0:1::/64","outside":"192.0.2.1",)"
      R"("first_port":5056,"last_port":9087})";
  CHECK(f.one("deterministic inside 2001:db8:0:1::77").dump() == mine);
  CHECK(f.one("deterministic outside 192.0.2.1:9087").dump() == mine);
}

TEST_CASE("a block line") {
  Fixture f;
  f.walk.per_worker = 1;
  f.walk.worker_count = 1;
  CHECK(f.one("show blocks inside 2001:db8::/32 outside 203.0.113.0/24").dump() ==
        R"({"inside":"2001:db8::/64","outside":"203.0.113.0","first_port":1024,"last_port":1535,)"
        R"("nat64":"main","pool":"p","used_tcp":3,"used_udp":2,"used_icmp":1,"resting":false,)"
        R"("returns_in_ms":0})");
}

TEST_CASE("a session line") {
  Fixture f;
  f.walk.per_worker = 1;
  const auto lines = f.say("show sessions\n");
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] ==
        R"({"protocol":"tcp","inside":"2001:db8::","inside_port":40000,"outside":"203.0.113.0",)"
        R"("outside_port":1024,"remote":"192.0.2.1","remote_port":443,"state":"established",)"
        R"("idle_ms":1500,"expires_in_ms":7198500,"packets_6to4":10,"packets_4to6":20,)"
        R"("bytes_6to4":1000,"bytes_4to6":20480,"nat64":"main"})");
  CHECK(f.say("show bindings\n")[0] ==
        R"({"protocol":"tcp","inside":"2001:db8::","inside_port":40000,"outside":"203.0.113.0",)"
        R"("outside_port":1024,"static":true,"leased":false,"sessions":1,"nat64":"main"})");
}

TEST_CASE("a long dump comes in bounded turns, whole") {
  Fixture f;
  f.walk.per_worker = 20000;
  const auto lines = f.say("show sessions\n");
  CHECK(lines.size() == 2 * 20000 + 1);
  CHECK(f.most <= 64 * 1024);
  CHECK(lines[20000].find("2001:db8:1::") != std::string::npos);
}

TEST_CASE("limit stops a dump, also at zero") {
  Fixture f;
  f.walk.per_worker = 1000;
  CHECK(f.say("show sessions limit 0\n").size() == 1);
  CHECK(f.say("show sessions limit 1\n").size() == 2);
  CHECK(f.say("show sessions limit 1500\n").size() == 1501);
}

TEST_CASE("a worker that does not answer ends a dump with an error") {
  Fixture f;
  f.walk.fails = true;
  const auto lines = f.say("show sessions\nshow version\n");
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == R"({"status":"error","error":"worker 0: no answer within a second",)"
                    R"("hint":"\"show workers\" tells whether it is alive; try again"})");
  CHECK(f.one("show workers")["workers"][1]["alive"] == false);
}

TEST_CASE("clear passes the filter on and counts") {
  Fixture f;
  f.walk.per_worker = 100;
  CHECK(f.one("clear sessions protocol udp").dump() == R"({"cleared":200})");
  CHECK(f.walk.last_filter.protocol == 17);
  CHECK(f.one("clear bindings inside 2001:db8::/32").dump() == R"({"cleared":200})");
  CHECK(net::to_string(f.walk.last_filter.inside.value()) == "2001:db8::/32");
  CHECK(f.changes.size() == 2);
}

TEST_CASE("clearing counters subtracts, it does not write") {
  Fixture f;
  auto& counters = f.backend.plane.worker_counters;
  counters[0].add(telemetry::Counter::kRxPackets, 5);
  counters[1].add(telemetry::Counter::kRxPackets, 7);
  counters[1].add_drop(telemetry::DropReason::kNoRoute, 2);
  CHECK(f.one("show counters")["counters"][0]["value"] == 12);
  CHECK(f.one("show drops").dump() ==
        R"({"drops":[{"reason":"no-route","packets":2,)"
        R"("help":"no route to the translated destination"},)"
        R"({"reason":"neighbor-failed","packets":3,)"
        R"("help":"next hop did not answer ARP or neighbor discovery"}]})");
  f.one("clear counters");
  CHECK(f.one("show drops").dump() == R"({"drops":[]})");
  counters[0].add(telemetry::Counter::kRxPackets, 1);
  CHECK(f.one("show counters").dump() ==
        R"({"counters":[{"name":"rx-packets","value":1,"help":"packets received from ports"}]})");
  CHECK(f.one("show counters all")["counters"].size() == telemetry::kCounterCount);
  CHECK(counters[1].get(telemetry::Counter::kRxPackets) == 7);
}

TEST_CASE("reload tells why it failed") {
  Fixture f;
  CHECK(f.one("reload").dump() == R"({"reload":"done"})");
  f.backend.reload_result = Error{"x.conf:3: found a, expected b"};
  CHECK(f.say("reload\n")[0] ==
        R"({"status":"error","error":"x.conf:3: found a, expected b",)"
        R"("hint":"nothing was changed; correct the file and reload again"})");
  CHECK(f.backend.reloads == 2);
}

TEST_CASE("without known credentials nothing is changed") {
  Fixture f;
  f.permit = false;
  const auto lines = f.say("reload\nclear dns64 cache\nshow version\n");
  CHECK(lines.size() == 4);
  CHECK(lines[0].find("not permitted") != std::string::npos);
  CHECK(f.backend.reloads == 0);
  CHECK(f.backend.flushes == 0);
}

TEST_CASE("garbage is refused and the connection lives") {
  Fixture f;
  CHECK(f.say(std::string_view("show\0version\n", 13))[0].find("control characters") !=
        std::string::npos);
  CHECK(f.say("\xff\xfe\x80\n")[0].find("unknown command") != std::string::npos);
  CHECK(f.say("\n")[0].find("empty line") != std::string::npos);
  CHECK(f.say("show version\r\n").size() == 2);
  CHECK(!f.talk.finished());
}

TEST_CASE("lines up to 4096 octets are taken, longer ones end the connection") {
  Fixture f;
  CHECK(f.say(std::string(4095, 'x') + '\n')[0].find("unknown command") != std::string::npos);
  CHECK(!f.talk.finished());
  const auto lines = f.say(std::string(4096, 'x'));
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find("more than 4096") != std::string::npos);
  CHECK(f.talk.finished());
  CHECK(f.say("show version\n").empty());
}

TEST_CASE("half a line is not a command, whole ones before it are") {
  Fixture f;
  f.talk.receive("show version\nclear sess");
  f.talk.end_of_input();
  f.drain();
  CHECK(f.text_.find("9.9.9") != std::string::npos);
  CHECK(f.changes.empty());
  CHECK(f.talk.finished());
}

TEST_CASE("while an answer is under way no input is wanted") {
  Fixture f;
  f.walk.per_worker = 100000;
  f.talk.receive("show sessions\nshow version\n");
  CHECK(!f.talk.wants_input());
  f.talk.work();
  CHECK(f.talk.busy());
  CHECK(!f.talk.wants_input());
  const auto steps = f.walk.steps;
  f.talk.work();  // nothing was taken from it: no more is made
  CHECK(f.walk.steps == steps);
}

TEST_CASE("help about the first word of commands lists those") {
  Fixture f;
  const auto commands = f.one("help clear")["commands"];
  REQUIRE(commands.size() == 4);
  CHECK(commands[0]["command"] == "clear sessions");
  CHECK(f.one("help sho")["commands"].size() == 25);
  CHECK(f.say("help frobnicate\n").front().find("unknown command") != std::string::npos);
  CHECK(f.say("help show frobnicate\n").front().find("unknown word") != std::string::npos);
}

}  // namespace isthmus::commands_test
