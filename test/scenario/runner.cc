// SPDX-License-Identifier: BSD-3-Clause
// Plays text scenarios against the DNS64 engine on a virtual clock.   Usage: runner FILE.scn...
//
// A file holds scenarios one after the other. Lines are commands; what stands behind ';' is
// comment.
//
//   scenario NAME                     a fresh engine. NAME starts with the clause it shows
//   option prefix P/N [RANGE/N]       synthesis prefix (repeatable; the first replaces the default)
//   option exclude P/N                excluded range (repeatable; the first replaces the default)
//   option none RANGE/N               no prefix for these IPv4 addresses
//   option allow-non-global | always | never | parallel | fastest | no-synthesis-on-error
//   option upstreams N | timeout MS | cache N | max-in-flight N | client-in-flight N
//   option zone-in-flight N | rate N | stale SECONDS | prefetch
//   option names exclude|force|block NAME...
//   option no-clients
//   option clients P/N [refuse|always|never] [prefix P/N]...
//   option forward ZONE FIRST COUNT   upstreams of a zone
//   option hosts ZONE ADDRESS NAME... a line of a hosts file
//   option master ZONE LINE           a line of a zone file
//
//   query ID NAME TYPE [CLASS] [norecurse] [do] [cd] [ad] [edns SIZE] [version N] [tcp] [from A]
//       [cookie HEX | cookie-of ID] [padding] [trace]
//   raw ID [tcp] HEX...               a query byte by byte
//   upstream [N] NAME TYPE [CLASS] [tcp] [do] [cd] [noedns] [cookie HEX]
//                                     (cookie: what follows the client's part is HEX; "-": nothing)
//                                     the oldest query not yet looked at goes to upstream N, and is
//                                     just this; it becomes the one that the next lines answer
//   no-upstream                       no query is left to look at
//   answer [RCODE] [flags F...] [tc] [ede N] [noedns] [case fold] [id wrong] [name NAME] [type
//   TYPE] bare RCODE                        an answer that is a header only hex HEX... an answer
//   byte by byte behind the right ID refused                           the network refuses it
//     AN LINE | AU LINE | AR LINE     records of the answer or expectation above (zone file syntax)
//   reuse K                           turn back to the K-th query sent upstream (from 0)
//   time MS                           the clock advances, and every deadline on the way is kept
//   expect ID RCODE [flags F...] [edns SIZE] [do] [ede N] [noquestion] [any-records]
//                                     the reply to ID has come, and has exactly this
//   expect-size ID MAX                and is at most so long
//   expect-case ID NAME               its question is spelt like this
//   silent ID                         there is no reply to ID (yet)
//   dropped ID                        the query was dropped
//   figure NAME N                     a counter stands at N
//   expect-option ID CODE SIZE|none   the reply's OPT has this option, of so many octets
//   traced ID TEXT                    a step of ID contains this
//   reload                            the options as they stand now are applied
//   flush                             the cache is emptied
//
// An answer is sent when its last line has been read. Flags of an answer default to "qr ra rd",
// those of an expectation likewise. Anything sent upstream that no line looks at fails the
// scenario.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>

#include "dns64/engine.h"
#include "scenario/wire_text.h"

namespace isthmus::test {
namespace {

using dns64::Bytes;
using Words = std::vector<std::string>;

[[noreturn]] void fail(const std::string& text) {
  throw std::runtime_error(text);
}

class Scenario : private dns64::Actions {
 public:
  explicit Scenario(std::string name) : name_(std::move(name)) {
    uint64_t state = 0x9e3779b97f4a7c15;
    settings_.random = [state]() mutable {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      return state * 0x2545f4914f6cdd1d;
    };
    settings_.cache_entries = 1000;
  }
  const std::string& name() const { return name_; }

