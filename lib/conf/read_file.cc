// SPDX-License-Identifier: BSD-3-Clause
#include "conf/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "conf/tree.h"

namespace isthmus::conf {
namespace {

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

Result<std::string> read_open_file(int fd, const std::string& path, std::size_t limit,
                                   const std::string& expected) {
  struct stat info;
  if (fstat(fd, &info) != 0) {
    return to_error(path, {"", 0, std::strerror(errno), "a readable file"});
  }
  if (!S_ISREG(info.st_mode)) {
    return to_error(path, {"", 0, kind_of(info.st_mode), "a regular file"});
  }
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return to_error(path, {"", 0, std::strerror(errno), "a readable file"});
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > limit) {
      return to_error(path,
                      {"", 0, fmt::format("a file of more than {} MiB", limit >> 20), expected});
    }
  }
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit,
                              const std::string& expected) {
  // Non-blocking, so that a pipe without writer is refused instead of waited for.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return to_error(path, {"", 0, std::strerror(errno), expected});
  auto text = read_open_file(fd, path, limit, expected.substr(0, expected.find(';')));
  close(fd);
  return text;
}

}  // namespace isthmus::conf
