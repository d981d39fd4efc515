// SPDX-License-Identifier: BSD-3-Clause
#include "packets/harness.h"

#include <sys/prctl.h>

#include <stdexcept>

#include "nat/classifier.h"
#include "nat/core.h"
#include "nat/foresee.h"
#include "nat/fragment_home.h"
#include "nat/pool_update.h"
#include "packets/diff.h"
#include "xlat/split.h"

namespace isthmus::test {
namespace {

constexpr uint16_t kRoom = 2048;
constexpr uint16_t kMark = 77;

// Tables are small here, and made anew for each row, sequence and fuzzing input: their huge pages
// would be cleared for nothing.
[[maybe_unused]] const int kNoHugePages = prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);

steer::Ownership ownership_of(const nat::Settings& settings, unsigned workers, uint64_t seed) {
  auto made = nat::make_ownership(settings, workers, seed);
  if (!made) throw std::runtime_error(made.error().text);
  return std::move(*made);
}

}  // namespace

Harness::Harness(const nat::Settings& settings, const xlat::Path& path, unsigned workers,
                 uint64_t seed)
    : settings_(settings), ownership_(ownership_of(settings, workers, seed)), path_(path) {
  auto seeded = settings;
  seeded.random_seed = seed;
  for (unsigned worker = 0; worker < workers; ++worker) {
    counters_.push_back(std::make_unique<telemetry::Counters>());
    auto made = nat::Translator::make(seeded, ownership_, worker, *counters_.back());
    if (!made) throw std::runtime_error(made.error().text);
    translators_.push_back(std::move(*made));
  }
  statics_ = std::make_unique<nat::StaticBindings>(
      ownership_, [this](unsigned worker, const nat::StaticBindings::Question& question) -> Status {
        question(*translators_[worker]);
        return Ok{};
      });
  for (const auto& instance : settings.instances) {
    for (const auto& binding : instance.statics) {
      if (auto added = statics_->add({binding, true, false}); !added) {
        throw std::runtime_error(added.error().text);
      }
    }
  }
}

bool Harness::place(Item& item) {
  auto& buf = **item.buffer;
  const auto reason = net::parse_ip(buf, item.view);
  if (reason != net::DropReason::kNone) {
    parse_counters_.add_drop(reason);
    return false;
  }
  const auto& any = *translators_.front();
  item.cls = item.view.family == 6
                 ? any.classify6(buf, item.view)
                 : any.classify4(net::header_at<net::Ip4Header>(buf.data)->destination);
  const bool own = item.view.family == 4 && !(path_.own4 == net::Ip4{}) &&
                   net::header_at<net::Ip4Header>(buf.data)->destination == path_.own4;
  if (own && !item.keep_hop_limit) {
    if (item.cls.kind != nat::Class::kStateful || !any.may_lend(buf, item.view)) {
      given_to_box_.push_back(item.buffer->bytes());
      return false;
    }
    item.cls.shared = true;
  }
  if (item.cls.kind == nat::Class::kNone || item.cls.kind == nat::Class::kUnserved) {
    parse_counters_.add_drop(item.cls.kind == nat::Class::kNone ? net::DropReason::kNotForUs
                                                                : net::DropReason::kNotServed);
    return false;
  }
  item.worker = 0;
  if (item.cls.kind == nat::Class::kStateful) {
    const auto owner = any.classifier().owner_of(ownership_, buf, item.view, item.cls);
    if (owner.kind == steer::Owner::kUnknown && workers() > 1) {
      return place_at_home(item, owner.worker);
    }
    item.worker = owner.worker;
  }
  return true;
}

bool Harness::place_at_home(Item& item, unsigned home) {
  item.worker = translators_[home]->fragment_home().owner_of(
      **item.buffer, item.view, {item.cls, item.keep_hop_limit, kMark}, now_ms_);
  return item.worker != nat::FragmentHome::kNobody;
}

void Harness::take_released(std::deque<Item>& queue) {
  for (unsigned worker = 0; worker < workers(); ++worker) take_released(worker, queue);
}

void Harness::take_released(unsigned worker, std::deque<Item>& queue) {
  auto& translator = *translators_[worker];
  const auto take = [&](auto& from, nat::Past past, auto&& owner) {
    while (from.has_released()) {
      Item item;
      item.buffer = std::make_unique<Buffer>(Bytes{}, net::kMinHeadroom, 10000);
      nat::Released how;
      if (!from.release(**item.buffer, how)) continue;
      if (net::parse_ip(**item.buffer, item.view) != net::DropReason::kNone || how.mark != kMark) {
        throw std::runtime_error("a released fragment is not what was held");
      }
      item.cls = how.cls;
      item.keep_hop_limit = how.keep_hop_limit;
      item.past = past;
      item.worker = owner(item);
      if (item.worker != nat::FragmentHome::kNobody) queue.push_back(std::move(item));
    }
  };
  auto& home = translator.fragment_home();
  take(home, nat::Past::kCounted,
       [&](const Item& item) { return home.owner_of_released(**item.buffer, item.view, now_ms_); });
  take(translator, nat::Past::kReleased, [&](const Item&) { return worker; });
}

