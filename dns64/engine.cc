// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/engine.h"

#include <utility>

#include "dns64/reverse.h"

namespace isthmus::dns64 {
namespace {

/// Room behind the largest message for the OPT record.
constexpr std::size_t kOptRoom = 64;

net::HashKey random_key(const std::function<uint64_t()>& random) {
  return {random(), random(), random()};
}

}  // namespace

Engine::Engine(EngineSettings settings)
    : settings_(std::move(settings)),
      cache_(settings_.cache_entries, random_key(settings_.random)),
      exchanges_({settings_.upstreams, settings_.upstream_timeout_ms, settings_.random}, *this,
                 figures_),
      out_(kMaxMessage + kOptRoom) {}

void Engine::on_query(TimeMs now, uint64_t token, bool tcp, Bytes message, Actions& actions) {
  actions_ = &actions;
  figures_.count(FigureId::kQueries);
  if (tcp) figures_.count(FigureId::kQueriesTcp);
  const Judgement judgement = judge_query(query_, parse(message, query_));
  switch (judgement.verdict) {
    case Verdict::kDropMalformed:
      figures_.count(FigureId::kDroppedMalformed);
      actions.drop(token);
      return;
    case Verdict::kDropResponse:
      figures_.count(FigureId::kDroppedResponses);
      actions.drop(token);
      return;
    case Verdict::kError:
      count_answer(judgement.rcode, false);
      actions.reply(token, render_error(query_, judgement.rcode, out_));
      return;
    case Verdict::kResolve: break;
  }
  Asker asker = asker_of(token, query_, tcp);
  if (answer_at_once(now, asker, query_.question, actions)) return;
  resolve(now, std::move(asker), query_.question, actions);
}

bool Engine::answer_at_once(TimeMs now, const Asker& asker, const Question& question,
                            Actions& actions) {
  const Cache::Key key{question, asker.dnssec_ok, (asker.flags & kFlagCd) != 0};
  // A server that is not asked to recurse could only show its cache, which is nobody's business;
  // for its own names it is authoritative.
  if (asker.flags & kFlagRd) {
    if (const Cache::Hit hit = cache_.find(key, now); hit.answer) {
      figures_.count(FigureId::kCacheHits);
      send_reply(asker, *hit.answer, hit.age, actions);
      return true;
    }
  }
  if (const std::optional<Answer> answer = local_.answer(question, settings_.policy)) {
    figures_.count(FigureId::kLocal);
    send_reply(asker, *answer, 0, actions);
    return true;
  }
  if (!(asker.flags & kFlagRd)) {
    figures_.count(FigureId::kRefusedNotRecursive);
    send_error(asker, question, kRefused, actions);
    return true;
  }
  figures_.count(FigureId::kCacheMisses);
  return false;
}

void Engine::resolve(TimeMs now, Asker&& asker, const Question& question, Actions& actions) {
  if (waiting_ >= settings_.max_in_flight) {
    figures_.count(FigureId::kOverload);
    send_error(asker, question, kServFail, actions);
    return;
  }
  ++waiting_;
  const bool checking_disabled = (asker.flags & kFlagCd) != 0;
  const auto [known, is_new] = by_question_.try_emplace(
      question_key(question, asker.dnssec_ok, checking_disabled), last_job_ + 1);
  if (!is_new) {
    figures_.count(FigureId::kJoined);
    jobs_.at(known->second).askers.push_back(std::move(asker));
    return;
  }
  const JobId id = ++last_job_;
  Job& job = jobs_[id];
  job.question = question;
  job.dnssec_ok = asker.dnssec_ok;
  job.checking_disabled = checking_disabled;
  job.askers.push_back(std::move(asker));
  plan(job);
  ask_first(now, id, job, actions);
}

void Engine::plan(Job& job) {
  // RFC 6147 5.1: for classes other than IN, behave as though no DNS64 function were configured.
  if (job.question.klass != kClassIn) return;
  if (job.dnssec_ok && job.checking_disabled) {
    // RFC 6147 5.5 (3): "MUST NOT perform synthesis".
    if (job.question.type == kTypeAaaa) figures_.count(FigureId::kSynthesisNotAllowed);
    return;
  }
  if (job.question.type == kTypeAaaa) {
    job.stage = Stage::kAaaa;
  } else if (job.question.type == kTypePtr) {
    const auto address = address_of_reverse_name(job.question.name);
    const auto prefix = address ? settings_.policy.prefix_of(*address) : std::nullopt;
    if (!prefix) return;
    job.stage = Stage::kPtr;
    job.target = reverse_name(prefix->extract(*address));
    job.zone = reverse_zone(prefix->prefix());
  }
}

Question Engine::question_of_stage(const Job& job) const {
  Question question = job.question;
  if (job.stage == Stage::kA) question.type = kTypeA;
  if (job.stage == Stage::kPtr) question.name = job.target;
  return question;
}

void Engine::ask_first(TimeMs now, JobId id, Job& job, Actions& actions) {
  exchanges_.ask(now, question_of_stage(job), job.dnssec_ok, job.checking_disabled, id, actions);
}

void Engine::on_answer(TimeMs now, SendId id, Bytes message, Actions& actions) {
  actions_ = &actions;
  exchanges_.on_answer(now, id, message, actions);
}

void Engine::on_failure(TimeMs now, SendId id, Actions& actions) {
  actions_ = &actions;
  exchanges_.on_failure(now, id, actions);
}

void Engine::on_time(TimeMs now, Actions& actions) {
  actions_ = &actions;
  exchanges_.on_time(now, actions);
}

void Engine::update(TimeMs now, const EngineSettings& settings, Actions& actions) {
  actions_ = &actions;
  const auto random = settings_.random;
  const bool resized = settings.cache_entries != settings_.cache_entries;
  const bool other_policy = settings.policy.exclude != settings_.policy.exclude ||
                            settings.policy.may_carry != settings_.policy.may_carry;
  settings_ = settings;
  settings_.random = random;
  if (resized) cache_.resize(settings.cache_entries);
  if (other_policy) cache_.clear();
  exchanges_.update(now, settings.upstreams, settings.upstream_timeout_ms, actions);
}

void Engine::send_reply(const Asker& asker, const Answer& answer, uint32_t age, Actions& actions) {
  const Rendered rendered = render(answer, asker, age, out_);
  count_answer(answer.rcode(), rendered.truncated);
  actions.reply(asker.token, rendered.message);
}

void Engine::send_error(const Asker& asker, const Question& question, Rcode rcode,
                        Actions& actions) {
  send_reply(asker, bare_answer(question, rcode), 0, actions);
}

void Engine::count_answer(uint16_t rcode, bool truncated) {
  figures_.count(FigureId::kAnswers);
  if (truncated) figures_.count(FigureId::kTruncated);
  const auto by_rcode = static_cast<uint8_t>(FigureId::kAnswersNoError);
  figures_.count(rcode <= kRefused ? static_cast<FigureId>(by_rcode + rcode)
                                   : FigureId::kAnswersOther);
}

}  // namespace isthmus::dns64
