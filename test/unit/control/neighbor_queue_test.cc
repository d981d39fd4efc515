// SPDX-License-Identifier: BSD-3-Clause
#include "control/neighbor_queue.h"

#include <string>
#include <vector>

#include "catch.h"
#include "packets/builder.h"

namespace isthmus::control::neighbor_queue_test {
namespace {

using test::Bytes;

struct Fixture {
  std::vector<std::string> resolved;
  std::vector<Bytes> sent;
  std::vector<net::Mac> macs;
  std::vector<Bytes> unreachable;
  bool send_works = true;
  NeighborQueue queue{
      {[this](dataplane::InterfaceId interface, const IpAddress& address) {
         resolved.push_back(std::to_string(interface) + ' ' + text_of(address));
       },
       [this](dataplane::InterfaceId, const net::Mac& to, std::span<const uint8_t> packet) {
         if (!send_works) return false;
         macs.push_back(to);
         sent.emplace_back(packet.begin(), packet.end());
         return true;
       },
       [this](dataplane::InterfaceId, std::span<const uint8_t> packet) {
         unreachable.emplace_back(packet.begin(), packet.end());
       }},
      4};
  const IpAddress gateway = *net::parse_ip4("192.0.2.2");
  const net::Mac mac = *net::parse_mac("02:00:00:00:00:02");

