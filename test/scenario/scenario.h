// SPDX-License-Identifier: BSD-3-Clause
// One scenario of a file (runner.cc says how they are written): an engine, a virtual clock, and
// what clients and upstreams have said and heard.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "dns64/engine.h"
#include "scenario/wire_text.h"

namespace isthmus::test {

using dns64::Bytes;
using Words = std::vector<std::string>;

[[noreturn]] inline void fail(const std::string& text) {
  throw std::runtime_error(text);
}

Wire bytes_of_hex(const Words& words);
std::string lower(std::string text);
/// As the engine has it: an IPv4 address is mapped.
net::Ip6 client_address(const std::string& text);

class Scenario : private dns64::Actions {
 public:
  explicit Scenario(std::string name);
  const std::string& name() const { return name_; }

  /// Obeys a line of the file; throws what is wrong.
  void line(const std::string& text);
  /// There are no more lines.
  void finish();

 private:
  struct Sent {
    dns64::SendId id;
    unsigned upstream;
    bool tcp;
    bool cancelled;
    Wire wire;
  };

  // ----- what the engine does
  void reply(uint64_t token, Bytes message) override {
    if (replies_.contains(token) || drops_.contains(token)) fail("a second reply to one query");
    replies_[token] = Wire(message.begin(), message.end());
  }
  void drop(uint64_t token) override { drops_[token] = true; }
  void send(dns64::SendId id, unsigned upstream, bool tcp, Bytes message) override {
    unseen_.push_back(sent_.size());
    sent_.push_back({id, upstream, tcp, false, Wire(message.begin(), message.end())});
  }
  void trace(uint64_t token, const std::string& step) override { steps_[token].push_back(step); }
  void cancel(dns64::SendId id) override {
    for (Sent& sent : sent_) sent.cancelled |= sent.id == id;
  }

  dns64::Engine& engine() {
    if (!engine_) engine_ = std::make_unique<dns64::Engine>(settings_);
    return *engine_;
  }
  uint64_t token(const std::string& id) {
    const auto [found, is_new] = tokens_.try_emplace(id, tokens_.size() + 1);
    return found->second;
  }
  Sent& current() {
    if (current_ >= sent_.size()) fail("there is no upstream query to answer");
    return sent_[current_];
  }

  void record(int section, const std::string& text);
  void complete();
  void deliver(const Wire& wire) { engine().on_answer(now_, current().id, wire, *this); }

  void run(const std::string& command, const Words& w);
  void option(const Words& w);
  void query(const Words& w);
  void raw(const Words& w);
  bool option_of_limits(const Words& w);
  bool option_of_names(const Words& w);
  void option_clients(const Words& w);
  void expect_option(const Words& w);
  Wire option_of(const std::string& id, uint16_t code);
  void upstream(const Words& w);
  void answer(const Words& w);
  void expect_cookie(const Wire& query, const std::string& server);
  void append_cookie(Wire& wire) const;
  void bare(const Words& w);
  void hex(const Words& w);
  void advance(dns64::TimeMs by);
  void expect(const Words& w);
  void compare();
  void figure(const Words& w);
  void traced(const Words& w);
  void expect_case(const Words& w);
  const Wire& reply_to(const std::string& id);

  std::string name_;
  dns64::EngineSettings settings_;
  bool first_prefix_ = true;
  bool first_exclude_ = true;
  std::unique_ptr<dns64::Engine> engine_;
  dns64::TimeMs now_ = 1'000'000;
  std::map<std::string, uint64_t> tokens_;
  std::map<uint64_t, Wire> replies_;
  std::map<uint64_t, bool> drops_;
  std::map<std::string, uint16_t> ids_;
  std::map<uint64_t, std::vector<std::string>> steps_;
  std::vector<Sent> sent_;
  std::vector<std::size_t> unseen_;
  std::shared_ptr<dns64::NameRules> names_;
  std::shared_ptr<dns64::LocalZones> zones_;
  std::size_t current_ = SIZE_MAX;
  bool answering_ = false;
  bool expecting_ = false;
  bool any_records_ = false;
  TextMessage answer_;
  std::string cookie_;  ///< of the answer, its server's part; "!" in front: not our client's part
  TextMessage expected_;
  std::string expected_id_;
};

}  // namespace isthmus::test
