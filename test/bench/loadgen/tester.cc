// SPDX-License-Identifier: BSD-3-Clause
#include "bench/loadgen/tester.h"

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_errno.h>

#include <algorithm>
#include <cstring>

namespace isthmus::loadgen {
namespace {

constexpr unsigned kBuffers = 32767;
constexpr unsigned kCache = 256;
// A tester that was kept from its core for longer than these take does not catch up.
constexpr uint32_t kLagLimit = 256;

uint64_t ticks(double seconds) {
  return static_cast<uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
}

void clear_buffer(rte_mempool*, void*, void* object, unsigned) {
  auto* mbuf = static_cast<rte_mbuf*>(object);
  std::memset(mbuf->buf_addr, 0, mbuf->buf_len);
}

}  // namespace

struct Tester::Stream {
  Way way;
  Pacer pacer;
  Order order;
  uint64_t left;  ///< frames to send, those of unknown flows included
};

Result<std::unique_ptr<Tester>> Tester::open(const Side& inside, const Side& outside,
                                             const FrameMaker& maker, uint32_t flows,
                                             uint16_t descriptors) {
  std::unique_ptr<Tester> tester(new Tester(inside, outside, maker, flows));
  if (auto pools = tester->open_pools(); !pools) return pools.error();
  for (Side& side : tester->sides_) {
    if (auto port = tester->open_port(side, descriptors); !port) return port.error();
  }
  return tester;
}

Tester::~Tester() {
  for (const Side& side : sides_) rte_eth_dev_stop(side.port);
}

Status Tester::open_pools() {
  rx_pool_ = rte_pktmbuf_pool_create("received", kBuffers, kCache, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
  tx_pool_ = rte_pktmbuf_pool_create("sent", kBuffers, kCache, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
  if (rx_pool_ == nullptr || tx_pool_ == nullptr) {
    return Error{fmt::format("no memory for 2 x {} buffers: {} (EAL's -m)", kBuffers,
                             rte_strerror(rte_errno))};
  }
  rte_mempool_obj_iter(tx_pool_, clear_buffer, nullptr);  // see FrameMaker::kHeaders
  return Ok{};
}

Status Tester::open_port(Side& side, uint16_t descriptors) {
  const bool again = &side == &sides_[1] && is_one_port();
  const rte_eth_conf conf{};
  uint16_t rx = descriptors, tx = descriptors;
  int code = again ? 0 : rte_eth_dev_configure(side.port, 1, 1, &conf);
  if (code == 0 && !again) code = rte_eth_dev_adjust_nb_rx_tx_desc(side.port, &rx, &tx);
  const auto socket = static_cast<unsigned>(SOCKET_ID_ANY);
  if (code == 0 && !again) {
    code = rte_eth_rx_queue_setup(side.port, 0, rx, socket, nullptr, rx_pool_);
  }
  if (code == 0 && !again) code = rte_eth_tx_queue_setup(side.port, 0, tx, socket, nullptr);
  if (code == 0 && !again) code = rte_eth_dev_start(side.port);
  rte_ether_addr mac{};
  if (code == 0) code = rte_eth_macaddr_get(side.port, &mac);
  if (code != 0) {
    return Error{fmt::format("port {} cannot be opened: {}", side.port, rte_strerror(-code))};
  }
  if (!again) rte_eth_promiscuous_enable(side.port);
  std::copy(std::begin(mac.addr_bytes), std::end(mac.addr_bytes), side.link.own_mac.bytes.begin());
  return Ok{};
}

void Tester::send_frame(const Side& side, const std::vector<uint8_t>& frame) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(rx_pool_);  // not the pool whose buffers have to stay zero
  if (mbuf == nullptr) return;
  std::memcpy(rte_pktmbuf_append(mbuf, static_cast<uint16_t>(frame.size())), frame.data(),
              frame.size());
  if (rte_eth_tx_burst(side.port, 0, &mbuf, 1) == 0) rte_pktmbuf_free(mbuf);
}

Status Tester::resolve(double seconds) {
  const uint64_t end = rte_rdtsc() + ticks(seconds);
  const auto all = [&] { return sides_[0].resolved && sides_[1].resolved; };
  while (!all() && rte_rdtsc() < end) {
    for (const Side& side : sides_) {
      if (!side.resolved) send_frame(side, ask_for_gateway(side.link));
    }
    const uint64_t again = rte_rdtsc() + ticks(0.1);
    while (!all() && rte_rdtsc() < again) {
      idle();
      rte_delay_us_sleep(1000);
    }
  }
  if (!all()) {
    return Error{fmt::format(
        "nobody answered {} within {} s",
        sides_[0].resolved ? "ARP for the outside gateway" : "solicitations for the inside gateway",
        seconds)};
  }
  maker_.set_links(sides_[0].link.own_mac, sides_[0].gateway, sides_[1].link.own_mac,
                   sides_[1].gateway);
  return Ok{};
}

void Tester::idle() {
  receive(nullptr);
}

Tester::Stream Tester::make_stream(Way way, const Command& command, uint64_t start) const {
  const uint32_t flows = std::min(command.flows, table_.size());
  const bool in_direction = command.kind == Kind::kEstablish ? way == k6to4
                            : command.kind == Kind::kValidate
                                ? way == k4to6
                                : (way == k6to4 ? command.from_inside : command.from_outside);
  const uint64_t frames = command.kind == Kind::kThroughput
                              ? static_cast<uint64_t>(command.rate * command.seconds)
                              : flows;
  return {way, Pacer(command.rate, rte_get_tsc_hz(), start, kLagLimit),
          Order(flows, command.random), in_direction ? frames : 0};
}

Trial Tester::run(const Command& command) {
  idle();
  Trial trial;
  trial.command = command;
  trial.number = ++trials_;
  trial.command.flows = std::min(command.flows, table_.size());
  if (command.kind != Kind::kThroughput) trial.answered.resize(trial.command.flows);
  next_ = {};
  const uint64_t start = rte_rdtsc() + ticks(0.001);
  Stream streams[] = {make_stream(k6to4, command, start), make_stream(k4to6, command, start)};
  uint64_t last = start, sent_at = start;
  for (;;) {
    const uint64_t now = rte_rdtsc();
    bool sending = false;
    for (Stream& stream : streams) {
      if (stream.left == 0) continue;
      sending = true;
      send_due(stream, trial, now);
    }
    if (sending) last = sent_at = now;
    if (receive(&trial) != 0) last = now;
    const auto outstanding = [](const Tally& tally) { return tally.received < tally.sent; };
    if (!sending && (!std::any_of(trial.ways.begin(), trial.ways.end(), outstanding) ||
                     (now > last && now - last > ticks(command.drain)))) {
      break;
    }
  }
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  trial.seconds = static_cast<double>(sent_at - start) / hz;
  for (const Stream& stream : streams) {
    trial.slips += stream.pacer.slips();
    trial.slipped += static_cast<double>(stream.pacer.slipped()) / hz;
  }
  trial.known = table_.known();
  return trial;
}

void Tester::send_due(Stream& stream, Trial& trial, uint64_t now) {
  const auto most = static_cast<uint32_t>(std::min<uint64_t>(kBurst, stream.left));
  const uint32_t due = stream.pacer.due(now, most);
  if (due == 0) return;
  std::array<uint32_t, kBurst> flows;
  const uint32_t count = draw(stream, trial, due, flows);
  if (count != 0) send(stream.way, trial, flows.data(), count);
  stream.pacer.sent(due);
  stream.left -= due;
}

uint32_t Tester::draw(Stream& stream, Trial& trial, uint32_t wanted,
                      std::array<uint32_t, kBurst>& flows) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < wanted; ++i) {
    const uint32_t flow = stream.order.next();
    if (stream.way == k4to6 && table_.find(flow) == nullptr) {
      ++trial.unknown;
    } else {
      flows[count++] = flow;
    }
  }
  return count;
}

