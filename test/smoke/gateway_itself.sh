#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Traffic to the gateway itself goes through the kernel twin: ping, TCP, each exactly once.
. "$(dirname "$0")/init.sh"
start_lab

for target in "client $gateway6" "client $service6" "client2 $gateway6n" "router $gateway4"; do
  read -r from address <<<"$target"
  result=$(on "$from" ping -c 3 -i 0.1 -W 3 "$address")
  expect "$result" '3 received'
  refuse "$result" 'duplicates'
done

on gateway setsid python3 "$echo_py" serve :: 7001 >"$lab_dir/local-echo.log" 2>&1 </dev/null &
wait_until 10 "the gateway's own server" sh -c \
  "ip netns exec $(ns gateway) ss -Hltn 'sport = :7001' | grep -q ."
on client python3 "$echo_py" tcp "$gateway6" --port 7001 --size 10000 --count 20

# The kernel on the gateway must not forward between its twins: that is the dataplane's job.
same "$(on gateway cat /proc/sys/net/ipv4/ip_forward)" 0 "net.ipv4.ip_forward"
same "$(on gateway cat /proc/sys/net/ipv6/conf/all/forwarding)" 0 "net.ipv6.conf.all.forwarding"
# The box itself reaches the Internet through its twin.
expect "$(on gateway ping -c 2 -i 0.1 -W 3 "$www4")" '2 received'
