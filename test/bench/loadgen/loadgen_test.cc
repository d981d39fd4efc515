// SPDX-License-Identifier: BSD-3-Clause
// The load generator without ports: what it counts, when it sends, what its frames look like.
#include <algorithm>
#include <set>

#include "bench/loadgen/command.h"
#include "bench/loadgen/flow_table.h"
#include "bench/loadgen/frame_maker.h"
#include "bench/loadgen/histogram.h"
#include "bench/loadgen/neighbor.h"
#include "bench/loadgen/order.h"
#include "bench/loadgen/pacer.h"
#include "bench/loadgen/trial.h"
#include "catch.h"

namespace isthmus::loadgen {
namespace {

using Bytes = std::vector<uint8_t>;

const net::Ip4 kPool = *net::parse_ip4("203.0.113.7");

FrameMaker maker_with(const std::vector<unsigned>& payloads, const bench::Shape& shape = {}) {
  FrameMaker maker(shape, bench::prefix_of(bench::kPrefix), payloads);
  maker.set_links({{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 2}}, {{2, 0, 0, 0, 0, 3}},
                  {{2, 0, 0, 0, 0, 4}});
  return maker;
}

}  // namespace

TEST_CASE("pacer: a frame is due each interval, the first at once") {
  Pacer pacer(10, 1000, 500, 64);
  CHECK(pacer.due(499, 32) == 0);
  CHECK(pacer.due(500, 32) == 1);
  pacer.sent(1);
  CHECK(pacer.due(599, 32) == 0);
  CHECK(pacer.due(600, 32) == 1);
  CHECK(pacer.due(850, 32) == 3);
  CHECK(pacer.due(850, 2) == 2);
  CHECK(pacer.slips() == 0);
}

TEST_CASE("pacer: a long lag moves the schedule instead of making a burst, and is counted") {
  Pacer pacer(10, 1000, 0, 64);
  CHECK(pacer.due(100 * 1000, 2000) == 64);  // 1001 were due
  pacer.sent(64);
  CHECK(pacer.slips() == 1);
  CHECK(pacer.slipped() == 93700);
  CHECK(pacer.due(100 * 1000, 2000) == 0);
  CHECK(pacer.due(100 * 1000 + 100, 2000) == 1);
}

TEST_CASE("pacer: over a long time the rate is exact") {
  Pacer pacer(3e6, 2445000000, 7, 256);
  uint64_t sent = 0;
  for (uint64_t now = 7; now < 7 + 2445000000; now += 10000) {
    const uint32_t due = pacer.due(now, 32);
    pacer.sent(due);
    sent += due;
  }
  CHECK(sent <= 3000000);
  CHECK(sent >= 3000000 - 32);
  CHECK(pacer.slips() == 0);
}

TEST_CASE("histogram: small values and both ends are exact") {
  Histogram histogram;
  CHECK(histogram.percentile(50) == 0);
  for (uint64_t value = 1; value <= 100; ++value) histogram.add(value);
  CHECK(histogram.min() == 1);
  CHECK(histogram.max() == 100);
  CHECK(histogram.percentile(0) == 1);
  CHECK(histogram.percentile(50) == 50);
  CHECK(histogram.percentile(99) == 99);
  CHECK(histogram.percentile(100) == 100);
}

TEST_CASE("histogram: large values are right to within one in 64, from above") {
  for (uint64_t value = 64; value < uint64_t{1} << 62; value = value * 5 / 3 + 1) {
    Histogram histogram;
    histogram.add(value);
    histogram.add(~uint64_t{0});  // so that the maximum does not hide the bin
    const uint64_t found = histogram.percentile(50);
    CHECK(found >= value);
    CHECK(found - value <= value / 64);
  }
}

TEST_CASE("histogram: one late sample in a thousand is beyond the 99.9th percentile") {
  Histogram histogram;
  for (int i = 0; i < 999; ++i) histogram.add(10);
  histogram.add(1000000);
  CHECK(histogram.percentile(99.9) == 10);
  CHECK(histogram.max() == 1000000);
  histogram.add(1000000);
  CHECK(histogram.percentile(99.9) > 10);
}

TEST_CASE("flow table: learns, tells changes, forgets") {
  FlowTable table(4);
  CHECK(table.find(2) == nullptr);
  CHECK(table.learn(2, kPool, net::Be16(1024)) == FlowTable::Learned::kNew);
  CHECK(table.learn(2, kPool, net::Be16(1024)) == FlowTable::Learned::kSame);
  CHECK(table.learn(2, kPool, net::Be16(1025)) == FlowTable::Learned::kChanged);
  CHECK(table.learn(4, kPool, net::Be16(1024)) == FlowTable::Learned::kUnknown);
  REQUIRE(table.find(2) != nullptr);
  CHECK(table.find(2)->port.host() == 1025);
  CHECK(table.find(4) == nullptr);
  CHECK(table.known() == 1);
  table.forget();
  CHECK(table.known() == 0);
  CHECK(table.find(2) == nullptr);
}

TEST_CASE("order: random or not, each flow comes once before any comes again") {
  for (const uint32_t flows : {1u, 2u, 3u, 63u, 1000u, 4096u, 64512u}) {
    for (const bool random : {false, true}) {
      Order order(flows, random);
      std::vector<uint32_t> first, second;
      for (uint32_t i = 0; i < flows; ++i) first.push_back(order.next());
      for (uint32_t i = 0; i < flows; ++i) second.push_back(order.next());
      CHECK(first == second);
      if (!random) CHECK(std::is_sorted(first.begin(), first.end()));
      if (random && flows > 3) CHECK_FALSE(std::is_sorted(first.begin(), first.end()));
      const std::set<uint32_t> different(first.begin(), first.end());
      CHECK(different.size() == flows);
      CHECK(*different.rbegin() == flows - 1);
    }
  }
}

TEST_CASE("frames: what is written is read and right, of each length") {
  const std::vector<unsigned> payloads{18, 548, 1452};
  const auto maker = maker_with(payloads, {63, 10});
  for (uint32_t i = 0; i < 3; ++i) {
    const Stamp stamp{12345, i, 0x123456789abcdef0, 77};
    Bytes six(1600), four(1600);
    const unsigned length6 = maker.make_6(six.data(), stamp);
    const unsigned length4 = maker.make_4(four.data(), {kPool, net::Be16(4321)}, stamp);
    CHECK(length6 == 14 + 40 + 8 + payloads[i]);
    CHECK(length4 == 14 + 20 + 8 + payloads[i]);
    // Each is the other side's kind of frame, so only its stamp and sums can be compared here.
    const auto at4 = maker.read_4(four.data(), length4);
    const auto at6 = maker.read_6(six.data(), length6);
    REQUIRE(at4);
    REQUIRE(at6);
    CHECK(at4->stamp == stamp);
    CHECK(at6->stamp == stamp);
    CHECK(at4->source == bench::Shape{63, 10}.remote(12345));
    CHECK(at4->source_port.host() == bench::kServerPort);
    CHECK_FALSE(maker.read_6(four.data(), length4));
    CHECK_FALSE(maker.read_4(six.data(), length6));
    CHECK_FALSE(maker.read_4(four.data(), 59));
    CHECK_FALSE(maker.read_6(six.data(), 79));
  }
}

namespace {

// A translated frame, by swapping source and destination of one that the tester made: all sums
// stay.
template <class Header>
void turn_around(Bytes& frame, unsigned udp_at) {
  auto* ip = net::header_at<Header>(frame.data() + 14);
  std::swap(ip->source, ip->destination);
  auto* udp = net::header_at<net::UdpHeader>(frame.data() + udp_at);
  std::swap(udp->source_port, udp->destination_port);
}

}  // namespace

TEST_CASE("frames: a wrong host, server, port or checksum is seen") {
  const auto maker = maker_with({18}, {63, 10});
  const Stamp stamp{12345, 1, 2, 3};
  const Stamp other{12345 + 10, 1, 2, 3};  // next port of the same host, same server
  Bytes six(80), four(80);
  maker.make_6(six.data(), stamp);
  maker.make_4(four.data(), {kPool, net::Be16(4321)}, stamp);
  CHECK_FALSE(maker.is_right_6(six.data(), stamp));
  CHECK_FALSE(maker.is_right_4(four.data(), stamp));
  turn_around<net::Ip6Header>(six, 54);
  turn_around<net::Ip4Header>(four, 34);
  CHECK(maker.is_right_6(six.data(), stamp));
  CHECK(maker.is_right_4(four.data(), stamp));
  CHECK_FALSE(maker.is_right_6(six.data(), other));
  for (unsigned at = 14 + 8; at < 80; ++at) {
    Bytes broken = six;
    broken[at] ^= 0x10;
    CHECK_FALSE((maker.read_6(broken.data(), 80) && maker.is_right_6(broken.data(), stamp)));
  }
  for (unsigned at = 14; at < 60; ++at) {
    Bytes broken = four;
    broken[at] ^= 0x10;
    CHECK_FALSE((maker.read_4(broken.data(), 60) && maker.is_right_4(broken.data(), stamp)));
  }
}

TEST_CASE("frames: without a UDP checksum they are right towards IPv4 only, if that is allowed") {
  FrameMaker maker = maker_with({18});
  const Stamp stamp{12345, 6, 7, 8};
  Bytes six(80), four(80);
  maker.make_6(six.data(), stamp);
  maker.make_4(four.data(), {kPool, net::Be16(4321)}, stamp);
  turn_around<net::Ip6Header>(six, 54);
  turn_around<net::Ip4Header>(four, 34);
  six[54 + 6] = six[54 + 7] = four[34 + 6] = four[34 + 7] = 0;
  CHECK_FALSE(maker.is_right_4(four.data(), stamp));
  maker.take_no_udp_checksum();
  CHECK(maker.is_right_4(four.data(), stamp));
  CHECK_FALSE(maker.is_right_6(six.data(), stamp));
  four[34 + 6] = 1;
  CHECK_FALSE(maker.is_right_4(four.data(), stamp));
}

TEST_CASE("neighbors: ARP is asked and answered for the own address only") {
  const Link tester{
      {{2, 0, 0, 0, 0, 1}}, *net::parse_ip4("198.51.100.2"), *net::parse_ip4("198.51.100.1")};
  const Link gateway{{{2, 0, 0, 0, 0, 2}}, tester.gateway, tester.own};
  const Bytes question = ask_for_gateway(tester);
  CHECK(question == Bytes{255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0,   1,  8,   6,  //
                          0,   1,   8,   0,   6,   4,   0, 1, 2, 0, 0,   0,  0,   1,  //
                          198, 51,  100, 2,   0,   0,   0, 0, 0, 0, 198, 51, 100, 1});
  CHECK_FALSE(answer(tester, question));
  const auto reply = answer(gateway, question);
  REQUIRE(reply);
  CHECK(*reply == Bytes{2,   0,  0,   0, 0, 1, 2, 0, 0, 0, 0,   2,  8,   6,  //
                        0,   1,  8,   0, 6, 4, 0, 2, 2, 0, 0,   0,  0,   2,  //
                        198, 51, 100, 1, 2, 0, 0, 0, 0, 1, 198, 51, 100, 2});
  CHECK(gateway_in(tester, *reply) == gateway.own_mac);
  CHECK_FALSE(gateway_in(tester, question));
  CHECK_FALSE(answer(gateway, std::span(question).first(41)));
}

TEST_CASE("neighbors: a solicitation is asked and answered for the own address only") {
  const Link tester{{{2, 0, 0, 0, 0, 1}},
                    *net::parse_ip6("2001:db8:ffff:ffff::2"),
                    *net::parse_ip6("2001:db8:ffff:ffff::1")};
  const Link gateway{{{2, 0, 0, 0, 0, 2}}, tester.gateway, tester.own};
  const Bytes question = ask_for_gateway(tester);
  CHECK(net::to_string(net::header_at<net::Ip6Header>(question.data() + 14)->destination) ==
        "ff02::1:ff00:1");
  CHECK(Bytes(question.begin(), question.begin() + 6) == Bytes{0x33, 0x33, 0xff, 0, 0, 1});
  CHECK_FALSE(answer(tester, question));
  const auto reply = answer(gateway, question);
  REQUIRE(reply);
  CHECK(gateway_in(tester, *reply) == gateway.own_mac);
  CHECK_FALSE(gateway_in(tester, question));
  // RFC 4861 4.4: solicited and override, and the option.
  const Bytes end(reply->begin() + 54, reply->end());
  CHECK(end[0] == 136);
  CHECK(end[4] == 0x60);
  CHECK(Bytes(end.begin() + 24, end.end()) == Bytes{2, 1, 2, 0, 0, 0, 0, 2});
  CHECK_FALSE(answer(gateway, std::span(question).first(77)));
}

TEST_CASE("commands: defaults, keys and refusals") {
  const auto establish = parse_command("establish flows=5000 rate=2.5e6 answer=0");
  REQUIRE(establish);
  CHECK(establish->kind == Kind::kEstablish);
  CHECK(establish->flows == 5000);
  CHECK(establish->rate == 2.5e6);
  CHECK_FALSE(establish->answer);
  CHECK(establish->check);
  CHECK_FALSE(establish->random);
  const auto throughput = parse_command("  throughput direction=4to6\tseconds=0.5\r\n");
  REQUIRE(throughput);
  CHECK_FALSE(throughput->from_inside);
  CHECK(throughput->from_outside);
  CHECK(throughput->random);
  CHECK_FALSE(throughput->check);
  for (const char* wrong :
       {"", "fly", "validate rate", "validate rate=", "validate rate=0", "validate rate=-1",
        "validate rate=1x", "validate rate=nan", "validate flows=0", "validate flows=1e12",
        "throughput direction=up", "throughput order=best", "throughput seconds=1e9",
        "throughput colour=1"}) {
    CHECK_FALSE(parse_command(wrong));
  }
}

TEST_CASE("trial: its JSON") {
  Trial trial;
  trial.command.kind = Kind::kValidate;
  trial.command.flows = 3;
  trial.answered = {true, false, true};
  Tally& tally = trial.ways[k4to6];
  tally.sent = 3;
  tally.received = 2;
  for (const uint64_t ticks : {2000u, 4000u}) tally.delay.add(ticks);
  CHECK(to_json(trial, 2e9) ==
        R"({"trial": "validate", "rate": 100000, "flows": 3, "seconds": 0.000000, "slips": 0, )"
        R"("slipped_seconds": 0.000000, "known": 0, "unknown": 0, "changed": 0, "answered": 2, )"
        R"("foreign": 0, "tsc_hz": 2000000000, "6to4": {"sent": 0, "refused": 0, )"
        R"("received": 0, "lost": 0, )"
        R"("out_of_order": 0, "wrong": 0, "delay_us": {"min": 0.00, "p50": 0.00, "p90": 0.00, )"
        R"("p99": 0.00, "p99_9": 0.00, "max": 0.00}, "pdv_us": 0.00}, "4to6": {"sent": 3, )"
        R"("refused": 0, "received": 2, "lost": 1, "out_of_order": 0, "wrong": 0, "delay_us": )"
        R"({"min": 1.00, "p50": 1.01, "p90": 2.00, "p99": 2.00, "p99_9": 2.00, "max": 2.00}, )"
        R"("pdv_us": 1.00}})");
}

}  // namespace isthmus::loadgen
