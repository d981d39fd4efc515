// SPDX-License-Identifier: BSD-3-Clause
// The endpoint, asked over a socket as Prometheus does.
#include "metrics/endpoint.h"

#include <arpa/inet.h>
#include <ev.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "catch.h"

namespace isthmus::metrics::endpoint_test {
namespace {

/// A loop in a thread, as the control core's.
class LoopThread {
 public:
  LoopThread() {
    ev_async_init(&stop_,
                  [](struct ev_loop* loop, ev_async*, int) { ev_break(loop, EVBREAK_ALL); });
    ev_async_start(loop_, &stop_);
  }
  ~LoopThread() { ev_loop_destroy(loop_); }
  void start() {
    thread_ = std::thread([this] { ev_run(loop_, 0); });
  }
  void stop() {
    ev_async_send(loop_, &stop_);
    thread_.join();
  }
  struct ev_loop* loop() {
    return loop_;
  }

 private:
  struct ev_loop* loop_ = ev_loop_new(EVFLAG_AUTO);
  ev_async stop_{};
  std::thread thread_;
};

int connected(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // A connection that the library took and never served stays open when it is stopped.
  const timeval patience{5, 0};
  REQUIRE(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
  REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  return fd;
}

int asked(uint16_t port) {
  const int fd = connected(port);
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  REQUIRE(write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size()));
  return fd;
}

std::string answer_on(int fd) {
  std::string answer;
  char bytes[4096];
  for (ssize_t n; (n = read(fd, bytes, sizeof bytes)) > 0;) {
    answer.append(bytes, static_cast<std::size_t>(n));
  }
  close(fd);
  return answer;
}

/// Some port that nobody has.
uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  close(fd);
  return ntohs(at.sin_port);
}

Families one(double value) {
  prometheus::MetricFamily family;
  family.name = "isthmus_test";
  family.help = "help";
  family.type = prometheus::MetricType::Gauge;
  family.metric.emplace_back().gauge.value = value;
  return {family};
}

}  // namespace

TEST_CASE("metrics endpoint: each scrape has figures of its own, made on the loop's thread") {
  LoopThread thread;
  const auto port = free_port();
  int scrapes = 0;
  auto endpoint = Endpoint::make(thread.loop(), "127.0.0.1:" + std::to_string(port),
                                 [&] { return one(++scrapes); });
  REQUIRE(endpoint);
  thread.start();
  for (int i = 1; i <= 3; ++i) {
    CHECK(answer_on(asked(port)).find("\nisthmus_test " + std::to_string(i) + "\n") !=
          std::string::npos);
  }
  thread.stop();
  CHECK(scrapes == 3);
}

TEST_CASE("metrics endpoint: it ends although somebody waits for an answer") {
  LoopThread thread;
  const auto port = free_port();
  auto endpoint =
      Endpoint::make(thread.loop(), "127.0.0.1:" + std::to_string(port), [] { return one(1); });
  REQUIRE(endpoint);
  // Nobody runs the loop.
  const int fd = asked(port);
  endpoint->reset();
  CHECK(answer_on(fd).find("isthmus_test") == std::string::npos);
}

TEST_CASE("metrics endpoint: an address that cannot be had is an error that says so") {
  LoopThread thread;
  const auto port = free_port();
  const auto address = "127.0.0.1:" + std::to_string(port);
  auto endpoint = Endpoint::make(thread.loop(), address, [] { return one(1); });
  REQUIRE(endpoint);
  const auto second = Endpoint::make(thread.loop(), address, [] { return one(1); });
  REQUIRE(!second);
  CHECK(second.error().text.find("metrics.listen: cannot listen on " + address) !=
        std::string::npos);
}

}  // namespace isthmus::metrics::endpoint_test
