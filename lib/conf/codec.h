// SPDX-License-Identifier: BSD-3-Clause
// How each C++ type of config.h is written in the file: its name in the reference, its parser, its
// printer. An option's type is the type of the member it fills, so the two cannot disagree.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include <fmt/format.h>

#include "conf/config.h"
#include "conf/tree.h"
#include "net/result.h"

namespace isthmus::conf {

/// Bounds of an integer, or of a string's length. For a list they hold for each element.
struct Range {
  int64_t min = 0;
  int64_t max = std::numeric_limits<int32_t>::max();
};

using Address = std::variant<net::Ip4, net::Ip6>;
using AnyPrefix = std::variant<net::Ip4Prefix, net::Ip6Prefix>;

/// Values written as strings. parse() fails with what was expected.
template <class T>
struct TextCodec;

#define ISTHMUS_TEXT_CODEC(T, type, plural)           \
  template <>                                         \
  struct TextCodec<T> {                               \
    static constexpr std::string_view kType = type;   \
    static constexpr std::string_view kMany = plural; \
    static Result<T> parse(std::string_view text);    \
    static std::string print(const T& value);         \
  };
ISTHMUS_TEXT_CODEC(Address, "IP address", "IP addresses")
ISTHMUS_TEXT_CODEC(net::Ip4, "IPv4 address", "IPv4 addresses")
ISTHMUS_TEXT_CODEC(net::Ip6, "IPv6 address", "IPv6 addresses")
ISTHMUS_TEXT_CODEC(net::Ip4Prefix, "IPv4 prefix", "IPv4 prefixes")
ISTHMUS_TEXT_CODEC(net::Ip6Prefix, "IPv6 prefix", "IPv6 prefixes")
ISTHMUS_TEXT_CODEC(AnyPrefix, "IP prefix", "IP prefixes")
ISTHMUS_TEXT_CODEC(net::Prefix6052, "translation prefix", "translation prefixes")
ISTHMUS_TEXT_CODEC(InterfaceAddress, "address with prefix length", "addresses with prefix length")
ISTHMUS_TEXT_CODEC(AddressRange, "IPv4 addresses", "IPv4 prefixes, ranges or addresses")
ISTHMUS_TEXT_CODEC(PortlessProtocol, "protocol", "protocols, each by name or number in quotes")
ISTHMUS_TEXT_CODEC(Endpoint, "resolver", "resolvers")
#undef ISTHMUS_TEXT_CODEC

/// The words of an enumeration, in the order of its values.
template <class E>
inline constexpr std::string_view kWords[] = {""};
template <>
inline constexpr std::string_view kWords<HugePages>[] = {"auto", "on", "off"};
template <>
inline constexpr std::string_view kWords<Idle>[] = {"spin", "yield"};
template <>
inline constexpr std::string_view kWords<BondMode>[] = {"active-backup", "balance", "802.3ad"};
template <>
inline constexpr std::string_view kWords<LogLevel>[] = {"error", "warning", "info", "debug"};
template <>
inline constexpr std::string_view kWords<UdpZero>[] = {"drop", "compute", "forward"};
template <>
inline constexpr std::string_view kWords<Filtering>[] = {"endpoint-independent",
                                                         "address-dependent"};

template <>
inline constexpr std::string_view kWords<StaticProtocol>[] = {"any", "tcp", "udp", "icmp"};
template <>
inline constexpr std::string_view kWords<Hairpinning>[] = {"off", "simple", "intrinsic"};

template <>
inline constexpr std::string_view kWords<Allocation>[] = {"dynamic", "blocks", "deterministic"};
template <>
inline constexpr std::string_view kWords<Pairing>[] = {"hard", "soft"};
template <>
inline constexpr std::string_view kWords<ClassWord>[] = {"copy"};
template <>
inline constexpr std::string_view kWords<MssWord>[] = {"off", "auto"};

template <class T>
struct IsNumberOr : std::false_type {};
template <class Word>
struct IsNumberOr<NumberOr<Word>> : std::true_type {};

template <>
inline constexpr std::string_view kWords<DnsSynthesis>[] = {"normal", "never", "always"};
template <>
inline constexpr std::string_view kWords<DnsClientPolicy>[] = {"normal", "never", "always",
                                                               "refuse"};
template <>
inline constexpr std::string_view kWords<DnsNameAction>[] = {"exclude", "force", "block"};
template <>
inline constexpr std::string_view kWords<DnsUpstreamChoice>[] = {"fastest", "order"};

template <>
inline constexpr std::string_view kWords<EventFamily>[] = {"sessions", "bindings",   "port-blocks",
                                                           "statics",  "exhaustion", "quotas"};
template <>
inline constexpr std::string_view kWords<ExportTransport>[] = {"tcp", "udp", "tls"};

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

/// Something to read into; a Prefix6052 is never without value.
template <class T>
T blank() {
  if constexpr (std::is_same_v<T, net::Prefix6052>) {
    return net::Prefix6052::well_known();
  } else {
    return T{};
  }
}

template <class E>
std::string word_list() {
  std::string out;
  for (const auto word : kWords<E>) out += (out.empty() ? "\"" : ", \"") + std::string(word) + '"';
  return out;
}

template <class T>
std::string type_name() {
  if constexpr (IsVector<T>::value) {
    using Element = typename T::value_type;
    if constexpr (std::is_integral_v<Element>) {
      return "list of integers";
    } else if constexpr (std::is_same_v<Element, std::string>) {
      return "list of strings";
    } else if constexpr (std::is_enum_v<Element>) {
      return "list of " + word_list<Element>();
    } else {
      return fmt::format("list of {}", TextCodec<Element>::kMany);
    }
  } else if constexpr (std::is_same_v<T, bool>) {
    return "boolean";
  } else if constexpr (std::is_integral_v<T>) {
    return "integer";
  } else if constexpr (IsNumberOr<T>::value) {
    return "integer, or " + word_list<typename T::Word>();
  } else if constexpr (std::is_enum_v<T>) {
    return "one of " + word_list<T>();
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "string";
  } else {
    return std::string(TextCodec<T>::kType);
  }
}

/// Prints in the syntax of the file, which for values is also that of JSON.
template <class T>
std::string print_value(const T& value) {
  if constexpr (IsVector<T>::value) {
    std::string out;
    for (const auto& element : value) out += (out.empty() ? "" : ", ") + print_value(element);
    return "[" + out + "]";
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_integral_v<T>) {
    return std::to_string(value);
  } else if constexpr (IsNumberOr<T>::value) {
    return value.number ? std::to_string(*value.number) : print_value(value.word);
  } else if constexpr (std::is_enum_v<T>) {
    return fmt::format("\"{}\"", kWords<T>[static_cast<std::size_t>(value)]);
  } else if constexpr (std::is_same_v<T, std::string>) {
    std::string out = "\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + '"';
  } else {
    return '"' + TextCodec<T>::print(value) + '"';
  }
}

Checked read_integer(const Node& node, const Range& range, const std::string& path, int64_t& out);
Checked read_string(const Node& node, const Range& range, const std::string& path,
                    std::string& out);
inline Problem wrong(const Node& node, const std::string& path, std::string expected) {
  return {path, node.line, describe(node), std::move(expected)};
}

template <class T>
Checked read_value(const Node& node, const Range& range, const std::string& path, T& out) {
  if constexpr (IsVector<T>::value) {
    if (node.kind != Node::Kind::kList) return wrong(node, path, "a " + type_name<T>());
    out.clear();
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      auto element = blank<typename T::value_type>();
      if (auto problem =
              read_value(node.children[i], range, fmt::format("{}[{}]", path, i), element)) {
        return problem;
      }
      out.push_back(std::move(element));
    }
    return std::nullopt;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (node.kind != Node::Kind::kBoolean) return wrong(node, path, "true or false");
    out = node.boolean;
    return std::nullopt;
  } else if constexpr (std::is_integral_v<T>) {
    int64_t value = 0;
    if (auto problem = read_integer(node, range, path, value)) return problem;
    out = static_cast<T>(value);
    return std::nullopt;
  } else if constexpr (IsNumberOr<T>::value) {
    int64_t number = 0;
    if (node.kind == Node::Kind::kInteger && !read_integer(node, range, path, number)) {
      out.number = static_cast<uint16_t>(number);
      return std::nullopt;
    }
    out.number.reset();
    if (!read_value(node, range, path, out.word)) return std::nullopt;
    return wrong(node, path,
                 fmt::format("an integer from {} to {}, or {}", range.min, range.max,
                             word_list<typename T::Word>()));
  } else if constexpr (std::is_enum_v<T>) {
    if (node.kind == Node::Kind::kString) {
      for (std::size_t i = 0; i < std::size(kWords<T>); ++i) {
        if (kWords<T>[i] != node.text) continue;
        out = static_cast<T>(i);
        return std::nullopt;
      }
    }
    return wrong(node, path, "one of " + word_list<T>());
  } else if constexpr (std::is_same_v<T, std::string>) {
    return read_string(node, range, path, out);
  } else {
    if (node.kind != Node::Kind::kString) {
      return wrong(node, path, fmt::format("a string: {}", TextCodec<T>::kType));
    }
    auto value = TextCodec<T>::parse(node.text);
    if (!value) return wrong(node, path, value.error().text);
    out = std::move(*value);
    return std::nullopt;
  }
}

}  // namespace isthmus::conf
