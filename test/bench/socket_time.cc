// SPDX-License-Identifier: BSD-3-Clause
#include "bench/socket_time.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <vector>

namespace isthmus::bench {
namespace {

thread_local SocketTime spent;

template <class... Arguments>
long timed(long number, Arguments... arguments) {
  const double start = thread_seconds();
  const long result = ::syscall(number, arguments...);  // sets errno, as the library's calls do
  spent.seconds += thread_seconds() - start;
  ++spent.calls;
  return result;
}

}  // namespace

double thread_seconds() {
  timespec ts;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
  return static_cast<double>(ts.tv_sec) + static_cast<double>(ts.tv_nsec) * 1e-9;
}

SocketTime socket_time() {
  return spent;
}

double clock_seconds() {
  std::vector<double> took(1001);
  for (double& one : took) {
    const double start = thread_seconds();
    one = thread_seconds() - start;
  }
  std::nth_element(took.begin(), took.begin() + 500, took.end());
  return took[500];
}

}  // namespace isthmus::bench

using isthmus::bench::timed;

extern "C" {

int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  return static_cast<int>(timed(SYS_sendmmsg, fd, messages, count, flags));
}
int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  return static_cast<int>(timed(SYS_recvmmsg, fd, messages, count, flags, timeout));
}
int epoll_wait(int fd, epoll_event* events, int count, int timeout) {
  return static_cast<int>(timed(SYS_epoll_pwait, fd, events, count, timeout, nullptr, 8));
}
int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) __THROW {
  return static_cast<int>(timed(SYS_epoll_ctl, epoll, operation, fd, event));
}
int socket(int family, int type, int protocol) __THROW {
  return static_cast<int>(timed(SYS_socket, family, type, protocol));
}
int bind(int fd, const sockaddr* address, socklen_t size) __THROW {
  return static_cast<int>(timed(SYS_bind, fd, address, size));
}
int connect(int fd, const sockaddr* address, socklen_t size) {
  return static_cast<int>(timed(SYS_connect, fd, address, size));
}
int close(int fd) {
  return static_cast<int>(timed(SYS_close, fd));
}

}  // extern "C"
