// SPDX-License-Identifier: BSD-3-Clause
#include "export/exporter_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "conf/codec.h"
#include "export/ipfix_encoder.h"
#include "export/syslog_encoder.h"

namespace isthmus::exporter {
namespace {

using conf::ExportTransport;

std::string endpoint(const std::variant<net::Ip4, net::Ip6>& address, uint16_t port,
                     ExportTransport transport) {
  const auto* ip4 = std::get_if<net::Ip4>(&address);
  const auto text = ip4 != nullptr
                        ? net::to_string(*ip4)
                        : fmt::format("[{}]", net::to_string(std::get<net::Ip6>(address)));
  return fmt::format("{}:{} {}", text, port,
                     conf::kWords<ExportTransport>[static_cast<std::size_t>(transport)]);
}

std::string words_of(const conf::ExportTls& tls) {
  return fmt::format("{} {} {} {} {}", tls.ca_file, tls.name, tls.fingerprint, tls.certificate_file,
                     tls.key_file);
}

template <class Export>
std::unique_ptr<Transport> transport_of(const Export& from) {
  if (from.transport == ExportTransport::kTls) {
    return make_tls(from.collector, port_of(from), from.tls);
  }
  return make_socket(from.collector, port_of(from), from.transport);
}

std::string words_of(const conf::ExportChoice& choice) {
  std::string out = fmt::format("{} {}", choice.destinations, choice.queue);
  for (const auto family : choice.events) out += fmt::format(" {}", static_cast<int>(family));
  return out;
}

Exporter::Parts parts_of(const conf::IpfixExport& from) {
  IpfixEncoder::Options options;
  options.domain = from.domain;
  options.destinations = from.choice.destinations;
  options.choice = from.choice;
  if (from.transport == ExportTransport::kUdp) {
    options.message_size =
        IpfixEncoder::message_size(from.packet_size, from.collector.index() == 1);
    options.template_interval = from.template_interval;
  }
  return {"ipfix", endpoint(from.collector, port_of(from), from.transport), from.choice,
          std::make_unique<IpfixEncoder>(options), transport_of(from)};
}

Exporter::Parts parts_of(const conf::SyslogExport& from) {
  const auto framing = from.transport == ExportTransport::kUdp ? SyslogEncoder::Framing::kDatagram
                                                               : SyslogEncoder::Framing::kCounted;
  return {"syslog", endpoint(from.collector, port_of(from), from.transport), from.choice,
          std::make_unique<SyslogEncoder>(framing, from.facility, from.choice.destinations),
          transport_of(from)};
}

Exporter::Parts parts_of(const conf::FileExport& from) {
  return {"file", from.path, from.choice,
          std::make_unique<SyslogEncoder>(SyslogEncoder::Framing::kLine, from.facility,
                                          from.choice.destinations),
          make_file(from.path)};
}

}  // namespace

std::string_view name(State state) {
  switch (state) {
    case State::kConnecting: return "connecting";
    case State::kConnected: return "connected";
    case State::kWaiting: return "waiting";
  }
  return "";
}

std::vector<ExporterSet::Wish> ExporterSet::wishes(const conf::Config& config) {
  std::vector<Wish> out;
  const auto add = [&out](const std::string& own, Exporter::Parts parts) {
    auto words =
        fmt::format("{} {} {} {}", parts.kind, parts.collector, own, words_of(parts.choice));
    out.push_back({std::move(words), std::move(parts)});
  };
  for (const auto& one : config.exports.ipfix) {
    add(fmt::format("{} {} {} {}", one.domain, one.template_interval, one.packet_size,
                    words_of(one.tls)),
        parts_of(one));
  }
  for (const auto& one : config.exports.syslog) {
    add(fmt::format("{} {}", one.facility, words_of(one.tls)), parts_of(one));
  }
  for (const auto& one : config.exports.files) add(std::to_string(one.facility), parts_of(one));
  return out;
}

void ExporterSet::update(std::shared_ptr<const conf::Config> config) {
  auto wanted = wishes(*config);
  std::vector<One> next(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto known = std::find_if(exporters_.begin(), exporters_.end(), [&](const One& one) {
      return one.exporter && one.words == wanted[i].words;
    });
    if (known == exporters_.end()) continue;
    next[i] = std::move(*known);
    next[i].exporter->set_config(config);
  }
  // All at once, so that their waits are one.
  for (auto& one : exporters_) {
    if (one.exporter) one.exporter->stop();
  }
  exporters_.clear();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (next[i].exporter) continue;
    next[i].words = std::move(wanted[i].words);
    next[i].exporter = std::make_unique<Exporter>(std::move(wanted[i].parts), config);
  }
  exporters_ = std::move(next);
  config_ = std::move(config);
}

std::vector<Info> ExporterSet::info() const {
  std::vector<Info> out;
  for (const auto& one : exporters_) out.push_back(one.exporter->info());
  return out;
}

std::vector<ExporterSet::News> ExporterSet::news() {
  std::vector<News> out;
  for (auto& one : exporters_) {
    const auto info = one.exporter->info();
    const auto who = fmt::format("export: {} {}", info.kind, info.collector);
    // Each failed attempt is connecting and waiting again: said once, and when it fails otherwise.
    const bool fails_otherwise = info.state == State::kWaiting && info.last_error != one.told_error;
    const bool is_news =
        (info.state != one.told && info.state != State::kConnecting) || fails_otherwise;
    if (is_news && info.state == State::kConnected) {
      out.push_back({true, who + (info.kind == "file" ? ": writing" : ": connected")});
    } else if (is_news) {
      out.push_back({false, who + ": " + info.last_error});
    }
    if (is_news) one.told = info.state;
    if (is_news) one.told_error = info.last_error;
    if (one.told_lost == 0 && info.lost != 0) {
      out.push_back({false, who + ": events are lost; \"show export\" counts them"});
    }
    one.told_lost = info.lost;
  }
  return out;
}

}  // namespace isthmus::exporter
