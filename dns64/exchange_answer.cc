// SPDX-License-Identifier: BSD-3-Clause
// What an exchange does with an answer from upstream.
#include <algorithm>
#include <utility>

#include "dns64/exchange.h"

namespace isthmus::dns64 {

Exchanges::Check Exchanges::check(const Attempt& attempt, const Exchange& exchange,
                                  ParseResult parsed) const {
  // RFC 5452 9.1: an answer whose ID or question differs MUST NOT be accepted.
  if (parsed == ParseResult::kNoHeader || !(parsed_.flags & kFlagQr) ||
      (parsed_.flags & kOpcodeMask) || parsed_.id != attempt.id) {
    return Check::kIgnore;
  }
  if (!parsed_.has_question) {
    // Servers that choke on a query may answer with a bare header. It can only say that this try
    // has failed.
    const bool bare = answer_.size() == kHeaderSize && get16(answer_, 4) == 0;
    return bare && parsed_.rcode() != kNoError && parsed_.rcode() != kNxDomain ? Check::kBareError
                                                                               : Check::kIgnore;
  }
  const Question& question = parsed_.question;
  if (question.type != exchange.question.type || question.klass != exchange.question.klass ||
      !(question.name == attempt.name)) {
    return Check::kIgnore;
  }
  const Bytes received = question.name.wire();
  const Bytes sent = attempt.name.wire();
  if (!std::equal(sent.begin(), sent.end(), received.begin(), received.end())) {
    return Check::kOtherCase;
  }
  // RFC 6891 6.2.3: a responder sends no more than we say that we take, and whoever sends more may
  // count on fragments, of which a forger can slip one in.
  const std::size_t most = attempt.edns ? kUdpPayload : kUdpPayloadWithoutEdns;
  if (!attempt.tcp && answer_.size() > most) return Check::kOversized;
  return parsed == ParseResult::kOk ? Check::kBelieve : Check::kMalformed;
}

void Exchanges::on_answer(TimeMs now, SendId id, Bytes message, Actions& actions) {
  Exchange* exchange = nullptr;
  Attempt* attempt = find(id, exchange);
  if (!attempt) {
    figures_.count(FigureId::kUpstreamLate);
    return;
  }
  answer_.assign(message.begin(), message.end());
  const ParseResult parsed = parse(answer_, parsed_);
  Check verdict = check(*attempt, *exchange, parsed);
  if (verdict == Check::kOtherCase && attempt->tcp) {
    // Over TCP nobody can have forged it: this resolver folds the case of all questions.
    upstreams_.folds_case(attempt->upstream);
    verdict = parsed == ParseResult::kOk ? Check::kBelieve : Check::kMalformed;
  }
  switch (verdict) {
    case Check::kIgnore: figures_.count(FigureId::kUpstreamMismatch); return;
    case Check::kOtherCase:
    case Check::kOversized:
      figures_.count(verdict == Check::kOversized ? FigureId::kUpstreamOversized
                                                  : FigureId::kUpstreamCase);
      attempt->open = false;
      actions.cancel(id);
      ask_over_tcp(now, *exchange, *attempt, actions);
      return;
    case Check::kMalformed:
      figures_.count(FigureId::kUpstreamMalformed);
      attempt->open = false;
      actions.cancel(id);
      exchange->error_rcode = kServFail;
      next_upstream(now, *exchange, actions);
      return;
    case Check::kBelieve:
      if (!cookie_is_right(now, *exchange, *attempt, id, actions)) return;
      break;
    case Check::kBareError: break;
  }
  attempt->open = false;
  actions.cancel(id);
  upstreams_.answered(attempt->upstream, now - attempt->sent);
  figures_.count(FigureId::kUpstreamAnswers);
  if (verdict == Check::kBareError) {
    on_error_rcode(now, *exchange, *attempt, actions);
  } else {
    on_believed(now, *exchange, *attempt, actions);
  }
}

bool Exchanges::cookie_is_right(TimeMs now, Exchange& exchange, Attempt& attempt, SendId id,
                                Actions& actions) {
  if (!attempt.cookie) return true;
  PeerCookies& cookies = upstreams_.cookies(attempt.upstream);
  switch (cookies.take(parsed_.edns)) {
    case PeerCookies::Verdict::kNone: return true;
    case PeerCookies::Verdict::kOurs: figures_.count(FigureId::kUpstreamCookies); return true;
    case PeerCookies::Verdict::kWrong:
      // RFC 7873 5.3: MUST be discarded. The true answer may still come.
      figures_.count(FigureId::kUpstreamBadCookie);
      return false;
    case PeerCookies::Verdict::kMissing: break;
  }
  if (attempt.tcp) {
    cookies.expect_none();
    return true;
  }
  // RFC 7873 5.3: expected and missing: MUST be discarded.
  figures_.count(FigureId::kUpstreamBadCookie);
  attempt.open = false;
  actions.cancel(id);
  ask_over_tcp(now, exchange, attempt, actions);
  return false;
}

// RFC 7873 5.3: BADCOOKIE comes with a cookie to try again with; if that is no good either, TCP.
bool Exchanges::retry_with_cookie(TimeMs now, Exchange& exchange, const Attempt& attempt_,
                                  Actions& actions) {
  if (!attempt_.cookie || attempt_.tcp) return false;
  const Attempt previous = attempt_;
  if (std::exchange(exchange.cookie_refused, true)) {
    ask_over_tcp(now, exchange, previous, actions);
    return true;
  }
  if (!attempt(now, exchange, previous.upstream, false, true, actions)) return false;
  set_timer(now, exchange);
  return true;
}

void Exchanges::ask_over_tcp(TimeMs now, Exchange& exchange, const Attempt& attempt_,
                             Actions& actions) {
  // A copy: attempt() may move the vector that holds it.
  const Attempt previous = attempt_;
  if (!exchange.tcp_extended) {
    exchange.tcp_extended = true;
    exchange.deadline = now + settings_.timeout_ms;
    exchange.interval = std::max<TimeMs>(settings_.timeout_ms / 2, 1);
  }
  if (!attempt(now, exchange, previous.upstream, true, previous.edns, actions)) {
    exchange.error_rcode = kServFail;
    next_upstream(now, exchange, actions);
    return;
  }
  set_timer(now, exchange);
}

void Exchanges::on_believed(TimeMs now, Exchange& exchange, Attempt& attempt, Actions& actions) {
  if ((parsed_.flags & kFlagTc) && !attempt.tcp) {
    figures_.count(FigureId::kUpstreamTruncated);
    ask_over_tcp(now, exchange, attempt, actions);
    return;
  }
  const uint16_t rcode = parsed_.rcode();
  // An error that says "validation failed" is a verdict, not a fault to be routed around.
  if (rcode != kNoError && rcode != kNxDomain && !is_dnssec_failure(parsed_)) {
    on_error_rcode(now, exchange, attempt, actions);
    return;
  }
  if (!attempt.edns && !parsed_.edns.present && upstreams_.wants_edns(attempt.upstream, now)) {
    upstreams_.no_edns(attempt.upstream, now);
  }
  settle(now, exchange, {&parsed_, answer_, rcode}, actions);
}

void Exchanges::on_error_rcode(TimeMs now, Exchange& exchange, const Attempt& attempt_,
                               Actions& actions) {
  const Attempt previous = attempt_;
  const uint16_t rcode = parsed_.rcode();
  if (rcode == kBadCookie && retry_with_cookie(now, exchange, previous, actions)) return;
  const bool old_server = rcode == kFormErr || rcode == kNotImp || rcode == kBadVers;
  if (old_server && previous.edns) {
    // RFC 6891 7: such servers get the question again without OPT.
    if (attempt(now, exchange, previous.upstream, previous.tcp, false, actions)) {
      set_timer(now, exchange);
      return;
    }
  }
  exchange.error_rcode = rcode > kRcodeMask ? uint16_t{kServFail} : rcode;
  const bool waiting = std::any_of(exchange.attempts.begin(), exchange.attempts.end(),
                                   [](const Attempt& a) { return a.open; });
  if (!waiting && !untried_upstream(exchange) && parsed_.has_question) {
    settle(now, exchange, {&parsed_, answer_, rcode}, actions);
    return;
  }
  next_upstream(now, exchange, actions);
}

}  // namespace isthmus::dns64
