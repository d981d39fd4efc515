// SPDX-License-Identifier: BSD-3-Clause
#include "control/dns_cores.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "dns64/settings.h"

namespace isthmus::control {
namespace {

// At most this many queries a turn, so that sockets and timers get theirs.
constexpr unsigned kQueriesPerTurn = 256;

uint32_t share(uint32_t all, std::size_t cores) {
  const auto count = static_cast<uint32_t>(cores);
  return all / count + (all % count != 0 ? 1 : 0);  // 0 stays 0: no limit
}

/// What one core of so many is to hold to.
conf::Dns64 share_of(const conf::Dns64& config, std::size_t cores) {
  conf::Dns64 part = config;
  part.cache_entries = share(config.cache_entries, cores);
  part.max_in_flight = share(config.max_in_flight, cores);
  part.zone_in_flight = share(config.zone_in_flight, cores);
  return part;
}

void add(dns64::UpstreamRow& sum, const dns64::UpstreamRow& row) {
  // A core that is asked nothing of late does not know better.
  sum.info.down = sum.info.down || row.info.down;
  sum.info.rtt_ms = std::max(sum.info.rtt_ms, row.info.rtt_ms);
  sum.info.sent += row.info.sent;
  sum.info.answers += row.info.answers;
  sum.info.failures += row.info.failures;
  if (sum.trouble.empty()) sum.trouble = row.trouble;
}

}  // namespace

DnsCores::Core::Core(dataplane::Dataplane& dataplane, dataplane::DnsEnd& its_end, unsigned its_cpu)
    : cpu(its_cpu),
      end(its_end),
      front(dataplane.interfaces(),
            [this](dataplane::InterfaceId interface, std::span<const uint8_t> frame) {
              return end.inject(interface, frame);
            }),
      thread([this] { return poll(); }) {}

unsigned DnsCores::Core::poll() {
  return end.take_queries(kQueriesPerTurn,
                          [this](const dataplane::Punted& punted) { front.handle(punted); });
}

Result<std::unique_ptr<DnsCores>> DnsCores::make(dataplane::Dataplane& dataplane,
                                                 const conf::Config& config, uint16_t tcp_port) {
  const std::vector<unsigned>& cpus = config.cores.dns;
  const auto plan =
      dns64::Service::prepare(share_of(config.dns64, cpus.size()), dns64::translator_of(config));
  if (!plan) return plan.error();
  std::unique_ptr<DnsCores> all(new DnsCores);
  for (unsigned i = 0; i < cpus.size(); ++i) {
    dataplane::DnsEnd* end = dataplane.dns_end(i);
    if (end == nullptr) return Error{fmt::format("cores.dns: no rings for core {}", i)};
    auto core = std::make_unique<Core>(dataplane, *end, cpus[i]);
    auto service = dns64::Service::make(**plan, core->thread.ev(), tcp_port);
    if (!service) return service.error();
    core->service = std::move(*service);
    core->front.set_service(core->service.get());
    if (Status status = core->service->listen_tcp(true); !status) return status.error();
    tcp_port = core->service->tcp_port();
    all->cores_.push_back(std::move(core));
  }
  return all;
}

DnsCores::~DnsCores() {
  for (auto& core : cores_) core->thread.stop();
}

Status DnsCores::start() {
  for (auto& core : cores_) {
    dataplane::DnsEnd& end = core->end;
    const Status status =
        core->thread.start([&end] { return end.enter(); }, [&end] { end.leave(); });
    if (!status) return status;
  }
  return Ok{};
}

template <class Question>
void DnsCores::each(Question&& question) const {
  for (const auto& core : cores_) {
    core->thread.ask([&] { question(*core->service); });
  }
}

Status DnsCores::update(const conf::Dns64& config, const dns64::Translator& translator) {
  const auto plan = dns64::Service::prepare(share_of(config, cores_.size()), translator);
  if (!plan) return plan.error();
  for (std::size_t i = 0; i < cores_.size(); ++i) {
    Status status = Ok{};
    const bool answered =
        cores_[i]->thread.ask([&] { status = cores_[i]->service->apply(**plan); });
    if (!answered) return Error{fmt::format("DNS core {} does not answer", i)};
    if (!status) return status;
  }
  return Ok{};
}

void DnsCores::flush_cache() {
  each([](dns64::Service& service) { service.flush_cache(); });
}

Result<unsigned> DnsCores::flush_name(std::string_view name) {
  Result<unsigned> sum = 0u;
  each([&](dns64::Service& service) {
    const auto flushed = service.flush_name(name);
    if (!flushed) sum = flushed.error();
    if (sum && flushed) sum = *sum + *flushed;
  });
  return sum;
}

std::vector<dns64::UpstreamRow> DnsCores::upstreams() const {
  std::vector<dns64::UpstreamRow> sums;
  each([&](const dns64::Service& service) {
    auto rows = service.upstreams();
    if (sums.empty()) {
      sums = std::move(rows);
      return;
    }
    for (std::size_t i = 0; i < std::min(sums.size(), rows.size()); ++i) add(sums[i], rows[i]);
  });
  return sums;
}

std::vector<dns64::CacheRow> DnsCores::cache(std::size_t limit) const {
  std::vector<dns64::CacheRow> all;
  each([&](const dns64::Service& service) {
    auto rows = service.cache(limit / cores_.size());
    std::move(rows.begin(), rows.end(), std::back_inserter(all));
  });
  return all;
}

std::vector<dns64::ClientRow> DnsCores::clients() const {
  // One that also asks by TCP may wait at several.
  std::map<std::string, uint64_t> waiting;
  each([&](const dns64::Service& service) {
    for (const auto& row : service.clients()) waiting[row.clients] += row.waiting;
  });
  std::vector<dns64::ClientRow> rows;
  for (const auto& [clients, count] : waiting) rows.push_back({clients, count});
  return rows;
}

std::vector<dns64::ZoneRow> DnsCores::zones() const {
  std::vector<dns64::ZoneRow> rows;
  each([&](const dns64::Service& service) {
    if (rows.empty()) rows = service.zones();
  });
  return rows;
}

Result<std::shared_ptr<const dns64::Asked>> DnsCores::ask(std::string_view name,
                                                          std::string_view type, bool trace) {
  Result<std::shared_ptr<const dns64::Asked>> asked = Error{"DNS core 0 does not answer"};
  cores_.front()->thread.ask([&] { asked = cores_.front()->service->ask(name, type, trace); });
  return asked;
}

std::vector<dns64::Figure> DnsCores::figures() const {
  std::vector<dns64::Figure> sums;
  each([&](const dns64::Service& service) {
    auto figures = service.figures();
    if (sums.empty()) {
      sums = std::move(figures);
      return;
    }
    for (std::size_t i = 0; i < sums.size(); ++i) {
      uint64_t& sum = sums[i].value;
      sum = sums[i].shared ? std::max(sum, figures[i].value) : sum + figures[i].value;
    }
  });
  return sums;
}

std::vector<dns64::CoreRow> DnsCores::cores() const {
  std::vector<dns64::CoreRow> rows;
  for (const auto& core : cores_) {
    dns64::CoreRow& row = rows.emplace_back();
    row.cpu = core->cpu;
    row.turns = core->thread.ask([&] {
      for (const auto& figure : core->service->figures()) {
        if (figure.name == "queries") row.queries = figure.value;
        if (figure.name == "cache-hits") row.cache_hits = figure.value;
        if (figure.name == "in-flight") row.waiting = figure.value;
        if (figure.name == "cache-entries") row.cache_entries = figure.value;
      }
    });
  }
  return rows;
}

}  // namespace isthmus::control
