#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# MSS clamping, access lists and pass-through, with real hosts; all switched on by a reload.
. "$(dirname "$0")/init.sh"
start_lab
conf=$lab_dir/isthmus.conf
www=$(synthesised "$www4")

# set_policy POLICY ACCESS MORE: the lab's configuration with these groups.
cp "$conf" "$lab_dir/plain.conf"
set_policy() {
  sed "s|^    prefixes = .*|&\n    policy = { $1 }; access = { $2 };|" "$lab_dir/plain.conf" >"$conf"
  echo "$3" >>"$conf"
  ctl reload
}

# The MSS of the first SYN (SYN/ACK) that tcpdump sees on INTERFACE of NS while client2 fetches a
# page. mss NS INTERFACE FILTER
mss() {
  local seen=$lab_dir/mss.txt dump
  rm -f "$lab_dir/tcpdump.txt"  # what the last one said would do for this one
  in_ns "$1" tcpdump -n -l -c 1 -i "$2" "$3" >"$seen" 2>"$lab_dir/tcpdump.txt" &
  dump=$!
  wait_until 10 "tcpdump" grep -q listening "$lab_dir/tcpdump.txt"
  on client2 curl -sS -m 20 -o /dev/null "http://www.$domain/whoami"
  wait $dump
  grep -oE 'mss [0-9]+' "$seen"
}
syn4='tcp[tcpflags] & tcp-syn != 0 and tcp[tcpflags] & tcp-ack == 0 and dst port 80'
syn_ack6='ip6 and tcp and src port 80 and ip6[40 + 13] & 0x12 == 0x12'

# client2 announces 1440 behind a link of 1280 bytes (scripts/lab.d/topology.sh), the server 1460.
same "$(mss internet eth0 "$syn4")" 'mss 1440' "unclamped, at the server"
same "$(mss client2 eth0 "$syn_ack6")" 'mss 1460' "unclamped, at the client"
set_policy 'mss_clamp = "auto";' '' ''
same "$(mss internet eth0 "$syn4")" 'mss 1220' "clamped, at the server"
same "$(mss client2 eth0 "$syn_ack6")" 'mss 1220' "clamped, at the client"
# Whole segments fit now: nothing is too big on the way to the narrow link.
ctl clear counters
on client2 curl -sS -m 120 -o "$lab_dir/download" "http://www.$domain/50MB.bin"
cmp "$lab_dir/download" "$lab_dir/www/50MB.bin"
refuse "$(ctl show drops)" 'too-big'
set_policy 'mss_clamp = 1000;' '' ''
same "$(mss internet eth0 "$syn4")" 'mss 1000' "clamped to a number"

# A denied destination fails at once, not after minutes; others and other hosts go on.
set_policy '' "outbound_remote_deny = [\"$www4/32\"];" ''
answer=$(on client curl -sS -m 20 -o /dev/null "http://[$www]/" 2>&1 || true)
refuse "$answer" 'imed out'
expect "$(ctl show drops)" 'denied'
on client python3 "$echo_py" tcp "echo.$domain" --size 1000 --count 3
set_policy 'answer_refused = false;' "outbound_inside_allow = [\"$client2_6/128\"];" ''
answer=$(on client curl -sS -m 3 -o /dev/null "http://[$www]/" 2>&1 || true)
expect "$answer" 'imed out'
on client2 curl -sS -m 20 -o /dev/null "http://www.$domain/whoami"

# Native IPv6 between two real hosts, each in its own network, with the narrow link in between.
set_policy '' '' ''
! on client ping -c 1 -W 1 "$client2_6" >/dev/null || fail "native IPv6 passed without being told"
set_policy '' '' 'forwarding = { pass_through = ["::/0"]; spoof_check = true; };'
on client ping -c 3 -W 5 "$client2_6" >/dev/null
expect "$(on client ping -c 1 -t 1 -W 5 "$client2_6" || true)" "From ${gateway6%::*}::[0-9a-f]+ .*exceeded"
# 1400 bytes do not fit the narrow link: the gateway says so, and the kernel fragments from then on.
on client ping -c 4 -s 1400 -W 5 "$client2_6" >/dev/null || true
on client ping -c 2 -s 1400 -W 5 "$client2_6" >/dev/null
expect "$(on client ip -6 route get "$client2_6")" 'mtu 1280'
expect "$(on client traceroute -6 -n -w 5 -m 5 "$client2_6")" "$client2_6"
# What is translated still is.
expect "$(on client curl -sS -m 10 "http://www.$domain/whoami")" 'you are 203'
expect "$(ctl show counters)" 'passed-through'
# A source that belongs to another network gets nowhere.
in_ns client ip -6 addr add 2001:db8:2::666/128 dev eth0 nodad
! on client ping -c 1 -W 1 -I 2001:db8:2::666 "$www" >/dev/null || fail "a spoofed source was answered"
expect "$(ctl show drops)" 'spoofed'
