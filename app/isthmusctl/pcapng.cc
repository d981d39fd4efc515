// SPDX-License-Identifier: BSD-3-Clause
// DPDK's rte_pcapng has no comments on packets before 23.11, and libpcap does not write the format.
#include "pcapng.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace isthmus::ctl {
namespace {

constexpr uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr uint32_t kInterfaceDescription = 1;
constexpr uint32_t kEnhancedPacket = 6;
constexpr uint16_t kOptEnd = 0, kOptComment = 1;
constexpr uint16_t kOptApplication = 4;  // of a section
constexpr uint16_t kOptName = 2;         // of an interface
constexpr uint16_t kOptResolution = 9;   // of an interface
constexpr uint16_t kOptFlags = 2;        // of a packet
constexpr uint16_t kLinkEthernet = 1, kLinkRaw = 101;

// Numbers stand in our own order, which the section's header tells.
template <class T>
void put(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void pad(std::string& out) {
  out.append((4 - out.size() % 4) % 4, '\0');
}

void option(std::string& out, uint16_t code, std::string_view value) {
  value = value.substr(0, 0xffff);
  put(out, code);
  put(out, static_cast<uint16_t>(value.size()));
  out += value;
  pad(out);
}

void end_options(std::string& out) {
  put(out, kOptEnd);
  put(out, uint16_t{0});
}

std::string block(uint32_t type, const std::string& body) {
  std::string out;
  const auto total = static_cast<uint32_t>(body.size() + 12);
  put(out, type);
  put(out, total);
  out += body;
  put(out, total);
  return out;
}

}  // namespace

void PcapngFile::Close::operator()(std::FILE* file) const {
  if (file != stdout) std::fclose(file);
}

Result<std::unique_ptr<PcapngFile>> PcapngFile::make(const std::string& path,
                                                     const std::string& application) {
  std::FILE* file = path == "-" ? stdout : std::fopen(path.c_str(), "wbe");
  if (file == nullptr) return Error{fmt::format("{}: {}", path, std::strerror(errno))};
  std::unique_ptr<PcapngFile> out(new PcapngFile(path, file));
  std::string body;
  put(body, uint32_t{0x1a2b3c4d});
  put(body, uint16_t{1});
  put(body, uint16_t{0});
  put(body, ~uint64_t{0});  // the section's length is not told
  option(body, kOptApplication, application);
  end_options(body);
  if (auto written = out->write(block(kSectionHeader, body)); !written) return written.error();
  return out;
}

Status PcapngFile::write(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) {
    return Error{fmt::format("{}: {}", path_, std::strerror(errno))};
  }
  written_ += text.size();
  return Ok{};
}

Status PcapngFile::flush() {
  if (std::fflush(file_.get()) == 0) return Ok{};
  return Error{fmt::format("{}: {}", path_, std::strerror(errno))};
}

// An interface is described before its first packet.
Result<uint32_t> PcapngFile::interface_of(const CapturedPacket& packet) {
  const std::pair key(packet.interface, packet.is_frame);
  const auto at = interfaces_.find(key);
  if (at != interfaces_.end()) return at->second;
  std::string body;
  put(body, packet.is_frame ? kLinkEthernet : kLinkRaw);
  put(body, uint16_t{0});
  put(body, uint32_t{0});  // no limit
  option(body, kOptName, packet.interface + (packet.is_frame ? "" : " (IP)"));
  option(body, kOptResolution, "\x09");  // nanoseconds
  end_options(body);
  if (auto written = write(block(kInterfaceDescription, body)); !written) return written.error();
  const auto number = static_cast<uint32_t>(interfaces_.size());
  interfaces_.emplace(key, number);
  return number;
}

Status PcapngFile::add(const CapturedPacket& packet) {
  const auto interface = interface_of(packet);
  if (!interface) return interface.error();
  std::string body;
  put(body, *interface);
  put(body, static_cast<uint32_t>(packet.unix_ns >> 32));
  put(body, static_cast<uint32_t>(packet.unix_ns));
  put(body, static_cast<uint32_t>(packet.bytes.size()));
  put(body, std::max(packet.length, static_cast<uint32_t>(packet.bytes.size())));
  body.append(reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size());
  pad(body);
  if (!packet.comment.empty()) option(body, kOptComment, packet.comment);
  if (packet.direction != CapturedPacket::Direction::kUnknown) {
    std::string flags;
    put(flags, static_cast<uint32_t>(packet.direction));
    option(body, kOptFlags, flags);
  }
  end_options(body);
  return write(block(kEnhancedPacket, body));
}

}  // namespace isthmus::ctl
