// SPDX-License-Identifier: BSD-3-Clause
#include "tls_rig.h"

#include <cerrno>

namespace isthmus::service_test {
namespace {

void expect(int result) {
  INFO(gnutls_strerror(result));
  REQUIRE(result >= 0);
}

ssize_t as_errno(ssize_t result) {
  if (result >= 0) return result;
  errno = result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED ? EAGAIN : EPROTO;
  return -1;
}

}  // namespace

TlsResolver::TlsResolver(struct ev_loop* loop, const Certificate& certificate, Handler handler)
    : loop_(loop), handler_(std::move(handler)) {
  expect(gnutls_certificate_allocate_credentials(&credentials_));
  gnutls_x509_crt_t chain[] = {certificate.certificate()};
  expect(gnutls_certificate_set_x509_key(credentials_, chain, 1, certificate.key()));
  fd_ = std::move(*dns64::listen_on(kLoopback4, 0));
  port_ = port_of(fd_.get());
  watcher_.set(loop);
  watcher_.set<TlsResolver, &TlsResolver::accept>(this);
  watcher_.start(fd_.get(), ev::READ);
}

TlsResolver::~TlsResolver() {
  streams_.clear();
  gnutls_certificate_free_credentials(credentials_);
}

void TlsResolver::accept(ev::io&, int) {
  dns64::Fd fd(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) return;
  ++connections;
  Stream& stream = streams_.emplace_back();
  stream.fd = std::move(fd);
  stream.owner = this;
  expect(gnutls_init(&stream.session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL));
  expect(gnutls_set_default_priority(stream.session));
  expect(gnutls_credentials_set(stream.session, GNUTLS_CRD_CERTIFICATE, credentials_));
  gnutls_transport_set_int(stream.session, stream.fd.get());
  stream.watcher.set(loop_);
  stream.watcher.set<Stream, &Stream::on_ready>(&stream);
  stream.watcher.start(stream.fd.get(), ev::READ);
}

/// False: the connection is to be closed.
bool TlsResolver::advance(Stream& stream) {
  if (!stream.ready) {
    const int result = gnutls_handshake(stream.session);
    if (result < 0) return gnutls_error_is_fatal(result) == 0;
    stream.ready = true;
    ++handshakes;
  }
  do {
    const bool open = stream.reader.fill_by([&](std::span<uint8_t> out) {
      return as_errno(gnutls_record_recv(stream.session, out.data(), out.size()));
    });
    if (!open) return false;
    Bytes message;
    while (stream.reader.next(message)) {
      queries.emplace_back(message.begin(), message.end());
      const Wire answer = handler_(test::from_wire(queries.back()));
      if (answer.empty()) continue;
      stream.writer.add(answer);
      ++stream.answers;
    }
  } while (gnutls_record_check_pending(stream.session) > 0);
  const bool sent = stream.writer.flush_by([&](Bytes data) {
    return as_errno(gnutls_record_send(stream.session, data.data(), data.size()));
  });
  return sent && (close_after_ == 0 || stream.answers < close_after_);
}

void TlsResolver::serve(Stream& stream) {
  if (!advance(stream)) {
    if (stream.ready) gnutls_bye(stream.session, GNUTLS_SHUT_WR);
    streams_.remove_if([&](const Stream& other) { return &other == &stream; });
    return;
  }
  stream.watcher.stop();
  stream.watcher.start(stream.fd.get(), stream.writer.empty() ? ev::READ : ev::READ | ev::WRITE);
}

}  // namespace isthmus::service_test
