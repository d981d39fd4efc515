#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two gateways between routers, all of which speak BGP (FRR): each announces the NAT64 prefix and the
# DNS64 inside and a pool of its own outside. One ends, then the other dies: new flows go on.
#
#                     a0 -- gw6  gateway   gw4 -- eth0
#   client -- c0 edge                                  router -- internet
#                     b0 -- gw6  gateway2  gw4 -- eth3
. "$(dirname "$0")/init.sh"
# shellcheck source=wider_lab.sh
. "$(dirname "$0")/wider_lab.sh"
for daemon in zebra bgpd; do
  [ -x /usr/lib/frr/$daemon ] || skip "needs $daemon of FRR (scripts/setup lab)"
done
examples=$smoke_root/doc/examples/frr
dns6=2001:db8:53::53

plumb() {
  local name
  no_dad client
  no_dad edge
  ip -n "$(ns client)" link del eth0
  link client eth0 edge c0
  link edge a0 gateway gw6
  link edge b0 gateway2 gw6
  link router eth3 gateway2 gw4
  for name in gateway gateway2; do
    mute "$name" gw6
    mute "$name" gw4
  done
  address client eth0 "$client6/64"
  address edge c0 "$gateway6/64"
  address edge a0 2001:db8:a::1/64
  address edge b0 2001:db8:b::1/64
  address router eth3 198.18.0.254/24
  ip -n "$(ns client)" route add default via "$gateway6"
  ip -n "$(ns router)" route del "$pool"
  in_ns edge sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.fib_multipath_hash_policy=1
}

# gateway NS INSIDE OUTSIDE POOL
write_gateway() {
  write_machine "$1"
  cat >>"$lab_dir/$1.conf" <<CONF
ports = (
  { name = "inside"; device = "net_af_packet0,iface=gw6"; addresses = ["$2/64", "$dns6/128"]; },
  { name = "outside"; device = "net_af_packet1,iface=gw4"; addresses = ["$3/24"]; }
);
nat64 = ( { name = "main"; prefixes = ["$prefix/96"];
  pools = ( { name = "own"; addresses = ["$4"]; } ); } );
dns64 = { listen = ["$dns6"]; upstreams = ["$dns4"]; nat64 = "main"; };
CONF
}
# tell NS COMMAND...
tell() { in_ns "$1" "$ISTHMUS_BUILD/app/isthmusctl/isthmusctl" -s "$lab_dir/$1.sock" "${@:2}"; }

# frr NS: zebra and bgpd with $lab_dir/frr-NS.conf.
frr() {
  local dir=$lab_dir/frr-$1 daemon
  mkdir -p "$dir"
  mv "$lab_dir/frr-$1.conf" "$dir/bgpd.conf"
  printf 'hostname %s\n' "$1" >"$dir/zebra.conf"
  chown -R frr:frr "$dir"
  for daemon in zebra bgpd; do
    start "$daemon-$1" "$1" /usr/lib/frr/$daemon -f "$dir/$daemon.conf" -i "$dir/$daemon.run" \
      -z "$dir/zserv.api" --vty_socket "$dir" -P 0 --log stdout
    [ $daemon = bgpd ] || wait_until 10 "zebra in $1" test -S "$dir/zserv.api"
  done
}

inside_routes() { ip -n "$(ns edge)" -6 route show "$prefix/96"; }
ways() { [ "$(inside_routes | grep -o "dev [ab]0" | sort -u | wc -l)" = "$1" ]; }
outside_route() { ip -n "$(ns router)" route show "$1"; }
announced() { [ -n "$(outside_route "$1")" ]; }
withdrawn() { [ -z "$(outside_route "$1")" ]; }

# sources COUNT: the addresses that as many new connections come from.
sources() {
  local number
  for number in $(seq "$1"); do
    on client curl -sS -m 5 "http://[$www6]/whoami" || fail "connection $number did not come through"
  done | awk '{ print $NF }' | sort -u
}
resolves() { [ "$(on client dig +short +time=1 +tries=2 AAAA "www.$domain" "@$dns6")" = "$www6" ]; }

start_wider_lab edge gateway2
# Addresses come and go with the daemon, not with the lab's own.
www6=$(synthesised "$www4")
plumb
write_gateway gateway 2001:db8:a::2 "$gateway4" 203.0.113.0/29
write_gateway gateway2 2001:db8:b::2 198.18.0.1 203.0.113.8/29
cp "$examples/gateway.conf" "$lab_dir/frr-gateway.conf"
sed -e 's/65010/65011/; s/router-id .*/router-id 198.18.0.1/; s/2001:db8:a::1/2001:db8:b::1/' \
  -e "s/$router4/198.18.0.254/; s|203.0.113.0/29|203.0.113.8/29|" "$examples/gateway.conf" >"$lab_dir/frr-gateway2.conf"
cp "$examples/router.conf" "$lab_dir/frr-edge.conf"
cat >"$lab_dir/frr-router.conf" <<CONF
router bgp 65002
 bgp router-id $router4
 no bgp ebgp-requires-policy
 timers bgp 1 3
 neighbor $gateway4 remote-as 65010
 neighbor $gateway4 timers connect 1
 neighbor 198.18.0.1 remote-as 65011
 neighbor 198.18.0.1 timers connect 1
 address-family ipv4 unicast
  network 198.51.100.0/25
 exit-address-family
CONF
for name in gateway gateway2; do
  start_gateway "$name"
  wait_until 60 "isthmusd in $name" answers "$name"
done
for name in edge router gateway gateway2; do frr "$name"; done

wait_until 30 "two ways to the prefix" ways 2
wait_until 30 "the first pool's route" announced 203.0.113.0/29
wait_until 30 "the second pool's route" announced 203.0.113.8/29
wait_until 30 "an answer of the DNS64" resolves
wait_until 30 "a way through" sources 1
both=$(sources 40)
expect "$both" '^203\.0\.113\.[0-7]$'
expect "$both" '^203\.0\.113\.([89]|1[0-5])$'

# It ends; a second later nobody sends anything there.
end_gateway gateway TERM
wait_until 10 "one way to the prefix" ways 1
wait_until 10 "the first pool's route to go" withdrawn 203.0.113.0/29
refuse "$(sources 20)" '^203\.0\.113\.[0-7]$'
resolves || fail "no DNS64 after one gateway ended"

start_gateway gateway
wait_until 60 "isthmusd" answers gateway
wait_until 30 "two ways again" ways 2
wait_until 30 "the first pool's route again" announced 203.0.113.0/29

# It runs, and says itself that it is of no use.
tell gateway health >/dev/null
ISTHMUSCTL="$ISTHMUS_BUILD/app/isthmusctl/isthmusctl -s $lab_dir/gateway.sock" \
  VTYSH="vtysh --vty_socket $lab_dir/frr-gateway" start follow-gateway gateway "$examples/follow-health" 65010
tell gateway drain pool own >/dev/null
wait_until 20 "one way to the prefix" ways 1
wait_until 10 "the first pool's route to go" withdrawn 203.0.113.0/29
expect "$(cat "$lab_dir/follow-gateway.log")" '^withdrawn: failed: pools: main/own drained'
tell gateway undrain pool own >/dev/null
wait_until 40 "two ways again" ways 2
wait_until 30 "the first pool's route again" announced 203.0.113.0/29

# It dies.
end_gateway gateway2 KILL
wait_until 10 "one way again" ways 1
refuse "$(sources 20)" '^203\.0\.113\.([89]|1[0-5])$'
resolves || fail "no DNS64 after one gateway died"
end_gateway gateway TERM
