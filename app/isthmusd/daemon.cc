// SPDX-License-Identifier: BSD-3-Clause
#include "daemon.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>

#include "control/log.h"
#include "control/mapping_record.h"
#include "control/memory_report.h"
#include "control/unreachable.h"

namespace isthmus::app {
namespace {

// At most this many punted packets a turn, so that sockets and timers get theirs.
constexpr unsigned kPuntsPerTurn = 256;
constexpr unsigned kEventsPerTurn = 1024;
constexpr double kTick = 0.1;
constexpr double kWatch = 10;
constexpr double kDay = 86400;

}  // namespace

Daemon::Daemon(std::shared_ptr<const conf::Config> config, const control::KernelPlan& plan)
    : config_(std::move(config)),
      plan_(plan),
      errors_(config_->limits.icmp_errors_per_second, config_->limits.icmp_errors_per_second),
      loop_([this] { return poll(); }),
      service_manager_(loop_.ev()),
      neighbors_({[this](dataplane::InterfaceId interface, const control::IpAddress& address) {
                    twins_->resolve(interface, address);
                  },
                  [this](dataplane::InterfaceId interface, const net::Mac& to,
                         std::span<const uint8_t> packet) { return send(interface, to, packet); },
                  [this](dataplane::InterfaceId interface, std::span<const uint8_t> packet) {
                    tell_unreachable(interface, packet);
                  }},
                 config_->limits.neighbor_queue) {}

Result<std::unique_ptr<Daemon>> Daemon::make(std::shared_ptr<const conf::Config> config,
                                             const control::KernelPlan& plan, Facts facts) {
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(config), plan));
  if (const Status status = daemon->build(std::move(facts)); !status) return status.error();
  return daemon;
}

Daemon::~Daemon() {
  for (auto* watcher : {&tick_, &watch_, &day_}) ev_timer_stop(loop_.ev(), watcher);
  for (auto* watcher : {&term_, &interrupt_, &hangup_}) ev_signal_stop(loop_.ev(), watcher);
  metrics_.reset();
  // The service may still answer what is in flight; its replies need everything else alive.
  server_.reset();
  pcp_.reset();
  dns_cores_.reset();
  dns64_.reset();
  netlink_.reset();
  twins_.reset();
  if (dataplane_) dataplane_->stop();
}

Status Daemon::build(Facts facts) {
  // Asked first of all: starting DPDK beside a running daemon would end in errors of its own.
  if (is_served(config_->control.socket)) {
    return Error{
        fmt::format("{} is served: another isthmusd is running; stop it, or give this one "
                    "its own control.socket",
                    config_->control.socket)};
  }
  if (const auto kernel = control::kernel_local_ports()) {
    if (const Status status = control::check_local_ports(*config_, *kernel); !status) return status;
  }
  // Before any are taken.
  const auto advice = dataplane::huge_page_advice(*config_);
  auto dataplane = dataplane::Dataplane::make(*config_);
  if (!dataplane) return dataplane.error();
  dataplane_ = std::move(*dataplane);
  if (!advice.empty()) {
    control::log_info("memory.huge_pages: tables are not in reserved pages: {}", advice);
  }
  if (const Status status = build_kernel_side(); !status) return status;
  if (const Status status = build_dns64(); !status) return status;
  if (const Status status = build_pcp(); !status) return status;
  exports_ = std::make_unique<exporter::ExporterSet>(config_);
  if (const Status status = build_commands(std::move(facts)); !status) return status;
  dataplane_->publish();
  if (const Status status = dataplane_->start(); !status) return status;
  if (dns_cores_ != nullptr) {
    if (const Status status = dns_cores_->start(); !status) return status;
  }
  watch_signals();
  start_timers();
  return Ok{};
}

