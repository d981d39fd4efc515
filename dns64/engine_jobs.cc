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
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  Job& job = found->second;
  if (outcome.message) {
    restore_case(outcome.bytes, *outcome.message, question_of_stage(job).name);
  }
  switch (job.stage) {
    case Stage::kAaaa: on_aaaa(now, id, job, outcome); return;
    case Stage::kA: on_a(now, id, job, outcome.message, outcome.rcode); return;
    case Stage::kForward:
    case Stage::kPtr: break;
  }
  std::optional<Answer> answer;
  if (!outcome.message) {
    answer = bare_answer(job.question, outcome.rcode);
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
    ask_a(now, id, job);
    return;
  }
  // 5.1.2: NXDOMAIN "is handled according to normal DNS operation". A DNSSEC failure must not be
  // circumvented by synthesis (5.5 (2)).
  if (rcode != kNoError) {
    finish_job(now, id, job, assembler_.forward(*message, job.question));
    return;
  }
  const Policy& policy = settings_.policy;
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
    finish_job(now, id, job, std::move(answer));
    return;
  }
  job.aaaa_answer = std::move(answer);
  job.negative = negative_ttl(*message);
  ask_a(now, id, job);
}

void Engine::ask_a(TimeMs now, JobId id, Job& job) {
  job.stage = Stage::kA;
  const Question question = question_of_stage(job);
  const Cache::Key key{question, job.dnssec_ok, job.checking_disabled};
  if (const Cache::Hit hit = cache_.find(key, now); hit.answer) {
    // The rendering makes its TTLs what is left of them.
    Asker self;
    self.name = job.question.name;
    self.limit = kMaxMessage;
    self.dnssec_ok = job.dnssec_ok;
    const Rendered rendered = render(*hit.answer, self, hit.age, out_);
    if (parse(rendered.message, cached_) == ParseResult::kOk) {
      on_a(now, id, job, &cached_, cached_.rcode());
      return;
    }
  }
  exchanges_.ask(now, question, job.dnssec_ok, job.checking_disabled, id, *actions_);
}

void Engine::on_a(TimeMs now, JobId id, Job& job, const Message* message, uint16_t rcode) {
  // RFC 6147 5.1.6: an error of the A query "is used as the basis for the answer".
  if (!message) {
    finish_job(now, id, job, bare_answer(job.question, rcode));
    return;
  }
  if (rcode != kNoError) {
    finish_job(now, id, job, assembler_.without_a(*message, job.question));
    return;
  }
  Assembler::Synthesis synthesis =
      assembler_.synthesise(*message, job.question, settings_.policy, job.negative);
  if (synthesis.carried) {
    figures_.count(FigureId::kSynthesised);
    finish_job(now, id, job, std::move(synthesis.answer));
    return;
  }
  if (synthesis.has_a) figures_.count(FigureId::kNotCarried);
  // 5.4: no A either, so the client gets the answer to its own question; 5.1.6 where that was an
  // error, which 5.1.2 has us treat as empty.
  finish_job(
      now, id, job,
      job.aaaa_answer ? std::move(job.aaaa_answer) : assembler_.without_a(*message, job.question));
}

void Engine::finish_job(TimeMs now, JobId id, Job& job, std::optional<Answer> answer) {
  if (!answer) answer = bare_answer(job.question, kServFail);
  by_question_.erase(question_key(job.question, job.dnssec_ok, job.checking_disabled));
  const auto node = jobs_.extract(id);
  const Job& done = node.mapped();
  waiting_ -= done.askers.size();
  for (const Asker& asker : done.askers) send_reply(asker, *answer, 0, *actions_);
  if (answer->ttl > 0) {
    figures_.count(FigureId::kCacheEvicted, cache_.insert(done.key(), std::move(*answer), now));
  }
}

}  // namespace isthmus::dns64
