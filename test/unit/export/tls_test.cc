// SPDX-License-Identifier: BSD-3-Clause
// Collectors that speak TLS (RFC 7011 11, RFC 5425), or pretend to.
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "catch.h"
#include "export/exporter_set.h"
#include "samples.h"
#include "unit/tls/certificate.h"

namespace isthmus::exporter::tls_test {
namespace {

using isthmus::test::Certificate, isthmus::test::TempFile;
using nat::EventKind;
using test::sample_config, test::sample_item;

constexpr const char* kName = "collector.example";
constexpr const char* kNormal = "NORMAL";
constexpr const char* kOld = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
constexpr const char* kTooOld = "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0";

bool in_time(const std::function<bool()>& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

/// One connection after the other, on a thread of its own.
class Collector {
 public:
  struct Manners {
    const char* priority = kNormal;
    const Certificate* demands = nullptr;  ///< an authority that the client's certificate is from
    bool tickets = true;
    bool speaks = true;
  };

  explicit Collector(const Certificate& certificate) : Collector(certificate, Manners{}) {}
  Collector(const Certificate& certificate, Manners manners) : manners_(manners) {
    REQUIRE(gnutls_certificate_allocate_credentials(&credentials_) == 0);
    gnutls_x509_crt_t chain[] = {certificate.certificate()};
    REQUIRE(gnutls_certificate_set_x509_key(credentials_, chain, 1, certificate.key()) >= 0);
    if (manners.demands != nullptr) {
      gnutls_x509_crt_t authority[] = {manners.demands->certificate()};
      REQUIRE(gnutls_certificate_set_x509_trust(credentials_, authority, 1) == 1);
    }
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof here;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&here), size) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&here), &size) == 0);
    port_ = ntohs(here.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Collector() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    hang_up();
    thread_.join();
    ::close(listener_);
    gnutls_certificate_free_credentials(credentials_);
  }
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  uint16_t port() const { return port_; }
  std::string got() const {
    const std::lock_guard lock(mutex_);
    return got_;
  }
  void hang_up() {
    const std::lock_guard lock(mutex_);
    if (stream_ >= 0) ::shutdown(stream_, SHUT_RDWR);
  }
  std::atomic<unsigned> handshakes{0}, goodbyes{0};

 private:
  void run() {
    while (!stopping_) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      set_stream(fd);
      manners_.speaks ? serve(fd) : be_silent(fd);
      set_stream(-1);
      ::close(fd);
    }
  }
  void set_stream(int fd) {
    const std::lock_guard lock(mutex_);
    stream_ = fd;
    if (stopping_ && fd >= 0) ::shutdown(fd, SHUT_RDWR);
  }
  static void be_silent(int fd) {
    char unwanted[512];
    while (::recv(fd, unwanted, sizeof unwanted, 0) > 0) continue;
  }
  void serve(int fd) {
    gnutls_session_t session = nullptr;
    unsigned flags = GNUTLS_SERVER | GNUTLS_NO_SIGNAL;
    if (!manners_.tickets) flags |= GNUTLS_NO_TICKETS;
    gnutls_init(&session, flags);
    gnutls_priority_set_direct(session, manners_.priority, nullptr);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials_);
    gnutls_datum_t ticket_key{};
    if (manners_.tickets && gnutls_session_ticket_key_generate(&ticket_key) == 0) {
      gnutls_session_ticket_enable_server(session, &ticket_key);
    }
    if (manners_.demands != nullptr) {
      gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
      gnutls_session_set_verify_cert(session, nullptr, 0);
    }
    gnutls_transport_set_int(session, fd);
    int result = 0;
    do {
      result = gnutls_handshake(session);
    } while (result < 0 && gnutls_error_is_fatal(result) == 0);
    if (result == 0) {
      ++handshakes;
      listen_to(session);
    } else {
      gnutls_alert_send_appropriate(session, result);
    }
    gnutls_deinit(session);
    gnutls_free(ticket_key.data);
  }
  void listen_to(gnutls_session_t session) {
    char text[4096];
    for (;;) {
      const auto size = gnutls_record_recv(session, text, sizeof text);
      if (size == 0) ++goodbyes;
      if (size <= 0) return;
      const std::lock_guard lock(mutex_);
      got_.append(text, static_cast<std::size_t>(size));
    }
  }

  const Manners manners_;
  gnutls_certificate_credentials_t credentials_ = nullptr;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  int stream_ = -1;
  std::string got_;
  std::thread thread_;
};

struct TlsSetup {
  Certificate authority{"an authority"};
  TempFile ca_file{authority.pem()};
  std::shared_ptr<conf::Config> config = sample_config();
  conf::SyslogExport& to = config->exports.syslog.emplace_back();
  std::unique_ptr<ExporterSet> set;

