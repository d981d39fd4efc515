// SPDX-License-Identifier: BSD-3-Clause
#include "control/netlink_parse.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace isthmus::control {
namespace {

constexpr uint16_t kMaxAttribute = 64;
using Attributes = std::array<const nlattr*, kMaxAttribute>;

int note_attribute(const nlattr* attribute, void* data) {
  const uint16_t type = mnl_attr_get_type(attribute);
  if (type < kMaxAttribute) (*static_cast<Attributes*>(data))[type] = attribute;
  return MNL_CB_OK;
}

Attributes attributes_of(const nlmsghdr* message, std::size_t fixed_part) {
  Attributes attributes{};
  mnl_attr_parse(message, static_cast<unsigned>(fixed_part), note_attribute, &attributes);
  return attributes;
}

template <class T>
std::optional<T> read(const nlattr* attribute) {
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) != sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, mnl_attr_get_payload(attribute), sizeof value);
  return value;
}

std::optional<IpAddress> read_address(uint8_t family, const nlattr* attribute) {
  if (family == AF_INET) {
    if (const auto v4 = read<net::Ip4>(attribute)) return *v4;
  } else if (family == AF_INET6) {
    if (const auto v6 = read<net::Ip6>(attribute)) return *v6;
  }
  return std::nullopt;
}

// RTA_VIA: a gateway of the other family (RFC 8950: IPv4 over an IPv6 next hop).
std::optional<IpAddress> read_via(const nlattr* attribute) {
  if (attribute == nullptr) return std::nullopt;
  const uint16_t size = mnl_attr_get_payload_len(attribute);
  rtvia via{};
  if (size < sizeof via) return std::nullopt;
  const auto* bytes = static_cast<const uint8_t*>(mnl_attr_get_payload(attribute));
  std::memcpy(&via, bytes, sizeof via);
  if (via.rtvia_family == AF_INET && size == sizeof via + 4) {
    net::Ip4 address;
    std::memcpy(&address, bytes + sizeof via, sizeof address);
    return address;
  }
  if (via.rtvia_family == AF_INET6 && size == sizeof via + 16) {
    net::Ip6 address;
    std::memcpy(&address, bytes + sizeof via, sizeof address);
    return address;
  }
  return std::nullopt;
}

constexpr unsigned kDead = RTNH_F_DEAD | RTNH_F_LINKDOWN;

void add_hop(RouteEvent& route, uint8_t family, uint32_t link, unsigned flags,
             const Attributes& attributes) {
  // A hop with an encapsulation (MPLS, SRv6) is more than we can carry out.
  if ((flags & kDead) != 0 || attributes[RTA_ENCAP_TYPE] != nullptr || link == 0) return;
  auto via = read_address(family, attributes[RTA_GATEWAY]);
  if (!via) via = read_via(attributes[RTA_VIA]);
  route.hops.push_back({link, via});
}

void read_multipath(RouteEvent& route, uint8_t family, const nlattr* multipath) {
  const auto* at = static_cast<const uint8_t*>(mnl_attr_get_payload(multipath));
  std::size_t left = mnl_attr_get_payload_len(multipath);
  while (left >= sizeof(rtnexthop)) {
    rtnexthop hop{};
    std::memcpy(&hop, at, sizeof hop);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > left) return;
    Attributes attributes{};
    mnl_attr_parse_payload(at + sizeof hop, hop.rtnh_len - sizeof hop, note_attribute, &attributes);
    add_hop(route, family, static_cast<uint32_t>(hop.rtnh_ifindex), hop.rtnh_flags, attributes);
    const std::size_t step = MNL_ALIGN(hop.rtnh_len);
    if (step >= left) return;
    at += step;
    left -= step;
  }
}

NetlinkEvent parse_address(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(ifaddrmsg)) return {};
  const auto* info = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
  const Attributes attributes = attributes_of(message, sizeof *info);
  // IFA_LOCAL is our address; on point-to-point links IFA_ADDRESS is the peer's. IPv6 mostly has
  // IFA_ADDRESS only.
  auto address = read_address(info->ifa_family, attributes[IFA_LOCAL]);
  if (!address) address = read_address(info->ifa_family, attributes[IFA_ADDRESS]);
  if (!address) return {};
  return AddressEvent{message->nlmsg_type == RTM_NEWADDR, info->ifa_index, *address};
}

