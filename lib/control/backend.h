// SPDX-License-Identifier: BSD-3-Clause
// What commands act on. Commands know this interface only, so that they are tested without a
// dataplane.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "conf/config.h"
#include "dataplane/dataplane.h"
#include "net/result.h"
#include "pcp/server.h"

namespace isthmus::dns64 {
class Control;
}
namespace isthmus::exporter {
class ExporterSet;
}

namespace isthmus::control {

struct TwinInfo {
  std::string interface;  ///< also the TAP's name
  uint32_t kernel_index = 0;
  uint64_t to_kernel = 0, from_kernel = 0, dropped = 0;
};

struct NeighborQueueInfo {
  uint64_t waiting = 0, released = 0, dropped = 0;
};

/// One named figure of the DNS64 service, e.g. {"queries", 12, "queries received"}.
struct Figure {
  std::string name;
  uint64_t value = 0;
  std::string help;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual dataplane::Dataplane& dataplane() = 0;
  virtual std::shared_ptr<const conf::Config> config() const = 0;
  virtual std::vector<TwinInfo> twins() const = 0;
  virtual NeighborQueueInfo neighbor_queue() const = 0;
  virtual std::vector<Figure> dns64_figures() const = 0;
  virtual void dns64_flush_cache() = 0;
  /// nullptr: switched off.
  virtual const pcp::Server* pcp() const = 0;
  /// nullptr: there is no DNS64.
  virtual dns64::Control* dns64() { return nullptr; }
  /// nullptr: there are no exporters.
  virtual const exporter::ExporterSet* exports() const { return nullptr; }
  /// Build facts for `show version`: ordered name/value pairs.
  virtual std::vector<std::pair<std::string, std::string>> version() const = 0;
  /// Adds a static binding to the instance whose pool has its outside address; `persist`: it is
  /// there again after a restart.
  virtual Status add_static(const conf::Static& binding, bool persist) = 0;
  virtual Status remove_static(const nat::StaticBinding& outside) = 0;
  /// Loads the file again and applies it, or leaves everything as it was.
  virtual Status reload() = 0;
  /// Applies `text` instead of the running configuration's, checked as the file is, or leaves
  /// everything as it was.
  virtual Status change(const std::string& text) = 0;
  /// The file's text when it was last read or written by this process.
  virtual const std::string& file_text() const = 0;
  virtual void set_file_text(std::string text) = 0;
  /// Stops or resumes new bindings of a pool, NAME or INSTANCE/NAME, until the next reload: its
  /// option `drain`, changed.
  virtual Status drain_pool(const std::string& name, bool drain) = 0;
};

}  // namespace isthmus::control
