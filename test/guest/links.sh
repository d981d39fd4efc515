# SPDX-License-Identifier: BSD-3-Clause
# The networks on both sides of the guest, each a namespace with a TAP, and traffic between them. Sourced by run.
# shellcheck shell=bash disable=SC2154  # here, job, servers: of run

inside=isthmus-guest-inside outside=isthmus-guest-outside
prefix=64:ff9b:1:fffe::
server=192.0.2.254
other=192.0.2.253  # of the same host
subscribers=200

remove_links() {
  local name
  for name in $inside $outside; do
    [ ! -e "/run/netns/$name" ] || ip netns del "$name"
  done
}

# make_links [multi_queue]
make_links() {
  local name
  remove_links
  ip netns add $inside
  ip netns add $outside
  for name in inside outside; do ip -n $inside tuntap add "$name" mode tap "$@"; done
}

serve() {
  ip netns exec "$1" python3 -m http.server -d "$job/www" --bind "$2" 8000 >/dev/null 2>&1 &
  servers+=($!)
}
stop_servers() {
  [ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null || true
}

# Only when the guest runs: qemu opens both in one namespace.
use_links() {
  ip -n $inside link set outside netns $outside
  ip -n $inside link set inside up
  ip -n $outside link set outside up
  ip -n $inside address add 2001:db8:1::10/64 dev inside nodad
  ip -n $inside route add default via 2001:db8:1::1
  ip -n $outside address add $server/24 dev outside
  ip -n $outside route add 203.0.113.0/28 via 192.0.2.1
  serve $outside $server
  serve $inside 2001:db8:1::10
}

fetch() { ip netns exec "$1" curl -sf -m 60 "$2" | cmp - "$job/www/data"; }

# Pages both ways, and pings.
pages_and_pings() {
  local pings
  wait_until 120 "a page from outside" fetch $inside "http://[$prefix$server]:8000/data" || return 1
  say "  a client inside has fetched $(stat -c %s "$job/www/data") bytes from outside"
  wait_until 120 "a page from inside" fetch $outside http://203.0.113.1:8000/data || return 1
  say "  a client outside has fetched as many from inside, by a static binding"
  pings=$(ip netns exec $inside ping -c 20 -i 0.2 -W 10 $prefix$server | grep received)
  say "  $pings"
  [[ $pings == *' 20 received'* ]]
}

# Of many subscribers, each a /64; the server answers from a second address too.
many_flows() {
  ip -n $outside address add $other/24 dev outside
  ip -n $inside link set lo up
  ip -n $inside -6 route add local 2001:db8:100::/40 dev lo
  # To send from each of them, and pings without a raw socket.
  ip netns exec $inside sysctl -qw net.ipv6.ip_nonlocal_bind=1 net.ipv4.ping_group_range='0 0'
  ip netns exec $outside python3 "$here/flows.py" serve $server $other &
  servers+=($!)
  ip netns exec $inside python3 "$here/flows.py" run 2001:db8:100::/40 $subscribers $prefix$server
}