  TlsSetup() {
    to.collector = net::Ip4::from_host(0x7f000001);
    to.transport = conf::ExportTransport::kTls;
    to.tls.ca_file = ca_file.path();
    to.tls.name = kName;
    to.choice.events = {conf::EventFamily::kBindings};
  }
  void start(const Collector& collector) {
    to.port = collector.port();
    set = std::make_unique<ExporterSet>(config);
  }
  void offer(EventKind kind = EventKind::kBindingCreated) { set->offer(sample_item(kind)); }
  Info info() const { return set->info().at(0); }
  bool connects() {
    return in_time([&] { return info().state == State::kConnected; });
  }
  /// The error of an attempt that failed, none having gone well.
  std::string trouble() {
    in_time([&] { return !info().last_error.empty(); });
    CHECK(info().connections == 0);
    return info().last_error;
  }
};

bool has_text(const std::string& text, const std::string& part) {
  CAPTURE(text, part);
  const bool has = text.find(part) != std::string::npos;
  CHECK(has);
  return has;
}

}  // namespace

TEST_CASE(
    "RFC 5425 4.3: syslog messages with their octets counted, in TLS; RFC 5425 4.4: goodbye") {
  TlsSetup s;
  const Certificate certificate(s.authority, kName);
  const char* const priority = GENERATE(kNormal, kOld);
  const bool tickets = GENERATE(true, false);
  Collector collector(certificate, {priority, nullptr, tickets, true});
  s.start(collector);
  REQUIRE(s.connects());
  s.offer();
  s.offer(EventKind::kBindingDeleted);
  REQUIRE(in_time([&] { return collector.got().find("binding-deleted") != std::string::npos; }));
  s.set.reset();
  CHECK(in_time([&] { return collector.goodbyes == 1; }));
  std::string rest = collector.got();
  unsigned messages = 0;
  while (!rest.empty()) {
    const auto space = rest.find(' ');
    const auto count = std::stoul(rest.substr(0, space));
    REQUIRE(rest.size() >= space + 1 + count);
    CHECK(rest[space + 1] == '<');
    CHECK(rest[space + count] == ']');
    rest.erase(0, space + 1 + count);
    ++messages;
  }
  CHECK(messages == 2);
  CHECK(collector.handshakes == 1);
}

TEST_CASE("RFC 7011 11.3, RFC 5425 5.2: a collector with another name, or of another authority") {
  TlsSetup s;
  const Certificate stranger("an authority");
  const bool right_authority = GENERATE(true, false);
  const Certificate certificate(right_authority ? s.authority : stranger,
                                right_authority ? "another.example" : kName);
  Collector collector(certificate);
  s.start(collector);
  s.offer();
  has_text(s.trouble(), "not trusted: ");
  if (right_authority) has_text(s.trouble(), "name in the certificate does not match");
  CHECK(collector.got().empty());
  // The event waits for somebody who is trusted.
  CHECK(s.info().queued == 1);
  CHECK(s.info().lost == 0);
}

TEST_CASE("export by TLS: without a name the certificate must hold the address") {
  TlsSetup s;
  s.to.tls.name.clear();
  const bool right = GENERATE(true, false);
  const Certificate certificate(s.authority, std::string(right ? "\x7f\0\0\1" : "\x7f\0\0\2", 4),
                                true);
  Collector collector(certificate);
  s.start(collector);
  if (right) {
    CHECK(s.connects());
  } else {
    has_text(s.trouble(), "not trusted: ");
  }
}

TEST_CASE("RFC 5425 4.2.2: a certificate that is known by its fingerprint, whoever signed it") {
  TlsSetup s;
  const Certificate anybody("anybody"), itself(anybody, "whatever"), other(anybody, kName);
  s.to.tls.ca_file.clear();
  s.to.tls.name.clear();
  const bool right = GENERATE(true, false);
  s.to.tls.fingerprint = (right ? itself : other).fingerprint();
  if (right) s.to.tls.fingerprint[9] = static_cast<char>(std::tolower(s.to.tls.fingerprint[9]));
  Collector collector(itself);
  s.start(collector);
  s.offer();
  if (right) {
    CHECK(in_time([&] { return collector.got().find("binding-created") != std::string::npos; }));
  } else {
    // What it is, so that an operator can compare and take it.
    has_text(s.trouble(),
             "not trusted: its certificate has the fingerprint " + itself.fingerprint());
    CHECK(collector.got().empty());
  }
}

