// SPDX-License-Identifier: BSD-3-Clause
// TLS to upstream resolvers (RFC 7858), on sockets that do not block.
//
// Theory of operation. Always the strict profile (RFC 8310 5): a resolver that does not prove with
// a certificate that it is who the configuration says is not asked anything. The proof is checked
// inside the handshake, so no query is written before. Nothing here waits: who calls looks at
// wants_write() and comes back when the socket is ready.
#pragma once

#include <gnutls/gnutls.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "net/result.h"

namespace isthmus::dns64 {

/// The authorities whose word on who a resolver is counts.
class TlsTrust {
 public:
  /// From a file of certificates in PEM form, or what the system trusts if `file` is empty.
  static Result<std::shared_ptr<const TlsTrust>> load(const std::string& file);
  TlsTrust(const TlsTrust&) = delete;
  TlsTrust& operator=(const TlsTrust&) = delete;
  ~TlsTrust() { gnutls_certificate_free_credentials(credentials_); }

  /// What the file held; empty: the system's.
  const std::string& text() const { return text_; }
  gnutls_certificate_credentials_t credentials() const { return credentials_; }

 private:
  TlsTrust();

  gnutls_certificate_credentials_t credentials_ = nullptr;
  std::string text_;
};

class TlsSession {
 public:
  enum class Step : uint8_t { kDone, kAgain, kUntrusted, kFailed };

  /// On a connected (or connecting) socket. `name` is a domain name, or an address that the
  /// certificate has to hold.
  TlsSession(std::shared_ptr<const TlsTrust> trust, int fd, std::string name, bool is_address);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession();

  Step handshake();
  /// As ::recv() and ::send(): -1 with errno EAGAIN if the socket is not ready.
  ssize_t receive(std::span<uint8_t> out);
  ssize_t send(std::span<const uint8_t> data);
  /// Of the step that ended with kAgain: what the socket has to be ready for.
  bool wants_write() const { return gnutls_record_get_direction(session_) == 1; }
  /// Octets that were read from the socket but not taken yet.
  bool pending() const { return gnutls_record_check_pending(session_) > 0; }
  /// Why the handshake came to nothing.
  const std::string& trouble() const { return trouble_; }

 private:
  std::shared_ptr<const TlsTrust> trust_;  // outlives the session
  std::string name_;
  gnutls_session_t session_ = nullptr;
  bool unsent_ = false;  ///< a send() that is to be continued
  bool ready_ = false;
  std::string trouble_;
};

}  // namespace isthmus::dns64
