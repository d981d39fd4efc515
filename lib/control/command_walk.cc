// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_walk.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "control/json.h"
#include "control/state_names.h"
#include "net/protocol.h"

namespace isthmus::control {
namespace {

// A step finds at most this many; the longest session line has about 400 octets.
constexpr std::size_t kPerStep = 128;

/// Of instances, each with its pools.
struct Name {
  std::string instance;
  std::vector<std::string> pools;
};
using Names = std::vector<Name>;

Names instance_names(const conf::Config& config) {
  Names names;
  for (const auto& nat64 : config.nat64) {
    names.push_back({nat64.name, {}});
    for (const auto& pool : nat64.pools) names.back().pools.push_back(pool.name);
  }
  return names;
}

std::string_view instance_name(const Names& names, uint8_t index) {
  return index < names.size() ? std::string_view(names[index].instance) : "unknown";
}

std::string_view pool_name(const Names& names, uint8_t index, uint16_t pool) {
  const bool known = index < names.size() && pool < names[index].pools.size();
  return known ? std::string_view(names[index].pools[pool]) : "unknown";
}

// Lines are printed directly: there may be millions, and every value is known to need no escape
// (names are checked by lib/conf).
void print(const nat::SessionInfo& s, const Names& names, std::string& out) {
  fmt::format_to(
      std::back_inserter(out),
      R"({{"protocol":"{}","inside":"{}","inside_port":{},"outside":"{}","outside_port":{},)"
      R"("remote":"{}","remote_port":{},"state":"{}","idle_ms":{},"expires_in_ms":{},)"
      R"("packets_6to4":{},"packets_4to6":{},"bytes_6to4":{},"bytes_4to6":{},"nat64":"{}"}})"
      "\n",
      net::protocol_text(s.protocol), net::to_string(s.inside), s.inside_port.host(),
      net::to_string(s.outside), s.outside_port.host(), net::to_string(s.remote),
      s.remote_port.host(), state_name(s.state), s.idle_ms, s.expires_in_ms, s.packets_6to4,
      s.packets_4to6, s.bytes_6to4, s.bytes_4to6, instance_name(names, s.instance));
}

void print(const nat::BindingInfo& b, const Names& names, std::string& out) {
  fmt::format_to(
      std::back_inserter(out),
      R"({{"protocol":"{}","inside":"{}","inside_port":{},"outside":"{}","outside_port":{},)"
      R"("static":{},"leased":{},"sessions":{},"nat64":"{}"}})"
      "\n",
      net::protocol_text(b.protocol), net::to_string(b.inside), b.inside_port.host(),
      net::to_string(b.outside), b.outside_port.host(), b.is_static, b.is_leased, b.sessions,
      instance_name(names, b.instance));
}

void print(const nat::BlockInfo& b, const Names& names, std::string& out) {
  fmt::format_to(
      std::back_inserter(out),
      R"({{"inside":"{}","outside":"{}","first_port":{},"last_port":{},"nat64":"{}","pool":"{}",)"
      R"("used_tcp":{},"used_udp":{},"used_icmp":{},"resting":{},"returns_in_ms":{}}})"
      "\n",
      net::to_string(b.inside), net::to_string(b.outside), b.first_port, b.last_port,
      instance_name(names, b.instance), pool_name(names, b.instance, b.pool), b.used_tcp,
      b.used_udp, b.used_icmp, b.resting, b.returns_in_ms);
}

Json json_of(const nat::SubscriberInfo& s, const Names& names) {
  return {{"subscriber", net::to_string(s.inside)},
          {"outside", s.is_paired ? Json(net::to_string(s.outside)) : Json()},
          {"nat64", instance_name(names, s.instance)},
          {"sessions", s.sessions},
          {"tcp", s.bindings_tcp},
          {"udp", s.bindings_udp},
          {"icmp", s.bindings_icmp},
          {"blocks", s.blocks}};
}

void print(const nat::SubscriberInfo& s, const Names& names, std::string& out) {
  out += to_line(json_of(s, names));
}

Complaint no_answer(unsigned worker, const Error& error) {
  return {fmt::format("worker {}: {}", worker, error.text),
          "\"show workers\" tells whether it is alive; try again"};
}

/// Goes through all workers' tables. `ask(worker, cursor)` makes one step of the walk.
struct Position {
  unsigned worker = 0;
  uint64_t cursor = 0;

