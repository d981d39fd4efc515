// SPDX-License-Identifier: BSD-3-Clause
// Messages, octet by octet.
#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include "catch.h"
#include "export/ipfix_encoder.h"
#include "export/syslog_encoder.h"
#include "samples.h"

namespace isthmus::exporter::encoder_test {
namespace {

using nat::EventKind;
using test::sample_config, test::sample_item;

std::string hex(std::span<const uint8_t> bytes) {
  std::string out;
  for (const auto byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

struct Set {
  uint16_t id;
  std::span<const uint8_t> bytes;
};
struct Message {
  uint16_t version, length;
  uint32_t time, sequence, domain;
  std::vector<Set> sets;
};

uint32_t big(std::span<const uint8_t> bytes, std::size_t at, std::size_t length) {
  uint32_t value = 0;
  for (std::size_t i = 0; i < length; ++i) value = value << 8 | bytes[at + i];
  return value;
}

/// RFC 7011 3.1 to 3.3.
Message parse(std::span<const uint8_t> bytes) {
  REQUIRE(bytes.size() >= 16);
  Message out{static_cast<uint16_t>(big(bytes, 0, 2)),
              static_cast<uint16_t>(big(bytes, 2, 2)),
              big(bytes, 4, 4),
              big(bytes, 8, 4),
              big(bytes, 12, 4),
              {}};
  CHECK(out.version == 10);
  REQUIRE(out.length == bytes.size());
  for (std::size_t at = 16; at < bytes.size();) {
    const std::size_t length = big(bytes, at + 2, 2);
    REQUIRE(length >= 4);
    REQUIRE(at + length <= bytes.size());
    out.sets.push_back(
        {static_cast<uint16_t>(big(bytes, at, 2)), bytes.subspan(at + 4, length - 4)});
    at += length;
  }
  return out;
}

/// Template identifier -> its fields as "element/length ".
std::map<uint16_t, std::string> templates_in(const Message& message) {
  std::map<uint16_t, std::string> out;
  for (const auto& set : message.sets) {
    if (set.id != 2) continue;
    for (std::size_t at = 0; at + 4 <= set.bytes.size();) {
      const auto id = static_cast<uint16_t>(big(set.bytes, at, 2));
      const std::size_t count = big(set.bytes, at + 2, 2);
      at += 4;
      for (std::size_t i = 0; i < count; ++i, at += 4) {
        out[id] += fmt::format("{}/{} ", big(set.bytes, at, 2), big(set.bytes, at + 2, 2));
      }
    }
  }
  return out;
}

IpfixEncoder::Options all_events(bool destinations) {
  IpfixEncoder::Options options;
  options.domain = 77;
  options.destinations = options.choice.destinations = destinations;
  options.choice.events = {conf::EventFamily::kSessions,   conf::EventFamily::kBindings,
                           conf::EventFamily::kPortBlocks, conf::EventFamily::kStatics,
                           conf::EventFamily::kExhaustion, conf::EventFamily::kQuotas};
  return options;
}

/// Templates, and what comes behind them.
std::pair<Message, Message> encode_one(IpfixEncoder& encoder, const Item& item, Output& out) {
  encoder.encode({&item, 1}, *sample_config(), 1, out);
  REQUIRE(out.size() == 2);
  CHECK(out.message(0).records == 0);
  CHECK(out.message(1).records == 1);
  return {parse(out.message(0).bytes), parse(out.message(1).bytes)};
}

/// The one data set of an event, and which template it names.
std::pair<int, std::string> data_of(const Item& item, bool destinations = false) {
  IpfixEncoder encoder(all_events(destinations));
  Output out;
  const auto message = encode_one(encoder, item, out).second;
  REQUIRE(message.sets.size() == 1);
  return {message.sets[0].id, hex(message.sets[0].bytes)};
}

const std::string kTime = "0000019a01020304";
const std::string kInside = "20010db8000a0000000000000000000b";
const std::string kOutside = "cb007107";
const std::string kInstance = "00000002";

std::string syslog_of(const Item& item, SyslogEncoder::Framing framing, bool destinations = false) {
  SyslogEncoder encoder(framing, 16, destinations);
  Output out;
  encoder.encode({&item, 1}, *sample_config(), 1, out);
  REQUIRE(out.size() == 1);
  const auto bytes = out.message(0).bytes;
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("RFC 8158 4.6: templates have the mandatory elements of each table") {
  IpfixEncoder encoder(all_events(true));
  Output out;
  const auto message = encode_one(encoder, sample_item(EventKind::kSessionCreated), out).first;
  CHECK(message.domain == 77);
  CHECK(message.sequence == 0);
  const std::map<uint16_t, std::string> expected{
      {257, "323/8 230/1 4/1 27/16 7/2 225/4 227/2 28/16 11/2 226/4 228/2 463/4 "},
      {258, "323/8 230/1 4/1 27/16 7/2 225/4 227/2 463/4 "},
      {259, "323/8 230/1 27/16 225/4 463/4 "},
      {260, "323/8 230/1 27/16 225/4 361/2 362/2 463/4 "},
      {261, "323/8 230/1 283/4 463/4 "},
      {262, "323/8 230/1 225/4 4/1 463/4 "},
      {263, "323/8 230/1 466/4 471/4 463/4 "},
      {264, "323/8 230/1 466/4 472/4 463/4 "},
      {265, "323/8 230/1 466/4 473/4 27/16 463/4 "},
      {266, "323/8 230/1 466/4 474/4 463/4 "},
      {267, "323/8 230/1 467/4 478/4 283/4 463/4 "},
  };
  CHECK(templates_in(message) == expected);
}

TEST_CASE("RFC 8158 4.6.2: a session, with its destination only where asked for") {
  const std::string flow = "06" + kInside + "1388" + kOutside + "9cb0";
  CHECK(data_of(sample_item(EventKind::kSessionCreated)) ==
        std::pair(256, kTime + "06" + flow + kInstance));
  CHECK(data_of(sample_item(EventKind::kSessionDeleted)) ==
        std::pair(256, kTime + "07" + flow + kInstance));
  const std::string destination =
      "20010db80064000000000000c633640a"
      "01bb"
      "c633640a"
      "01bb";
  CHECK(data_of(sample_item(EventKind::kSessionCreated), true) ==
        std::pair(257, kTime + "06" + flow + destination + kInstance));
}

TEST_CASE("RFC 8158 4.6.4: bindings, dynamic and static") {
  const std::string binding = "06" + kInside + "1388" + kOutside + "9cb0" + kInstance;
  for (const auto& [kind, event] : {std::pair(EventKind::kBindingCreated, "0a"),
                                    {EventKind::kBindingDeleted, "0b"},
                                    {EventKind::kStaticAdded, "0a"},
                                    {EventKind::kStaticRemoved, "0b"}}) {
    CHECK(data_of(sample_item(kind)) == std::pair(258, kTime + event + binding));
  }
  auto whole = sample_item(EventKind::kStaticAdded);
  whole.event.protocol = 0;
  CHECK(data_of(whole) == std::pair(259, kTime + "0e" + kInside + kOutside + kInstance));
}

TEST_CASE("RFC 8158 4.6.10: a port block always has portRangeEnd (conflict C17)") {
  const std::string block = kInside + kOutside + "9cb0" + "9eaf" + kInstance;
  CHECK(data_of(sample_item(EventKind::kPortBlockGranted)) == std::pair(260, kTime + "10" + block));
  CHECK(data_of(sample_item(EventKind::kPortBlockReturned)) ==
        std::pair(260, kTime + "11" + block));
}

TEST_CASE("RFC 8158 4.6.5, 4.6.6, 4.6.7: what was refused") {
  CHECK(data_of(sample_item(EventKind::kPoolExhausted)) ==
        std::pair(262, kTime + "0c" + kOutside + "06" + kInstance));
  auto none = sample_item(EventKind::kPoolExhausted);
  none.event.instance = 0;
  none.event.outside = {};
  CHECK(data_of(none) == std::pair(261, kTime + "03" + "00010001" + "00000001"));
  CHECK(data_of(sample_item(EventKind::kSessionTableFull)) ==
        std::pair(263, kTime + "0d" + "00000001" + "00010000" + kInstance));
  CHECK(data_of(sample_item(EventKind::kBindingTableFull)) ==
        std::pair(264, kTime + "0d" + "00000002" + "00020000" + kInstance));
  auto user = sample_item(EventKind::kSubscriberLimit);
  user.event.limit = nat::LimitKind::kUdpBindings;
  CHECK(data_of(user) ==
        std::pair(265, kTime + "0d" + "00000003" + "0000000e" + kInside + kInstance));
  CHECK(data_of(sample_item(EventKind::kSubscriberTableFull)) ==
        std::pair(266, kTime + "0d" + "00000004" + "00003000" + kInstance));
}

TEST_CASE("RFC 7011 3.1: the sequence number counts records, and starts anew with a connection") {
  IpfixEncoder encoder(all_events(false));
  const std::vector<Item> items(3, sample_item(EventKind::kBindingCreated));
  const auto encode = [&] {
    Output out;
    encoder.encode(items, *sample_config(), 1, out);
    REQUIRE(out.size() != 0);
    CHECK(out.message(out.size() - 1).records == 3);
    const auto first = parse(out.message(0).bytes);
    const auto last = parse(out.message(out.size() - 1).bytes);
    CHECK(first.sequence == last.sequence);
    return std::pair(last.sequence, templates_in(first).size());
  };
  CHECK(encode() == std::pair<uint32_t, std::size_t>(0, 11));
  CHECK(encode() == std::pair<uint32_t, std::size_t>(3, 0));
  encoder.begin();
  CHECK(encode() == std::pair<uint32_t, std::size_t>(0, 11));
}

TEST_CASE("RFC 7011 8.4: over UDP templates come again, also when nothing happens") {
  auto options = all_events(false);
  options.template_interval = 60;
  IpfixEncoder encoder(options);
  const auto templates = [&](double now) {
    Output out;
    encoder.encode({}, *sample_config(), now, out);
    return out.size() == 0 ? 0 : templates_in(parse(out.message(0).bytes)).size();
  };
  CHECK(templates(100) == 11);
  CHECK(templates(159) == 0);
  CHECK(templates(160) == 11);
  CHECK(templates(161) == 0);
  encoder.begin();
  CHECK(templates(162) == 11);
}

TEST_CASE("RFC 7011 8.1: templates of a quiet connection went before its first record") {
  IpfixEncoder encoder(all_events(false));
  Output quiet, out;
  encoder.encode({}, *sample_config(), 1, quiet);
  CHECK(quiet.size() == 1);
  const auto item = sample_item(EventKind::kBindingCreated);
  encoder.encode({&item, 1}, *sample_config(), 2, out);
  REQUIRE(out.size() == 1);
  const auto message = parse(out.message(0).bytes);
  REQUIRE(message.sets.size() == 1);
  CHECK(message.sets[0].id == 258);
}

TEST_CASE("RFC 7011 10.3.3: no message is longer than its packet has room") {
  CHECK(IpfixEncoder::message_size(512, false) == 484);
  CHECK(IpfixEncoder::message_size(1280, true) == 1232);
  auto options = all_events(true);
  options.message_size = IpfixEncoder::message_size(512, true);
  IpfixEncoder encoder(options);
  const std::vector<Item> items(100, sample_item(EventKind::kSessionCreated));
  Output out;
  encoder.encode(items, *sample_config(), 1, out);
  REQUIRE(out.size() > 10);
  uint32_t records = 0;
  std::map<uint16_t, std::string> templates;
  for (std::size_t i = 0; i < out.size(); ++i) {
    CHECK(out.message(i).bytes.size() <= 464);
    const auto message = parse(out.message(i).bytes);
    CHECK(message.sequence == records);
    records += out.message(i).records;
    templates.merge(templates_in(message));
  }
  CHECK(records == 100);
  CHECK(templates.size() == 11);
}

TEST_CASE("RFC 5424: a message has the header's fields, and the elements of IPFIX by name") {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  const auto expected = fmt::format(
      "<134>1 2025-10-20T09:45:00.420Z {} isthmusd {} session-created [nat@32473 natEvent=\"6\" "
      "protocolIdentifier=\"6\" sourceIPv6Address=\"2001:db8:a::b\" sourceTransportPort=\"5000\" "
      "postNATSourceIPv4Address=\"203.0.113.7\" postNAPTSourceTransportPort=\"40112\" "
      "natInstanceID=\"2\" nat64=\"second\"]",
      host, getpid());
  const auto item = sample_item(EventKind::kSessionCreated);
  CHECK(syslog_of(item, SyslogEncoder::Framing::kDatagram) == expected);
  CHECK(syslog_of(item, SyslogEncoder::Framing::kLine) == expected + '\n');
  // RFC 6587 3.4.1
  CHECK(syslog_of(item, SyslogEncoder::Framing::kCounted) ==
        fmt::format("{} {}", expected.size(), expected));
  CHECK(syslog_of(item, SyslogEncoder::Framing::kLine, true)
            .find("destinationIPv6Address=\"2001:db8:64::c633:640a\" "
                  "destinationTransportPort=\"443\" "
                  "postNATDestinationIPv4Address=\"198.51.100.10\" "
                  "postNAPTDestinationTransportPort=\"443\"") != std::string::npos);
}

TEST_CASE("RFC 5424: a refusal is a warning, and says how many it stands for") {
  auto item = sample_item(EventKind::kSubscriberLimit);
  item.event.limit = nat::LimitKind::kSessions;
  item.event.count = 41;
  const auto text = syslog_of(item, SyslogEncoder::Framing::kDatagram);
  CHECK(text.starts_with("<132>1 "));
  CHECK(text.find(" subscriber-limit [nat@32473 natEvent=\"13\" natQuotaExceededEvent=\"3\" "
                  "maxEntriesPerUser=\"11\" sourceIPv6Address=\"2001:db8:a::b\" "
                  "natInstanceID=\"2\" nat64=\"second\" count=\"41\"]") != std::string::npos);
}

TEST_CASE("RFC 5424: a pool that fills up is a warning of its own name") {
  auto item = sample_item(EventKind::kPoolExhausted);
  item.event.pool = 1;
  item.threshold = 5760;
  const auto text = syslog_of(item, SyslogEncoder::Framing::kDatagram);
  CHECK(text.starts_with("<132>1 "));
  CHECK(
      text.ends_with(" pool-threshold [nat@32473 natEvent=\"18\" natThresholdEvent=\"3\" "
                     "addressPortMappingHighThreshold=\"5760\" natPoolId=\"131074\" "
                     "natInstanceID=\"2\" nat64=\"second\"]"));
}

TEST_CASE("RFC 5424 6.3.3: names of the configuration are escaped") {
  auto config = sample_config();
  config->nat64[1].name = "a\"b\\c]d";
  SyslogEncoder encoder(SyslogEncoder::Framing::kLine, 23, false);
  Output out;
  const auto item = sample_item(EventKind::kBindingCreated);
  encoder.encode({&item, 1}, *config, 1, out);
  const auto bytes = out.message(0).bytes;
  const std::string text(bytes.begin(), bytes.end());
  CHECK(text.starts_with("<190>1 "));
  CHECK(text.ends_with(" nat64=\"a\\\"b\\\\c\\]d\"]\n"));
}

}  // namespace isthmus::exporter::encoder_test
