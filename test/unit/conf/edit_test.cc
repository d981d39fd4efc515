// SPDX-License-Identifier: BSD-3-Clause
// Changes of a configuration's text: what they change, and that they change nothing else.
#include "conf/edit.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "catch.h"
#include "conf/difference.h"
#include "conf/load.h"
#include "conf/outline.h"
#include "conf/path.h"
#include "conf/read_file.h"

namespace isthmus::edit_test {
using namespace conf;

namespace {

const std::string kFile = R"(# what this box is
limits: { sessions = 65536; };   // many
ports = (
  { name = "in0"; device = "net_null0"; addresses = ["2001:db8:1::1/64"]; },
  { name = "out0"; device = "net_null1"; addresses = ["192.0.2.1/24"]; }  # the world
);
routes = ( { prefix = "0.0.0.0/0"; via = "192.0.2.254"; } );
nat64 = (
  { name = "main";
    prefixes = ["64:ff9b:1:fffe::/96"];
    pools = (
      # the old one
      { name = "a"; addresses = ["203.0.113.0/30", "203.0.113.8"]; },
      { name = "b"; addresses = ["203.0.113.16/30"]; }  # the new one
    );
    timers = {
      udp = 300;  # RFC 4787
    };
  }
);
/* names */
dns64: { listen = ["2001:db8:1::1"]; upstreams = ["192.0.2.53"];
         zones = ( { name = "example.org"; upstreams = ["192.0.2.54"]; } ); };
)";

std::string change(EditKind kind, const std::string& path, const std::string& value = "",
                   const std::string& text = kFile) {
  INFO(path << " " << value);
  const auto changed = edit_text(text, {kind, path, value});
  if (!changed) FAIL(changed.error().text);
  return *changed;
}
std::string error_of(EditKind kind, const std::string& path, const std::string& value = "") {
  const auto changed = edit_text(kFile, {kind, path, value});
  return changed ? "" : changed.error().text;
}
std::string set(const std::string& path, const std::string& value) {
  return change(EditKind::kSet, path, value);
}
std::string add(const std::string& path, const std::string& value) {
  return change(EditKind::kAdd, path, value);
}
std::string remove(const std::string& path, const std::string& value = "") {
  return change(EditKind::kRemove, path, value);
}

/// kFile with one place of it written differently.
std::string with(const std::string& old, const std::string& fresh) {
  auto text = kFile;
  const auto at = text.find(old);
  REQUIRE(at != std::string::npos);
  return text.replace(at, old.size(), fresh);
}

/// "PATH: BEFORE -> AFTER", a line for each.
std::string differences_of(const std::string& before, const std::string& after) {
  const auto a = read_text(before, "a");
  const auto b = read_text(after, "b");
  REQUIRE(a);
  REQUIRE(b);
  std::string out;
  for (const auto& d : differences(**a, **b)) {
    out += d.path + ": " + d.before + " -> " + d.after + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("set writes a value where it stands, and nothing else") {
  CHECK(set("nat64.main.timers.udp", "400") == with("udp = 300;", "udp = 400;"));
  CHECK(set("nat64[0].timers.udp", "400") == with("udp = 300;", "udp = 400;"));
  CHECK(set("nat64.timers.udp", "0x190") == with("udp = 300;", "udp = 0x190;"));
  CHECK(set("limits.sessions", "1000") == with("65536", "1000"));
  CHECK(set("routes[0].via", "192.0.2.253") == with("192.0.2.254", "192.0.2.253"));
  CHECK(set("routes.via", "\"192.0.2.253\"") == with("192.0.2.254", "192.0.2.253"));
  CHECK(set("nat64.main.pools.b.name", "2001") == with("\"b\"", "\"2001\""));
}

TEST_CASE("set takes a list with and without brackets and quotes") {
  const auto two = with("[\"64:ff9b:1:fffe::/96\"]", "[\"64:ff9b::/96\", \"2001:db8:64::/96\"]");
  CHECK(set("nat64.main.prefixes", "64:ff9b::/96 2001:db8:64::/96") == two);
  CHECK(set("nat64.main.prefixes", "64:ff9b::/96, 2001:db8:64::/96") == two);
  CHECK(set("nat64.main.prefixes", "[\"64:ff9b::/96\", \"2001:db8:64::/96\"]") == two);
  CHECK(
      set("nat64.main.timers.udp_short_ports", "53 123") ==
      with("udp = 300;  # RFC 4787", "udp = 300;  # RFC 4787\n      udp_short_ports = [53, 123];"));
}

TEST_CASE("set makes what is not there, in its neighbors' layout") {
  CHECK(set("nat64.main.timers.icmp", "70") ==
        with("udp = 300;  # RFC 4787", "udp = 300;  # RFC 4787\n      icmp = 70;"));
  CHECK(set("nat64.main.tcp.syn_reopens_closed", "false") ==
        with("    };\n  }\n", "    };\n    tcp = { syn_reopens_closed = false; };\n  }\n"));
  CHECK(set("nat64.main.pools.b.drain", "true") ==
        with("[\"203.0.113.16/30\"];", "[\"203.0.113.16/30\"]; drain = true;"));
  CHECK(set("log.level", "debug") == kFile + "log = { level = \"debug\"; };\n");
  const std::string least = "ports = ( { name = \"a\"; device = \"b\"; } )";
  CHECK(change(EditKind::kSet, "log.level", "debug", least) ==
        least + ";\nlog = { level = \"debug\"; };");
  CHECK(change(EditKind::kSet, "log.level", "debug", least + " log = { }") ==
        least + " log = { level = \"debug\"; }");
}

TEST_CASE("add puts an element behind the others") {
  CHECK(add("nat64.main.pools.a.addresses", "203.0.113.9") ==
        with("\"203.0.113.8\"]", "\"203.0.113.8\", \"203.0.113.9\"]"));
  CHECK(add("nat64.main.pools", "{ name = \"c\"; addresses = [\"203.0.113.32\"]; }") ==
        with("; }  # the new one",
             "; },  # the new one\n      { name = \"c\"; addresses = [\"203.0.113.32\"]; }"));
  CHECK(add("routes", "{ prefix = \"::/0\"; via = \"2001:db8:1::2\"; }") ==
        with("254\"; } )", "254\"; }, { prefix = \"::/0\"; via = \"2001:db8:1::2\"; } )"));
  CHECK(add("siit", "{ inside4 = [\"198.51.100.0/24\"]; }") ==
        kFile + "siit = ( { inside4 = [\"198.51.100.0/24\"]; } );\n");
  CHECK(add("pcp", "{ listen = [\"2001:db8:1::1\"]; }") ==
        kFile + "pcp = { listen = [\"2001:db8:1::1\"]; };\n");
}

TEST_CASE("add to a list that has its default keeps the default's elements") {
  const auto file = with("    prefixes = [\"64:ff9b:1:fffe::/96\"];\n", "");
  const auto changed = change(EditKind::kAdd, "nat64.main.prefixes", "2001:db8:64::/96", file);
  CHECK(differences_of(file, changed) ==
        "nat64.main.prefixes: [\"64:ff9b::/96\"] -> [\"64:ff9b::/96\", \"2001:db8:64::/96\"]\n");
}

TEST_CASE("remove takes out a setting, an element, a value") {
  CHECK(remove("nat64.main.timers.udp") == with("      udp = 300;  # RFC 4787\n", ""));
  CHECK(
      remove("nat64.main.pools.b") ==
      with(",\n      { name = \"b\"; addresses = [\"203.0.113.16/30\"]; }  # the new one\n", "\n"));
  CHECK(remove("nat64.main.pools.a") ==
        with("      { name = \"a\"; addresses = [\"203.0.113.0/30\", \"203.0.113.8\"]; },\n", ""));
  CHECK(remove("nat64.main.pools.a.addresses", "203.0.113.8") == with(", \"203.0.113.8\"", " "));
  CHECK(remove("nat64.main.pools.a.addresses", "203.0.113.0-203.0.113.3") ==
        with("\"203.0.113.0/30\", ", ""));
  CHECK(remove("routes") ==
        with("routes = ( { prefix = \"0.0.0.0/0\"; via = \"192.0.2.254\"; } );\n", ""));
  CHECK(remove("routes", "{ via = \"192.0.2.254\"; prefix = \"0.0.0.0/0\"; }") ==
        with("{ prefix = \"0.0.0.0/0\"; via = \"192.0.2.254\"; } ", ""));
}

TEST_CASE("what cannot be changed is told, with what was meant") {
  using enum EditKind;
  CHECK(error_of(kSet, "nat64.main.timers.upd", "4") ==
        "no option or group \"nat64[0].timers.upd\": found \"upd\", expected \"udp\" (did you mean "
        "that?)");
  CHECK(error_of(kSet, "nat64.mian.timers.udp", "4") ==
        "nat64 has no element \"mian\": expected \"main\" (did you mean that?)");
  CHECK(error_of(kSet, "nat64[1].timers.udp", "4") ==
        "nat64 has 1 elements, numbered from 0: found [1]");
  CHECK(error_of(kSet, "nat64.main.pools.drain", "true") ==
        "nat64[0].pools has no element \"drain\": expected one of: a, b");
  CHECK(error_of(kSet, "nat64.main.timers.udp", "soon") ==
        "nat64[0].timers.udp: found \"soon\", expected an integer from 120 to 604800");
  CHECK(error_of(kSet, "routes.via", "1 2") ==
        "routes[0].via: found \"1 2\", expected an IPv4 or IPv6 address");
  CHECK(error_of(kSet, "log.level", "loud") ==
        "log.level: found \"loud\", expected one of \"error\", \"warning\", \"info\", \"debug\"");
  CHECK(error_of(kSet, "log", "debug") ==
        "log is a group, not an option: \"set\" one of its options, or \"add\"");
  CHECK(error_of(kAdd, "log.level", "debug") == "log.level is no list: \"set\" gives it a value");
  CHECK(error_of(kAdd, "nat64.main.pools", "{ name = \"c\"; }") ==
        "nat64[0].pools[2].addresses: found nothing, expected this option, which is required");
  CHECK(error_of(kRemove, "nat64.main.timers.icmp") ==
        "nat64[0].timers.icmp is not given, so there is nothing to remove");
  CHECK(error_of(kRemove, "nat64.main.pools.a.addresses", "203.0.113.9") ==
        "nat64[0].pools[0].addresses has no \"203.0.113.9\": it has "
        "\"203.0.113.0-203.0.113.3\", \"203.0.113.8\"");
  CHECK(error_of(kRemove, "routes[0].via").find("required") != std::string::npos);
}

TEST_CASE("a value cannot bring more than itself") {
  using enum EditKind;
  for (const std::string value :
       {"400; icmp = 70", "400 # then", "400 }", "400, 5", "/* */ 400", "(", "\"", "{ udp = 4"}) {
    INFO(value);
    CHECK(!error_of(kSet, "nat64.main.timers.udp", value).empty());
  }
  CHECK(!error_of(kAdd, "routes", "{ } ) x = (").empty());
  // As a text it is only a text.
  CHECK(set("ports.in0.device", "a\"; mtu = 1280; \\") ==
        with("\"net_null0\"", "\"a\\\"; mtu = 1280; \\\\\""));
}

TEST_CASE("names with dots, numbers as names") {
  CHECK(set("dns64.zones[example.org].upstreams", "192.0.2.55") == with("2.54", "2.55"));
  CHECK(set("dns64.zones.example.org.upstreams", "192.0.2.55") == with("2.54", "2.55"));
  const auto config = read_text(kFile, "f");
  REQUIRE(config);
  CHECK(find_target(**config, "dns64.zones[example.org").error().text ==
        "a \"]\" is missing in the path");
}

TEST_CASE("paths complete") {
  using Words = std::vector<std::string>;
  const auto config = read_text(kFile, "f");
  REQUIRE(config);
  CHECK(complete_path(**config, "na") == Words{"nat64", "nat64."});
  CHECK(complete_path(**config, "nat64.ma") == Words{"nat64.main", "nat64.main."});
  CHECK(complete_path(**config, "nat64.main.timers.icm") == Words{"nat64.main.timers.icmp"});
  CHECK(complete_path(**config, "nat64.main.pools.b") ==
        Words{"nat64.main.pools.b", "nat64.main.pools.b."});
  CHECK(complete_path(**config, "nat64.main.pools.") ==
        Words{"nat64.main.pools.a", "nat64.main.pools.b"});
  CHECK(complete_path(**config, "nat64.main.timers.udp") ==
        Words{"nat64.main.timers.udp", "nat64.main.timers.udp_short",
              "nat64.main.timers.udp_short_ports"});
  CHECK(complete_path(**config, "nat64.mian.").empty());
}

TEST_CASE("differences are told by name") {
  CHECK(differences_of(kFile, kFile).empty());
  CHECK(differences_of(kFile, with("udp = 300", "udp = 400")) ==
        "nat64.main.timers.udp: 300 -> 400\n");
  CHECK(differences_of(kFile, remove("nat64.main.pools.a")) ==
        "nat64.main.pools.a: { name = \"a\"; addresses = [\"203.0.113.0-203.0.113.3\", "
        "\"203.0.113.8\"]; } -> \n");
  CHECK(differences_of(kFile, with("\"0.0.0.0/0\"", "\"0.0.0.0/1\"")) ==
        "routes[0].prefix: \"0.0.0.0/0\" -> \"0.0.0.0/1\"\n");
  CHECK(differences_of(kFile, add("routes", "{ prefix = \"::/0\"; via = \"2001:db8:1::2\"; }")) ==
        "routes[1]:  -> { prefix = \"::/0\"; via = \"2001:db8:1::2\"; }\n");
}

namespace {

struct Sample {
  std::string path;
  std::string text;
};

std::vector<Sample> samples() {
  std::vector<Sample> out{{"kFile", kFile}};
  const auto folder = std::filesystem::path(std::getenv("SAMPLE_CONF")).parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".conf") continue;
    out.push_back({entry.path(), *read_file(entry.path(), 1 << 20, "a file")});
  }
  return out;
}

/// Paths of a configuration's options, by number.
std::vector<Value> values_of(const std::string& text) {
  const auto config = read_text(text, "f");
  REQUIRE(config);
  return values(**config);
}

}  // namespace

TEST_CASE("examples are understood character by character") {
  CHECK(samples().size() >= 5);
  for (const auto& sample : samples()) {
    INFO(sample.path);
    const auto place = outline(sample.text);
    const auto tree = parse_tree(sample.text, sample.path);
    REQUIRE(place);
    REQUIRE(tree);
    CHECK(same_shape(*place, *tree));
  }
}

// Each option set to what it is anyway leaves the configuration as it is, and what was not given is
// then given; removed again, the text is what it was or reads the same.
TEST_CASE("every option of every example can be set to its value and removed again") {
  // A third of them each time: it takes a while with the sanitizers.
  const auto part = std::random_device{}() % 3;
  INFO("part " << part);
  std::size_t number = 0;
  for (const auto& sample : samples()) {
    for (const auto& value : values_of(sample.text)) {
      if (++number % 3 != part) continue;
      INFO(sample.path << ": " << value.path << " = " << value.text);
      const auto written = edit_text(sample.text, {EditKind::kSet, value.path, value.text});
      // An interface that the port's own `addresses` made is not written as such; a group that is
      // absent may need others of its options.
      if (!written) {
        const bool is_known = value.path.find("].interfaces[") != std::string::npos ||
                              written.error().text.find("required") != std::string::npos ||
                              value.text == "\"\"" || value.text == "[]";
        if (!is_known) FAIL_CHECK(written.error().text);
        continue;
      }
      CHECK(differences_of(sample.text, *written).empty());
      const auto again = edit_text(*written, {EditKind::kRemove, value.path, ""});
      if (again && differences_of(sample.text, *again).empty()) {
        CHECK(outline(*again).has_value());
      }
    }
  }
}

// An element taken out, or put in a second time and taken out again, by number and by what it says.
TEST_CASE("elements of every list of every example come and go") {
  for (const auto& sample : samples()) {
    std::set<std::string> elements;
    for (const auto& value : values_of(sample.text)) {
      for (auto end = value.path.find(']'); end != std::string::npos;
           end = value.path.find(']', end + 1)) {
        elements.insert(value.path.substr(0, end + 1));
      }
    }
    const auto config = *read_text(sample.text, "f");
    for (const auto& path : elements) {
      INFO(sample.path << ": " << path);
      const auto target = find_target(*config, path);
      REQUIRE(target);
      const auto list = path.substr(0, path.rfind('['));
      const auto text = element_text(*target->section, target->object);
      const auto without = edit_text(sample.text, {EditKind::kRemove, path, ""});
      if (without) {
        const auto lost = differences(*config, **read_text(*without, "b"));
        REQUIRE(!lost.empty());
        // The instance that DNS64 goes by may be another one then.
        CHECK((lost[0].before == text || lost.back().path == "dns64.nat64" || lost.size() > 1));
      }
      const auto more = edit_text(sample.text, {EditKind::kAdd, list, text});
      // An interface may be written as its port's addresses.
      if (list.ends_with("interfaces")) continue;
      if (!more) FAIL(more.error().text);
      CHECK(more->size() > sample.text.size());
      const auto size = target->section->size(find_target(*config, list)->object);
      const auto last = list + '[' + std::to_string(size) + ']';
      const auto less = edit_text(*more, {EditKind::kRemove, last, ""});
      if (!less) FAIL(less.error().text);
      CHECK(differences_of(sample.text, *less).empty());
      const auto like = edit_text(*more, {EditKind::kRemove, list, text});
      if (!like) FAIL(like.error().text);
      CHECK(outline(*like).has_value());
    }
  }
}

TEST_CASE("random changes leave all else alone, and comments in their place") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto all = samples();
  for (int round = 0; round < 30; ++round) {
    const auto& sample = all[random() % all.size()];
    auto text = sample.text;
    for (int i = 0; i < 8; ++i) {
      const auto options = values_of(text);
      const auto& from = options[random() % options.size()];
      const auto& to = options[random() % options.size()];
      Edit edit{static_cast<EditKind>(random() % 3), from.path,
                random() % 4 == 0   ? ""
                : random() % 2 == 0 ? to.text
                                    : from.text};
      INFO(sample.path << ": " << static_cast<int>(edit.kind) << ' ' << edit.path << ' '
                       << edit.value);
      // The first instance's name is also what DNS64 goes by, and a name is a path.
      if (from.path.ends_with("name")) continue;
      const auto changed = edit_text(text, edit);
      if (!changed) continue;
      // Whatever happened happened to this option alone.
      const auto a = read_text(text, "a"), b = read_text(*changed, "b");
      REQUIRE(b);
      const auto after = find_target(**b, from.path);
      for (const auto& d : differences(**a, **b)) {
        const auto where = find_target(**b, d.path);
        INFO(d.path << ": " << d.before << " -> " << d.after);
        CHECK((where && after && where->path == after->path));
      }
      text = *changed;
    }
  }
}

}  // namespace isthmus::edit_test
