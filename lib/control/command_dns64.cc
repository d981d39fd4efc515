// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_dns64.h"

#include "conf/codec.h"
#include "control/json.h"
#include "dns64/service.h"

namespace isthmus::control {
namespace {

constexpr std::size_t kMostCached = 1000;

Answer not_configured() {
  return failure("DNS64 is not configured", "add a dns64 group to the file and restart");
}

Answer show_upstreams(const dns64::Control& service) {
  Json list = Json::array();
  for (const auto& row : service.upstreams()) {
    list.push_back({{"upstream", row.address},
                    {"zone", row.zone},
                    {"state", row.info.down ? "down" : "up"},
                    {"rtt_ms", row.info.rtt_ms},
                    {"sent", row.info.sent},
                    {"answers", row.info.answers},
                    {"failures", row.info.failures},
                    {"trouble", row.trouble}});
  }
  return answer({{"upstreams", std::move(list)}});
}

Answer show_cache(const dns64::Control& service) {
  Json list = Json::array();
  for (const auto& row : service.cache(kMostCached)) {
    list.push_back({{"name", row.name},
                    {"type", row.type},
                    {"rcode", row.rcode},
                    {"ttl", row.ttl},
                    {"uses", row.uses},
                    {"octets", row.octets}});
  }
  return answer({{"cache", std::move(list)}});
}

Answer show_clients(Backend& backend, const dns64::Control& service) {
  Json list = Json::array();
  for (const auto& clients : backend.config()->dns64.clients) {
    for (const auto& address : clients.addresses) {
      list.push_back(
          {{"clients", conf::TextCodec<conf::AnyPrefix>::print(address)},
           {"policy",
            conf::kWords<conf::DnsClientPolicy>[static_cast<std::size_t>(clients.policy)]},
           {"waiting", nullptr}});
    }
  }
  for (const auto& row : service.clients()) {
    list.push_back({{"clients", row.clients}, {"policy", nullptr}, {"waiting", row.waiting}});
  }
  return answer({{"clients", std::move(list)}});
}

Answer show_zones(const dns64::Control& service) {
  Json list = Json::array();
  for (const auto& row : service.zones()) {
    list.push_back(
        {{"zone", row.name}, {"kind", row.kind}, {"source", row.source}, {"count", row.count}});
  }
  return answer({{"zones", std::move(list)}});
}

Answer show_cores(const dns64::Control& service) {
  Json list = Json::array();
  for (const auto& row : service.cores()) {
    const auto known = [&](uint64_t figure) { return row.turns ? Json(figure) : Json(); };
    list.push_back({{"core", list.size()},
                    {"cpu", row.cpu},
                    {"state", row.turns ? "turning" : "silent"},
                    {"queries", known(row.queries)},
                    {"cache_hits", known(row.cache_hits)},
                    {"waiting", known(row.waiting)},
                    {"cache_entries", known(row.cache_entries)}});
  }
  if (list.empty()) {
    return failure("the control core does DNS64 itself", "name CPUs in cores.dns and restart");
  }
  return answer({{"cores", std::move(list)}});
}

Answer show_figures(Backend& backend) {
  Json list = Json::array();
  for (const auto& figure : backend.dns64_figures()) {
    list.push_back({{"name", figure.name}, {"value", figure.value}, {"help", figure.help}});
  }
  return answer({{"dns64", std::move(list)}});
}

}  // namespace

Answer show_dns64(Backend& backend, const Request& request) {
  if (!backend.config()->dns64.enabled) return not_configured();
  if (request.part.empty()) return show_figures(backend);
  const dns64::Control* service = backend.dns64();
  if (service == nullptr) return not_configured();
  if (request.part == "upstreams") return show_upstreams(*service);
  if (request.part == "cache") return show_cache(*service);
  if (request.part == "clients") return show_clients(backend, *service);
  if (request.part == "cores") return show_cores(*service);
  return show_zones(*service);
}

Answer query_dns64(Backend& backend, const Request& request) {
  dns64::Control* service = backend.dns64();
  if (service == nullptr) return not_configured();
  auto words = split_words(request.rest);
  const bool trace = std::erase(words, std::string_view("--trace")) > 0;
  if (words.empty() || words.size() > 2) {
    return failure("found " + std::to_string(words.size()) + " words",
                   "usage: dns64 query NAME [TYPE] [--trace]");
  }
  const auto asked = service->ask(words[0], words.size() > 1 ? words[1] : "AAAA", trace);
  if (!asked) return failure(asked.error().text, "a name and a type, like \"www.example AAAA\"");
  Answer later;
  // The server comes back for the rest until there is an answer, which the engine gives within its
  // time-outs; other work of the loop goes on between.
  later.step = [asked = *asked](std::string& out) -> Step {
    if (!asked->done) return {true, std::nullopt};
    Json json = {{"answer", asked->answer}};
    if (!asked->steps.empty()) json["steps"] = asked->steps;
    out += json.dump() + '\n';
    return {false, std::nullopt};
  };
  return later;
}

Answer clear_dns64_cache(Backend& backend, const Request& request) {
  const auto words = split_words(request.rest);
  if (words.empty()) {
    backend.dns64_flush_cache();
    return answer({{"cleared", "dns64 cache"}});
  }
  dns64::Control* service = backend.dns64();
  if (service == nullptr) return not_configured();
  const auto cleared = service->flush_name(words[0]);
  if (!cleared) return failure(cleared.error().text, "one name, like \"www.example\"");
  return answer({{"cleared", *cleared}});
}

}  // namespace isthmus::control