Status Daemon::build_kernel_side() {
  auto twins = control::TwinSet::make(loop_.ev(), *dataplane_, plan_);
  if (!twins) return twins.error();
  twins_ = std::move(*twins);
  punt_ = std::make_unique<control::Punt>(
      *dataplane_,
      [this](dataplane::InterfaceId interface, std::span<const uint8_t> frame) {
        twins_->to_kernel(interface, frame);
      },
      neighbors_);
  control::NetlinkState state(
      *dataplane_, twins_->links(),
      [this](dataplane::InterfaceId interface, const control::IpAddress& address,
             control::NeighborState neighbor, std::optional<net::Mac> mac) {
        neighbors_.on_neighbor(interface, address, neighbor, mac, control::monotonic_seconds());
      },
      [this] { twins_->keep_macs(); });
  auto netlink = control::NetlinkSync::make(loop_.ev(), std::move(state));
  if (!netlink) return netlink.error();
  netlink_ = std::move(*netlink);
  return netlink_->initial_dump();
}

Status Daemon::build_dns64() {
  if (!config_->dns64.enabled) return Ok{};
  const conf::Nat64* instance = config_->nat64_of_dns64();
  if (instance == nullptr || instance->prefixes.empty()) {
    return Error{"dns64.nat64: names no NAT64 instance whose prefix could be used"};
  }
  if (!config_->cores.dns.empty()) {
    auto cores = control::DnsCores::make(*dataplane_, *config_);
    if (!cores) return cores.error();
    dns_cores_ = std::move(*cores);
    return Ok{};
  }
  auto service = dns64::Service::make(config_->dns64, dns64::translator_of(*config_), loop_.ev());
  if (!service) return service.error();
  dns64_ = std::move(*service);
  punt_->set_service(dns64_.get());
  return dns64_->listen_tcp();
}

Status Daemon::build_pcp() {
  if (!config_->pcp.enabled) return Ok{};
  auto service = control::PcpService::make(loop_.ev(), *dataplane_, config_);
  if (!service) return service.error();
  pcp_ = std::move(*service);
  return Ok{};
}

Status Daemon::build_commands(Facts facts) {
  backend_ = std::make_unique<control::DataplaneBackend>(
      control::DataplaneBackend::Parts{*dataplane_, neighbors_, dns64(),
                                       [this] { return twins_->info(); },
                                       [this](const std::vector<control::RoutePlan>& routes) {
                                         return twins_->update_routes(routes);
                                       },
                                       [this](const std::vector<control::TwinPlan>& twins) {
                                         twins_->update_answers(twins);
                                         return Status(Ok{});
                                       },
                                       control::kernel_local_ports, pcp_.get(), exports_.get()},
      config_, std::move(facts));
  if (auto loaded = backend_->load_statics(); !loaded) return loaded;
  walk_ = control::make_state_walk(*backend_);
  commands_ = std::make_unique<control::Commands>(*backend_, *walk_);
  tell_memory();
  control::Server::Options options;
  options.socket = config_->control.socket;
  options.group = config_->control.group;
  options.log = [](const std::string& text) { control::log_info("{}", text); };
  auto server = control::Server::make(std::move(options), *commands_, loop_.ev());
  if (!server) return server.error();
  server_ = std::move(*server);
  if (config_->metrics.listen.empty()) return Ok{};
  auto endpoint = metrics::Endpoint::make(loop_.ev(), config_->metrics.listen,
                                          [this] { return metrics::look(*backend_, *walk_); });
  if (!endpoint) return endpoint.error();
  metrics_ = std::move(*endpoint);
  return Ok{};
}

dns64::Control* Daemon::dns64() const {
  if (dns_cores_ != nullptr) return dns_cores_.get();
  return dns64_.get();
}

void Daemon::tell_memory() {
  if (const auto report = control::report_memory(*backend_, *walk_)) {
    control::log_info("{}", control::memory_summary(*report));
  }
}

void Daemon::watch_signals() {
  const auto stop = [](struct ev_loop*, ev_signal* watcher, int) {
    static_cast<Daemon*>(watcher->data)->loop_.stop();
  };
  ev_signal_init(&term_, stop, SIGTERM);
  ev_signal_init(&interrupt_, stop, SIGINT);
  ev_signal_init(
      &hangup_,
      [](struct ev_loop*, ev_signal* watcher, int) {
        static_cast<Daemon*>(watcher->data)->reload();
      },
      SIGHUP);
  for (auto* watcher : {&term_, &interrupt_, &hangup_}) {
    watcher->data = this;
    ev_signal_start(loop_.ev(), watcher);
  }
  // A client that went away is an error code, not a reason to die.
  std::signal(SIGPIPE, SIG_IGN);
}

