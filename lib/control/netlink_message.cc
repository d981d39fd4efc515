// SPDX-License-Identifier: BSD-3-Clause
#include "control/netlink_message.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cassert>

namespace isthmus::control {
namespace {

uint8_t family_of(const IpAddress& address) {
  return is_v6(address) ? AF_INET6 : AF_INET;
}

IpAddress address_of(const IpPrefix& prefix) {
  return std::visit([](const auto& p) -> IpAddress { return p.address; }, prefix);
}

uint8_t length_of(const IpPrefix& prefix) {
  return std::visit([](const auto& p) { return p.length; }, prefix);
}

constexpr uint16_t kRequest = NLM_F_REQUEST | NLM_F_ACK;
constexpr uint16_t kNew = kRequest | NLM_F_CREATE | NLM_F_EXCL;

}  // namespace

NetlinkMessage::NetlinkMessage(uint16_t type, uint16_t flags) {
  nlmsghdr* message = mnl_nlmsg_put_header(bytes_.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = flags;
}

nlmsghdr* NetlinkMessage::header() {
  return reinterpret_cast<nlmsghdr*>(bytes_.data());
}

const nlmsghdr* NetlinkMessage::header() const {
  return reinterpret_cast<const nlmsghdr*>(bytes_.data());
}

void* NetlinkMessage::extra(std::size_t size) {
  return mnl_nlmsg_put_extra_header(header(), size);
}

void NetlinkMessage::put(uint16_t attribute, const void* data, std::size_t size) {
  [[maybe_unused]] const bool fits = mnl_attr_put_check(header(), kRoom, attribute, size, data);
  assert(fits);
}

void NetlinkMessage::put_u32(uint16_t attribute, uint32_t value) {
  put(attribute, &value, sizeof value);
}

void NetlinkMessage::put_address(uint16_t attribute, const IpAddress& address) {
  std::visit([&](const auto& a) { put(attribute, &a, sizeof a); }, address);
}

NetlinkMessage make_link_mtu(uint32_t link, uint32_t mtu) {
  NetlinkMessage message(RTM_NEWLINK, kRequest);
  auto* info = static_cast<ifinfomsg*>(message.extra(sizeof(ifinfomsg)));
  info->ifi_family = AF_UNSPEC;
  info->ifi_index = static_cast<int>(link);
  message.put_u32(IFLA_MTU, mtu);
  return message;
}

NetlinkMessage make_link_up(uint32_t link) {
  NetlinkMessage message(RTM_NEWLINK, kRequest);
  auto* info = static_cast<ifinfomsg*>(message.extra(sizeof(ifinfomsg)));
  info->ifi_family = AF_UNSPEC;
  info->ifi_index = static_cast<int>(link);
  info->ifi_flags = IFF_UP;
  info->ifi_change = IFF_UP;
  return message;
}

NetlinkMessage make_address(Change change, uint32_t link, const IpAddress& address,
                            uint8_t length) {
  const uint16_t flags = change == Change::kAdd      ? kNew
                         : change == Change::kRepeat ? uint16_t{kRequest | NLM_F_REPLACE}
                                                     : kRequest;
  NetlinkMessage message(change == Change::kRemove ? RTM_DELADDR : RTM_NEWADDR, flags);
  auto* info = static_cast<ifaddrmsg*>(message.extra(sizeof(ifaddrmsg)));
  info->ifa_family = family_of(address);
  info->ifa_prefixlen = length;
  info->ifa_index = link;
  if (is_v6(address)) info->ifa_flags = IFA_F_NODAD;
  message.put_address(IFA_LOCAL, address);
  message.put_address(IFA_ADDRESS, address);
  return message;
}

NetlinkMessage make_route(Change change, const RouteRequest& route) {
  const bool add = change == Change::kAdd;
  NetlinkMessage message(add ? RTM_NEWROUTE : RTM_DELROUTE, add ? kNew : kRequest);
  auto* info = static_cast<rtmsg*>(message.extra(sizeof(rtmsg)));
  const IpAddress address = address_of(route.prefix);
  info->rtm_family = family_of(address);
  info->rtm_dst_len = length_of(route.prefix);
  info->rtm_table = RT_TABLE_MAIN;
  info->rtm_protocol = RTPROT_STATIC;
  info->rtm_type = RTN_UNICAST;
  info->rtm_scope = route.via || is_v6(address) ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  message.put_address(RTA_DST, address);
  message.put_u32(RTA_OIF, route.link);
  if (route.via) message.put_address(RTA_GATEWAY, *route.via);
  if (route.metric != 0) message.put_u32(RTA_PRIORITY, route.metric);
  return message;
}

NetlinkMessage make_neighbor_use(uint32_t link, const IpAddress& address) {
  NetlinkMessage message(RTM_NEWNEIGH, kRequest | NLM_F_CREATE);
  auto* info = static_cast<ndmsg*>(message.extra(sizeof(ndmsg)));
  info->ndm_family = family_of(address);
  info->ndm_ifindex = static_cast<int>(link);
  info->ndm_state = NUD_NONE;
  info->ndm_flags = NTF_USE;
  message.put_address(NDA_DST, address);
  return message;
}

NetlinkMessage make_dump(Dump dump) {
  constexpr uint16_t kFlags = NLM_F_REQUEST | NLM_F_DUMP;
  switch (dump) {
    case Dump::kAddresses: {
      NetlinkMessage message(RTM_GETADDR, kFlags);
      static_cast<ifaddrmsg*>(message.extra(sizeof(ifaddrmsg)))->ifa_family = AF_UNSPEC;
      return message;
    }
    case Dump::kRoutes4:
    case Dump::kRoutes6: {
      NetlinkMessage message(RTM_GETROUTE, kFlags);
      static_cast<rtmsg*>(message.extra(sizeof(rtmsg)))->rtm_family =
          dump == Dump::kRoutes4 ? AF_INET : AF_INET6;
      return message;
    }
    case Dump::kNeighbors4:
    case Dump::kNeighbors6: break;
  }
  NetlinkMessage message(RTM_GETNEIGH, kFlags);
  static_cast<ndmsg*>(message.extra(sizeof(ndmsg)))->ndm_family =
      dump == Dump::kNeighbors4 ? AF_INET : AF_INET6;
  return message;
}

}  // namespace isthmus::control
