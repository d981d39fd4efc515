// SPDX-License-Identifier: BSD-3-Clause
#include "export/syslog_encoder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <ctime>
#include <iterator>

namespace isthmus::exporter {
namespace {

constexpr unsigned kWarning = 4, kInformational = 6;

// Not one of IANA's names, so it needs an enterprise number (RFC 5424 7.2.2): 32473 is the one for
// documentation (RFC 5612), as this project has none.
constexpr std::string_view kStructure = "nat@32473";

template <class T>
T take(std::span<const uint8_t>& bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes = bytes.subspan(sizeof value);
  return value;
}

void print_number(std::string& out, std::span<const uint8_t>& bytes, std::size_t length) {
  const uint64_t value = length == 1   ? take<uint8_t>(bytes)
                         : length == 2 ? take<uint16_t>(bytes)
                         : length == 4 ? take<uint32_t>(bytes)
                                       : take<uint64_t>(bytes);
  fmt::format_to(std::back_inserter(out), "{}", value);
}

void print_value(std::string& out, Element element, std::span<const uint8_t>& bytes) {
  switch (element) {
    case Element::kSource6:
    case Element::kDestination6: out += net::to_string(take<net::Ip6>(bytes)); return;
    case Element::kPostNatSource4:
    case Element::kPostNatDestination4:
      out += net::to_string(net::Ip4::from_host(take<uint32_t>(bytes)));
      return;
    default: return print_number(out, bytes, info_of(element).length);
  }
}

/// RFC 5424 6.2.3: UTC, with milliseconds.
void print_time(std::string& out, uint64_t unix_ms) {
  const auto seconds = static_cast<time_t>(unix_ms / 1000);
  tm utc{};
  gmtime_r(&seconds, &utc);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                 utc.tm_sec, unix_ms % 1000);
}

/// RFC 5424 6.3.3: these three are escaped.
void print_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == ']') out += '\\';
    out += c;
  }
}

void print_parameter(std::string& out, std::string_view name, std::string_view value) {
  fmt::format_to(std::back_inserter(out), " {}=\"", name);
  print_escaped(out, value);
  out += '"';
}

std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "-";
  return name;
}

}  // namespace

SyslogEncoder::SyslogEncoder(Framing framing, uint8_t facility, bool destinations)
    : framing_(framing),
      facility_(facility),
      destinations_(destinations),
      middle_(fmt::format(" {} isthmusd {} ", host_name(), getpid())) {}

void SyslogEncoder::print(const Record& record, const Item& item, const conf::Config& config) {
  const auto& event = item.event;
  const bool refused = (nat::mask_of(event.kind) & nat::kRefusalEvents) != 0;
  const auto elements = elements_of(record.layout);
  auto bytes = record.bytes().subspan(sizeof(uint64_t));  // time stands in the header
  text_.clear();
  fmt::format_to(std::back_inserter(text_), "<{}>1 ",
                 facility_ * 8u + (refused ? kWarning : kInformational));
  print_time(text_, item.unix_ms);
  text_ += middle_;
  text_ += item.threshold != 0 ? "pool-threshold" : nat::name(event.kind);
  text_ += " [";
  text_ += kStructure;
  for (const auto element : elements.subspan(1)) {
    fmt::format_to(std::back_inserter(text_), " {}=\"", info_of(element).name);
    print_value(text_, element, bytes);
    text_ += '"';
  }
  if (event.instance < config.nat64.size()) {
    print_parameter(text_, "nat64", config.nat64[event.instance].name);
  }
  if (refused && item.threshold == 0) print_parameter(text_, "count", std::to_string(event.count));
  text_ += ']';
}

void SyslogEncoder::encode(std::span<const Item> items, const conf::Config& config, double,
                           Output& out) {
  std::array<Record, kMaxRecords> records;
  std::string framed;
  for (const auto& item : items) {
    const std::size_t count = make_records(item, destinations_, config, records);
    for (std::size_t i = 0; i < count; ++i) {
      print(records[i], item, config);
      const std::string* message = &text_;
      if (framing_ == Framing::kLine) text_ += '\n';
      if (framing_ == Framing::kCounted) {
        framed = fmt::format("{} {}", text_.size(), text_);
        message = &framed;
      }
      out.add({reinterpret_cast<const uint8_t*>(message->data()), message->size()}, 1);
    }
  }
}

}  // namespace isthmus::exporter
