// SPDX-License-Identifier: BSD-3-Clause
#include "packets/fixture.h"

#include "net/addr.h"
#include "packets/diff.h"
#include "packets/rows.h"

namespace isthmus::test {
namespace {

constexpr std::size_t kIdOffset = 4;

bool is_v4(const Bytes& packet) {
  return !packet.empty() && packet[0] >> 4 == 4;
}

uint16_t word(const Bytes& packet, std::size_t at) {
  return at + 2 > packet.size() ? uint16_t{0}
                                : static_cast<uint16_t>(packet[at] << 8 | packet[at + 1]);
}

}  // namespace

void Script::check(bool condition, const std::string& what) {
  if (!condition) failures_ += what + '\n';
}

void Script::same(const Packet& expected, const Bytes& got) {
  Packet wanted = expected;
  if (is_v4(got) && got.size() >= kIdOffset + 2 && word(expected.bytes(), kIdOffset) == 0) {
    wanted.id(word(got, kIdOffset));
  }
  failures_ += diff(wanted.bytes(), got);
}

Bytes Script::send(const Packet& in) {
  const auto out = rig_.exchange({in.bytes()});
  check(out.size() == 1,
        "expected one packet, got " + std::to_string(out.size()) + " for\n" + dump(in.bytes()));
  return out.empty() ? Bytes{} : out.front();
}

void Script::expect(const Packet& in, const Packet& out) {
  same(out, send(in));
}

void Script::nothing(const Bytes& in) {
  const auto out = rig_.exchange({in});
  for (const auto& packet : out) check(false, "expected nothing, got\n" + dump(packet));
}

void Script::local(const std::vector<Bytes>& in, const std::vector<Bytes>& expected) {
  for (const auto& packet : rig_.exchange(in))
    check(false, "expected nothing, got\n" + dump(packet));
  const auto got = rig_.given_to_box();
  check(got.size() == expected.size(), "expected " + std::to_string(expected.size()) +
                                           " packets for the box, got " +
                                           std::to_string(got.size()));
  for (std::size_t i = 0; i < std::min(expected.size(), got.size()); ++i) {
    failures_ += diff(expected[i], got[i]);
  }
}

void Script::change_pools(const nat::Settings& wanted) {
  const auto problem = rig_.change_pools(wanted);
  check(problem.empty(), problem);
}

void Script::cannot_change_pools(const nat::Settings& wanted) {
  check(!rig_.change_pools(wanted).empty(), "pools changed that cannot");
}

void Script::wait(uint32_t milliseconds) {
  for (const auto& packet : rig_.advance(milliseconds)) {
    check(false, "expected no packet in time, got\n" + dump(packet));
  }
}

Bytes Script::wait_for_one(uint32_t milliseconds) {
  const auto out = rig_.advance(milliseconds);
  check(out.size() == 1,
        "expected the gateway to send one packet, got " + std::to_string(out.size()));
  return out.empty() ? Bytes{} : out.front();
}

Mapping Script::mapping(const Bytes& out) {
  if (!is_v4(out) || out.size() < 28) {
    check(false, "no IPv4 packet to learn a mapping from");
    return {"0.0.0.0", 0};
  }
  constexpr std::size_t kL4 = 20;
  const bool icmp = out[9] == 1;
  const auto address =
      net::Ip4::from_host(static_cast<uint32_t>(word(out, 12)) << 16 | word(out, 14));
  return {net::to_string(address), word(out, icmp ? kL4 + 4 : kL4)};
}

void Script::counted(std::initializer_list<std::pair<Name, uint64_t>> counts) {
  for (const auto& [name, count] : counts) counts_[name] += count;
}

std::string Script::finish() {
  check(rig_.given_to_box().empty(), "the box was given packets");
  const auto got = rig_.counters();
  const auto compare = [&](Name name, std::string_view text, uint64_t value) {
    const auto it = counts_.find(name);
    const uint64_t wanted = it == counts_.end() ? 0 : it->second;
    check(value == wanted, "counter " + std::string(text) + ": expected " + std::to_string(wanted) +
                               ", got " + std::to_string(value));
  };
  for (std::size_t i = 0; i < telemetry::kCounterCount; ++i) {
    const auto counter = static_cast<Counter>(i);
    if (!is_pipeline_counter(counter)) compare(counter, telemetry::name(counter), got.get(counter));
  }
  for (std::size_t i = 1; i < telemetry::kDropReasonCount; ++i) {
    const auto reason = static_cast<DropReason>(i);
    compare(reason, telemetry::name(reason), got.get(reason));
  }
  return failures_;
}

bool is_pipeline_counter(Counter counter) {
  switch (counter) {
    case Counter::kRxPackets:
    case Counter::kRxBytes:
    case Counter::kTxPackets:
    case Counter::kTxBytes:
    case Counter::kHandoffOut:
    case Counter::kHandoffIn:
    case Counter::kPunted:
    case Counter::kPuntedDns:
    case Counter::kInjected:
    case Counter::kUnresolved:
    case Counter::kFragmentsOut:
    case Counter::kPacketsSplit: return true;
    default: return false;
  }
}

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  const auto add = [&rows](std::vector<Row> table) {
    for (auto& row : table) rows.push_back(std::move(row));
  };
  // One to a line, so that branches that add tables merge.
  add(rows_udp::rows());
  add(rows_tcp::rows());
  add(rows_icmp::rows());
  add(rows_icmp_table::rows());
  add(rows_error::rows());
  add(rows_hairpin::rows());
  add(rows_address::rows());
  add(rows_limit::rows());
  add(rows_pool::rows());
  add(rows_shared::rows());
  add(rows_malformed::rows());
  add(rows_stateless::rows());
  add(rows_fragment::rows());
  add(rows_fragment_edge::rows());
  add(rows_tcp_table::rows());
  add(rows_behave::rows());
  add(rows_timer::rows());
  add(rows_static::rows());
  add(rows_eam::rows());
  add(rows_sources::rows());
  add(rows_policy::rows());
  add(rows_access::rows());
  add(rows_portless::rows());
  return rows;
}

}  // namespace isthmus::test
