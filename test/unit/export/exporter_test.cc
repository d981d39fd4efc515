// SPDX-License-Identifier: BSD-3-Clause
// The thread between events and a collector that comes, goes, or is slow.
#include "export/exporter.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "catch.h"
#include "export/exporter_set.h"
#include "export/syslog_encoder.h"
#include "samples.h"

namespace isthmus::exporter::exporter_test {
namespace {

using nat::EventKind;
using test::sample_config, test::sample_item;

/// Waits for what another thread does; a test that waits in vain fails by its own words.
bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

/// What a test lets the other side do.
struct Wire {
  std::mutex mutex;
  bool refuses = false, stalls = false, closed = false;
  std::string got;
  unsigned opened = 0;
};

class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(Wire& wire) : wire_(wire) {}
  Result open() override {
    const std::lock_guard lock(wire_.mutex);
    error_ = "nobody there";
    if (wire_.refuses) return Result::kFailed;
    ++wire_.opened;
    wire_.closed = false;
    return Result::kDone;
  }
  Result write(std::span<const uint8_t> message, std::size_t& done) override {
    const std::lock_guard lock(wire_.mutex);
    if (wire_.closed) return Result::kFailed;
    if (wire_.stalls) return Result::kWait;
    wire_.got.append(reinterpret_cast<const char*>(message.data()) + done, message.size() - done);
    done = message.size();
    return Result::kDone;
  }
  bool is_alive() override {
    const std::lock_guard lock(wire_.mutex);
    return !wire_.closed;
  }
  void close() override {}
  int fd() const override { return -1; }

 private:
  Wire& wire_;
};

/// Writes a letter for each event, and a dot at the beginning of a connection.
class Letters final : public Encoder {
 public:
  explicit Letters(bool keeps) : keeps_(keeps) {}
  void begin() override { first_ = true; }
  void encode(std::span<const Item> items, const conf::Config&, double, Output& out) override {
    if (first_) add('.', 0, out);
    first_ = false;
    for (const auto& item : items) add(static_cast<char>('a' + item.event.pool), 1, out);
  }
  bool keeps() const override { return keeps_; }

 private:
  static void add(char letter, uint32_t records, Output& out) {
    const auto byte = static_cast<uint8_t>(letter);
    out.add({&byte, 1}, records);
  }
  const bool keeps_;
  bool first_ = false;
};

struct Fixture {
  Wire wire;
  std::shared_ptr<conf::Config> config = sample_config();
  std::unique_ptr<Exporter> exporter;

  explicit Fixture(bool refuses = false, bool keeps = false, uint32_t queue = 1024) {
    wire.refuses = refuses;
    conf::ExportChoice choice;
    choice.events = {conf::EventFamily::kBindings};
    choice.queue = queue;
    exporter = std::make_unique<Exporter>(
        Exporter::Parts{"test", "here", choice, std::make_unique<Letters>(keeps),
                        std::make_unique<FakeTransport>(wire)},
        config);
  }
  void offer(char letter, EventKind kind = EventKind::kBindingCreated) {
    auto item = sample_item(kind);
    item.event.pool = static_cast<uint16_t>(letter - 'a');
    exporter->offer(item, *config);
  }
  void set(bool Wire::*what, bool value) {
    const std::lock_guard lock(wire.mutex);
    wire.*what = value;
  }
  std::string got() {
    const std::lock_guard lock(wire.mutex);
    return wire.got;
  }
  bool becomes(const std::string& text) {
    return comes_true([&] { return got() == text; });
  }
};

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct TempDir {
  std::string path = "/tmp/isthmus-export-XXXXXX";
  TempDir() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~TempDir() { std::filesystem::remove_all(path); }
};

std::shared_ptr<conf::Config> config_with_file(const std::string& path, uint8_t facility = 16) {
  auto config = sample_config();
  auto& file = config->exports.files.emplace_back();
  file.path = path;
  file.facility = facility;
  return config;
}

}  // namespace

TEST_CASE("exporter: events wanted are sent in order, others are not") {
  Fixture f;
  f.offer('a');
  f.offer('b', EventKind::kSessionCreated);
  f.offer('c', EventKind::kBindingDeleted);
  CHECK(f.becomes(".ac"));
  CHECK(comes_true([&] { return f.exporter->info().records == 2; }));
  const auto info = f.exporter->info();
  CHECK(info.state == State::kConnected);
  CHECK(info.connections == 1);
  CHECK(info.messages == 3);
  CHECK(info.bytes == 3);
  CHECK(info.lost == 0);
  CHECK(info.queued == 0);
}

TEST_CASE("exporter: a dead collector costs what finds the queue full, counted; the rest waits") {
  Fixture f(true, false, 3);
  for (const char letter : {'a', 'b', 'c', 'd', 'e'}) f.offer(letter);
  auto info = f.exporter->info();
  CHECK(info.lost == 2);
  CHECK(info.queued == 3);
  CHECK(info.records == 0);
  CHECK(comes_true([&] { return f.exporter->info().state == State::kWaiting; }));
  CHECK(f.exporter->info().last_error == "nobody there");
  f.set(&Wire::refuses, false);
  CHECK(f.becomes(".abc"));
  CHECK(comes_true([&] { return f.exporter->info().records == 3; }));
  info = f.exporter->info();
  CHECK(info.lost == 2);
  CHECK(info.connections == 1);
}

