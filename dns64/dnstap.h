// SPDX-License-Identifier: BSD-3-Clause
// What clients and resolvers say, for a collector: dnstap messages in frame streams on a Unix
// socket.
//
// Theory of operation. A message is encoded here, into memory of its own, and handed to a thread of
// libfstrm by a queue of fixed size. That thread connects, again every few seconds while nobody
// collects, and writes. A message that finds the queue full is dropped and counted: answers wait
// for no collector, not even for one that has stopped reading. While nobody collects the thread
// throws messages away. The schema (dnstap.info) has a dozen fields that matter here; each is
// written out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dns64/wire.h"
#include "net/addr.h"
#include "net/result.h"

struct fstrm_iothr;
struct fstrm_iothr_queue;

namespace isthmus::dns64 {

/// As dnstap numbers them.
enum class TapType : uint8_t {
  kClientQuery = 5,
  kClientResponse = 6,
  kForwarderQuery = 7,
  kForwarderResponse = 8,
};
enum class TapProtocol : uint8_t { kUdp = 1, kTcp = 2, kTls = 3 };

struct TapMessage {
  TapType type = TapType::kClientQuery;
  TapProtocol protocol = TapProtocol::kUdp;
  net::Ip6 peer;      ///< the client, or the resolver; IPv4 addresses are mapped
  uint16_t port = 0;  ///< of the same; 0: not known
  uint64_t seconds = 0;
  uint32_t nanoseconds = 0;
  Bytes message;
};

/// One frame's content.
std::vector<uint8_t> encode(const TapMessage& message, std::string_view identity);

class DnsTap {
 public:
  DnsTap() = default;
  DnsTap(const DnsTap&) = delete;
  DnsTap& operator=(const DnsTap&) = delete;
  ~DnsTap() { close(); }

  /// An empty path: none.
  Status open(const std::string& path);
  bool enabled() const { return thread_ != nullptr; }
  /// Fills in the time.
  void add(TapMessage message);
  uint64_t sent() const { return sent_; }
  uint64_t lost() const { return lost_; }

  static constexpr unsigned kQueue = 16384;

 private:
  void close();

  std::string path_;
  std::string identity_;
  fstrm_iothr* thread_ = nullptr;
  fstrm_iothr_queue* queue_ = nullptr;
  uint64_t sent_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace isthmus::dns64
