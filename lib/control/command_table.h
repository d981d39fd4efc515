// SPDX-License-Identifier: BSD-3-Clause
// The table of commands: the only list of what can be said on the socket. The daemon's parser,
// help, completion, isthmusctl's --help and the manual page read it. Handlers are elsewhere
// (commands.cc), so that the client can link the table without them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nat/info.h"
#include "net/result.h"

namespace isthmus::control {

/// Version of the protocol in doc/protocol.md; raised when an old client would misread an answer.
inline constexpr int kApiVersion = 1;
inline constexpr std::size_t kMaxLine = 4096;

enum class Action : uint8_t {
  kShowVersion,
  kShowPorts,
  kShowInterfaces,
  kShowWorkers,
  kShowCounters,
  kShowDrops,
  kShowPools,
  kShowBlocks,
  kShowBindings,
  kShowSessions,
  kShowSubscribers,
  kShowTopSubscribers,
  kShowTopPools,
  kShowTopDrops,
  kWatch,
  kTop,
  kShowSiit,
  kShowEam,
  kShowPcp,
  kShowExport,
  kShowMappings,
  kShowRoutes,
  kShowNeighbors,
  kShowSteering,
  kShowDns64,
  kShowConfig,
  kShowMemory,
  kHealth,
  kClearSessions,
  kClearBindings,
  kClearCounters,
  kClearDns64Cache,
  kDns64Query,
  kSimulate,
  kCapture,
  kTrace,
  kAddStatic,
  kRemoveStatic,
  kDeterministic,
  kWho,
  kDrainPool,
  kUndrainPool,
  kReload,
  kSet,
  kAdd,
  kRemove,
  kBegin,
  kCommit,
  kAbort,
  kSave,
  kHelp,
  kComplete,
};

enum class ArgumentKind : uint8_t {
  kFlag,         ///< a word alone
  kPrefix6,      ///< word PREFIX; a bare address is a /128
  kPrefix4,      ///< word PREFIX; a bare address is a /32
  kOutside,      ///< word PREFIX|ADDRESS[:PORT]|ADDRESS PORT
  kHost,         ///< word ADDRESS|ADDRESS PORT|[ADDRESS]:PORT, of an inside host
  kProtocol,     ///< word tcp|udp|icmp
  kAnyProtocol,  ///< word tcp|udp|icmp|esp|gre|sctp|NUMBER
  kCount,        ///< word NUMBER
  kTime,         ///< word TIME, by RFC 3339 or in seconds since 1970
  kRest,         ///< no word: the rest of the line as it is
};

struct Argument {
  std::string_view word;
  ArgumentKind kind;
  std::string_view help;
};

struct Command {
  std::string_view path;  ///< words separated by one space
  Action action;
  std::span<const Argument> arguments;
  bool changes = false;  ///< changes something: the peer is checked and logged
  bool stream = false;   ///< answers with one object a line
  std::string_view help;
  std::string_view answer;  ///< what the answer holds
};

std::span<const Command> commands();
const Command* find_command(std::string_view path);
/// "show sessions [inside PREFIX] ..."
std::string usage(const Command& command);

/// A line understood. Which fields mean something depends on the command's arguments.
struct Request {
  const Command* command = nullptr;
  nat::Filter filter;
  std::optional<uint64_t> limit;
  std::optional<net::Ip6> host;
  std::optional<uint16_t> host_port;
  std::optional<uint64_t> at_ms;  ///< since 1970
  bool all = false;
  bool statics = false;
  bool persist = false;
  bool file = false;
  std::string_view part;  ///< a flag that is not listed above
  std::string rest;
};

/// What is wrong, and what to do about it.
struct Complaint {
  std::string error;
  std::string hint;
};

/// Parses a line; words are separated by spaces. A command may be shortened as long as each word is
/// unambiguous ("sh ses").
std::variant<Request, Complaint> parse_request(std::string_view line);

/// Words that can follow `partial`, whose last word is being typed (empty after a space).
std::vector<std::string> complete(std::string_view partial);

/// Words of `line`, of its printable characters; helper shared with the client.
std::vector<std::string_view> split_words(std::string_view line);

/// The commands as a section of isthmusctl(1), and as Markdown (doc/generated/cli.md).
std::string commands_man();
std::string commands_markdown();

}  // namespace isthmus::control
