// SPDX-License-Identifier: BSD-3-Clause
// DNS64 on several cores.
//
// Theory of operation. Each core is a thread with a loop, a DNS64 service (its own cache, upstream
// sockets and TCP listeners) and a ring to and from each worker. Workers deal queries out by client
// (dataplane/punt.h), so whatever is counted by client is right; what is a bound for all clients
// (cache entries, clients waiting, questions of a zone in flight) is divided. Cores share nothing
// that changes, so a second core answers as much as the first. The control core reads files and
// checks options once for all, and asks each core between two of its turns; a core that says
// nothing for a second is left out of sums and shown as such.
#pragma once

#include <memory>
#include <vector>

#include "control/dns_front.h"
#include "control/loop_thread.h"
#include "dataplane/dataplane.h"
#include "dns64/service.h"

namespace isthmus::control {

class DnsCores final : public dns64::Control {
 public:
  /// One for each of `config.cores.dns`. `tcp_port` as for dns64::Service.
  static Result<std::unique_ptr<DnsCores>> make(dataplane::Dataplane& dataplane,
                                                const conf::Config& config, uint16_t tcp_port = 53);
  ~DnsCores() override;

  /// The port that all listen on by TCP.
  uint16_t tcp_port() const { return cores_.front()->service->tcp_port(); }
  /// Threads start, and answer.
  Status start();

  Status update(const conf::Dns64& config, const dns64::Translator& translator) override;
  void flush_cache() override;
  Result<unsigned> flush_name(std::string_view name) override;
  std::vector<dns64::UpstreamRow> upstreams() const override;
  std::vector<dns64::CacheRow> cache(std::size_t limit) const override;
  std::vector<dns64::ClientRow> clients() const override;
  std::vector<dns64::ZoneRow> zones() const override;
  /// Asked of the first core.
  Result<std::shared_ptr<const dns64::Asked>> ask(std::string_view name, std::string_view type,
                                                  bool trace) override;
  std::vector<dns64::Figure> figures() const override;
  std::vector<dns64::CoreRow> cores() const override;

 private:
  struct Core {
    Core(dataplane::Dataplane& dataplane, dataplane::DnsEnd& end, unsigned cpu);
    unsigned poll();

    const unsigned cpu;
    dataplane::DnsEnd& end;
    DnsFront front;
    LoopThread thread;
    std::unique_ptr<dns64::Service> service;
  };

  DnsCores() = default;
  /// Asks one core after the other; those that do not answer are left out.
  template <class Question>
  void each(Question&& question) const;

  std::vector<std::unique_ptr<Core>> cores_;
};

}  // namespace isthmus::control
