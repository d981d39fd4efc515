// SPDX-License-Identifier: BSD-3-Clause
// Keys, certificates and authorities, made on the spot.
#pragma once

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <unistd.h>

#include <string>

namespace isthmus::test {

/// A key and a certificate for it, signed by another such pair or by itself.
class Certificate {
 public:
  /// An authority.
  explicit Certificate(const std::string& name);
  /// A server's or a client's, for a domain name or (4 octets) an IPv4 address.
  Certificate(const Certificate& authority, const std::string& name, bool is_address = false);
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
  ~Certificate();

  std::string pem() const;
  std::string key_pem() const;
  /// As RFC 5425 4.2.2 writes it.
  std::string fingerprint() const;
  gnutls_x509_crt_t certificate() const { return certificate_; }
  gnutls_x509_privkey_t key() const { return key_; }

 private:
  void prepare(const std::string& name);

  gnutls_x509_privkey_t key_ = nullptr;
  gnutls_x509_crt_t certificate_ = nullptr;
};

/// A file that is removed again.
class TempFile {
 public:
  explicit TempFile(const std::string& text);
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  ~TempFile() { ::unlink(path_.c_str()); }
  void write(const std::string& text) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace isthmus::test
