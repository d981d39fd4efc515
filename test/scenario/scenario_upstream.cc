// SPDX-License-Identifier: BSD-3-Clause
// What goes upstream, and what is answered from there.
#include "scenario/scenario.h"

#include <cctype>

namespace isthmus::test {

namespace {

/// The cookie of a query of ours, which is its last option.
Wire cookie_of(const Wire& query) {
  dns64::Message message;
  if (parse(query, message) != dns64::ParseResult::kOk) fail("a query that is none");
  return {message.edns.cookie.begin(), message.edns.cookie.end()};
}

}  // namespace

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

}  // namespace isthmus::test
