// SPDX-License-Identifier: BSD-3-Clause
// Fragments of one datagram at different queues, in any order, both ways, with any number of
// workers. What each clause asks stands in test/packets/rows_fragment*.cc; here the fragments of a
// datagram meet workers that know nothing of each other's.
#include <algorithm>

#include "catch.h"
#include "dataplane/flows.h"
#include "packets/diff.h"

using namespace isthmus;
using namespace isthmus::test;
using telemetry::Counter;
using telemetry::DropReason;

namespace {

using List = std::vector<Bytes>;

constexpr int kPayload = 3000;
constexpr std::size_t kStep = 1200;

List pieces(const Packet& whole, std::size_t size, uint32_t id, std::size_t step = kStep) {
  List out;
  for (std::size_t at = 0; at < size; at += step) {
    out.push_back(whole.slice(at, std::min(step, size - at), id));
  }
  return out;
}

uint64_t bytes_of(const List& list) {
  uint64_t sum = 0;
  for (const auto& packet : list) sum += packet.size();
  return sum;
}

// A datagram of a flow as it comes and as it goes, in fragments.
struct Datagram {
  List in, out;
  bool outwards;
  bool gathered = false;  ///< nothing goes on before all is there

  Datagram(const Flow& flow, bool goes_out, uint32_t id, int payload = kPayload,
           std::size_t step = kStep, bool zero_checksum = false)
      : outwards(goes_out) {
    const auto six = [&](Packet p) { return fill(std::move(p), flow, flow.port, payload); };
    const auto four = [&](Packet p) { return fill(std::move(p), flow, flow.outside, payload); };
    const auto size = static_cast<std::size_t>(payload) + (flow.kind == Flow::kTcp ? 20 : 8);
    gathered = flow.kind == Flow::kIcmp || zero_checksum;
    if (outwards) {
      in = pieces(six(ip6(flow.host, mapped(flow.remote))), size, id, step);
      out = pieces(four(ip4(flow.address, flow.remote).ttl(63)), size, id, step);
    } else {
      auto whole = four(ip4(flow.remote, flow.address));
      if (zero_checksum) whole.zero_checksum();
      in = pieces(whole, size, id & 0xffff, step);
      out = pieces(six(ip6(mapped(flow.remote), flow.host).hop_limit(63)), size, id & 0xffff, step);
    }
  }

 private:
  Packet fill(Packet p, const Flow& flow, uint16_t own, int payload) const {
    const uint16_t from = outwards ? own : flow.remote_port;
    const uint16_t to = outwards ? flow.remote_port : own;
    switch (flow.kind) {
      case Flow::kUdp: p.udp(from, to); break;
      case Flow::kTcp: p.tcp(from, to).flags("A"); break;
      case Flow::kIcmp: outwards ? p.icmp_echo(own, 1) : p.icmp_echo_reply(own, 1); break;
    }
    return p.payload(payload);
  }
};

// `got` are these, in any order; in IPv4 with one identification of the gateway's.
void same_fragments(List wanted, List got) {
  REQUIRE(got.size() == wanted.size());
  if (got.empty()) return;
  if (got[0][0] >> 4 == 4) {
    for (auto& packet : wanted) {
      packet[4] = got[0][4];
      packet[5] = got[0][5];
      packet[10] = packet[11] = 0;
      const uint16_t sum = plain_checksum(Bytes(packet.begin(), packet.begin() + 20));
      packet[10] = static_cast<uint8_t>(sum >> 8);
      packet[11] = static_cast<uint8_t>(sum);
    }
  }
  std::sort(wanted.begin(), wanted.end());
  std::sort(got.begin(), got.end());
  for (std::size_t i = 0; i < wanted.size(); ++i) REQUIRE(diff(wanted[i], got[i]) == "");
}

PipelineOptions options(
    unsigned workers, bool one_address,
    std::function<void(conf::Config&)> configure = [](conf::Config&) {}) {
  PipelineOptions options{.workers = workers, .pool_addresses = one_address ? 1 : workers};
  options.configure = std::move(configure);
  return options;
}

class FragmentRig : public FlowRig {
 public:
  using FlowRig::FlowRig;