  bool advance(const WalkStep& step, unsigned workers) {
    cursor = step.next_cursor;
    if (cursor == 0) ++worker;
    return worker < workers;
  }
};

template <class Info, class Ask>
Answer dump(StateWalk& walk, Names names, std::optional<uint64_t> limit, Ask ask) {
  const uint64_t left = limit.value_or(UINT64_MAX);
  if (left == 0 || walk.workers() == 0) return {};
  return {{},
          [&walk, names = std::move(names), left = left, ask = std::move(ask),
           position = Position{}](std::string& out) mutable -> Step {
            std::array<Info, kPerStep> found;
            const auto room = std::min<uint64_t>(kPerStep, left);
            const auto step = ask(position, std::span(found).first(room));
            if (!step) return {false, no_answer(position.worker, step.error())};
            for (std::size_t i = 0; i < step->count; ++i) print(found[i], names, out);
            left -= step->count;
            return {position.advance(*step, walk.workers()) && left > 0, {}};
          },
          {}};
}

template <class Ask>
Answer clear(StateWalk& walk, Ask ask) {
  if (walk.workers() == 0) return answer({{"cleared", 0}});
  return {{},
          [&walk, ask = std::move(ask), position = Position{},
           cleared = uint64_t{0}](std::string& out) mutable -> Step {
            const auto step = ask(position);
            if (!step) return {false, no_answer(position.worker, step.error())};
            cleared += step->count;
            if (position.advance(*step, walk.workers())) return {true, {}};
            out += to_line({{"cleared", cleared}});
            return {};
          },
          {}};
}

/// The `most` subscribers with the most sessions seen so far, those with fewest in front.
class Ranking {
 public:
  explicit Ranking(std::size_t most) : most_(most) {}

  void add(const nat::SubscriberInfo& subscriber) {
    if (most_ == 0) return;
    if (best_.size() == most_ && !has_more(subscriber, best_.front())) return;
    best_.push_back(subscriber);
    std::push_heap(best_.begin(), best_.end(), has_more);
    if (best_.size() <= most_) return;
    std::pop_heap(best_.begin(), best_.end(), has_more);
    best_.pop_back();
  }

  Json take(const Names& names) {
    std::sort_heap(best_.begin(), best_.end(), has_more);
    Json list = Json::array();
    for (const auto& subscriber : best_) list.push_back(json_of(subscriber, names));
    return list;
  }

 private:
  static bool has_more(const nat::SubscriberInfo& a, const nat::SubscriberInfo& b) {
    return a.sessions > b.sessions;
  }
  std::size_t most_;
  std::vector<nat::SubscriberInfo> best_;  ///< a heap
};

// Shares its place in the request with "remote" of sessions.
nat::Filter subscriber_filter(const Request& request) {
  nat::Filter filter = request.filter;
  filter.outside = std::exchange(filter.remote, std::nullopt);
  return filter;
}

}  // namespace

Answer dump_subscribers(Backend& backend, StateWalk& walk, const Request& request) {
  return dump<nat::SubscriberInfo>(walk, instance_names(*backend.config()), request.limit,
                                   [&walk, filter = subscriber_filter(request)](
                                       const Position& at, std::span<nat::SubscriberInfo> out) {
                                     return walk.subscribers(at.worker, at.cursor, filter, out);
                                   });
}

Answer top_subscribers(Backend& backend, StateWalk& walk, const Request& request) {
  const auto most = std::min<uint64_t>(request.limit.value_or(kTopByDefault), kMostTop);
  return {{},
          [&walk, names = instance_names(*backend.config()), ranking = Ranking(most),
           position = Position{}](std::string& out) mutable -> Step {
            std::array<nat::SubscriberInfo, kPerStep> found;
            const auto step = walk.subscribers(position.worker, position.cursor, {}, found);
            if (!step) return {false, no_answer(position.worker, step.error())};
            for (std::size_t i = 0; i < step->count; ++i) ranking.add(found[i]);
            if (position.advance(*step, walk.workers())) return {true, {}};
            out += to_line({{"subscribers", ranking.take(names)}});
            return {};
          },
          {}};
}

Answer dump_sessions(Backend& backend, StateWalk& walk, const Request& request) {
  return dump<nat::SessionInfo>(
      walk, instance_names(*backend.config()), request.limit,
      [&walk, filter = request.filter](const Position& at, std::span<nat::SessionInfo> out) {
        return walk.sessions(at.worker, at.cursor, filter, out);
      });
}

Answer dump_bindings(Backend& backend, StateWalk& walk, const Request& request) {
  return dump<nat::BindingInfo>(
      walk, instance_names(*backend.config()), request.limit,
      [&walk, filter = request.filter](const Position& at, std::span<nat::BindingInfo> out) {
        return walk.bindings(at.worker, at.cursor, filter, out);
      });
}

Answer dump_blocks(Backend& backend, StateWalk& walk, const Request& request) {
  return dump<nat::BlockInfo>(
      walk, instance_names(*backend.config()), request.limit,
      [&walk, filter = request.filter](const Position& at, std::span<nat::BlockInfo> out) {
        return walk.blocks(at.worker, at.cursor, filter, out);
      });
}

Answer clear_sessions(StateWalk& walk, const Request& request) {
  return clear(walk, [&walk, filter = request.filter](const Position& at) {
    return walk.clear_sessions(at.worker, at.cursor, filter);
  });
}

Answer clear_bindings(StateWalk& walk, const Request& request) {
  return clear(walk, [&walk, filter = request.filter](const Position& at) {
    return walk.clear_bindings(at.worker, at.cursor, filter);
  });
}

}  // namespace isthmus::control
