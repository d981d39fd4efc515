// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/exchange.h"

#include <algorithm>
#include <array>

#include "dns64/answer.h"

namespace isthmus::dns64 {

Exchanges::Exchanges(ExchangeSettings settings, ExchangeListener& listener, Figures& figures)
    : settings_(std::move(settings)),
      listener_(listener),
      figures_(figures),
      upstreams_(settings_.upstreams, settings_.fastest),
      hash_key_{settings_.random(), settings_.random(), settings_.random()} {}

Transport Exchanges::transport_of(unsigned upstream) const {
  return upstream < settings_.transports.size() ? settings_.transports[upstream] : Transport::kUdp;
}

UpstreamGroup Exchanges::default_group() const {
  unsigned count = settings_.upstreams;
  for (const ForwardZone& forward : settings_.forwards) {
    count = std::min(count, forward.group.first);
  }
  return {0, count};
}

UpstreamGroup Exchanges::group_of(const Name& name) const {
  const ForwardZone* best = nullptr;
  for (const ForwardZone& forward : settings_.forwards) {
    if (!name.is_within(forward.zone)) continue;
    if (!best || forward.zone.size() > best->zone.size()) best = &forward;
  }
  return best ? best->group : default_group();
}

unsigned Exchanges::pick(const Exchange& exchange, TimeMs now) {
  return upstreams_.pick(exchange.group, exchange.tried, now, settings_.random());
}

TimeMs Exchanges::max_patience() const {
  return std::clamp<TimeMs>(settings_.timeout_ms / 5, 1, kMaxPatience);
}

TimeMs Exchanges::first_patience(const Exchange& exchange, unsigned upstream) const {
  const TimeMs usual = upstreams_.patience(upstream);
  if (!settings_.fastest || exchange.group.count < 2 || usual == 0) return max_patience();
  return std::clamp(usual, std::min(kMinPatience, max_patience()), max_patience());
}

uint64_t Exchanges::hash_of(const Question& question, bool dnssec_ok,
                            bool checking_disabled) const {
  const auto extra = static_cast<uint16_t>(dnssec_ok << 1 | int{checking_disabled});
  return hash_question(hash_key_, question, extra);
}

bool is_dnssec_code(int32_t code) {
  return code == 1 || code == 2 || (code >= 5 && code <= 12) || code == 27;
}

bool is_dnssec_failure(const Message& message) {
  return message.rcode() == kServFail && is_dnssec_code(message.edns.extended_error);
}

void Exchanges::ask(TimeMs now, const Question& question, bool dnssec_ok, bool checking_disabled,
                    JobId job, Actions& actions) {
  const auto [known, is_new] =
      by_question_.try_emplace(hash_of(question, dnssec_ok, checking_disabled), last_id_ + 1);
  if (!is_new) {
    Exchange* same = exchanges_.find(known->second);
    if (same->asks(question, dnssec_ok, checking_disabled)) {
      same->jobs.push_back(job);
      return;
    }
    // Hashes that meet should not happen; the second question then cannot be joined.
  }
  Exchange& exchange = exchanges_.add(++last_id_);
  exchange.id = last_id_;
  exchange.question = question;
  exchange.dnssec_ok = dnssec_ok;
  exchange.checking_disabled = checking_disabled;
  exchange.jobs.push_back(job);
  start(now, exchange, actions);
}

void Exchanges::start(TimeMs now, Exchange& exchange, Actions& actions) {
  exchange.deadline = now + settings_.timeout_ms;
  exchange.group = group_of(exchange.question.name);
  exchange.tcp_extended = false;
  const unsigned upstream = pick(exchange, now);
  // Tries at 0, 0.4 and 1.2 s with the default time allowed, unless one is known to be faster.
  exchange.interval = first_patience(exchange, upstream);
  attempt(now, exchange, upstream, false, upstreams_.wants_edns(upstream, now), actions);
  set_timer(now, exchange);
}

bool Exchanges::attempt(TimeMs now, Exchange& exchange, unsigned upstream, bool tcp, bool edns,
                        Actions& actions) {
  if (exchange.attempts.size() >= kMaxAttempts) return false;
  Attempt attempt;
  attempt.id = static_cast<uint16_t>(settings_.random());
  attempt.upstream = static_cast<uint8_t>(upstream);
  attempt.tcp = tcp || transport_of(upstream) != Transport::kUdp;
  attempt.edns = edns;
  // By TLS nothing can be forged, and a cookie would only tell who we are.
  attempt.cookie = edns && transport_of(upstream) != Transport::kTls;
  attempt.sent = now;
  attempt.name = exchange.question.name;
  if (upstreams_.keeps_case(upstream)) {
    attempt.name.randomise_case(settings_.random);
  } else {
    attempt.name.make_lower_case();
  }
  const SendId id = exchange.id << kAttemptBits | exchange.attempts.size();
  const Bytes query = write_query(exchange, attempt);
  exchange.attempts.push_back(attempt);
  exchange.tried.push_back(attempt.upstream);
  upstreams_.sent(upstream);
  figures_.count(attempt.tcp ? FigureId::kUpstreamSentTcp : FigureId::kUpstreamSent);
  actions.send(id, upstream, attempt.tcp, query);
  return true;
}

Bytes Exchanges::write_query(const Exchange& exchange, const Attempt& attempt) {
  query_.clear();
  const auto put16 = [&](unsigned v) {
    query_.push_back(static_cast<uint8_t>(v >> 8));
    query_.push_back(static_cast<uint8_t>(v));
  };
  put16(attempt.id);
  put16(unsigned{kFlagRd} | (exchange.checking_disabled ? unsigned{kFlagCd} : 0u));
  for (const unsigned count : {1u, 0u, 0u, attempt.edns ? 1u : 0u}) put16(count);
  const Bytes name = attempt.name.wire();
  query_.insert(query_.end(), name.begin(), name.end());
  put16(exchange.question.type);
  put16(exchange.question.klass);
  if (attempt.edns) {
    query_.push_back(0);
    put16(kTypeOpt);
    put16(kUdpPayload);
    put16(0);
    put16(exchange.dnssec_ok ? 0x8000 : 0);
    opt_length_at_ = query_.size();
    put16(0);
    if (attempt.cookie) {
      const Bytes cookie = upstreams_.cookies(attempt.upstream).to_send(settings_.random);
      append_option(kOptionCookie, cookie);
    }
    if (transport_of(attempt.upstream) == Transport::kTls) pad_query();
  }
  return query_;
}

void Exchanges::append_option(uint16_t code, Bytes data) {
  const auto size = static_cast<uint16_t>(data.size());
  for (const unsigned v : {unsigned{code}, unsigned{size}}) {
    query_.push_back(static_cast<uint8_t>(v >> 8));
    query_.push_back(static_cast<uint8_t>(v));
  }
  query_.insert(query_.end(), data.begin(), data.end());
  const std::size_t length = query_.size() - opt_length_at_ - 2;
  query_[opt_length_at_] = static_cast<uint8_t>(length >> 8);
  query_[opt_length_at_ + 1] = static_cast<uint8_t>(length);
}

// RFC 8467 4.1: clients SHOULD pad queries to the next multiple of 128 octets. An observer of the
// connection would know names by their length otherwise.
void Exchanges::pad_query() {
  constexpr std::size_t kBlock = 128;
  constexpr std::size_t kOptionHeader = 4;
  static constexpr std::array<uint8_t, kBlock> kZeros{};  // RFC 7830 3: SHOULD be 0x00
  const std::size_t used = query_.size() + kOptionHeader;
  append_option(kOptionPadding, Bytes(kZeros).first((kBlock - used % kBlock) % kBlock));
}

Exchanges::Attempt* Exchanges::find(SendId id, Exchange*& exchange) {
  Exchange* const found = exchanges_.find(id >> kAttemptBits);
  const std::size_t index = id & ((1u << kAttemptBits) - 1);
  if (!found || index >= found->attempts.size()) return nullptr;
  exchange = found;
  Attempt& attempt = exchange->attempts[index];
  return attempt.open ? &attempt : nullptr;
}

std::optional<Exchanges::Sent> Exchanges::sent(SendId id) {
  Exchange* exchange = nullptr;
  const Attempt* attempt = find(id, exchange);
  return attempt ? std::optional(Sent{attempt->upstream, attempt->tcp}) : std::nullopt;
}

void Exchanges::set_timer(TimeMs now, Exchange& exchange) {
  exchange.timer = std::min(now + exchange.interval, exchange.deadline);
  timers_.push({exchange.timer, exchange.id});
}

TimeMs Exchanges::next_deadline() {
  while (!timers_.empty()) {
    const Timer& top = timers_.top();
    const Exchange* found = exchanges_.find(top.exchange);
    if (found && found->timer == top.at) return top.at;
    timers_.pop();
  }
  return kNoDeadline;
}

void Exchanges::on_time(TimeMs now, Actions& actions) {
  while (next_deadline() <= now) {
    Exchange& exchange = *exchanges_.find(timers_.top().exchange);
    timers_.pop();
    on_timer(now, exchange, actions);
  }
}

void Exchanges::on_timer(TimeMs now, Exchange& exchange, Actions& actions) {
  for (Attempt& attempt : exchange.attempts) {
    const TimeMs waited = now - attempt.sent;
    if (!attempt.open || attempt.blamed || waited < max_patience()) continue;
    attempt.blamed = true;
    figures_.count(FigureId::kUpstreamTimeouts);
    upstreams_.failed(attempt.upstream, now, waited);
  }
  if (now >= exchange.deadline) {
    settle(now, exchange, {}, actions);
    return;
  }
  exchange.interval *= 2;
  if (exchange.attempts.size() < kMaxAttempts) {
    const unsigned upstream = pick(exchange, now);
    if (upstream != exchange.tried.back()) figures_.count(FigureId::kUpstreamFailover);
    // What was cut short over UDP will be again.
    attempt(now, exchange, upstream, exchange.tcp_extended, upstreams_.wants_edns(upstream, now),
            actions);
  }
  set_timer(now, exchange);
}

bool Exchanges::untried_upstream(const Exchange& exchange) const {
  const UpstreamGroup& group = exchange.group;
  for (unsigned i = group.first; i < group.first + group.count; ++i) {
    const auto& tried = exchange.tried;
    if (std::find(tried.begin(), tried.end(), static_cast<uint8_t>(i)) == tried.end()) return true;
  }
  return false;
}

void Exchanges::next_upstream(TimeMs now, Exchange& exchange, Actions& actions) {
  if (untried_upstream(exchange) && exchange.attempts.size() < kMaxAttempts) {
    const unsigned upstream = pick(exchange, now);
    figures_.count(FigureId::kUpstreamFailover);
    attempt(now, exchange, upstream, exchange.tcp_extended, upstreams_.wants_edns(upstream, now),
            actions);
    set_timer(now, exchange);
    return;
  }
  const bool waiting = std::any_of(exchange.attempts.begin(), exchange.attempts.end(),
                                   [](const Attempt& a) { return a.open; });
  // An answer with an error is an answer. Refused by the network, we wait for the timer and try
  // again: the resolver may be restarting.
  if (!waiting && exchange.error_rcode >= 0) settle(now, exchange, {}, actions);
}

void Exchanges::settle(TimeMs now, Exchange& exchange, const Outcome& outcome, Actions& actions) {
  Outcome result = outcome;
  if (!result.message) {
    figures_.count(FigureId::kUpstreamExhausted);
    if (exchange.error_rcode >= 0) {
      result.rcode = static_cast<uint16_t>(exchange.error_rcode);
    } else {
      result.extended_error =
          exchange.refusals == exchange.attempts.size() ? kEdeNetworkError : kEdeNoAuthority;
    }
  }
  for (std::size_t i = 0; i < exchange.attempts.size(); ++i) {
    if (exchange.attempts[i].open) actions.cancel(exchange.id << kAttemptBits | i);
  }
  const auto listed =
      by_question_.find(hash_of(exchange.question, exchange.dnssec_ok, exchange.checking_disabled));
  if (listed != by_question_.end() && listed->second == exchange.id) by_question_.erase(listed);
  // Listeners may ask again, even the same question: the exchange must be gone before.
  auto ended = exchanges_.take(exchange.id);
  for (const JobId job : ended.mapped().jobs) listener_.on_outcome(now, job, result);
  exchanges_.give_back(std::move(ended));
}

void Exchanges::on_failure(TimeMs now, SendId id, Actions& actions) {
  Exchange* exchange = nullptr;
  Attempt* attempt = find(id, exchange);
  if (!attempt) return;
  attempt->open = false;
  ++exchange->refusals;
  figures_.count(FigureId::kUpstreamFailed);
  if (!attempt->blamed) upstreams_.failed(attempt->upstream, now, 0);
  next_upstream(now, *exchange, actions);
}

void Exchanges::update(TimeMs now, ExchangeSettings settings, Actions& actions) {
  settings.random = std::move(settings_.random);
  settings_ = std::move(settings);
  upstreams_ = Upstreams(settings_.upstreams, settings_.fastest);
  std::vector<Exchange> old;
  for (auto& [id, exchange] : exchanges_) old.push_back(std::move(exchange));
  exchanges_.clear();
  by_question_.clear();
  for (const Exchange& exchange : old) {
    for (std::size_t i = 0; i < exchange.attempts.size(); ++i) {
      if (exchange.attempts[i].open) actions.cancel(exchange.id << kAttemptBits | i);
    }
    for (const JobId job : exchange.jobs) {
      ask(now, exchange.question, exchange.dnssec_ok, exchange.checking_disabled, job, actions);
    }
  }
}

}  // namespace isthmus::dns64
