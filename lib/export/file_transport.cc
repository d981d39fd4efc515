// SPDX-License-Identifier: BSD-3-Clause
// A file that grows. When there is no room, what was written of a line is taken back, so that the
// file holds whole lines only, and the line is written when there is room again.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "export/transport.h"

namespace isthmus::exporter {
namespace {

class File final : public Transport {
 public:
  explicit File(std::string path) : path_(std::move(path)) {}
  ~File() override { close(); }

  Result open() override {
    // Whose hosts did what is nobody else's to read.
    fd_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                 0640);
    if (fd_ < 0) return failed("open");
    struct stat own {};
    if (fstat(fd_, &own) != 0) return failed("stat");
    if (!S_ISREG(own.st_mode)) {
      error_ = "not a regular file";
      close();
      return Result::kFailed;
    }
    device_ = own.st_dev;
    inode_ = own.st_ino;
    return Result::kDone;
  }

  Result write(std::span<const uint8_t> message, std::size_t& done) override {
    while (done < message.size()) {
      const auto wrote = ::write(fd_, message.data() + done, message.size() - done);
      if (wrote < 0) {
        if (errno == EINTR) continue;
        return take_back(done);
      }
      done += static_cast<std::size_t>(wrote);
    }
    return Result::kDone;
  }

  // Looked at when there is nothing to write: logrotate moves the file, then it is opened anew.
  bool is_alive() override {
    struct stat there {};
    if (stat(path_.c_str(), &there) == 0 && there.st_dev == device_ && there.st_ino == inode_) {
      return true;
    }
    error_ = "the file was moved";
    close();
    return false;
  }

  void close() override {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int fd() const override { return -1; }

 private:
  Result take_back(std::size_t& done) {
    const int why = errno;
    struct stat own {};
    if (done != 0 && fstat(fd_, &own) == 0 && own.st_size >= static_cast<off_t>(done)) {
      [[maybe_unused]] const int cut = ftruncate(fd_, own.st_size - static_cast<off_t>(done));
    }
    done = 0;
    errno = why;
    return failed("write");
  }
  Result failed(const char* what) {
    error_ = std::string(what) + ": " + std::strerror(errno);
    close();
    return Result::kFailed;
  }

  const std::string path_;
  int fd_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace

std::unique_ptr<Transport> make_file(std::string path) {
  return std::make_unique<File>(std::move(path));
}

}  // namespace isthmus::exporter
