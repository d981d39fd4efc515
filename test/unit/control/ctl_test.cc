// SPDX-License-Identifier: BSD-3-Clause
// isthmusctl as a program, against a server in a thread of this process.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "catch.h"
#include "control/server.h"
#include "fake_backend.h"

namespace isthmus::ctl_test {
using namespace control;

namespace {

class RunningServer {
 public:
  explicit RunningServer(uint64_t sessions = 2) {
    char name[] = "/tmp/isthmus-test-XXXXXX";
    directory_ = mkdtemp(name);
    walk_.per_worker = sessions;
    loop_ = ev_loop_new(EVFLAG_AUTO);
    ev_async_init(&stop_,
                  [](struct ev_loop* loop, ev_async*, int) { ev_break(loop, EVBREAK_ALL); });
    ev_async_start(loop_, &stop_);
    auto made = Server::make({socket(), "", 8, {}}, commands_, loop_);
    REQUIRE(made);
    server_ = std::move(*made);
    thread_ = std::thread([this] { ev_run(loop_, 0); });
  }
  ~RunningServer() {
    ev_async_send(loop_, &stop_);
    thread_.join();
    server_.reset();
    ev_loop_destroy(loop_);
    std::filesystem::remove_all(directory_);
  }
  std::string socket() const { return directory_ + "/ctl.sock"; }
  FakeBackend backend_;

