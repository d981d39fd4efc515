// SPDX-License-Identifier: BSD-3-Clause
// The DNS64 (RFC 6147) as a pure state machine: messages and times in, actions out. No sockets, no
// clock, so that every behaviour can be tested on a virtual clock.
//
// Theory of operation. A query is judged (query.h), answered from what is local (local.h,
// local_zones.h) or cached (cache.h), or it becomes a job. A job is one client question, with
// everybody who asks it. Its plan:
//   AAAA, class IN:   ask AAAA; usable -> done; NXDOMAIN -> done; else ask A and synthesise
//   PTR in a prefix:  ask PTR of the in-addr.arpa name, answer with a CNAME
//   anything else:    ask it, answer it
// With `parallel` the A query of the first plan goes out together with the AAAA query, and waits
// here until that is settled. Questions go upstream through exchange.h. The finished answer
// (answer.h) is cached and rendered for each asker. CD together with DO turns both special plans
// off (RFC 6147 5.5 (3)): such a client validates, and would find synthesised data bogus. We do not
// validate; a SERVFAIL that says by RFC 8914 that validation failed is passed on and never
// circumvented by synthesis. A job without askers refreshes the cache.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dns64/assemble.h"
#include "dns64/cache.h"
#include "dns64/client_limits.h"
#include "dns64/cookies.h"
#include "dns64/exchange.h"
#include "dns64/figures.h"
#include "dns64/in_flight_table.h"
#include "dns64/local.h"
#include "dns64/local_zones.h"
#include "dns64/name_rules.h"
#include "dns64/policy.h"

namespace isthmus::dns64 {

struct EngineSettings {
  Policy policy;
  std::vector<ClientRule> clients;          ///< at most kMaxClientRules
  std::shared_ptr<const NameRules> names;   ///< may be null
  std::shared_ptr<const LocalZones> zones;  ///< may be null
  /// Of each dns64.zones: names that its file added to `zones`.
  std::vector<std::size_t> zone_names;
  bool parallel = false;              ///< A and AAAA together (RFC 6147 5.1.8)
  bool synthesise_on_error = true;    ///< RFC 6147 5.1.2, 5.1.3
  unsigned upstreams = 1;             ///< all groups together
  std::vector<Transport> transports;  ///< of each; those that are missing: UDP
  std::vector<ForwardZone> forwards;
  bool fastest = false;  ///< upstream by round-trip time
  uint32_t upstream_timeout_ms = 2000;
  uint32_t cache_entries = 65536;
  uint32_t serve_stale = 0;        ///< seconds; 0: never (RFC 8767)
  bool prefetch = false;           ///< refresh answers in use before they end
  uint32_t max_in_flight = 10000;  ///< clients waiting, all jobs together
  uint32_t client_in_flight = 0;   ///< of one subscriber; 0: no limit
  uint32_t zone_in_flight = 0;
  uint32_t rate_limit = 0;  ///< UDP answers a second to one subscriber; 0: no limit
  /// Unpredictable bits: IDs and letter case are all that a blind forger has to guess besides the
  /// port.
  std::function<uint64_t()> random;
};

class Engine final : private ExchangeListener {
 public:
  explicit Engine(EngineSettings settings);

  /// A message of a client. `token` comes back in reply() or drop(), once, now or later. `trace`:
  /// steps are told as well.
  void on_query(TimeMs now, uint64_t token, const Client& client, Bytes message, Actions& actions,
                bool trace = false);
  /// An answer to send(id). Datagrams of other senders must not come here.
  void on_answer(TimeMs now, SendId id, Bytes message, Actions& actions);
  void on_failure(TimeMs now, SendId id, Actions& actions);
  /// To be called at next_deadline().
  void on_time(TimeMs now, Actions& actions);
  TimeMs next_deadline();

  /// Applies everything but `random`. Answers made under another policy are forgotten.
  void update(TimeMs now, const EngineSettings& settings, Actions& actions);
  void flush_cache() { cache_.clear(); }
  unsigned flush_name(const Name& name) { return cache_.remove_name(name); }

  const EngineSettings& settings() const { return settings_; }
  const Figures& figures() const { return figures_; }
  Figures& figures() { return figures_; }
  std::optional<Exchanges::Sent> sent(SendId id) { return exchanges_.sent(id); }
  const Upstreams& upstreams() const { return exchanges_.upstreams(); }
  const Cache& cache() const { return cache_; }
  const InFlight& in_flight() const { return in_flight_; }
  std::size_t cache_size() const { return cache_.size(); }
  std::size_t cache_bytes() const { return cache_.bytes(); }
  std::size_t waiting() const { return waiting_; }

  /// Answers that had to be asked for, by how long that took: up to 1, 2, 4 ... ms.
  static constexpr std::size_t kLatencies = 14;
  const std::array<uint64_t, kLatencies>& latencies() const { return latencies_; }
  uint64_t latency_sum_ms() const { return latency_sum_ms_; }

