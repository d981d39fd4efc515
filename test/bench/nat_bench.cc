// SPDX-License-Identifier: BSD-3-Clause
// Cycles per packet of parse, classify, decide and apply, without ports: packets are freshly
// written before each burst, outside the measured time. Figures, never a gate.
#include <sys/mman.h>
#include <x86intrin.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "nat/translator.h"
#include "net/checksum.h"
#include "steer/ownership.h"

namespace isthmus {
namespace {

constexpr unsigned kBurst = 32;
constexpr unsigned kBuffers = 4096;
constexpr uint32_t kStride = 2048, kHeadroom = 128;
constexpr uint32_t kHosts6Ports = 63;  // sessions of one inside host
const net::Ip4 kRemote = *net::parse_ip4("198.51.100.1");

struct Flow {
  net::Ip6 inside;
  net::Be16 port;
  net::Ip4 pool;
  net::Be16 pool_port;
};

class Bench {
 public:
  explicit Bench(uint32_t sessions);
  void fill();
  double run(bool six_to_four, uint64_t packets);
  double setup_cycles() const { return setup_; }
  double bytes_per_session() const {
    return static_cast<double>(translator_->table_info().memory_bytes) / sessions_;
  }

 private:
  uint8_t* next_buffer() { return memory_ + std::size_t{kStride} * (at_++ % kBuffers) + kHeadroom; }
  void write6(uint8_t* p, const Flow& flow) const;
  void write4(uint8_t* p, const Flow& flow) const;
  uint64_t burst(bool six_to_four, const uint32_t* which, unsigned count);

  uint32_t sessions_;
  steer::Ownership ownership_;
  telemetry::Counters counters_;
  std::unique_ptr<nat::Translator> translator_;
  std::vector<Flow> flows_;
  uint8_t* memory_;
  uint32_t at_ = 0;
  uint32_t now_ms_ = 1;
  net::Prefix6052 prefix_ = *net::Prefix6052::make(*net::parse_ip6_prefix("2001:db8:64::/96"));
  double setup_ = 0;
  net::PacketBuf bufs_[kBurst];
  nat::Batch batch_;
};

// Of bursts, so that those in which the machine did something else do not count.
double median_per_packet(std::vector<uint64_t>& bursts) {
  const auto middle = bursts.begin() + static_cast<std::ptrdiff_t>(bursts.size() / 2);
  std::nth_element(bursts.begin(), middle, bursts.end());
  return static_cast<double>(*middle) / kBurst;
}

nat::Settings make_settings(uint32_t sessions, const net::Prefix6052& prefix) {
  nat::Settings settings;
  nat::Instance instance;
  instance.name = "bench";
  instance.prefixes = {prefix};
  const uint32_t addresses = sessions / 20000 + 1;
  const uint32_t first = net::parse_ip4("203.0.113.1")->host();
  instance.pools = {{"pool",
                     {{net::Ip4::from_host(first), net::Ip4::from_host(first + addresses - 1)}},
                     {1024, 65535}}};
  instance.timers.udp = 86400;
  settings.instances = {instance};
  settings.max_sessions = settings.max_bindings = sessions;
  settings.max_subscribers = sessions / kHosts6Ports + 1;
  return settings;
}

Bench::Bench(uint32_t sessions)
    : sessions_(sessions), ownership_(steer::Ownership::make(1, 1, {})), flows_(sessions) {
  const auto settings = make_settings(sessions, prefix_);
  ownership_ = steer::Ownership::make(1, 1, settings.instances[0].pools[0].ranges);
  auto made = nat::Translator::make(settings, ownership_, 0, counters_);
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().text.c_str());
    std::exit(1);
  }
  translator_ = std::move(*made);
  const std::size_t bytes = std::size_t{kStride} * kBuffers;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(memory, bytes, MADV_HUGEPAGE);
  memory_ = static_cast<uint8_t*>(memory);
}

void Bench::write6(uint8_t* p, const Flow& flow) const {
  auto* ip = net::header_at<net::Ip6Header>(p);
  ip->version_class_flow = net::Be32(6u << 28);
  ip->payload_length = net::Be16(22);
  ip->next_header = net::kProtoUdp;
  ip->hop_limit = 64;
  ip->source = flow.inside;
  ip->destination = prefix_.embed(kRemote);
  auto* udp = net::header_at<net::UdpHeader>(p + sizeof *ip);
  *udp = {flow.port, net::Be16(443), net::Be16(22), net::Be16(0x1234)};
}

