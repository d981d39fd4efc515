// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/service_impl.h"
#include "dns64/text.h"

namespace isthmus::dns64 {

void ServiceImpl::after_engine() {
  while (!refused_.empty()) {
    const SendId id = refused_.back();
    refused_.pop_back();
    engine_.on_failure(now(), id, *this);
  }
  const TimeMs deadline = engine_.next_deadline();
  if (deadline == timer_at_ && timer_.is_active()) return;
  timer_at_ = deadline;
  timer_.stop();
  if (deadline == kNoDeadline) return;
  const TimeMs current = now();
  // Rounded up: the clock counts whole milliseconds, and waking too early would spin.
  const TimeMs wait = deadline > current ? deadline - current + 1 : 0;
  timer_.start(static_cast<double>(wait) / 1000, 0);
}

Status ServiceImpl::update(const conf::Dns64& config, const Translator& translator) {
  Result<EngineSettings> settings = make_settings(config, translator);
  if (!settings) return settings.error();
  if (listening_) {
    if (Status status = listener_.listen(config.listen, tcp_port_); !status) return status;
  }
  if (Status status = open_log(config); !status) return status;
  config_ = config;
  resolve_upstreams();
  engine_.update(now(), *settings, *this);
  after_engine();
  return Ok{};
}

Status ServiceImpl::open_log(const conf::Dns64& config) {
  constexpr double kInterval = 0.2;
  if (Status status = log_.open(config.query_log, config.query_log_every); !status) return status;
  if (log_.enabled() && !log_timer_.is_active()) log_timer_.start(kInterval, kInterval);
  if (!log_.enabled()) log_timer_.stop();
  return Ok{};
}

void ServiceImpl::reply(uint64_t token, Bytes message) {
  auto node = clients_.extract(token);
  if (node.empty()) return;
  const Waiting& client = node.mapped();
  if (client.asked) {
    client.asked->answer = message_text(message);
    client.asked->done = true;
  } else if (client.reply) {
    client.reply(message);
  } else {
    listener_.reply(client.connection, message);
  }
}

void ServiceImpl::drop(uint64_t token) {
  auto node = clients_.extract(token);
  if (node.empty()) return;
  if (node.mapped().asked) node.mapped().asked->done = true;
  if (node.mapped().connection != 0) listener_.drop(node.mapped().connection);
}

void ServiceImpl::trace(uint64_t token, const std::string& step) {
  const auto found = clients_.find(token);
  if (found != clients_.end() && found->second.asked) found->second.asked->steps.push_back(step);
}

void ServiceImpl::send(SendId id, unsigned upstream, bool tcp, Bytes message) {
  const SocketAddress& to = upstreams_[upstream];
  const bool sent = tcp ? tcp_.send(id, to, message) : udp_.send(id, to, message);
  if (!sent) refused_.push_back(id);
}

Result<std::unique_ptr<Service>> Service::make(const conf::Dns64& config,
                                               const Translator& translator, struct ev_loop* loop,
                                               uint16_t tcp_port) {
  Result<EngineSettings> settings = make_settings(config, translator);
  if (!settings) return settings.error();
  auto service = std::make_unique<ServiceImpl>(config, std::move(*settings), loop, tcp_port);
  if (Status status = service->open_log(config); !status) return status.error();
  return std::unique_ptr<Service>(std::move(service));
}

}  // namespace isthmus::dns64
