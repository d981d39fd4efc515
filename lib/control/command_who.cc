// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_who.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/json.h"
#include "control/time_text.h"
#include "export/record.h"
#include "net/protocol.h"

namespace isthmus::control {
namespace {

constexpr std::size_t kPerLook = 64;

struct Holder {
  std::string_view how;
  uint8_t protocol = 0;  ///< 0: all
  net::Ip6Prefix subscriber;
  std::optional<net::Ip6> inside;
  uint16_t inside_port = 0;
  uint8_t instance = 0;
  std::optional<uint64_t> since_ms;  ///< it certainly held the port from then until now
  bool is_for_ever = false;          ///< by arithmetic
};

/// The question, and what was found out so far.
class Inquiry {
 public:
  Inquiry(Backend& backend, StateWalk& walk, const Request& request, uint64_t now_ms)
      : walk_(walk),
        config_(backend.config()),
        filter_(request.filter),
        at_(request.at_ms),
        now_ms_(now_ms) {
    filter_.inside.reset();
    find_deterministic();
    for (const auto& entry : backend.dataplane().statics()) add_static(entry.binding);
  }

  Step step(std::string& out) {
    if (worker_ < walk_.workers()) {
      const auto done = look();
      if (!done) {
        return {false, Complaint{fmt::format("worker {}: {}", worker_, done.error().text),
                                 "\"show workers\" tells whether it is alive; try again"}};
      }
      return {true, {}};
    }
    out += to_line(report());
    return {};
  }

 private:
  enum class Table : uint8_t { kBindings, kSessions, kBlocks, kEnd };

  // One question to one worker.
  Status look() {
    const auto step = table_ == Table::kBindings   ? look_at_bindings()
                      : table_ == Table::kSessions ? look_at_sessions()
                                                   : look_at_blocks();
    if (!step) return step.error();
    cursor_ = step->next_cursor;
    if (cursor_ != 0) return Ok{};
    table_ = static_cast<Table>(static_cast<int>(table_) + 1);
    if (table_ == Table::kEnd) {
      table_ = Table::kBindings;
      ++worker_;
    }
    return Ok{};
  }

  Result<WalkStep> look_at_bindings() {
    std::array<nat::BindingInfo, kPerLook> found;
    auto step = walk_.bindings(worker_, cursor_, filter_, found);
    for (std::size_t i = 0; step && i < step->count; ++i) {
      const auto& b = found[i];
      if (b.is_static) continue;  // known already
      holders_.push_back({b.is_leased ? "binding asked for by PCP" : "binding", b.protocol,
                          subscriber_of(b.inside), b.inside, b.inside_port.host(), b.instance,
                          std::nullopt, false});
    }
    return step;
  }

  Result<WalkStep> look_at_sessions() {
    std::array<nat::SessionInfo, kPerLook> found;
    auto step = walk_.sessions(worker_, cursor_, filter_, found);
    for (std::size_t i = 0; step && i < step->count; ++i) {
      const auto& s = found[i];
      const uint64_t since = now_ms_ - std::min<uint64_t>(s.idle_ms, now_ms_);
      for (auto& holder : holders_) {
        if (holder.inside != s.inside || holder.inside_port != s.inside_port.host() ||
            holder.protocol != s.protocol) {
          continue;
        }
        holder.since_ms = std::min(holder.since_ms.value_or(since), since);
      }
    }
    return step;
  }

  Result<WalkStep> look_at_blocks() {
    std::array<nat::BlockInfo, kPerLook> found;
    auto step = walk_.blocks(worker_, cursor_, filter_, found);
    for (std::size_t i = 0; step && i < step->count; ++i) {
      const auto& b = found[i];
      Holder holder{"port block", 0, b.inside, std::nullopt, 0, b.instance, std::nullopt, false};
      // A port of the block that is in use proves that the block was there.
      for (const auto& other : holders_) {
        if (other.how.starts_with("binding") && other.since_ms &&
            b.inside.contains(*other.inside)) {
          holder.since_ms = std::min(holder.since_ms.value_or(*other.since_ms), *other.since_ms);
        }
      }
      holders_.push_back(holder);
    }
    return step;
  }

  void find_deterministic() {
    for (std::size_t i = 0; i < config_->nat64.size(); ++i) {
      for (const auto& pool : config_->nat64[i].pools) {
        if (pool.allocation != conf::Allocation::kDeterministic) continue;
        const auto map = conf::make_map(*config_, pool);
        const auto subscriber =
            map ? map->subscriber_of(filter_.outside->address, *filter_.outside_port)
                : std::nullopt;
        if (!subscriber) continue;
        holders_.push_back({"deterministic pool", 0, *subscriber, std::nullopt, 0,
                            static_cast<uint8_t>(i), std::nullopt, true});
      }
    }
  }

  void add_static(const nat::StaticBinding& b) {
    if (b.outside != filter_.outside->address) return;
    if (!b.is_whole() && (b.outside_port.host() != *filter_.outside_port ||
                          (filter_.protocol && *filter_.protocol != b.protocol))) {
      return;
    }
    holders_.push_back({b.is_whole() ? "static address" : "static binding", b.protocol,
                        subscriber_of(b.inside), b.inside, b.inside_port.host(), b.instance,
                        std::nullopt, false});
  }

