// SPDX-License-Identifier: BSD-3-Clause
#include "control/twin_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "control/log.h"
#include "control/neighbor_answers.h"

namespace isthmus::control {
namespace {

Status check(int error, const std::string& what) {
  if (error == 0) return Ok{};
  return Error{fmt::format("{}: {}", what, std::strerror(error))};
}

}  // namespace

Result<std::unique_ptr<TwinSet>> TwinSet::make(struct ev_loop* loop,
                                               dataplane::Dataplane& dataplane,
                                               const KernelPlan& plan) {
  auto socket = NetlinkSocket::make(NetlinkSocket::Kind::kRequests);
  if (!socket) return socket.error();
  std::unique_ptr<TwinSet> set(new TwinSet(std::move(*socket), dataplane, plan));
  const auto& interfaces = dataplane.interfaces();
  for (std::size_t i = 0; i < interfaces.size() && i < plan.twins.size(); ++i) {
    auto twin = Twin::make(interfaces[i].name, interfaces[i].mac);
    if (!twin) return twin.error();
    set->twins_.push_back(std::move(*twin));
    const Twin& made = *set->twins_.back();
    const Status status = set->set_up(made, interfaces[i], plan.twins[i]);
    if (!status) return status.error();
  }
  if (const Status status = set->update_routes(plan.routes); !status) return status.error();
  for (std::size_t i = 0; i < set->twins_.size(); ++i) {
    const auto id = static_cast<dataplane::InterfaceId>(i);
    set->twins_[i]->start(loop, [self = set.get(), id](std::span<const uint8_t> frame) {
      return self->from_kernel(id, frame);
    });
  }
  set->repeat_.set(loop);
  set->repeat_.set<TwinSet, &TwinSet::repeat_addresses>(set.get());
  set->repeat_.start(kRepeatAfter);
  return set;
}

void TwinSet::repeat_addresses() {
  keep_macs();  // changed before anybody listened
  for (std::size_t i = 0; i < twins_.size(); ++i) {
    for (const auto& [address, length] : plans_[i].addresses) {
      socket_.request(make_address(Change::kRepeat, twins_[i]->link(), address, length));
    }
  }
}

Status TwinSet::set_up(const Twin& twin, const dataplane::InterfaceInfo& interface,
                       const TwinPlan& plan) {
  const std::string name = "twin " + interface.name;
  Status status = apply_twin_sysctls(interface.name);
  if (!status) return status;
  status = check(socket_.request(make_link_mtu(twin.link(), interface.mtu)),
                 fmt::format("{}: cannot set MTU {}", name, interface.mtu));
  if (!status) return status;
  status = check(socket_.request(make_link_up(twin.link())), name + ": cannot set it up");
  if (!status) return status;
  for (const auto& [address, length] : plan.addresses) {
    const int error = socket_.request(make_address(Change::kAdd, twin.link(), address, length));
    // The link-local address may be configured as the one the kernel has made itself.
    if (error == EEXIST) continue;
    status =
        check(error, fmt::format("{}: cannot put {}/{} on it", name, text_of(address), length));
    if (!status) return status;
  }
  return Ok{};
}

int TwinSet::change_route(Change change, const RoutePlan& route) {
  RouteRequest request;
  request.prefix = route.prefix;
  request.link = twins_[route.interface]->link();
  request.via = route.via;
  request.metric = kRouteMetric;
  return socket_.request(make_route(change, request));
}

Status TwinSet::update_routes(const std::vector<RoutePlan>& wanted) {
  const auto missing_in = [](const std::vector<RoutePlan>& all,
                             const std::vector<RoutePlan>& from) {
    std::vector<RoutePlan> missing;
    std::copy_if(all.begin(), all.end(), std::back_inserter(missing), [&](const RoutePlan& route) {
      return std::find(from.begin(), from.end(), route) == from.end();
    });
    return missing;
  };
  const auto removed = missing_in(routes_, wanted);
  const auto added = missing_in(wanted, routes_);
  // Somebody may have removed a route by hand; that is no error.
  for (const auto& route : removed) change_route(Change::kRemove, route);
  for (std::size_t i = 0; i < added.size(); ++i) {
    const int error = change_route(Change::kAdd, added[i]);
    if (error == 0) continue;
    for (std::size_t k = 0; k < i; ++k) change_route(Change::kRemove, added[k]);
    for (const auto& route : removed) change_route(Change::kAdd, route);
    return check(error, fmt::format("cannot install route {} via {}", text_of(added[i].prefix),
                                    text_of(added[i].via)));
  }
  routes_ = wanted;
  return Ok{};
}

void TwinSet::keep_macs() {
  for (std::size_t i = 0; i < twins_.size(); ++i) {
    const net::Mac& wanted = dataplane_.interfaces()[i].mac;
    const auto found = twins_[i]->mac();
    if (!found || *found == wanted) continue;
    const Status status = twins_[i]->set_mac(wanted);
    static LogLimiter limiter;
    limiter.log(LogLevel::kWarning,
                status
                    ? fmt::format("twin {}: somebody gave it MAC {}; it has its port's, {}, again",
                                  twins_[i]->info().interface, net::to_string(*found),
                                  net::to_string(wanted))
                    : status.error().text);
  }
}

void TwinSet::to_kernel(dataplane::InterfaceId interface, std::span<const uint8_t> frame) {
  if (interface >= twins_.size()) return;
  if (const auto answered = answer(interface, frame)) {
    dataplane_.inject(interface, *answered);
  } else {
    twins_[interface]->write(frame);
  }
}

bool TwinSet::from_kernel(dataplane::InterfaceId interface, std::span<const uint8_t> frame) {
  const auto answered = answer(interface, frame);
  if (!answered) return dataplane_.inject(interface, frame);
  twins_[interface]->write(*answered);
  return true;
}

std::optional<std::vector<uint8_t>> TwinSet::answer(dataplane::InterfaceId interface,
                                                    std::span<const uint8_t> frame) const {
  return answer_for_neighbor(plans_[interface], dataplane_.interfaces()[interface].mac, frame);
}

void TwinSet::resolve(dataplane::InterfaceId interface, const IpAddress& address) {
  if (interface >= twins_.size()) return;
  const int error = socket_.request(make_neighbor_use(twins_[interface]->link(), address));
  if (error == 0) return;
  static LogLimiter limiter;
  limiter.log(LogLevel::kWarning, fmt::format("twin {}: the kernel does not resolve {}: {}",
                                              twins_[interface]->info().interface, text_of(address),
                                              std::strerror(error)));
}

std::map<uint32_t, dataplane::InterfaceId> TwinSet::links() const {
  std::map<uint32_t, dataplane::InterfaceId> links;
  for (std::size_t i = 0; i < twins_.size(); ++i) {
    links[twins_[i]->link()] = static_cast<dataplane::InterfaceId>(i);
  }
  return links;
}

std::vector<TwinInfo> TwinSet::info() const {
  std::vector<TwinInfo> all;
  for (const auto& twin : twins_) all.push_back(twin->info());
  return all;
}

}  // namespace isthmus::control
