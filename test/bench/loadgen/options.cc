// SPDX-License-Identifier: BSD-3-Clause
#include "bench/loadgen/options.h"

#include <CLI/CLI.hpp>

namespace isthmus::loadgen {
namespace {

constexpr unsigned kSmall = 18;      // an IPv4 frame of 64 octets, with its FCS
constexpr unsigned kMedium = 548;    // an IPv4 packet of 576
constexpr unsigned kLargest = 1452;  // an IPv6 packet of 1500

constexpr const char* kAbout =
    "Load generator for NAT64 gateways. Usage: loadgen EAL-OPTIONS -- OPTIONS [COMMAND]...\n"
    "Each COMMAND is one argument, \"NAME KEY=VALUE ...\"; without any they are read from standard "
    "input, one a line. Each is answered by a line of JSON.\n"
    "  establish   flows= rate=             a frame of each flow; learned and answered outside\n"
    "  throughput  flows= rate= seconds= direction=6to4|4to6|both\n"
    "  latency     the same\n"
    "  validate    flows= rate=             a frame to each learned flow from outside\n"
    "  forget      nothing is known of any flow\n"
    "  quit\n"
    "Also order=random|sequence, check=0|1 (look into every frame), drain=SECONDS, answer=0|1.";

}  // namespace

std::vector<unsigned> Options::payloads() const {
  constexpr unsigned s = kSmall, m = kMedium;
  if (frame == "1500") return {kLargest};
  // IMIX: of twelve frames seven are small, four medium, one is large.
  if (frame == "imix") return {s, m, s, s, m, s, kLargest, s, m, s, m, s};
  return {kSmall};
}

std::optional<Options> parse_options(int argc, char** argv, int& status) {
  Options out;
  CLI::App app{kAbout};
  app.add_option("--inside", out.inside, "port towards the IPv6 side");
  app.add_option("--outside", out.outside, "port towards the IPv4 side");
  app.add_option("--inside-address", out.inside_address, "the next hop of all inside hosts");
  app.add_option("--inside-gateway", out.inside_gateway);
  app.add_option("--outside-address", out.outside_address, "the next hop of all servers");
  app.add_option("--outside-gateway", out.outside_gateway);
  app.add_option("--inside-mac", out.inside_mac,
                 "the gateway's link address there (default: it is asked)");
  app.add_option("--outside-mac", out.outside_mac,
                 "the gateway's link address there (default: it is asked)");
  app.add_option("--prefix", out.prefix, "translation prefix");
  app.add_option("--ports", out.shape.ports, "ports of an inside host")
      ->check(CLI::Range(1u, 64000u));
  app.add_option("--remotes", out.shape.remotes, "servers that each port talks to")
      ->check(CLI::Range(1u, 65000u));
  app.add_option("--flows", out.flows, "the most that a command may ask for")
      ->check(CLI::Range(1u, 1u << 28));
  app.add_option("--frame", out.frame)->check(CLI::IsMember({"small", "1500", "imix"}));
  app.add_flag("--no-udp-checksum", out.no_udp_checksum,
               "frames towards IPv4 without one are right too");
  app.add_option("--descriptors", out.descriptors, "of the ports, where the driver listens");
  app.add_option("--wait", out.wait, "seconds until the gateway has to answer");
  app.add_option("commands", out.commands);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    status = app.exit(error);
    return std::nullopt;
  }
  return out;
}

}  // namespace isthmus::loadgen
