// SPDX-License-Identifier: BSD-3-Clause
// Commands about static bindings, and the file that keeps them.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "catch.h"
#include "control/command_static.h"
#include "control/static_store.h"
#include "fake_backend.h"

namespace isthmus::control::static_test {
namespace {

struct Fixture {
  FakeBackend backend;
  FakeWalk walk;
  Commands commands{backend, walk};

  /// The answer's text, or "ERROR; HINT".
  std::string run(const std::string& line) {
    const auto parsed = parse_request(line);
    if (const auto* wrong = std::get_if<Complaint>(&parsed))
      return wrong->error + "; " + wrong->hint;
    const auto got = commands.run(std::get<Request>(parsed));
    return got.complaint ? got.complaint->error + "; " + got.complaint->hint : got.text;
  }
};

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/isthmus-static-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() {
    for (const auto* file : {"/static", "/static.new"}) unlink((path + file).c_str());
    rmdir(path.c_str());
  }
  std::string file() const { return path + "/static"; }
  void write(const std::string& text) const { std::ofstream(file()) << text; }
  std::string read() const {
    std::ifstream in(file());
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

std::string read_error(const Folder& folder) {
  const auto read = read_statics(folder.file());
  return read ? "" : read.error().text.substr(folder.path.size() + 1);
}

}  // namespace

TEST_CASE("commands: static bindings are added, shown and removed") {
  Fixture f;
  CHECK(f.run("add static protocol tcp inside 2001:db8:1::80 8080 outside 203.0.113.1:80") ==
        "{\"added\":\"tcp 203.0.113.1 port 80 is 2001:db8:1::80 port 8080\"}\n");
  CHECK(f.run("add static inside 2001:db8:1::81 outside 203.0.113.2 persist") ==
        "{\"added\":\"203.0.113.2 is 2001:db8:1::81\"}\n");
  CHECK(f.run("add static protocol udp inside [2001:db8:1::82]:53 outside 203.0.113.3 53") ==
        "{\"added\":\"udp 203.0.113.3 port 53 is 2001:db8:1::82 port 53\"}\n");
  const auto all = f.run("show bindings static");
  CHECK(std::count(all.begin(), all.end(), '\n') == 3);
  CHECK(f.run("show bindings static outside 203.0.113.2") ==
        "{\"protocol\":\"any\",\"inside\":\"2001:db8:1::81\",\"inside_port\":null,\"outside\":"
        "\"203.0.113.2\",\"outside_port\":null,\"nat64\":\"main\",\"origin\":"
        "\"command, persistent\"}\n");
  CHECK(f.run("remove static protocol tcp outside 203.0.113.1 80") ==
        "{\"removed\":\"tcp 203.0.113.1 port 80 is 2001:db8:1::80 port 8080\"}\n");
  CHECK(f.run("show bindings static protocol tcp").empty());
  CHECK(f.run("remove static protocol tcp outside 203.0.113.1 80") ==
        "tcp 203.0.113.1 port 80 has no static binding; \"show bindings static\" lists them");
  f.backend.plane.static_entries[0].configured = true;
  CHECK(f.run("remove static outside 203.0.113.2") ==
        "203.0.113.2 is bound by the configuration file; remove it there, then \"reload\"");
}

TEST_CASE("commands: what is missing from a static binding is asked for") {
  Fixture f;
  const auto error = [&](const std::string& line) {
    const auto text = f.run("add static " + line);
    return text.substr(0, text.find(';'));
  };
  CHECK(error("") == "\"outside\" needs one pool address");
  CHECK(error("outside 203.0.113.0/28 inside 2001:db8::1") == "\"outside\" needs one pool address");
  CHECK(error("outside 203.0.113.1") == "\"inside\" needs an IPv6 address");
  CHECK(error("outside 203.0.113.1:80 inside 2001:db8::1 80") ==
        "a port needs \"protocol tcp\", \"udp\" or \"icmp\"");
  CHECK(error("protocol tcp outside 203.0.113.1 inside 2001:db8::1 80") ==
        "\"outside\" needs a port, since there is a protocol");
  CHECK(error("protocol tcp outside 203.0.113.1:80 inside 2001:db8::1") ==
        "\"inside\" needs a port, since there is a protocol");
  CHECK(error("protocol tcp outside 203.0.113.1:0 inside 2001:db8::1 1") == "port 0 is none");
  CHECK(error("inside 2001:db8::/64 outside 203.0.113.1") ==
        "\"2001:db8::/64\" is no value for \"inside\"");
  f.backend.plane.static_error = "203.0.113.1 port 80 is lent";
  CHECK(error("protocol tcp outside 203.0.113.1:80 inside 2001:db8::1 80") ==
        "203.0.113.1 port 80 is lent");
}

TEST_CASE("static file: what is written is read again; no file is no bindings") {
  Folder folder;
  const auto none = read_statics(folder.file());
  REQUIRE(none);
  CHECK(none->empty());
  const std::vector<conf::Static> bindings{
      {conf::StaticProtocol::kTcp, *net::parse_ip6("2001:db8::1"), 8080,
       *net::parse_ip4("203.0.113.1"), 80},
      {conf::StaticProtocol::kAny, *net::parse_ip6("2001:db8::2"), 0,
       *net::parse_ip4("203.0.113.2"), 0},
      {conf::StaticProtocol::kIcmp, *net::parse_ip6("2001:db8::3"), 0,
       *net::parse_ip4("203.0.113.3"), 0}};
  REQUIRE(write_statics(folder.file(), bindings));
  CHECK(
      folder.read().ends_with("protocol tcp inside 2001:db8::1 8080 outside 203.0.113.1 80\n"
                              "inside 2001:db8::2 outside 203.0.113.2\n"
                              "protocol icmp inside 2001:db8::3 0 outside 203.0.113.3 0\n"));
  const auto read = read_statics(folder.file());
  REQUIRE(read);
  REQUIRE(read->size() == 3);
  CHECK((*read)[0].line == 2);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& got = (*read)[i].binding;
    CHECK(got.protocol == bindings[i].protocol);
    CHECK(got.inside == bindings[i].inside);
    CHECK(got.inside_port == bindings[i].inside_port);
    CHECK(got.outside == bindings[i].outside);
    CHECK(got.outside_port == bindings[i].outside_port);
  }
}

TEST_CASE("static file: a broken line is named, and a file that cannot be replaced stays") {
  Folder folder;
  folder.write("# comment\n\ninside 2001:db8::2 outside 203.0.113.2\ninside nonsense\n");
  CHECK(read_error(folder).starts_with("static:4: \"nonsense\" is no value for \"inside\"; "));
  folder.write("inside 2001:db8::2 outside\n");
  CHECK(read_error(folder).starts_with("static:1: no value after \"outside\"; "));
  folder.write("inside 2001:db8::2\n");
  CHECK(read_error(folder).starts_with("static:1: \"outside\" needs one pool address; "));
  // Something stands where the new file has to be made.
  REQUIRE(mkdir((folder.path + "/static.new").c_str(), 0700) == 0);
  const auto status = write_statics(folder.file(), {});
  rmdir((folder.path + "/static.new").c_str());
  REQUIRE_FALSE(status);
  CHECK(status.error().text.find("static.new: cannot be written: ") != std::string::npos);
  CHECK(folder.read() == "inside 2001:db8::2\n");
}

}  // namespace isthmus::control::static_test
