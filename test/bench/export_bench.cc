// SPDX-License-Identifier: BSD-3-Clause
// How many session events one exporter takes in a second, from the control core's offer to a socket
// that a thread here empties. Figures, never a gate.
//
//   export_bench [events]
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "export/exporter.h"
#include "export/ipfix_encoder.h"
#include "export/syslog_encoder.h"

namespace isthmus::exporter {
namespace {

/// One end of a pair of local sockets; never blocks.
class LocalTransport final : public Transport {
 public:
  explicit LocalTransport(int fd) : fd_(fd) {}
  Result open() override { return Result::kDone; }
  Result write(std::span<const uint8_t> message, std::size_t& done) override {
    while (done < message.size()) {
      const auto sent =
          send(fd_, message.data() + done, message.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0) return errno == EAGAIN ? Result::kWait : Result::kFailed;
      done += static_cast<std::size_t>(sent);
    }
    return Result::kDone;
  }
  bool is_alive() override { return true; }
  void close() override {}
  int fd() const override { return fd_; }

 private:
  const int fd_;
};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Item session(uint32_t number) {
  Item item;
  item.unix_ms = 1'750'000'000'000 + number / 1000;
  auto& event = item.event;
  event.kind =
      (number & 1) == 0 ? nat::EventKind::kSessionCreated : nat::EventKind::kSessionDeleted;
  event.protocol = 6;
  event.inside = *net::parse_ip6("2001:db8:a::b");
  event.inside_port = net::Be16(static_cast<uint16_t>(number));
  event.outside = net::Ip4::from_host(0xcb007100 | (number & 15));
  event.outside_port = net::Be16(static_cast<uint16_t>(number * 7));
  event.remote = net::Ip4::from_host(0xc6336400 | (number & 255));
  event.remote_port = net::Be16(443);
  return item;
}

void run(const char* what, std::unique_ptr<Encoder> encoder, uint32_t events) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) std::exit(1);
  std::thread sink([&] {
    std::vector<char> buffer(1 << 20);
    while (recv(ends[1], buffer.data(), buffer.size(), 0) > 0) {
    }
  });
  const auto config = std::make_shared<conf::Config>();
  config->nat64.emplace_back();
  conf::ExportChoice choice;
  choice.events = {conf::EventFamily::kSessions};
  choice.queue = 1 << 20;
  Info info;
  double begin, end;
  {
    Exporter exporter(
        {"bench", what, choice, std::move(encoder), std::make_unique<LocalTransport>(ends[0])},
        config);
    std::vector<Item> items;
    for (uint32_t i = 0; i < 4096; ++i) items.push_back(session(i));
    begin = seconds();
    for (uint32_t i = 0; i < events; ++i) {
      // Nothing is to be lost: it waits for room, as the worker's ring would.
      while (i % 4096 == 0 && exporter.info().queued > choice.queue / 2) {
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
      exporter.offer(items[i % 4096], *config);
    }
    do {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      info = exporter.info();
    } while (info.records + info.lost < events);
    end = seconds();
  }
  shutdown(ends[0], SHUT_RDWR);
  sink.join();
  close(ends[0]);
  close(ends[1]);
  std::printf("%-24s %9.0f events/s, %5.1f octets an event, %llu lost\n", what,
              static_cast<double>(info.records) / (end - begin),
              static_cast<double>(info.bytes) / static_cast<double>(info.records),
              static_cast<unsigned long long>(info.lost));
}

std::unique_ptr<Encoder> ipfix(bool destinations) {
  IpfixEncoder::Options options;
  options.destinations = options.choice.destinations = destinations;
  options.choice.events = {conf::EventFamily::kSessions};
  return std::make_unique<IpfixEncoder>(options);
}

}  // namespace
}  // namespace isthmus::exporter

int main(int argc, char** argv) {
  using namespace isthmus::exporter;
  const auto events = static_cast<uint32_t>(argc > 1 ? std::atol(argv[1]) : 4'000'000);
  run("ipfix", ipfix(false), events);
  run("ipfix, destinations", ipfix(true), events);
  run("syslog", std::make_unique<SyslogEncoder>(SyslogEncoder::Framing::kCounted, 16, false),
      events);
}