TEST_CASE("exporter: what a connection broke under is lost and counted, or sent on the next") {
  for (const bool keeps : {false, true}) {
    Fixture f(false, keeps);
    f.offer('a');
    CHECK(f.becomes(".a"));
    f.set(&Wire::stalls, true);
    f.offer('b');
    CHECK(comes_true([&] { return f.exporter->info().queued == 0; }));
    f.set(&Wire::closed, true);
    f.set(&Wire::stalls, false);
    CHECK(comes_true([&] { return f.exporter->info().connections == 2; }));
    f.offer('c');
    CHECK(f.becomes(keeps ? ".ab.c" : ".a.c"));
    CHECK(f.exporter->info().lost == (keeps ? 0 : 1));
  }
}

TEST_CASE(
    "exporter: a collector that leaves while nothing happens is found out, and called again") {
  Fixture f;
  f.offer('a');
  CHECK(f.becomes(".a"));
  f.set(&Wire::closed, true);
  CHECK(comes_true([&] { return f.exporter->info().connections == 2; }));
  CHECK(f.becomes(".a."));
}

TEST_CASE("exporter: what waits is sent before the end, but a collector that stalls is left") {
  Fixture f;
  for (const char letter : {'a', 'b', 'c'}) f.offer(letter);
  CHECK(comes_true([&] { return f.exporter->info().connections == 1; }));
  f.exporter.reset();
  CHECK(f.got() == ".abc");
  Fixture stalled;
  stalled.set(&Wire::stalls, true);
  stalled.offer('a');
  stalled.exporter.reset();
  CHECK(stalled.got().empty());
}

TEST_CASE("export to a file: lines are appended, and the file is made anew when it was moved") {
  const TempDir dir;
  const auto path = dir.path + "/nat.log";
  ExporterSet set(config_with_file(path));
  set.offer(sample_item(EventKind::kBindingCreated));
  CHECK(comes_true([&] { return text_of(path).find("binding-created") != std::string::npos; }));
  std::filesystem::rename(path, path + ".1");
  CHECK(comes_true([&] { return set.info()[0].connections == 2; }));
  set.offer(sample_item(EventKind::kBindingDeleted));
  CHECK(comes_true([&] { return text_of(path).find("binding-deleted") != std::string::npos; }));
  CHECK(text_of(path).find("binding-created") == std::string::npos);
  CHECK(std::filesystem::status(path).permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write |
         (std::filesystem::status(path).permissions() & std::filesystem::perms::group_read)));
}

TEST_CASE("export to a file: without room nothing is lost, no line is cut, and it says so") {
  const TempDir dir;
  const auto path = dir.path + "/nat.log";
  // A limit of this process stands for a full disk: the write that meets it is cut short.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit little{300, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &little) == 0);
  ExporterSet set(config_with_file(path));
  for (int i = 0; i < 4; ++i) set.offer(sample_item(EventKind::kBindingCreated));
  CHECK(comes_true([&] { return set.info()[0].state == State::kWaiting; }));
  CHECK(set.info()[0].last_error.starts_with("write: "));
  bool told = false;
  CHECK(comes_true([&] {
    for (const auto& news : set.news())
      told = told || news.text.find("write: ") != std::string::npos;
    return told;
  }));
  const auto full = text_of(path);
  CHECK(full.size() <= 300);
  CHECK((full.empty() || full.ends_with('\n')));
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(comes_true([&] {
    const auto text = text_of(path);
    return std::count(text.begin(), text.end(), '\n') == 4;
  }));
  CHECK(text_of(path).starts_with(full));
  CHECK(set.info()[0].lost == 0);
}

TEST_CASE("exporters: a reload keeps those that the file says the same of") {
  const TempDir dir;
  auto config = config_with_file(dir.path + "/a");
  ExporterSet set(config);
  CHECK(comes_true([&] { return set.info()[0].connections == 1; }));
  auto both = config_with_file(dir.path + "/b");
  both->exports.files.push_back(config->exports.files[0]);
  set.update(both);
  CHECK(comes_true([&] { return set.info()[0].connections == 1; }));
  auto info = set.info();
  REQUIRE(info.size() == 2);
  CHECK(info[0].collector == dir.path + "/b");
  CHECK(info[1].collector == dir.path + "/a");
  set.offer(sample_item(EventKind::kBindingCreated));
  CHECK(comes_true([&] { return set.info()[1].records == 1; }));
  // Another facility is another exporter.
  set.update(config_with_file(dir.path + "/a", 3));
  info = set.info();
  REQUIRE(info.size() == 1);
  CHECK(info[0].records == 0);
  set.update(sample_config());
  CHECK(set.info().empty());
}

}  // namespace isthmus::exporter::exporter_test
