// SPDX-License-Identifier: BSD-3-Clause
// "simulate": packets as operators write them, and what they are told.
#include "catch.h"
#include "control/command_simulate.h"
#include "control/packet_text.h"
#include "fake_backend.h"
#include "net/checksum.h"
#include "net/parse.h"

#include <nlohmann/json.hpp>

namespace isthmus::simulate_test {
using namespace control;
using Json = nlohmann::ordered_json;
using dataplane::Prospect;

namespace {

PacketBytes good(std::string_view text) {
  INFO(text);
  const auto parsed = parse_packet(text);
  if (const auto* complaint = std::get_if<Complaint>(&parsed)) FAIL(complaint->error);
  return std::get<PacketBytes>(parsed);
}

std::string bad(std::string_view text) {
  INFO(text);
  const auto parsed = parse_packet(text);
  REQUIRE(std::holds_alternative<Complaint>(parsed));
  CHECK(!std::get<Complaint>(parsed).hint.empty());
  return std::get<Complaint>(parsed).error;
}

// The checksum of the transport header adds up.
bool adds_up(PacketBytes bytes) {
  net::PacketBuf buf{bytes.data(), static_cast<uint32_t>(bytes.size()), 0, 0};
  net::PacketView view;
  REQUIRE(net::parse_ip(buf, view) == net::DropReason::kNone);
  const auto length = view.l4_length();
  const auto* six = net::header_at<net::Ip6Header>(bytes.data());
  const auto* four = net::header_at<net::Ip4Header>(bytes.data());
  uint64_t sum = view.protocol == net::kProtoIcmp4 ? 0
                 : view.family == 6
                     ? net::pseudo_sum6(six->source, six->destination, view.protocol, length)
                     : net::pseudo_sum4(four->source, four->destination, view.protocol, length);
  sum = net::sum_bytes(bytes.data() + view.l4_offset, length, sum);
  return net::fold(sum) == 0xffff;
}

Json run(FakeBackend& backend, std::string_view line) {
  const auto parsed = parse_request(line);
  REQUIRE(std::holds_alternative<Request>(parsed));
  const auto answer = simulate(backend, std::get<Request>(parsed));
  if (answer.complaint) return {{"error", answer.complaint->error}};
  return Json::parse(answer.text);
}

}  // namespace

TEST_CASE("simulate: packets in words") {
  CHECK(describe_packet(good("udp 2001:db8:1::5 1234 64:ff9b::192.0.2.1 53")) ==
        "udp 2001:db8:1::5 1234 > 64:ff9b::c000:201 53, hop limit 64, 48 octets");
  CHECK(describe_packet(good("tcp 192.0.2.1 443 203.0.113.7 40112 flags SA hops 3 size 7")) ==
        "tcp 192.0.2.1 443 > 203.0.113.7 40112, TTL 3, 47 octets");
  CHECK(describe_packet(good("icmp 2001:db8:1::5 64:ff9b::192.0.2.1 id 9")) ==
        "icmpv6 2001:db8:1::5 > 64:ff9b::c000:201 id 9, hop limit 64, 48 octets");
  for (const char* text : {"udp 2001:db8::5 1 2001:db8::6 2 size 3", "udp 192.0.2.1 1 192.0.2.2 2",
                           "tcp 2001:db8::5 1 2001:db8::6 2", "tcp 192.0.2.1 1 192.0.2.2 2 size 5",
                           "icmp 2001:db8::5 2001:db8::6 reply", "icmp 192.0.2.1 192.0.2.2"}) {
    CHECK(adds_up(good(text)));
  }
  const auto reply = good("icmp 192.0.2.1 203.0.113.7 id 5 reply");
  CHECK(reply[20] == net::kIcmp4EchoReply);
  const auto flags = good("tcp 192.0.2.1 1 192.0.2.2 2 flags frp");
  CHECK(flags[33] == 0x0d);
}

TEST_CASE("simulate: packets in hexadecimal") {
  const auto packet = good("udp 192.0.2.1 1 192.0.2.2 2 size 1");
  std::string hex;
  for (const uint8_t byte : packet) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += {kDigits[byte >> 4], kDigits[byte & 15]};
  }
  CHECK(good(hex) == packet);
  CHECK(good("0x" + hex.substr(0, 8) + ' ' + hex.substr(8)) == packet);
  CHECK(good("45:00 00").size() == 3);
}

