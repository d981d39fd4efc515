// SPDX-License-Identifier: BSD-3-Clause
#include "steer/deterministic.h"

#include <algorithm>
#include <string>

namespace isthmus::steer {
namespace {

__extension__ using Wide = unsigned __int128;

Wide wide_of(const net::Ip6& address) {
  return static_cast<Wide>(net::byte_swap(address.raw_high())) << 64 |
         net::byte_swap(address.raw_low());
}

net::Ip6 address_of(Wide value) {
  const uint64_t words[2] = {net::byte_swap(static_cast<uint64_t>(value >> 64)),
                             net::byte_swap(static_cast<uint64_t>(value))};
  net::Ip6 out;
  std::memcpy(out.bytes.data(), words, sizeof words);
  return out;
}

Error too_many(uint32_t subscribers, uint64_t addresses, uint64_t per_address, uint64_t ports) {
  return Error{std::to_string(subscribers) + " subscribers over " + std::to_string(addresses) +
               " addresses are " + std::to_string(per_address) + " for each, and " +
               std::to_string(ports) + " ports divided among them leave " +
               std::to_string(ports / per_address) + " for one; it needs at least " +
               std::to_string(DeterministicMap::kLeastPorts) +
               ": add addresses, widen the port range or give a longer inside prefix"};
}

}  // namespace

Result<DeterministicMap> DeterministicMap::make(const Input& input) {
  DeterministicMap map;
  map.inside_ = input.inside;
  map.subscriber_length_ = input.subscriber_length;
  if (input.inside.length > input.subscriber_length ||
      input.subscriber_length - input.inside.length > static_cast<int>(kMostSubscriberBits)) {
    return Error{"inside prefix /" + std::to_string(input.inside.length) +
                 " cannot be divided into subscribers of /" +
                 std::to_string(input.subscriber_length) +
                 ": it has to be that long at most, and " + std::to_string(kMostSubscriberBits) +
                 " bits shorter at most"};
  }
  if (input.outside.empty() || input.first_port > input.last_port) {
    return Error{"no addresses or no ports to divide"};
  }
  map.subscribers_ = uint32_t{1} << (input.subscriber_length - input.inside.length);
  for (const auto& range : input.outside) {
    map.outside_.push_back({range.first.host(), range.last.host(), 0});
  }
  std::sort(map.outside_.begin(), map.outside_.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  uint64_t addresses = 0;
  for (auto& range : map.outside_) {
    range.position = static_cast<uint32_t>(addresses);
    addresses += uint64_t{range.last} - range.first + 1;
  }
  const uint64_t per_address = (map.subscribers_ + addresses - 1) / addresses;
  const uint64_t ports = input.last_port - input.first_port + uint64_t{1};
  if (ports / per_address < kLeastPorts) {
    return too_many(map.subscribers_, addresses, per_address, ports);
  }
  map.first_port_ = input.first_port;
  map.per_address_ = static_cast<uint32_t>(per_address);
  map.ports_each_ = static_cast<uint32_t>(ports / per_address);
  return map;
}

uint32_t DeterministicMap::number_of(const net::Ip6& source) const {
  const Wide value = wide_of(source) >> (128 - subscriber_length_);
  return static_cast<uint32_t>(value) & (subscribers_ - 1);
}

DeterministicMap::Cells DeterministicMap::cells_at(uint32_t number) const {
  const uint32_t position = number / per_address_;
  const uint32_t first = first_port_ + number % per_address_ * ports_each_;
  for (const auto& range : outside_) {
    if (position - range.position > range.last - range.first) continue;
    return {net::Ip4::from_host(range.first + (position - range.position)),
            static_cast<uint16_t>(first), static_cast<uint16_t>(first + ports_each_ - 1)};
  }
  return {};
}

uint32_t DeterministicMap::position_of(net::Ip4 address) const {
  const uint32_t host = address.host();
  for (const auto& range : outside_) {
    if (host - range.first <= range.last - range.first) {
      return range.position + (host - range.first);
    }
  }
  return kNowhere;
}

std::optional<net::Ip6Prefix> DeterministicMap::subscriber_of(net::Ip4 address,
                                                              uint16_t port) const {
  const uint32_t position = position_of(address);
  if (position == kNowhere || port < first_port_) return std::nullopt;
  const uint32_t run = (port - first_port_) / ports_each_;
  const uint64_t number = uint64_t{position} * per_address_ + run;
  if (run >= per_address_ || number >= subscribers_) return std::nullopt;
  const Wide bits = static_cast<Wide>(number) << (128 - subscriber_length_);
  return net::Ip6Prefix{address_of(wide_of(inside_.address) | bits), subscriber_length_};
}

}  // namespace isthmus::steer