void Bench::write4(uint8_t* p, const Flow& flow) const {
  auto* ip = net::header_at<net::Ip4Header>(p);
  *ip = {0x45,         0,       net::Be16(42), net::Be16(0), net::Be16(0x4000), 64, net::kProtoUdp,
         net::Be16(0), kRemote, flow.pool};
  ip->checksum = net::checksum_of(net::sum_bytes(ip, sizeof *ip));
  auto* udp = net::header_at<net::UdpHeader>(p + sizeof *ip);
  *udp = {net::Be16(443), flow.pool_port, net::Be16(22), net::Be16(0x1234)};
}

// Cycles of one burst, packet writing excluded.
uint64_t Bench::burst(bool six_to_four, const uint32_t* which, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    uint8_t* p = next_buffer();
    const Flow& flow = flows_[which[i]];
    if (six_to_four) {
      write6(p, flow);
    } else {
      write4(p, flow);
    }
    bufs_[i] = {p, six_to_four ? 62u : 42u, kHeadroom, 1024};
  }
  static const xlat::Path path{1500, 1500, {}, {}};
  const uint64_t start = __rdtsc();
  batch_.count = 0;
  for (unsigned i = 0; i < count; ++i) {
    auto& view = batch_.view[i];
    batch_.buf[i] = &bufs_[i];
    const auto reason = six_to_four ? net::parse6(bufs_[i], view) : net::parse4(bufs_[i], view);
    if (reason != net::DropReason::kNone) std::abort();
    batch_.decision[i].cls =
        six_to_four
            ? translator_->classify6(bufs_[i], view)
            : translator_->classify4(net::header_at<net::Ip4Header>(bufs_[i].data)->destination);
    ++batch_.count;
  }
  translator_->decide(batch_, now_ms_);
  unsigned forwarded = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (batch_.decision[i].verdict != nat::Verdict::kTranslate) std::abort();
    forwarded += translator_->apply(batch_, i, path, now_ms_).action == xlat::Action::kForward;
  }
  const uint64_t cycles = __rdtsc() - start;
  if (forwarded != count) std::abort();
  return cycles;
}

void Bench::fill() {
  std::vector<uint64_t> cycles;
  std::vector<uint32_t> which(kBurst);
  for (uint32_t i = 0; i < sessions_; ++i) {
    Flow& flow = flows_[i];
    flow.inside = *net::parse_ip6("2001:db8:1::1");
    const uint32_t host = net::byte_swap(i / kHosts6Ports);
    std::memcpy(flow.inside.bytes.data() + 4, &host, 4);
    flow.port = net::Be16(static_cast<uint16_t>(1024 + i % kHosts6Ports));
  }
  for (uint32_t i = 0; i < sessions_; i += kBurst) {
    const unsigned count = std::min(kBurst, sessions_ - i);
    for (unsigned j = 0; j < count; ++j) which[j] = i + j;
    cycles.push_back(burst(true, which.data(), count));
    for (unsigned j = 0; j < count; ++j) {
      flows_[i + j].pool = batch_.decision[j].to4.source;
      flows_[i + j].pool_port = batch_.decision[j].to4.source_port;
    }
  }
  setup_ = median_per_packet(cycles);
}

double Bench::run(bool six_to_four, uint64_t packets) {
  std::mt19937_64 random(7);
  std::vector<uint32_t> order(1u << 20);
  for (auto& o : order) o = static_cast<uint32_t>(random() % sessions_);
  std::vector<uint64_t> cycles;
  for (uint64_t done = 0; done < packets; done += kBurst) {
    cycles.push_back(burst(six_to_four, &order[done % order.size()], kBurst));
  }
  return median_per_packet(cycles);
}

}  // namespace
}  // namespace isthmus

int main(int argc, char** argv) {
  std::vector<uint32_t> ladder{1000, 1'000'000};
  if (argc > 1) ladder = {static_cast<uint32_t>(std::strtoul(argv[1], nullptr, 10))};
  for (const uint32_t sessions : ladder) {
    isthmus::Bench bench(sessions);
    bench.fill();
    constexpr int kRuns = 5;
    double out[kRuns], in[kRuns];
    for (int i = 0; i < kRuns; ++i) {
      out[i] = bench.run(true, 1'000'000);
      in[i] = bench.run(false, 1'000'000);
    }
    std::sort(out, out + kRuns);
    std::sort(in, in + kRuns);
    std::printf(
        "%9u sessions: 6->4 %.1f, 4->6 %.1f cycles/packet (medians of %d); setup %.0f cycles; "
        "%.0f bytes/session\n",
        sessions, out[kRuns / 2], in[kRuns / 2], kRuns, bench.setup_cycles(),
        bench.bytes_per_session());
  }
}
