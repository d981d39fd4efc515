// SPDX-License-Identifier: BSD-3-Clause
// What comes in: queries, answers, time, settings; and the start of jobs.
#include "dns64/engine.h"

#include <algorithm>
#include <utility>

#include "dns64/reverse.h"

namespace isthmus::dns64 {
namespace {

/// Room behind the largest message for the OPT record.
constexpr std::size_t kOptRoom = 64;

net::HashKey random_key(const std::function<uint64_t()>& random) {
  return {random(), random(), random()};
}

ExchangeSettings exchange_settings(const EngineSettings& settings) {
  return {settings.upstreams,           settings.forwards, settings.transports, settings.fastest,
          settings.upstream_timeout_ms, settings.random};
}

}  // namespace

Engine::Engine(EngineSettings settings)
    : settings_(std::move(settings)),
      cookies_(settings_.random),
      rate_(settings_.rate_limit, random_key(settings_.random)),
      in_flight_(random_key(settings_.random)),
      cache_(settings_.cache_entries, random_key(settings_.random)),
      exchanges_(exchange_settings(settings_), *this, figures_),
      out_(kMaxMessage + kOptRoom) {
  cache_.keep_stale(settings_.serve_stale);
}

void Engine::on_query(TimeMs now, uint64_t token, const Client& client, Bytes message,
                      Actions& actions, bool trace) {
  actions_ = &actions;
  figures_.count(FigureId::kQueries);
  if (client.tcp) figures_.count(FigureId::kQueriesTcp);
  const Judgement judgement = judge_query(query_, parse(message, query_));
  if (judgement.verdict == Verdict::kDropMalformed || judgement.verdict == Verdict::kDropResponse) {
    figures_.count(judgement.verdict == Verdict::kDropMalformed ? FigureId::kDroppedMalformed
                                                                : FigureId::kDroppedResponses);
    actions.drop(token);
    return;
  }
  Asker asker = asker_of(token, query_, client);
  asker.started = now;
  asker.trace = trace;
  asker.view = view_of(settings_.clients, client.address);
  const bool known = cookies_.check(now, query_, asker);
  if (known) figures_.count(FigureId::kCookies);
  if (!admitted(now, asker, known, actions)) return;
  if (judgement.verdict == Verdict::kError) {
    count_answer(judgement.rcode, false);
    actions.reply(token, render_error(query_, asker, judgement.rcode, out_));
    return;
  }
  if (answer_at_once(now, asker, query_.question, actions)) return;
  resolve(now, std::move(asker), query_.question, actions);
}

Engine::Job* Engine::same_job(const Cache::Key& key) {
  const auto known = by_question_.find(cache_.hash_of(key));
  if (known == by_question_.end()) return nullptr;
  Job* job = jobs_.find(known->second);
  return job->asks(key) ? job : nullptr;
}

Engine::Job& Engine::make_job(const Cache::Key& key) {
  const JobId id = ++last_job_;
  Job& job = jobs_.add(id);
  // Of two whose hashes meet, which should not happen, the second cannot be joined.
  by_question_.try_emplace(cache_.hash_of(key), id);
  job.question = key.question;
  job.dnssec_ok = key.dnssec_ok;
  job.checking_disabled = key.checking_disabled;
  job.view = key.view;
  return job;
}

void Engine::resolve(TimeMs now, Asker&& asker, const Question& question, Actions& actions) {
  if (!may_wait(asker, question, actions)) return;
  ++waiting_;
  const Cache::Key key{question, asker.dnssec_ok, (asker.flags & kFlagCd) != 0, asker.view};
  if (Job* same = same_job(key)) {
    figures_.count(FigureId::kJoined);
    note(asker, "joins an identical question in flight");
    same->askers.push_back(std::move(asker));
    return;
  }
  Job& job = make_job(key);
  const JobId id = last_job_;
  job.askers.push_back(std::move(asker));
  if (settings_.serve_stale > 0 && cache_.find(key, now).answer) {
    job.has_stale = true;
    stale_timers_.push_back({now + kStaleAfter, id});
  }
  plan(job);
  ask_first(now, id, job, actions);
}

void Engine::refresh(TimeMs now, const Cache::Key& key, Actions& actions) {
  if (jobs_.size() >= settings_.max_in_flight) return;
  if (same_job(key)) return;
  Job& job = make_job(key);
  plan(job);
  ask_first(now, last_job_, job, actions);
}

const Policy& Engine::policy_of(uint8_t view) const {
  return view == 0 ? settings_.policy : settings_.clients[view - 1u].policy;
}

const Policy& Engine::policy_of(const Job& job) {
  const Policy& policy = policy_of(job.view);
  if (policy.synthesis == job.synthesis) return policy;
  scratch_ = policy;
  scratch_.synthesis = job.synthesis;
  return scratch_;
}

void Engine::plan(Job& job) {
  // RFC 6147 5.1: for classes other than IN, behave as though no DNS64 function were configured.
  if (job.question.klass != kClassIn) return;
  if (job.dnssec_ok && job.checking_disabled) {
    // RFC 6147 5.5 (3): "MUST NOT perform synthesis".
    if (job.question.type == kTypeAaaa) figures_.count(FigureId::kSynthesisNotAllowed);
    note(job, "CD and DO are set: the client validates, nothing is synthesised");
    return;
  }
  job.synthesis = policy_of(job.view).synthesis;
  const auto action = settings_.names ? settings_.names->find(job.question.name) : std::nullopt;
  if (action == NameAction::kExclude) job.synthesis = Synthesis::kNever;
  if (action == NameAction::kForce) job.synthesis = Synthesis::kAlways;
  if (action) note(job, "a rule for this name applies");
  if (job.synthesis == Synthesis::kNever) {
    if (job.question.type == kTypeAaaa) figures_.count(FigureId::kSynthesisExcluded);
    note(job, "excluded from synthesis");
    return;
  }
  if (job.question.type == kTypeAaaa) {
    job.stage = Stage::kAaaa;
  } else if (job.question.type == kTypePtr) {
    const Policy& policy = policy_of(job.view);
    const auto address = address_of_reverse_name(job.question.name);
    const auto prefix = address ? policy.prefix_of(*address) : std::nullopt;
    if (!prefix) return;
    job.stage = Stage::kPtr;
    job.target = reverse_name(prefix->extract(*address));
    job.zone = reverse_zone(prefix->prefix());
    note(job, "inside " + net::to_string(prefix->prefix()) + ": asks " + to_string(job.target));
  }
}

Question Engine::question_of_stage(const Job& job) const {
  Question question = job.question;
  if (job.stage == Stage::kA) question.type = kTypeA;
  if (job.stage == Stage::kPtr) question.name = job.target;
  return question;
}

void Engine::ask_first(TimeMs now, JobId id, Job& job, Actions& actions) {
  if (job.stage == Stage::kAaaa) {
    // That there is no AAAA may be known for longer than the A record lives.
    const Cache::Key raw{job.question, job.dnssec_ok, job.checking_disabled,
                         static_cast<uint8_t>(job.view | Cache::kRaw)};
    if (const Cache::Hit hit = cache_.find(raw, now); hit.answer && !hit.stale) {
      figures_.count(FigureId::kAbsenceKnown);
      note(job, "known to have no AAAA");
      job.aaaa_answer = *hit.answer;
      grow_old(*job.aaaa_answer, hit.age);
      job.negative = job.aaaa_answer->ttl;
      ask_a(now, id, job);
      return;
    }
    if (settings_.parallel) {
      Question question = job.question;
      question.type = kTypeA;
      const Cache::Key key{question, job.dnssec_ok, job.checking_disabled, job.view};
      const Cache::Hit hit = cache_.find(key, now);
      job.a_asked = !hit.answer || hit.stale;
      note(job, job.a_asked ? "asks A at the same time" : "A is cached");
      if (job.a_asked) {
        exchanges_.ask(now, question, job.dnssec_ok, job.checking_disabled, id << 1 | 1, actions);
      }
    }
  }
  note(job, "asks upstream");
  exchanges_.ask(now, question_of_stage(job), job.dnssec_ok, job.checking_disabled, id << 1,
                 actions);
}

void Engine::on_answer(TimeMs now, SendId id, Bytes message, Actions& actions) {
  actions_ = &actions;
  exchanges_.on_answer(now, id, message, actions);
}

void Engine::on_failure(TimeMs now, SendId id, Actions& actions) {
  actions_ = &actions;
  exchanges_.on_failure(now, id, actions);
}

TimeMs Engine::next_deadline() {
  while (!stale_timers_.empty() && !jobs_.contains(stale_timers_.front().job)) {
    stale_timers_.pop_front();
  }
  const TimeMs stale = stale_timers_.empty() ? kNoDeadline : stale_timers_.front().at;
  return std::min(stale, exchanges_.next_deadline());
}

void Engine::on_time(TimeMs now, Actions& actions) {
  actions_ = &actions;
  exchanges_.on_time(now, actions);
  while (!stale_timers_.empty() && stale_timers_.front().at <= now) {
    Job* job = jobs_.find(stale_timers_.front().job);
    stale_timers_.pop_front();
    if (job) answer_stale(now, *job);
  }
}

void Engine::update(TimeMs now, const EngineSettings& settings, Actions& actions) {
  actions_ = &actions;
  const auto random = settings_.random;
  const bool resized = settings.cache_entries != settings_.cache_entries;
  const bool other_rate = settings.rate_limit != settings_.rate_limit;
  // Rules for names and local zones come as new objects whenever their files were read.
  const bool other_policy = settings.policy != settings_.policy ||
                            settings.clients != settings_.clients ||
                            settings.names != settings_.names || settings.zones != settings_.zones;
  settings_ = settings;
  settings_.random = random;
  if (resized) cache_.resize(settings.cache_entries);
  if (other_policy) cache_.clear();
  if (other_rate) rate_ = RateLimit(settings_.rate_limit, random_key(random));
  cache_.keep_stale(settings_.serve_stale);
  // Clients may have another policy now, or none of their own.
  by_question_.clear();
  for (auto& [id, job] : jobs_) {
    job.view = job.askers.empty() ? 0 : view_of(settings_.clients, job.askers.front().client);
    by_question_.try_emplace(cache_.hash_of(job.key()), id);
  }
  exchanges_.update(now, exchange_settings(settings_), actions);
}

}  // namespace isthmus::dns64
