// SPDX-License-Identifier: BSD-3-Clause
// RFC 6146 3.5.2.2, every state and every event, written out a second time.
#include "nat/tcp_machine.h"

#include "catch.h"

namespace isthmus::nat::tcp_machine_test {
namespace {

using S = TcpState;
using E = TcpEvent;
using R = Refresh;

constexpr TcpOptions kLiteral{false, false};
constexpr E kAll[] = {E::kV6Syn, E::kV4Syn, E::kV6Fin,   E::kV4Fin,
                      E::kV6Rst, E::kV4Rst, E::kV6Other, E::kV4Other};

void check(S state, E event, S next, R refresh, const TcpOptions& options = kLiteral) {
  INFO("state " << int(state) << ", event " << int(event));
  const auto step = tcp_step(state, event, options);
  CHECK(step.next == next);
  CHECK(step.refresh == refresh);
}

// All events but those named do this.
template <class... Except>
void check_others(S state, S next, R refresh, Except... except) {
  for (const E event : kAll) {
    if (((event == except) || ...)) continue;
    check(state, event, next, refresh);
  }
}

}  // namespace

TEST_CASE("RFC 6146 3.5.2.2: RST before SYN before FIN") {
  CHECK(tcp_event(Direction::k6To4, 0x02) == E::kV6Syn);
  CHECK(tcp_event(Direction::k4To6, 0x12) == E::kV4Syn);
  CHECK(tcp_event(Direction::k6To4, 0x11) == E::kV6Fin);
  CHECK(tcp_event(Direction::k4To6, 0x05) == E::kV4Rst);
  CHECK(tcp_event(Direction::k6To4, 0x03) == E::kV6Syn);
  CHECK(tcp_event(Direction::k4To6, 0x06) == E::kV4Rst);
  CHECK(tcp_event(Direction::k6To4, 0x10) == E::kV6Other);
  CHECK(tcp_event(Direction::k4To6, 0x00) == E::kV4Other);
}

TEST_CASE("RFC 6146 3.5.2.2: CLOSED") {
  check(S::kClosed, E::kV6Syn, S::kV6Init, R::kOpening);
  check(S::kClosed, E::kV4Syn, S::kV4Init, R::kOpening);
  check_others(S::kClosed, S::kClosed, R::kKeep, E::kV6Syn, E::kV4Syn);
}

TEST_CASE("RFC 6146 3.5.2.2: V4 INIT") {
  check(S::kV4Init, E::kV6Syn, S::kEstablished, R::kEstablished);
  check_others(S::kV4Init, S::kV4Init, R::kKeep, E::kV6Syn);
}

TEST_CASE("RFC 6146 3.5.2.2: V6 INIT") {
  check(S::kV6Init, E::kV4Syn, S::kEstablished, R::kEstablished);
  check(S::kV6Init, E::kV6Syn, S::kV6Init, R::kOpening);
  check_others(S::kV6Init, S::kV6Init, R::kKeep, E::kV4Syn, E::kV6Syn);
}

TEST_CASE("RFC 6146 3.5.2.2: ESTABLISHED") {
  check(S::kEstablished, E::kV4Fin, S::kV4FinRcv, R::kKeep);
  check(S::kEstablished, E::kV6Fin, S::kV6FinRcv, R::kKeep);
  check(S::kEstablished, E::kV4Rst, S::kTrans, R::kClosing);
  check(S::kEstablished, E::kV6Rst, S::kTrans, R::kClosing);
  check_others(S::kEstablished, S::kEstablished, R::kEstablished, E::kV4Fin, E::kV6Fin, E::kV4Rst,
               E::kV6Rst);
}

TEST_CASE("RFC 6146 3.5.2.2: V4 FIN RCV and V6 FIN RCV") {
  check(S::kV4FinRcv, E::kV6Fin, S::kV4V6FinRcv, R::kClosing);
  check_others(S::kV4FinRcv, S::kV4FinRcv, R::kEstablished, E::kV6Fin);
  check(S::kV6FinRcv, E::kV4Fin, S::kV4V6FinRcv, R::kClosing);
  check_others(S::kV6FinRcv, S::kV6FinRcv, R::kEstablished, E::kV4Fin);
}

TEST_CASE("RFC 6146 3.5.2.2: V6 FIN + V4 FIN RCV is not prolonged") {
  check_others(S::kV4V6FinRcv, S::kV4V6FinRcv, R::kKeep);
}

TEST_CASE("RFC 6146 3.5.2.2: TRANS") {
  check(S::kTrans, E::kV4Rst, S::kTrans, R::kKeep);
  check(S::kTrans, E::kV6Rst, S::kTrans, R::kKeep);
  check_others(S::kTrans, S::kEstablished, R::kEstablished, E::kV4Rst, E::kV6Rst);
}

TEST_CASE("conflict C11: RST in FIN RCV, SYN after the end") {
  constexpr TcpOptions kBoth{true, true};
  for (const S state : {S::kV4FinRcv, S::kV6FinRcv}) {
    check(state, E::kV4Rst, S::kTrans, R::kClosing, kBoth);
    check(state, E::kV6Rst, S::kTrans, R::kClosing, kBoth);
    check(state, E::kV6Other, state, R::kEstablished, kBoth);
  }
  for (const S state : {S::kV4V6FinRcv, S::kTrans}) {
    check(state, E::kV6Syn, S::kV6Init, R::kOpening, kBoth);
    check(state, E::kV4Syn, S::kV4Init, R::kOpening, kBoth);
  }
  check(S::kV4V6FinRcv, E::kV6Other, S::kV4V6FinRcv, R::kKeep, kBoth);
  check(S::kTrans, E::kV6Other, S::kEstablished, R::kEstablished, kBoth);
  check(S::kEstablished, E::kV6Syn, S::kEstablished, R::kEstablished, kBoth);
}

}  // namespace isthmus::nat::tcp_machine_test
