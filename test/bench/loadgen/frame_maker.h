// SPDX-License-Identifier: BSD-3-Clause
// Test frames: UDP with a stamp in the payload, towards IPv4 servers from inside and towards
// learned pool addresses from outside; and what a received one says.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bench/frames.h"

namespace isthmus::loadgen {

/// The identifying tag of RFC 8219 7.2, at the start of the payload.
struct Stamp {
  uint32_t flow = 0;
  uint32_t sequence = 0;  ///< of its direction, from 0 in each trial
  uint64_t time = 0;      ///< of the tester's clock
  uint16_t trial = 0;     ///< late frames of an earlier trial do not count

  static constexpr unsigned kSize = 18;  ///< fits the smallest frame (64 octets with FCS, of IPv4)
  void store(uint8_t* payload) const;
  static Stamp load(const uint8_t* payload);
  friend bool operator==(const Stamp&, const Stamp&) = default;
};

/// A received frame of ours.
struct Arrival {
  Stamp stamp;
  net::Ip4 source;  ///< of frames that arrive outside: what the flow was given
  net::Be16 source_port{};
};

class FrameMaker {
 public:
  /// Headers are written to frames of at least this many bytes; what follows them must be zero.
  static constexpr unsigned kHeaders = 80;

  /// `payloads`: lengths that frames take in turn, each at least Stamp::kSize.
  FrameMaker(const bench::Shape& shape, const net::Prefix6052& prefix,
             const std::vector<unsigned>& payloads);

  void set_links(const net::Mac& own6, const net::Mac& gateway6, const net::Mac& own4,
                 const net::Mac& gateway4);

  /// Frames towards IPv4 may come without a UDP checksum (RFC 768: zero), though ours have one and
  /// RFC 7915 5.5 has it updated: VPP leaves it out.
  void take_no_udp_checksum() { no_udp_checksum_ = true; }

  // Both write headers and stamp with all checksums, and return the frame's length.
  unsigned make_6(uint8_t* frame, const Stamp& stamp) const;
  unsigned make_4(uint8_t* frame, const bench::Cell& to, const Stamp& stamp) const;

  // nullopt: not a frame of ours.
  std::optional<Arrival> read_6(const uint8_t* frame, unsigned length) const;
  std::optional<Arrival> read_4(const uint8_t* frame, unsigned length) const;

  // Whether all that a translator has to leave or make right is right: addresses and ports of the
  // flow, every checksum. `frame` was read by read_6(), read_4().
  bool is_right_6(const uint8_t* frame, const Stamp& stamp) const;
  bool is_right_4(const uint8_t* frame, const Stamp& stamp) const;

 private:
  bench::Shape shape_;
  net::Prefix6052 prefix_;
  std::vector<bench::Template> six_, four_;
  bool no_udp_checksum_ = false;
};

}  // namespace isthmus::loadgen
