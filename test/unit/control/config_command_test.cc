// SPDX-License-Identifier: BSD-3-Clause
// Commands that change the configuration of a gateway on paper, and save it to a real file.
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "catch.h"
#include "control/conversation.h"
#include "fake_backend.h"

namespace isthmus::config_command_test {
using namespace control;
using Json = nlohmann::ordered_json;

namespace {

struct Fixture {
  std::string folder;
  std::string file;
  FakeBackend backend;
  FakeWalk walk;
  Commands commands{backend, walk};
  Conversation talk{commands, [](std::string_view) { return true; }};
  Conversation other{commands, [](std::string_view) { return true; }};

  Fixture() {
    char name[] = "/tmp/isthmus-test-XXXXXX";
    folder = mkdtemp(name);
    file = folder + "/isthmus.conf";
    write(FakeBackend::sample());
    const auto loaded = conf::load_text(FakeBackend::sample(), file);
    if (!loaded) FAIL(loaded.error().text);
    backend.current = *loaded;
  }
  ~Fixture() { std::filesystem::remove_all(folder); }

  void write(const std::string& text) const { std::ofstream(file) << text; }
  static std::string read(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  /// All lines that come back.
  static std::string say(Conversation& with, const std::string& lines) {
    with.out().clear();
    with.receive(lines);
    while (with.busy()) with.work();
    return with.out();
  }
  std::string say(const std::string& line) { return say(talk, line + "\n"); }
  Json one(const std::string& line) {
    const auto text = say(line);
    INFO(text);
    REQUIRE(text.ends_with("{\"status\":\"ok\"}\n"));
    return Json::parse(text.substr(0, text.find('\n')));
  }
  /// An error's text and hint.
  std::string error(const std::string& line) {
    const auto answer = Json::parse(say(line));
    CHECK(answer["status"] == "error");
    return answer["error"].get<std::string>() + " | " + answer["hint"].get<std::string>();
  }
  uint32_t udp() const { return backend.current->nat64[0].timers.udp; }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "set changes what runs, not the file", "[config]") {
  CHECK(one("set nat64.main.timers.udp 400").dump() ==
        R"({"changed":[{"option":"nat64.main.timers.udp","before":300,"after":400}]})");
  CHECK(udp() == 400);
  CHECK(read(file) == FakeBackend::sample());
  CHECK(one("show config --diff").dump() ==
        R"({"differences":[{"option":"nat64.main.timers.udp","file":300,"running":400}],)"
        R"("restart":[]})");
  CHECK(one("remove nat64.main.timers.udp").dump() ==
        R"({"changed":[{"option":"nat64.main.timers.udp","before":400,"after":300}]})");
  CHECK(one("show config --diff").dump() == R"({"differences":[],"restart":[]})");
  CHECK(one("add nat64.main.pools { name = \"q\"; addresses = [\"203.0.113.8\"]; }").dump() ==
        R"({"changed":[{"option":"nat64.main.pools.q","before":null,)"
        R"("after":"{ name = \"q\"; addresses = [\"203.0.113.8\"]; }"}]})");
  CHECK(one("add nat64.main.pools.q.addresses 203.0.113.9 203.0.113.10").dump() ==
        R"({"changed":[{"option":"nat64.main.pools.q.addresses","before":["203.0.113.8"],)"
        R"("after":["203.0.113.8","203.0.113.9","203.0.113.10"]}]})");
  CHECK(backend.current->nat64[0].pools.size() == 2);
  CHECK(one("remove nat64.main.pools.q")["changed"][0]["after"].is_null());
  CHECK(backend.applied == 5);
}

TEST_CASE_METHOD(Fixture, "what is wrong is told and changes nothing", "[config]") {
  const auto nothing = " | nothing was changed; isthmus.conf(5) lists options";
  CHECK(error("set nat64.main.timers.upd 400") ==
        std::string("no option or group \"nat64[0].timers.upd\": found \"upd\", expected \"udp\" "
                    "(did you mean that?)") +
            nothing);
  CHECK(error("set nat64.main.timers.udp 4") ==
        std::string("nat64[0].timers.udp: found 4, expected an integer from 120 to 604800") +
            nothing);
  CHECK(error("set").starts_with("no option named | usage: set [PATH VALUE]"));
  CHECK(error("set nat64.main.timers.udp").starts_with("no value"));
  CHECK(error("set limits.sessions 1000") ==
        "limits.sessions needs a restart | nothing was changed");
  // What only the checks of the whole see.
  CHECK(error("add nat64.main.pools { name = \"p\"; addresses = [\"203.0.113.8\"]; }")
            .ends_with(" | nothing was changed"));
  CHECK(backend.applied == 0);
  CHECK(backend.current->text == FakeBackend::sample());
}

TEST_CASE_METHOD(Fixture, "a group is applied at once, or not at all", "[config]") {
  CHECK(error("commit") == "no group is open | \"begin\" opens one");
  CHECK(error("abort") == "no group is open | \"begin\" opens one");
  CHECK(one("begin").dump() == R"({"group":"open"})");
  CHECK(error("begin").starts_with("a group is open already"));
  CHECK(one("set nat64.main.timers.udp 400").contains("pending"));
  // Neither alone would pass the checks.
  CHECK(one("set nat64.main.pools.p.addresses 203.0.113.8").contains("pending"));
  CHECK(one("add nat64.main.pools { name = \"q\"; addresses = [\"203.0.113.0/30\"]; }")
            .contains("pending"));
  CHECK(udp() == 300);
  const auto pending = one("show config --diff")["differences"];
  REQUIRE(pending.size() == 3);
  CHECK(pending[0]["option"] == "nat64.main.pools.p.addresses");
  CHECK(pending[1]["option"] == "nat64.main.pools.q");
  CHECK(pending[2].dump() == R"({"option":"nat64.main.timers.udp","before":300,"after":400})");
  CHECK(error("reload").starts_with("a group is open"));
  CHECK(error("save").starts_with("a group is open"));
  CHECK(error("drain pool p").starts_with("a group is open"));
  CHECK(one("commit")["changed"].size() == 3);
  CHECK(udp() == 400);
  CHECK(backend.applied == 1);
  CHECK(one("show config --diff")["differences"].size() == 3);
  one("begin");
  one("set nat64.main.timers.udp 500");
  CHECK(one("abort").dump() == R"({"group":"aborted"})");
  CHECK(udp() == 400);
}

TEST_CASE_METHOD(Fixture, "a group that is wrong stays open", "[config]") {
  one("begin");
  one("set limits.sessions 1000");
  CHECK(one("show config --diff")["restart"].dump() == R"(["limits.sessions"])");
  CHECK(error("commit").starts_with("limits.sessions needs a restart | nothing was applied"));
  one("remove limits.sessions");
  one("set nat64.main.timers.udp 400");
  one("commit");
  CHECK(udp() == 400);
}

TEST_CASE_METHOD(Fixture, "a group with a line that failed is not applied by mistake", "[config]") {
  const auto text = say(talk,
                        "begin\nset nat64.main.timers.udp 400\nset nat64.main.timers.upd 1\n"
                        "sett nat64.main.timers.icmp 70\ncommit\n");
  CHECK(text.find("because a line of this group failed: set nat64.main.timers.upd 1: no option") !=
        std::string::npos);
  CHECK(backend.applied == 0);
  CHECK(one("commit --anyway")["changed"].size() == 1);
  CHECK(udp() == 400);
  // A command that does not exist counts, one that only shows does not.
  say(talk, "begin\nset nat64.main.timers.udp 500\nsett x\n");
  CHECK(error("commit").starts_with("nothing was applied"));
  say(talk, "abort\nbegin\nset nat64.main.timers.udp 500\ndeterministic inside 2001:db8::1\n");
  one("commit");
  CHECK(udp() == 500);
}

TEST_CASE_METHOD(Fixture, "a group ends with its connection, and others' changes end it",
                 "[config]") {
  say(other, "begin\nset nat64.main.timers.udp 400\n");
  one("set nat64.main.timers.udp 500");
  CHECK(say(other, "commit\n").find("changed otherwise since") != std::string::npos);
  CHECK(udp() == 500);
  CHECK(error("commit").starts_with("no group is open"));
}

TEST_CASE_METHOD(Fixture, "save writes what loads back, comments included", "[config]") {
  const auto text = "# ours\n" + FakeBackend::sample() + "log = { level = \"info\"; }; # quiet\n";
  write(text);
  backend.current = *conf::load_text(text, file);
  backend.known_text = text;
  chmod(file.c_str(), 0640);
  one("set nat64.main.timers.udp 400");
  one("set log.level debug");
  CHECK(one("save").dump() == R"({"saved":")" + file + R"(","previous":")" + file + R"(.bak"})");
  CHECK(read(file + ".bak") == text);
  const auto saved = read(file);
  CHECK(saved.starts_with("# ours\n"));
  CHECK(saved.ends_with("log = { level = \"debug\"; }; # quiet\n"));
  CHECK(conf::load_file(file));
  CHECK(one("show config --diff").dump() == R"({"differences":[],"restart":[]})");
  struct stat info;
  REQUIRE(stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
  CHECK_FALSE(std::filesystem::exists(file + ".new"));
  // Once more, with nothing to say.
  one("save");
  CHECK(read(file) == saved);
}

TEST_CASE_METHOD(Fixture, "save does not overwrite what others wrote", "[config]") {
  one("set nat64.main.timers.udp 400");
  write(FakeBackend::sample() + "# edited\n");
  CHECK(error("save").starts_with(file + " has been edited since it was read"));
  CHECK(read(file).ends_with("# edited\n"));
  CHECK(one("save new.conf").dump() == R"({"saved":")" + folder + R"(/new.conf"})");
  CHECK(error("save new.conf").starts_with(folder + "/new.conf exists"));
  one("save new.conf --force");
  one("save --force");
  CHECK(read(file + ".bak").ends_with("# edited\n"));
  for (const char* name : {"../x.conf", "/etc/x.conf", "passwd", ".conf"}) {
    CHECK(error(std::string("save ") + name).find("expected a name like") != std::string::npos);
  }
  CHECK(error("save a.conf b.conf").starts_with("more than one file"));
  std::filesystem::remove(file);
  CHECK_FALSE(one("save").contains("previous"));
}

TEST_CASE_METHOD(Fixture, "save writes nothing that could not be read", "[config]") {
  const auto large = FakeBackend::sample() + "/*" + std::string(4 << 20, ' ') + "*/\n";
  backend.current = *conf::load_text(large, file);
  CHECK(error("save").starts_with("the configuration is larger than 4 MiB"));
  CHECK(read(file) == FakeBackend::sample());
  std::filesystem::remove_all(folder);
  backend.current = *conf::load_text(FakeBackend::sample(), file);
  CHECK(error("save").find("cannot be written: No such file or directory") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "save follows a link and tells of static bindings", "[config]") {
  std::filesystem::rename(file, folder + "/real");
  std::filesystem::create_symlink("real", file);
  one("set nat64.main.timers.udp 400");
  one("add static inside 2001:db8:1::81 outside 203.0.113.2");
  const auto saved = one("save");
  CHECK(saved["saved"] == folder + "/real");
  CHECK(saved["statics"] == 1);
  CHECK(std::filesystem::is_symlink(file));
}

TEST_CASE_METHOD(Fixture, "only root names files", "[config]") {
  const std::string list =
      "add dns64.names { name = \"ads\"; action = \"block\"; file = \"" + file + "\"; }";
  talk.session().may_name_files = false;
  CHECK(error(list).starts_with("dns64.names[0].file names a file, which only root may do"));
  CHECK(backend.applied == 0);
  one("set log.level debug");
  talk.session().may_name_files = true;
  one(list);
  talk.session().may_name_files = false;
  one("set log.level info");
  CHECK(backend.applied == 3);
}

TEST_CASE_METHOD(Fixture, "show config lists what was chosen, or all", "[config]") {
  const auto has = [](const Json& options, const std::string& path) {
    return std::any_of(options.begin(), options.end(),
                       [&](const Json& option) { return option["option"] == path; });
  };
  const auto chosen = one("show config")["options"];
  const auto all = one("show config --defaults")["options"];
  CHECK(has(chosen, "nat64[0].pools[0].addresses"));
  CHECK_FALSE(has(chosen, "nat64[0].timers.udp"));
  CHECK(has(all, "nat64[0].timers.udp"));
  CHECK(chosen.size() < all.size());
  one("set nat64.main.timers.udp 400");
  CHECK(has(one("show config")["options"], "nat64[0].timers.udp"));
  CHECK(one("show config --file")["text"] == backend.current->text);
}

TEST_CASE_METHOD(Fixture, "paths and values complete", "[config]") {
  CHECK(one("complete set nat64.main.timers.tcp_e").dump() ==
        R"({"words":["nat64.main.timers.tcp_established"]})");
  CHECK(one("complete set log.level ").dump() == R"({"words":["error","warning","info","debug"]})");
  CHECK(one("complete set nat64.main.pools.p.drain t").dump() == R"({"words":["true"]})");
  CHECK(one("complete add stat").dump() == R"({"words":["static"]})");
  CHECK(one("complete remove nat64.main.po").dump() ==
        R"({"words":["nat64.main.portless","nat64.main.pools","nat64.main.policy"]})");
}

TEST_CASE_METHOD(Fixture, "names of the running gateway complete", "[config]") {
  const auto offered = [&](const std::string& line) {
    std::string out;
    const auto answer = one("complete " + line);
    for (const auto& word : answer["words"]) out += word.get<std::string>() + ' ';
    return out;
  };
  CHECK(offered("drain pool ") == "p ");
  CHECK(offered("und pool ") == "p ");
  CHECK(offered("drain pool p ").empty());
  CHECK(offered("capture").starts_with("capture "));
  CHECK(offered("capture ") == "drops punts port ");
  CHECK(offered("capture port ") == "inside outside ");
  CHECK(offered("capture port out") == "outside ");
  CHECK(offered("capture port inside ") == "count seconds megabytes filter ");
  CHECK(offered("capture drops count ").empty());
  CHECK(offered("capture drops count 5 ") == "seconds megabytes filter ");
  CHECK(offered("capture drops filter udp ").empty());
  CHECK(offered("trace ") == "count seconds filter ");
  CHECK(offered("trace c") == "count ");
  CHECK(offered("simulate ") == "on udp tcp icmp ");
  CHECK(offered("simulate on ") == "inside outside.100 ");
  CHECK(offered("simulate on inside u") == "udp ");
  CHECK(offered("simulate udp ").empty());
  // Where two have one of a name, as it has to be said.
  const auto two = conf::load_text(R"(
ports = ({ name = "inside"; device = "net_null0"; addresses = ["2001:db8:1::1/64"]; });
nat64 = (
  { name = "main"; pools = ({ name = "p"; addresses = ["203.0.113.0/30"]; }); },
  { name = "other"; prefixes = ["2001:db8:64::/96"]; pools = (
    { name = "p"; addresses = ["203.0.113.8"]; }, { name = "q"; addresses = ["203.0.113.9"]; }); });
)",
                                   file);
  REQUIRE(two);
  backend.current = *two;
  CHECK(offered("drain pool ") == "main/p other/p q ");
}

}  // namespace isthmus::config_command_test
