// SPDX-License-Identifier: BSD-3-Clause
// TLS over a TCP connection (RFC 7011 11, RFC 5425).
//
// Theory of operation. A connection becomes one step by step, each call of open() going as far as
// it can: files are read (so that renewed certificates count from the next connection on), TCP
// connects, the handshake checks who is there, and with TLS 1.3 the collector's own verdict on us
// is waited for: it comes after the handshake, and what was written before a refusal would be lost.
#include <poll.h>

#include <cerrno>
#include <ctime>

#include "export/transport.h"
#include "tls/session.h"

namespace isthmus::exporter {
namespace {

/// A collector that says nothing for so long, not even with a ticket, has accepted us.
constexpr double kVerdict_s = 1;

double seconds_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(std::unique_ptr<Transport> socket, const conf::ExportTls& tls, tls::Peer peer,
               double patience_s)
      : socket_(std::move(socket)),
        files_{tls.ca_file, tls.certificate_file, tls.key_file, tls.fingerprint.empty()},
        peer_(std::move(peer)),
        patience_s_(patience_s) {}
  ~TlsTransport() override { close(); }

  Result open() override {
    for (;;) {
      Result result = Result::kDone;
      switch (stage_) {
        case Stage::kClosed: result = load(); break;
        case Stage::kConnecting: result = connect(); break;
        case Stage::kHandshake: result = handshake(); break;
        case Stage::kVerdict: result = hear_verdict(); break;
        case Stage::kOpen: return Result::kDone;
      }
      if (result != Result::kDone) return result;
    }
  }

  Result write(std::span<const uint8_t> message, std::size_t& done) override {
    while (done < message.size()) {
      const auto sent = session_->send(message.subspan(done));
      if (sent < 0) {
        if (errno == EAGAIN) return Result::kWait;
        const auto trouble = session_->trouble();
        // Why the other side left may still be there to read.
        if (is_alive()) failed("send: " + trouble);
        return Result::kFailed;
      }
      done += static_cast<std::size_t>(sent);
    }
    return Result::kDone;
  }

  bool is_alive() override {
    uint8_t unwanted[256];
    ssize_t got = 1;
    while (got > 0) got = session_->receive(unwanted);
    if (got < 0 && errno == EAGAIN) return true;
    failed(got == 0 ? "the collector closed the connection" : session_->trouble());
    return false;
  }

  // What was not read would make the kernel end the connection at once, with what is still to be
  // sent; the session says goodbye (RFC 5425 4.4).
  void close() override {
    uint8_t unwanted[256];
    while (stage_ == Stage::kOpen && session_->receive(unwanted) > 0) continue;
    session_.reset();
    socket_->close();
    stage_ = Stage::kClosed;
  }
  int fd() const override { return socket_->fd(); }
  short waits_for() const override {
    if (stage_ == Stage::kConnecting) return socket_->waits_for();
    if (stage_ == Stage::kVerdict) return POLLIN;
    return session_ && !session_->wants_write() ? POLLIN : POLLOUT;
  }

 private:
  enum class Stage : uint8_t { kClosed, kConnecting, kHandshake, kVerdict, kOpen };

  Result load() {
    auto credentials = tls::Credentials::load(files_, "tls_");
    if (!credentials) return failed(credentials.error().text);
    credentials_ = std::move(*credentials);
    stage_ = Stage::kConnecting;
    return Result::kDone;
  }
  Result connect() {
    const auto result = socket_->open();
    if (result == Result::kFailed) return failed(socket_->error());
    if (result == Result::kWait) return result;
    session_ = std::make_unique<tls::Session>(credentials_, socket_->fd(), peer_);
    until_s_ = seconds_now() + patience_s_;
    stage_ = Stage::kHandshake;
    return Result::kDone;
  }
  Result handshake() {
    switch (session_->handshake()) {
      case tls::Session::Step::kAgain:
        if (seconds_now() < until_s_) return Result::kWait;
        return failed("TLS: the handshake does not end; does the collector speak TLS?");
      case tls::Session::Step::kUntrusted: return failed("not trusted: " + session_->trouble());
      case tls::Session::Step::kFailed: return failed("TLS: " + session_->trouble());
      case tls::Session::Step::kDone: break;
    }
    until_s_ = seconds_now() + kVerdict_s;
    stage_ = Stage::kVerdict;
    return Result::kDone;
  }
  Result hear_verdict() {
    if (!is_alive()) return Result::kFailed;
    if (!session_->is_settled() && seconds_now() < until_s_) return Result::kWait;
    stage_ = Stage::kOpen;
    return Result::kDone;
  }
  Result failed(std::string why) {
    error_ = std::move(why);
    stage_ = Stage::kHandshake;  // nothing more is to be read
    close();
    return Result::kFailed;
  }

  const std::unique_ptr<Transport> socket_;
  const tls::Credentials::Files files_;
  const tls::Peer peer_;
  const double patience_s_;
  std::shared_ptr<const tls::Credentials> credentials_;
  std::unique_ptr<tls::Session> session_;
  Stage stage_ = Stage::kClosed;
  double until_s_ = 0;
};

}  // namespace

std::unique_ptr<Transport> make_tls(const std::variant<net::Ip4, net::Ip6>& address, uint16_t port,
                                    const conf::ExportTls& tls, double patience_s) {
  const bool is_address = tls.name.empty();
  tls::Peer peer{
      is_address ? std::visit([](const auto& a) { return net::to_string(a); }, address) : tls.name,
      is_address, tls.fingerprint};
  return std::make_unique<TlsTransport>(make_socket(address, port, conf::ExportTransport::kTcp),
                                        tls, std::move(peer), patience_s);
}

}  // namespace isthmus::exporter