  /// One fragment at a queue; all that comes out of it.
  List give(const Datagram& d, std::size_t i, unsigned queue) {
    d.outwards ? from_inside(d.in[i], queue) : from_internet(d.in[i], queue);
    return sent(d, {d.in[i]});
  }
  /// All at once: whatever worker looks first.
  List give_at_once(const Datagram& d, const std::vector<std::size_t>& order, unsigned shift) {
    List in;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto& packet = d.in[order[i]];
      const unsigned queue = (static_cast<unsigned>(i) + shift) % queues();
      d.outwards ? from_inside(packet, queue) : from_internet(packet, queue);
      in.push_back(packet);
    }
    return sent(d, in);
  }
  void translated(const Datagram& d) { translated(d, d.in.size(), bytes_of(d.in)); }
  void translated(const Datagram& d, uint64_t packets, uint64_t bytes) {
    expect(d.outwards ? Counter::kNat64Out : Counter::kNat64In, packets);
    expect(d.outwards ? Counter::kNat64OutBytes : Counter::kNat64InBytes, bytes);
  }

 private:
  List sent(const Datagram& d, const List& in) {
    for (const auto& packet : in) {
      expect(Counter::kRxPackets);
      expect(Counter::kRxBytes, packet.size() + 14);
    }
    const auto inside = to_inside(), internet = to_internet();
    CHECK((d.outwards ? inside : internet).empty());
    const List& out = d.outwards ? internet : inside;
    expect(Counter::kTxPackets, out.size());
    expect(Counter::kTxBytes, bytes_of(out) + 14 * out.size());
    return out;
  }
};

Flow flow_at(FlowRig& rig, unsigned worker, Flow::Kind kind, uint16_t port = 5000) {
  const Flow flow = rig.open({kind, rig.host_of(worker), port});
  rig.lives(flow);
  return flow;
}

}  // namespace

TEST_CASE("fragments: any order, any queues, both ways") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  const bool one_address = GENERATE(false, true);
  INFO(workers << " workers, " << (one_address ? "one address" : "an address each"));
  FragmentRig rig(options(workers, one_address));
  uint32_t id = 0x12340000;
  for (const auto kind : {Flow::kUdp, Flow::kTcp, Flow::kIcmp}) {
    const Flow flow = flow_at(rig, kind % workers, kind);
    for (const bool outwards : {true, false}) {
      std::vector<std::size_t> order{0, 1, 2};
      do {
        for (unsigned shift = 0; shift < workers; ++shift) {
          const Datagram d(flow, outwards, ++id);
          List got;
          for (unsigned i = 0; i < 3; ++i) {
            const auto out = rig.give(d, order[i], (i + shift) % workers);
            got.insert(got.end(), out.begin(), out.end());
            // What need not wait does not.
            const auto first = std::find(order.begin(), order.end(), 0u) - order.begin();
            CHECK(got.size() == (d.gathered ? (i == 2 ? 3u : 0u) : i < first ? 0u : i + 1));
          }
          same_fragments(d.out, got);
          rig.translated(d);
          const auto first = std::find(order.begin(), order.end(), 0u) - order.begin();
          rig.expect(Counter::kFragmentsHeld, d.gathered ? 3 : static_cast<uint64_t>(first));
        }
      } while (std::next_permutation(order.begin(), order.end()));
    }
  }
  rig.check_counters();
}

TEST_CASE("fragments: all at once at different queues") {
  const unsigned workers = GENERATE(2u, 4u);
  const bool one_address = GENERATE(false, true);
  INFO(workers << " workers, " << (one_address ? "one address" : "an address each"));
  FragmentRig rig(options(workers, one_address));
  uint32_t id = 0;
  uint64_t datagrams = 0;
  for (const auto kind : {Flow::kUdp, Flow::kTcp, Flow::kIcmp}) {
    const Flow flow = flow_at(rig, kind % workers, kind);
    for (const bool outwards : {true, false}) {
      std::vector<std::size_t> order{0, 1, 2};
      do {
        for (unsigned shift = 0; shift < workers; ++shift, ++datagrams) {
          const Datagram d(flow, outwards, ++id);
          same_fragments(d.out, rig.give_at_once(d, order, shift));
        }
      } while (std::next_permutation(order.begin(), order.end()));
    }
  }
  // Who waits depends on who comes first; nothing is lost.
  CHECK(rig.count(Counter::kNat64Out) + rig.count(Counter::kNat64In) == 3 * datagrams + 9);
  CHECK(rig.count(Counter::kFragmentsHeld) <= 3 * datagrams);
  CHECK(rig.count(DropReason::kFragment) == 0);
  CHECK(rig.count(DropReason::kFragmentLimit) == 0);
  CHECK(rig.let_pass(3000).nothing());
  CHECK(rig.count(DropReason::kFragmentLimit) == 0);
}

