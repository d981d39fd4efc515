// SPDX-License-Identifier: BSD-3-Clause
// Flows through a Pipeline, with every byte and every counter accounted for.
//
// Theory of operation. A Flow knows the packets of both directions on both sides. FlowRig sends
// them, each at another queue than the one before, compares what comes out, and adds up what must
// have been counted; check_counters() compares all counters, those that were never named included.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dataplane/pipeline.h"

namespace isthmus::test {

struct Flow {
  enum Kind : uint8_t { kUdp, kTcp, kIcmp };

  Kind kind = kUdp;
  std::string host;
  uint16_t port = 0;  ///< of the inside host; ICMP: identifier
  uint16_t remote_port = 7000;
  std::string remote = "192.0.2.9";
  std::string address = {};  ///< of the pool, once the flow is open
  uint16_t outside = 0;

  Packet inside_out() const;   ///< as the inside host sends it
  Packet outside_out() const;  ///< as the Internet gets it, but for the identification
  Packet outside_in() const;   ///< as the Internet answers
  Packet inside_in() const;
  Flow to(uint16_t other_remote_port) const {
    Flow other = *this;
    other.remote_port = other_remote_port;
    return other;
  }
};

class FlowRig : public Pipeline {
 public:
  struct Sent {
    std::vector<Bytes> inside, internet;
    bool nothing() const { return inside.empty() && internet.empty(); }
  };
  /// How many bindings and sessions a packet makes.
  struct Made {
    uint64_t bindings = 0, sessions = 0;
  };

  using Pipeline::Pipeline;

  /// Which queue a frame comes to; without it, each comes to another one than the one before.
  std::function<unsigned(const std::string& device, const Bytes& frame)> spread = {};

  /// One packet in; whatever comes out of it. Packets and bytes at ports are accounted for.
  Sent give_inside(const Bytes& packet);
  Sent give_internet(const Bytes& packet);
  /// Lets time pass, with all the housekeeping that falls due; what is sent meanwhile.
  Sent let_pass(uint32_t milliseconds);

  /// Opens a flow and learns its pool address and port; makes a binding unless told otherwise.
  Flow open(Flow flow, Made made = {1, 1});
  /// A packet each way.
  void lives(const Flow& flow);
  void lives(const std::vector<Flow>& flows) {
    for (const auto& flow : flows) lives(flow);
  }
  /// Refused with Address Unreachable (RFC 6146 3.5.1.1).
  void refused(const Flow& flow, telemetry::DropReason reason);
  /// Refused, and no error sent: the limit of those is reached.
  void refused_silently(const Flow& flow);
  /// What comes from outside is dropped without a word.
  void dropped_from_outside(const Flow& flow, telemetry::DropReason reason);

  void expect(telemetry::Counter counter, uint64_t n = 1) { expected_[text(counter)] += n; }
  void expect(telemetry::DropReason reason, uint64_t n = 1) { expected_[text(reason)] += n; }
  void ended(uint64_t bindings, uint64_t sessions);
  void check_counters();

  /// The first host of the `n`th subscriber that `worker` owns.
  std::string host_of(unsigned worker, unsigned n = 0);
  /// All events since the last call: of each kind, how many, and for how many refusals they stand.
  struct Told {
    unsigned events = 0;
    uint64_t refusals = 0;
  };
  std::map<nat::EventKind, Told> events();
  nat::TableInfo tables();
  uint64_t ports_in_use();
  /// As the command does.
  void clear(const nat::Filter& filter = {});

 private:
  unsigned queue_for(const RingPort& port, const Bytes& frame);
  Sent collect();
  static std::string text(telemetry::Counter counter) { return std::string(name(counter)); }
  static std::string text(telemetry::DropReason reason) {
    return "drop " + std::string(name(reason));
  }

  std::map<std::string, uint64_t> expected_;
  unsigned turn_ = 0;
};

/// `got` with the identification of `expected`, which is the gateway's to choose.
std::string diff4(Bytes expected, const Bytes& got);

}  // namespace isthmus::test
