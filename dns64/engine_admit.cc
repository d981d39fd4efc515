// SPDX-License-Identifier: BSD-3-Clause
// Who is answered, and what can be answered at once.
#include <algorithm>
#include <bit>
#include <utility>

#include "dns64/engine.h"

namespace isthmus::dns64 {
namespace {

/// Refreshed when a tenth of the time is left, if it was asked for more than once.
constexpr uint32_t kPrefetchPart = 10;
constexpr uint32_t kPrefetchUses = 3;

Answer stale_copy(const Answer& answer, uint32_t ttl) {
  Answer copy = answer;
  for (const uint16_t at : copy.ttl_offsets) {
    const uint32_t value = std::min(get32(copy.message, at), ttl);
    for (unsigned i = 0; i < 4; ++i) {
      copy.message[at + i] = static_cast<uint8_t>(value >> (24 - 8 * i));
    }
  }
  copy.ttl = 0;
  copy.extended_error = kEdeStale;
  return copy;
}

}  // namespace

void Engine::note(const Job& job, std::string_view step) {
  for (const Asker& asker : job.askers) note(asker, step);
}

void Engine::note(const Asker& asker, std::string_view step) {
  if (asker.trace) actions_->trace(asker.token, std::string(step));
}

bool Engine::admitted(TimeMs now, const Asker& asker, bool known, Actions& actions) {
  // Neither TCP nor a cookie can be had with a forged source.
  if (asker.tcp || known || settings_.rate_limit == 0) return true;
  const RateLimit::Verdict verdict = rate_.check(asker.client, now);
  if (verdict == RateLimit::Verdict::kAllow) return true;
  figures_.count(FigureId::kRateLimited);
  if (verdict == RateLimit::Verdict::kTruncate && query_.has_question) {
    figures_.count(FigureId::kTruncated);
    Answer answer = bare_answer(query_.question, kNoError);
    answer.message[2] |= static_cast<uint8_t>(kFlagTc >> 8);
    send_reply(now, asker, answer, 0, "rate-limited", actions);
    return false;
  }
  actions.log({asker, query_.question.type, kRefused, "rate-dropped", 0});
  actions.drop(asker.token);
  return false;
}

bool Engine::answer_cached(TimeMs now, const Asker& asker, const Cache::Key& key,
                           Actions& actions) {
  const Cache::Hit hit = cache_.find(key, now);
  if (!hit.answer) return false;
  if (hit.stale) {
    if (!hit.recently_failed) return false;
    figures_.count(FigureId::kStale);
    note(asker, "upstream failed a moment ago: stale answer");
    send_reply(now, asker, stale_copy(*hit.answer, kStaleTtl), 0, "stale", actions);
    return true;
  }
  figures_.count(FigureId::kCacheHits);
  note(asker, "answered from the cache");
  const uint32_t ttl = hit.answer->ttl;
  const bool ending = uint64_t{hit.age} * kPrefetchPart >= uint64_t{ttl} * (kPrefetchPart - 1);
  const bool refresh_it =
      settings_.prefetch && ending && ttl >= kPrefetchPart && hit.uses >= kPrefetchUses;
  send_reply(now, asker, *hit.answer, hit.age, "cache", actions);
  if (refresh_it) {
    figures_.count(FigureId::kPrefetches);
    refresh(now, key, actions);
  }
  return true;
}

bool Engine::answer_by_rule(const Asker& asker, const Question& question, Actions& actions) {
  if (asker.view > 0 && settings_.clients[asker.view - 1u].refuse) {
    figures_.count(FigureId::kRefusedClients);
    send_error(asker, question, kRefused, "refused", actions, kEdeProhibited);
    return true;
  }
  if (settings_.names && settings_.names->find(question.name) == NameAction::kBlock) {
    figures_.count(FigureId::kBlocked);
    note(asker, "a rule blocks this name");
    send_error(asker, question, kNxDomain, "blocked", actions, kEdeBlocked);
    return true;
  }
  return false;
}

bool Engine::answer_at_once(TimeMs now, const Asker& asker, const Question& question,
                            Actions& actions) {
  const Cache::Key key{question, asker.dnssec_ok, (asker.flags & kFlagCd) != 0, asker.view};
  if (answer_by_rule(asker, question, actions)) return true;
  // A server that is not asked to recurse could only show its cache, which is nobody's business;
  // for its own names it is authoritative.
  const bool recurse = (asker.flags & kFlagRd) != 0;
  if (recurse && answer_cached(now, asker, key, actions)) return true;
  const Policy& policy = policy_of(asker.view);
  std::optional<Answer> answer = local_.answer(question, policy);
  if (!answer && settings_.zones) answer = settings_.zones->answer(question, policy);
  if (answer) {
    figures_.count(FigureId::kLocal);
    note(asker, "a local name");
    send_reply(now, asker, *answer, 0, "local", actions);
    return true;
  }
  if (!recurse) {
    figures_.count(FigureId::kRefusedNotRecursive);
    send_error(asker, question, kRefused, "refused", actions);
    return true;
  }
  figures_.count(FigureId::kCacheMisses);
  note(asker, "not in the cache");
  return false;
}

bool Engine::may_wait(const Asker& asker, const Question& question, Actions& actions) {
  FigureId why = FigureId::kOverload;
  if (waiting_ < settings_.max_in_flight) {
    switch (in_flight_.take(asker.client, question.name, settings_.client_in_flight,
                            settings_.zone_in_flight)) {
      case InFlight::Verdict::kAllow: return true;
      case InFlight::Verdict::kClient: why = FigureId::kOverloadClient; break;
      case InFlight::Verdict::kZone: why = FigureId::kOverloadZone; break;
    }
  }
  figures_.count(why);
  send_error(asker, question, kServFail, "overload", actions);
  return false;
}

void Engine::release(const Asker& asker) {
  --waiting_;
  in_flight_.release(asker.client, asker.name);
}

void Engine::answer_stale(TimeMs now, Job& job) {
  const Cache::Hit hit = cache_.find(job.key(), now);
  if (!hit.answer || !hit.stale) return;
  const Answer answer = stale_copy(*hit.answer, kStaleTtl);
  for (const Asker& asker : std::exchange(job.askers, {})) {
    release(asker);
    figures_.count(FigureId::kStale);
    note(asker, "upstream is late: stale answer");
    send_reply(now, asker, answer, 0, "stale", *actions_);
  }
}

void Engine::send_reply(TimeMs now, const Asker& asker, const Answer& answer, uint32_t age,
                        const char* how, Actions& actions) {
  const Rendered rendered = render(answer, asker, age, out_);
  count_answer(answer.rcode(), rendered.truncated);
  const uint16_t type = get16(answer.message, kHeaderSize + asker.name.size());
  actions.log({asker, type, answer.rcode(), how, now - asker.started});
  actions.reply(asker.token, rendered.message);
}

void Engine::send_error(const Asker& asker, const Question& question, Rcode rcode, const char* how,
                        Actions& actions, int32_t extended_error) {
  send_reply(asker.started, asker, bare_answer(question, rcode, extended_error), 0, how, actions);
}

void Engine::count_answer(uint16_t rcode, bool truncated) {
  figures_.count(FigureId::kAnswers);
  if (truncated) figures_.count(FigureId::kTruncated);
  const auto by_rcode = static_cast<uint8_t>(FigureId::kAnswersNoError);
  figures_.count(rcode <= kRefused ? static_cast<FigureId>(by_rcode + rcode)
                                   : FigureId::kAnswersOther);
}

void Engine::count_latency(TimeMs took) {
  latency_sum_ms_ += took;
  ++latencies_[std::min<std::size_t>(std::bit_width(took), kLatencies - 1)];
}

}  // namespace isthmus::dns64
