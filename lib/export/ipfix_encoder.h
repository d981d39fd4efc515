// SPDX-License-Identifier: BSD-3-Clause
// IPFIX messages (RFC 7011) of NAT events (RFC 8158), built by libfixbuf.
//
// Theory of operation. libfixbuf writes into a buffer of ours, never to a socket: so nothing here
// waits. Each connection is a transport session of its own, with sequence numbers from zero and all
// templates first (RFC 7011 8.1), in messages of their own. Over UDP, where either may be lost,
// templates come again after `template_interval` (8.4). A message is closed when the next record
// does not fit any more, and at the end of each encode().
#pragma once

#include <memory>

#include "export/encoder.h"

namespace isthmus::exporter {

class IpfixEncoder final : public Encoder {
 public:
  struct Options {
    uint32_t domain = 1;
    uint16_t message_size = 32768;
    uint32_t template_interval = 0;  ///< seconds; 0: once a connection
    bool destinations = false;
    conf::ExportChoice choice{};  ///< which templates there are
  };

  explicit IpfixEncoder(Options options);
  ~IpfixEncoder() override;

  void begin() override;
  void encode(std::span<const Item> items, const conf::Config& config, double now_s,
              Output& out) override;
  /// Sequence numbers belong to a connection.
  bool keeps() const override { return false; }
  /// RFC 7011 10.3.3: what is left of a packet for the message.
  static uint16_t message_size(uint16_t packet_size, bool ipv6);

 private:
  struct Session;
  void add(const Record& record, Output& out);
  void add_templates(Output& out);
  void emit(Output& out);

  Options options_;
  std::unique_ptr<Session> session_;
  double templates_due_s_ = 0;
};

}  // namespace isthmus::exporter
