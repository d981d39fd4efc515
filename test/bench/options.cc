// SPDX-License-Identifier: BSD-3-Clause
#include "bench/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace isthmus::bench {
namespace {

constexpr unsigned kSmall = 18;      // an IPv4 frame of 64 octets, with its FCS
constexpr unsigned kMedium = 548;    // an IPv4 packet of 576
constexpr unsigned kLargest = 1452;  // an IPv6 packet of 1500

[[noreturn]] void usage() {
  fmt::print(stderr,
             "usage: dataplane_bench [--cpu N] [--sessions N]... [--packets N] [--runs N] "
             "[--only SCENARIO]... [--frame small|1500|imix] [--payload BYTES] [--ports N] "
             "[--remotes N] [--burst N] [--blocks] [--pauses] [--no-huge] [--json FILE] [--fact "
             "NAME=VALUE]...\n");
  std::exit(2);
}

// IMIX: of twelve frames seven are small, four medium, one is large.
std::vector<unsigned> payloads_of(std::string_view frame) {
  constexpr unsigned s = kSmall, m = kMedium;
  if (frame == "small") return {s};
  if (frame == "1500") return {kLargest};
  if (frame == "imix") return {s, m, s, s, m, s, kLargest, s, m, s, m, s};
  usage();
}

void set(Options& options, std::string_view name, const std::string& value) {
  const auto number = static_cast<uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
  if (name == "--cpu") {
    options.cpu = number;
  } else if (name == "--sessions") {
    options.ladder.push_back(number);
  } else if (name == "--packets") {
    options.packets = number;
  } else if (name == "--runs") {
    options.runs = number;
  } else if (name == "--only") {
    options.only.push_back(value);
  } else if (name == "--frame") {
    options.payloads = payloads_of(value);
  } else if (name == "--payload") {
    options.payloads = {number};
  } else if (name == "--ports") {
    options.shape.ports = number;
  } else if (name == "--remotes") {
    options.shape.remotes = number;
  } else if (name == "--burst") {
    options.burst = number;
  } else if (name == "--json") {
    options.json = value;
  } else if (name == "--fact") {
    const auto equals = value.find('=');
    if (equals == std::string::npos) usage();
    options.facts.emplace_back(value.substr(0, equals), value.substr(equals + 1));
  } else {
    usage();
  }
}

}  // namespace

bool Options::wants(std::string_view scenario) const {
  return only.empty() || std::find(only.begin(), only.end(), scenario) != only.end();
}

std::string Options::configuration() const {
  return fmt::format("{} ports a host, {} remotes a port, bursts of {}, {}{}payload {}",
                     shape.ports, shape.remotes, burst,
                     blocks ? "ports in blocks of 64, session events, " : "",
                     huge_pages ? "" : "no huge pages for DPDK, ",
                     payloads.size() == 1 ? std::to_string(payloads[0]) : "IMIX");
}

// "--name value" or "--name=value".
Options parse_options(int argc, char** argv) {
  Options options;
  const auto standard = std::exchange(options.ladder, {});
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto equals = argument.find('=');
    if (argument == "--no-huge") {
      options.huge_pages = false;
    } else if (argument == "--pauses") {
      options.pauses = true;
    } else if (argument == "--blocks") {
      options.blocks = true;
    } else if (equals != std::string_view::npos) {
      set(options, argument.substr(0, equals), std::string(argument.substr(equals + 1)));
    } else if (++i < argc) {
      set(options, argument, argv[i]);
    } else {
      usage();
    }
  }
  if (options.ladder.empty()) options.ladder = standard;
  if (options.shape.ports == 0 || options.shape.remotes == 0 || options.runs == 0 ||
      options.burst == 0 || options.burst > 64) {
    usage();
  }
  return options;
}

}  // namespace isthmus::bench
