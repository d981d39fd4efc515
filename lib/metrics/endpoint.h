// SPDX-License-Identifier: BSD-3-Clause
// The HTTP endpoint that a Prometheus server scrapes.
//
// Theory of operation. The library listens and answers in threads of its own. Figures belong to the
// control core: so a scrape wakes it (ev_async), and waits for what it puts down; at most
// kPatience, then the scrape is answered without figures, and Prometheus sees that the gateway is
// stuck. Nothing is done while nobody scrapes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "metrics/families.h"
#include "net/result.h"

struct ev_loop;

namespace prometheus {
class Exposer;
}

namespace isthmus::metrics {

class Endpoint {
 public:
  /// Listens on `address` ("127.0.0.1:9464", "[::1]:9464"). `look` is called on the loop's thread.
  static Result<std::unique_ptr<Endpoint>> make(struct ev_loop* loop, const std::string& address,
                                                std::function<Families()> look);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

 private:
  class Desk;  ///< between the library's threads and the control core
  explicit Endpoint(std::shared_ptr<Desk> desk);

  std::shared_ptr<Desk> desk_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace isthmus::metrics
