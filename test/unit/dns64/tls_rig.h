// SPDX-License-Identifier: BSD-3-Clause
// A resolver that speaks TLS.
#pragma once

#include <gnutls/gnutls.h>

#include <list>
#include <string>
#include <vector>

#include "service_rig.h"
#include "unit/tls/certificate.h"

namespace isthmus::service_test {

using test::Certificate, test::TempFile;

class TlsResolver {
 public:
  using Handler = std::function<Wire(const TextMessage& query)>;

  TlsResolver(struct ev_loop* loop, const Certificate& certificate, Handler handler);
  TlsResolver(const TlsResolver&) = delete;
  TlsResolver& operator=(const TlsResolver&) = delete;
  ~TlsResolver();

  uint16_t port() const { return port_; }
  conf::Endpoint endpoint(const std::string& name) const {
    return {kLoopback4, port_, conf::DnsTransport::kTls, name};
  }
  /// Closes a connection after so many answers.
  void close_after(unsigned answers) { close_after_ = answers; }

  unsigned connections = 0;  ///< accepted
  unsigned handshakes = 0;   ///< of those that were finished
  std::vector<Wire> queries;

 private:
  struct Stream {
    dns64::Fd fd;
    gnutls_session_t session = nullptr;
    bool ready = false;
    unsigned answers = 0;
    ev::io watcher;
    dns64::StreamReader reader;
    dns64::StreamWriter writer;
    TlsResolver* owner = nullptr;
    ~Stream() {
      watcher.stop();
      gnutls_deinit(session);
    }
    void on_ready(ev::io&, int) { owner->serve(*this); }
  };

  void accept(ev::io&, int);
  void serve(Stream& stream);
  bool advance(Stream& stream);

  struct ev_loop* loop_;
  Handler handler_;
  gnutls_certificate_credentials_t credentials_ = nullptr;
  dns64::Fd fd_;
  uint16_t port_ = 0;
  unsigned close_after_ = 0;
  ev::io watcher_;
  std::list<Stream> streams_;
};

}  // namespace isthmus::service_test
