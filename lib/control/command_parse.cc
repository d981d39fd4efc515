// SPDX-License-Identifier: BSD-3-Clause
// From a line to a Request, by the table.
#include <algorithm>
#include <charconv>

#include "conf/nearest.h"
#include "control/command_table.h"
#include "control/time_text.h"
#include "net/protocol.h"

namespace isthmus::control {
namespace {

using Words = std::vector<std::string_view>;

std::string quoted(std::string_view word) {
  return '"' + std::string(word.substr(0, 80)) + '"';
}

std::optional<uint64_t> parse_number(std::string_view text, uint64_t max) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

/// Whether `words` begin with a command's words, each possibly shortened. "neighbours" is accepted
/// beside "neighbors".
bool matches(std::string_view typed, std::string_view word) {
  return word.starts_with(typed) ||
         (word == "neighbors" && std::string_view("neighbours").starts_with(typed));
}

struct Match {
  std::vector<const Command*> commands;  ///< that agree on all words there are
  std::size_t used = 0;                  ///< words that name the command
};

/// Narrows the table word by word; a word that matches exactly beats those it shortens.
Match find(const Words& words) {
  Match match;
  for (const auto& command : commands()) match.commands.push_back(&command);
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::vector<const Command*> exact;
    std::vector<const Command*> shortened;
    for (const auto* command : match.commands) {
      const auto path = split_words(command->path);
      if (path.size() <= i || !matches(words[i], path[i])) continue;
      (path[i] == words[i] ? exact : shortened).push_back(command);
    }
    auto& narrowed = exact.empty() ? shortened : exact;
    if (narrowed.empty()) break;
    match.commands = std::move(narrowed);
    match.used = i + 1;
  }
  return match;
}

std::string list_paths(const std::vector<const Command*>& commands) {
  std::string out;
  for (const auto* command : commands) {
    out += (out.empty() ? "" : ", ") + std::string(command->path);
  }
  return out;
}

/// "did you mean ...? ", of the first word that no command has in its place; or nothing.
std::string meant(const Words& words, const Match& match) {
  Words known;
  for (const auto* command : match.commands) {
    const auto path = split_words(command->path);
    if (path.size() > match.used) known.push_back(path[match.used]);
  }
  const auto word = conf::nearest(words[match.used], known);
  if (word.empty()) return {};
  std::string line;
  for (std::size_t i = 0; i < match.used; ++i) line += std::string(words[i].substr(0, 80)) + ' ';
  return "did you mean \"" + line + std::string(word) + "\"? ";
}

class ArgumentParser {
 public:
  ArgumentParser(const Words& words, std::size_t at) : words_(words), at_(at) {}

  std::optional<Complaint> run(Request& request) {
    const auto arguments = request.command->arguments;
    std::vector<bool> seen(arguments.size());
    while (at_ < words_.size()) {
      const auto word = words_[at_++];
      const auto it = std::find_if(arguments.begin(), arguments.end(), [&](const Argument& a) {
        return a.word == word || (word.starts_with("--") && a.word == word.substr(2));
      });
      if (it == arguments.end()) {
        Words known;
        for (const auto& argument : arguments) known.push_back(argument.word);
        const auto nearest = conf::nearest(word, known);
        return Complaint{"unknown argument " + quoted(word),
                         (nearest.empty() ? "" : "did you mean " + quoted(nearest) + "? ") +
                             "usage: " + usage(*request.command)};
      }
      const auto index = static_cast<std::size_t>(it - arguments.begin());
      if (seen[index]) {
        return Complaint{quoted(word) + " is given twice", "usage: " + usage(*request.command)};
      }
      seen[index] = true;
      if (auto complaint = value(*it, request)) return complaint;
    }
    return std::nullopt;
  }

 private:
  std::optional<Complaint> value(const Argument& argument, Request& request) {
    if (argument.kind == ArgumentKind::kFlag) {
      if (request.command->action == Action::kShowDns64 || is_part(argument.word)) {
        if (!request.part.empty()) {
          return Complaint{"more than one part", "usage: " + usage(*request.command)};
        }
        request.part = argument.word;
        return std::nullopt;
      }
      (argument.word == "all"       ? request.all
       : argument.word == "static"  ? request.statics
       : argument.word == "persist" ? request.persist
                                    : request.file) = true;
      return std::nullopt;
    }
    if (at_ == words_.size()) {
      return Complaint{"no value after " + quoted(argument.word),
                       "usage: " + usage(*request.command)};
    }
    const auto word = words_[at_++];
    switch (argument.kind) {
      case ArgumentKind::kPrefix6: request.filter.inside = prefix6(word); break;
      case ArgumentKind::kPrefix4: request.filter.remote = prefix4(word); break;
      case ArgumentKind::kCount: request.limit = parse_number(word, UINT64_MAX); break;
      case ArgumentKind::kProtocol: request.filter.protocol = protocol(word); break;
      case ArgumentKind::kAnyProtocol: request.filter.protocol = net::parse_protocol(word); break;
      case ArgumentKind::kTime: request.at_ms = parse_time(word); break;
      case ArgumentKind::kOutside: return outside(word, request);
      case ArgumentKind::kHost: return host(word, request);
      case ArgumentKind::kFlag:
      case ArgumentKind::kRest: break;
    }
    const bool understood =
        argument.kind == ArgumentKind::kPrefix6   ? request.filter.inside.has_value()
        : argument.kind == ArgumentKind::kPrefix4 ? request.filter.remote.has_value()
        : argument.kind == ArgumentKind::kCount   ? request.limit.has_value()
        : argument.kind == ArgumentKind::kTime    ? request.at_ms.has_value()
                                                  : request.filter.protocol.has_value();
    if (understood) return std::nullopt;
    return Complaint{quoted(word) + " is no value for " + quoted(argument.word),
                     expected(argument.kind)};
  }

