// SPDX-License-Identifier: BSD-3-Clause
// The command socket: real Unix sockets in a directory of their own.
#include "control/server.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "catch.h"
#include "fake_backend.h"

namespace isthmus::server_test {
using namespace control;

namespace {

class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/isthmus-test-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

struct Fixture {
  TempDir directory;
  std::string path = directory / "ctl.sock";
  struct ev_loop* loop = ev_loop_new(EVFLAG_AUTO);
  FakeBackend backend;
  FakeWalk walk;
  Commands commands{backend, walk};
  std::vector<std::string> log;
  std::unique_ptr<Server> server;

  explicit Fixture(std::size_t max_clients = 4) {
    auto made = Server::make({path, "no-such-group-here", max_clients,
                              [this](const auto& text) { log.push_back(text); }},
                             commands, loop);
    REQUIRE(made);
    server = std::move(*made);
    ev_now_update(loop);
  }
  ~Fixture() {
    server.reset();
    ev_loop_destroy(loop);
  }
  void turn() { ev_run(loop, EVRUN_NOWAIT); }
};

class Peer {
 public:
  explicit Peer(Fixture& fixture) : fixture_(fixture), fd_(connect_to(fixture.path)) {
    for (int i = 0; i < 3; ++i) fixture_.turn();
  }
  ~Peer() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void say(std::string_view text) {
    CHECK(send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  void stop_sending() { shutdown(fd_, SHUT_WR); }
  /// Takes what has come; false once the server has closed.
  bool take() {
    char buffer[65536];
    const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
    if (n > 0) heard.append(buffer, static_cast<std::size_t>(n));
    return n > 0 || (n < 0 && errno == EAGAIN);
  }
  /// Turns the loop until `text` was heard; false if the server closed or nothing comes.
  bool hear(std::string_view text) {
    for (int i = 0; i < 100000; ++i) {
      if (heard.find(text) != std::string::npos) return true;
      fixture_.turn();
      if (!take()) return heard.find(text) != std::string::npos;
    }
    return false;
  }
  bool is_closed() {
    for (int i = 0; i < 1000; ++i) {
      fixture_.turn();
      if (!take()) return true;
    }
    return false;
  }
  std::string heard;

 private:
  Fixture& fixture_;
  int fd_;
};

constexpr std::string_view kOkStatus = "{\"status\":\"ok\"}\n";

}  // namespace

TEST_CASE("the socket is for owner and group, and goes with the server") {
  Fixture f;
  struct stat info;
  REQUIRE(stat(f.path.c_str(), &info) == 0);
  CHECK(S_ISSOCK(info.st_mode));
  CHECK((info.st_mode & 0777) == 0660);
  f.server.reset();
  CHECK(stat(f.path.c_str(), &info) != 0);
}

TEST_CASE("a socket left behind is taken over, one in use is not") {
  Fixture f;
  const auto second = Server::make({f.path, "", 4, {}}, f.commands, f.loop);
  REQUIRE(!second);
  CHECK(second.error().text == "control.socket " + f.path + ": another isthmusd serves it");

  const auto stale = f.directory / "stale.sock";
  {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, stale.data(), stale.size());
    REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    close(fd);
  }
  CHECK(Server::make({stale, "", 4, {}}, f.commands, f.loop));

