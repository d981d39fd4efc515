// SPDX-License-Identifier: BSD-3-Clause
// What isthmusctl prints, to the octet.
#include "app/isthmusctl/render.h"

#include "catch.h"

namespace isthmus::render_test {
using namespace ctl;

namespace {

std::string rendered(const char* json) {
  std::string out;
  render_object(Json::parse(json), [&](std::string_view text) { out += text; });
  return out;
}

std::string table(const std::vector<const char*>& rows, std::size_t line_width = 0) {
  std::string out;
  Table t([&](std::string_view text) { out += text; }, line_width);
  for (const auto* row : rows) t.add(Json::parse(row));
  t.finish();
  return out;
}

}  // namespace

TEST_CASE("an object is a list of fields") {
  CHECK(rendered(R"({"version":"1.0","dpdk":"22.11","uptime_ms":3723000,"speed_mbps":10000})") ==
        "version: 1.0\n"
        "dpdk:    22.11\n"
        "uptime:  1h 02m\n"
        "speed:   10 Gb/s\n");
}

TEST_CASE("a list of objects is a table, numbers to the right") {
  CHECK(rendered(R"({"pools":[{"pool":"a","used_tcp":5,"used_percent":0.5,"free":true},)"
                 R"({"pool":"longer","used_tcp":12345,"used_percent":100.0,"free":false}]})") ==
        "POOL    USED TCP  USED %  FREE\n"
        "a              5    0.50  yes\n"
        "longer     12345  100.00  no\n");
}

TEST_CASE("an address and its port are one column, octets and times have units") {
  CHECK(table({R"({"protocol":"tcp","inside":"2001:db8::1","inside_port":40000,)"
               R"("outside":"203.0.113.7","outside_port":1024,"idle_ms":999,"bytes_6to4":1023})",
               R"({"protocol":"udp","inside":"2001:db8::12","inside_port":5,)"
               R"("outside":"203.0.113.7","outside_port":65535,"idle_ms":61000,)"
               R"("bytes_6to4":1536})"}) ==
        "PROTOCOL  INSIDE               OUTSIDE              IDLE  BYTES 6TO4\n"
        "tcp       [2001:db8::1]:40000  203.0.113.7:1024   999 ms      1023 B\n"
        "udp       [2001:db8::12]:5     203.0.113.7:65535  1m 01s     1.5 KiB\n");
}

TEST_CASE("absent and empty values are dashes") {
  CHECK(table({R"({"a":null,"b":"","c":[]})", R"({"a":7,"c":["x","y"]})"}) ==
        "A  B  C\n"
        "-  -  -\n"
        "7  -  x, y\n");
}

TEST_CASE("nothing found is said") {
  CHECK(table({}) == "none\n");
  CHECK(rendered(R"({"drops":[]})") == "none\n");
}

TEST_CASE("fields beside a table stand around it") {
  CHECK(rendered(R"({"neighbors":[{"address":"192.0.2.1"}],"waiting":1})") ==
        "neighbors:\nADDRESS\n192.0.2.1\nwaiting: 1\n");
  CHECK(rendered(R"({"waiting":1,"neighbors":[{"address":"192.0.2.1"}]})") ==
        "waiting: 1\n\nneighbors:\nADDRESS\n192.0.2.1\n");
}

TEST_CASE("an address without a port bears none") {
  CHECK(table({R"({"protocol":"icmp","remote":"192.0.2.1","remote_port":0})"}) ==
        "PROTOCOL  REMOTE\nicmp      192.0.2.1\n");
}

TEST_CASE("columns that a narrow terminal has no room for go on in a second line") {
  const std::vector<const char*> rows{
      R"({"name":"inside","device":"0000:01:00.0","packets":12,"nat64":"main"})",
      R"({"name":"x","device":"0000:01:00.1","packets":12345,"nat64":"b"})"};
  CHECK(table(rows, 30) ==
        "NAME    DEVICE        PACKETS\n"
        "    NAT64\n"
        "inside  0000:01:00.0       12\n"
        "    main\n"
        "x       0000:01:00.1    12345\n"
        "    b\n");
  CHECK(table(rows, 36) == table(rows));
}

TEST_CASE("a long text at the end of a row is broken at its words") {
  const auto* row = R"({"name":"a","help":"a sentence that does not fit"})";
  CHECK(table({row}, 24) ==
        "NAME  HELP\n"
        "a     a sentence that\n"
        "      does not fit\n");
  CHECK(table({row}, 20) == "NAME  HELP\na     a sentence that does not fit\n");
  CHECK(table({row}) == "NAME  HELP\na     a sentence that does not fit\n");
}

TEST_CASE("numbers stand right only where there is no text beside them") {
  CHECK(table({R"({"option":"a","value":5})", R"({"option":"b","value":"words"})",
               R"({"option":"c","value":null})"}) ==
        "OPTION  VALUE\na       5\nb       words\nc       -\n");
  CHECK(table({R"({"n":null})", R"({"n":12345})", R"({"n":"-"})"}) ==
        "    N\n    -\n12345\n    -\n");
}

TEST_CASE("words stand one a line, a file as it is") {
  CHECK(rendered(R"({"words":["a","b"]})") == "a\nb\n");
  CHECK(rendered(R"({"file":"x","text":"a = 1;\n  b = 2;\n"})") == "file: x\na = 1;\n  b = 2;\n");
}

TEST_CASE("text cannot steer the terminal") {
  CHECK(rendered(R"({"name":"a\u001b[2Jb"})") == "name: a?[2Jb\n");
}

TEST_CASE("a stream is printed as it comes once widths are known") {
  std::string out;
  Table t([&](std::string_view text) { out += text; });
  for (std::size_t i = 0; i < Table::kSample; ++i) {
    CHECK(out.empty());
    t.add(Json{{"n", i}});
  }
  CHECK(out.starts_with("  N\n  0\n  1\n"));
  t.add(Json{{"n", 1234567}});
  CHECK(out.ends_with("255\n1234567\n"));
}

TEST_CASE("units") {
  CHECK(human("x_ms", Json(59999)) == "59.9 s");
  CHECK(human("x_ms", Json(86400000)) == "1d 00h");
  CHECK(human("rx_bytes", Json(1048576)) == "1.0 MiB");
  CHECK(human("rx_bytes", Json(UINT64_MAX)) == "16.0 EiB");
  CHECK(human("speed_mbps", Json(0)) == "-");
  CHECK(human("speed_mbps", Json(2500)) == "2500 Mb/s");
  CHECK(human("n", Json(-5)) == "-5");
}

}  // namespace isthmus::render_test
