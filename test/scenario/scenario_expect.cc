// SPDX-License-Identifier: BSD-3-Clause
// What has to be true of replies.
#include "scenario/scenario.h"

#include <algorithm>

namespace isthmus::test {

namespace {

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

}  // namespace

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

}  // namespace isthmus::test
