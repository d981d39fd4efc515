// SPDX-License-Identifier: BSD-3-Clause
// What the service tells of itself.
#include "conf/codec.h"
#include "dns64/service_impl.h"
#include "dns64/text.h"

namespace isthmus::dns64 {

std::vector<Figure> ServiceImpl::figures() const {
  std::vector<Figure> out;
  for (std::size_t i = 0; i < std::size(kFigureInfo); ++i) {
    out.push_back({kFigureInfo[i].name, engine_.figures().at(i), kFigureInfo[i].help});
  }
  uint64_t down = 0;
  for (unsigned i = 0; i < engine_.upstreams().count(); ++i) down += engine_.upstreams().is_down(i);
  out.push_back({"in-flight", engine_.waiting(), "clients waiting for an answer"});
  out.push_back({"cache-entries", engine_.cache_size(), "answers in the cache"});
  out.push_back({"cache-bytes", engine_.cache_bytes(), "bytes of the answers in the cache"});
  out.push_back({"upstreams-down", down, "upstream resolvers that do not answer", true});
  out.push_back({"tcp-connections", listener_.connections(), "TCP connections of clients"});
  for (std::size_t i = 0; i < Engine::kLatencies; ++i) {
    const bool last = i + 1 == Engine::kLatencies;
    const uint64_t ms = uint64_t{1} << (last ? i - 1 : i);
    out.push_back({(last ? "latency-ms-above-" : "latency-ms-below-") + std::to_string(ms),
                   engine_.latencies()[i], "answers that had to be asked for, by time"});
  }
  out.push_back({"latency-ms-sum", engine_.latency_sum_ms(), "their times, summed up"});
  out.push_back({"query-log-lost", log_.lost(), "lines of the query log that were lost"});
  out.push_back({"dnstap-sent", tap_.sent(), "dnstap messages handed to the thread that writes"});
  out.push_back({"dnstap-lost", tap_.lost(), "dnstap messages lost: who collects is too slow"});
  return out;
}

Result<unsigned> ServiceImpl::flush_name(std::string_view name) {
  Result<Name> wire = Name::from_text(name);
  if (!wire) return wire.error();
  return engine_.flush_name(*wire);
}

std::vector<UpstreamRow> ServiceImpl::upstreams() const {
  std::vector<UpstreamRow> rows;
  const auto add = [&](const std::vector<conf::Endpoint>& endpoints, const std::string& zone) {
    for (const conf::Endpoint& endpoint : endpoints) {
      const auto index = static_cast<unsigned>(rows.size());
      rows.push_back({conf::TextCodec<conf::Endpoint>::print(endpoint), zone,
                      upstreams_[index]->trouble, engine_.upstreams().info(index)});
    }
  };
  add(config_.upstreams, ".");
  for (const conf::DnsZone& zone : config_.zones) add(zone.upstreams, zone.name);
  return rows;
}

std::vector<CacheRow> ServiceImpl::cache(std::size_t limit) const {
  std::vector<CacheRow> rows;
  engine_.cache().visit(limit, now(), [&](const Answer& answer, int64_t ttl, uint32_t uses) {
    Message message;
    if (parse(answer.message, message) != ParseResult::kOk) return;
    rows.push_back({to_string(message.question.name), type_text(message.question.type),
                    rcode_text(answer.rcode()), ttl, uses, answer.message.size()});
  });
  return rows;
}

std::vector<ClientRow> ServiceImpl::clients() const {
  std::vector<ClientRow> rows;
  engine_.in_flight().visit_clients([&](const net::Ip6& client, uint32_t waiting) {
    rows.push_back({client_text(client) + (unmap_ip4(client) ? "/32" : "/64"), waiting});
  });
  return rows;
}

std::vector<ZoneRow> ServiceImpl::zones() const {
  std::vector<ZoneRow> rows;
  const EngineSettings& settings = engine_.settings();
  for (std::size_t i = 0; i < config_.zones.size(); ++i) {
    const conf::DnsZone& zone = config_.zones[i];
    if (!zone.upstreams.empty()) {
      rows.push_back({zone.name, "upstreams", "", zone.upstreams.size()});
    } else if (!zone.hosts.empty()) {
      rows.push_back({zone.name, "hosts", zone.hosts, settings.zone_names.at(i)});
    } else {
      rows.push_back(
          {zone.name, zone.file.empty() ? "empty" : "file", zone.file, settings.zone_names.at(i)});
    }
  }
  if (settings.names) rows.push_back({"", "rules for names", "", settings.names->size()});
  return rows;
}

Result<std::shared_ptr<const Asked>> ServiceImpl::ask(std::string_view name, std::string_view type,
                                                      bool trace) {
  const auto id = static_cast<uint16_t>(random_());
  Result<std::vector<uint8_t>> message = make_query(name, type, id);
  if (!message) return message.error();
  auto asked = std::make_shared<Asked>();
  query(*message, {net::Ip6{}, true}, {nullptr, 0, asked}, trace);
  return std::shared_ptr<const Asked>(asked);
}

}  // namespace isthmus::dns64
