// SPDX-License-Identifier: BSD-3-Clause
// Questions to upstream resolvers: retransmission, fail-over, TCP, EDNS fall-back, and the checks
// that make an answer believable. Knows nothing of DNS64.
//
// Theory of operation. An exchange is one question in flight for any number of listeners ("jobs").
// It makes up to kMaxAttempts attempts, each with its own ID, letter case (0x20) and, by the
// sockets, port. An attempt that is not answered in time does not end: a resolver that has to
// recurse may need longer than our patience, so all attempts stay open until the exchange is
// settled or its deadline passes, while the next attempt goes to the next upstream. Answers count
// only if ID, question and, over UDP, letter case agree (RFC 5452 9.1); the sockets see to address
// and port. The next attempt is made when the upstream is later than it usually is ("hedged"), at
// the latest after kMaxPatience; only who is later than that is held to have failed. Deadlines lie
// in a heap whose stale entries are skipped when they come up.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "dns64/figures.h"
#include "dns64/in_flight_table.h"
#include "dns64/query.h"
#include "dns64/upstreams.h"
#include "dns64/wire.h"

namespace isthmus::dns64 {

inline constexpr TimeMs kNoDeadline = UINT64_MAX;

using SendId = uint64_t;
using JobId = uint64_t;

/// What a query log has of a query.
struct QueryRecord {
  const Asker& asker;
  uint16_t type = 0;
  uint16_t rcode = 0;
  const char* how = "";  ///< where the answer came from: cache, local, upstream, synthesised ...
  TimeMs took = 0;
};

/// What the engine asks the world to do. Spans are valid during the call only; calls back into the
/// engine are not allowed.
class Actions {
 public:
  virtual ~Actions() = default;
  /// Exactly one of these two for each query.
  virtual void reply(uint64_t token, Bytes message) = 0;
  virtual void drop(uint64_t token) = 0;
  /// Sends a query upstream; answers and failures are reported under `id` until it is cancelled.
  /// `tcp`: on a connection, which for upstreams with TLS is one of those.
  virtual void send(SendId id, unsigned upstream, bool tcp, Bytes message) = 0;
  virtual void cancel(SendId id) = 0;
  /// A step of a query that asked to be told (Asker::trace).
  virtual void trace(uint64_t token, const std::string& step) { (void)token, (void)step; }
  /// A query was answered, or dropped for its client's rate.
  virtual void log(const QueryRecord& record) { (void)record; }
};

/// The end of an exchange.
struct Outcome {
  const Message* message = nullptr;  ///< null: no upstream gave one
  std::span<uint8_t> bytes;     ///< of the message; the listener may change the question's case
  uint16_t rcode = kServFail;   ///< if there is no message
  int32_t extended_error = -1;  ///< likewise
};

class ExchangeListener {
 public:
  virtual ~ExchangeListener() = default;
  virtual void on_outcome(TimeMs now, JobId job, const Outcome& outcome) = 0;
};

/// Upstreams of their own for a zone.
struct ForwardZone {
  Name zone;
  UpstreamGroup group;
};

struct ExchangeSettings {
  unsigned upstreams = 1;  ///< all groups together; the default one comes first
  std::vector<ForwardZone> forwards;
  std::vector<Transport> transports;  ///< of each upstream; those that are missing: UDP
  bool fastest = false;               ///< prefer by round-trip time, and do not wait for the slow
  uint32_t timeout_ms = 2000;         ///< for one question, all its attempts together
  std::function<uint64_t()> random;
};

class Exchanges {
 public:
  Exchanges(ExchangeSettings settings, ExchangeListener& listener, Figures& figures);

  /// Asks `question` for `job`, or joins an exchange that does.
  void ask(TimeMs now, const Question& question, bool dnssec_ok, bool checking_disabled, JobId job,
           Actions& actions);
  void on_answer(TimeMs now, SendId id, Bytes message, Actions& actions);
  /// The network refused: port unreachable, connection closed or not made.
  void on_failure(TimeMs now, SendId id, Actions& actions);
  void on_time(TimeMs now, Actions& actions);
  TimeMs next_deadline();

  /// Whom a query went to that is still open.
  struct Sent {
    unsigned upstream = 0;
    bool tcp = false;
  };
  std::optional<Sent> sent(SendId id);

  /// Other upstreams or timeout: what is in flight starts over.
  void update(TimeMs now, ExchangeSettings settings, Actions& actions);

  std::size_t in_flight() const { return exchanges_.size(); }
  const Upstreams& upstreams() const { return upstreams_; }

  static constexpr unsigned kMaxAttempts = 6;
  static constexpr TimeMs kMaxPatience = 400;
  static constexpr TimeMs kMinPatience = 50;

