// SPDX-License-Identifier: BSD-3-Clause
// The DNS64 (RFC 6147) as a pure state machine: messages and times in, actions out. No sockets, no
// clock, so that every behaviour can be tested on a virtual clock.
//
// Theory of operation. A query is judged (query.h), answered from what is local (local.h) or cached
// (cache.h), or it becomes a job. A job is one client question, with everybody who asks it. Its
// plan:
//   AAAA, class IN:   ask AAAA; usable -> done; NXDOMAIN -> done; else ask A and synthesise
//   PTR in a prefix:  ask PTR of the in-addr.arpa name, answer with a CNAME
//   anything else:    ask it, answer it
// Questions go upstream through exchange.h. The finished answer (answer.h) is cached and rendered
// for each asker. CD together with DO turns both special plans off (RFC 6147 5.5 (3)): such a
// client validates, and would find synthesised data bogus. We do not validate; a SERVFAIL that
// says by RFC 8914 that validation failed is passed on and never circumvented by synthesis.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dns64/assemble.h"
#include "dns64/cache.h"
#include "dns64/exchange.h"
#include "dns64/figures.h"
#include "dns64/local.h"
#include "dns64/policy.h"

namespace isthmus::dns64 {

struct EngineSettings {
  Policy policy;
  unsigned upstreams = 1;
  uint32_t upstream_timeout_ms = 2000;
  uint32_t cache_entries = 65536;
  uint32_t max_in_flight = 10000;  ///< clients waiting, all jobs together
  /// Unpredictable bits: IDs and letter case are all that a blind forger has to guess besides the
  /// port.
  std::function<uint64_t()> random;
};

class Engine final : private ExchangeListener {
 public:
  explicit Engine(EngineSettings settings);

  /// A message of a client. `token` comes back in reply() or drop(), once, now or later.
  void on_query(TimeMs now, uint64_t token, bool tcp, Bytes message, Actions& actions);
  /// An answer to send(id). Datagrams of other senders must not come here.
  void on_answer(TimeMs now, SendId id, Bytes message, Actions& actions);
  void on_failure(TimeMs now, SendId id, Actions& actions);
  /// To be called at next_deadline().
  void on_time(TimeMs now, Actions& actions);
  TimeMs next_deadline() { return exchanges_.next_deadline(); }

  /// Applies everything but `random`. Answers made under another policy are forgotten.
  void update(TimeMs now, const EngineSettings& settings, Actions& actions);
  void flush_cache() { cache_.clear(); }

  const Figures& figures() const { return figures_; }
  Figures& figures() { return figures_; }
  const Upstreams& upstreams() const { return exchanges_.upstreams(); }
  std::size_t cache_size() const { return cache_.size(); }
  std::size_t cache_bytes() const { return cache_.bytes(); }
  std::size_t waiting() const { return waiting_; }

 private:
  enum class Stage : uint8_t { kForward, kAaaa, kA, kPtr };
  struct Job {
    Question question;
    bool dnssec_ok = false;
    bool checking_disabled = false;
    Stage stage = Stage::kForward;
    std::vector<Asker> askers;
    // What the AAAA query left behind: its answer, to be returned if there is no A either (RFC 6147
    // 5.4), and the negative TTL.
    std::optional<Answer> aaaa_answer;
    std::optional<uint32_t> negative;
    // Of a PTR query: the in-addr.arpa name, and the zone of the prefix.
    Name target;
    Name zone;

    Cache::Key key() const { return {question, dnssec_ok, checking_disabled}; }
  };

  void on_outcome(TimeMs now, JobId id, const Outcome& outcome) override;
  bool answer_at_once(TimeMs now, const Asker& asker, const Question& question, Actions& actions);
  void resolve(TimeMs now, Asker&& asker, const Question& question, Actions& actions);
  void plan(Job& job);
  void ask_first(TimeMs now, JobId id, Job& job, Actions& actions);
  void on_aaaa(TimeMs now, JobId id, Job& job, const Outcome& outcome);
  void ask_a(TimeMs now, JobId id, Job& job);
  void on_a(TimeMs now, JobId id, Job& job, const Message* message, uint16_t rcode);
  Question question_of_stage(const Job& job) const;
  void finish_job(TimeMs now, JobId id, Job& job, std::optional<Answer> answer);
  void send_reply(const Asker& asker, const Answer& answer, uint32_t age, Actions& actions);
  void send_error(const Asker& asker, const Question& question, Rcode rcode, Actions& actions);
  void count_answer(uint16_t rcode, bool truncated);

  EngineSettings settings_;
  Figures figures_;
  LocalNames local_;
  Assembler assembler_;
  Cache cache_;
  Exchanges exchanges_;
  std::unordered_map<JobId, Job> jobs_;
  std::unordered_map<std::string, JobId> by_question_;
  JobId last_job_ = 0;
  std::size_t waiting_ = 0;
  Message query_;   ///< of the client, reused
  Message cached_;  ///< an A answer out of the cache, reused
  std::vector<uint8_t> out_;
  Actions* actions_ = nullptr;  ///< of the call in progress
};

}  // namespace isthmus::dns64
