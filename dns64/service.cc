// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/service_impl.h"
#include "dns64/text.h"

namespace isthmus::dns64 {
namespace {

std::shared_ptr<Remote> remote_of(const conf::Endpoint& endpoint) {
  auto remote = std::make_shared<Remote>();
  remote->to = socket_address(endpoint.address, endpoint.port);
  remote->tls = endpoint.transport == conf::DnsTransport::kTls;
  remote->named = !endpoint.tls_name.empty();
  remote->name =
      remote->named ? endpoint.tls_name
                    : std::visit([](const auto& a) { return net::to_string(a); }, endpoint.address);
  return remote;
}

bool same(const Remote& a, const Remote& b) {
  return a.to == b.to && a.tls == b.tls && a.name == b.name;
}

/// Whom to trust, if a resolver is to be asked by TLS.
Result<std::shared_ptr<const tls::Credentials>> load_trust(const conf::Dns64& config) {
  for (const conf::Endpoint& endpoint : all_upstreams(config)) {
    if (endpoint.transport != conf::DnsTransport::kTls) continue;
    return tls::Credentials::load({config.tls_ca_file}, "dns64.tls_");
  }
  return std::shared_ptr<const tls::Credentials>();
}

}  // namespace

void ServiceImpl::resolve_upstreams() {
  const auto before = std::exchange(upstreams_, {});
  for (const conf::Endpoint& endpoint : all_upstreams(config_)) {
    std::shared_ptr<Remote> remote = remote_of(endpoint);
    for (const auto& known : before) {
      if (same(*known, *remote)) remote = known;
    }
    upstreams_.push_back(std::move(remote));
  }
  tcp_.keep_only(upstreams_);
}

void ServiceImpl::after_engine() {
  while (!refused_.empty()) {
    const SendId id = refused_.back();
    refused_.pop_back();
    engine_.on_failure(now(), id, *this);
  }
  const TimeMs deadline = engine_.next_deadline();
  // Nearly every answer moves the deadline to later. A timer that comes too early once in a while
  // and finds nothing to do is cheaper than one that is moved each time.
  if (timer_.is_active() && timer_at_ <= deadline) return;
  timer_at_ = deadline;
  timer_.stop();
  if (deadline == kNoDeadline) return;
  const TimeMs current = now();
  // Rounded up: the clock counts whole milliseconds, and waking too early would spin.
  const TimeMs wait = deadline > current ? deadline - current + 1 : 0;
  ev_now_update(loop_);  // what the timer counts from
  timer_.start(static_cast<double>(wait) / 1000, 0);
}

Status ServiceImpl::update(const conf::Dns64& config, const Translator& translator) {
  const Result<SharedPlan> plan = prepare(config, translator);
  return plan ? apply(**plan) : Status(plan.error());
}

Status ServiceImpl::apply(const Plan& plan) {
  if (listening_) {
    if (Status status = listener_.listen(plan.config.listen, tcp_port_, shared_); !status) {
      return status;
    }
  }
  if (Status status = open_log(plan.config); !status) return status;
  config_ = plan.config;
  const tls::Credentials* old = tcp_.trust();
  const bool as_before =
      (old == nullptr) == (plan.trust == nullptr) && (!old || old->text() == plan.trust->text());
  if (!as_before) trust(plan.trust);
  resolve_upstreams();
  engine_.update(now(), plan.settings, *this);
  after_engine();
  return Ok{};
}

Status ServiceImpl::open_log(const conf::Dns64& config) {
  constexpr double kInterval = 0.2;
  if (Status status = log_.open(config.query_log, config.query_log_every); !status) return status;
  if (Status status = tap_.open(config.dnstap); !status) return status;
  if (log_.enabled() && !log_timer_.is_active()) log_timer_.start(kInterval, kInterval);
  if (!log_.enabled()) log_timer_.stop();
  return Ok{};
}

void ServiceImpl::reply(uint64_t token, Bytes message) {
  if (!clients_.contains(token)) return;
  auto node = clients_.take(token);
  const Waiting& client = node.mapped();
  if (tap_.enabled() && !client.asked) tap(TapType::kClientResponse, client, message);
  if (client.asked) {
    client.asked->answer = message_text(message);
    client.asked->done.store(true, std::memory_order_release);
  } else if (client.reply) {
    client.reply(message);
  } else {
    listener_.reply(client.connection, message);
  }
  clients_.give_back(std::move(node));
}

void ServiceImpl::drop(uint64_t token) {
  if (!clients_.contains(token)) return;
  auto node = clients_.take(token);
  if (node.mapped().asked) node.mapped().asked->done.store(true, std::memory_order_release);
  if (node.mapped().connection != 0) listener_.drop(node.mapped().connection);
  clients_.give_back(std::move(node));
}

void ServiceImpl::trace(uint64_t token, const std::string& step) {
  const Waiting* client = clients_.find(token);
  if (client && client->asked) client->asked->steps.push_back(step);
}

void ServiceImpl::send(SendId id, unsigned upstream, bool tcp, Bytes message) {
  if (tap_.enabled()) tap(TapType::kForwarderQuery, upstream, tcp, message);
  const std::shared_ptr<Remote>& to = upstreams_[upstream];
  const bool sent = tcp ? tcp_.send(id, to, message) : udp_.send(id, to->to, message);
  if (!sent) refused_.push_back(id);
}

Result<SharedPlan> Service::prepare(const conf::Dns64& config, const Translator& translator) {
  auto plan = std::make_shared<Plan>();
  Result<EngineSettings> settings = make_settings(config, translator);
  if (!settings) return settings.error();
  Result<std::shared_ptr<const tls::Credentials>> trust = load_trust(config);
  if (!trust) return trust.error();
  plan->config = config;
  plan->settings = std::move(*settings);
  plan->trust = std::move(*trust);
  return SharedPlan(std::move(plan));
}

Result<std::unique_ptr<Service>> Service::make(const Plan& plan, struct ev_loop* loop,
                                               uint16_t tcp_port) {
  auto service = std::make_unique<ServiceImpl>(plan.config, plan.settings, loop, tcp_port);
  service->trust(plan.trust);
  if (Status status = service->open_log(plan.config); !status) return status.error();
  return std::unique_ptr<Service>(std::move(service));
}

Result<std::unique_ptr<Service>> Service::make(const conf::Dns64& config,
                                               const Translator& translator, struct ev_loop* loop,
                                               uint16_t tcp_port) {
  const Result<SharedPlan> plan = prepare(config, translator);
  if (!plan) return plan.error();
  return make(**plan, loop, tcp_port);
}

}  // namespace isthmus::dns64