  static bool is_part(std::string_view word) {
    return word == "--diff" || word == "--defaults" || word == "--anyway" || word == "--dns";
  }

  static std::string expected(ArgumentKind kind) {
    switch (kind) {
      case ArgumentKind::kPrefix6:
        return "give an IPv6 address or prefix, like 2001:db8:1::/64, no bit set beyond its length";
      case ArgumentKind::kPrefix4:
        return "give an IPv4 address or prefix, like 192.0.2.0/24, no bit set beyond its length";
      case ArgumentKind::kOutside:
        return "give an IPv4 address or prefix, and a port if wanted: 203.0.113.7:40112";
      case ArgumentKind::kHost:
        return "give an IPv6 address, and a port if wanted: 2001:db8::80 443";
      case ArgumentKind::kProtocol: return "give tcp, udp or icmp";
      case ArgumentKind::kAnyProtocol:
        return "give tcp, udp, icmp, esp, gre, sctp or the number of another protocol";
      case ArgumentKind::kTime:
        return "give a time with its zone, like 2026-11-26T17:40:00Z or "
               "2026-11-26T18:40:00+01:00, or seconds since 1970";
      default: return "give a number";
    }
  }

  static std::optional<net::Ip6Prefix> prefix6(std::string_view word) {
    if (const auto address = net::parse_ip6(word)) return net::Ip6Prefix{*address, 128};
    return net::parse_ip6_prefix(word);
  }
  static std::optional<net::Ip4Prefix> prefix4(std::string_view word) {
    if (const auto address = net::parse_ip4(word)) return net::Ip4Prefix{*address, 32};
    return net::parse_ip4_prefix(word);
  }
  static std::optional<uint8_t> protocol(std::string_view word) {
    if (word == "tcp") return uint8_t{6};
    if (word == "udp") return uint8_t{17};
    if (word == "icmp") return uint8_t{1};
    return std::nullopt;
  }

  std::optional<Complaint> outside(std::string_view word, Request& request) {
    const Complaint wrong{quoted(word) + " is no value for \"outside\"",
                          expected(ArgumentKind::kOutside)};
    const auto colon = word.find(':');
    auto& filter = request.filter;
    filter.outside = prefix4(word.substr(0, colon));
    if (!filter.outside) return wrong;
    std::string_view port;
    if (colon != std::string_view::npos) {
      port = word.substr(colon + 1);
      if (port.empty()) return wrong;
    } else if (at_ < words_.size() &&
               words_[at_].find_first_not_of("0123456789") == std::string_view::npos) {
      port = words_[at_++];
    }
    if (port.empty()) return std::nullopt;
    const auto number = parse_number(port, 65535);
    if (!number) return wrong;
    filter.outside_port = static_cast<uint16_t>(*number);
    return std::nullopt;
  }

  std::optional<Complaint> host(std::string_view word, Request& request) {
    const Complaint wrong{quoted(word) + " is no value for \"inside\"",
                          expected(ArgumentKind::kHost)};
    std::string_view port;
    if (word.starts_with('[')) {
      const auto close = word.find("]:");
      if (close == std::string_view::npos) return wrong;
      port = word.substr(close + 2);
      word = word.substr(1, close - 1);
      if (port.empty()) return wrong;
    } else if (at_ < words_.size() &&
               words_[at_].find_first_not_of("0123456789") == std::string_view::npos) {
      port = words_[at_++];
    }
    request.host = net::parse_ip6(word);
    if (!request.host) return wrong;
    if (port.empty()) return std::nullopt;
    const auto number = parse_number(port, 65535);
    if (!number) return wrong;
    request.host_port = static_cast<uint16_t>(*number);
    return std::nullopt;
  }

  const Words& words_;
  std::size_t at_;
};

}  // namespace

