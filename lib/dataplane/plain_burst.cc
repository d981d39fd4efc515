// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/plain_burst.h"

#include "nat/core.h"

namespace isthmus::dataplane {

void PlainBursts::renew() {
  bursts_.clear();
  for (const PortTable& port : core_.fabric.ports) {
    bursts_.emplace_back(port, classifier_, translator_.core().tables);
  }
  forwarding_ = core_.forwarding->version;
  rules_ = translator_.rules();
}

}  // namespace isthmus::dataplane
