// SPDX-License-Identifier: BSD-3-Clause
#include "connection.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "control/command_table.h"

namespace isthmus::ctl {
namespace {

using Json = nlohmann::ordered_json;

std::string advice(int error) {
  switch (error) {
    case ENOENT:
    case ECONNREFUSED:
      return "isthmusd does not run, or has another control.socket: see \"systemctl status "
             "isthmusd\", or give --socket PATH";
    case EACCES:
      return "only root and the socket's group may use it: try sudo, or have an administrator run "
             "\"usermod -aG isthmus USER\" and log in again";
    default: return "see \"systemctl status isthmusd\"";
  }
}

std::string string_field(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

void Connection::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  buffer_.clear();
  scanned_ = 0;
}

Status Connection::open() {
  if (fd_ >= 0) return Ok{};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.empty() || socket_.size() >= sizeof address.sun_path) {
    return Error{fmt::format("socket path \"{}\" is empty or too long", socket_)};
  }
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{patience_, 0};
  if (fd_ < 0 || setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
      setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
      connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    close();
    return Error{
        fmt::format("cannot connect to {}: {}\n{}", socket_, std::strerror(error), advice(error))};
  }
  auto status = greet();
  if (!status) close();
  return status;
}

Status Connection::greet() {
  const auto line = read_line();
  if (!line) return line.error();
  const auto greeting = Json::parse(*line, nullptr, false);
  if (greeting.is_object() && string_field(greeting, "status") == "error") {
    return Error{string_field(greeting, "error") + "\n" + string_field(greeting, "hint")};
  }
  if (!greeting.is_object() || !greeting.contains("isthmus") ||
      !greeting.value("api", Json()).is_number_integer()) {
    return Error{fmt::format("what listens on {} is not isthmusd\ngive --socket PATH", socket_)};
  }
  if (const int api = greeting["api"].get<int>(); api != control::kApiVersion) {
    return Error{
        fmt::format("isthmusd {} speaks version {} of the protocol, this isthmusctl version {}\n"
                    "use the isthmusctl that was installed with the daemon",
                    string_field(greeting, "isthmus"), api, control::kApiVersion)};
  }
  return Ok{};
}

Status Connection::send_line(std::string_view line) {
  std::string out(line);
  out += '\n';
  std::size_t sent = 0;
  while (sent < out.size()) {
    const ssize_t n = send(fd_, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error{std::strerror(errno)};
    sent += static_cast<std::size_t>(n);
  }
  return Ok{};
}

Result<std::string> Connection::read_line() {
  time_t waited = 0;
  for (;;) {
    if (const auto end = buffer_.find('\n', scanned_); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      scanned_ = 0;
      return line;
    }
    scanned_ = buffer_.size();
    if (interrupted != 0) return Error{"interrupted"};
    char chunk[16384];
    const ssize_t n = recv(fd_, chunk, sizeof chunk, 0);
    if (n > 0) {
      buffer_.append(chunk, static_cast<std::size_t>(n));
      waited = 0;
    } else if (n == 0) {
      return Error{"isthmusd closed the connection\nsee \"journalctl -u isthmusd\""};
    } else if (errno == EAGAIN) {
      waited += patience_;
      if (waited >= hangs_) {
        return Error{fmt::format(
            "no answer from isthmusd for {} s\nsee \"systemctl status isthmusd\"", waited)};
      }
      fmt::print(stderr, "isthmusd has not answered for {} s; still waiting\n", waited);
    } else if (errno != EINTR) {
      return Error{fmt::format("connection lost: {}", std::strerror(errno))};
    }
  }
}

Result<Outcome> Connection::run(std::string_view command,
                                const std::function<void(std::string_view)>& on_line) {
  if (auto status = open(); !status) return status.error();
  if (!send_line(command)) {
    // The daemon closes shells that idle when it needs their place, or was restarted. Nothing was
    // taken from a socket it had closed, so sending again repeats nothing.
    close();
    if (auto status = open(); !status) return status.error();
    if (auto status = send_line(command); !status) {
      close();
      return status.error();
    }
  }
  for (;;) {
    auto line = read_line();
    if (!line) {
      close();
      return line.error();
    }
    // Only a final line starts so; rows are not parsed twice.
    if (line->starts_with(R"({"status":)")) {
      const auto json = Json::parse(*line, nullptr, false);
      Outcome outcome;
      outcome.status_line = *line;
      if (json.is_object()) {
        outcome.ok = string_field(json, "status") == "ok";
        outcome.error = string_field(json, "error");
        outcome.hint = string_field(json, "hint");
      }
      return outcome;
    }
    on_line(*line);
  }
}

}  // namespace isthmus::ctl