TEST_CASE("fragments: they open a flow, whoever receives them") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  const bool one_address = GENERATE(false, true);
  FragmentRig rig(options(workers, one_address));
  uint16_t port = 5000;
  for (unsigned owner = 0; owner < workers; ++owner) {
    for (unsigned queue = 0; queue < workers; ++queue) {
      Flow flow{Flow::kUdp, rig.host_of(owner), port++};
      flow.address = "203.0.113.0";  // not known yet
      const Datagram d(flow, true, port);
      List got = rig.give(d, 2, queue);
      CHECK(got.empty());
      got = rig.give(d, 0, (queue + 1) % workers);
      REQUIRE(got.size() == 2);
      const auto last = rig.give(d, 1, (queue + 2) % workers);
      got.insert(got.end(), last.begin(), last.end());
      const auto& first = got[0][6] == 0x20 && got[0][7] == 0 ? got[0] : got[1];
      flow.outside = static_cast<uint16_t>(first[20] << 8 | first[21]);
      flow.address = std::to_string(first[12]) + "." + std::to_string(first[13]) + "." +
                     std::to_string(first[14]) + "." + std::to_string(first[15]);
      same_fragments(Datagram(flow, true, port).out, got);
      rig.expect(Counter::kFragmentsHeld);
      rig.expect(Counter::kBindingsCreated);
      rig.expect(Counter::kSessionsCreated);
      rig.translated(d);
      rig.lives(flow);
    }
  }
  rig.check_counters();
}

TEST_CASE("fragments: RFC 6146 3.4: a UDP checksum of zero is computed wherever the parts arrive") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  const bool one_address = GENERATE(false, true);
  FragmentRig rig(options(workers, one_address));
  const Flow flow = flow_at(rig, workers - 1, Flow::kUdp);
  std::vector<std::size_t> order{0, 1, 2};
  uint32_t id = 0;
  do {
    for (unsigned shift = 0; shift < workers; ++shift) {
      const Datagram d(flow, false, ++id, kPayload - 3, kStep, true);
      List got;
      for (unsigned i = 0; i < 3; ++i) {
        CHECK(got.empty());
        got = rig.give(d, order[i], (i + shift) % workers);
      }
      same_fragments(d.out, got);
      rig.translated(d);
      rig.expect(Counter::kFragmentsHeld, 3);
    }
  } while (std::next_permutation(order.begin(), order.end()));
  // The other way it is the sender's fault (RFC 7915 5.4 leaves it to policy; here: dropped).
  auto whole = ip6(flow.host, mapped(flow.remote)).udp(flow.port, 7000).payload(2000);
  whole.zero_checksum();
  CHECK(rig.give_inside(whole.slice(0, kStep, 1)).nothing());
  CHECK(rig.give_inside(whole.slice(kStep, 808, 1)).nothing());
  rig.expect(DropReason::kUdpZeroChecksum);
  rig.expect(DropReason::kFragment);
  rig.check_counters();
}

TEST_CASE("fragments: duplicates and overlaps are known at whatever queue") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  const bool one_address = GENERATE(false, true);
  FragmentRig rig(options(workers, one_address));
  const Flow flow = flow_at(rig, workers - 1, Flow::kUdp);
  for (unsigned queue = 0; queue < workers; ++queue) {
    const auto next = [&](unsigned n) { return (queue + n) % workers; };
    for (const bool outwards : {true, false}) {
      const uint32_t id = 16 * queue + 8 * outwards;
      // A duplicate of what waits goes, and nothing else.
      const Datagram twice(flow, outwards, id);
      CHECK(rig.give(twice, 1, queue).empty());
      CHECK(rig.give(twice, 1, next(1)).empty());
      CHECK(rig.give(twice, 2, next(2)).empty());
      same_fragments(twice.out, rig.give(twice, 0, next(1)));
      rig.expect(Counter::kFragmentsHeld, 2);
      rig.expect(DropReason::kFragment);
      rig.translated(twice);
      // RFC 5722 4, RFC 8200 4.5: an overlap ends it all: what waits, what overlaps, what comes.
      const Datagram whole(flow, outwards, id + 1);
      Datagram other(flow, outwards, id + 1, kPayload, 1208);
      CHECK(rig.give(whole, 2, queue).empty());
      CHECK(rig.give(other, 1, next(1)).empty());
      CHECK(rig.give(whole, 0, next(2)).empty());
      CHECK(rig.give(whole, 1, next(1)).empty());
      rig.expect(Counter::kFragmentsHeld);
      rig.expect(DropReason::kFragment, 4);
    }
    rig.lives(flow);
  }
  rig.check_counters();
}

