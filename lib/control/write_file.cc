// SPDX-License-Identifier: BSD-3-Clause
#include "control/write_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace isthmus::control {
namespace {

Error write_error(const std::string& path, std::string_view what) {
  return Error{fmt::format("{}: {}: {}", path, what, std::strerror(errno))};
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool keep_owner(int fd, const std::string& path) {
  struct stat old;
  if (stat(path.c_str(), &old) != 0) return true;
  struct stat fresh;
  if (fstat(fd, &fresh) != 0) return false;
  const bool same = old.st_uid == fresh.st_uid && old.st_gid == fresh.st_gid;
  return (same || fchown(fd, old.st_uid, old.st_gid) == 0) && fchmod(fd, old.st_mode & 07777) == 0;
}

}  // namespace

Status replace_file(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return write_error(fresh, "cannot be written");
  const bool written = keep_owner(fd, path) && write_all(fd, text) && fsync(fd) == 0;
  const int error = errno;
  if (close(fd) != 0 || !written) {
    if (!written) errno = error;
    auto failed = write_error(fresh, "cannot be written");
    unlink(fresh.c_str());
    return failed;
  }
  if (rename(fresh.c_str(), path.c_str()) != 0) return write_error(path, "cannot be replaced");
  const int folder = open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    (void)fsync(folder);
    close(folder);
  }
  return Ok{};
}

}  // namespace isthmus::control
