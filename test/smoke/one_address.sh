#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The gateway and NAT64 share one IPv4 address: servers and clients on the box, and hosts behind it.
. "$(dirname "$0")/init.sh"
# net_af_packet has the kernel put IPv4 fragments together before anybody sees them.
export LAB_OUTSIDE=net_pcap2,iface=gw4,phy_mac=1
start_lab
conf=$lab_dir/isthmus.conf
lab gateway stop
sed -i "s|pools = (.*|pools = ( { name = \"main\"; addresses = [\"$gateway4\"]; ports = \"20000-40000\"; } ); }|" "$conf"

# Ports that the kernel takes for itself lie inside: refused, with the numbers.
daemon=$ISTHMUS_BUILD/app/isthmusd/isthmusd
on gateway sysctl -qw net.ipv4.ip_local_port_range="32768 60999"
answer=$(on gateway "$daemon" -c "$conf" 2>&1) && fail "it started beside the kernel's ports"
expect "$answer" "found 20000-40000 on $gateway4, interface outside's own address.*32768-60999"
on gateway sysctl -qw net.ipv4.ip_local_port_range="40001 60999"
lab gateway start

# A server on the box, below the range and inside it.
for port in 7001 20007; do
  on gateway setsid python3 "$echo_py" serve 0.0.0.0 "$port" >>"$lab_dir/local.log" 2>&1 </dev/null &
done
wait_until 10 "the gateway's own servers" sh -c \
  "[ \"\$(ip netns exec $(ns gateway) ss -Hltn | grep -cE ':(7001|20007) ')\" = 2 ]"
for round in 1 2 3; do
  expect "$(on client curl -sS -m 10 "http://www.$domain/whoami")" "you are $gateway4"
  on internet python3 "$echo_py" tcp "$gateway4" --port 7001 --size 20000 --count 5
  on internet python3 "$echo_py" udp "$gateway4" --port 20007 --size 3000 --count 5
  on client python3 "$echo_py" tcp "echo.$domain" --size 20000 --count 5
  # The box as a client; and whoever pings it.
  expect "$(on gateway curl -sS -m 10 "http://$www4/whoami")" "you are $gateway4"
  expect "$(on gateway ping -c 2 -i 0.1 -W 3 "$www4")" '2 received'
  expect "$(on internet ping -c 2 -i 0.1 -W 3 -s 2000 "$gateway4")" '2 received'
  expect "$(on client ping -c 2 -i 0.1 -W 3 "www.$domain")" '2 received'
done
# A closed port inside the range is the kernel's to refuse, at once.
expect "$(on internet python3 "$echo_py" tcp "$gateway4" --port 20008 --timeout 5 2>&1 || true)" \
  '[Rr]efused'
