// SPDX-License-Identifier: BSD-3-Clause
#include "certificate.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>

#include "catch.h"

namespace isthmus::test {
namespace {

constexpr time_t kDay = 86400;

void must(int result) {
  INFO(gnutls_strerror(result));
  REQUIRE(result >= 0);
}

}  // namespace

void Certificate::prepare(const std::string& name) {
  must(gnutls_x509_privkey_init(&key_));
  must(gnutls_x509_privkey_generate(key_, GNUTLS_PK_ECDSA,
                                    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
  must(gnutls_x509_crt_init(&certificate_));
  must(gnutls_x509_crt_set_version(certificate_, 3));
  must(gnutls_x509_crt_set_serial(certificate_, "\1", 1));
  const time_t now = time(nullptr);
  must(gnutls_x509_crt_set_activation_time(certificate_, now - kDay));
  must(gnutls_x509_crt_set_expiration_time(certificate_, now + kDay));
  must(gnutls_x509_crt_set_dn_by_oid(certificate_, GNUTLS_OID_X520_COMMON_NAME, 0, name.data(),
                                     static_cast<unsigned>(name.size())));
  must(gnutls_x509_crt_set_key(certificate_, key_));
}

Certificate::Certificate(const std::string& name) {
  prepare(name);
  must(gnutls_x509_crt_set_ca_status(certificate_, 1));
  must(gnutls_x509_crt_set_key_usage(certificate_, GNUTLS_KEY_KEY_CERT_SIGN));
  must(gnutls_x509_crt_sign2(certificate_, certificate_, key_, GNUTLS_DIG_SHA256, 0));
}

Certificate::Certificate(const Certificate& authority, const std::string& name, bool is_address) {
  prepare("somebody");
  const auto type = is_address ? GNUTLS_SAN_IPADDRESS : GNUTLS_SAN_DNSNAME;
  must(gnutls_x509_crt_set_subject_alt_name(certificate_, type, name.data(),
                                            static_cast<unsigned>(name.size()), GNUTLS_FSAN_SET));
  must(gnutls_x509_crt_set_key_usage(certificate_, GNUTLS_KEY_DIGITAL_SIGNATURE));
  must(gnutls_x509_crt_sign2(certificate_, authority.certificate_, authority.key_,
                             GNUTLS_DIG_SHA256, 0));
}

Certificate::~Certificate() {
  gnutls_x509_crt_deinit(certificate_);
  gnutls_x509_privkey_deinit(key_);
}

std::string Certificate::fingerprint() const {
  unsigned char digest[32];
  std::size_t size = sizeof digest;
  must(gnutls_x509_crt_get_fingerprint(certificate_, GNUTLS_DIG_SHA256, digest, &size));
  std::string out = "sha-256";
  for (const auto octet : digest) {
    char text[4];
    std::snprintf(text, sizeof text, ":%02X", octet);
    out += text;
  }
  return out;
}

std::string Certificate::key_pem() const {
  gnutls_datum_t text{};
  must(gnutls_x509_privkey_export2_pkcs8(key_, GNUTLS_X509_FMT_PEM, nullptr, GNUTLS_PKCS_PLAIN,
                                         &text));
  std::string out(reinterpret_cast<const char*>(text.data), text.size);
  gnutls_free(text.data);
  return out;
}

std::string Certificate::pem() const {
  gnutls_datum_t text{};
  must(gnutls_x509_crt_export2(certificate_, GNUTLS_X509_FMT_PEM, &text));
  std::string out(reinterpret_cast<const char*>(text.data), text.size);
  gnutls_free(text.data);
  return out;
}

TempFile::TempFile(const std::string& text) {
  char path[] = "/tmp/isthmus-test-XXXXXX";
  const int fd = ::mkstemp(path);
  REQUIRE(fd >= 0);
  ::close(fd);
  path_ = path;
  write(text);
}

void TempFile::write(const std::string& text) const {
  std::ofstream(path_, std::ios::trunc) << text;
}

}  // namespace isthmus::test