  net::Ip6Prefix subscriber_of(const net::Ip6& host) const {
    return net::prefix_of(host, config_->limits.subscriber_prefix);
  }

  bool is_certain(const Holder& holder) const {
    return !at_ || holder.is_for_ever || (holder.since_ms && *holder.since_ms <= *at_);
  }

  Json row_of(const Holder& holder) const {
    return {{"protocol", holder.protocol == 0 ? "any" : net::protocol_text(holder.protocol)},
            {"subscriber", net::to_string(holder.subscriber)},
            {"inside", holder.inside ? Json(net::to_string(*holder.inside)) : Json()},
            {"inside_port", holder.inside_port != 0 ? Json(holder.inside_port) : Json()},
            {"nat64", holder.instance < config_->nat64.size()
                          ? Json(config_->nat64[holder.instance].name)
                          : Json()},
            {"by", holder.how},
            {"since_at_least", holder.since_ms ? Json(time_text(*holder.since_ms)) : Json()},
            {"certain", is_certain(holder)}};
  }

  std::string note() const {
    const bool any = !holders_.empty();
    const bool certain =
        std::ranges::any_of(holders_, [&](const auto& h) { return is_certain(h); });
    if (std::ranges::any_of(holders_, &Holder::is_for_ever)) {
      return "by the running configuration; if it was another one then, compare the lines "
             "\"deterministic: ...\" of the log of that time";
    }
    if (!at_) return any ? "as of now" : "nobody holds it now";
    if (certain) return "held without a break from before that time until now";
    return any ? "it is held now, but the tables do not prove since when: ask the log"
               : "nobody holds it now: ask the log";
  }

  /// What to search exporters' records for (RFC 8158), newest before the time first.
  Json log_fields() const {
    using exporter::Element;
    Json rows = Json::array();
    const auto say = [&](std::string_view field, const std::string& value) {
      rows.push_back({{"field", field}, {"value", value}});
    };
    const auto name = [](Element element) { return exporter::info_of(element).name; };
    const auto port = std::to_string(*filter_.outside_port);
    say(name(Element::kTime), at_ ? "the last one up to " + time_text(*at_) : "the last one");
    say(name(Element::kNatEvent),
        "10 binding made, 6 session made, 16 port block granted; 11, 7, 17: ended");
    say(name(Element::kPostNatSource4), net::to_string(filter_.outside->address));
    say(name(Element::kPostNaptSourcePort), port + " (of 10 and 6)");
    say(name(Element::kPortRangeStart), "at most " + port + " (of 16)");
    say(name(Element::kPortRangeEnd), "at least " + port + " (of 16)");
    if (filter_.protocol) {
      say(name(Element::kProtocol), std::to_string(*filter_.protocol) + " (of 10 and 6)");
    }
    say(name(Element::kSource6), "the answer");
    return rows;
  }

  Json report() const {
    Json rows = Json::array();
    bool is_open = holders_.empty();
    for (const auto& holder : holders_) {
      rows.push_back(row_of(holder));
      is_open = is_open || !is_certain(holder);
    }
    Json out{{"outside", net::to_string(filter_.outside->address)},
             {"outside_port", *filter_.outside_port},
             {"at", at_ ? Json(time_text(*at_)) : Json()},
             {"note", note()},
             {"holders", std::move(rows)}};
    const bool is_for_ever = std::ranges::any_of(holders_, &Holder::is_for_ever);
    if (!is_open || is_for_ever) return out;
    const auto& e = config_->exports;
    out["exporters"] = e.ipfix.size() + e.syslog.size() + e.files.size();
    out["search_for"] = log_fields();
    return out;
  }

  StateWalk& walk_;
  std::shared_ptr<const conf::Config> config_;
  nat::Filter filter_;
  std::optional<uint64_t> at_;
  uint64_t now_ms_;
  std::vector<Holder> holders_;
  unsigned worker_ = 0;
  Table table_ = Table::kBindings;
  uint64_t cursor_ = 0;
};

}  // namespace

Answer who(Backend& backend, StateWalk& walk, const Request& request, uint64_t now_ms) {
  const auto& filter = request.filter;
  if (!filter.outside || filter.outside->length != 32 || !filter.outside_port) {
    return failure("it takes a pool address and port",
                   "who outside 203.0.113.7:40112 [protocol tcp] [at 2026-11-26T17:40:00Z]");
  }
  if (request.at_ms && *request.at_ms > now_ms) {
    return failure(time_text(*request.at_ms) + " has not come yet",
                   "this machine's clock says " + time_text(now_ms));
  }
  // Copied with the step, as std::function asks.
  const auto inquiry = std::make_shared<Inquiry>(backend, walk, request, now_ms);
  return {{}, [inquiry](std::string& out) { return inquiry->step(out); }, {}};
}

}  // namespace isthmus::control
