// SPDX-License-Identifier: BSD-3-Clause
#include "capture.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <vector>

#include "control/command_table.h"
#include "fetch.h"
#include "pcapng.h"

namespace isthmus::ctl {
namespace {

constexpr const char* kCaptureUsage =
    "usage: capture drops|punts|port NAME [count N] [seconds N] [megabytes N] "
    "[filter EXPRESSION] FILE";

std::vector<uint8_t> unhex(std::string_view text) {
  std::vector<uint8_t> bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    uint8_t byte = 0;
    std::from_chars(&text[i], &text[i] + 2, byte, 16);
    bytes.push_back(byte);
  }
  return bytes;
}

class Recorder {
 public:
  Recorder(Client& client, const CaptureWish& wish, PcapngFile& file)
      : client_(client), wish_(wish), file_(file) {}

  ExitCode run() {
    const auto code = fetch(
        client_, "capture", "packets", wish_.seconds,
        [this](const Json& packets) { return take(packets); }, lost_);
    report();
    return code;
  }

 private:
  bool is_full() const {
    return packets_ >= wish_.count || file_.bytes() >= wish_.megabytes * 1'000'000;
  }

  Result<bool> take(const Json& packets) {
    for (const auto& packet : packets) {
      if (is_full()) break;
      if (auto added = add(packet); !added) return added.error();
    }
    // What a crash would lose is little, and a full disk is noticed while it is news.
    if (auto flushed = file_.flush(); !flushed) return flushed.error();
    return !is_full();
  }

  Status add(const Json& json) {
    CapturedPacket packet;
    const auto bytes = unhex(json.value("bytes", ""));
    packet.bytes = bytes;
    packet.interface = json.value("port", "unknown");
    packet.is_frame = json.value("link", "") == "ethernet";
    packet.unix_ns = json.value("unix_ns", uint64_t{0});
    packet.length = json.value("length", uint32_t{0});
    packet.comment = json.value("comment", "");
    const auto way = json.value("way", "");
    if (way == "received") packet.direction = CapturedPacket::Direction::kIn;
    if (way == "sent") packet.direction = CapturedPacket::Direction::kOut;
    ++packets_;
    return file_.add(packet);
  }

  void report() {
    std::fprintf(stderr, "%s\n",
                 fmt::format("{} packets, {} octets written to {}; {} lost because they came "
                             "faster than they were fetched",
                             packets_, file_.bytes(), wish_.file, lost_)
                     .c_str());
  }

  Client& client_;
  const CaptureWish& wish_;
  PcapngFile& file_;
  uint64_t packets_ = 0, lost_ = 0;
};

}  // namespace

Result<CaptureWish> parse_capture(std::string_view text) {
  auto words = control::split_words(text);
  CaptureWish wish;
  if (words.size() < 2) return Error{"nothing to capture, or no file"};
  wish.file = words.back();
  words.pop_back();
  std::size_t at = 1;
  wish.what = words[0];
  if (words[0] == "port") {
    if (words.size() < 2) return Error{"no name of a port"};
    wish.what += ' ' + std::string(words[at++]);
  } else if (words[0] != "drops" && words[0] != "punts") {
    return Error{fmt::format("\"{}\" cannot be captured", words[0])};
  }
  while (at < words.size()) {
    const auto word = words[at++];
    if (word == "filter") {
      wish.what += " filter";
      if (at == words.size()) return Error{"no expression after \"filter\", or no file"};
      for (; at < words.size(); ++at) wish.what += ' ' + std::string(words[at]);
      break;
    }
    const auto value = at < words.size() ? words[at++] : std::string_view();
    const bool understood = word == "count"       ? read_number(value, wish.count)
                            : word == "seconds"   ? read_number(value, wish.seconds)
                            : word == "megabytes" ? read_number(value, wish.megabytes)
                                                  : false;
    if (!understood) return Error{fmt::format("\"{} {}\" is not understood", word, value)};
  }
  return wish;
}

ExitCode run_capture(Client& client, std::string_view arguments) {
  const auto wish = parse_capture(arguments);
  if (!wish) {
    std::fprintf(stderr, "isthmusctl: %s\n%s\n", wish.error().text.c_str(), kCaptureUsage);
    return kUsage;
  }
  // First what may be refused without a file: a filter, a name.
  std::string answer;
  if (const auto code = client.capture("capture start " + wish->what, answer); code != kOk) {
    std::fputs(answer.c_str(), stderr);
    return code;
  }
  auto file = PcapngFile::make(wish->file, "isthmusctl");
  auto code = kFailed;
  if (file) {
    code = Recorder(client, *wish, **file).run();
  } else {
    std::fprintf(stderr, "isthmusctl: %s\n", file.error().text.c_str());
  }
  answer.clear();
  (void)client.capture("capture stop", answer);
  return code;
}

}  // namespace isthmus::ctl
