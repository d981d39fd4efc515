// SPDX-License-Identifier: BSD-3-Clause
// What the service tells a dnstap collector.
#include <netinet/in.h>

#include "dns64/service_impl.h"

namespace isthmus::dns64 {

void ServiceImpl::tap(TapType type, const Waiting& client, Bytes message) {
  TapMessage out;
  out.type = type;
  out.protocol = client.connection != 0 ? TapProtocol::kTcp : TapProtocol::kUdp;
  out.peer = client.client;
  out.port = client.port;
  out.message = message;
  tap_.add(out);
}

void ServiceImpl::tap(TapType type, unsigned upstream, bool tcp, Bytes message) {
  const Remote& remote = *upstreams_[upstream];
  TapMessage out;
  out.type = type;
  if (tcp) out.protocol = remote.tls ? TapProtocol::kTls : TapProtocol::kTcp;
  out.peer = engine_address(address_of(remote.to.storage));
  // The port lies at the same place in both families.
  out.port = ntohs(reinterpret_cast<const sockaddr_in*>(&remote.to.storage)->sin_port);
  out.message = message;
  tap_.add(out);
}

void ServiceImpl::tap_answer(SendId id, Bytes message) {
  if (const auto sent = engine_.sent(id)) {
    tap(TapType::kForwarderResponse, sent->upstream, sent->tcp, message);
  }
}

}  // namespace isthmus::dns64