void Tester::send(Way way, Trial& trial, const uint32_t* flows, uint32_t count) {
  Tally& tally = trial.ways[way];
  std::array<rte_mbuf*, kBurst> burst;
  const uint64_t first = tally.sent;
  tally.sent += count;
  if (rte_pktmbuf_alloc_bulk(tx_pool_, burst.data(), count) != 0) {
    tally.refused += count;
    return;
  }
  const uint64_t now = rte_rdtsc();
  for (uint32_t i = 0; i < count; ++i) {
    const Stamp stamp{flows[i], static_cast<uint32_t>(first + i), now, trial.number};
    auto* frame = rte_pktmbuf_mtod(burst[i], uint8_t*);
    const unsigned length = way == k6to4 ? maker_.make_6(frame, stamp)
                                         : maker_.make_4(frame, *table_.find(flows[i]), stamp);
    burst[i]->data_len = static_cast<uint16_t>(length);
    burst[i]->pkt_len = length;
  }
  const uint16_t taken = rte_eth_tx_burst(sides_[way == k6to4 ? 0 : 1].port, 0, burst.data(),
                                          static_cast<uint16_t>(count));
  tally.refused += count - taken;
  if (taken < count) rte_pktmbuf_free_bulk(burst.data() + taken, count - taken);
}

