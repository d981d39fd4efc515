// SPDX-License-Identifier: BSD-3-Clause
// A Rig without ports: translators side by side, packets carried between them by hand.
//
// Theory of operation. Each packet is parsed and classified; steer::owner_of() says whose it is;
// runs of packets with the same owner and family become one batch, so that rows also see packets of
// one burst meet. A hairpinned packet goes round once more, as the pipeline would hand it off.
// Nobody waits for fragments that are released: they follow when the burst has been decided.
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "nat/statics.h"
#include "nat/translator.h"
#include "packets/buffer.h"
#include "packets/fixture.h"
#include "steer/ownership.h"

namespace isthmus::test {

class Harness : public Rig {
 public:
  Harness(const nat::Settings& settings, const xlat::Path& path, unsigned workers, uint64_t seed);

  std::vector<Bytes> exchange(const std::vector<Bytes>& in) override;
  std::vector<Bytes> advance(uint32_t milliseconds) override;
  std::string change_pools(const nat::Settings& wanted) override;
  std::vector<Bytes> given_to_box() override { return std::exchange(given_to_box_, {}); }
  telemetry::Counters counters() const override;

  nat::Translator& translator(unsigned worker) { return *translators_[worker]; }
  const steer::Ownership& ownership() const { return ownership_; }
  uint32_t now() const { return now_ms_; }
  nat::StaticBindings& statics() { return *statics_; }
  unsigned workers() const { return ownership_.workers(); }

 private:
  struct Item {
    std::unique_ptr<Buffer> buffer;
    net::PacketView view;
    nat::Class cls;
    unsigned worker = 0;
    bool keep_hop_limit = false;
    nat::Past past = nat::Past::kNone;
  };
  /// False if the packet does not reach a translator: it was dropped, or is held at its home.
  bool place(Item& item);
  bool place_at_home(Item& item, unsigned home);
  /// Lets fragments that were held go on.
  void take_released(std::deque<Item>& queue);
  void take_released(unsigned worker, std::deque<Item>& queue);
  void run(std::deque<Item>& queue, std::vector<Bytes>& out);
  void finish(nat::Batch& batch, unsigned i, Item& item, std::deque<Item>& queue,
              std::vector<Bytes>& out);

  /// What was foreseen of a packet that comes alone.
  struct Promise {
    std::unique_ptr<Buffer> buffer;
    nat::Decision decision;
    xlat::Outcome outcome;
  };
  Promise foresee(const nat::Batch& batch, const Item& item);
  bool end_dead_session(nat::Core& core, const nat::Batch& batch, const Item& item);
  void keep(const Promise& promise, const nat::Decision& d, const xlat::Outcome& outcome,
            const Bytes& bytes) const;

  bool turn_own(const Bytes& packet, std::deque<Item>& queue);
  std::string install_pools(const nat::Settings& settings);

  nat::Settings settings_;
  steer::Ownership ownership_;
  xlat::Path path_;
  std::vector<std::unique_ptr<telemetry::Counters>> counters_;
  telemetry::Counters parse_counters_;
  std::vector<Bytes> given_to_box_;
  std::vector<std::unique_ptr<nat::Translator>> translators_;
  std::unique_ptr<nat::StaticBindings> statics_;
  std::optional<Promise> promise_;
  bool ends_dead_ = false;
  uint32_t now_ms_ = 0xffff0000;  // wraps soon
};

}  // namespace isthmus::test
