// SPDX-License-Identifier: BSD-3-Clause
#include "control/static_store.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "control/command_static.h"
#include "control/write_file.h"

namespace isthmus::control {
namespace {

Error file_error(const std::string& path, std::string_view what) {
  return Error{fmt::format("{}: {}: {}", path, what, std::strerror(errno))};
}

std::string line_of(const conf::Static& b) {
  if (b.protocol == conf::StaticProtocol::kAny) {
    return fmt::format("inside {} outside {}", net::to_string(b.inside), net::to_string(b.outside));
  }
  const auto protocol = b.protocol == conf::StaticProtocol::kTcp   ? "tcp"
                        : b.protocol == conf::StaticProtocol::kUdp ? "udp"
                                                                   : "icmp";
  return fmt::format("protocol {} inside {} {} outside {} {}", protocol, net::to_string(b.inside),
                     b.inside_port, net::to_string(b.outside), b.outside_port);
}

}  // namespace

Result<std::vector<StoredStatic>> read_statics(const std::string& path) {
  std::vector<StoredStatic> out;
  std::ifstream file(path);
  if (!file) {
    if (errno == ENOENT) return out;
    return file_error(path, "cannot be read");
  }
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    if (split_words(text).empty() || split_words(text)[0].starts_with('#')) continue;
    const auto request = parse_request("add static " + text);
    const auto* complaint = std::get_if<Complaint>(&request);
    if (complaint == nullptr) {
      const auto binding = static_of(std::get<Request>(request));
      complaint = std::get_if<Complaint>(&binding);
      if (complaint == nullptr) {
        out.push_back({std::get<conf::Static>(binding), line});
        continue;
      }
      return Error{fmt::format("{}:{}: {}; {}", path, line, complaint->error, complaint->hint)};
    }
    return Error{fmt::format("{}:{}: {}; {}", path, line, complaint->error, complaint->hint)};
  }
  if (file.bad()) return file_error(path, "cannot be read");
  return out;
}

Status write_statics(const std::string& path, const std::vector<conf::Static>& bindings) {
  std::string text =
      "# Static bindings of \"isthmusctl add static ... persist\". Written by isthmusd.\n";
  for (const auto& binding : bindings) text += line_of(binding) + '\n';
  return replace_file(path, text);
}

}  // namespace isthmus::control
