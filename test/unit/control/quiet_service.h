// SPDX-License-Identifier: BSD-3-Clause
// A DNS64 service that nothing is asked of: tests override what they look at.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "dns64/service.h"

namespace isthmus::test {

class QuietService : public dns64::Service {
 public:
  Status listen_tcp(bool) override { return Ok{}; }
  uint16_t tcp_port() const override { return 53; }
  void on_udp_query(const dns64::Address&, uint16_t, std::span<const uint8_t>, Reply) override {}
  Status update(const conf::Dns64&, const dns64::Translator&) override { return Ok{}; }
  Status apply(const dns64::Plan&) override { return Ok{}; }
  void flush_cache() override {}
  Result<unsigned> flush_name(std::string_view) override { return 0u; }
  std::vector<dns64::UpstreamRow> upstreams() const override { return {}; }
  std::vector<dns64::CacheRow> cache(std::size_t) const override { return {}; }
  std::vector<dns64::ClientRow> clients() const override { return {}; }
  std::vector<dns64::ZoneRow> zones() const override { return {}; }
  Result<std::shared_ptr<const dns64::Asked>> ask(std::string_view, std::string_view,
                                                  bool) override {
    return Error{"not in this test"};
  }
  std::vector<dns64::Figure> figures() const override { return {}; }
};

}  // namespace isthmus::test