NetlinkEvent parse_route(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(rtmsg)) return {};
  const auto* info = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
  const bool v6 = info->rtm_family == AF_INET6;
  if (!v6 && info->rtm_family != AF_INET) return {};
  const bool discard = info->rtm_type == RTN_BLACKHOLE || info->rtm_type == RTN_UNREACHABLE ||
                       info->rtm_type == RTN_PROHIBIT;
  // Cached exceptions are no routes; TOS and source routing are no part of a FIB by destination.
  if ((info->rtm_flags & RTM_F_CLONED) != 0 || (info->rtm_type != RTN_UNICAST && !discard) ||
      info->rtm_tos != 0 || info->rtm_src_len != 0 || info->rtm_dst_len > (v6 ? 128 : 32)) {
    return {};
  }
  const Attributes attributes = attributes_of(message, sizeof *info);
  RouteEvent route;
  route.present = message->nlmsg_type == RTM_NEWROUTE;
  route.append = (message->nlmsg_flags & NLM_F_APPEND) != 0;
  route.table = read<uint32_t>(attributes[RTA_TABLE]).value_or(info->rtm_table);
  route.metric = read<uint32_t>(attributes[RTA_PRIORITY]).value_or(0);
  const IpAddress any = v6 ? IpAddress(net::Ip6{}) : IpAddress(net::Ip4{});
  route.prefix = subnet_of(read_address(info->rtm_family, attributes[RTA_DST]).value_or(any),
                           info->rtm_dst_len);
  if (discard) {
    route.hops.push_back({kDiscard, std::nullopt});  // whatever link IPv6 names with it
  } else if (attributes[RTA_MULTIPATH] != nullptr) {
    read_multipath(route, info->rtm_family, attributes[RTA_MULTIPATH]);
  } else {
    add_hop(route, info->rtm_family, read<uint32_t>(attributes[RTA_OIF]).value_or(0),
            info->rtm_flags, attributes);
  }
  return route;
}

NeighborState state_of(const ndmsg& info, bool removed) {
  constexpr unsigned kUsable = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE;
  if (removed) return NeighborState::kGone;
  if ((info.ndm_state & (NUD_PERMANENT | NUD_NOARP)) != 0) return NeighborState::kFixed;
  if ((info.ndm_state & kUsable) != 0) return NeighborState::kUsable;
  return (info.ndm_state & NUD_FAILED) != 0 ? NeighborState::kFailed : NeighborState::kPending;
}

bool is_multicast(const IpAddress& address) {
  if (const auto* v4 = std::get_if<net::Ip4>(&address)) return v4->host() >> 28 == 0xe;
  return std::get<net::Ip6>(address).bytes[0] == 0xff;
}

NetlinkEvent parse_neighbor(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(ndmsg)) return {};
  const auto* info = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
  if ((info->ndm_flags & NTF_PROXY) != 0 || info->ndm_ifindex <= 0) return {};
  const Attributes attributes = attributes_of(message, sizeof *info);
  const auto address = read_address(info->ndm_family, attributes[NDA_DST]);
  if (!address || is_multicast(*address)) return {};
  NeighborEvent neighbor;
  neighbor.link = static_cast<uint32_t>(info->ndm_ifindex);
  neighbor.address = *address;
  neighbor.state = state_of(*info, message->nlmsg_type == RTM_DELNEIGH);
  if (neighbor.state == NeighborState::kUsable || neighbor.state == NeighborState::kFixed) {
    neighbor.mac = read<net::Mac>(attributes[NDA_LLADDR]);
    if (!neighbor.mac) neighbor.state = NeighborState::kPending;
  }
  return neighbor;
}

NetlinkEvent parse_link(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(ifinfomsg)) return {};
  const auto* info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  return LinkEvent{static_cast<uint32_t>(info->ifi_index)};
}

}  // namespace

NetlinkEvent parse_netlink(const nlmsghdr* message) {
  switch (message->nlmsg_type) {
    case RTM_NEWADDR:
    case RTM_DELADDR: return parse_address(message);
    case RTM_NEWROUTE:
    case RTM_DELROUTE: return parse_route(message);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH: return parse_neighbor(message);
    case RTM_NEWLINK:
    case RTM_DELLINK: return parse_link(message);
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP: return LinkEvent{};
    default: return {};
  }
}

}  // namespace isthmus::control
