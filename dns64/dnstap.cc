// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/dnstap.h"

#include <fstrm.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <future>
#include <thread>

#include "dns64/query.h"

namespace isthmus::dns64 {
namespace {

constexpr std::string_view kContentType = "protobuf:dnstap.Dnstap";
constexpr unsigned kReopenSeconds = 2;

// Protocol buffers: a field is its number and kind, then a number in groups of seven bits, or a
// length and octets, or four octets.
class Encoder {
 public:
  explicit Encoder(std::vector<uint8_t>& out) : out_(out) {}

  void number(unsigned field, uint64_t value) {
    varint(field << 3);
    varint(value);
  }
  void fixed32(unsigned field, uint32_t value) {
    varint(field << 3 | 5);
    for (unsigned i = 0; i < 32; i += 8) out_.push_back(static_cast<uint8_t>(value >> i));
  }
  void octets(unsigned field, Bytes value) {
    varint(field << 3 | 2);
    varint(value.size());
    out_.insert(out_.end(), value.begin(), value.end());
  }

 private:
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<uint8_t>(value | 0x80));
    out_.push_back(static_cast<uint8_t>(value));
  }
  std::vector<uint8_t>& out_;
};

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::vector<uint8_t> encode_inner(const TapMessage& message) {
  std::vector<uint8_t> out;
  out.reserve(message.message.size() + 64);
  Encoder encoder(out);
  const auto v4 = unmap_ip4(message.peer);
  const Bytes peer =
      v4 ? Bytes(reinterpret_cast<const uint8_t*>(&*v4), 4) : Bytes(message.peer.bytes);
  const bool forwarder =
      message.type == TapType::kForwarderQuery || message.type == TapType::kForwarderResponse;
  const bool response =
      message.type == TapType::kClientResponse || message.type == TapType::kForwarderResponse;
  encoder.number(1, static_cast<uint64_t>(message.type));
  encoder.number(2, v4 ? 1 : 2);
  encoder.number(3, static_cast<uint64_t>(message.protocol));
  // The client began the one conversation, we the other.
  encoder.octets(forwarder ? 5 : 4, peer);
  if (message.port != 0) encoder.number(forwarder ? 7 : 6, message.port);
  encoder.number(response ? 12 : 8, message.seconds);
  encoder.fixed32(response ? 13 : 9, message.nanoseconds);
  encoder.octets(response ? 14 : 10, message.message);
  return out;
}

}  // namespace

std::vector<uint8_t> encode(const TapMessage& message, std::string_view identity) {
  const std::vector<uint8_t> inner = encode_inner(message);
  std::vector<uint8_t> out;
  out.reserve(inner.size() + identity.size() + 32);
  Encoder encoder(out);
  encoder.octets(1, bytes_of(identity));
  encoder.octets(2, bytes_of("Isthmus"));
  encoder.octets(14, inner);
  encoder.number(15, 1);  // what follows is a message: the only kind there is
  return out;
}

Status DnsTap::open(const std::string& path) {
  if (path == path_) return Ok{};
  if (!path.empty() && (path[0] != '/' || path.size() >= sizeof(sockaddr_un::sun_path))) {
    return Error{"dns64.dnstap: found \"" + path +
                 "\", expected the path of a Unix socket that begins with \"/\""};
  }
  close();
  path_ = path;
  if (path.empty()) return Ok{};
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  identity_ = host;
  fstrm_writer_options* writer_options = fstrm_writer_options_init();
  fstrm_writer_options_add_content_type(writer_options, kContentType.data(), kContentType.size());
  fstrm_unix_writer_options* unix_options = fstrm_unix_writer_options_init();
  fstrm_unix_writer_options_set_socket_path(unix_options, path.c_str());
  fstrm_writer* writer = fstrm_unix_writer_init(unix_options, writer_options);
  fstrm_iothr_options* options = fstrm_iothr_options_init();
  fstrm_iothr_options_set_input_queue_size(options, kQueue);
  fstrm_iothr_options_set_reopen_interval(options, kReopenSeconds);
  thread_ = fstrm_iothr_init(options, &writer);
  fstrm_iothr_options_destroy(&options);
  fstrm_unix_writer_options_destroy(&unix_options);
  fstrm_writer_options_destroy(&writer_options);
  if (thread_ == nullptr) {
    path_.clear();
    return Error{"dns64.dnstap: no thread for it could be started"};
  }
  queue_ = fstrm_iothr_get_input_queue(thread_);
  return Ok{};
}

void DnsTap::add(TapMessage message) {
  if (thread_ == nullptr) return;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  message.seconds = static_cast<uint64_t>(now.tv_sec);
  message.nanoseconds = static_cast<uint32_t>(now.tv_nsec);
  const std::vector<uint8_t> frame = encode(message, identity_);
  void* copy = std::malloc(frame.size());
  if (copy == nullptr) std::abort();
  std::memcpy(copy, frame.data(), frame.size());
  if (fstrm_iothr_submit(thread_, queue_, copy, frame.size(), fstrm_free_wrapper, nullptr) ==
      fstrm_res_success) {
    ++sent_;
    return;
  }
  std::free(copy);
  ++lost_;
}

/// The thread may hang in a write to a collector that does not read; it is not waited for longer
/// than a moment then.
void DnsTap::close() {
  if (thread_ == nullptr) return;
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> ended = done->get_future();
  std::thread([done, thread = thread_]() mutable {
    fstrm_iothr_destroy(&thread);
    done->set_value();
  }).detach();
  ended.wait_for(std::chrono::milliseconds(500));
  thread_ = nullptr;
  queue_ = nullptr;
}

}  // namespace isthmus::dns64
