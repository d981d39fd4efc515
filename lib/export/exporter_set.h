// SPDX-License-Identifier: BSD-3-Clause
// All exporters of the configuration.
//
// Theory of operation. An exporter is known by what the file says of it: at a reload those whose
// words are the same go on with their connection and what waits for it; others end, and new ones
// start. Everything here is called by the control core.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "export/exporter.h"

namespace isthmus::exporter {

class ExporterSet {
 public:
  struct News {
    bool good = false;
    std::string text;
  };

  explicit ExporterSet(std::shared_ptr<const conf::Config> config) { update(std::move(config)); }

  /// Follows a configuration. Waits at most Exporter::kLinger for those that end.
  void update(std::shared_ptr<const conf::Config> config);
  void offer(const Item& item) {
    for (auto& one : exporters_) one.exporter->offer(item, *config_);
  }
  std::vector<Info> info() const;
  /// What an operator has to know since the last call, in words.
  std::vector<News> news();

 private:
  struct One {
    std::string words;
    std::unique_ptr<Exporter> exporter;
    State told = State::kConnecting;
    std::string told_error;
    uint64_t told_lost = 0;
  };
  struct Wish {
    std::string words;
    Exporter::Parts parts;
  };
  static std::vector<Wish> wishes(const conf::Config& config);

  std::shared_ptr<const conf::Config> config_;
  std::vector<One> exporters_;
};

std::string_view name(State state);

}  // namespace isthmus::exporter
