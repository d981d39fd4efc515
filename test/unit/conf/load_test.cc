// SPDX-License-Identifier: BSD-3-Clause
// The option table, files, and what a reload may change.
#include "conf/load.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "catch.h"
#include "conf/option.h"

namespace isthmus::load_test {
using namespace conf;

namespace {

class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/isthmus-test-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

std::shared_ptr<const Config> load(const std::string& text) {
  INFO(text);
  auto loaded = load_text(text, "test");
  if (!loaded) FAIL(loaded.error().text);
  return *loaded;
}

std::string error_of(const std::string& text) {
  const auto loaded = load_text(text, "f");
  return loaded ? "" : loaded.error().text;
}

/// A file that is right but for `value` of `option`: its groups and lists, and what is required in
/// them.
std::string file_with(const Option& option, const std::string& value) {
  struct Part {
    std::string_view element;
    std::string_view required;
  };
  constexpr Part kParts[] = {
      {"ports[]", "name = \"a\"; device = \"d\";"},
      {"ports[].interfaces[]", ""},
      {"routes[]", ""},
      {"nat64[]", "pools = ({ addresses = [\"203.0.113.1\"]; });"},
      {"nat64[].pools[]", "addresses = [\"203.0.113.1\"];"},
      {"siit[].eam[]", "ipv6 = \"2001:db8::/96\"; ipv4 = \"192.0.2.0/24\";"},
      {"siit[]", "inside4 = [\"198.51.100.0/24\"];"},
      {"export.ipfix[]", "collector = \"192.0.2.9\";"},
      {"export.syslog[]", "collector = \"192.0.2.9\";"},
      {"export.files[]", "path = \"/var/log/nat\";"},
  };
  std::string_view path = option.path;
  const auto element = element_of(path);
  std::string body = fmt::format("{} = {};", path.substr(path.rfind('.') + 1), value);
  std::string_view rest = path.substr(0, path.rfind('.'));
  while (!rest.empty()) {
    const auto dot = rest.rfind('.');
    const auto name = rest.substr(dot == std::string_view::npos ? 0 : dot + 1);
    std::string required;
    for (const auto& part : kParts) {
      if (part.element != rest || body.find("pools =") == 0) continue;
      required = part.required;
      if (part.element == element) {  // not the option itself a second time
        const auto own = fmt::format("{} =", path.substr(path.rfind('.') + 1));
        if (required.find(own) != std::string::npos) required.clear();
      }
    }
    if (rest == "nat64[].static[]") {
      for (const std::string_view one :
           {"protocol = \"icmp\"; ", "inside = \"2001:db8::2\"; ", "inside_port = 1; ",
            "outside = \"203.0.113.1\"; ", "outside_port = 1; "}) {
        if (!one.starts_with(fmt::format("{} =", path.substr(path.rfind('.') + 1))))
          required += one;
      }
    }
    if (rest == "ports[]" && path == "ports[].name") required = "device = \"d\";";
    if (path == "ports[].members") required = "name = \"p\";";
    if (path == "ports[].bond_mode") required = "name = \"p\"; members = [\"d\"];";
    if (name.ends_with("[]")) {
      body = fmt::format("{} = ({{ {} {} }});", name.substr(0, name.size() - 2), required, body);
    } else {
      body = fmt::format("{}: {{ {} }};", name, body);
    }
    rest = dot == std::string_view::npos ? std::string_view{} : rest.substr(0, dot);
  }
  if (path.starts_with("dns64.") && path != "dns64.listen" && path != "dns64.upstreams") {
    body.insert(body.find('{') + 1, "listen = [\"192.0.2.1\"]; upstreams = [\"192.0.2.53\"];");
    return body +
           "ports = ({ name = \"a\"; device = \"d\"; addresses = [\"192.0.2.1/24\"]; });"
           "nat64 = ({ pools = ({ addresses = [\"203.0.113.1\"]; }); });";
  }
  if (path.starts_with("pcp.") && path != "pcp.listen") {
    body.insert(body.find('{') + 1, "listen = [\"2001:db8::1\"];");
    return body +
           "ports = ({ name = \"a\"; device = \"d\"; addresses = [\"2001:db8::1/64\"]; });"
           "nat64 = ({ pools = ({ addresses = [\"203.0.113.1\"]; }); });";
  }
  if (!path.starts_with("ports")) body += " ports = ({ name = \"a\"; device = \"d\"; });";
  return body;
}

}  // namespace

TEST_CASE("the smallest file works, with safe defaults") {
  const auto config = load("ports = ({ name = \"a\"; device = \"net_null0\"; });");
  CHECK(config->limits.subscriber_sessions > 0);
  CHECK(config->limits.subscriber_bindings > 0);
  CHECK(config->ports[0].interfaces.size() == 1);
  CHECK(config->ports[0].interfaces[0].name == "a");
  CHECK(!config->dns64.enabled);
  const auto with_pool = load(
      "ports = ({ name = \"a\"; device = \"d\"; }); nat64 = ({ pools = ({ "
      "addresses = [\"203.0.113.9\"]; }); });");
  CHECK(with_pool->nat64[0].prefixes.at(0).is_well_known());
  CHECK(with_pool->nat64[0].pools[0].first_port == 1024);
}

TEST_CASE("protocols without ports, by name and by number") {
  const auto config = load(
      "ports = ({ name = \"a\"; device = \"d\"; }); nat64 = ({ pools = ({ addresses = "
      "[\"203.0.113.9\"]; }); portless = [\"esp\", \"47\", \"sctp\", \"41\"]; });");
  const auto& portless = config->nat64[0].portless;
  REQUIRE(portless.size() == 4);
  CHECK(portless[0].number == 50);
  CHECK(portless[1].number == 47);
  CHECK(portless[2].number == 132);
  CHECK(portless[3].number == 41);
  for (const auto& value : values(*config)) {
    if (value.path == "nat64[0].portless") {
      CHECK(value.text == "[\"esp\", \"gre\", \"sctp\", \"41\"]");
    }
  }
}

TEST_CASE("every option is documented and has a default or is required") {
  for (const auto& option : options()) {
    CAPTURE(option.path);
    CHECK(!option.help.empty());
    CHECK(option.help.ends_with('.'));
    CHECK(!option.field.type().empty());
    const auto group = option.path.substr(0, option.path.rfind('.'));
    const auto all = sections();
    CHECK(std::find_if(all.begin(), all.end(), [&](const Section& s) { return s.path == group; }) !=
          all.end());
    CHECK(reference_markdown().find(fmt::format(
              "| `{}` |", option.path.substr(option.path.rfind('.') + 1))) != std::string::npos);
  }
}

TEST_CASE("every integer is accepted at its bounds and refused beyond") {
  for (const auto& option : options()) {
    if (option.field.type() != "integer") continue;
    // How much memory is enough depends on the buffers; errors_test.cc tries that.
    if (option.path == "memory.megabytes" || option.path == "memory.buffers") continue;
    CAPTURE(option.path);
    // tcp_opening's own upper bound is that of another timer.
    const auto max = option.path == "nat64[].timers.tcp_opening" ? 7200 : option.range.max;
    for (const auto value : {option.range.min, max}) {
      CAPTURE(value);
      CHECK(error_of(file_with(option, std::to_string(value))) == "");
    }
    for (const auto value : {option.range.min - 1, option.range.max + 1}) {
      CAPTURE(value);
      CHECK(error_of(file_with(option, std::to_string(value)))
                .ends_with(fmt::format("found {}, expected an integer from {} to {}", value,
                                       option.range.min, option.range.max)));
    }
  }
}

TEST_CASE("every string is refused when too long, every option when of another type") {
  for (const auto& option : options()) {
    CAPTURE(option.path);
    if (option.field.type() == "string") {
      const std::string text(static_cast<std::size_t>(option.range.max) + 1, 'x');
      CHECK(error_of(file_with(option, '"' + text + '"')).find("expected a string of") !=
            std::string::npos);
    }
    CHECK(error_of(file_with(option, "{ x = 1; }")).find("found a group, expected ") !=
          std::string::npos);
    CHECK(error_of(file_with(option, "2.5")).find("found 2.5, expected ") != std::string::npos);
  }
}

TEST_CASE("what is loaded prints as a file that loads to the same") {
  const auto path = std::string(std::getenv("SAMPLE_CONF"));
  const auto loaded = load_file(path);
  if (!loaded) FAIL(loaded.error().text);
  const auto& config = **loaded;
  CHECK(config.file == path);
  CHECK(config.text.find("Sample configuration") != std::string::npos);
  CHECK(config.ports[1].interfaces[1].name == "outside.100");
  CHECK(config.nat64[0].pools[0].ranges.size() == 3);
  CHECK(config.dns64.upstreams[1].port == 53);
  CHECK(config.dns64.enabled);
  for (const auto& value : values(config)) {
    CAPTURE(value.path, value.text);
    if (value.text == "\"\"") continue;
    const auto again = load_text(file_with(*value.option, value.text), "again");
    // Alone in a file a value may lack what it refers to; its own form must be right.
    if (!again) CHECK(again.error().text.find("expected a string") == std::string::npos);
  }
}

TEST_CASE("every example loads") {
  const std::filesystem::path sample(std::getenv("SAMPLE_CONF"));
  for (const auto& entry : std::filesystem::directory_iterator(sample.parent_path())) {
    if (entry.path().extension() != ".conf") continue;
    const auto loaded = load_file(entry.path());
    if (!loaded) FAIL_CHECK(loaded.error().text);
  }
}

TEST_CASE("metrics.listen is an address and a port, both given") {
  const auto wrong = [](const std::string& listen) {
    return error_of("ports = ({ name = \"a\"; device = \"d\"; }); metrics: { listen = \"" + listen +
                    "\"; };")
               .find("metrics.listen") != std::string::npos;
  };
  for (const char* good : {"127.0.0.1:9464", "0.0.0.0:53", "[::1]:9464", "[0:0::1]:65535"}) {
    CAPTURE(good);
    CHECK_FALSE(wrong(good));
  }
  for (const char* bad :
       {"127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "[::1]", "::1", "::53", "tcp://127.0.0.1:53",
        "tls://127.0.0.1:853", "127.0.0.1:80#name", "localhost:9464", ":9464", "127.0.0.1:9464x"}) {
    CAPTURE(bad);
    CHECK(wrong(bad));
  }
}

TEST_CASE("pools are sorted, whatever the order in the file") {
  const auto config = load(
      "ports = ({ name = \"a\"; device = \"d\"; }); nat64 = ({ pools = ({ "
      "addresses = [\"203.0.113.9\", \"203.0.113.4/30\", "
      "\"203.0.113.1-203.0.113.2\"]; }); });");
  std::string text;
  for (const auto& range : config->nat64[0].pools[0].ranges) {
    text += TextCodec<AddressRange>::print(range) + ' ';
  }
  CHECK(text == "203.0.113.1-203.0.113.2 203.0.113.4-203.0.113.7 203.0.113.9 ");
}

TEST_CASE("a pool may share an address with the gateway when ports divide it") {
  CHECK(error_of("ports = ({ name = \"a\"; device = \"d\"; addresses = [\"192.0.2.1/24\"]; }); "
                 "nat64 = ({ pools = ({ addresses = [\"192.0.2.1\"]; ports = \"1024-32767\"; }); "
                 "});") == "");
}

TEST_CASE("addresses beside VLANs make the untagged interface") {
  const auto config = load(
      "ports = ({ name = \"a\"; device = \"d\"; addresses = "
      "[\"192.0.2.1/24\"]; interfaces = ({ vlan = 7; }); });");
  REQUIRE(config->ports[0].interfaces.size() == 2);
  CHECK(config->ports[0].interfaces[0].name == "a.7");
  CHECK(config->ports[0].interfaces[1].name == "a");
  CHECK(config->ports[0].interfaces[1].addresses.size() == 1);
}

TEST_CASE("endpoints") {
  const auto print = [](std::string_view text) {
    const auto parsed = TextCodec<Endpoint>::parse(text);
    return parsed ? TextCodec<Endpoint>::print(*parsed) : "error";
  };
  CHECK(print("192.0.2.53") == "192.0.2.53:53");
  CHECK(print("192.0.2.53:5353") == "192.0.2.53:5353");
  CHECK(print("2001:db8::53") == "[2001:db8::53]:53");
  CHECK(print("[2001:db8::53]") == "[2001:db8::53]:53");
  CHECK(print("[2001:db8::53]:5353") == "[2001:db8::53]:5353");
  CHECK(print("tcp://192.0.2.53") == "tcp://192.0.2.53:53");
  CHECK(print("tls://192.0.2.53") == "tls://192.0.2.53:853");
  CHECK(print("tls://[2001:db8::53]:8853#dns.example") == "tls://[2001:db8::53]:8853#dns.example");
  for (const auto* wrong :
       {"", "192.0.2.53:", "192.0.2.53:65536", "192.0.2.53:x", "[::1", "[::1]:", "[::1]5",
        "[192.0.2.1]:53", "host:53", ":53", "udp://192.0.2.53", "tls://", "tls://192.0.2.53#",
        "tls://192.0.2.53#a b", "tls://192.0.2.53#.example", "tcp://192.0.2.53#dns.example",
        "192.0.2.53#dns.example"}) {
    CAPTURE(wrong);
    CHECK(print(wrong) == "error");
  }
}

TEST_CASE("files that cannot be read") {
  TempDir directory;
  const auto error = [](const std::string& path) {
    const auto loaded = load_file(path);
    return loaded ? std::string() : loaded.error().text;
  };
  const auto missing = directory / "missing.conf";
  CHECK(error(missing) == missing +
                              ": found No such file or directory, expected a configuration file; "
                              "isthmus.conf(5) describes it");
  CHECK(error(directory / "") == (directory / "") + ": found a directory, expected a regular file");
  const auto pipe = directory / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(error(pipe) == pipe + ": found a pipe, expected a regular file");
  CHECK(error("/dev/zero") == "/dev/zero: found a device, expected a regular file");
  const auto huge = directory / "huge";
  std::ofstream(huge) << std::string((4 << 20) + 1, ' ');
  CHECK(error(huge) == huge + ": found a file of more than 4 MiB, expected a configuration file");
  if (geteuid() != 0) {
    const auto secret = directory / "secret";
    std::ofstream(secret) << "";
    REQUIRE(chmod(secret.c_str(), 0) == 0);
    CHECK(error(secret).find("found Permission denied") != std::string::npos);
  }
}

TEST_CASE("numbers and words in strings, names and comments are left alone") {
  const auto config = load(
      "# 5000000000 @include\n// 5000000000 @include\n/* 5000000000\n"
      "@include \"x\" */ ports = ({ name = \"a\"; device = \"99999999999 "
      "\\\" @include # 1\"; });");
  CHECK(config->ports[0].device == "99999999999 \" @include # 1");
}

TEST_CASE("what needs a restart") {
  const std::string ports =
      "ports = ({ name = \"a\"; device = \"d\"; addresses = [\"192.0.2.1/24\"]; });";
  const std::string pool = "pools = ({ addresses = [\"203.0.113.1\"]; });";
  const std::string base = ports + "nat64 = ({ " + pool + " });";
  const auto diff = [&](const std::string& text) {
    return needs_restart(*load(base), *load(text));
  };
  using Paths = std::vector<std::string>;
  CHECK(diff(base) == Paths{});
  CHECK(diff("# comment\n" + base) == Paths{});
  CHECK(diff(base + "log: { level = \"debug\"; };") == Paths{});
  CHECK(diff(base + "limits: { subscriber_sessions = 5; };") == Paths{});
  CHECK(diff(base + "routes = ({ prefix = \"0.0.0.0/0\"; via = \"192.0.2.2\"; });") == Paths{});
  CHECK(diff(ports + "nat64 = ({ timers: { udp = 200; }; " + pool + " });") == Paths{});
  CHECK(diff(ports + "nat64 = ({ filtering = \"address-dependent\"; " + pool + " });") == Paths{});
  CHECK(diff(ports + "nat64 = ({ portless = [\"esp\"]; " + pool + " });") == Paths{});
  CHECK(diff(ports +
             "nat64 = ({ static = ({ inside = \"2001:db8::1\"; outside = "
             "\"203.0.113.1\"; }); " +
             pool + " });") == Paths{});
  CHECK(diff(base + "limits: { icmp_errors_per_second = 5; };") == Paths{});
  CHECK(diff(base + "limits: { sessions = 5; };") == Paths{"limits.sessions"});
  CHECK(diff(base + "cores: { workers = [1, 2]; };") == Paths{"cores.workers"});
  CHECK(diff(base + "memory: { megabytes = 512; };") == Paths{"memory.megabytes"});
  CHECK(diff(base + "control: { socket = \"/x\"; };") == Paths{"control.socket"});
  CHECK(diff(ports) == Paths{"nat64"});
  CHECK(diff(base + "siit = ({ prefix = \"2001:db8::/96\"; inside4 = [\"198.51.100.0/24\"]; });") ==
        Paths{"siit"});
  // Pools change live, known by their names, but for what decides who owns their ports.
  const auto with_pools = [&](const std::string& list) {
    return ports + "nat64 = ({ pools = (" + list + "); });";
  };
  const std::string same = "{ addresses = [\"203.0.113.1\"]; }";
  CHECK(diff(with_pools("{ addresses = [\"203.0.113.2\"]; drain = true; hold_down = 5; }")) ==
        Paths{});
  CHECK(diff(with_pools("{ name = \"x\"; addresses = [\"203.0.113.9\"]; }, " + same)) == Paths{});
  CHECK(diff(with_pools(
            "{ name = \"x\"; addresses = [\"203.0.113.9\"]; ports = \"5000-5999\"; }")) == Paths{});
  CHECK(diff(with_pools("{ name = \"x\"; addresses = [\"203.0.113.9\"]; },"
                        "{ addresses = [\"203.0.113.1\"]; ports = \"5000-5999\"; }")) ==
        Paths{"nat64[0].pools[1].ports"});
  CHECK(diff(with_pools("{ addresses = [\"203.0.113.1\"]; allocation = \"blocks\"; }")) ==
        Paths{"nat64[0].pools[0].allocation"});
  const std::string computed = "allocation = \"deterministic\"; inside = \"2001:db8::/60\"; }";
  CHECK(diff(with_pools(same + ", { name = \"d\"; addresses = [\"203.0.113.9\"]; " + computed)) ==
        Paths{"nat64[0].pools[1]"});
  CHECK(diff(ports + "nat64 = ({ prefixes = [\"2001:db8::/96\"]; " + pool + " });") ==
        Paths{"nat64[0].prefixes"});
  CHECK(diff("ports = ({ name = \"a\"; device = \"e\"; mtu = 2000; addresses = [\"192.0.2.1/24\"]; "
             "}); nat64 = ({ " +
             pool + " });") == Paths{"ports[0].device", "ports[0].mtu"});
  CHECK(diff(base + "dns64: { listen = [\"192.0.2.1\"]; upstreams = [\"192.0.2.53\"]; };") ==
        Paths{"dns64.listen", "dns64.nat64"});
}

}  // namespace isthmus::load_test