  const auto file = f.directory / "file";
  std::ofstream(file) << "precious";
  const auto in_the_way = Server::make({file, "", 4, {}}, f.commands, f.loop);
  REQUIRE(!in_the_way);
  CHECK(in_the_way.error().text ==
        "control.socket " + file + ": a file that is no socket is in the way");
  CHECK(std::filesystem::exists(file));
}

TEST_CASE("one request, one answer, many of them on a connection") {
  Fixture f;
  Peer peer(f);
  peer.say("show version\n");
  CHECK(peer.hear(kOkStatus));
  CHECK(peer.heard ==
        "{\"isthmus\":\"9.9.9\",\"api\":1}\n"
        "{\"version\":\"9.9.9\",\"compiler\":\"test\"}\n{\"status\":\"ok\"}\n");
  peer.heard.clear();
  peer.say("show rou");
  for (int i = 0; i < 10; ++i) f.turn();
  peer.take();
  CHECK(peer.heard.empty());
  peer.say("tes\nbogus\n");
  CHECK(peer.hear("unknown command"));
  CHECK(f.log.empty());
}

TEST_CASE("who changes something is logged") {
  Fixture f;
  Peer peer(f);
  peer.say("clear counters\n");
  CHECK(peer.hear(kOkStatus));
  REQUIRE(f.log.size() == 1);
  CHECK(f.log[0].starts_with("command from pid " + std::to_string(getpid()) + " uid " +
                             std::to_string(getuid())));
  CHECK(f.log[0].ends_with(": clear counters"));
}

TEST_CASE("a client that does not read its million sessions delays nobody and is dropped") {
  Fixture f;
  f.walk.per_worker = 1000000;
  Peer stalled(f);
  stalled.say("show sessions\n");
  for (int i = 0; i < 1000; ++i) f.turn();
  const auto steps = f.walk.steps;
  for (int i = 0; i < 100; ++i) f.turn();
  CHECK(f.walk.steps == steps);  // its buffers are full: no more questions are asked

  Peer other(f);
  other.say("show version\n");
  CHECK(other.hear(kOkStatus));
  CHECK(f.server->clients() == 2);
  f.server->sweep(ev_now(f.loop) + Server::kStall - 1);
  CHECK(f.server->clients() == 2);
  f.server->sweep(ev_now(f.loop) + Server::kStall + 1);
  CHECK(f.server->clients() == 1);
  other.heard.clear();
  other.say("show version\n");
  CHECK(other.hear(kOkStatus));
}

TEST_CASE("a slow reader gets all of it") {
  Fixture f;
  f.walk.per_worker = 5000;
  Peer peer(f);
  peer.say("show sessions\n");
  CHECK(peer.hear(kOkStatus));
  CHECK(std::count(peer.heard.begin(), peer.heard.end(), '\n') == 1 + 10000 + 1);
}

TEST_CASE("a client that leaves in the middle of a dump is forgotten") {
  Fixture f;
  f.walk.per_worker = 1000000;
  {
    Peer peer(f);
    peer.say("show sessions\n");
    for (int i = 0; i < 5; ++i) f.turn();
  }
  for (int i = 0; i < 5; ++i) f.turn();
  CHECK(f.server->clients() == 0);
}

TEST_CASE("half a line may wait, but not for ever") {
  Fixture f;
  Peer peer(f);
  peer.say("show vers");
  for (int i = 0; i < 3; ++i) f.turn();
  f.server->sweep(ev_now(f.loop) + Server::kStall + 1);
  CHECK(f.server->clients() == 0);
}

TEST_CASE("an idle client stays") {
  Fixture f;
  Peer peer(f);
  f.server->sweep(ev_now(f.loop) + 100000);
  CHECK(f.server->clients() == 1);
}

TEST_CASE("a client that closes its sending side still gets its answers") {
  Fixture f;
  Peer peer(f);
  peer.say("show version\nshow routes\n");
  peer.stop_sending();
  CHECK(peer.hear("\"routes\""));
  CHECK(peer.is_closed());
  CHECK(f.server->clients() == 0);
}

TEST_CASE("an endless line is refused and the connection closed") {
  Fixture f;
  Peer peer(f);
  peer.say(std::string(5000, 'a'));
  CHECK(peer.hear("more than 4096"));
  CHECK(peer.is_closed());
}

TEST_CASE("garbage hurts nobody") {
  Fixture f;
  Peer peer(f);
  peer.say(std::string_view("\0\0\0\n\xff\xff\n\x1b[2J\n", 12));
  CHECK(peer.hear("control characters"));
  peer.say("show version\n");
  CHECK(peer.hear("\"version\":\"9.9.9\""));
}

TEST_CASE("too many clients: the newest is told, unless somebody idles") {
  Fixture f(2);
  Peer first(f);
  Peer second(f);
  {
    Peer third(f);
    CHECK(third.hear("2 clients are connected"));
    CHECK(third.is_closed());
  }
  CHECK(f.server->clients() == 2);
}

}  // namespace isthmus::server_test
