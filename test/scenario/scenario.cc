// SPDX-License-Identifier: BSD-3-Clause
// Lines, what clients ask, and the clock.
#include "scenario/scenario.h"

#include <algorithm>
#include <sstream>

namespace isthmus::test {

Wire bytes_of_hex(const Words& words) {
  std::string digits;
  for (const std::string& word : words) digits += word;
  Wire out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  }
  return out;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(dns64::to_lower(static_cast<uint8_t>(c)));
  return text;
}

net::Ip6 client_address(const std::string& text) {
  if (const auto v6 = net::parse_ip6(text)) return *v6;
  return net::parse_ip6("::ffff:" + text).value();
}

Scenario::Scenario(std::string name) : name_(std::move(name)) {
  uint64_t state = 0x9e3779b97f4a7c15;
  settings_.random = [state]() mutable {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1d;
  };
  settings_.cache_entries = 1000;
}

void Scenario::line(const std::string& text) {
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

void Scenario::finish() {
  complete();
  if (!unseen_.empty()) fail("a query went upstream that no line expects");
}

void Scenario::record(int section, const std::string& text) {
  if (answering_) {
    answer_.sections[section].push_back(text);
  } else if (expecting_) {
    expected_.sections[section].push_back(canonical_record(text));
  } else {
    fail("a record outside an answer or expectation");
  }
}

void Scenario::complete() {
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

void Scenario::advance(dns64::TimeMs by) {
  const dns64::TimeMs end = now_ + by;
  while (engine().next_deadline() <= end) {
    now_ = std::max(now_, engine().next_deadline());
    engine().on_time(now_, *this);
  }
  now_ = end;
}

}  // namespace isthmus::test
