// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/tls.h"

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "conf/read_file.h"

namespace isthmus::dns64 {
namespace {

constexpr std::size_t kMaxFile = 16u << 20;
// RFC 8310 9, RFC 9325 3.1.1: TLS 1.2 or newer.
constexpr const char* kPriority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
constexpr const char* kProtocol = "dot";  // RFC 7858's entry in the registry of ALPN identifiers

std::string text_of(int error) {
  return gnutls_strerror(error);
}

ssize_t as_errno(ssize_t result) {
  if (result >= 0) return result;
  const bool again = result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED;
  errno = again ? EAGAIN : EPROTO;
  return -1;
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

}  // namespace

TlsTrust::TlsTrust() {
  if (gnutls_certificate_allocate_credentials(&credentials_) != 0) std::abort();
}

Result<std::shared_ptr<const TlsTrust>> TlsTrust::load(const std::string& file) {
  std::shared_ptr<TlsTrust> trust(new TlsTrust);
  int count = 0;
  if (file.empty()) {
    count = gnutls_certificate_set_x509_system_trust(trust->credentials_);
    if (count <= 0) {
      return Error{
          "dns64.tls_ca_file: the system has no certificates of authorities; install "
          "ca-certificates or name a file"};
    }
    return std::shared_ptr<const TlsTrust>(std::move(trust));
  }
  Result<std::string> text = conf::read_file(file, kMaxFile, "certificates in PEM form");
  if (!text) return Error{"dns64.tls_ca_file: " + text.error().text};
  const gnutls_datum_t data{reinterpret_cast<unsigned char*>(text->data()),
                            static_cast<unsigned>(text->size())};
  count = gnutls_certificate_set_x509_trust_mem(trust->credentials_, &data, GNUTLS_X509_FMT_PEM);
  if (count <= 0) {
    return Error{"dns64.tls_ca_file: " + file + ": expected certificates in PEM form, found " +
                 (count == 0 ? "none" : text_of(count))};
  }
  trust->text_ = std::move(*text);
  return std::shared_ptr<const TlsTrust>(std::move(trust));
}

TlsSession::TlsSession(std::shared_ptr<const TlsTrust> trust, int fd, std::string name,
                       bool is_address)
    : trust_(std::move(trust)), name_(std::move(name)) {
  constexpr unsigned kFlags = GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL;
  if (gnutls_init(&session_, kFlags) != 0) std::abort();
  int error = gnutls_priority_set_direct(session_, kPriority, nullptr);
  if (error == 0) {
    error = gnutls_credentials_set(session_, GNUTLS_CRD_CERTIFICATE, trust_->credentials());
  }
  // RFC 6066 3: addresses are no names for the server.
  if (error == 0 && !is_address) {
    error = gnutls_server_name_set(session_, GNUTLS_NAME_DNS, name_.data(), name_.size());
  }
  gnutls_datum_t protocol{reinterpret_cast<unsigned char*>(const_cast<char*>(kProtocol)), 3};
  if (error == 0) error = gnutls_alpn_set_protocols(session_, &protocol, 1, 0);
  if (error != 0) trouble_ = text_of(error);
  // RFC 8310 8.1: the name is compared with the certificate's alternative names.
  gnutls_session_set_verify_cert(session_, name_.c_str(), 0);
  gnutls_transport_set_int(session_, fd);
}

TlsSession::~TlsSession() {
  if (ready_) gnutls_bye(session_, GNUTLS_SHUT_WR);
  gnutls_deinit(session_);
}

TlsSession::Step TlsSession::handshake() {
  if (ready_) return Step::kDone;
  if (!trouble_.empty()) return Step::kFailed;
  const int result = gnutls_handshake(session_);
  if (result == 0) {
    ready_ = true;
    return Step::kDone;
  }
  if (gnutls_error_is_fatal(result) == 0) return Step::kAgain;
  const bool untrusted = result == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
  trouble_ = untrusted ? why_untrusted(session_) : text_of(result);
  if (untrusted) {
    gnutls_alert_send(session_, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
  }
  return untrusted ? Step::kUntrusted : Step::kFailed;
}

ssize_t TlsSession::receive(std::span<uint8_t> out) {
  const ssize_t got = gnutls_record_recv(session_, out.data(), out.size());
  return as_errno(got == GNUTLS_E_PREMATURE_TERMINATION ? 0 : got);
}

ssize_t TlsSession::send(std::span<const uint8_t> data) {
  // What was begun has to be continued, without naming it again.
  const ssize_t sent = unsent_ ? gnutls_record_send(session_, nullptr, 0)
                               : gnutls_record_send(session_, data.data(), data.size());
  unsent_ = sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED;
  return as_errno(sent);
}

}  // namespace isthmus::dns64