  /// RFC 8767 5: a client waits so long before it gets a stale answer, and those have this TTL;
  /// after a failure there is a pause.
  static constexpr TimeMs kStaleAfter = 1800;
  static constexpr uint32_t kStaleTtl = 30;
  static constexpr TimeMs kStalePause = 30'000;

 private:
  enum class Stage : uint8_t { kForward, kAaaa, kA, kPtr };
  struct Job {
    bool dnssec_ok = false;
    bool checking_disabled = false;
    uint8_t view = 0;
    Stage stage = Stage::kForward;
    Synthesis synthesis = Synthesis::kNormal;
    const char* how = "upstream";
    std::vector<Asker> askers;
    bool has_stale = false;
    // The A query that was made together with the AAAA query, and its outcome if it came first.
    bool a_asked = false;
    bool a_came = false;
    uint16_t a_rcode = kServFail;
    int32_t a_error = -1;
    std::vector<uint8_t> a_message;
    // What the AAAA query left behind: its answer, to be returned if there is no A either (RFC 6147
    // 5.4), and the negative TTL.
    std::optional<Answer> aaaa_answer;
    std::optional<uint32_t> negative;
    Question question;
    // Of a PTR query: the in-addr.arpa name, and the zone of the prefix.
    Name target;
    Name zone;

    Cache::Key key() const { return {question, dnssec_ok, checking_disabled, view}; }
    bool asks(const Cache::Key& key) const {
      return dnssec_ok == key.dnssec_ok && checking_disabled == key.checking_disabled &&
             view == key.view && same_question(question, key.question);
    }
    /// Names are left: `question` is always given, `target` and `zone` with the stage.
    void reset() {
      dnssec_ok = checking_disabled = has_stale = a_asked = a_came = false;
      view = 0;
      stage = Stage::kForward;
      synthesis = Synthesis::kNormal;
      how = "upstream";
      askers.clear();
      a_rcode = kServFail;
      a_error = -1;
      a_message.clear();
      aaaa_answer.reset();
      negative.reset();
    }
  };
  struct StaleTimer {
    TimeMs at;
    JobId job;
  };

  void on_outcome(TimeMs now, JobId id, const Outcome& outcome) override;
  void on_first(TimeMs now, JobId id, Job& job, const Outcome& outcome);
  bool admitted(TimeMs now, const Asker& asker, bool known, Actions& actions);
  bool answer_at_once(TimeMs now, const Asker& asker, const Question& question, Actions& actions);
  bool answer_cached(TimeMs now, const Asker& asker, const Cache::Key& key, Actions& actions);
  bool answer_by_rule(const Asker& asker, const Question& question, Actions& actions);
  bool may_wait(const Asker& asker, const Question& question, Actions& actions);
  void resolve(TimeMs now, Asker&& asker, const Question& question, Actions& actions);
  void refresh(TimeMs now, const Cache::Key& key, Actions& actions);
  /// The job that asks the same, or null; then a new one would be listed under the hash of `key`.
  Job* same_job(const Cache::Key& key);
  Job& make_job(const Cache::Key& key);
  const Policy& policy_of(uint8_t view) const;
  const Policy& policy_of(const Job& job);
  void plan(Job& job);
  void ask_first(TimeMs now, JobId id, Job& job, Actions& actions);
  void on_aaaa(TimeMs now, JobId id, Job& job, const Outcome& outcome);
  void ask_a(TimeMs now, JobId id, Job& job);
  void on_a(TimeMs now, JobId id, Job& job, const Message* message, uint16_t rcode,
            int32_t extended_error);
  Question question_of_stage(const Job& job) const;
  void finish_job(TimeMs now, JobId id, Job& job, std::optional<Answer> answer);
  void answer_stale(TimeMs now, Job& job);
  void release(const Asker& asker);
  void send_reply(TimeMs now, const Asker& asker, const Answer& answer, uint32_t age,
                  const char* how, Actions& actions);
  void send_error(const Asker& asker, const Question& question, Rcode rcode, const char* how,
                  Actions& actions, int32_t extended_error = -1);
  void count_answer(uint16_t rcode, bool truncated);
  void count_latency(TimeMs took);
  void note(const Job& job, std::string_view step);
  void note(const Asker& asker, std::string_view step);

  EngineSettings settings_;
  Figures figures_;
  std::array<uint64_t, kLatencies> latencies_{};
  uint64_t latency_sum_ms_ = 0;
  LocalNames local_;
  Assembler assembler_;
  Cookies cookies_;
  RateLimit rate_;
  InFlight in_flight_;
  Cache cache_;
  Exchanges exchanges_;
  InFlightTable<Job> jobs_;
  std::unordered_map<uint64_t, JobId> by_question_;  ///< by Cache::hash_of()
  std::deque<StaleTimer> stale_timers_;
  JobId last_job_ = 0;
  std::size_t waiting_ = 0;
  Policy scratch_;  ///< a policy whose synthesis a name rule overrides
  Message query_;   ///< of the client, reused
  Message cached_;  ///< an A answer out of the cache, or one that came early; reused
  std::vector<uint8_t> out_;
  Actions* actions_ = nullptr;  ///< of the call in progress
};

}  // namespace isthmus::dns64