TEST_CASE("simulate: what is no packet is refused, with what to write instead") {
  bad("");
  bad("4");
  bad("45000g");
  bad("sctp 192.0.2.1 1 192.0.2.2 2");
  CHECK(bad("udp 192.0.2.1").find("port") != std::string::npos);
  CHECK(bad("udp 192.0.2.1 70000 192.0.2.2 2").find("70000") != std::string::npos);
  CHECK(bad("udp 192.0.2.1 1 2001:db8::1 2").find("families") != std::string::npos);
  CHECK(bad("udp 192.0.2.300 1 192.0.2.2 2").find("192.0.2.300") != std::string::npos);
  bad("udp 192.0.2.1 1 192.0.2.2 2 flags S");
  bad("tcp 192.0.2.1 1 192.0.2.2 2 flags XY");
  bad("tcp 192.0.2.1 1 192.0.2.2 2 size 9999999");
  bad("icmp 192.0.2.1 192.0.2.2 id");
}

TEST_CASE("simulate: what the worker foresees, field by field") {
  FakeBackend backend;
  Prospect first;
  first.end = Prospect::End::kForwarded;
  first.cls.kind = nat::Class::kStateful;
  first.worker = 1;
  first.foreseen.session = nat::Foreseen::Part::kNew;
  first.foreseen.binding = nat::Foreseen::Part::kFound;
  first.foreseen.knows_flow = true;
  first.foreseen.flow.outside = *net::parse_ip4("203.0.113.1");
  first.foreseen.flow.outside_port = net::Be16(40112);
  first.foreseen.flow.protocol = 17;
  first.foreseen.lifetime_ms = 300000;
  first.packet = good("udp 203.0.113.1 40112 192.0.2.1 53");
  first.has_route = true;
  first.egress = 1;
  first.next_hop = *net::parse_ip4("198.51.100.1");
  backend.plane.prospects = {first};
  const auto answer =
      run(backend, "simulate on outside.100 udp 2001:db8:1::5 1234 64:ff9b::192.0.2.1 53");
  CHECK(backend.plane.simulated == good("udp 2001:db8:1::5 1234 64:ff9b::192.0.2.1 53"));
  CHECK(backend.plane.simulated_from == 1);
  CHECK(answer["outcome"] == "forwarded");
  CHECK(answer["nat64"] == "main");
  CHECK(answer["worker"] == 1);
  CHECK(answer["session"] == "would be made");
  CHECK(answer["binding"] == "there is one");
  CHECK(answer["outside"] == "203.0.113.1");
  CHECK(answer["outside_port"] == 40112);
  CHECK(answer["expires_after_ms"] == 300000);
  CHECK(answer["packet"] == "udp 203.0.113.1 40112 > 192.0.2.1 53, TTL 64, 28 octets");
  CHECK(answer["next_hop"] == "198.51.100.1");
  CHECK(answer["egress"] == "outside.100");
  CHECK(answer["port"] == backend.plane.interface_list[1].port);
  CHECK(answer["link_address"].get<std::string>().starts_with("unknown"));
  CHECK(!answer.contains("reason"));
}

TEST_CASE("simulate: a drop with its reason, both halves of a hairpin, an unknown interface") {
  FakeBackend backend;
  Prospect turned;
  turned.end = Prospect::End::kTurned;
  turned.packet = good("udp 203.0.113.1 1 203.0.113.2 2");
  Prospect dropped;
  dropped.reason = telemetry::DropReason::kNoBinding;
  backend.plane.prospects = {turned, dropped};
  const auto answer = run(backend, "simulate udp 2001:db8:1::5 1 64:ff9b::203.0.113.2 2");
  CHECK(!backend.plane.simulated_from);
  CHECK(answer["outcome"] == "turned around");
  CHECK(answer["second_outcome"] == "dropped");
  CHECK(answer["second_reason"] == "no-binding");
  CHECK(answer.contains("second_why"));
  CHECK(run(backend, "simulate on nowhere udp 192.0.2.1 1 192.0.2.2 2")["error"] ==
        "there is no interface \"nowhere\"");
  CHECK(run(backend, "simulate")["error"] == "there is no packet");
}

}  // namespace isthmus::simulate_test
