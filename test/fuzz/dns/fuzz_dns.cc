// SPDX-License-Identifier: BSD-3-Clause
// Fuzzes the DNS64 engine in two ways with each input.
//
// As one message: walked, and copied as if it came from upstream.
// As a script, so that queries and answers meet: steps of {operation, length (2 octets), octets}.
//   0 query over UDP   1 query over TCP   2 answer, octets as they are
//   3 answer with the right ID            4 answer with the right ID and question in front
//   5 the network fails the oldest query  6 time passes: length in milliseconds, no octets
//   7 query for the name in the octets, type AAAA
// Checked besides memory: every query gets exactly one reply or drop once time has passed, replies
// are well-formed and within the client's limit, nothing stays in flight.
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <set>

#include "dns64/engine.h"

namespace {

using namespace isthmus;
using namespace isthmus::dns64;

void require(bool condition) {
  if (!condition) std::abort();
}

class World final : public Actions {
 public:
  World() : engine_(settings()) {}

  void step(uint8_t operation, Bytes octets) {
    switch (operation % 8) {
      case 0:
      case 1: query(operation % 8 == 1, octets); break;
      case 2: answer(octets, false, false); break;
      case 3: answer(octets, true, false); break;
      case 4: answer(octets, true, true); break;
      case 5: fail_oldest(); break;
      case 7: named_query(octets); break;
      default: break;
    }
  }
  void advance(TimeMs by) {
    const TimeMs end = now_ + by;
    while (engine_.next_deadline() <= end) {
      now_ = std::max(now_, engine_.next_deadline());
      engine_.on_time(now_, *this);
    }
    now_ = end;
  }
  void finish() {
    advance(60'000);
    require(open_.empty());
    require(sent_.empty());
    require(engine_.waiting() == 0);
  }

 private:
  struct Sent {
    SendId id;
    std::vector<uint8_t> message;
  };

  static EngineSettings settings() {
    EngineSettings settings;
    settings.policy.rules = {
        {net::Ip4Prefix{}, *net::Prefix6052::make(*net::parse_ip6_prefix("2001:db8:64::/96"))}};
    settings.upstreams = 2;
    settings.cache_entries = 8;
    settings.max_in_flight = 16;
    settings.random = [state = uint64_t{1}]() mutable {
      return state = state * 6364136223846793005 + 1442695040888963407;
    };
    return settings;
  }

  void query(bool tcp, Bytes octets) {
    const uint64_t token = ++last_token_;
    open_.insert(token);
    engine_.on_query(now_, token, {{}, tcp}, octets, *this);
  }
  void named_query(Bytes octets) {
    std::vector<uint8_t> message = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    message.insert(message.end(), octets.begin(), octets.end());
    for (const int octet : {0, 0, 28, 0, 1}) message.push_back(static_cast<uint8_t>(octet));
    query(false, message);
  }
  void answer(Bytes octets, bool right_id, bool right_question) {
    if (sent_.empty()) return;
    const Sent sent = sent_.front();
    std::vector<uint8_t> message(octets.begin(), octets.end());
    if (right_question && message.size() >= kHeaderSize) {
      Message parsed;
      parse(sent.message, parsed);
      const std::size_t end = kHeaderSize + parsed.question.name.size() + 4;
      message.insert(message.begin() + kHeaderSize, sent.message.begin() + kHeaderSize,
                     sent.message.begin() + static_cast<std::ptrdiff_t>(end));
    }
    if (right_id && message.size() >= 2) {
      std::copy_n(sent.message.begin(), 2, message.begin());
    }
    engine_.on_answer(now_, sent.id, message, *this);
  }

  void fail_oldest() {
    if (sent_.empty()) return;
    const SendId id = sent_.front().id;
    sent_.pop_front();
    engine_.on_failure(now_, id, *this);
  }

  void reply(uint64_t token, Bytes message) override {
    require(open_.erase(token) == 1);
    Message parsed;
    const ParseResult result = parse(message, parsed);
    require(result == ParseResult::kOk ||
            (result == ParseResult::kQuestionCount && message.size() <= kHeaderSize + 17));
    require(parsed.flags & kFlagQr);
  }
  void drop(uint64_t token) override { require(open_.erase(token) == 1); }
  void send(SendId id, unsigned upstream, bool, Bytes message) override {
    require(upstream < 2);
    sent_.push_back({id, {message.begin(), message.end()}});
  }
  void cancel(SendId id) override {
    std::erase_if(sent_, [&](const Sent& sent) { return sent.id == id; });
  }

  Engine engine_;
  TimeMs now_ = 1000;
  uint64_t last_token_ = 0;
  std::set<uint64_t> open_;
  std::deque<Sent> sent_;
};

void as_message(Bytes data) {
  static Assembler assembler;
  Message message;
  if (parse(data, message) != ParseResult::kOk) return;
  const Policy policy;
  assembler.examine_aaaa(message, message.question, policy);
  assembler.synthesise(message, message.question, policy, negative_ttl(message));
  assembler.reverse(message, message.question, message.question.name, message.question.name);
  const auto answer = assembler.forward(message, message.question);
  if (!answer) return;
  // What we write, we can read, and copying it again changes nothing.
  Message copy;
  require(parse(answer->message, copy) == ParseResult::kOk);
  require(copy.records.size() == message.records.size());
  const auto again = assembler.forward(copy, copy.question);
  require(again && again->message == answer->message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  as_message(input);
  World world;
  std::size_t at = 0;
  while (at + 3 <= size) {
    const uint8_t operation = input[at];
    const std::size_t length = get16(input, at + 1);
    at += 3;
    if (operation % 8 == 6) {
      world.advance(length);
      continue;
    }
    const std::size_t taken = std::min(length, size - at);
    world.step(operation, input.subspan(at, taken));
    at += taken;
  }
  world.finish();
  return 0;
}
