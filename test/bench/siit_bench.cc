// SPDX-License-Identifier: BSD-3-Clause
// Cycles per packet of parse, classify, decide and apply for stateless instances, without ports;
// and what a table of mappings costs to build. Figures, never a gate.
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
#include "net/headers.h"
#include "steer/ownership.h"

namespace isthmus {
namespace {

constexpr unsigned kBurst = 32, kBuffers = 4096;
constexpr uint32_t kStride = 2048, kHeadroom = 128;
const net::Ip4 kRemote = *net::parse_ip4("198.51.100.1");
const net::Prefix6052 kPrefix = *net::Prefix6052::make(*net::parse_ip6_prefix("2001:db8:64::/96"));

net::Eam mapping(uint32_t i) {
  net::Eam eam{{*net::parse_ip6("2001:db8:e::"), 128}, {net::Ip4::from_host(0x0a000000 | i), 32}};
  const uint32_t host = net::byte_swap(i);
  std::memcpy(eam.six.address.bytes.data() + 6, &host, 2);
  std::memcpy(eam.six.address.bytes.data() + 12, &host, 4);
  return eam;
}

struct Host {
  net::Ip6 six;
  net::Ip4 four;
};

class Bench {
 public:
  explicit Bench(uint32_t mappings) : ownership_(steer::Ownership::make(1, 1, {})) {
    nat::Settings settings;
    xlat::Siit siit;
    siit.prefix = kPrefix;
    siit.eam_in_prefix = false;
    siit.inside4 = {*net::parse_ip4_prefix("192.0.2.0/24")};
    std::vector<net::Eam> list;
    for (uint32_t i = 0; i < mappings; ++i) list.push_back(mapping(i));
    const uint64_t start = __rdtsc();
    if (mappings > 0) siit.eam = xlat::EamTable::make(list);
    build_ = static_cast<double>(__rdtsc() - start) / std::max(1u, mappings);
    bytes_ = siit.eam ? siit.eam->bytes() : 0;
    for (const auto& eam : list) hosts_.push_back({eam.six.address, eam.four.address});
    for (uint32_t i = 1; list.empty() && i < 255; ++i) {
      const auto four = net::Ip4::from_host(0xc0000200 | i);
      hosts_.push_back({kPrefix.embed(four), four});
    }
    settings.stateless = {siit};
    settings.max_sessions = settings.max_bindings = settings.max_subscribers = 64;
    auto made = nat::Translator::make(settings, ownership_, 0, counters_);
    if (!made) std::abort();
    translator_ = std::move(*made);
    const std::size_t bytes = std::size_t{kStride} * kBuffers;
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(memory, bytes, MADV_HUGEPAGE);
    memory_ = static_cast<uint8_t*>(memory);
  }

  double run(bool six_to_four, uint64_t packets) {
    std::mt19937_64 random(7);
    std::vector<uint64_t> bursts;
    for (uint64_t done = 0; done < packets; done += kBurst) {
      for (auto& buf : bufs_) {
        const Host& host = hosts_[random() % hosts_.size()];
        uint8_t* p = memory_ + std::size_t{kStride} * (at_++ % kBuffers) + kHeadroom;
        six_to_four ? write6(p, host) : write4(p, host);
        buf = {p, six_to_four ? 62u : 42u, kHeadroom, 1024};
      }
      bursts.push_back(burst(six_to_four));
    }
    const auto middle = bursts.begin() + static_cast<std::ptrdiff_t>(bursts.size() / 2);
    std::nth_element(bursts.begin(), middle, bursts.end());
    return static_cast<double>(*middle) / kBurst;
  }
  double build() const { return build_; }
  std::size_t bytes() const { return bytes_; }

 private:
  static void write_udp(uint8_t* p) {
    *net::header_at<net::UdpHeader>(p) = {net::Be16(5000), net::Be16(443), net::Be16(22),
                                          net::Be16(0x1234)};
  }
  static void write6(uint8_t* p, const Host& host) {
    auto* ip = net::header_at<net::Ip6Header>(p);
    *ip = {net::Be32(6u << 28),   net::Be16(22), net::kProtoUdp, 64, host.six,
           kPrefix.embed(kRemote)};
    write_udp(p + sizeof *ip);
  }
  static void write4(uint8_t* p, const Host& host) {
    auto* ip = net::header_at<net::Ip4Header>(p);
    *ip = {
        0x45,         0,       net::Be16(42), net::Be16(0), net::Be16(0x4000), 64, net::kProtoUdp,
        net::Be16(0), kRemote, host.four};
    ip->checksum = net::checksum_of(net::sum_bytes(ip, sizeof *ip));
    write_udp(p + sizeof *ip);
  }
  uint64_t burst(bool six_to_four) {
    static const xlat::Path path{1500, 1500, {}, {}};
    const uint64_t start = __rdtsc();
    batch_.count = 0;
    for (auto& buf : bufs_) {
      auto& view = batch_.view[batch_.count];
      batch_.buf[batch_.count] = &buf;
      const auto reason = six_to_four ? net::parse6(buf, view) : net::parse4(buf, view);
      if (reason != net::DropReason::kNone) std::abort();
      batch_.decision[batch_.count++].cls =
          six_to_four
              ? translator_->classify6(buf, view)
              : translator_->classify4(net::header_at<net::Ip4Header>(buf.data)->destination);
    }
    translator_->decide(batch_, 1);
    unsigned forwarded = 0;
    for (unsigned i = 0; i < kBurst; ++i) {
      forwarded += translator_->apply(batch_, i, path, 1).action == xlat::Action::kForward;
    }
    const uint64_t cycles = __rdtsc() - start;
    if (forwarded != kBurst) std::abort();
    return cycles;
  }

  steer::Ownership ownership_;
  telemetry::Counters counters_;
  std::unique_ptr<nat::Translator> translator_;
  std::vector<Host> hosts_;
  uint8_t* memory_;
  uint32_t at_ = 0;
  double build_ = 0;
  std::size_t bytes_ = 0;
  net::PacketBuf bufs_[kBurst];
  nat::Batch batch_;
};

}  // namespace
}  // namespace isthmus

int main() {
  for (const uint32_t mappings : {0u, 1000u, 100'000u}) {
    isthmus::Bench bench(mappings);
    double out[5], in[5];
    for (int i = 0; i < 5; ++i) {
      out[i] = bench.run(true, 500'000);
      in[i] = bench.run(false, 500'000);
    }
    std::sort(out, out + 5);
    std::sort(in, in + 5);
    std::printf(
        "%7u mappings: 6->4 %.1f, 4->6 %.1f cycles/packet (medians of 5); table %zu KiB, built at "
        "%.0f cycles/mapping\n",
        mappings, out[2], in[2], bench.bytes() >> 10, bench.build());
  }
}
