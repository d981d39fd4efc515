// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_complete.h"

#include <algorithm>
#include <span>

#include "control/command_table.h"

namespace isthmus::control {
namespace {

using Words = std::vector<std::string_view>;

/// Words of a line behind its command's name, and what may follow them.
class Offer {
 public:
  explicit Offer(std::string_view rest) : words_(split_words(rest)) {
    if (!words_.empty() && !rest.ends_with(' ') && !rest.ends_with('\t')) {
      typing_ = words_.back();
      words_.pop_back();
    }
  }
  const Words& words() const { return words_; }
  bool has(std::string_view word) const {
    return std::find(words_.begin(), words_.end(), word) != words_.end();
  }
  void add(std::string_view word) {
    if (word.starts_with(typing_)) out_.emplace_back(word);
  }
  /// Those that are not there yet, each of which takes a value; nothing behind "filter", whose
  /// value has any number of words.
  void add_options(std::span<const std::string_view> options) {
    if (has("filter")) return;
    if (!words_.empty() && std::ranges::find(options, words_.back()) != options.end()) return;
    for (const auto option : options) {
      if (!has(option)) add(option);
    }
  }
  std::vector<std::string> take() { return std::move(out_); }

 private:
  Words words_;
  std::string_view typing_;
  std::vector<std::string> out_;
};

// As "drain pool" takes them: the instance before a name that several have.
void add_pools(const conf::Config& config, Offer& offer) {
  const auto bearers = [&](std::string_view name) {
    std::ptrdiff_t count = 0;
    for (const auto& nat64 : config.nat64) {
      count += std::ranges::count(nat64.pools, name, &conf::Pool::name);
    }
    return count;
  };
  for (const auto& nat64 : config.nat64) {
    for (const auto& pool : nat64.pools) {
      offer.add(bearers(pool.name) == 1 ? pool.name : nat64.name + '/' + pool.name);
    }
  }
}

void add_to_capture(const conf::Config& config, Offer& offer) {
  static constexpr std::string_view kOptions[] = {"count", "seconds", "megabytes", "filter"};
  const auto& words = offer.words();
  if (words.empty()) {
    for (const std::string_view what : {"drops", "punts", "port"}) offer.add(what);
  } else if (words.size() == 1 && words[0] == "port") {
    for (const auto& port : config.ports) offer.add(port.name);
  } else {
    offer.add_options(kOptions);
  }
}

void add_to_simulate(const conf::Config& config, Offer& offer) {
  const auto& words = offer.words();
  if (words.size() == 1 && words[0] == "on") {
    for (const auto& port : config.ports) {
      for (const auto& interface : port.interfaces) offer.add(interface.name);
    }
    return;
  }
  if (words.empty()) offer.add("on");
  if (words.empty() || (words.size() == 2 && words[0] == "on")) {
    for (const std::string_view protocol : {"udp", "tcp", "icmp"}) offer.add(protocol);
  }
}

}  // namespace

std::vector<std::string> complete_names(const conf::Config& config, std::string_view partial) {
  const auto parsed = parse_request(partial);
  const auto* request = std::get_if<Request>(&parsed);
  if (request == nullptr) return {};
  const bool names_command = !partial.ends_with(' ') && !partial.ends_with('\t');
  if (request->rest.empty() && names_command) return {};
  Offer offer(request->rest);
  switch (request->command->action) {
    case Action::kDrainPool:
    case Action::kUndrainPool:
      if (offer.words().empty()) add_pools(config, offer);
      break;
    case Action::kCapture: add_to_capture(config, offer); break;
    case Action::kTrace: {
      static constexpr std::string_view kOptions[] = {"count", "seconds", "filter"};
      offer.add_options(kOptions);
      break;
    }
    case Action::kSimulate: add_to_simulate(config, offer); break;
    default: break;
  }
  return offer.take();
}

}  // namespace isthmus::control