std::vector<Bytes> Harness::exchange(const std::vector<Bytes>& in) {
  std::deque<Item> queue;
  std::vector<Bytes> out;
  for (const auto& bytes : in) {
    Item item;
    item.buffer = std::make_unique<Buffer>(bytes, net::kMinHeadroom, kRoom);
    if (place(item)) queue.push_back(std::move(item));
  }
  run(queue, out);
  return out;
}

void Harness::run(std::deque<Item>& queue, std::vector<Bytes>& out) {
  for (;;) {
    if (queue.empty()) take_released(queue);
    if (queue.empty()) return;
    nat::Batch batch;
    std::vector<uint16_t> marks(nat::kBatch, kMark);
    batch.marks = marks.data();
    std::vector<Item> items;
    const unsigned worker = queue.front().worker;
    const uint8_t family = queue.front().view.family;
    while (!queue.empty() && items.size() < nat::kBatch && queue.front().worker == worker &&
           queue.front().view.family == family) {
      Item& item = queue.front();
      batch.buf[batch.count] = &**item.buffer;
      batch.view[batch.count] = item.view;
      batch.decision[batch.count].cls = item.cls;
      batch.decision[batch.count].keep_hop_limit = item.keep_hop_limit;
      batch.decision[batch.count].past = item.past;
      ++batch.count;
      items.push_back(std::move(item));
      queue.pop_front();
    }
    promise_.reset();
    if (batch.count == 1) promise_ = foresee(batch, items.front());
    translators_[worker]->decide(batch, now_ms_);
    for (unsigned i = 0; i < batch.count; ++i) finish(batch, i, items[i], queue, out);
  }
}

void Harness::finish(nat::Batch& batch, unsigned i, Item& item, std::deque<Item>& queue,
                     std::vector<Bytes>& out) {
  const auto verdict = batch.decision[i].verdict;
  if (verdict == nat::Verdict::kDrop || verdict == nat::Verdict::kConsumed ||
      verdict == nat::Verdict::kLocal) {
    if (promise_) keep(*promise_, batch.decision[i], {}, {});
  }
  if (verdict == nat::Verdict::kDrop || verdict == nat::Verdict::kConsumed) return;
  if (verdict == nat::Verdict::kLocal) {
    given_to_box_.push_back(item.buffer->bytes());
    return;
  }
  const auto outcome = translators_[item.worker]->apply(batch, i, path_, now_ms_);
  if (promise_) keep(*promise_, batch.decision[i], outcome, item.buffer->bytes());
  switch (outcome.action) {
    case xlat::Action::kDrop: return;
    case xlat::Action::kReply:
      if (!item.keep_hop_limit || !turn_own(item.buffer->bytes(), queue)) {
        out.push_back(item.buffer->bytes());
      }
      return;
    case xlat::Action::kSplit: {
      xlat::Splitter splitter(**item.buffer, outcome.split_mtu);
      while (const uint32_t length = splitter.next_length()) {
        Bytes fragment(length);
        splitter.write_next(fragment.data());
        out.push_back(fragment);
      }
      return;
    }
    case xlat::Action::kForward: break;
  }
  if (!batch.decision[i].hairpin) {
    out.push_back(item.buffer->bytes());
    return;
  }
  item.keep_hop_limit = true;
  item.past = nat::Past::kNone;
  if (place(item)) queue.push_back(std::move(item));
}

// Who foresees ends a session whose time is up before; packets have to find such sessions as well.
// So each other time nothing is ended and nothing foreseen: false.
bool Harness::end_dead_session(nat::Core& core, const nat::Batch& batch, const Item& item) {
  constexpr auto k6To4 = nat::Direction::k6To4, k4To6 = nat::Direction::k4To6;
  const bool v6 = item.view.family == 6;
  const auto* dead = v6 ? core.dead_session<k6To4>(batch, 0, now_ms_)
                        : core.dead_session<k4To6>(batch, 0, now_ms_);
  if (dead == nullptr) return true;
  ends_dead_ = !ends_dead_;
  if (!ends_dead_) return false;
  v6 ? core.end_dead_session<k6To4>(batch, 0, now_ms_)
     : core.end_dead_session<k4To6>(batch, 0, now_ms_);
  return true;
}

