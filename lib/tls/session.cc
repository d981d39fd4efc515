// SPDX-License-Identifier: BSD-3-Clause
#include "tls/session.h"

#include <gnutls/x509.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "conf/read_file.h"

namespace isthmus::tls {
namespace {

constexpr std::size_t kMaxFile = 16u << 20;
// RFC 8310 9, RFC 9325 3.1.1, RFC 9662 5: TLS 1.2 or newer.
constexpr const char* kPriority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
constexpr std::string_view kHash = "sha-256";  // its name in the registry that RFC 5425 refers to
constexpr std::size_t kDigest = 32;

gnutls_datum_t datum(std::string& text) {
  return {reinterpret_cast<unsigned char*>(text.data()), static_cast<unsigned>(text.size())};
}

/// In words; `session`: that it happened to.
std::string text_of(gnutls_session_t session, ssize_t error) {
  const int system = errno;
  const auto code = static_cast<int>(error);
  if (code == GNUTLS_E_FATAL_ALERT_RECEIVED) {
    const char* name = gnutls_alert_get_name(gnutls_alert_get(session));
    return std::string("the other side refused: ") + (name == nullptr ? "unknown alert" : name);
  }
  if (code == GNUTLS_E_PREMATURE_TERMINATION) return "the other side closed the connection";
  const bool of_socket = code == GNUTLS_E_PUSH_ERROR || code == GNUTLS_E_PULL_ERROR;
  return of_socket && system != 0 ? std::strerror(system) : gnutls_strerror(code);
}

std::string why_untrusted(gnutls_session_t session) {
  gnutls_datum_t text{};
  const unsigned status = gnutls_session_get_verify_cert_status(session);
  if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) != 0) {
    return "its certificate is not trusted";
  }
  std::string out(reinterpret_cast<const char*>(text.data), text.size);
  gnutls_free(text.data);
  while (!out.empty() && (out.back() == ' ' || out.back() == '\0')) out.pop_back();
  return out;
}

std::string fingerprint_of(std::span<const unsigned char> digest) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out(kHash);
  for (const auto octet : digest) {
    out += ':';
    out += kDigits[octet >> 4];
    out += kDigits[octet & 15];
  }
  return out;
}

bool same_but_for_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

}  // namespace

Credentials::Credentials() {
  if (gnutls_certificate_allocate_credentials(&credentials_) != 0) std::abort();
}

Status Credentials::trust(const std::string& file, const std::string& option) {
  if (file.empty()) {
    if (gnutls_certificate_set_x509_system_trust(credentials_) > 0) return Ok{};
    return Error{option +
                 ": the system has no certificates of authorities; install ca-certificates or name "
                 "a file"};
  }
  Result<std::string> text = conf::read_file(file, kMaxFile, "certificates in PEM form");
  if (!text) return Error{option + ": " + text.error().text};
  const auto data = datum(*text);
  const int count = gnutls_certificate_set_x509_trust_mem(credentials_, &data, GNUTLS_X509_FMT_PEM);
  if (count <= 0) {
    return Error{option + ": " + file + ": expected certificates in PEM form, found " +
                 (count == 0 ? "none" : gnutls_strerror(count))};
  }
  text_ = std::move(*text);
  return Ok{};
}

Status Credentials::identify(const Files& files, const std::string& prefix) {
  const auto option = prefix + "certificate_file: ";
  Result<std::string> certificate =
      conf::read_file(files.certificate, kMaxFile, "a certificate in PEM form");
  if (!certificate) return Error{option + certificate.error().text};
  Result<std::string> key = conf::read_file(files.key, kMaxFile, "a private key in PEM form");
  if (!key) return Error{prefix + "key_file: " + key.error().text};
  const auto one = datum(*certificate), other = datum(*key);
  const int result =
      gnutls_certificate_set_x509_key_mem(credentials_, &one, &other, GNUTLS_X509_FMT_PEM);
  std::fill(key->begin(), key->end(), '\0');
  if (result >= 0) return Ok{};
  return Error{option + files.certificate + ": expected a certificate in PEM form and, in " +
               files.key + ", its private key: " + gnutls_strerror(result)};
}

Result<std::shared_ptr<const Credentials>> Credentials::load(const Files& files,
                                                             const std::string& prefix) {
  std::shared_ptr<Credentials> out(new Credentials);
  if (files.needs_authorities) {
    if (auto status = out->trust(files.authorities, prefix + "ca_file"); !status) {
      return status.error();
    }
  }
  if (!files.certificate.empty()) {
    if (auto status = out->identify(files, prefix); !status) return status.error();
  }
  return std::shared_ptr<const Credentials>(std::move(out));
}

