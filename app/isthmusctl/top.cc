// SPDX-License-Identifier: BSD-3-Clause
#include "top.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "client.h"

namespace isthmus::ctl {
namespace {

/// Entries of the list `key` in an answer.
const Json& list_of(const Json& answer, const char* key) {
  static const Json none = Json::array();
  if (!answer.is_object()) return none;
  const auto it = answer.find(key);
  return it != answer.end() && it->is_array() ? *it : none;
}

uint64_t number(const Json& row, const char* key) {
  const auto it = row.find(key);
  return it != row.end() && it->is_number() ? it->get<uint64_t>() : 0;
}

class Rates {
 public:
  Rates(const std::optional<Look>& before, const Look& now)
      : before_(before ? &*before : nullptr), seconds_(before ? now.at_s - before->at_s : 0) {}

  /// Of field `key` of a row of `part`'s list, which `name` tells from the others.
  Json of(const Json Look::*part, const char* list, const char* name, const Json& row,
          const char* key) const {
    const Json* old = row_before(part, list, name, row);
    if (old == nullptr || number(row, key) < number(*old, key)) return {};
    const auto grown = static_cast<double>(number(row, key) - number(*old, key));
    return static_cast<uint64_t>(grown / seconds_ + 0.5);
  }

  /// Share of `part` in `whole` since the look before, in percent.
  Json share(const Json Look::*list_part, const char* list, const char* name, const Json& row,
             const char* part, const char* whole) const {
    const Json* old = row_before(list_part, list, name, row);
    if (old == nullptr || number(row, whole) <= number(*old, whole)) return {};
    return 100.0 * static_cast<double>(number(row, part) - number(*old, part)) /
           static_cast<double>(number(row, whole) - number(*old, whole));
  }

 private:
  const Json* row_before(const Json Look::*part, const char* list, const char* name,
                         const Json& row) const {
    if (before_ == nullptr || seconds_ <= 0) return nullptr;
    for (const auto& old : list_of(before_->*part, list)) {
      if (old.contains(name) && row.contains(name) && old[name] == row[name]) return &old;
    }
    return nullptr;
  }

  const Look* before_;
  double seconds_;
};

class Page {
 public:
  Page(std::size_t columns, bool styles) : columns_(columns), styles_(styles) {}

  void section(const char* title, const std::vector<Json>& rows) {
    if (rows.empty()) return;
    text += styles_ ? fmt::format("\n\033[1m{}\033[0m\n", title) : fmt::format("\n{}\n", title);
    Table table([this](std::string_view line) { text += line; }, columns_);
    for (const auto& row : rows) table.add(row);
    table.finish();
  }

  std::string text;

 private:
  std::size_t columns_;
  bool styles_;
};

std::vector<Json> ports(const Rates& rates, const Look& now) {
  std::vector<Json> rows;
  const auto rate = [&](const Json& row, const char* key) {
    return rates.of(&Look::ports, "ports", "name", row, key);
  };
  const auto megabits = [&](const Json& row, const char* key) {
    const Json bytes = rate(row, key);
    return bytes.is_null() ? Json() : Json(bytes.get<uint64_t>() * 8 / 1'000'000);
  };
  for (const auto& row : list_of(now.ports, "ports")) {
    rows.push_back({{"port", row.value("name", Json())},
                    {"link", row.value("link", Json())},
                    {"rx_pps", rate(row, "rx_packets")},
                    {"rx_Mb/s", megabits(row, "rx_bytes")},
                    {"tx_pps", rate(row, "tx_packets")},
                    {"tx_Mb/s", megabits(row, "tx_bytes")},
                    {"missed/s", rate(row, "rx_missed")},
                    {"no_buffer/s", rate(row, "rx_no_buffer")}});
  }
  return rows;
}

std::vector<Json> workers(const Rates& rates, const Look& now) {
  std::vector<Json> rows;
  for (const auto& row : list_of(now.workers, "workers")) {
    rows.push_back({{"worker", row.value("worker", Json())},
                    {"cpu", row.value("cpu", Json())},
                    {"busy_percent", rates.share(&Look::workers, "workers", "worker", row,
                                                 "busy_cycles", "total_cycles")},
                    {"pps", rates.of(&Look::workers, "workers", "worker", row, "packets")},
                    {"sessions", row.value("sessions", Json())},
                    {"bindings", row.value("bindings", Json())}});
  }
  return rows;
}

std::vector<Json> pools(const Look& now) {
  std::vector<Json> rows;
  for (const auto& row : list_of(now.pools, "pools")) {
    rows.push_back({{"pool", row.value("pool", Json())},
                    {"nat64", row.value("nat64", Json())},
                    {"used_percent", row.value("used_percent", Json())},
                    {"tcp", row.value("used_tcp", Json())},
                    {"udp", row.value("used_udp", Json())},
                    {"icmp", row.value("used_icmp", Json())},
                    {"ports", row.value("capacity", Json())},
                    {"resting", row.value("held_down", Json())}});
  }
  return rows;
}

std::vector<Json> subscribers(const Look& now) {
  std::vector<Json> rows;
  for (const auto& row : list_of(now.subscribers, "subscribers")) rows.push_back(row);
  return rows;
}

/// Figures that grow: those that grew fastest first, then by size.
std::vector<Json> growing(const Rates& rates, const Json Look::*part, const Look& now,
                          const char* list, const char* name, const char* value) {
  constexpr std::size_t kMost = 8;
  std::vector<Json> rows;
  for (const auto& row : list_of(now.*part, list)) {
    if (number(row, value) == 0) continue;
    rows.push_back({{name, row.value(name, Json())},
                    {"per_second", rates.of(part, list, name, row, value)},
                    {"total", row.value(value, Json())},
                    {"help", row.value("help", Json())}});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Json& a, const Json& b) {
    return std::pair(number(a, "per_second"), number(a, "total")) >
           std::pair(number(b, "per_second"), number(b, "total"));
  });
  rows.resize(std::min(rows.size(), kMost));
  return rows;
}

}  // namespace

std::string top_text(const std::optional<Look>& before, const Look& now, std::size_t columns,
                     bool styles) {
  const Rates rates(before, now);
  Page page(columns, styles);
  page.section("Ports", ports(rates, now));
  page.section("Workers", workers(rates, now));
  page.section("Pools", pools(now));
  page.section("Subscribers with the most sessions", subscribers(now));
  page.section("Drops", growing(rates, &Look::drops, now, "drops", "reason", "packets"));
  page.section("DNS64", growing(rates, &Look::dns64, now, "dns64", "name", "value"));
  return page.text;
}

bool TopView::ask(Client& client, std::string& trouble) {
  Look look;
  const struct {
    const char* command;
    Json Look::*answer;
  } parts[] = {{"show ports", &Look::ports}, {"show workers", &Look::workers},
               {"show pools", &Look::pools}, {"show top subscribers limit 5", &Look::subscribers},
               {"show drops", &Look::drops}, {"show dns64", &Look::dns64}};
  look.at_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  for (const auto& part : parts) {
    auto answer = client.ask(part.command);
    if (!answer) {
      trouble = answer.error().text;
      return false;
    }
    look.*part.answer = std::move(*answer);
  }
  before_ = std::exchange(now_, std::move(look));
  return true;
}

}  // namespace isthmus::ctl