unsigned Tester::receive(Trial* trial) {
  const unsigned first = receive_on(sides_[0].port, trial);
  return first + (is_one_port() ? 0 : receive_on(sides_[1].port, trial));
}

unsigned Tester::receive_on(uint16_t port, Trial* trial) {
  std::array<rte_mbuf*, kBurst> burst;
  const uint16_t count = rte_eth_rx_burst(port, 0, burst.data(), kBurst);
  if (count == 0) return 0;
  const uint64_t now = rte_rdtsc();
  for (uint16_t i = 0; i < count; ++i) {
    if (burst[i]->nb_segs == 1) {
      take(rte_pktmbuf_mtod(burst[i], const uint8_t*), burst[i]->data_len, port, now, trial);
    } else if (trial != nullptr) {
      ++trial->foreign;
    }
  }
  rte_pktmbuf_free_bulk(burst.data(), count);
  if (!to_answer_.empty()) send_answers(*trial);
  return count;
}

void Tester::take(const uint8_t* frame, unsigned length, uint16_t port, uint64_t now,
                  Trial* trial) {
  const auto at_responder = maker_.read_4(frame, length);
  const auto arrival = at_responder ? at_responder : maker_.read_6(frame, length);
  if (!arrival) {
    take_neighbor({frame, length}, port, trial);
    return;
  }
  // Late ones of an earlier trial were counted as lost there.
  if (trial == nullptr || arrival->stamp.trial != trial->number) return;
  const bool check = trial->command.check;
  const Way way = at_responder ? k6to4 : k4to6;
  const bool right = !check || (way == k6to4 ? maker_.is_right_4(frame, arrival->stamp)
                                             : maker_.is_right_6(frame, arrival->stamp));
  count(*arrival, way, right, now, *trial);
}

void Tester::count(const Arrival& arrival, Way way, bool right, uint64_t now, Trial& trial) {
  Tally& tally = trial.ways[way];
  const Stamp& stamp = arrival.stamp;
  ++tally.received;
  tally.delay.add(now - std::min(now, stamp.time));
  if (stamp.sequence < next_[way]) {
    ++tally.out_of_order;
  } else {
    next_[way] = stamp.sequence + 1;
  }
  if (!right) {
    ++tally.wrong;
    return;
  }
  if (way == k6to4) {
    if (trial.command.check) learn(arrival, trial);
  } else if (stamp.flow < trial.answered.size()) {
    trial.answered[stamp.flow] = true;
  }
}

void Tester::learn(const Arrival& arrival, Trial& trial) {
  const uint32_t flow = arrival.stamp.flow;
  const auto learned = table_.learn(flow, arrival.source, arrival.source_port);
  if (learned == FlowTable::Learned::kUnknown) return;
  if (learned == FlowTable::Learned::kChanged) ++trial.changed;
  if (trial.command.kind == Kind::kEstablish && trial.command.answer) to_answer_.push_back(flow);
}

void Tester::send_answers(Trial& trial) {
  send(k4to6, trial, to_answer_.data(), static_cast<uint32_t>(to_answer_.size()));
  to_answer_.clear();
}

void Tester::take_neighbor(std::span<const uint8_t> frame, uint16_t port, Trial* trial) {
  for (Side& side : sides_) {
    if (side.port != port) continue;
    if (const auto reply = answer(side.link, frame)) {
      send_frame(side, *reply);
      return;
    }
    if (const auto mac = gateway_in(side.link, frame)) {
      side.gateway = *mac;
      side.resolved = true;
      return;
    }
  }
  if (trial != nullptr) ++trial->foreign;
}

}  // namespace isthmus::loadgen
