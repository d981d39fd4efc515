// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_export.h"

#include "control/json.h"
#include "export/exporter_set.h"

namespace isthmus::control {

Answer show_export(Backend& backend) {
  Json list = Json::array();
  const auto* exports = backend.exports();
  if (exports == nullptr) return answer({{"export", std::move(list)}});
  const double now = exporter::now_seconds();
  for (const auto& info : exports->info()) {
    list.push_back({{"kind", info.kind},
                    {"collector", info.collector},
                    {"state", exporter::name(info.state)},
                    {"since_ms", static_cast<uint64_t>((now - info.since_s) * 1000)},
                    {"connections", info.connections},
                    {"records", info.records},
                    {"messages", info.messages},
                    {"bytes", info.bytes},
                    {"queued", info.queued},
                    {"lost", info.lost},
                    {"last_error", info.last_error}});
  }
  return answer({{"export", std::move(list)}});
}

}  // namespace isthmus::control
