// SPDX-License-Identifier: BSD-3-Clause
// Start, ports, and the commands; see options.cc for what it understands.
#include <fmt/format.h>
#include <poll.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "bench/loadgen/options.h"
#include "bench/loadgen/tester.h"

namespace isthmus::loadgen {
namespace {

Result<uint16_t> port_of(const std::string& name) {
  uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0) return id;
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (code == std::errc{} && end == name.data() + name.size() && rte_eth_dev_is_valid_port(id)) {
    return id;
  }
  return Error{fmt::format("'{}' is no port: {} are there (EAL's -a, --vdev)", name,
                           rte_eth_dev_count_avail())};
}

template <class T>
T need(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "loadgen: {}\n", result.error().text);
    std::exit(1);
  }
  return std::move(*result);
}

template <class T>
T need(const std::optional<T>& parsed, const std::string& text, const char* expected) {
  if (!parsed) need<Ok>(Error{fmt::format("'{}': expected {}", text, expected)});
  return *parsed;
}

/// A gateway that does not answer for its address has to be told.
void know_gateway(Side& side, const std::string& mac) {
  if (mac.empty()) return;
  side.gateway = need(net::parse_mac(mac), mac, "a link address, as 02:00:00:00:00:01");
  side.resolved = true;
}

Side side6(const Options& options) {
  constexpr const char* kExpected = "an IPv6 address";
  Side side;
  side.port = need(port_of(options.inside));
  side.link.own = need(net::parse_ip6(options.inside_address), options.inside_address, kExpected);
  side.link.gateway =
      need(net::parse_ip6(options.inside_gateway), options.inside_gateway, kExpected);
  know_gateway(side, options.inside_mac);
  return side;
}

Side side4(const Options& options) {
  constexpr const char* kExpected = "an IPv4 address";
  Side side;
  side.port = need(port_of(options.outside));
  side.link.own = need(net::parse_ip4(options.outside_address), options.outside_address, kExpected);
  side.link.gateway =
      need(net::parse_ip4(options.outside_gateway), options.outside_gateway, kExpected);
  know_gateway(side, options.outside_mac);
  return side;
}

net::Prefix6052 prefix_of(const std::string& text) {
  const auto range = net::parse_ip6_prefix(text);
  return need(range ? net::Prefix6052::make(*range) : std::nullopt, text,
              "a translation prefix (RFC 6052 2.2)");
}

/// The next line of standard input; nullopt at its end. Meanwhile the tester answers neighbors.
std::optional<std::string> next_line(Tester& tester) {
  static std::string waiting;
  for (;;) {
    if (const auto end = waiting.find('\n'); end != std::string::npos) {
      std::string line = waiting.substr(0, end);
      waiting.erase(0, end + 1);
      return line;
    }
    tester.idle();
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 1) <= 0) continue;
    char bytes[1024];
    const ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    if (got <= 0) return std::nullopt;
    waiting.append(bytes, static_cast<std::size_t>(got));
  }
}

/// Whether there may be another.
bool obey(Tester& tester, const std::string& line) {
  const Command command = need(parse_command(line));
  if (command.kind == Kind::kQuit) return false;
  Trial trial;
  trial.command = command;
  if (command.kind == Kind::kForget) {
    tester.forget();
  } else {
    trial = tester.run(command);
  }
  fmt::print("{}\n", to_json(trial, static_cast<double>(rte_get_tsc_hz())));
  std::fflush(stdout);
  return true;
}

int run(const Options& options) {
  FrameMaker maker(options.shape, prefix_of(options.prefix), options.payloads());
  if (options.no_udp_checksum) maker.take_no_udp_checksum();
  const auto tester =
      need(Tester::open(side6(options), side4(options), maker, options.flows, options.descriptors));
  need(tester->resolve(options.wait));
  for (const auto& line : options.commands) {
    if (!obey(*tester, line)) return 0;
  }
  if (!options.commands.empty()) return 0;
  while (const auto line = next_line(*tester)) {
    if (!line->empty() && !obey(*tester, *line)) break;
  }
  return 0;
}

}  // namespace
}  // namespace isthmus::loadgen

int main(int argc, char** argv) {
  // A poller that outlives who started it would burn a core for ever.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int status = 0;
  if (argc < 2 || std::string_view(argv[1]) == "--help") {
    char help[] = "--help";
    char* arguments[] = {argv[0], help, nullptr};
    isthmus::loadgen::parse_options(2, arguments, status);
    return status;
  }
  const int consumed = rte_eal_init(argc, argv);
  if (consumed < 0) {
    fmt::print(stderr, "loadgen: DPDK did not start: {}\n", rte_strerror(rte_errno));
    return 1;
  }
  const auto options = isthmus::loadgen::parse_options(argc - consumed, argv + consumed, status);
  if (options) status = isthmus::loadgen::run(*options);
  rte_eal_cleanup();
  return status;
}
