// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/row_rig.h"

#include <stdexcept>

namespace isthmus::test {
namespace {

constexpr const char* kNeighborMac = "02:00:00:00:05:05";
constexpr std::size_t kLink = 14;
// More than any packet needs to get through: each hop between workers takes a round.
constexpr unsigned kRounds = 12;
// Housekeeping frees a bounded number per turn; rows hold far fewer.
constexpr unsigned kRoundsAfterTime = 64;

uint32_t read_rig_clock(void* context) {
  return *static_cast<uint32_t*>(context);
}

}  // namespace

RowRig::RowRig(const nat::Settings& settings, const xlat::Path& path, unsigned workers,
               unsigned queue, uint64_t seed)
    : workers_(workers), queue_(queue), six_("row6", workers), four_("row4", workers) {
  auto seeded = settings;
  seeded.random_seed = seed;
  auto engine =
      dataplane::Engine::make(make_config(path), {{read_rig_clock, &now_ms_}, seed, seeded});
  if (!engine) throw std::runtime_error(engine.error().text);
  engine_ = std::move(*engine);
  tell_topology(path);
}

RowRig::~RowRig() {
  for (auto* port : {&six_, &four_}) port->drain();
  engine_->stop();
}

conf::Config RowRig::make_config(const xlat::Path& path) const {
  conf::Config config;
  config.cores.workers.assign(workers_, 0);
  config.memory.huge_pages = conf::HugePages::kOff;
  config.memory.megabytes = 64;
  config.memory.prefault = false;  // a gateway for each row
  config.memory.buffers = 2048;
  const auto add = [&](const char* name, const RingPort& device, uint16_t mtu) {
    conf::Port port;
    port.name = name;
    port.device = device.device();
    port.mtu = mtu;
    port.rx_descriptors = port.tx_descriptors = 64;
    port.interfaces.push_back({0, name, {}});
    config.ports.push_back(port);
  };
  add("six", six_, path.mtu6);
  add("four", four_, path.mtu4);
  return config;
}

void RowRig::tell_topology(const xlat::Path& path) {
  const auto gateway6 = *net::parse_ip6("fe80::99");
  const auto gateway4 = *net::parse_ip4("100.64.0.2");
  if (!(path.own6 == net::Ip6{})) engine_->set_local_address(path.own6, 0, true);
  if (!(path.own4 == net::Ip4{})) engine_->set_local_address(path.own4, 1, true);
  for (const auto& [prefix, hop] :
       {std::pair<dataplane::Prefix, dataplane::NextHop>{net::Ip6Prefix{}, {0, gateway6}},
        {net::Ip4Prefix{}, {1, gateway4}}}) {
    if (auto ok = engine_->set_route(prefix, hop); !ok) throw std::runtime_error(ok.error().text);
  }
  engine_->set_neighbor(gateway6, 0, net::parse_mac(kNeighborMac));
  engine_->set_neighbor(gateway4, 1, net::parse_mac(kNeighborMac));
  engine_->publish();
}

void RowRig::deliver(const Bytes& packet) {
  auto& port = !packet.empty() && packet[0] >> 4 == 4 ? four_ : six_;
  Bytes framed = frame(packet, net::to_string(port.mac()), kNeighborMac);
  // Whatever its first nibble says, it came as a packet of the port's family.
  framed[12] = &port == &four_ ? 0x08 : 0x86;
  framed[13] = &port == &four_ ? 0x00 : 0xdd;
  port.deliver(queue_, framed);
}

void RowRig::turn(unsigned rounds) {
  for (unsigned round = 0; round < rounds; ++round) {
    for (unsigned id = 0; id < workers_; ++id) engine_->worker(id).poll_once();
  }
}

void RowRig::take(std::vector<Bytes>& out) {
  for (auto* port : {&six_, &four_}) {
    for (const auto& framed : port->sent()) {
      out.emplace_back(framed.begin() + kLink, framed.end());
    }
  }
}

std::vector<Bytes> RowRig::exchange(const std::vector<Bytes>& in) {
  std::vector<Bytes> out;
  for (const auto& packet : in) deliver(packet);
  turn(kRounds);
  take(out);
  return out;
}

std::vector<Bytes> RowRig::advance(uint32_t milliseconds) {
  std::vector<Bytes> out;
  now_ms_ += milliseconds;
  turn(kRoundsAfterTime);
  take(out);
  return out;
}

std::vector<Bytes> RowRig::given_to_box() {
  std::vector<Bytes> out;
  engine_->take_punted(1000, [&](const dataplane::Punted& punted) {
    if (punted.kind != dataplane::PuntKind::kLocal) return;
    out.emplace_back(punted.bytes.begin() + kLink, punted.bytes.end());
  });
  return out;
}

telemetry::Counters RowRig::counters() const {
  telemetry::Counters sum;
  for (unsigned id = 0; id < workers_; ++id) {
    const auto counters = engine_->counters(id);
    for (std::size_t i = 0; i < sum.value.size(); ++i) sum.value[i] += counters.value[i];
    for (std::size_t i = 0; i < sum.drop.size(); ++i) sum.drop[i] += counters.drop[i];
  }
  return sum;
}

}  // namespace isthmus::test