TEST_CASE("RFC 7011 11.3: we show a certificate to who asks; refused, nothing is lost") {
  TlsSetup s;
  const Certificate certificate(s.authority, kName), ours(s.authority, "gateway.example");
  const Certificate stranger("strangers"), theirs(stranger, "gateway.example");
  const TempFile our_file(ours.pem()), our_key(ours.key_pem());
  const TempFile their_file(theirs.pem()), their_key(theirs.key_pem());
  const char* const priority = GENERATE(kNormal, kOld);
  const int shown = GENERATE(0, 1, 2);
  if (shown != 0) {
    s.to.tls.certificate_file = (shown == 1 ? our_file : their_file).path();
    s.to.tls.key_file = (shown == 1 ? our_key : their_key).path();
  }
  Collector collector(certificate, {priority, &s.authority, true, true});
  s.start(collector);
  s.offer();
  if (shown == 1) {
    CHECK(in_time([&] { return collector.got().find("binding-created") != std::string::npos; }));
    return;
  }
  // With TLS 1.3 the refusal comes after the handshake (RFC 8446 4.4.2.4).
  const auto trouble = s.trouble();
  CAPTURE(priority, shown, trouble);
  CHECK(trouble.find("refused") != std::string::npos);
  CHECK(s.info().queued == 1);
  CHECK(s.info().records == 0);
  CHECK(collector.got().empty());
}

TEST_CASE("export by TLS: who speaks too old a version, or nothing at all, is not told anything") {
  TlsSetup s;
  const Certificate certificate(s.authority, kName);
  Collector old(certificate, {kTooOld, nullptr, true, true});
  s.start(old);
  s.offer();
  has_text(s.trouble(), "TLS: ");
  Collector silent(certificate, {kNormal, nullptr, true, false});
  auto transport = make_tls(s.to.collector, silent.port(), s.to.tls, 0.1);
  CHECK(in_time([&] { return transport->open() == Transport::Result::kFailed; }));
  has_text(transport->error(), "the handshake does not end");
  CHECK(transport->fd() == -1);
}

TEST_CASE("export by TLS: a collector that left is called again, and what waited follows") {
  TlsSetup s;
  const Certificate certificate(s.authority, kName);
  Collector collector(certificate);
  s.start(collector);
  REQUIRE(s.connects());
  collector.hang_up();
  REQUIRE(in_time([&] { return s.info().connections == 2; }));
  s.offer();
  CHECK(in_time([&] { return collector.got().find("binding-created") != std::string::npos; }));
  CHECK(s.info().lost == 0);
  CHECK_FALSE(s.info().last_error.empty());
}

TEST_CASE("export by TLS: files are named when they are no good, and read anew each time") {
  TlsSetup s;
  const Certificate certificate(s.authority, kName), ours(s.authority, "gateway.example");
  const TempFile our_file(ours.pem()), wrong_key(certificate.key_pem());
  Collector collector(certificate);
  SECTION("authorities") {
    s.ca_file.write("nothing\n");
    s.start(collector);
    has_text(s.trouble(), "tls_ca_file: " + s.ca_file.path());
    s.ca_file.write(s.authority.pem());
    CHECK(s.connects());
  }
  SECTION("a missing certificate") {
    s.to.tls.certificate_file = s.to.tls.key_file = "/nowhere/file";
    s.start(collector);
    has_text(s.trouble(), "tls_certificate_file: /nowhere/file");
  }
  SECTION("a key that is another's") {
    s.to.tls.certificate_file = our_file.path();
    s.to.tls.key_file = wrong_key.path();
    s.start(collector);
    has_text(s.trouble(), "tls_certificate_file: " + our_file.path());
    has_text(s.trouble(), wrong_key.path());
  }
}

TEST_CASE("export by TLS: the log is told why a collector is not reached, and when that changes") {
  TlsSetup s;
  const Certificate certificate(s.authority, kName), stranger("strangers");
  Collector collector(certificate);
  s.ca_file.write("nothing\n");
  s.start(collector);
  std::string told;
  const auto is_told = [&](const std::string& part) {
    return in_time([&] {
      for (const auto& news : s.set->news()) told += news.text + '\n';
      return told.find(part) != std::string::npos;
    });
  };
  CHECK(is_told("tls_ca_file: " + s.ca_file.path()));
  s.ca_file.write(stranger.pem());
  CHECK(is_told("not trusted: "));
  s.ca_file.write(s.authority.pem());
  CHECK(is_told(": connected"));
  CHECK(std::count(told.begin(), told.end(), '\n') == 3);
}

TEST_CASE("export by TLS: messages longer than a record, and than the socket takes, arrive whole") {
  TlsSetup s;
  const Certificate certificate(s.authority, kName);
  Collector collector(certificate);
  auto transport = make_tls(s.to.collector, collector.port(), s.to.tls);
  REQUIRE(in_time([&] { return transport->open() == Transport::Result::kDone; }));
  std::string message;
  for (unsigned i = 0; message.size() < 8'000'000; ++i) message += std::to_string(i) + ' ';
  const std::span bytes(reinterpret_cast<const uint8_t*>(message.data()), message.size());
  std::size_t done = 0;
  bool waited = false;
  CHECK(in_time([&] {
    const auto result = transport->write(bytes, done);
    waited = waited || result == Transport::Result::kWait;
    return result == Transport::Result::kDone;
  }));
  CHECK(done == message.size());
  transport->close();
  CHECK(in_time([&] { return collector.goodbyes == 1; }));
  CHECK(collector.got() == message);
}

}  // namespace isthmus::exporter::tls_test
