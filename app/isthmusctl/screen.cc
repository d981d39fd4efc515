// SPDX-License-Identifier: BSD-3-Clause
#include "screen.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "connection.h"

namespace isthmus::ctl {
namespace {

constexpr std::string_view kEnter = "\033[?1049h\033[?25l\033[2J";  // own screen, no cursor
constexpr std::string_view kLeave = "\033[?25h\033[?1049l";
constexpr std::string_view kHome = "\033[H";
constexpr std::string_view kClearLine = "\033[K";
constexpr std::string_view kClearBelow = "\033[J";

volatile std::sig_atomic_t resized = 0;

void write_out(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

bool is_dumb() {
  const char* term = std::getenv("TERM");
  return term == nullptr || *term == '\0' || std::string_view(term) == "dumb";
}

/// Octets of `line` that `columns` characters take.
std::size_t octets(std::string_view line, std::size_t columns) {
  std::size_t at = 0, used = 0;
  while (at < line.size()) {
    if (line[at] == '\033') {
      at = std::min(line.find('m', at), line.size() - 1) + 1;
      continue;
    }
    const bool starts = (static_cast<unsigned char>(line[at]) & 0xc0u) != 0x80u;
    if (starts && used++ == columns) return at;
    ++at;
  }
  return at;
}

}  // namespace

TerminalSize terminal_size() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_col, size.ws_row};
}

bool has_styles() {
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org
  return isatty(STDOUT_FILENO) != 0 && !is_dumb() && (no_color == nullptr || *no_color == '\0');
}

std::string fit(std::string_view text, TerminalSize size) {
  std::string out;
  for (std::size_t row = 0; row < size.rows && !text.empty(); ++row) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    const auto most = octets(line, size.columns);
    if (row > 0) out += "\r\n";
    out += line.substr(0, most);
    // A style that was cut off must not go on.
    if (most < line.size() && line.find('\033') != std::string_view::npos) out += "\033[0m";
    out += kClearLine;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

struct Interruptible::Saved {
  struct sigaction interrupt, terminate, resize;
};

Interruptible::Interruptible() : saved_(std::make_unique<Saved>()) {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &action, &saved_->interrupt);
  sigaction(SIGTERM, &action, &saved_->terminate);
  action.sa_handler = [](int) { resized = 1; };
  sigaction(SIGWINCH, &action, &saved_->resize);
}

Interruptible::~Interruptible() {
  sigaction(SIGINT, &saved_->interrupt, nullptr);
  sigaction(SIGTERM, &saved_->terminate, nullptr);
  sigaction(SIGWINCH, &saved_->resize, nullptr);
}

Screen::Screen() {
  full_ = terminal_size().rows > 0 && !is_dumb();
  if (full_) write_out(kEnter);
  keys_ = isatty(STDIN_FILENO) != 0 && tcgetattr(STDIN_FILENO, &before_) == 0;
  if (!keys_) return;
  termios now = before_;
  now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  tcsetattr(STDIN_FILENO, TCSANOW, &now);
}

Screen::~Screen() {
  if (keys_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  if (full_) write_out(kLeave);
  std::fflush(stdout);
}

void Screen::draw(const std::string& text) {
  if (full_) {
    write_out(kHome);
    write_out(fit(text, terminal_size()));
    write_out(kClearBelow);
  } else {
    if (drawn_) write_out("\n");
    write_out(text);
  }
  drawn_ = true;
  std::fflush(stdout);
}

Screen::Event Screen::wait(double seconds) const {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  for (bool keys = keys_;;) {
    if (interrupted != 0) return Event::kQuit;
    if (std::exchange(resized, 0) != 0) return Event::kResized;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return Event::kTime;
    pollfd input{keys ? STDIN_FILENO : -1, POLLIN, 0};
    // A signal in between is seen a second later at most.
    if (poll(&input, 1, static_cast<int>(std::min<long long>(left, 1000))) <= 0) continue;
    char key = 0;
    if (read(STDIN_FILENO, &key, 1) != 1) keys = false;
    if (key == 'q' || key == 'Q') return Event::kQuit;
  }
}

}  // namespace isthmus::ctl