void Daemon::start_timers() {
  ev_timer_init(
      &tick_,
      [](struct ev_loop*, ev_timer* watcher, int) {
        auto* daemon = static_cast<Daemon*>(watcher->data);
        daemon->neighbors_.tick(control::monotonic_seconds());
        daemon->tell_exporters();
      },
      kTick, kTick);
  ev_timer_init(
      &watch_,
      [](struct ev_loop*, ev_timer* watcher, int) {
        auto* daemon = static_cast<Daemon*>(watcher->data);
        daemon->watch_pools();
      },
      kWatch, kWatch);
  // RFC 7422 3: "SHOULD generate such a log message once per day".
  ev_timer_init(
      &day_,
      [](struct ev_loop*, ev_timer* watcher, int) {
        control::log_mappings(*static_cast<Daemon*>(watcher->data)->backend_->config());
      },
      kDay, kDay);
  for (auto* watcher : {&tick_, &watch_, &day_}) {
    watcher->data = this;
    ev_timer_start(loop_.ev(), watcher);
  }
}

void Daemon::watch_pools() {
  using std::chrono::milliseconds;
  pool_watch_.look(*backend_->config(), *walk_, [this](const nat::PoolInfo& pool, uint32_t ports) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    exporter::Item item;
    item.unix_ms = static_cast<uint64_t>(std::chrono::duration_cast<milliseconds>(now).count());
    item.event.kind = nat::EventKind::kPoolExhausted;  // of that family: about to be
    item.event.instance = static_cast<uint8_t>(pool.instance);
    item.event.pool = static_cast<uint16_t>(pool.pool);
    item.threshold = ports;
    exports_->offer(item);
  });
}

void Daemon::tell_exporters() {
  for (const auto& news : exports_->news()) {
    control::log_text(news.good ? control::LogLevel::kInfo : control::LogLevel::kWarning,
                      news.text);
  }
}

unsigned Daemon::poll() {
  const double now = control::monotonic_seconds();
  const unsigned taken = dataplane_->take_punted(
      kPuntsPerTurn, [&](const dataplane::Punted& punted) { punt_->handle(punted, now); });
  const auto config = backend_->config();
  const unsigned told =
      dataplane_->take_events(kEventsPerTurn, [&](const dataplane::TimedEvent& event) {
        event_log_.handle(event, *config, now);
        exports_->offer({event.unix_ms, event.event, 0});
      });
  dataplane_->publish();
  return taken + told;
}

bool Daemon::send(dataplane::InterfaceId interface, const net::Mac& to,
                  std::span<const uint8_t> packet) {
  const net::Mac& own = dataplane_->interfaces()[interface].mac;
  return dataplane_->inject(interface, control::make_frame(to, own, packet));
}

// The sender that the packet names is the translated one: the error goes to our own MAC, so that
// workers take it in as they would from a router on that link, and translate it back.
void Daemon::tell_unreachable(dataplane::InterfaceId interface, std::span<const uint8_t> packet) {
  const auto now_ms = static_cast<uint64_t>(control::monotonic_seconds() * 1000);
  const auto error = control::make_unreachable(plan_, interface, packet);
  if (!error || !errors_.allow(static_cast<uint32_t>(now_ms))) return;
  send(interface, dataplane_->interfaces()[interface].mac, *error);
}

void Daemon::run() {
  const std::string status = summary();
  control::log_info("{}", status);
  service_manager_.ready(status);
  loop_.run();
  control::log_info("stopping");
  service_manager_.stopping();
}

void Daemon::reload() {
  service_manager_.reloading();
  if (const Status status = backend_->reload(); !status) {
    control::log_error("reload: {}", status.error().text);
  }
  service_manager_.ready(summary());
}

std::string Daemon::summary() const {
  return fmt::format("forwarding on {} interfaces with {} workers", dataplane_->interfaces().size(),
                     dataplane_->workers());
}

bool is_served(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) return false;
  socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  const bool served =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN;  // its queue of clients is full
  close(probe);
  return served;
}

}  // namespace isthmus::app
