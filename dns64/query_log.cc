// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/query_log.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "dns64/text.h"

namespace isthmus::dns64 {
namespace {

constexpr int kOpenFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK;
constexpr mode_t kMode = 0640;

}  // namespace

Status QueryLog::open(const std::string& path, uint32_t every) {
  every_ = every;
  if (path == path_) return Ok{};
  Fd fd;
  struct stat info {};
  if (!path.empty()) {
    fd = Fd(::open(path.c_str(), kOpenFlags, kMode));
    if (!fd || ::fstat(fd.get(), &info) != 0) {
      return Error{"dns64.query_log: cannot open \"" + path + "\": " + std::strerror(errno) +
                   "; name a file that isthmusd may write"};
    }
  }
  flush();
  path_ = path;
  inode_ = info.st_ino;
  fd_ = std::move(fd);
  return Ok{};
}

void QueryLog::add(const QueryRecord& record) {
  if (path_.empty() || ++seen_ < every_) return;
  seen_ = 0;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  ::gmtime_r(&now.tv_sec, &utc);
  char when[40];
  const std::size_t size = std::strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
  std::string line(when, size);
  const std::string ms = std::to_string(1000 + now.tv_nsec / 1'000'000);
  line += '.' + ms.substr(1) + "Z " + client_text(record.asker.client) + ' ' +
          to_string(record.asker.name) + ' ' + type_text(record.type) + ' ' +
          rcode_text(record.rcode) + ' ' + record.how + ' ' + std::to_string(record.took) + "ms\n";
  if (buffer_.size() + line.size() > kBuffer) {
    ++lost_;
    return;
  }
  buffer_ += line;
}

void QueryLog::flush() {
  if (path_.empty() || buffer_.empty()) return;
  struct stat info {};
  if (!fd_ || ::stat(path_.c_str(), &info) != 0 || info.st_ino != inode_) {
    fd_ = Fd(::open(path_.c_str(), kOpenFlags, kMode));
    inode_ = fd_ && ::fstat(fd_.get(), &info) == 0 ? info.st_ino : 0;
  }
  const ssize_t sent = fd_ ? ::write(fd_.get(), buffer_.data(), buffer_.size()) : -1;
  if (sent < 0 && errno == EAGAIN) return;
  if (sent < static_cast<ssize_t>(buffer_.size())) ++lost_;
  buffer_.clear();
}

}  // namespace isthmus::dns64
