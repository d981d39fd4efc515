// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/udp_upstream.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace isthmus::dns64 {
namespace {

constexpr unsigned kBatch = 16;  ///< datagrams read at a time

}  // namespace

UdpUpstream::UdpUpstream(struct ev_loop* loop, SystemRandom& random, Figures& figures,
                         OnAnswer on_answer, OnFailure on_failure)
    : loop_(loop),
      random_(random),
      figures_(figures),
      on_answer_(std::move(on_answer)),
      on_failure_(std::move(on_failure)),
      buffer_(kBatch * kMaxMessage) {
  prepare_.set(loop);
  prepare_.set<UdpUpstream, &UdpUpstream::on_prepare>(this);
  sweep_.set(loop);
  sweep_.set<UdpUpstream, &UdpUpstream::on_sweep>(this);
}

UdpUpstream::Query* UdpUpstream::Port::find(uint16_t id) {
  const auto known = std::find_if(queries.begin(), queries.begin() + used,
                                  [id](const Query& query) { return query.id == id; });
  return known == queries.begin() + used ? nullptr : &*known;
}

UdpUpstream::Upstream& UdpUpstream::upstream_of(const SocketAddress& to) {
  for (Upstream& upstream : upstreams_) {
    if (upstream.to == to) return upstream;
  }
  return upstreams_.emplace_back(Upstream{to, {}});
}

bool UdpUpstream::bind_random(int fd, int family) {
  constexpr uint16_t kFirstPort = 16384;
  constexpr uint32_t kRange = 65536 - kFirstPort;
  for (int i = 0; i < 8; ++i) {
    const auto port = static_cast<uint16_t>(kFirstPort + random_() % kRange);
    const SocketAddress from = any_address(family, port);
    if (::bind(fd, from.get(), from.size) == 0) return true;
    if (errno != EADDRINUSE && errno != EACCES) return false;
  }
  // Crowded; connect() lets the kernel choose, which is random too.
  return true;
}

UdpUpstream::Port* UdpUpstream::open(const SocketAddress& to) {
  Fd fd = make_socket(to.family(), SOCK_DGRAM);
  if (!fd || !bind_random(fd.get(), to.family()) || ::connect(fd.get(), to.get(), to.size) != 0) {
    return nullptr;
  }
  Port& port = ports_.emplace_back();
  port.to = to;
  port.fd = std::move(fd);
  port.owner = this;
  port.opened = ev_now(loop_);
  port.watcher.set(loop_);
  port.watcher.set<Port, &Port::on_readable>(&port);
  port.watcher.start(port.fd.get(), ev::READ);
  if (!sweep_.is_active()) sweep_.start(kSeconds, kSeconds);
  return &port;
}

bool UdpUpstream::usable(const Port& port) const {
  return port.used < kUses && ev_now(loop_) < port.opened + kSeconds;
}

void UdpUpstream::retire(Port& port) {
  port.retired = true;
  prepare_.start();
  std::erase(upstream_of(port.to).ports, &port);
}

UdpUpstream::Port* UdpUpstream::port_for(Upstream& upstream, uint16_t id) {
  // A first few queries have a port each.
  if (upstream.ports.size() >= kPorts) {
    Port* port = upstream.ports[random_() % upstream.ports.size()];
    if (usable(*port) && !port->find(id)) return port;
    retire(*port);
  }
  if (Port* port = open(upstream.to)) {
    upstream.ports.push_back(port);
    return port;
  }
  const auto other = std::find_if(upstream.ports.begin(), upstream.ports.end(),
                                  [&](Port* port) { return usable(*port) && !port->find(id); });
  return other == upstream.ports.end() ? nullptr : *other;
}

bool UdpUpstream::send(SendId id, const SocketAddress& to, Bytes message) {
  const uint16_t message_id = get16(message, 0);
  Port* port = port_for(upstream_of(to), message_id);
  if (!port) return false;
  places_[id] = {port, port->used};
  port->queries[port->used++] = {id, message_id};
  ++port->in_flight;
  if (port->queued_sizes.empty()) waiting_.push_back(port);
  port->queued.insert(port->queued.end(), message.begin(), message.end());
  port->queued_sizes.push_back(static_cast<uint16_t>(message.size()));
  prepare_.start();
  return true;
}

void UdpUpstream::cancel(SendId id) {
  const auto place = places_.find(id);
  if (place == places_.end()) return;
  Port& port = *place->second.port;
  port.queries[place->second.index].send = 0;
  places_.erase(place);
  if (--port.in_flight == 0 && port.retired) prepare_.start();  // which closes it
}

void UdpUpstream::fail(Port& port, unsigned first) {
  std::array<SendId, kUses> failed;
  unsigned count = 0;
  for (unsigned i = first; i < port.used; ++i) {
    if (port.queries[i].send != 0) failed[count++] = port.queries[i].send;
  }
  for (unsigned i = 0; i < count; ++i) cancel(failed[i]);
  // The engine may ask anew at once.
  for (unsigned i = 0; i < count; ++i) on_failure_(failed[i]);
}

void UdpUpstream::flush(Port& port) {
  std::array<mmsghdr, kUses> messages{};
  std::array<iovec, kUses> parts;
  const auto count = static_cast<unsigned>(port.queued_sizes.size());
  uint8_t* at = port.queued.data();
  for (unsigned i = 0; i < count; ++i) {
    parts[i] = {at, port.queued_sizes[i]};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    at += port.queued_sizes[i];
  }
  unsigned sent = 0;
  bool refused = false;
  while (sent < count) {
    const int n = ::sendmmsg(port.fd.get(), &messages[sent], count - sent, MSG_NOSIGNAL);
    if (n <= 0 && errno == EINTR) continue;
    if (n <= 0) {
      refused = errno == ECONNREFUSED;
      break;
    }
    sent += static_cast<unsigned>(n);
  }
  port.queued.clear();
  port.queued_sizes.clear();
  if (sent == count) return;
  // Refused: an ICMP error has come, so what went before is lost too.
  if (refused && !port.retired) retire(port);
  fail(port, refused ? 0 : port.used - (count - sent));
}

void UdpUpstream::receive(Port& port) {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> parts;
  for (unsigned i = 0; i < kBatch; ++i) {
    parts[i] = {&buffer_[i * kMaxMessage], kMaxMessage};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int got = ::recvmmsg(port.fd.get(), messages.data(), kBatch, 0, nullptr);
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    if (!port.retired) retire(port);
    fail(port, 0);
    return;
  }
  for (unsigned i = 0; i < static_cast<unsigned>(got); ++i) {
    const Bytes message(&buffer_[i * kMaxMessage], messages[i].msg_len);
    const Query* query = message.size() < 2 ? nullptr : port.find(get16(message, 0));
    if (query && query->send != 0) {
      on_answer_(query->send, message);
    } else {
      figures_.count(query ? FigureId::kUpstreamLate : FigureId::kUpstreamMismatch);
    }
  }
}

void UdpUpstream::on_prepare(ev::prepare&, int) {
  // A failure may lead to another query, which is put at the end.
  for (std::size_t i = 0; i < waiting_.size(); ++i) flush(*waiting_[i]);
  waiting_.clear();
  prepare_.stop();
  ports_.remove_if([](const Port& port) { return port.retired && port.in_flight == 0; });
}

void UdpUpstream::on_sweep(ev::timer&, int) {
  std::vector<Port*> old;
  for (Port& port : ports_) {
    if (!port.retired && !usable(port)) old.push_back(&port);
  }
  for (Port* port : old) retire(*port);
  prepare_.start();
  if (ports_.empty()) sweep_.stop();
}

}  // namespace isthmus::dns64