  static Bytes packet(uint8_t n) { return {0x45, n}; }
  void usable(double now) { queue.on_neighbor(0, gateway, NeighborState::kUsable, mac, now); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "packets wait, the kernel is asked once, all leave in order",
                 "[neighbor]") {
  for (uint8_t n = 1; n <= 3; ++n) queue.enqueue(0, gateway, packet(n), 0);
  CHECK(resolved == std::vector<std::string>{"0 192.0.2.2"});
  CHECK(queue.info().waiting == 3);
  queue.on_neighbor(0, gateway, NeighborState::kPending, std::nullopt, 0.1);
  CHECK(sent.empty());
  usable(0.2);
  CHECK(sent == std::vector<Bytes>{packet(1), packet(2), packet(3)});
  CHECK(macs == std::vector<net::Mac>(3, mac));
  CHECK(queue.info().waiting == 0);
  CHECK(queue.info().released == 3);
  CHECK(queue.info().dropped == 0);
}

TEST_CASE_METHOD(Fixture, "a packet that comes after the answer leaves at once", "[neighbor]") {
  usable(0);
  queue.enqueue(0, gateway, packet(9), 0.1);
  CHECK(sent == std::vector<Bytes>{packet(9)});
  CHECK(resolved.empty());
}

TEST_CASE_METHOD(Fixture, "each neighbor and interface waits for itself", "[neighbor]") {
  const IpAddress other = *net::parse_ip6("2001:db8::2");
  queue.enqueue(0, gateway, packet(1), 0);
  queue.enqueue(1, gateway, packet(2), 0);
  queue.enqueue(0, other, packet(3), 0);
  usable(0.1);
  CHECK(sent == std::vector<Bytes>{packet(1)});
  CHECK(queue.info().waiting == 2);
}

TEST_CASE_METHOD(Fixture, "no more packets a neighbor than configured", "[neighbor]") {
  for (uint8_t n = 1; n <= 6; ++n) queue.enqueue(0, gateway, packet(n), 0);
  CHECK(queue.info().waiting == 4);
  CHECK(queue.info().dropped == 2);
  usable(0.1);
  CHECK(sent.size() == 4);
}

TEST_CASE_METHOD(Fixture, "a scan of many addresses costs bounded memory", "[neighbor]") {
  constexpr auto kExtra = 10u;
  for (uint32_t n = 0; n < NeighborQueue::kMaxWaiting + kExtra; ++n) {
    queue.enqueue(0, net::Ip4::from_host(0xcb007100 + n), packet(1), 0);
  }
  CHECK(queue.info().waiting == NeighborQueue::kMaxWaiting);
  CHECK(queue.info().dropped == kExtra);
  CHECK(resolved.size() == NeighborQueue::kMaxWaiting);
}

TEST_CASE_METHOD(Fixture, "a neighbor that fails drops what waits", "[neighbor]") {
  queue.enqueue(0, gateway, packet(1), 0);
  queue.enqueue(0, gateway, packet(2), 0);
  queue.on_neighbor(0, gateway, NeighborState::kFailed, std::nullopt, 1);
  CHECK(queue.info().waiting == 0);
  CHECK(queue.info().dropped == 2);
  CHECK(unreachable == std::vector<Bytes>{packet(1), packet(2)});
  // The next packet asks anew.
  queue.enqueue(0, gateway, packet(3), 2);
  CHECK(resolved.size() == 2);
}

TEST_CASE_METHOD(Fixture, "packets wait four seconds and no longer", "[neighbor]") {
  queue.enqueue(0, gateway, packet(1), 10);
  queue.tick(13.9);
  CHECK(queue.info().waiting == 1);
  CHECK(unreachable.empty());
  queue.tick(14);
  CHECK(queue.info().waiting == 0);
  CHECK(queue.info().dropped == 1);
  CHECK(unreachable == std::vector<Bytes>{packet(1)});
}

TEST_CASE_METHOD(Fixture, "an entry removed while packets wait is asked for again", "[neighbor]") {
  queue.enqueue(0, gateway, packet(1), 0);
  queue.on_neighbor(0, gateway, NeighborState::kGone, std::nullopt, 0.5);
  CHECK(resolved.size() == 2);
  usable(1);
  CHECK(sent.size() == 1);
}

TEST_CASE_METHOD(Fixture, "known neighbors are confirmed from time to time", "[neighbor]") {
  usable(0);
  queue.tick(NeighborQueue::kRefresh - 1);
  CHECK(resolved.empty());
  queue.tick(NeighborQueue::kRefresh);
  queue.tick(NeighborQueue::kRefresh + 1);
  CHECK(resolved.size() == 1);
  queue.on_neighbor(0, gateway, NeighborState::kFailed, std::nullopt, 12);
  queue.tick(100);
  CHECK(resolved.size() == 1);
}

TEST_CASE_METHOD(Fixture, "a neighbor that an operator has fixed is never asked for",
                 "[neighbor]") {
  queue.enqueue(0, gateway, packet(1), 0);
  queue.on_neighbor(0, gateway, NeighborState::kFixed, mac, 0.1);
  CHECK(sent.size() == 1);
  resolved.clear();
  queue.tick(100);
  CHECK(resolved.empty());
}

TEST_CASE_METHOD(Fixture, "confirmations are spread over ticks", "[neighbor]") {
  for (uint32_t n = 0; n < NeighborQueue::kRefreshBatch + 5; ++n) {
    queue.on_neighbor(0, net::Ip4::from_host(0xcb007100 + n), NeighborState::kUsable, mac, 0);
  }
  queue.tick(20);
  CHECK(resolved.size() == NeighborQueue::kRefreshBatch);
  queue.tick(20.1);
  CHECK(resolved.size() == NeighborQueue::kRefreshBatch + 5);
}

TEST_CASE_METHOD(Fixture, "a packet that cannot be sent counts as dropped", "[neighbor]") {
  queue.enqueue(0, gateway, packet(1), 0);
  send_works = false;
  usable(0.1);
  CHECK(queue.info().released == 0);
  CHECK(queue.info().dropped == 1);
  CHECK(queue.info().waiting == 0);
}

TEST_CASE("the frame of a released packet", "[neighbor]") {
  const net::Mac to = *net::parse_mac("02:00:00:00:00:02");
  const net::Mac from = *net::parse_mac("02:00:00:00:00:01");
  CHECK(make_frame(to, from, Bytes{0x45, 1}) == test::hex("020000000002 020000000001 0800 4501"));
  CHECK(make_frame(to, from, Bytes{0x60, 1}) == test::hex("020000000002 020000000001 86dd 6001"));
}

}  // namespace isthmus::control::neighbor_queue_test