std::vector<std::string_view> split_words(std::string_view line) {
  Words words;
  std::size_t at = 0;
  while ((at = line.find_first_not_of(" \t", at)) != std::string_view::npos) {
    const auto end = std::min(line.find_first_of(" \t", at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

std::variant<Request, Complaint> parse_request(std::string_view line) {
  const auto words = split_words(line);
  if (words.empty()) return Complaint{"empty line", "\"help\" lists commands"};
  const auto match = find(words);
  if (match.used == 0) {
    return Complaint{"unknown command " + quoted(words[0]),
                     meant(words, match) + "\"help\" lists commands"};
  }
  Request request;
  for (const auto* command : match.commands) {
    if (split_words(command->path).size() == match.used) request.command = command;
  }
  // "add PATH ..." beside "add static": what follows is no further word of a command.
  const bool takes_rest = request.command != nullptr &&
                          std::ranges::any_of(request.command->arguments, [](const Argument& a) {
                            return a.kind == ArgumentKind::kRest;
                          });
  if ((match.commands.size() > 1 && !takes_rest) || request.command == nullptr) {
    const bool is_short = match.used == words.size();
    return Complaint{
        is_short ? quoted(line) + " is not complete"
                 : "unknown word " + quoted(words[match.used]) + " after " +
                       quoted(words[match.used - 1]),
        (is_short ? "" : meant(words, match)) + "commands: " + list_paths(match.commands)};
  }
  for (const auto& argument : request.command->arguments) {
    if (argument.kind != ArgumentKind::kRest) continue;
    if (match.used < words.size()) {
      const auto offset = static_cast<std::size_t>(words[match.used].data() - line.data());
      request.rest = line.substr(offset);
    }
    if (request.command->action == Action::kComplete && line.ends_with(' ') &&
        !request.rest.ends_with(' ')) {
      request.rest += ' ';
    }
    return request;
  }
  if (auto complaint = ArgumentParser(words, match.used).run(request)) return *complaint;
  return request;
}

namespace {

/// "[every SECONDS] [times N]", and behind it a command if that is what repeats.
std::vector<std::string> complete_repeat(const Command& command, const Words& words, std::size_t at,
                                         std::string_view typing) {
  std::vector<std::string> out;
  for (; at < words.size() && (words[at] == "every" || words[at] == "times"); at += 2) {
    if (at + 1 == words.size()) return out;  // its value is being typed
  }
  if (at == words.size()) {
    for (const std::string_view word : {"every", "times"}) {
      const bool given = std::find(words.begin(), words.end(), word) != words.end();
      if (word.starts_with(typing) && !given) out.emplace_back(word);
    }
  }
  if (command.action == Action::kTop) return out;
  std::string rest;
  for (; at < words.size(); ++at) rest += std::string(words[at]) + ' ';
  for (auto& word : complete(rest + std::string(typing))) out.push_back(std::move(word));
  return out;
}

}  // namespace

std::vector<std::string> complete(std::string_view partial) {
  auto words = split_words(partial);
  std::string_view typing;
  if (!words.empty() && !partial.ends_with(' ') && !partial.ends_with('\t')) {
    typing = words.back();
    words.pop_back();
  }
  std::vector<std::string> out;
  const auto offer = [&](std::string_view word) {
    if (word.starts_with(typing) && std::find(out.begin(), out.end(), word) == out.end()) {
      out.emplace_back(word);
    }
  };
  const auto match = find(words);
  if (match.used == words.size()) {
    for (const auto* command : match.commands) {
      const auto path = split_words(command->path);
      if (path.size() > words.size()) offer(path[words.size()]);
    }
  }
  if (match.commands.size() != 1) return out;
  const auto& command = *match.commands.front();
  if (command.action == Action::kHelp) {
    const auto rest = partial.find_first_of(" \t", partial.find_first_not_of(" \t"));
    return rest == std::string_view::npos ? out : complete(partial.substr(rest + 1));
  }
  if (split_words(command.path).size() > match.used) return out;
  if (command.action == Action::kWatch || command.action == Action::kTop) {
    return complete_repeat(command, words, match.used, typing);
  }
  if (!words.empty() && words.back() == "protocol" && match.used < words.size()) {
    const bool any = std::any_of(
        command.arguments.begin(), command.arguments.end(),
        [](const Argument& argument) { return argument.kind == ArgumentKind::kAnyProtocol; });
    for (const auto& known : net::kProtocolNames) {
      if (any || net::has_ports(known.number)) offer(known.name);
    }
    return out;
  }
  for (const auto& argument : command.arguments) {
    if (!words.empty() && words.back() == argument.word && argument.kind != ArgumentKind::kFlag) {
      return {};  // its value is being typed
    }
  }
  for (const auto& argument : command.arguments) {
    const bool given = std::find(words.begin(), words.end(), argument.word) != words.end();
    if (argument.kind != ArgumentKind::kRest && !given) offer(argument.word);
  }
  return out;
}

}  // namespace isthmus::control
