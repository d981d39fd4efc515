// SPDX-License-Identifier: BSD-3-Clause
// Syslog messages (RFC 5424) of NAT events: structured data with the names and values that IPFIX
// has (RFC 8158), and the names that the configuration gave.
#pragma once

#include <string>

#include "export/encoder.h"

namespace isthmus::exporter {

class SyslogEncoder final : public Encoder {
 public:
  enum class Framing : uint8_t {
    kDatagram,  ///< RFC 5426: each its own datagram
    kCounted,   ///< RFC 6587 3.4.1: octet counting
    kLine       ///< in a file
  };

  SyslogEncoder(Framing framing, uint8_t facility, bool destinations);

  void begin() override {}
  void encode(std::span<const Item> items, const conf::Config& config, double now_s,
              Output& out) override;
  bool keeps() const override { return true; }

 private:
  void print(const Record& record, const Item& item, const conf::Config& config);

  Framing framing_;
  uint8_t facility_;
  bool destinations_;
  std::string middle_;  ///< host, program and process
  std::string text_;
};

}  // namespace isthmus::exporter
