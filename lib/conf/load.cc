// SPDX-License-Identifier: BSD-3-Clause
#include "conf/load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "conf/option.h"

namespace isthmus::conf {
namespace {

constexpr std::size_t kMaxFile = 4 << 20;

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

Result<std::string> read_open_file(int fd, const std::string& path) {
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
    if (text.size() > kMaxFile) {
      return to_error(path, {"", 0, "a file of more than 4 MiB", "a configuration file"});
    }
  }
}

/// Pools sorted, as users of Config may rely on. After the checks, which speak of the file's order.
void normalize(Config& config) {
  for (auto& nat64 : config.nat64) {
    for (auto& pool : nat64.pools) {
      std::sort(pool.ranges.begin(), pool.ranges.end(),
                [](const AddressRange& a, const AddressRange& b) { return a.first < b.first; });
    }
  }
}

}  // namespace

Result<std::shared_ptr<const Config>> load_text(std::string_view text, const std::string& name) {
  const auto root = parse_tree(text, name);
  if (!root) return root.error();
  auto config = std::make_shared<Config>();
  Lines lines;
  if (const auto problem = read_config(*root, *config, lines)) return to_error(name, *problem);
  if (const auto problem = check_config(*config, lines)) return to_error(name, *problem);
  normalize(*config);
  config->file = name;
  config->text = text;
  return std::shared_ptr<const Config>(std::move(config));
}

Result<std::shared_ptr<const Config>> load_file(const std::string& path) {
  // Non-blocking, so that a pipe without writer is refused instead of waited for.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return to_error(
        path, {"", 0, std::strerror(errno), "a configuration file; isthmus.conf(5) describes it"});
  }
  const auto text = read_open_file(fd, path);
  close(fd);
  if (!text) return text.error();
  return load_text(*text, path);
}

}  // namespace isthmus::conf
