#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two gateways on the same two links; keepalived (VRRP) gives one of them the addresses that hosts and
# routers send to. It ends, the other dies, one hangs: new flows go on.
#
#   client -- br6 -- a6  gateway   a4 -- br4 -- router -- internet
#                 -- b6  gateway2  b4 --
. "$(dirname "$0")/init.sh"
# shellcheck source=wider_lab.sh
. "$(dirname "$0")/wider_lab.sh"
command -v keepalived >/dev/null || skip "needs keepalived (scripts/setup lab)"
examples=$smoke_root/doc/examples/keepalived
dns6=2001:db8:53::53

plumb() {
  local name
  ip -n "$(ns client)" link del eth0
  ip -n "$(ns router)" link del eth0
  no_dad client
  no_dad edge
  link client eth0 edge c6
  link router eth0 edge r4
  link edge a6 gateway gw6
  link edge b6 gateway2 gw6
  link edge a4 gateway gw4
  link edge b4 gateway2 gw4
  bridge br6 c6 a6 b6
  bridge br4 r4 a4 b4
  for name in gateway gateway2; do
    mute "$name" gw6
    mute "$name" gw4
  done
  address client eth0 "$client6/64"
  address router eth0 "$router4/24"
  ip -n "$(ns client)" route add default via "$gateway6"
  ip -n "$(ns router)" route add "$pool" via "$gateway4"
}

# write_gateway NS OWN6 OWN4
write_gateway() {
  write_machine "$1"
  sed -e 's/"0000:01:00.0"/"net_af_packet0,iface=gw6"/; s/"0000:01:00.1"/"net_af_packet1,iface=gw4"/' \
    -e "s|2001:db8:1::2/|$2/|; s|192.0.2.2/|$3/|" "$examples/isthmus.conf" >>"$lab_dir/$1.conf"
}
# keep NS PRIORITY: keepalived there.
keep() {
  local isthmusctl=$ISTHMUS_BUILD/app/isthmusctl/isthmusctl
  sed -e "s|/usr/bin/isthmusctl|$isthmusctl -s $lab_dir/$1.sock|; s/priority 100/priority $2/" \
    "$examples/keepalived.conf" >"$lab_dir/keepalived-$1.conf"
  chmod 644 "$lab_dir/keepalived-$1.conf"
  start "keepalived-$1" "$1" keepalived -n -l -P -f "$lab_dir/keepalived-$1.conf" \
    -p "$lab_dir/keepalived-$1.run" -r "$lab_dir/vrrp-$1.run"
}

has() { ip -n "$(ns "$1")" address show dev "$2" to "$3" 2>/dev/null | grep -q inet; }
serves() { has "$1" inside "$gateway6" && has "$1" outside "$gateway4"; }
serves_not() { ! has "$1" inside "$gateway6" && ! has "$1" outside "$gateway4"; }
comes_through() { on client curl -sf -m 2 -o /dev/null "http://[$www6]/"; }
resolves() { [ "$(on client dig +short +time=1 +tries=2 AAAA "www.$domain" "@$dns6")" = "$www6" ]; }
hang() { kill -STOP "$(cat "$lab_dir/daemon-$1.pid")"; }
go_on() { kill -CONT "$(cat "$lab_dir/daemon-$1.pid")"; }
# works NS: traffic and DNS64, through this one.
works() {
  wait_until 40 "$1 to serve" serves "$1"
  wait_until 40 "a way through $1" comes_through
  wait_until 40 "an answer of the DNS64 of $1" resolves
  local number
  for number in $(seq 10); do
    on client curl -sS -m 5 -o /dev/null "http://[$www6]/" || fail "connection $number through $1 failed"
  done
}

start_wider_lab edge gateway2
www6=$(synthesised "$www4")
plumb
write_gateway gateway 2001:db8:1::2 192.0.2.2
write_gateway gateway2 2001:db8:1::3 192.0.2.3
keep gateway 100  # before the interfaces that it shall use
start_gateway gateway
works gateway
start_gateway gateway2
wait_until 60 "isthmusd in gateway2" answers gateway2
keep gateway2 90
works gateway
serves_not gateway2 || fail "both serve"

# It ends.
end_gateway gateway TERM
works gateway2
# It comes back, and is the first again.
start_gateway gateway
wait_until 60 "isthmusd" answers gateway
wait_until 60 "gateway2 to give way" serves_not gateway2
works gateway

# It hangs, and nobody reads what keepalived sends by it. When it goes on it has to find that out.
hang gateway
works gateway2
go_on gateway
wait_until 60 "gateway2 to give way again" serves_not gateway2
works gateway

# It dies.
end_gateway gateway KILL
works gateway2
end_gateway gateway2 TERM
