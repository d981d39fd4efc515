// SPDX-License-Identifier: BSD-3-Clause
#include "packets/diff.h"

#include <algorithm>
#include <cstdio>
#include <initializer_list>

namespace isthmus::test {
namespace {

struct Spec {
  std::size_t length;
  const char* name;
};

// Collects fields until the packet ends; everything is bounds-checked, since tests look at broken
// packets too.
class Walker {
 public:
  explicit Walker(const Bytes& packet) : packet_(packet) {}

  std::vector<Field> walk() {
    ip("");
    if (at_ < packet_.size()) add({{packet_.size() - at_, "trailing bytes"}}, "");
    return std::move(fields_);
  }

 private:
  unsigned byte(std::size_t at) const { return at < packet_.size() ? packet_[at] : 0; }

  void add(std::initializer_list<Spec> specs, const std::string& prefix) {
    for (const auto& spec : specs) {
      if (at_ >= packet_.size() || spec.length == 0) continue;
      fields_.push_back({at_, spec.length, prefix + spec.name});
      at_ = std::min(packet_.size(), at_ + spec.length);
    }
  }

  void ip(const std::string& prefix) {
    if (byte(at_) >> 4 == 4) {
      ip4(prefix + "ip4.");
    } else if (byte(at_) >> 4 == 6) {
      ip6(prefix + "ip6.");
    }
  }

  void ip4(const std::string& prefix) {
    const std::size_t start = at_;
    const bool later = (byte(start + 6) & 0x1f) != 0 || byte(start + 7) != 0;
    add({{1, "version_ihl"},
         {1, "tos"},
         {2, "total_length"},
         {2, "identification"},
         {2, "flags_offset"},
         {1, "ttl"},
         {1, "protocol"},
         {2, "checksum"},
         {4, "source"},
         {4, "destination"},
         {(byte(start) & 15u) > 5 ? (byte(start) & 15u) * 4 - 20 : 0, "options"}},
        prefix);
    transport(later ? 59 : byte(start + 9), prefix);
  }

  void ip6(const std::string& prefix) {
    const std::size_t start = at_;
    unsigned next = byte(start + 6);
    add({{4, "version_class_flow"},
         {2, "payload_length"},
         {1, "next_header"},
         {1, "hop_limit"},
         {16, "source"},
         {16, "destination"}},
        prefix);
    while (at_ < packet_.size() && (next == 0 || next == 43 || next == 44 || next == 60)) {
      const std::size_t here = at_;
      const unsigned header = next;
      next = byte(here);
      if (header == 44) {
        add({{1, "fragment.next_header"},
             {1, "fragment.reserved"},
             {2, "fragment.offset_flags"},
             {4, "fragment.identification"}},
            prefix);
        if (((byte(here + 2) << 8 | byte(here + 3)) & 0xfff8) != 0) next = 59;
      } else {
        add({{(byte(here + 1) + 1u) * 8, "extension_header"}}, prefix);
      }
    }
    transport(next, prefix);
  }

  void transport(unsigned protocol, const std::string& prefix) {
    const std::size_t start = at_;
    if (protocol == 17) {
      add({{2, "udp.source_port"},
           {2, "udp.destination_port"},
           {2, "udp.length"},
           {2, "udp.checksum"}},
          prefix);
    } else if (protocol == 6) {
      add({{2, "tcp.source_port"},
           {2, "tcp.destination_port"},
           {4, "tcp.sequence"},
           {4, "tcp.acknowledgment"},
           {1, "tcp.data_offset"},
           {1, "tcp.flags"},
           {2, "tcp.window"},
           {2, "tcp.checksum"},
           {2, "tcp.urgent"}},
          prefix);
    } else if (protocol == 1 || protocol == 58) {
      const unsigned type = byte(start);
      const bool echo = protocol == 1 ? type == 0 || type == 8 : type >= 128;
      add({{1, "icmp.type"}, {1, "icmp.code"}, {2, "icmp.checksum"}, {4, "icmp.rest"}}, prefix);
      if (!echo) ip(prefix + "icmp.quote.");
    }
    if (at_ < packet_.size()) add({{packet_.size() - at_, "payload"}}, prefix);
  }

  const Bytes& packet_;
  std::size_t at_ = 0;
  std::vector<Field> fields_;
};

std::string hex_of(const Bytes& bytes, std::size_t offset, std::size_t length) {
  std::string out;
  for (std::size_t i = offset; i < offset + length && i < bytes.size(); ++i) {
    if (i >= offset + 16) return out + "...";
    char digits[4];
    std::snprintf(digits, sizeof digits, "%02x", bytes[i]);
    out += digits;
  }
  return out.empty() ? "nothing" : out;
}

bool same(const Bytes& a, const Bytes& b, std::size_t offset, std::size_t length) {
  for (std::size_t i = offset; i < offset + length; ++i) {
    const bool in_a = i < a.size(), in_b = i < b.size();
    if (in_a != in_b || (in_a && a[i] != b[i])) return false;
  }
  return true;
}

template <class Wanted>
std::string dump_where(const Bytes& bytes, const Wanted& wanted) {
  std::string out;
  for (std::size_t line = 0; line < bytes.size(); line += 16) {
    if (!wanted(line)) continue;
    char text[32];
    std::snprintf(text, sizeof text, "  %04zx ", line);
    out += text;
    for (std::size_t i = line; i < line + 16 && i < bytes.size(); ++i) {
      std::snprintf(text, sizeof text, " %02x", bytes[i]);
      out += text;
    }
    out += '\n';
  }
  return out;
}

}  // namespace

std::vector<Field> fields(const Bytes& packet) {
  return Walker(packet).walk();
}

std::string dump(const Bytes& bytes) {
  return dump_where(bytes, [](std::size_t) { return true; });
}

std::string diff(const Bytes& expected, const Bytes& got) {
  if (expected == got) return "";
  std::string out;
  const auto& reference = expected.empty() ? got : expected;
  if (expected.size() != got.size()) {
    out += "length: expected " + std::to_string(expected.size()) + ", got " +
           std::to_string(got.size()) + '\n';
  }
  std::size_t end = 0;
  for (const auto& field : fields(reference)) {
    end = field.offset + field.length;
    if (same(expected, got, field.offset, field.length)) continue;
    // Inside a long field, start where the difference does.
    std::size_t from = field.offset;
    while (same(expected, got, from, 1)) ++from;
    const std::size_t length = field.offset + field.length - from;
    out += "byte " + std::to_string(from) + " (" + field.name + "): expected " +
           hex_of(expected, from, length) + ", got " + hex_of(got, from, length) + '\n';
  }
  if (got.size() > end && got.size() > expected.size()) {
    out += "byte " + std::to_string(end) + " (beyond the end): got " +
           hex_of(got, end, got.size() - end) + '\n';
  }
  // Of long packets only the headers and what differs.
  const auto wanted = [&](std::size_t line) {
    return line < 128 || !same(expected, got, line, 16);
  };
  return out + "expected\n" + dump_where(expected, wanted) + "got\n" + dump_where(got, wanted);
}

}  // namespace isthmus::test
