// SPDX-License-Identifier: BSD-3-Clause
// The protocol of doc/protocol.md with one client, without its socket.
//
// Theory of operation. Bytes go in by receive(), bytes to send collect in out(). work() does a
// bounded amount: it takes the next whole line, or goes on with the answer under way, and stops
// when enough waits to be sent. While it is busy no input is wanted, so a client that sends without
// reading fills its own socket and nothing here: at most kMaxLine octets of input and about
// kHighWater of output are held.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "control/commands.h"

namespace isthmus::control {

class Conversation {
 public:
  /// Asked before a command that changes something; false refuses it.
  using MayChange = std::function<bool(std::string_view line)>;
  static constexpr std::size_t kHighWater = 32 * 1024;

  Conversation(Commands& commands, MayChange may_change);

  /// At most kMaxLine octets at a time, and only when wants_input().
  void receive(std::string_view bytes);
  /// The client sends no more. Lines it finished are still answered; half a line is not a command.
  void end_of_input() { input_ended_ = true; }

  void work();

  Session& session() { return session_; }

  std::string& out() { return out_; }
  /// More work() is possible now or once out() is drained.
  bool busy() const { return answer_.step || has_line(); }
  bool wants_input() const { return !closing_ && !input_ended_ && !busy(); }
  /// All is said; the connection can be closed when out() is empty.
  bool finished() const { return (closing_ || input_ended_) && !busy(); }
  /// Part of a line has come: the client owes the rest.
  bool in_mid_line() const { return !in_.empty() && !busy(); }

  /// Refuses everything that follows, with a reason.
  void refuse(Complaint complaint);

 private:
  bool has_line() const { return !closing_ && in_.find('\n') != std::string::npos; }
  void take_line();
  void run(std::string_view line);
  void take_step();

  Commands& commands_;
  MayChange may_change_;
  Session session_;
  std::string in_;
  std::string out_;
  Answer answer_;  ///< under way while `step` is set
  bool input_ended_ = false;
  bool closing_ = false;
};

}  // namespace isthmus::control
