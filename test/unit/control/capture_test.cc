// SPDX-License-Identifier: BSD-3-Clause
// "capture": what the daemon hands out, and the file that isthmusctl makes of it.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "capture.h"
#include "catch.h"
#include "control/command_capture.h"
#include "control/packet_text.h"
#include "fake_backend.h"
#include "pcapng.h"
#include "trace.h"

#include <nlohmann/json.hpp>

namespace isthmus::capture_test {
using namespace control;
using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;
using dataplane::Captured;
using dataplane::CaptureOptions;

namespace {

// What a source shall give, and what it was asked for.
struct Told {
  std::vector<Captured> packets;
  std::vector<dataplane::Traced> steps;
  CaptureOptions options;
  int running = 0;
};

class FakeCapture final : public dataplane::Capture {
 public:
  explicit FakeCapture(Told& told) : told_(told) { ++told_.running; }
  ~FakeCapture() override { --told_.running; }
  unsigned take(unsigned limit, const std::function<void(const Captured&)>& handler) override {
    unsigned taken = 0;
    for (; taken < limit && !told_.packets.empty(); ++taken) {
      handler(told_.packets.front());
      told_.packets.erase(told_.packets.begin());
    }
    return taken;
  }
  unsigned take_steps(unsigned limit,
                      const std::function<void(const dataplane::Traced&)>& handler) override {
    unsigned taken = 0;
    for (; taken < limit && !told_.steps.empty(); ++taken) {
      handler(told_.steps.front());
      told_.steps.erase(told_.steps.begin());
    }
    return taken;
  }
  uint64_t lost() const override { return 7; }

 private:
  Told& told_;
};

class Source final : public FakeDataplane, public dataplane::CaptureSource {
 public:
  Result<std::unique_ptr<dataplane::Capture>> start_capture(
      const CaptureOptions& options) override {
    told.options = options;
    if (options.filter == "nonsense") return Error{"no such filter"};
    return std::unique_ptr<dataplane::Capture>(std::make_unique<FakeCapture>(told));
  }
  Told told;
};

struct Fixture : FakeBackend {
  Source source;
  CaptureDesk desk;
  CaptureDesk::Clock::time_point now{};
  dataplane::Dataplane& dataplane() override { return source; }

