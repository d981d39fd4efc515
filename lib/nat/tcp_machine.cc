// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "nat/tcp_machine.h"

namespace isthmus::nat {
namespace {

using S = TcpState;
using R = Refresh;
using Row = TcpStep[kTcpEvents];

// Columns: V6 SYN, V4 SYN, V6 FIN, V4 FIN, V6 RST, V4 RST, V6 other, V4 other.
constexpr Row kTable[] = {
    // kNone: never looked up.
    {{S::kNone, R::kKeep},
     {S::kNone, R::kKeep},
     {S::kNone, R::kKeep},
     {S::kNone, R::kKeep},
     {S::kNone, R::kKeep},
     {S::kNone, R::kKeep},
     {S::kNone, R::kKeep},
     {S::kNone, R::kKeep}},
    // CLOSED: only a SYN makes a session.
    {{S::kV6Init, R::kOpening},
     {S::kV4Init, R::kOpening},
     {S::kClosed, R::kKeep},
     {S::kClosed, R::kKeep},
     {S::kClosed, R::kKeep},
     {S::kClosed, R::kKeep},
     {S::kClosed, R::kKeep},
     {S::kClosed, R::kKeep}},
    // V4 INIT
    {{S::kEstablished, R::kEstablished},
     {S::kV4Init, R::kKeep},
     {S::kV4Init, R::kKeep},
     {S::kV4Init, R::kKeep},
     {S::kV4Init, R::kKeep},
     {S::kV4Init, R::kKeep},
     {S::kV4Init, R::kKeep},
     {S::kV4Init, R::kKeep}},
    // V6 INIT: a repeated V6 SYN starts its lifetime anew.
    {{S::kV6Init, R::kOpening},
     {S::kEstablished, R::kEstablished},
     {S::kV6Init, R::kKeep},
     {S::kV6Init, R::kKeep},
     {S::kV6Init, R::kKeep},
     {S::kV6Init, R::kKeep},
     {S::kV6Init, R::kKeep},
     {S::kV6Init, R::kKeep}},
    // ESTABLISHED: a FIN moves the state but sets no lifetime.
    {{S::kEstablished, R::kEstablished},
     {S::kEstablished, R::kEstablished},
     {S::kV6FinRcv, R::kKeep},
     {S::kV4FinRcv, R::kKeep},
     {S::kTrans, R::kClosing},
     {S::kTrans, R::kClosing},
     {S::kEstablished, R::kEstablished},
     {S::kEstablished, R::kEstablished}},
    // V4 FIN RCV
    {{S::kV4FinRcv, R::kEstablished},
     {S::kV4FinRcv, R::kEstablished},
     {S::kV4V6FinRcv, R::kClosing},
     {S::kV4FinRcv, R::kEstablished},
     {S::kV4FinRcv, R::kEstablished},
     {S::kV4FinRcv, R::kEstablished},
     {S::kV4FinRcv, R::kEstablished},
     {S::kV4FinRcv, R::kEstablished}},
    // V6 FIN RCV
    {{S::kV6FinRcv, R::kEstablished},
     {S::kV6FinRcv, R::kEstablished},
     {S::kV6FinRcv, R::kEstablished},
     {S::kV4V6FinRcv, R::kClosing},
     {S::kV6FinRcv, R::kEstablished},
     {S::kV6FinRcv, R::kEstablished},
     {S::kV6FinRcv, R::kEstablished},
     {S::kV6FinRcv, R::kEstablished}},
    // V6 FIN + V4 FIN RCV: nothing prolongs it.
    {{S::kV4V6FinRcv, R::kKeep},
     {S::kV4V6FinRcv, R::kKeep},
     {S::kV4V6FinRcv, R::kKeep},
     {S::kV4V6FinRcv, R::kKeep},
     {S::kV4V6FinRcv, R::kKeep},
     {S::kV4V6FinRcv, R::kKeep},
     {S::kV4V6FinRcv, R::kKeep},
     {S::kV4V6FinRcv, R::kKeep}},
    // TRANS: anything but a RST shows that the connection lives.
    {{S::kEstablished, R::kEstablished},
     {S::kEstablished, R::kEstablished},
     {S::kEstablished, R::kEstablished},
     {S::kEstablished, R::kEstablished},
     {S::kTrans, R::kKeep},
     {S::kTrans, R::kKeep},
     {S::kEstablished, R::kEstablished},
     {S::kEstablished, R::kEstablished}},
};

}  // namespace

TcpStep tcp_step(TcpState state, TcpEvent event, const TcpOptions& options) {
  const bool syn = event == TcpEvent::kV6Syn || event == TcpEvent::kV4Syn;
  const bool rst = event == TcpEvent::kV6Rst || event == TcpEvent::kV4Rst;
  if (options.syn_reopens_closed && syn && (state == S::kV4V6FinRcv || state == S::kTrans)) {
    return {event == TcpEvent::kV6Syn ? S::kV6Init : S::kV4Init, R::kOpening};
  }
  if (options.rst_closes_half_closed && rst && (state == S::kV4FinRcv || state == S::kV6FinRcv)) {
    return {S::kTrans, R::kClosing};
  }
  return kTable[static_cast<unsigned>(state)][static_cast<unsigned>(event)];
}

}  // namespace isthmus::nat
