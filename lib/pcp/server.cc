// SPDX-License-Identifier: BSD-3-Clause
#include "pcp/server.h"

#include <algorithm>
#include <cmath>

namespace isthmus::pcp {
namespace {

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
// RFC 6887 7.4: "short" and "long" lifetimes of errors.
constexpr uint32_t kSoon = 30;
constexpr uint32_t kLong = 1800;
constexpr uint32_t kForever = 0xffffffff;

uint32_t error_lifetime(Code code) {
  const bool passes = code == Code::kNetworkFailure || code == Code::kNoResources ||
                      code == Code::kUserExceededQuota || code == Code::kCannotProvideExternal;
  return passes ? kSoon : kLong;
}

}  // namespace

std::optional<Bytes> Server::answer(std::span<const uint8_t> datagram, const net::Ip6& source,
                                    double now) {
  ++figures_.requests;
  const Parsed parsed = parse_request(datagram, source);
  const auto prefixes = parsed.silent ? std::vector<net::Prefix6052>() : gateway_.prefixes(source);
  // RFC 6887 8.2: who is not served here hears nothing.
  if (prefixes.empty()) {
    ++figures_.ignored;
    return std::nullopt;
  }
  const auto refuse = [&](Code code, uint32_t lifetime, bool understood) {
    ++figures_.refused;
    return make_error(datagram, code, lifetime, epoch(now), understood);
  };
  if (parsed.code != Code::kSuccess) {
    return refuse(parsed.code, error_lifetime(parsed.code), false);
  }
  Outcome outcome;
  if (parsed.request.opcode == Opcode::kMap) outcome = map(parsed.request, source, now);
  if (outcome.code != Code::kSuccess) {
    return refuse(outcome.code, outcome.lifetime ? outcome.lifetime : error_lifetime(outcome.code),
                  true);
  }
  ++figures_.answered;
  return make_success(parsed.request, outcome.map, outcome.lifetime, epoch(now), prefixes);
}

Server::Outcome Server::map(const Request& request, const net::Ip6& client, double now) {
  const auto& map = request.map;
  const uint16_t port = map.internal_port.host();
  if (map.protocol == 0 && port != 0) return {Code::kMalformedRequest, 0, {}};
  // RFC 6887 11.3: neither all ports nor all protocols, which are a static binding's to give.
  const bool supported = (map.protocol == kTcp || map.protocol == kUdp) && port != 0;
  if (!supported && request.lifetime != 0) return {Code::kUnsupportedProtocol, 0, {}};
  const Internal internal{client, map.protocol, port};
  const auto known = mappings_.find(internal);
  // RFC 6887 11.3, 18.1: only who made a mapping may change it.
  if (known != mappings_.end() && known->second.nonce != map.nonce) {
    const double left = std::max(1.0, std::ceil(known->second.expires - now));
    return {Code::kNotAuthorized, static_cast<uint32_t>(left), {}};
  }
  return request.lifetime == 0 ? remove(request, internal) : lease(request, internal, now);
}

// RFC 6887 15.1.
Server::Outcome Server::remove(const Request& request, const Internal& internal) {
  if (const auto at = mappings_.find(internal); at != mappings_.end()) {
    // Sessions of the mapping keep the binding: nobody takes a port over that is in use (15).
    gateway_.release(internal);
    forget(at);
  } else if (gateway_.known(internal) != Known::kNothing) {
    return {Code::kNotAuthorized, 0, {}};
  }
  return {Code::kSuccess, 0, request.map};
}

Server::Outcome Server::lease(const Request& request, const Internal& internal, double now) {
  const bool renews = mappings_.count(internal) != 0;
  if (!renews && !has_quota(internal.address)) return {Code::kUserExceededQuota, 0, {}};
  Wish wish{internal, unmapped(request.map.external), request.map.external_port.host(),
            request.prefer_failure};
  const auto found = gateway_.lease(wish);
  if (const Code* code = std::get_if<Code>(&found)) return {*code, 0, {}};
  const External& external = *std::get_if<External>(&found);
  Outcome outcome;
  outcome.map = request.map;
  outcome.map.external = mapped(external.address);
  outcome.map.external_port = net::Be16(external.port);
  if (external.fixed) {
    outcome.lifetime = kForever;
    return outcome;
  }
  outcome.lifetime = std::clamp(request.lifetime, policy_.lifetime_min, policy_.lifetime_max);
  remember({internal, external, request.map.nonce, now + outcome.lifetime});
  return outcome;
}

void Server::remember(const Mapping& mapping) {
  if (const auto at = mappings_.find(mapping.internal); at != mappings_.end()) forget(at);
  by_end_.insert({mapping.expires, mapping.internal});
  mappings_[mapping.internal] = mapping;
}

void Server::forget(std::map<Internal, Mapping>::iterator at) {
  by_end_.erase({at->second.expires, at->first});
  mappings_.erase(at);
}

// RFC 6887 11.3: a limit for each subscriber is RECOMMENDED.
bool Server::has_quota(const net::Ip6& client) const {
  const auto subscriber = net::prefix_of(client, policy_.subscriber_length);
  uint32_t count = 0;
  for (auto at = mappings_.lower_bound({subscriber.address, 0, 0});
       at != mappings_.end() && subscriber.contains(at->first.address); ++at) {
    if (++count >= policy_.mappings) return false;
  }
  return policy_.mappings != 0;
}

void Server::expire(double now) {
  while (!by_end_.empty() && by_end_.begin()->first <= now) {
    const Internal internal = by_end_.begin()->second;
    gateway_.release(internal);
    forget(mappings_.find(internal));
    ++figures_.expired;
  }
}

bool Server::drop(const std::function<bool(const Mapping&)>& leaves, double now) {
  bool any = false;
  for (auto at = mappings_.begin(); at != mappings_.end();) {
    const auto next = std::next(at);
    if (leaves(at->second)) {
      gateway_.release(at->first);
      forget(at);
      any = true;
    }
    at = next;
  }
  if (any) started_ = now;
  return any;
}

}  // namespace isthmus::pcp