 private:
  std::string directory_;
  FakeWalk walk_;
  Commands commands_{backend_, walk_};
  struct ev_loop* loop_;
  ev_async stop_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

struct Ran {
  int code;
  std::string out;  ///< standard output and error together
};

/// Runs a shell line in which "ctl" is isthmusctl.
Ran shell(const std::string& socket, const std::string& line) {
  const std::string program = std::getenv("ISTHMUSCTL");
  const auto script = "ctl() { '" + program + "' --socket '" + socket + "' \"$@\"; }; " + line;
  REQUIRE(setenv("SCRIPT", script.c_str(), 1) == 0);
  std::FILE* pipe = popen("bash -o pipefail -c \"$SCRIPT\" 2>&1", "r");
  REQUIRE(pipe != nullptr);
  Ran ran;
  char buffer[4096];
  std::size_t n;
  while ((n = fread(buffer, 1, sizeof buffer, pipe)) > 0) ran.out.append(buffer, n);
  ran.code = WEXITSTATUS(pclose(pipe));
  return ran;
}

}  // namespace

TEST_CASE("health: a line, and an exit code that scripts go by") {
  RunningServer server;
  auto ran = shell("/nonexistent/ctl.sock", "ctl health");
  CHECK(ran.code == 3);
  std::string text = FakeBackend::sample();
  const std::string pool = "name = \"p\";";
  text.replace(text.find(pool), pool.size(), pool + " drain = true;");
  server.backend_.current = *conf::load_text(text, "test.conf");
  ran = shell(server.socket(), "ctl health");
  CHECK(ran.code == 1);
  CHECK(ran.out.starts_with("failed: "));
  CHECK(std::count(ran.out.begin(), ran.out.end(), '\n') == 1);
  ran = shell(server.socket(), "ctl --json health");
  CHECK(ran.code == 1);
  CHECK(ran.out.starts_with("{\"health\":\"failed\",\"why\":"));
}

TEST_CASE("one-shot: a table, or JSON as it came") {
  RunningServer server;
  auto ran = shell(server.socket(), "ctl show version");
  CHECK(ran.code == 0);
  CHECK(ran.out == "version:  9.9.9\ncompiler: test\n");
  ran = shell(server.socket(), "ctl show sessions limit 1 --json");
  CHECK(ran.code == 0);
  CHECK(ran.out.starts_with(R"({"protocol":"tcp","inside":"2001:db8::","inside_port":40000,)"));
  CHECK(ran.out.find("status") == std::string::npos);
  ran = shell(server.socket(), "ctl show sessions limit 1");
  CHECK(ran.out.starts_with("PROTOCOL  INSIDE"));
}

TEST_CASE("a command that fails: 1, a sentence and what to do") {
  RunningServer server;
  server.backend_.reload_result = Error{"x.conf:3: found a, expected b"};
  const auto ran = shell(server.socket(), "ctl reload");
  CHECK(ran.code == 1);
  CHECK(ran.out ==
        "isthmusctl: x.conf:3: found a, expected b\n"
        "nothing was changed; correct the file and reload again\n");
  CHECK(shell(server.socket(), "ctl --json bogus").out ==
        "{\"status\":\"error\",\"error\":\"unknown command \\\"bogus\\\"\","
        "\"hint\":\"\\\"help\\\" lists commands\"}\n");
}

TEST_CASE("from a pipe: one command a line, the line of a failure is named") {
  RunningServer server;
  const auto ran =
      shell(server.socket(), "printf 'show version\\n# comment\\n\\nbogus\\nshow version' | ctl");
  CHECK(ran.code == 2);
  CHECK(ran.out.find("isthmusctl: line 4: unknown command \"bogus\"\n") != std::string::npos);
  CHECK(ran.out.starts_with("version:  9.9.9\n"));
  CHECK(ran.out.ends_with("compiler: test\n"));
  CHECK(shell(server.socket(), "printf 'show version\\n' | ctl").code == 0);
}

TEST_CASE("from a file, as from a pipe") {
  RunningServer server;
  const auto file = std::filesystem::temp_directory_path() / "isthmus-test-commands";
  std::ofstream(file) << "# what runs\nshow version\n";
  CHECK(shell(server.socket(), "ctl -f " + file.string()).out ==
        "version:  9.9.9\ncompiler: test\n");
  CHECK(shell(server.socket(), "echo show version | ctl --file -").code == 0);
  std::filesystem::remove(file);
  auto ran = shell(server.socket(), "ctl -f " + file.string());
  CHECK(ran.code == 2);
  CHECK(ran.out == "isthmusctl: cannot read " + file.string() + ": No such file or directory\n");
  CHECK(shell(server.socket(), "ctl -f - show version").code == 2);
}

TEST_CASE("watch without a terminal: one text after the other") {
  RunningServer server;
  auto ran =
      shell(server.socket(), "ctl watch every 0.1 times 2 show version | sed 's/^..:..:../T/'");
  CHECK(ran.code == 0);
  const std::string once = "T   every 0.1 s: show version\n\nversion:  9.9.9\ncompiler: test\n";
  CHECK(ran.out == once + "\n" + once);
  server.backend_.reload_result = Error{"no"};
  for (const char* line :
       {"ctl watch reload", "ctl watch top", "ctl watch", "ctl watch every x show ports",
        "ctl watch times 0 show ports", "ctl watch show prots", "ctl top now"}) {
    CAPTURE(line);
    CHECK(shell(server.socket(), line).code == 2);
  }
  CHECK(shell("/nowhere", "ctl watch times 1 show ports").code == 3);
  CHECK(shell("/nowhere", "ctl top times 1").code == 3);
}

TEST_CASE("top without a terminal") {
  RunningServer server;
  const auto ran = shell(server.socket(), "TERM=dumb ctl top every 0.1 times 2");
  CHECK(ran.code == 0);
  for (const char* part : {"\nPorts\n", "\nWorkers\n", "\nPools\n", "RX PPS", "BUSY %"}) {
    CAPTURE(part);
    CHECK(ran.out.find(part) != std::string::npos);
  }
  CHECK(ran.out.find('\033') == std::string::npos);
}

TEST_CASE("no daemon: 3 and what to do; help works all the same") {
  const std::string nowhere = "/tmp/isthmus-test-nowhere.sock";
  auto ran = shell(nowhere, "ctl show version");
  CHECK(ran.code == 3);
  CHECK(ran.out.starts_with("isthmusctl: cannot connect to " + nowhere +
                            ": No such file or directory\nisthmusd does not run"));
  ran = shell(nowhere, "ctl show sessions --help");
  CHECK(ran.code == 0);
  CHECK(ran.out.starts_with("show sessions [inside PREFIX]"));
  CHECK(shell(nowhere, "ctl --help").code == 0);
  CHECK(shell(nowhere, "ctl complete 'show se'").out == "sessions\n");
}

TEST_CASE("wrong usage: 2, also when the daemon is who says so") {
  RunningServer server;
  CHECK(shell(server.socket(), "ctl bogus").code == 2);
  CHECK(shell(server.socket(), "ctl show sessions limit x").code == 2);
  CHECK(shell("/nowhere", "ctl --bogus").code == 2);
  CHECK(shell("/nowhere", "ctl --jsn show ports").out ==
        "isthmusctl: unknown option --jsn\ndid you mean --json? \"isthmusctl --help\" lists "
        "options\n");
  CHECK(shell("/nowhere", "ctl --socket").code == 2);
}

TEST_CASE("a reader that leaves ends a dump quietly") {
  RunningServer server(200000);
  const auto ran = shell(server.socket(), "ctl show sessions | head -n 2 | wc -l");
  CHECK(ran.code == 0);
  CHECK(ran.out == "2\n");
}

TEST_CASE("a full disk is an error, not an end") {
  RunningServer server;
  for (const char* line : {"ctl show version >/dev/full", "ctl --json show version >/dev/full"}) {
    const auto ran = shell(server.socket(), line);
    CHECK(ran.code == 1);
    CHECK(ran.out == "isthmusctl: cannot write: No space left on device\n");
  }
}

TEST_CASE("a dump from several workers arrives whole") {
  RunningServer server(10000);
  const auto ran = shell(server.socket(), "ctl show sessions --json | wc -l");
  CHECK(ran.out == "20000\n");
}

}  // namespace isthmus::ctl_test