  Json say(std::string_view line) {
    const auto parsed = parse_request(line);
    REQUIRE(std::holds_alternative<Request>(parsed));
    const auto& request = std::get<Request>(parsed);
    const auto answer = request.command->action == Action::kTrace
                            ? desk.run_trace(*this, request, now)
                            : desk.run(*this, request, now);
    if (answer.complaint) return {{"error", answer.complaint->error}};
    return Json::parse(answer.text);
  }
};

std::string temporary() {
  char name[] = "/tmp/isthmus-capture-XXXXXX";
  const int fd = mkstemp(name);
  REQUIRE(fd >= 0);
  close(fd);
  return name;
}

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

template <class T>
T number(const std::string& bytes, std::size_t at) {
  T value;
  REQUIRE(at + sizeof value <= bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

TEST_CASE("capture: started, read, stopped") {
  Fixture f;
  CHECK(f.say("capture read").contains("error"));
  CHECK(f.say("capture start drops filter udp port 53 or host 192.0.2.1").contains("capturing"));
  CHECK(f.source.told.options.what == CaptureOptions::What::kDrops);
  CHECK(f.source.told.options.filter == "udp port 53 or host 192.0.2.1");
  CHECK(f.say("capture start drops")["error"] == "another capture or trace is running");
  const uint8_t bytes[] = {0x45, 0x00, 0xff};
  Captured packet;
  packet.reason = telemetry::DropReason::kNoBinding;
  packet.port = 1;
  packet.worker = 3;
  packet.unix_ns = 5;
  packet.length = 9;
  packet.bytes = bytes;
  f.source.told.packets = {packet};
  const auto read = f.say("capture read");
  CHECK(read["lost"] == 7);
  REQUIRE(read["packets"].size() == 1);
  const auto& got = read["packets"][0];
  CHECK(got["way"] == "dropped");
  CHECK(got["reason"] == "no-binding");
  CHECK(got["port"] == "outside");
  CHECK(got["link"] == "ip");
  CHECK(got["length"] == 9);
  CHECK(got["bytes"] == "4500ff");
  const auto comment = got["comment"].get<std::string>();
  CHECK(comment.starts_with("dropped: no-binding ("));
  CHECK(comment.ends_with("; worker 3"));
  CHECK(f.say("capture read")["packets"].empty());
  CHECK(f.say("capture stop")["stopped"] == true);
  CHECK(f.source.told.running == 0);
}

TEST_CASE("capture: who does not read any more has ended it") {
  Fixture f;
  f.say("capture start punts");
  f.now += 9s;
  f.say("capture read");
  f.now += 9s;
  f.desk.sweep(f.now);
  CHECK(f.source.told.running == 1);
  f.now += 1s;
  f.desk.sweep(f.now);
  CHECK(f.source.told.running == 0);
  CHECK(f.say("capture read").contains("error"));
}

TEST_CASE("capture: wishes that cannot be met") {
  Fixture f;
  for (const char* line :
       {"capture", "capture start", "capture start everything", "capture start port nowhere",
        "capture start drops filter", "capture start drops filter nonsense", "capture read more"}) {
    INFO(line);
    CHECK(f.say(line).contains("error"));
  }
  CHECK(f.source.told.running == 0);
  CHECK(f.say("capture start port outside").contains("capturing"));
  CHECK(f.source.told.options.port == 1);
}

TEST_CASE("capture: the words of isthmusctl") {
  const auto wish = ctl::parse_capture(
      "port inside count 5 seconds 2.5 megabytes 3 filter tcp port 443 a.pcapng");
  REQUIRE(wish);
  CHECK(wish->what == "port inside filter tcp port 443");
  CHECK(wish->file == "a.pcapng");
  CHECK(wish->count == 5);
  CHECK(wish->seconds == 2.5);
  CHECK(wish->megabytes == 3);
  for (const char* wrong : {"", "drops", "all file", "port file", "drops count file",
                            "drops count x file", "drops filter file", "drops more file"}) {
    INFO(wrong);
    CHECK_FALSE(ctl::parse_capture(wrong));
  }
}

TEST_CASE("capture: the file is pcapng, block by block, and tshark reads it") {
  const auto path = temporary();
  ctl::CapturedPacket packet;
  const uint8_t bytes[] = {0x45, 0, 0,   28, 0,   0, 0x40, 0,  64,   17,   0, 0, 192, 0,
                           2,    1, 203, 0,  113, 7, 0,    53, 0x9c, 0x40, 0, 8, 0,   0};
  packet.interface = "outside";
  packet.unix_ns = 1'700'000'000'123'456'789;
  packet.length = 28;
  packet.bytes = bytes;
  packet.comment = "dropped: no-binding";
  {
    auto file = ctl::PcapngFile::make(path, "test");
    REQUIRE(file);
    REQUIRE((*file)->add(packet));
    packet.comment.clear();
    packet.direction = ctl::CapturedPacket::Direction::kOut;
    REQUIRE((*file)->add(packet));
    REQUIRE((*file)->flush());
    CHECK((*file)->bytes() == std::filesystem::file_size(path));
  }
  const auto got = contents(path);
  std::vector<uint32_t> types;
  for (std::size_t at = 0; at < got.size();) {
    const auto length = number<uint32_t>(got, at + 4);
    REQUIRE(length % 4 == 0);
    REQUIRE(length >= 12);
    REQUIRE(at + length <= got.size());
    CHECK(number<uint32_t>(got, at + length - 4) == length);
    types.push_back(number<uint32_t>(got, at));
    at += length;
  }
  CHECK(types == std::vector<uint32_t>{0x0a0d0d0a, 1, 6, 6});
  CHECK(got.find("dropped: no-binding") != std::string::npos);
  if (std::system("command -v tshark >/dev/null") == 0) {
    const auto out = temporary();
    const auto command = "tshark -r " + path +
                         " -T fields -e frame.time_epoch -e ip.src -e udp.dstport "
                         "-e frame.comment -e frame.interface_name >" +
                         out + " 2>/dev/null";
    REQUIRE(std::system(command.c_str()) == 0);
    CHECK(contents(out) ==
          "1700000000.123456789\t192.0.2.1\t40000\tdropped: no-binding\toutside (IP)\n"
          "1700000000.123456789\t192.0.2.1\t40000\t\toutside (IP)\n");
    std::filesystem::remove(out);
  }
  std::filesystem::remove(path);
}

TEST_CASE("capture: a full disk is said") {
  auto file = ctl::PcapngFile::make("/dev/full", "test");
  REQUIRE(file);
  const auto flushed = (*file)->flush();
  REQUIRE_FALSE(flushed);
  CHECK(flushed.error().text == "/dev/full: No space left on device");
  CHECK_FALSE(ctl::PcapngFile::make("/nowhere/file", "test"));
}

TEST_CASE("trace: started, read and stopped; a step in JSON and in words") {
  Fixture f;
  CHECK(f.say("trace").contains("error"));
  CHECK(f.say("trace read")["error"] == "no trace is running");
  CHECK(f.say("trace start filter").contains("error"));
  CHECK(f.say("trace start filter udp port 53").contains("capturing"));
  CHECK(f.source.told.options.what == CaptureOptions::What::kTrace);
  CHECK(f.source.told.options.filter == "udp port 53");
  CHECK(f.say("capture start drops").contains("error"));

  dataplane::Traced step;
  step.unix_ns = 1'795'722'345'000'006'000;
  step.from_worker = 0;
  const auto packet = [](std::string_view text) {
    return std::get<PacketBytes>(parse_packet(text));
  };
  step.before = packet("tcp 2001:db8:1::5 1234 64:ff9b::192.0.2.1 443 flags A");
  auto& prospect = step.prospect;
  prospect.end = dataplane::Prospect::End::kForwarded;
  prospect.worker = 1;
  prospect.cls.kind = nat::Class::kStateful;
  prospect.foreseen.session = prospect.foreseen.binding = nat::Foreseen::Part::kFound;
  prospect.foreseen.knows_flow = true;
  prospect.foreseen.flow = FakeWalk::session(0, 5);
  prospect.foreseen.flow.state = nat::TcpState::kV6Init;
  prospect.foreseen.flow.expires_in_ms = 2000;
  prospect.foreseen.after = nat::TcpState::kEstablished;
  prospect.foreseen.lifetime_ms = 7'440'000;
  prospect.packet = packet("tcp 203.0.113.0 1029 192.0.2.1 443 flags A hops 63");
  prospect.has_route = true;
  prospect.egress = 1;
  prospect.next_hop = *net::parse_ip4("198.51.100.1");
  auto dropped = step;
  dropped.dropped = telemetry::DropReason::kTxFull;
  f.source.told.steps = {step, dropped};
  const auto told = f.say("trace read");
  CHECK(told["lost"] == 7);
  REQUIRE(told["steps"].size() == 2);
  CHECK_FALSE(told["steps"][0].contains("bytes"));
  CHECK(told["steps"][0]["binding"] == "found");
  CHECK(told["steps"][1]["outcome"] == "dropped");
  CHECK(told["steps"][1]["reason"] == telemetry::name(telemetry::DropReason::kTxFull));
  CHECK(ctl::trace_text(told["steps"][0], 3) ==
        "#3 19:45:45.000006 from inside\n"
        "  parsed as   tcp 2001:db8:1::5 1234 > 64:ff9b::c000:201 443, hop limit 64, 60 octets\n"
        "  instance    nat64 main\n"
        "  worker      worker 1, handed over by worker 0\n"
        "  binding     found: 2001:db8::5 40000 <-> 203.0.113.0 1029\n"
        "  session     found, v6-init -> established, had 2.0 s left, has 2h 04m now\n"
        "  translated  tcp 203.0.113.0 1029 > 192.0.2.1 443, TTL 63, 40 octets\n"
        "  next hop    198.51.100.1 (unknown: it waits until it is resolved) on outside.100, port "
        "outside\n"
        "  outcome     forwarded\n");
  CHECK(f.say("trace stop")["lost"] == 7);
  CHECK(f.source.told.running == 0);
}

TEST_CASE("trace: what a person asks for") {
  const auto wish = ctl::parse_trace("count 3 seconds 1.5 filter tcp port 80");
  REQUIRE(wish);
  CHECK(wish->count == 3);
  CHECK(wish->seconds == 1.5);
  CHECK(wish->filter == "filter tcp port 80");
  CHECK(ctl::parse_trace(""));
  for (const char* wrong : {"count", "count 0", "count x", "seconds", "nonsense 3", "filter"}) {
    CAPTURE(wrong);
    CHECK_FALSE(ctl::parse_trace(wrong));
  }
}

}  // namespace isthmus::capture_test