Session::Session(std::shared_ptr<const Credentials> credentials, int fd, Peer peer)
    : credentials_(std::move(credentials)), peer_(std::move(peer)) {
  constexpr unsigned kFlags = GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL;
  if (gnutls_init(&session_, kFlags) != 0) std::abort();
  gnutls_session_set_ptr(session_, this);
  int error = gnutls_priority_set_direct(session_, kPriority, nullptr);
  if (error == 0) {
    error = gnutls_credentials_set(session_, GNUTLS_CRD_CERTIFICATE, credentials_->get());
  }
  // RFC 6066 3: addresses are no names for the server.
  if (error == 0 && !peer_.is_address) {
    error = gnutls_server_name_set(session_, GNUTLS_NAME_DNS, peer_.name.data(), peer_.name.size());
  }
  if (error == 0 && !peer_.protocol.empty()) {
    const auto protocol = datum(peer_.protocol);
    error = gnutls_alpn_set_protocols(session_, &protocol, 1, 0);
  }
  if (error != 0) trouble_ = gnutls_strerror(error);
  if (peer_.fingerprint.empty()) {
    // RFC 8310 8.1, RFC 7011 11.3, RFC 5425 5.2: the name is compared with the certificate's.
    gnutls_session_set_verify_cert(session_, peer_.name.c_str(), 0);
  } else {
    gnutls_session_set_verify_function(session_, on_certificate);
  }
  gnutls_transport_set_int(session_, fd);
}

Session::~Session() {
  if (ready_) gnutls_bye(session_, GNUTLS_SHUT_WR);
  gnutls_deinit(session_);
}

int Session::on_certificate(gnutls_session_t session) {
  return static_cast<Session*>(gnutls_session_get_ptr(session))->check_fingerprint();
}

// RFC 5425 4.2.2, 5.1: the certificate itself is what was agreed upon, whoever signed it. That the
// server has its key is the handshake's to prove.
int Session::check_fingerprint() {
  unsigned count = 0;
  const auto* chain = gnutls_certificate_get_peers(session_, &count);
  unsigned char digest[kDigest];
  std::size_t size = sizeof digest;
  if (chain == nullptr || count == 0 ||
      gnutls_fingerprint(GNUTLS_DIG_SHA256, chain, digest, &size) != 0) {
    trouble_ = "it showed no certificate";
    return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
  }
  const auto seen = fingerprint_of({digest, size});
  if (same_but_for_case(seen, peer_.fingerprint)) return 0;
  trouble_ = "its certificate has the fingerprint " + seen;
  return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
}

Session::Step Session::handshake() {
  if (ready_) return Step::kDone;
  if (!trouble_.empty()) return Step::kFailed;
  errno = 0;
  const int result = gnutls_handshake(session_);
  if (result == 0) {
    ready_ = true;
    return Step::kDone;
  }
  if (gnutls_error_is_fatal(result) == 0) return Step::kAgain;
  const bool untrusted = result == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
  if (!untrusted) {
    trouble_ = text_of(session_, result);
    return Step::kFailed;
  }
  if (peer_.fingerprint.empty()) trouble_ = why_untrusted(session_);
  gnutls_alert_send(session_, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
  return Step::kUntrusted;
}

// TLS 1.3: our certificate, or that we have none, is the last word of the handshake; what the
// server makes of it comes later (RFC 8446 4.4.2.4). One that sends a ticket has accepted us.
bool Session::is_settled() const {
  return gnutls_protocol_get_version(session_) != GNUTLS_TLS1_3 ||
         (gnutls_session_get_flags(session_) & GNUTLS_SFLAGS_SESSION_TICKET) != 0;
}

ssize_t Session::as_errno(ssize_t result) {
  if (result >= 0) return result;
  if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED) {
    errno = EAGAIN;
  } else {
    trouble_ = text_of(session_, result);
    errno = EPROTO;
  }
  return -1;
}

ssize_t Session::receive(std::span<uint8_t> out) {
  errno = 0;
  const ssize_t got = gnutls_record_recv(session_, out.data(), out.size());
  return as_errno(got == GNUTLS_E_PREMATURE_TERMINATION ? 0 : got);
}

ssize_t Session::send(std::span<const uint8_t> data) {
  errno = 0;
  // What was begun has to be continued, without naming it again.
  const ssize_t sent = unsent_ ? gnutls_record_send(session_, nullptr, 0)
                               : gnutls_record_send(session_, data.data(), data.size());
  unsent_ = sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED;
  return as_errno(sent);
}

}  // namespace isthmus::tls