  void line(const std::string& text) {
    std::istringstream in(text);
    std::string command;
    in >> command;
    Words words;
    for (std::string word; in >> word;) words.push_back(word);
    if (command == "AN" || command == "AU" || command == "AR") {
      const int section = command == "AN" ? 0 : command == "AU" ? 1 : 2;
      const std::size_t at = text.find_first_not_of(' ', text.find(command) + 2);
      record(section, text.substr(at));
      return;
    }
    complete();
    run(command, words);
  }
  void finish() {
    complete();
    if (!unseen_.empty()) fail("a query went upstream that no line expects");
  }

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

  void record(int section, const std::string& text) {
    if (answering_) {
      answer_.sections[section].push_back(text);
    } else if (expecting_) {
      expected_.sections[section].push_back(canonical_record(text));
    } else {
      fail("a record outside an answer or expectation");
    }
  }
  void complete() {
    if (answering_) {
      answering_ = false;
      Wire wire = to_wire(answer_);
      append_cookie(wire);
      deliver(wire);
    }
    if (expecting_) {
      expecting_ = false;
      compare();
    }
  }
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

Wire bytes_of_hex(const Words& words) {
  std::string digits;
  for (const std::string& word : words) digits += word;
  Wire out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  }
  return out;
}

void Scenario::run(const std::string& command, const Words& w) {
  static const std::map<std::string, void (Scenario::*)(const Words&)> kCommands = {
      {"option", &Scenario::option},
      {"query", &Scenario::query},
      {"raw", &Scenario::raw},
      {"upstream", &Scenario::upstream},
      {"answer", &Scenario::answer},
      {"bare", &Scenario::bare},
      {"hex", &Scenario::hex},
      {"expect", &Scenario::expect},
      {"figure", &Scenario::figure},
      {"expect-case", &Scenario::expect_case},
      {"expect-option", &Scenario::expect_option}};
  if (const auto found = kCommands.find(command); found != kCommands.end()) {
    (this->*found->second)(w);
  } else if (command == "no-upstream") {
    if (!unseen_.empty()) fail("something was sent upstream");
  } else if (command == "refused") {
    engine().on_failure(now_, current().id, *this);
  } else if (command == "reuse") {
    current_ = std::stoul(w.at(0));
  } else if (command == "time") {
    advance(std::stoul(w.at(0)));
  } else if (command == "expect-size") {
    if (reply_to(w.at(0)).size() > std::stoul(w.at(1))) {
      fail("the reply is " + std::to_string(reply_to(w[0]).size()) + " bytes long");
    }
  } else if (command == "silent") {
    if (replies_.contains(token(w.at(0)))) fail("there is a reply to " + w[0]);
  } else if (command == "dropped") {
    if (!drops_.contains(token(w.at(0)))) fail(w[0] + " was not dropped");
  } else if (command == "traced") {
    traced(w);
  } else if (command == "reload") {
    engine().update(now_, settings_, *this);
  } else if (command == "flush-name") {
    engine().flush_name(*dns64::Name::from_text(w.at(0)));
  } else if (command == "flush") {
    engine().flush_cache();
  } else {
    fail("no such command: " + command);
  }
}

void Scenario::option(const Words& w) {
  const std::string& name = w.at(0);
  dns64::Policy& policy = settings_.policy;
  if (name == "prefix") {
    if (first_prefix_) policy.rules.clear();
    first_prefix_ = false;
    const auto prefix = net::Prefix6052::make(net::parse_ip6_prefix(w.at(1)).value()).value();
    const auto range = w.size() > 2 ? net::parse_ip4_prefix(w[2]).value() : net::Ip4Prefix{};
    policy.rules.push_back({range, prefix});
  } else if (name == "exclude") {
    if (first_exclude_) policy.exclude.clear();
    first_exclude_ = false;
    policy.exclude.push_back(net::parse_ip6_prefix(w.at(1)).value());
  } else if (name == "none") {
    policy.rules.push_back({net::parse_ip4_prefix(w.at(1)).value(), std::nullopt});
  } else if (name == "always" || name == "never") {
    policy.synthesis = name == "always" ? dns64::Synthesis::kAlways : dns64::Synthesis::kNever;
  } else if (name == "parallel") {
    settings_.parallel = true;
  } else if (name == "fastest") {
    settings_.fastest = true;
  } else if (name == "prefetch") {
    settings_.prefetch = true;
  } else if (name == "no-synthesis-on-error") {
    settings_.synthesise_on_error = false;
  } else if (name == "no-clients") {
    settings_.clients.clear();
  } else if (name == "clients") {
    option_clients(w);
  } else if (option_of_names(w) || option_of_limits(w)) {
    return;
  } else if (name == "allow-non-global") {
    policy.may_carry.allow_non_global = true;
  } else if (name == "global") {
    policy.may_carry.addresses = {{net::parse_ip4_prefix(w.at(1)).value()}, {}};
  } else if (name == "forbidden") {
    policy.may_carry.addresses = {{}, {net::parse_ip4_prefix(w.at(1)).value()}};
  } else if (name == "upstreams") {
    settings_.upstreams = static_cast<unsigned>(std::stoul(w.at(1)));
  } else if (name == "timeout") {
    settings_.upstream_timeout_ms = static_cast<uint32_t>(std::stoul(w.at(1)));
  } else if (name == "cache") {
    settings_.cache_entries = static_cast<uint32_t>(std::stoul(w.at(1)));
  } else if (name == "max-in-flight") {
    settings_.max_in_flight = static_cast<uint32_t>(std::stoul(w.at(1)));
  } else {
    fail("no such option: " + name);
  }
}

net::Ip6 client_address(const std::string& text) {
  if (const auto v6 = net::parse_ip6(text)) return *v6;
  return net::parse_ip6("::ffff:" + text).value();
}

bool Scenario::option_of_limits(const Words& w) {
  static const std::map<std::string, uint32_t dns64::EngineSettings::*> kLimits = {
      {"client-in-flight", &dns64::EngineSettings::client_in_flight},
      {"zone-in-flight", &dns64::EngineSettings::zone_in_flight},
      {"rate", &dns64::EngineSettings::rate_limit},
      {"stale", &dns64::EngineSettings::serve_stale}};
  const auto found = kLimits.find(w.at(0));
  if (found == kLimits.end()) return false;
  settings_.*found->second = static_cast<uint32_t>(std::stoul(w.at(1)));
  return true;
}

bool Scenario::option_of_names(const Words& w) {
  const std::string& name = w.at(0);
  if (name != "names" && name != "forward" && name != "hosts" && name != "master") return false;
  const auto check = [](const Status& status) {
    if (!status) fail(status.error().text);
  };
  if (name == "names") {
    auto rules =
        names_ ? std::make_shared<dns64::NameRules>(*names_) : std::make_shared<dns64::NameRules>();
    const auto action = w.at(1) == "exclude" ? dns64::NameAction::kExclude
                        : w[1] == "force"    ? dns64::NameAction::kForce
                                             : dns64::NameAction::kBlock;
    for (std::size_t i = 2; i < w.size(); ++i) check(rules->add(w[i], action));
    settings_.names = names_ = rules;
    return true;
  }
  const dns64::Name zone = *dns64::Name::from_text(w.at(1));
  if (name == "forward") {
    const auto first = static_cast<unsigned>(std::stoul(w.at(2)));
    settings_.forwards.push_back({zone, {first, static_cast<unsigned>(std::stoul(w.at(3)))}});
    return true;
  }
  std::string line;
  for (std::size_t i = 2; i < w.size(); ++i) line += w[i] + ' ';
  auto zones =
      zones_ ? std::make_shared<dns64::LocalZones>(*zones_) : std::make_shared<dns64::LocalZones>();
  check(name == "hosts" ? zones->add_hosts(zone, "hosts", line)
                        : zones->add_master(zone, "master", line + '\n'));
  settings_.zones = zones_ = zones;
  return true;
}

void Scenario::option_clients(const Words& w) {
  dns64::ClientRule rule;
  if (const auto v4 = net::parse_ip4_prefix(w.at(1))) {
    rule.clients.address = client_address(net::to_string(v4->address));
    rule.clients.length = static_cast<uint8_t>(96 + v4->length);
  } else {
    rule.clients = net::parse_ip6_prefix(w[1]).value();
  }
  rule.policy = settings_.policy;
  bool first = true;
  for (std::size_t i = 2; i < w.size(); ++i) {
    if (w[i] == "refuse") rule.refuse = true;
    if (w[i] == "always") rule.policy.synthesis = dns64::Synthesis::kAlways;
    if (w[i] == "never") rule.policy.synthesis = dns64::Synthesis::kNever;
    if (w[i] != "prefix") continue;
    if (std::exchange(first, false)) rule.policy.rules.clear();
    const auto prefix = net::Prefix6052::make(net::parse_ip6_prefix(w.at(++i)).value()).value();
    rule.policy.rules.push_back({net::Ip4Prefix{}, prefix});
  }
  settings_.clients.push_back(rule);
}

void Scenario::query(const Words& w) {
  TextMessage message;
  message.id = static_cast<uint16_t>(0x4000 + ids_.size() * 257);
  ids_[w.at(0)] = message.id;
  message.name = w.at(1);
  message.type = w.at(2);
  message.flags = {"rd"};
  dns64::Client client;
  bool trace = false;
  Wire options;
  for (std::size_t i = 3; i < w.size(); ++i) {
    if (w[i] == "from")
      client.address = client_address(w.at(++i));
    else if (w[i] == "trace")
      trace = true;
    else if (w[i] == "cookie" || w[i] == "cookie-of") {
      const Wire cookie =
          w[i] == "cookie" ? bytes_of_hex({w.at(i + 1)}) : option_of(w.at(i + 1), 10);
      options.insert(options.end(), {0, 10, 0, static_cast<uint8_t>(cookie.size())});
      options.insert(options.end(), cookie.begin(), cookie.end());
      ++i;
    } else if (w[i] == "padding")
      options.insert(options.end(), {0, 12, 0, 2, 0, 0});
    else if (w[i] == "norecurse")
      message.flags.erase(message.flags.begin());
    else if (w[i] == "do")
      message.dnssec_ok = true;
    else if (w[i] == "cd" || w[i] == "ad")
      message.flags.push_back(w[i]);
    else if (w[i] == "edns")
      message.edns_size = std::stoi(w.at(++i));
    else if (w[i] == "version")
      message.edns_version = std::stoi(w.at(++i));
    else if (w[i] == "tcp")
      client.tcp = true;
    else
      message.klass = w[i];
  }
  if ((message.dnssec_ok || message.edns_version || !options.empty()) && message.edns_size < 0) {
    message.edns_size = 1232;
  }
  Wire wire = to_wire(message);
  if (!options.empty()) {
    // The OPT record is the last, and empty.
    wire[wire.size() - 1] = static_cast<uint8_t>(options.size());
    wire.insert(wire.end(), options.begin(), options.end());
  }
  engine().on_query(now_, token(w[0]), client, wire, *this, trace);
}

void Scenario::raw(const Words& w) {
  const bool tcp = w.at(1) == "tcp";
  const Wire wire = bytes_of_hex(Words(w.begin() + (tcp ? 2 : 1), w.end()));
  if (wire.size() >= 2) ids_[w[0]] = static_cast<uint16_t>(wire[0] << 8 | wire[1]);
  engine().on_query(now_, token(w[0]), {{}, tcp}, wire, *this);
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(dns64::to_lower(static_cast<uint8_t>(c)));
  return text;
}

/// The cookie of a query of ours, which is its last option.
Wire cookie_of(const Wire& query) {
  dns64::Message message;
  if (parse(query, message) != dns64::ParseResult::kOk) fail("a query that is none");
  return {message.edns.cookie.begin(), message.edns.cookie.end()};
}

void Scenario::expect_cookie(const Wire& query, const std::string& server) {
  constexpr std::size_t kClient = 8;
  const Wire cookie = cookie_of(query);
  if (cookie.size() < kClient) fail("a query without a cookie");
  const Wire found(cookie.begin() + kClient, cookie.end());
  const Wire wanted = server == "-" ? Wire() : bytes_of_hex({server});
  if (found != wanted) fail("a cookie with another server's part than expected");
}

/// `wire`, which ends in an OPT without options, with a cookie: the query's client part, changed if
/// `wrong`, and `server`.
void Scenario::append_cookie(Wire& wire) const {
  if (cookie_.empty()) return;
  Wire cookie = cookie_of(sent_.at(current_).wire);
  cookie.resize(8);
  const bool wrong = cookie_.front() == '!';
  if (wrong) cookie[0] ^= 1;
  const Wire server = bytes_of_hex({cookie_.substr(wrong ? 1 : 0)});
  cookie.insert(cookie.end(), server.begin(), server.end());
  wire[wire.size() - 1] = static_cast<uint8_t>(cookie.size() + 4);
  wire.insert(wire.end(), {0, 10, 0, static_cast<uint8_t>(cookie.size())});
  wire.insert(wire.end(), cookie.begin(), cookie.end());
}

void Scenario::upstream(const Words& w) {
  if (unseen_.empty()) fail("nothing was sent upstream");
  current_ = unseen_.front();
  unseen_.erase(unseen_.begin());
  const Sent& sent = current();
  const TextMessage message = from_wire(sent.wire);
  std::size_t i = 0;
  const bool numbered = w.at(0).size() == 1 && std::isdigit(static_cast<unsigned char>(w[0][0]));
  const unsigned wanted_upstream = numbered ? static_cast<unsigned>(std::stoul(w[i++])) : 0;
  std::string wanted = lower(w.at(i)) + " " + w.at(i + 1);
  std::string klass = "IN";
  bool tcp = false, dnssec_ok = false, cd = false, edns = true;
  for (i += 2; i < w.size(); ++i) {
    if (w[i] == "tcp")
      tcp = true;
    else if (w[i] == "do")
      dnssec_ok = true;
    else if (w[i] == "cd")
      cd = true;
    else if (w[i] == "noedns")
      edns = false;
    else if (w[i] == "cookie")
      expect_cookie(sent.wire, w.at(++i));
    else
      klass = w[i];
  }
  const auto describe = [](unsigned n, const std::string& question, const std::string& c, bool t,
                           bool d, bool checking, bool e) {
    return std::to_string(n) + " " + question + " " + c + (t ? " tcp" : "") + (d ? " do" : "") +
           (checking ? " cd" : "") + (e ? "" : " noedns");
  };
  const bool sent_cd = message.flags.size() == 2;
  const std::string found =
      describe(sent.upstream, lower(message.name) + " " + message.type, message.klass, sent.tcp,
               message.dnssec_ok, sent_cd, message.edns_size == 1232);
  wanted = describe(wanted_upstream, wanted, klass, tcp, dnssec_ok, cd, edns);
  if (found != wanted) fail("upstream got \"" + found + "\", expected \"" + wanted + "\"");
  if (message.flags.empty() || message.flags[0] != "rd") fail("upstream query without RD");
}

void Scenario::answer(const Words& w) {
  const TextMessage asked = from_wire(current().wire);
  answer_ = TextMessage();
  cookie_.clear();
  answer_.id = asked.id;
  answer_.name = asked.name;
  answer_.type = asked.type;
  answer_.klass = asked.klass;
  answer_.flags = {"qr", "rd", "ra"};
  answer_.edns_size = asked.edns_size >= 0 ? 4096 : -1;
  answer_.dnssec_ok = asked.dnssec_ok;
  for (std::size_t i = 0; i < w.size(); ++i) {
    if (w[i] == "flags") {
      answer_.flags.assign(w.begin() + static_cast<std::ptrdiff_t>(i) + 1, w.end());
      break;
    }
    if (w[i] == "tc" || w[i] == "ad" || w[i] == "aa")
      answer_.flags.push_back(w[i]);
    else if (w[i] == "ede")
      answer_.extended_error = std::stoi(w.at(++i));
    else if (w[i] == "noedns")
      answer_.edns_size = -1;
    else if (w[i] == "case")
      answer_.name = lower(answer_.name), ++i;
    else if (w[i] == "id")
      answer_.id = static_cast<uint16_t>(answer_.id + 1), ++i;
    else if (w[i] == "name")
      answer_.name = w.at(++i);
    else if (w[i] == "type")
      answer_.type = w.at(++i);
    else if (w[i] == "cookie")
      cookie_ = w.at(++i);
    else
      answer_.rcode = w[i];
  }
  answering_ = true;
}

void Scenario::bare(const Words& w) {
  Wire wire(current().wire.begin(), current().wire.begin() + 2);
  TextMessage message;
  message.rcode = w.at(0);
  message.flags = {"qr", "ra"};
  message.has_question = false;
  const Wire header = to_wire(message);
  wire.insert(wire.end(), header.begin() + 2, header.end());
  deliver(wire);
}

void Scenario::hex(const Words& w) {
  Wire wire(current().wire.begin(), current().wire.begin() + 2);
  const Wire rest = bytes_of_hex(w);
  wire.insert(wire.end(), rest.begin(), rest.end());
  deliver(wire);
}

void Scenario::advance(dns64::TimeMs by) {
  const dns64::TimeMs end = now_ + by;
  while (engine().next_deadline() <= end) {
    now_ = std::max(now_, engine().next_deadline());
    engine().on_time(now_, *this);
  }
  now_ = end;
}

const Wire& Scenario::reply_to(const std::string& id) {
  const auto found = replies_.find(token(id));
  if (found == replies_.end()) fail("there is no reply to " + id);
  return found->second;
}

void Scenario::expect(const Words& w) {
  expected_ = TextMessage();
  expected_id_ = w.at(0);
  expected_.rcode = w.at(1);
  expected_.flags = {"qr", "rd", "ra"};
  any_records_ = false;
  for (std::size_t i = 2; i < w.size(); ++i) {
    if (w[i] == "flags") {
      expected_.flags.clear();
      for (const char* flag : {"qr", "aa", "tc", "rd", "ra", "ad", "cd"}) {
        if (std::find(w.begin(), w.end(), flag) != w.end()) expected_.flags.push_back(flag);
      }
    } else if (w[i] == "edns")
      expected_.edns_size = std::stoi(w.at(++i));
    else if (w[i] == "do")
      expected_.dnssec_ok = true;
    else if (w[i] == "ede")
      expected_.extended_error = std::stoi(w.at(++i));
    else if (w[i] == "noquestion")
      expected_.has_question = false;
    else if (w[i] == "any-records")
      any_records_ = true;
  }
  expecting_ = true;
}

std::string describe(const TextMessage& message, bool records) {
  std::string out = "  " + message.rcode + " flags";
  for (const std::string& flag : message.flags) out += " " + flag;
  if (message.edns_size >= 0) out += " edns " + std::to_string(message.edns_size);
  if (message.dnssec_ok) out += " do";
  if (message.extended_error >= 0) out += " ede " + std::to_string(message.extended_error);
  if (!message.has_question) out += " noquestion";
  out += "\n";
  const char* names[] = {"AN", "AU", "AR"};
  for (int i = 0; records && i < 3; ++i) {
    for (const std::string& line : message.sections[i]) {
      out += std::string("    ") + names[i] + " " + line + "\n";
    }
  }
  return out;
}

void Scenario::compare() {
  const TextMessage found = from_wire(reply_to(expected_id_));
  if (found.id != ids_[expected_id_]) fail("the reply has another ID");
  const std::string wanted = describe(expected_, !any_records_);
  const std::string got = describe(found, !any_records_);
  if (wanted != got) fail("expected\n" + wanted + "got\n" + got);
}

void Scenario::expect_case(const Words& w) {
  const std::string name = from_wire(reply_to(w.at(0))).name;
  if (name != w.at(1)) fail("the question came back as " + name);
}

Wire Scenario::option_of(const std::string& id, uint16_t code) {
  dns64::Message message;
  const Wire& wire = reply_to(id);
  if (dns64::parse(wire, message) != dns64::ParseResult::kOk) fail("a malformed reply");
  // Options are at the end of our replies, behind eleven octets of OPT.
  for (std::size_t opt = wire.size() < 11 ? 0 : wire.size() - 11; opt > 12; --opt) {
    if (wire[opt] != 0 || dns64::get16(wire, opt + 1) != dns64::kTypeOpt) continue;
    if (opt + 11u + dns64::get16(wire, opt + 9) != wire.size()) continue;
    for (std::size_t at = opt + 11; at + 4 <= wire.size();) {
      const std::size_t size = dns64::get16(wire, at + 2);
      const auto begin = wire.begin() + static_cast<std::ptrdiff_t>(at + 4);
      if (dns64::get16(wire, at) == code) return {begin, begin + static_cast<std::ptrdiff_t>(size)};
      at += 4 + size;
    }
  }
  return {};
}

void Scenario::expect_option(const Words& w) {
  const std::size_t size = option_of(w.at(0), static_cast<uint16_t>(std::stoul(w.at(1)))).size();
  const std::size_t wanted = w.at(2) == "none" ? 0 : std::stoul(w[2]);
  if (size != wanted) fail("the option has " + std::to_string(size) + " octets");
}

void Scenario::traced(const Words& w) {
  std::string text;
  for (std::size_t i = 1; i < w.size(); ++i) text += (i > 1 ? " " : "") + w[i];
  std::string all;
  for (const std::string& step : steps_[token(w.at(0))]) {
    if (step.find(text) != std::string::npos) return;
    all += "\n  " + step;
  }
  fail("no such step; there were" + all);
}

void Scenario::figure(const Words& w) {
  for (std::size_t i = 0; i < std::size(dns64::kFigureInfo); ++i) {
    if (w.at(0) != dns64::kFigureInfo[i].name) continue;
    const uint64_t value = engine().figures().at(i);
    if (value != std::stoul(w.at(1))) fail(w[0] + " stands at " + std::to_string(value));
    return;
  }
  fail("no such figure: " + w[0]);
}

struct Tally {
  unsigned passed = 0;
  unsigned failed = 0;
};

void play(const char* path, Tally& tally) {
  std::ifstream file(path);
  if (!file) fail(std::string("cannot read ") + path);
  std::unique_ptr<Scenario> scenario;
  bool broken = false;
  int number = 0;
  const auto guarded = [&](const std::function<void()>& step) {
    try {
      step();
    } catch (const std::exception& error) {
      std::printf("%s:%d: %s\n%s\n", path, number, scenario ? scenario->name().c_str() : "",
                  error.what());
      broken = true;
    }
  };
  const auto close = [&] {
    if (scenario && !broken) guarded([&] { scenario->finish(); });
    if (scenario) ++(broken ? tally.failed : tally.passed);
    broken = false;
  };
  for (std::string line; std::getline(file, line);) {
    ++number;
    line.resize(std::min(line.size(), line.find(" ;")));
    const std::size_t start = line.find_first_not_of(" \t");
    if (start == std::string::npos || line[start] == ';') continue;
    if (line.compare(start, 9, "scenario ") == 0) {
      close();
      scenario = std::make_unique<Scenario>(line.substr(start + 9));
    } else if (!broken) {
      if (!scenario) fail(std::string(path) + ": the first command must be \"scenario\"");
      guarded([&] { scenario->line(line); });
    }
  }
  close();
}

}  // namespace
}  // namespace isthmus::test

int main(int argc, char** argv) {
  isthmus::test::Tally tally;
  for (int i = 1; i < argc; ++i) isthmus::test::play(argv[i], tally);
  std::printf("%u scenarios passed, %u failed\n", tally.passed, tally.failed);
  return tally.failed != 0 || tally.passed == 0;
}
