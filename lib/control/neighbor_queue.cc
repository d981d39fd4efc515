// SPDX-License-Identifier: BSD-3-Clause
#include "control/neighbor_queue.h"

#include <cstring>

#include "net/headers.h"

namespace isthmus::control {

NeighborQueue::NeighborQueue(Hooks hooks, uint32_t packets_per_neighbor)
    : hooks_(std::move(hooks)), limit_(packets_per_neighbor) {}

void NeighborQueue::enqueue(dataplane::InterfaceId interface, const IpAddress& next_hop,
                            std::span<const uint8_t> packet, double now) {
  const Key key{interface, next_hop};
  if (const auto known = known_.find(key); known != known_.end()) {
    ++(hooks_.send(interface, known->second.mac, packet) ? info_.released : info_.dropped);
    return;
  }
  auto it = waiting_.find(key);
  if (it == waiting_.end()) {
    if (waiting_.size() >= kMaxWaiting || limit_ == 0) {
      ++info_.dropped;
      // Without room to wait the packet is lost, but the next one finds the address.
      if (limit_ == 0) hooks_.resolve(interface, next_hop);
      return;
    }
    it = waiting_.emplace(key, Waiting{now + kTimeout, {}}).first;
    hooks_.resolve(interface, next_hop);
  }
  if (it->second.packets.size() >= limit_) {
    ++info_.dropped;
    return;
  }
  it->second.packets.emplace_back(packet.begin(), packet.end());
  ++info_.waiting;
}

void NeighborQueue::on_neighbor(dataplane::InterfaceId interface, const IpAddress& address,
                                NeighborState state, std::optional<net::Mac> mac, double now) {
  const Key key{interface, address};
  if (mac && (state == NeighborState::kUsable || state == NeighborState::kFixed)) {
    known_[key] = {*mac, now, state == NeighborState::kFixed};
    release(key, *mac);
    return;
  }
  known_.erase(key);
  if (state == NeighborState::kFailed) drop(key);
  // Removed by hand or by the kernel's housekeeping: what waits still needs an answer.
  if (state == NeighborState::kGone && waiting_.contains(key)) hooks_.resolve(interface, address);
}

void NeighborQueue::release(const Key& key, const net::Mac& mac) {
  const auto it = waiting_.find(key);
  if (it == waiting_.end()) return;
  // Taken out first: send() may lead back here.
  const auto packets = std::move(it->second.packets);
  waiting_.erase(it);
  info_.waiting -= packets.size();
  for (const auto& packet : packets) {
    ++(hooks_.send(key.first, mac, packet) ? info_.released : info_.dropped);
  }
}

void NeighborQueue::drop(const Key& key) {
  const auto it = waiting_.find(key);
  if (it == waiting_.end()) return;
  // Taken out first: the error about a packet may wait for a neighbor itself.
  const auto packets = std::move(it->second.packets);
  waiting_.erase(it);
  info_.waiting -= packets.size();
  info_.dropped += packets.size();
  for (const auto& packet : packets) hooks_.unreachable(key.first, packet);
}

void NeighborQueue::tick(double now) {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto key = it->first;
    const bool late = it->second.deadline <= now;
    ++it;
    if (late) drop(key);
  }
  unsigned asked = 0;
  for (auto& [key, neighbor] : known_) {
    if (asked == kRefreshBatch) break;
    if (neighbor.fixed || neighbor.confirmed + kRefresh > now) continue;
    neighbor.confirmed = now;
    ++asked;
    hooks_.resolve(key.first, key.second);
  }
}

std::vector<uint8_t> make_frame(const net::Mac& destination, const net::Mac& source,
                                std::span<const uint8_t> packet) {
  const bool v6 = !packet.empty() && packet[0] >> 4 == 6;
  const net::EthHeader header{destination, source, net::Be16(v6 ? net::kEtherIp6 : net::kEtherIp4)};
  std::vector<uint8_t> frame(sizeof header + packet.size());
  std::memcpy(frame.data(), &header, sizeof header);
  if (!packet.empty()) std::memcpy(frame.data() + sizeof header, packet.data(), packet.size());
  return frame;
}

}  // namespace isthmus::control
