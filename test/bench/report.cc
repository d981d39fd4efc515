// SPDX-License-Identifier: BSD-3-Clause
#include "bench/report.h"

#include <fmt/format.h>
#include <rte_cycles.h>

#include <cstdio>
#include <cstdlib>

namespace isthmus::bench {
namespace {

double per_second(double cycles) {
  return static_cast<double>(rte_get_tsc_hz()) / cycles;
}

double cycles_of(const std::vector<Row>& rows, std::string_view name) {
  for (const auto& row : rows) {
    if (row.scenario == name) return row.cycles;
  }
  return 0;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out + '"';
}

}  // namespace

void print_heading() {
  fmt::print("{:>10} {:<16} {:>5} {:>9} {:>8} {:>7} {:>7} {:>6}\n", "sessions", "scenario", "frame",
             "cycles", "x floor", "Mpps", "B/sess", "drops");
}

void print(const std::vector<Row>& rows) {
  // bare is rx to tx too: floor = io + what bare adds to it.
  const double floor = cycles_of(rows, "bare");
  for (const auto& row : rows) {
    fmt::print("{:>10} {:<16} {:>5.0f} {:>9.1f} {:>8} {:>7.2f} {:>7.0f} {:>6}\n", row.sessions,
               row.scenario, row.frame, row.cycles,
               floor > 0 ? fmt::format("{:.2f}", row.cycles / floor) : "-",
               per_second(row.cycles) / 1e6, row.bytes_per_session, row.drops);
    if (row.packets_per_connection == 0) continue;
    const double connection = row.cycles * row.packets_per_connection;
    fmt::print("{:>10} {:.0f} cycles a connection of {} packets: {:.3f} M connections/s\n", "",
               connection, row.packets_per_connection, per_second(connection) / 1e6);
  }
  std::fflush(stdout);
}

void write_json(const Options& options, const std::vector<Row>& rows) {
  std::FILE* out = std::fopen(options.json.c_str(), "w");
  if (out == nullptr) {
    fmt::print(stderr, "{}: cannot be written\n", options.json);
    std::exit(1);
  }
  std::string facts = fmt::format(", \"runs\": {}, \"tsc_hz\": {}, \"configuration\": {}",
                                  options.runs, rte_get_tsc_hz(), quoted(options.configuration()));
  for (const auto& [name, value] : options.facts) {
    facts += fmt::format(", {}: {}", quoted(name), quoted(value));
  }
  const char* separator = "[";
  for (const auto& row : rows) {
    fmt::print(
        out,
        "{}{{\"scenario\": \"{}\", \"direction\": \"{}\", \"sessions\": {}, \"frame\": {:.0f}, "
        "\"packets\": {}, \"cycles_per_packet\": {:.1f}, \"mpps\": {:.3f}, "
        "\"bytes_per_session\": {:.1f}, \"setup_cycles_per_session\": {:.1f}, "
        "\"drops\": {}",
        separator, row.scenario, row.direction, row.sessions, row.frame, row.packets, row.cycles,
        per_second(row.cycles) / 1e6, row.bytes_per_session, row.setup, row.drops);
    if (row.packets_per_connection != 0) {
      const double connection = row.cycles * row.packets_per_connection;
      fmt::print(out, ", \"cycles_per_connection\": {:.1f}, \"connections_per_second\": {:.0f}",
                 connection, per_second(connection));
    }
    fmt::print(out, "{}}}", facts);
    separator = ",\n ";
  }
  fmt::print(out, "]\n");
  std::fclose(out);
}

}  // namespace isthmus::bench