 private:
  struct Attempt {
    Name name;  ///< as sent, in random case
    uint16_t id = 0;
    uint8_t upstream = 0;
    bool tcp = false;  ///< or TLS
    bool edns = true;
    bool cookie = false;  ///< sent with it
    bool open = true;
    bool blamed = false;  ///< held to have failed
    TimeMs sent = 0;
  };
  struct Exchange {
    uint64_t id = 0;
    UpstreamGroup group;
    unsigned refusals = 0;  ///< attempts that the network refused
    bool dnssec_ok = false;
    bool checking_disabled = false;
    bool cookie_refused = false;  ///< BADCOOKIE was answered once
    bool tcp_extended = false;    ///< the deadline was moved once for TCP
    std::vector<JobId> jobs;
    std::vector<Attempt> attempts;
    std::vector<uint8_t> tried;  ///< upstream of each attempt
    TimeMs interval = 0;         ///< until the next attempt
    TimeMs timer = 0;
    TimeMs deadline = 0;
    int error_rcode = -1;  ///< of an upstream that was passed over
    Question question;

    bool asks(const Question& other, bool dnssec, bool no_checks) const {
      return dnssec_ok == dnssec && checking_disabled == no_checks &&
             same_question(question, other);
    }
    /// `question` is left: it is always given.
    void reset() {
      group = {};
      refusals = 0;
      dnssec_ok = checking_disabled = cookie_refused = tcp_extended = false;
      jobs.clear();
      attempts.clear();
      tried.clear();
      interval = timer = deadline = 0;
      error_rcode = -1;
    }
  };
  struct Timer {
    TimeMs at;
    uint64_t exchange;
    bool operator>(const Timer& other) const { return at > other.at; }
  };
  enum class Check : uint8_t { kBelieve, kIgnore, kBareError, kMalformed, kOtherCase, kOversized };

  static constexpr unsigned kAttemptBits = 3;
  static_assert(kMaxAttempts <= 1u << kAttemptBits);

  uint64_t hash_of(const Question& question, bool dnssec_ok, bool checking_disabled) const;
  Attempt* find(SendId id, Exchange*& exchange);
  void start(TimeMs now, Exchange& exchange, Actions& actions);
  bool attempt(TimeMs now, Exchange& exchange, unsigned upstream, bool tcp, bool edns,
               Actions& actions);
  Bytes write_query(const Exchange& exchange, const Attempt& attempt);
  void append_option(uint16_t code, Bytes data);
  void pad_query();
  /// Moves on to another upstream; settles as failed when nothing is left to hope for.
  void next_upstream(TimeMs now, Exchange& exchange, Actions& actions);
  bool untried_upstream(const Exchange& exchange) const;
  Transport transport_of(unsigned upstream) const;
  UpstreamGroup default_group() const;
  UpstreamGroup group_of(const Name& name) const;
  unsigned pick(const Exchange& exchange, TimeMs now);
  TimeMs max_patience() const;
  TimeMs first_patience(const Exchange& exchange, unsigned upstream) const;
  bool retry_with_cookie(TimeMs now, Exchange& exchange, const Attempt& attempt, Actions& actions);
  Check check(const Attempt& attempt, const Exchange& exchange, ParseResult parsed) const;
  /// True: the answer counts.
  bool cookie_is_right(TimeMs now, Exchange& exchange, Attempt& attempt, SendId id,
                       Actions& actions);
  void on_believed(TimeMs now, Exchange& exchange, Attempt& attempt, Actions& actions);
  void on_error_rcode(TimeMs now, Exchange& exchange, const Attempt& attempt, Actions& actions);
  void ask_over_tcp(TimeMs now, Exchange& exchange, const Attempt& attempt, Actions& actions);
  void settle(TimeMs now, Exchange& exchange, const Outcome& outcome, Actions& actions);
  void set_timer(TimeMs now, Exchange& exchange);
  void on_timer(TimeMs now, Exchange& exchange, Actions& actions);

  ExchangeSettings settings_;
  ExchangeListener& listener_;
  Figures& figures_;
  Upstreams upstreams_;
  uint64_t last_id_ = 0;
  InFlightTable<Exchange> exchanges_;
  net::HashKey hash_key_;
  std::unordered_map<uint64_t, uint64_t> by_question_;  ///< by hash_of()
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  Message parsed_;
  std::vector<uint8_t> answer_;  ///< bytes behind parsed_
  std::vector<uint8_t> query_;
  std::size_t opt_length_at_ = 0;  ///< in query_
};

/// Whether a SERVFAIL says that DNSSEC validation failed (RFC 8914 codes 1, 2, 5 to 12 and 27).
bool is_dnssec_failure(const Message& message);
/// Whether an RFC 8914 code is one of those.
bool is_dnssec_code(int32_t code);

}  // namespace isthmus::dns64
