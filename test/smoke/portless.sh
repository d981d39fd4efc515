#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# IPsec's ESP, PPTP's GRE and SCTP between IPv6-only hosts and IPv4 servers, through one pool address
# that two workers share; switched on by a reload.
. "$(dirname "$0")/init.sh"
export LAB_WORKERS=0,1
[ "$(nproc)" -gt 1 ] || LAB_WORKERS=0,0
# net_af_packet has the kernel put IPv4 fragments together before anybody sees them.
export LAB_OUTSIDE=net_pcap2,iface=gw4,phy_mac=1
start_lab
portless_py=$smoke_root/test/smoke/portless.py
conf=$lab_dir/isthmus.conf
outside=203.0.113.7
lab gateway stop
sed -i "s|pools = (.*|pools = ( { name = \"main\"; addresses = [\"$outside\"]; } ); }|" "$conf"
lab gateway start
ctl clear counters >/dev/null

for protocol in esp gre sctp; do
  for server in "internet $echo4" "internet $www4" "far $far4"; do
    read -r where address <<<"$server"
    ready=$lab_dir/$protocol-$address.ready
    on "$where" setsid python3 "$portless_py" serve "$address" $protocol "$ready" \
      >>"$lab_dir/portless.log" 2>&1 </dev/null &
    at_end end $!
    wait_until 20 "the server for $protocol" test -s "$ready"
  done
done
echo6=$(synthesised "$echo4")
www6=$(synthesised "$www4")
far6=$(synthesised "$far4")
# call NS ADDRESS PROTOCOL OPTION...: the address that the server saw.
call() { on "$1" python3 "$portless_py" call "${@:2}"; }
no_answer() { ! call "$@" --timeout 2 >/dev/null 2>&1 || fail "answered: $*"; }
drops() { json show drops all -- "next(d['packets'] for d in answer['drops'] if d['reason'] == '$1')"; }

# RFC 6146 3.4: as long as nobody asks for them they are answered, not carried.
no_answer client "$echo6" esp
[ "$(drops protocol)" -gt 0 ] || fail "nothing was dropped"
same "$(ctl show sessions protocol esp)" "$(ctl show sessions protocol 41)"

sed -i 's|^  { name = "main";|  { name = "main"; portless = ["esp", "gre", "sctp"];|' "$conf"
ctl reload
for protocol in esp gre sctp; do
  for address in "$echo6" "$www6"; do
    same "$(call client "$address" $protocol --count 5)" "$outside"
    # Both sides fragment.
    same "$(call client "$address" $protocol --size 3000)" "$outside"
  done
  # Behind a link of 1280 bytes, on both sides; from another subscriber, at the same address.
  same "$(call client2 "$far6" $protocol --count 5 --size 1000)" "$outside"
  same "$(json show sessions protocol $protocol -- 'len(rows)')" 3
  same "$(json show bindings protocol $protocol outside $outside/32 -- 'len(rows)')" 3
  expect "$(ctl show sessions protocol $protocol remote "$echo4/32")" "$protocol +$client6.*$echo4"
done

# What one host has with a server, no other has; until it is ended.
before=$(drops pool-exhausted)
no_answer client2 "$echo6" gre
[ "$(drops pool-exhausted)" -gt "$before" ] || fail "not counted as refused"
expect "$(ctl clear bindings inside "$client6/128" protocol gre)" 'cleared.*2'
same "$(json show sessions protocol gre -- 'len(rows)')" 1
same "$(call client2 "$echo6" gre)" "$outside"
no_answer client "$echo6" gre

# PPTP's other half is TCP, from the same address; other traffic is as it was.
expect "$(on client curl -sS -m 10 "http://www.$domain/whoami")" "you are $outside"
on client python3 "$echo_py" tcp "echo.$domain" --size 20000 --count 5
expect "$(on client ping -c 2 -i 0.1 -W 3 "www.$domain")" '2 received'
refuse "$(cat "$lab_dir/portless.log")" .
