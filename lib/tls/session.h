// SPDX-License-Identifier: BSD-3-Clause
// The client's side of TLS on sockets that do not block: to resolvers (RFC 7858), to collectors of
// IPFIX (RFC 7011 11) and of syslog (RFC 5425).
//
// Theory of operation. Always strict: a server that does not prove with a certificate that it is
// who the configuration says is told nothing. The proof is checked inside the handshake, so nothing
// is written before. Nothing here waits: who calls looks at wants_write() and comes back when the
// socket is ready.
#pragma once

#include <gnutls/gnutls.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "net/result.h"

namespace isthmus::tls {

/// The authorities whose word on who a server is counts, and what proves who we are.
class Credentials {
 public:
  struct Files {
    std::string authorities;       ///< certificates in PEM form; empty: what the system trusts
    std::string certificate = {};  ///< our own, with the chain to its authority; empty: none
    std::string key = {};
    bool needs_authorities = true;  ///< false: the server is known by its fingerprint
  };
  /// Errors name the option: `prefix`, then "ca_file", "certificate_file" or "key_file".
  static Result<std::shared_ptr<const Credentials>> load(const Files& files,
                                                         const std::string& prefix);
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;
  ~Credentials() { gnutls_certificate_free_credentials(credentials_); }

  /// What the file of authorities held; empty: the system's.
  const std::string& text() const { return text_; }
  gnutls_certificate_credentials_t get() const { return credentials_; }

 private:
  Credentials();
  Status trust(const std::string& file, const std::string& option);
  Status identify(const Files& files, const std::string& prefix);

  gnutls_certificate_credentials_t credentials_ = nullptr;
  std::string text_;
};

/// Who the server has to be.
struct Peer {
  std::string name;              ///< a domain name, or an address, that the certificate has to hold
  bool is_address = false;       ///< of `name`
  std::string fingerprint = {};  ///< of the certificate instead, as RFC 5425 4.2.2 writes SHA-256
  std::string protocol = {};     ///< ALPN identifier; empty: none is offered
};

class Session {
 public:
  enum class Step : uint8_t { kDone, kAgain, kUntrusted, kFailed };

  /// On a connected (or connecting) socket.
  Session(std::shared_ptr<const Credentials> credentials, int fd, Peer peer);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  Step handshake();
  /// As ::recv() and ::send(): -1 with errno EAGAIN if the socket is not ready. What a send() that
  /// was not ready began, the next one ends, so that has to be given the same data.
  ssize_t receive(std::span<uint8_t> out);
  ssize_t send(std::span<const uint8_t> data);
  /// Of the step that ended with kAgain: what the socket has to be ready for.
  bool wants_write() const { return gnutls_record_get_direction(session_) == 1; }
  /// Octets that were read from the socket but not taken yet.
  bool pending() const { return gnutls_record_check_pending(session_) > 0; }
  /// The server has spoken after our last word of the handshake, or had no need to.
  bool is_settled() const;
  /// Why the handshake came to nothing, or receive() or send() failed.
  const std::string& trouble() const { return trouble_; }

 private:
  ssize_t as_errno(ssize_t result);
  int check_fingerprint();
  static int on_certificate(gnutls_session_t session);

  std::shared_ptr<const Credentials> credentials_;  // outlives the session
  Peer peer_;
  gnutls_session_t session_ = nullptr;
  bool unsent_ = false;  ///< a send() that is to be continued
  bool ready_ = false;
  std::string trouble_;
};

}  // namespace isthmus::tls