TEST_CASE("fragments: tiny first fragments, atomic fragments, crooked ones") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  const bool one_address = GENERATE(false, true);
  FragmentRig rig(options(workers, one_address));
  const Flow flow = flow_at(rig, workers - 1, Flow::kTcp);
  for (unsigned queue = 0; queue < workers; ++queue) {
    // RFC 1858: a first fragment without the whole TCP header.
    auto tiny4 = ip4(flow.remote, flow.address).raw(6, pattern(16));
    CHECK(rig.give_internet(tiny4.fragment(0, true, queue)).nothing());
    auto tiny6 = ip6(flow.host, mapped(flow.remote)).raw(6, pattern(16));
    CHECK(rig.give_inside(tiny6.fragment(0, true, queue)).nothing());
    rig.expect(DropReason::kTruncated, 2);
    auto crooked = ip4(flow.remote, flow.address).raw(6, pattern(25));
    CHECK(rig.give_internet(crooked.fragment(80, true, 100 + queue)).nothing());
    rig.expect(DropReason::kBadLength);
    // RFC 6946 4: alone, whatever waits under its name.
    const Datagram d(flow, true, 200 + queue);
    CHECK(rig.give(d, 1, queue).empty());
    Packet lone = flow.inside_out();
    lone.fragment(0, false, 200 + queue);
    const auto sent = rig.give_inside(lone);
    REQUIRE(sent.internet.size() == 1);
    Packet expected = flow.outside_out();
    expected.id(static_cast<uint16_t>(200 + queue));  // RFC 7915 5.1.1
    CHECK(diff(expected, sent.internet[0]) == "");
    rig.expect(Counter::kNat64Out);
    rig.expect(Counter::kNat64OutBytes, lone.bytes().size());
    auto got = rig.give(d, 0, (queue + 1) % workers);
    const auto last = rig.give(d, 2, queue);
    got.insert(got.end(), last.begin(), last.end());
    same_fragments(d.out, got);
    rig.expect(Counter::kFragmentsHeld);
    rig.translated(d);
  }
  rig.check_counters();
}

TEST_CASE("fragments: a datagram of 64 KiB, backwards, each fragment at the next queue") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  const bool one_address = GENERATE(false, true);
  FragmentRig rig(options(workers, one_address));
  constexpr int kMost = 65535 - 20 - 8;
  for (const auto kind : {Flow::kUdp, Flow::kIcmp}) {
    const Flow flow = flow_at(rig, workers - 1, kind);
    for (const bool outwards : {true, false}) {
      const Datagram d(flow, outwards, 77, kMost, 1232);
      List got;
      for (std::size_t i = d.in.size(); i-- != 0;) {
        CHECK(got.empty());
        got = rig.give(d, i, static_cast<unsigned>(i) % workers);
      }
      same_fragments(d.out, got);
      rig.translated(d);
      rig.expect(Counter::kFragmentsHeld, d.in.size() - (d.gathered ? 0 : 1));
    }
  }
  rig.check_counters();
}