// Each packet that comes alone, of each row, sequence and input: the control core can ask what
// would become of it (nat/foresee.h), and has to be told the truth.
Harness::Promise Harness::foresee(const nat::Batch& batch, const Item& item) {
  Promise out;
  out.buffer = std::make_unique<Buffer>(item.buffer->bytes(), net::kMinHeadroom, kRoom);
  auto copy = std::make_unique<nat::Batch>(batch);
  copy->buf[0] = &**out.buffer;
  auto& core = translators_[item.worker]->core();
  if (!end_dead_session(core, *copy, item)) {
    out.buffer.reset();
    return out;
  }
  const auto before = *counters_[item.worker];
  nat::Foreseen foreseen;
  item.view.family == 6 ? core.foresee<nat::Direction::k6To4>(*copy, 0, now_ms_, foreseen)
                        : core.foresee<nat::Direction::k4To6>(*copy, 0, now_ms_, foreseen);
  out.decision = copy->decision[0];
  if (foreseen.is_fragment) {
    out.buffer.reset();  // nothing is promised
    return out;
  }
  using nat::Verdict;
  const auto verdict = out.decision.verdict;
  if (verdict != Verdict::kDrop && verdict != Verdict::kConsumed && verdict != Verdict::kLocal) {
    out.outcome = core.foresee_apply(*copy, 0, path_, now_ms_);
  }
  if (before.value != counters_[item.worker]->value ||
      before.drop != counters_[item.worker]->drop) {
    throw std::runtime_error("what was only foreseen was counted");
  }
  return out;
}

void Harness::keep(const Promise& promise, const nat::Decision& d, const xlat::Outcome& outcome,
                   const Bytes& bytes) const {
  if (promise.buffer == nullptr) return;
  const auto expected = [](const char* what, auto wanted, auto got) {
    if (wanted == got) return;
    throw std::runtime_error(std::string("foreseen otherwise: ") + what + ' ' +
                             std::to_string(static_cast<unsigned>(wanted)) + ", not " +
                             std::to_string(static_cast<unsigned>(got)));
  };
  expected("verdict", promise.decision.verdict, d.verdict);
  expected("reason", promise.decision.reason, d.reason);
  expected("hairpin", promise.decision.hairpin, d.hairpin);
  expected("action", promise.outcome.action, outcome.action);
  expected("reason of the outcome", promise.outcome.reason, outcome.reason);
  expected("MTU", promise.outcome.split_mtu, outcome.split_mtu);
  if (outcome.action == xlat::Action::kDrop) return;
  if (promise.buffer->bytes() != bytes) {
    throw std::runtime_error("foreseen otherwise:\n" + diff(promise.buffer->bytes(), bytes));
  }
}

std::vector<Bytes> Harness::advance(uint32_t milliseconds) {
  std::vector<Bytes> out;
  now_ms_ += milliseconds;
  for (auto& translator : translators_) {
    bool more = true;
    while (more) {
      more = translator->expire(now_ms_, 64);
      while (translator->has_origination()) {
        Buffer buffer(Bytes{}, net::kMinHeadroom, 2048);
        if (!translator->originate(*buffer, path_)) continue;
        std::deque<Item> queue;
        if (!turn_own(buffer.bytes(), queue)) out.push_back(buffer.bytes());
        run(queue, out);
      }
    }
  }
  return out;
}

// What the gateway sends to a pool address is for an inside host, and is turned around.
bool Harness::turn_own(const Bytes& packet, std::deque<Item>& queue) {
  if (packet[0] >> 4 != 4) return false;
  const auto to = net::header_at<net::Ip4Header>(packet.data())->destination;
  if (translators_.front()->classify4(to).kind != nat::Class::kStateful) return false;
  parse_counters_.add(telemetry::Counter::kHairpin);
  Item item;
  item.buffer = std::make_unique<Buffer>(packet, net::kMinHeadroom, kRoom);
  item.keep_hop_limit = true;
  if (place(item)) queue.push_back(std::move(item));
  return true;
}

std::string Harness::install_pools(const nat::Settings& settings) {
  std::vector<std::unique_ptr<nat::PoolUpdate>> updates;
  for (const auto& translator : translators_) {
    auto update = translator->prepare_pools(settings);
    if (!update) return update.error().text;
    updates.push_back(std::move(*update));
  }
  for (unsigned worker = 0; worker < workers(); ++worker) {
    translators_[worker]->install_pools(*updates[worker]);
  }
  return "";
}

std::string Harness::change_pools(const nat::Settings& wanted) {
  for (const auto& translator : translators_) {
    if (auto update = translator->prepare_pools(wanted); !update) return update.error().text;
  }
  const auto change = nat::plan_change(settings_, wanted);
  if (auto problem = install_pools(change.join); !problem.empty()) return problem;
  statics_->reserve_again();
  for (const auto& translator : translators_) {
    uint64_t cursor = 0;
    do {
      cursor = translator->end_leaving(cursor, 7, change.leaving).next_cursor;
    } while (cursor != 0);
  }
  statics_->unreserve(change.leaving);
  settings_ = wanted;
  if (change.moves) {
    if (auto problem = install_pools(change.settle); !problem.empty()) return problem;
    statics_->reserve_again();
  }
  return install_pools(wanted);
}

telemetry::Counters Harness::counters() const {
  telemetry::Counters sum = parse_counters_;
  for (const auto& counters : counters_) {
    for (std::size_t i = 0; i < sum.value.size(); ++i) sum.value[i] += counters->value[i];
    for (std::size_t i = 0; i < sum.drop.size(); ++i) sum.drop[i] += counters->drop[i];
  }
  return sum;
}

}  // namespace isthmus::test
