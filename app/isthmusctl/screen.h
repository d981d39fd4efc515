// SPDX-License-Identifier: BSD-3-Clause
// The terminal as a screen that is drawn again and again ("watch", "top"), and what is known of it.
#pragma once

#include <termios.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace isthmus::ctl {

/// Of standard output; zeros when that is a file or a pipe.
struct TerminalSize {
  std::size_t columns = 0, rows = 0;
};
TerminalSize terminal_size();

/// Whether text may be made bold: a terminal that is not "dumb", and no NO_COLOR.
bool has_styles();

/// `text` cut to what fits: so many lines of so many characters, each followed by what clears the
/// rest of it. Escape sequences of styles take no room.
std::string fit(std::string_view text, TerminalSize size);

/// Sets `interrupted` on SIGINT and SIGTERM while it lives, and notices a resized window.
class Interruptible {
 public:
  Interruptible();
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  struct Saved;
  std::unique_ptr<Saved> saved_;
};

/// Owns the terminal while it lives: a screen beside the one with the shell's text, keys as they
/// are typed. On a terminal that cannot, or none, texts follow each other.
class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void draw(const std::string& text);
  enum class Event { kTime, kResized, kQuit };
  /// For at most `seconds`; kQuit after q, Ctrl-C or the end of the process's time.
  Event wait(double seconds) const;

 private:
  bool full_ = false;  ///< a screen of our own
  bool keys_ = false;  ///< standard input is a terminal, and gives keys
  bool drawn_ = false;
  termios before_{};
};

}  // namespace isthmus::ctl
