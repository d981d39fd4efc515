// SPDX-License-Identifier: BSD-3-Clause
// The steps of a job once upstream has spoken: RFC 6147 5.1 to 5.4.
#include <cstring>
#include <utility>

#include "dns64/engine.h"

namespace isthmus::dns64 {
namespace {

/// Writes the client's spelling over our random one, so that every name that the upstream
/// compressed to a pointer into the question comes out as the client spelt it.
void restore_case(std::span<uint8_t> bytes, const Message& message, const Name& name) {
  if (!message.has_question || message.question.name.size() != name.size()) return;
  std::memcpy(bytes.data() + kHeaderSize, name.wire().data(), name.size());
}

}  // namespace

void Engine::on_outcome(TimeMs now, JobId id, const Outcome& outcome) {
  const bool second = (id & 1) != 0;
  id >>= 1;
  Job* const found = jobs_.find(id);
  if (!found) return;
  Job& job = *found;
  if (outcome.message) {
    Question question = question_of_stage(job);
    restore_case(outcome.bytes, *outcome.message, question.name);
  }
  if (!second) {
    on_first(now, id, job, outcome);
  } else if (job.stage == Stage::kA) {
    on_a(now, id, job, outcome.message, outcome.rcode, outcome.extended_error);
  } else {
    // It waits until it is known whether it is wanted.
    job.a_came = true;
    job.a_rcode = outcome.rcode;
    job.a_error = outcome.extended_error;
    if (outcome.message) job.a_message.assign(outcome.bytes.begin(), outcome.bytes.end());
  }
}

void Engine::on_first(TimeMs now, JobId id, Job& job, const Outcome& outcome) {
  switch (job.stage) {
    case Stage::kAaaa: on_aaaa(now, id, job, outcome); return;
    case Stage::kA:
      on_a(now, id, job, outcome.message, outcome.rcode, outcome.extended_error);
      return;
    case Stage::kForward:
    case Stage::kPtr: break;
  }
  std::optional<Answer> answer;
  if (!outcome.message) {
    note(job, "no upstream answered");
    answer = bare_answer(job.question, outcome.rcode, outcome.extended_error);
  } else if (job.stage == Stage::kPtr) {
    figures_.count(FigureId::kReverse);
    answer = assembler_.reverse(*outcome.message, job.question, job.target, job.zone);
  } else {
    answer = assembler_.forward(*outcome.message, job.question);
  }
  finish_job(now, id, job, std::move(answer));
}

void Engine::on_aaaa(TimeMs now, JobId id, Job& job, const Outcome& outcome) {
  const Message* message = outcome.message;
  const uint16_t rcode = outcome.rcode;
  // RFC 6147 5.1.3: a timeout is treated as RCODE 2. 5.1.2: any RCODE but 0 and 3 as an empty
  // answer.
  if (!message || (rcode != kNoError && rcode != kNxDomain && !is_dnssec_failure(*message))) {
    note(job, "the AAAA query failed");
    if (settings_.synthesise_on_error) {
      ask_a(now, id, job);
    } else {
      finish_job(now, id, job,
                 message ? assembler_.forward(*message, job.question)
                         : bare_answer(job.question, rcode, outcome.extended_error));
    }
    return;
  }
  // 5.1.2: NXDOMAIN "is handled according to normal DNS operation". A DNSSEC failure must not be
  // circumvented by synthesis (5.5 (2)).
  if (rcode != kNoError) {
    note(job, rcode == kNxDomain ? "the name does not exist" : "DNSSEC validation failed upstream");
    finish_job(now, id, job, assembler_.forward(*message, job.question));
    return;
  }
  const Policy& policy = policy_of(job);
  const AaaaFinding finding = assembler_.examine_aaaa(*message, job.question, policy);
  if (finding.excluded) figures_.count(FigureId::kExcludedAaaa);
  if (finding.broken) {
    finish_job(now, id, job, std::nullopt);
    return;
  }
  std::optional<Answer> answer = finding.excluded
                                     ? assembler_.without_excluded(*message, job.question, policy)
                                     : assembler_.forward(*message, job.question);
  if (finding.usable) {
    // 5.1.1: real AAAA records exist, so none is synthesised.
    figures_.count(FigureId::kNativeAaaa);
    note(job, "has AAAA records of its own");
    finish_job(now, id, job, std::move(answer));
    return;
  }
  note(job, finding.excluded ? "has excluded AAAA records only" : "has no AAAA records");
  job.aaaa_answer = std::move(answer);
  job.negative = negative_ttl(*message);
  ask_a(now, id, job);
}

void Engine::ask_a(TimeMs now, JobId id, Job& job) {
  job.stage = Stage::kA;
  const auto use = [&](Bytes bytes) {
    return parse(bytes, cached_) == ParseResult::kOk ? &cached_ : nullptr;
  };
  if (job.a_came) {
    const Message* message = job.a_message.empty() ? nullptr : use(job.a_message);
    on_a(now, id, job, message, job.a_rcode, job.a_error);
    return;
  }
  if (job.a_asked) return;
  const Question question = question_of_stage(job);
  const Cache::Key key{question, job.dnssec_ok, job.checking_disabled, job.view};
  if (const Cache::Hit hit = cache_.find(key, now); hit.answer && !hit.stale) {
    Answer aged = *hit.answer;
    grow_old(aged, hit.age);
    if (const Message* message = use(aged.message)) {
      note(job, "A from the cache");
      on_a(now, id, job, message, message->rcode(), -1);
      return;
    }
  }
  note(job, "asks A");
  exchanges_.ask(now, question, job.dnssec_ok, job.checking_disabled, id << 1, *actions_);
}

void Engine::on_a(TimeMs now, JobId id, Job& job, const Message* message, uint16_t rcode,
                  int32_t extended_error) {
  // RFC 6147 5.1.6: an error of the A query "is used as the basis for the answer".
  if (!message) {
    note(job, "the A query failed");
    finish_job(now, id, job, bare_answer(job.question, rcode, extended_error));
    return;
  }
  if (rcode != kNoError) {
    finish_job(now, id, job, assembler_.without_a(*message, job.question));
    return;
  }
  Assembler::Synthesis synthesis =
      assembler_.synthesise(*message, job.question, policy_of(job), job.negative);
  if (synthesis.carried) {
    figures_.count(FigureId::kSynthesised);
    note(job, "synthesised from A records");
    job.how = "synthesised";
    if (synthesis.answer && job.aaaa_answer && job.aaaa_answer->ttl > synthesis.answer->ttl) {
      const Cache::Key raw{job.question, job.dnssec_ok, job.checking_disabled,
                           static_cast<uint8_t>(job.view | Cache::kRaw)};
      figures_.count(FigureId::kCacheEvicted, cache_.insert(raw, std::move(*job.aaaa_answer), now));
    }
    finish_job(now, id, job, std::move(synthesis.answer));
    return;
  }
  note(job, synthesis.has_a ? "A records that no prefix may carry" : "has no A records");
  if (synthesis.has_a) figures_.count(FigureId::kNotCarried);
  // 5.4: no A either, so the client gets the answer to its own question; 5.1.6 where that was an
  // error, which 5.1.2 has us treat as empty.
  finish_job(
      now, id, job,
      job.aaaa_answer ? std::move(job.aaaa_answer) : assembler_.without_a(*message, job.question));
}

void Engine::finish_job(TimeMs now, JobId id, Job& job, std::optional<Answer> answer) {
  if (!answer) answer = bare_answer(job.question, kServFail);
  const uint16_t rcode = answer->rcode();
  const bool failed =
      rcode != kNoError && rcode != kNxDomain && !is_dnssec_code(answer->extended_error);
  if (failed && settings_.serve_stale > 0) {
    // RFC 8767 5: after a failure the stale answer serves for a while, without asking again.
    cache_.failed(job.key(), now + kStalePause);
    answer_stale(now, job);
  }
  const auto listed = by_question_.find(cache_.hash_of(job.key()));
  if (listed != by_question_.end() && listed->second == id) by_question_.erase(listed);
  auto node = jobs_.take(id);
  Job& done = node.mapped();
  for (const Asker& asker : done.askers) {
    release(asker);
    count_latency(now - asker.started);
    send_reply(now, asker, *answer, 0, done.how, *actions_);
  }
  if (answer->ttl > 0 && !(failed && cache_.find(done.key(), now).answer)) {
    figures_.count(FigureId::kCacheEvicted, cache_.insert(done.key(), std::move(*answer), now));
  }
  // The A query that turned out not to be needed: most who ask for AAAA ask for A as well.
  if (done.a_asked && !done.a_came && done.stage == Stage::kAaaa) {
    Question question = done.question;
    question.type = kTypeA;
    refresh(now, {question, done.dnssec_ok, done.checking_disabled, done.view}, *actions_);
  }
  jobs_.give_back(std::move(node));
}

}  // namespace isthmus::dns64