TEST_CASE("fragments: those without state pass one by one where they arrive") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  FragmentRig rig(options(workers, false, [](conf::Config& config) {
    conf::Siit siit;
    siit.prefix = *net::Prefix6052::make(*net::parse_ip6_prefix("2001:db8:46::/96"));
    siit.inside4 = {*net::parse_ip4_prefix("192.0.2.128/25")};
    config.siit.push_back(siit);
  }));
  REQUIRE(rig.engine().set_route(*net::parse_ip6_prefix("2001:db8:46::/96"),
                                 dataplane::NextHop{Pipeline::kIn, *net::parse_ip6("fe80::ff")}));
  rig.engine().publish();
  const std::string inside6 = "2001:db8:46::c000:2c8", remote6 = "2001:db8:46::c000:209";
  uint32_t id = 7;
  std::vector<std::size_t> order{0, 1, 2};
  do {
    for (unsigned shift = 0; shift < workers; ++shift) {
      ++id;
      const auto six = pieces(ip6(inside6, remote6).udp(5000, 7000).payload(kPayload), 3008, id);
      const auto four = pieces(
          ip4("192.0.2.200", "192.0.2.9").ttl(63).udp(5000, 7000).payload(kPayload), 3008, id);
      const auto back4 =
          pieces(ip4("192.0.2.9", "192.0.2.200").udp(7000, 5000).payload(kPayload), 3008, id);
      const auto back6 =
          pieces(ip6(remote6, inside6).hop_limit(63).udp(7000, 5000).payload(kPayload), 3008, id);
      for (const std::size_t i : order) {
        // The identification is the sender's (RFC 7915 5.1.1, 4.1).
        auto sent = rig.give_inside(six[i]);
        REQUIRE(sent.internet.size() == 1);
        CHECK(diff(four[i], sent.internet[0]) == "");
        sent = rig.give_internet(back4[i]);
        REQUIRE(sent.inside.size() == 1);
        CHECK(diff(back6[i], sent.inside[0]) == "");
      }
      rig.expect(Counter::kSiitOut, 3);
      rig.expect(Counter::kSiitIn, 3);
    }
  } while (std::next_permutation(order.begin(), order.end()));
  // RFC 7915 1.2: a checksum that covers what is not there cannot be changed.
  const auto ping = pieces(ip6(inside6, remote6).icmp_echo(1, 1).payload(kPayload), 3008, 1);
  for (const auto& piece : ping) CHECK(rig.give_inside(piece).nothing());
  rig.expect(DropReason::kFragment, ping.size());
  rig.check_counters();
  CHECK(rig.count(Counter::kHandoffOut) == 0);
}

TEST_CASE("fragments: a flood at every queue leaves other traffic alone, and is bounded") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  const bool large = GENERATE(false, true);
  INFO(workers << " workers, " << (large ? "large" : "small") << " fragments");
  constexpr unsigned kSlots = 64, kShare = 8;
  auto wide = options(workers, false, [=](auto& config) {
    config.limits.fragments = kSlots * workers;
    config.limits.fragment_share = kShare;
  });
  wide.in_mtu = wide.out_mtu = 9000;
  FragmentRig rig(wide);
  std::vector<Flow> flows;
  for (unsigned worker = 0; worker < workers; ++worker) {
    flows.push_back(flow_at(rig, worker, Flow::kUdp));
  }
  // A fragment of some 6000 bytes takes four slots of 1504.
  const unsigned most = kSlots / kShare / (large ? 4 : 1);
  const std::size_t size = large ? 5952 : 800;
  for (unsigned worker = 0; worker < workers; ++worker) {
    for (unsigned id = 0; id < 50; ++id) {
      auto lost = ip4("192.0.2.66", flows[worker].address).raw(17, pattern(size));
      CHECK(rig.give_internet(lost.fragment(800, false, id)).nothing());
      id < most ? rig.expect(Counter::kFragmentsHeld) : rig.expect(DropReason::kFragmentLimit);
      // A subscriber is one source, whatever address it makes up.
      auto from6 = ip6(rig.host_of(worker, 3) + std::to_string(id), mapped("192.0.2.9"))
                       .raw(17, pattern(size));
      CHECK(rig.give_inside(from6.fragment(800, false, id)).nothing());
      id < most ? rig.expect(Counter::kFragmentsHeld) : rig.expect(DropReason::kFragmentLimit);
      if (id % 8 != 7) continue;
      rig.lives(flows);
      for (const bool outwards : {true, false}) {
        const Datagram d(flows[worker], outwards, 1000 + id);
        CHECK(rig.give(d, 2, id % workers).empty());
        CHECK(rig.give(d, 1, (id + 1) % workers).empty());
        same_fragments(d.out, rig.give(d, 0, (id + 2) % workers));
        rig.translated(d);
        rig.expect(Counter::kFragmentsHeld, 2);
      }
    }
  }
  rig.check_counters();
  // RFC 6146 4: two seconds.
  CHECK(rig.let_pass(1'900).nothing());
  CHECK(rig.count(DropReason::kFragmentLimit) == 2 * (50 - most) * workers);
  CHECK(rig.let_pass(200).nothing());
  rig.expect(DropReason::kFragmentLimit, uint64_t{2} * most * workers);
  rig.check_counters();
  for (unsigned worker = 0; worker < workers; ++worker) {
    auto lost = ip4("192.0.2.66", flows[worker].address).raw(17, pattern(size));
    CHECK(rig.give_internet(lost.fragment(800, false, 99)).nothing());
    rig.expect(Counter::kFragmentsHeld);
  }
  rig.check_counters();
}
