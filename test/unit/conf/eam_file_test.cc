// SPDX-License-Identifier: BSD-3-Clause
// Explicit address mappings (RFC 7757) in the configuration and in files.
#include "conf/eam_file.h"

#include <unistd.h>

#include <fstream>

#include <fmt/format.h>

#include "catch.h"
#include "conf/load.h"

namespace isthmus::eam_file_test {
using namespace conf;

namespace {

/// A file with this text, gone at the end.
class TempFile {
 public:
  explicit TempFile(const std::string& text) {
    char name[] = "/tmp/isthmus-eam-XXXXXX";
    close(mkstemp(name));
    path_ = name;
    std::ofstream(path_) << text;
  }
  ~TempFile() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string config(const std::string& siit, const std::string& more = "") {
  return "ports = ({ name = \"a\"; device = \"d\"; });\n" + more +
         "siit = ({ prefix = \"2001:db8:64::/96\"; " + siit + " });\n";
}

std::string error_of(const std::string& text) {
  const auto loaded = load_text(text, "f");
  return loaded ? "accepted" : loaded.error().text;
}

/// The error about a file with this text, without its name.
std::string file_error(const std::string& text) {
  const TempFile file(text);
  auto error = error_of(config("eam_file = \"" + file.path() + "\";"));
  if (error.starts_with(file.path())) error.erase(0, file.path().size());
  return error;
}

}  // namespace

TEST_CASE("a file of mappings: comments, blank lines, either order, single addresses") {
  std::vector<PlacedEam> out;
  REQUIRE_FALSE(
      parse_eams("# all of them\n\n2001:db8::1 192.0.2.1\n"
                 "\t192.0.2.16/28   2001:db8:cccc::/124 # a rack\r\n"
                 "  \n2001:db8:dddd::/64 192.0.2.128/26",
                 out));
  REQUIRE(out.size() == 3);
  CHECK(out[0].eam == net::Eam{*net::parse_ip6_prefix("2001:db8::1/128"),
                               *net::parse_ip4_prefix("192.0.2.1/32")});
  CHECK(out[0].line == 3);
  CHECK(out[1].eam.six.length == 124);
  CHECK(out[2].line == 6);
}

TEST_CASE("an error in a file of mappings names line, text and what was expected") {
  const std::string expected =
      ", expected an IPv6 and an IPv4 prefix like \"2001:db8:1::5 192.0.2.5\", no bit set beyond "
      "their length";
  CHECK(file_error("2001:db8::1 192.0.2.1\n2001:db8::2 192.0.2.300\n") ==
        ":2: found \"2001:db8::2 192.0.2.300\"" + expected);
  CHECK(file_error("2001:db8::1\n") == ":1: found \"2001:db8::1\"" + expected);
  CHECK(file_error("192.0.2.1 192.0.2.2\n") == ":1: found \"192.0.2.1 192.0.2.2\"" + expected);
  CHECK(file_error("2001:db8::1 192.0.2.1 x\n") ==
        ":1: found \"2001:db8::1 192.0.2.1 x\"" + expected);
  CHECK(file_error("2001:db8::1/64 192.0.2.1\n") ==
        ":1: found \"2001:db8::1/64 192.0.2.1\"" + expected);
}

TEST_CASE("RFC 7757 3.2: suffixes that do not fit are refused, with the length that would") {
  CHECK(file_error("2001:db8::/125 192.0.2.0/24\n") ==
        ":1: found \"2001:db8::/125 192.0.2.0/24\", expected an IPv6 suffix of at least as many "
        "bits as the IPv4 suffix (RFC 7757 3.2): here at most /120");
  CHECK(file_error("2001:db8::/120 192.0.2.0/24\n") == "accepted");
}

TEST_CASE("RFC 7757 5: the same prefix twice is refused, an overlap is counted") {
  CHECK(file_error("2001:db8::1 192.0.2.8\n\n2001:db8::1 192.0.2.9\n") ==
        ":3: found \"2001:db8::1/128\" again, expected each prefix once (line 1 has it)");
  CHECK(file_error("2001:db8::1 192.0.2.8\n2001:db8::2 192.0.2.8\n") ==
        ":2: found \"192.0.2.8/32\" again, expected each prefix once (line 1 has it)");
  const TempFile file("2001:db8::abcd 198.51.100.64\n2001:db8:ff00::/40 0.0.0.0/0\n");
  const auto loaded = load_text(config("eam_file = \"" + file.path() + "\";"), "f");
  REQUIRE(loaded);
  CHECK((*loaded)->siit[0].mappings.size() == 2);
  CHECK((*loaded)->siit[0].overlapping == 1);
}

TEST_CASE("RFC 7757 3.2: mappings of the configuration, lengths left out") {
  const auto loaded =
      load_text(config("eam = ({ ipv6 = \"2001:db8::5\"; ipv4 = \"192.0.2.5\"; },\n"
                       "{ ipv6 = \"2001:db8:1::/120\"; ipv4 = \"192.0.2.0/24\"; });"),
                "f");
  REQUIRE(loaded);
  const auto& mappings = (*loaded)->siit[0].mappings;
  CHECK(net::to_string(mappings[0].four) == "192.0.2.0/24");  // in order of IPv4
  CHECK(mappings[1].six.length == 128);
  CHECK(mappings[1].four.length == 32);
  CHECK(error_of(config("eam = ({ ipv6 = \"2001:db8::5\"; ipv4 = \"192.0.2.5\"; },\n"
                        "{ ipv6 = \"2001:db8::5\"; ipv4 = \"192.0.2.6\"; });")) ==
        "f:3: siit[0].eam[1]: found \"2001:db8::5/128\" again, expected each prefix once "
        "(siit[0].eam[0] has it)");
  CHECK(error_of(config("eam = ({ ipv6 = \"2001:db8::5/64\"; ipv4 = \"192.0.2.5\"; });")) ==
        "f:2: siit[0].eam[0].ipv6: found \"2001:db8::5/64\", expected an IPv6 prefix like "
        "\"2001:db8::/32\", no bit set beyond its length");
}

TEST_CASE("a mapping of a pool's address is refused, one around the pool is not") {
  const std::string pool =
      "nat64 = ({ pools = ({ addresses = [\"203.0.113.0/28\", \"203.0.113.32-203.0.113.40\"]; }); "
      "});\n";
  const auto with = [&](const char* four) {
    return error_of(config(
        fmt::format("eam = ({{ ipv6 = \"2001:db8:ff00::/40\"; ipv4 = \"{}\"; }});", four), pool));
  };
  CHECK(with("203.0.113.7") ==
        "f:3: siit[0].eam[0]: found \"203.0.113.7/32\", expected addresses that nat64[0].pools[0] "
        "does not have");
  CHECK(with("203.0.113.40/30") ==
        "f:3: siit[0].eam[0]: found \"203.0.113.40/30\", expected "
        "addresses that nat64[0].pools[0] does not have");
  CHECK(with("203.0.113.41") == "accepted");
  CHECK(with("203.0.113.0/24") == "accepted");
  CHECK(with("0.0.0.0/0") == "accepted");
}

TEST_CASE("a file of mappings that is not one") {
  CHECK(error_of(config("eam_file = \"eam.txt\";")) ==
        "f:2: siit[0].eam_file: found \"eam.txt\", expected a path that begins with \"/\"");
  CHECK(error_of(config("eam_file = \"/nowhere/eam.txt\";")) ==
        "/nowhere/eam.txt: found No such file or directory, expected a file of address mappings");
  CHECK(error_of(config("eam_file = \"/dev/zero\";")) ==
        "/dev/zero: found a device, expected a regular file");
}

TEST_CASE("a reload may change mappings, but not the prefix") {
  const auto before = load_text(config("inside4 = [\"198.51.100.0/24\"];"), "f");
  const auto after = load_text(config("inside4 = [\"198.51.100.0/24\"]; hairpinning = \"simple\"; "
                                      "eam = ({ ipv6 = \"2001:db8::5\"; ipv4 = \"192.0.2.5\"; });"),
                               "f");
  REQUIRE(before);
  REQUIRE(after);
  CHECK(needs_restart(**before, **after).empty());
}

TEST_CASE("a hundred thousand mappings load") {
  std::string text;
  for (int i = 0; i < 100'000; ++i) {
    text += fmt::format("2001:db8:{:x}::{:x} 10.{}.{}.{}\n", i >> 12, i & 0xfff, i >> 16,
                        i >> 8 & 255, i & 255);
  }
  const TempFile file(text);
  const auto loaded = load_text(config("eam_file = \"" + file.path() + "\";"), "f");
  REQUIRE(loaded);
  CHECK((*loaded)->siit[0].mappings.size() == 100'000);
  CHECK((*loaded)->siit[0].overlapping == 0);
}

}  // namespace isthmus::eam_file_test
