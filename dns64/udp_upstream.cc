// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/udp_upstream.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace isthmus::dns64 {
namespace {

constexpr unsigned kBatch = 16;  ///< datagrams read at a time
/// An answer that is larger than what we say that we take is not read to its end; that it is larger
/// shows.
constexpr std::size_t kRoom = kUdpPayload + 1;

}  // namespace

UdpUpstream::UdpUpstream(struct ev_loop* loop, SystemRandom& random, Figures& figures,
                         OnAnswer on_answer, OnFailure on_failure)
    : loop_(loop),
      random_(random),
      figures_(figures),
      on_answer_(std::move(on_answer)),
      on_failure_(std::move(on_failure)),
      buffer_(kBatch * kRoom) {
  prepare_.set(loop);
  prepare_.set<UdpUpstream, &UdpUpstream::on_prepare>(this);
  sweep_.set(loop);
  sweep_.set<UdpUpstream, &UdpUpstream::on_sweep>(this);
}

unsigned UdpUpstream::Port::find(uint16_t id) const {
  const auto end = ids.begin() + used;
  return static_cast<unsigned>(std::find(ids.begin(), end, id) - ids.begin());
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
  if (spare_.empty()) spare_.emplace_back();
  ports_.splice(ports_.end(), spare_, spare_.begin());
  Port& port = ports_.back();
  port.to = to;
  port.retired = false;
  port.used = port.in_flight = port.waiting = 0;
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
  port.retired = to_close_ = true;
  prepare_.start();
  std::erase(upstream_of(port.to).ports, &port);
}

UdpUpstream::Port* UdpUpstream::port_for(Upstream& upstream, uint16_t id) {
  // A first few queries have a port each.
  if (upstream.ports.size() >= kPorts) {
    Port* port = upstream.ports[random_() % upstream.ports.size()];
    if (usable(*port) && port->find(id) == port->used) return port;
    retire(*port);
  }
  if (Port* port = open(upstream.to)) {
    upstream.ports.push_back(port);
    return port;
  }
  const auto other =
      std::find_if(upstream.ports.begin(), upstream.ports.end(),
                   [&](const Port* port) { return usable(*port) && port->find(id) == port->used; });
  return other == upstream.ports.end() ? nullptr : *other;
}

bool UdpUpstream::send(SendId id, const SocketAddress& to, Bytes message) {
  const uint16_t message_id = get16(message, 0);
  Port* port = port_for(upstream_of(to), message_id);
  if (!port) return false;
  places_.add(id) = {port, port->used};
  port->ids[port->used] = message_id;
  port->sends[port->used++] = id;
  ++port->in_flight;
  if (port->waiting == 0) waiting_.push_back(port);
  port->queued[port->waiting++] = {static_cast<uint32_t>(queued_.size()),
                                   static_cast<uint16_t>(message.size())};
  queued_.insert(queued_.end(), message.begin(), message.end());
  prepare_.start();
  return true;
}

void UdpUpstream::cancel(SendId id) {
  if (!places_.contains(id)) return;
  auto node = places_.take(id);
  const Place place = node.mapped();
  places_.give_back(std::move(node));
  Port& port = *place.port;
  port.sends[place.index] = 0;
  if (--port.in_flight > 0 || !port.retired) return;
  to_close_ = true;
  prepare_.start();
}

void UdpUpstream::fail(Port& port, unsigned first) {
  std::array<SendId, kUses> failed;
  unsigned count = 0;
  for (unsigned i = first; i < port.used; ++i) {
    if (port.sends[i] != 0) failed[count++] = port.sends[i];
  }
  for (unsigned i = 0; i < count; ++i) cancel(failed[i]);
  // The engine may ask anew at once.
  for (unsigned i = 0; i < count; ++i) on_failure_(failed[i]);
}

void UdpUpstream::flush(Port& port) {
  std::array<mmsghdr, kUses> messages;
  std::array<iovec, kUses> parts;
  const unsigned count = std::exchange(port.waiting, 0);
  for (unsigned i = 0; i < count; ++i) {
    parts[i] = {&queued_[port.queued[i].at], port.queued[i].size};
    messages[i] = {};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
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
  if (sent == count) return;
  // Refused: an ICMP error has come, so what went before is lost too.
  if (refused && !port.retired) retire(port);
  fail(port, refused ? 0 : port.used - (count - sent));
}

void UdpUpstream::receive(Port& port) {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> parts;
  for (unsigned i = 0; i < kBatch; ++i) {
    parts[i] = {&buffer_[i * kRoom], kRoom};
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
    const Bytes message(&buffer_[i * kRoom], messages[i].msg_len);
    const unsigned query = message.size() < 2 ? port.used : port.find(get16(message, 0));
    if (query == port.used) {
      figures_.count(FigureId::kUpstreamMismatch);
    } else if (const SendId send = port.sends[query]; send == 0) {
      figures_.count(FigureId::kUpstreamLate);
    } else {
      on_answer_(send, message);
    }
  }
}

void UdpUpstream::close_retired() {
  to_close_ = false;
  for (auto port = ports_.begin(); port != ports_.end();) {
    const auto next = std::next(port);
    if (port->retired && port->in_flight == 0) {
      port->watcher.stop();
      port->fd = Fd();
      spare_.splice(spare_.begin(), ports_, port);
    }
    port = next;
  }
  while (spare_.size() > kMaxSpare) spare_.pop_back();
}

void UdpUpstream::on_prepare(ev::prepare&, int) {
  // A failure may lead to another query, which is put at the end.
  for (std::size_t i = 0; i < waiting_.size(); ++i) flush(*waiting_[i]);
  waiting_.clear();
  queued_.clear();
  prepare_.stop();
  if (to_close_) close_retired();
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
