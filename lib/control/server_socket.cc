// SPDX-License-Identifier: BSD-3-Clause
#include "control/server_socket.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace isthmus::control {
namespace {

Error failed(const std::string& path, std::string_view what) {
  return Error{fmt::format("control.socket {}: {}: {}", path, what, std::strerror(errno))};
}

/// Removes a socket nobody listens on; an error if somebody does, or if it is not a socket.
Status clear_path(const std::string& path, const sockaddr_un& address) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return Ok{};
  if (!S_ISSOCK(info.st_mode)) {
    return Error{fmt::format("control.socket {}: a file that is no socket is in the way", path)};
  }
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return failed(path, "socket");
  const int result = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool is_dead = result != 0 && errno == ECONNREFUSED;
  close(probe);
  if (!is_dead) {
    return Error{fmt::format("control.socket {}: another isthmusd serves it", path)};
  }
  if (unlink(path.c_str()) != 0) return failed(path, "cannot remove the old socket");
  return Ok{};
}

Status bind_at(int fd, const std::string& path, const sockaddr_un& address,
               const std::string& group) {
  // Closed to others from the first moment: the mask holds between bind() and chmod().
  const mode_t old_mask = umask(0177);
  const int bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  umask(old_mask);
  if (bound != 0) return failed(path, "cannot bind");
  if (const auto* entry = getgrnam(group.c_str()); entry != nullptr) {
    if (chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0) {
      return failed(path, "cannot give it to group " + group);
    }
  }
  if (chmod(path.c_str(), 0660) != 0) return failed(path, "cannot set its mode");
  if (listen(fd, 16) != 0) return failed(path, "cannot listen");
  return Ok{};
}

}  // namespace

Result<int> listen_unix(const std::string& path, const std::string& group) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{fmt::format("control.socket {}: a path of at most {} characters is needed", path,
                             sizeof address.sun_path - 1)};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  std::error_code ignored;  // bind() tells it better
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  if (const auto status = clear_path(path, address); !status) return status.error();
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed(path, "socket");
  if (const auto status = bind_at(fd, path, address, group); !status) {
    close(fd);
    return status.error();
  }
  return fd;
}

std::optional<std::string> peer_name(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  const auto* user = getpwuid(peer.uid);
  return fmt::format("pid {} uid {} ({})", peer.pid, peer.uid,
                     user != nullptr ? user->pw_name : "unknown");
}

bool peer_is_root(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == geteuid();
}

}  // namespace isthmus::control
