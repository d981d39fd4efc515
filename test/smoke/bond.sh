#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Ports that are bonds of two members, in each mode. With LACP a member goes, traffic goes on; it comes back,
# the other goes. Members are TAPs; a program is the switch behind them.
#
#   client -- gw6 switch -- a0, a1  inside (isthmusd) outside  b0, b1 -- switch gw4 -- router -- internet
. "$(dirname "$0")/init.sh"
# shellcheck source=wider_lab.sh
. "$(dirname "$0")/wider_lab.sh"

# write_gateway MODE: both ports are bonds of this mode.
write_gateway() {
  write_machine gateway
  sed -e "s/bond_mode = \"[^\"]*\"/bond_mode = \"$1\"/" \
    -e 's/"0000:01:00.0"/"net_tap10,iface=a0"/; s/"0000:02:00.0"/"net_tap11,iface=a1"/' \
    -e 's/"0000:01:00.1"/"net_tap12,iface=b0"/; s/"0000:02:00.1"/"net_tap13,iface=b1"/' \
    "$smoke_root/doc/examples/bond/isthmus.conf" >>"$lab_dir/gateway.conf"
}
# switches MODE: both; members are the daemon's, so they are new each time.
switches() {
  local name
  for name in a0 a1 b0 b1; do mute gateway "$name"; done
  start switch6 gateway python3 "$smoke_root/test/smoke/aggregate.py" "$1" gw6 a0 a1
  start switch4 gateway python3 "$smoke_root/test/smoke/aggregate.py" "$1" gw4 b0 b1
}
ask() { on gateway "$ISTHMUS_BUILD/app/isthmusctl/isthmusctl" -s "$lab_dir/gateway.sock" "$@"; }
set_link() { ip -n "$(ns gateway)" link set "$1" "$2"; }
# Ports that Linux would choose lie close together, and a bond tells them apart by a single bit.
comes_through() {
  on client curl -sf -m 2 --local-port $((20000 + RANDOM)) -o /dev/null "http://[$www6]/"
}
ten_come_through() {
  local number
  for number in 1 2 3 4 5 6 7 8 9 10; do comes_through || return; done
}
works() { wait_until 90 "ten ways through, $1" ten_come_through; }
links() { [[ $(ask --json show ports) = *"$1"*"$2"* ]]; }
# sent INTERFACE: frames that the daemon sent there.
sent() { on gateway cat "/sys/class/net/$1/statistics/rx_packets"; }

lose_members() {
  set_link a0 down
  set_link b1 down
  wait_until 30 "the links to be seen" links 'iface=a0 down, net_tap11,iface=a1 up' 'iface=b0 up, net_tap13,iface=b1 down'
  works "$mode, without a0 and b1"

  set_link a0 up
  set_link b1 up
  wait_until 30 "the links to be seen again" links 'iface=a0 up, net_tap11,iface=a1 up' 'iface=b0 up, net_tap13,iface=b1 up'
  works "$mode, all members again"

  set_link a1 down
  set_link b0 down
  wait_until 30 "the other links to be seen" links 'iface=a0 up, net_tap11,iface=a1 down' 'iface=b0 down, net_tap13,iface=b1 up'
  works "$mode, without a1 and b0"
}

start_wider_lab
www6=$(synthesised "$www4")
for mode in ${MODES:-active-backup balance 802.3ad}; do
  write_gateway "$mode"
  start_gateway gateway
  wait_until 60 "isthmusd" answers gateway
  switches "$mode"
  works "$mode, all members"
  expect "$(ask show ports)" "$mode of net_tap10, net_tap11"
  before=$(sent a1)
  works "$mode, once more"
  [ "$mode" = active-backup ] || [ "$(sent a1)" -gt "$before" ] || fail "nothing was sent to a1"
  # In DPDK net_tap tells nobody that its link has gone; only LACP finds out then.
  [ "$mode" != 802.3ad ] || lose_members
  end "$(cat "$lab_dir/switch6.pid")"
  end "$(cat "$lab_dir/switch4.pid")"
  end_gateway gateway TERM
done
