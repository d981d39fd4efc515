#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Datagrams larger than a packet (RFC 6146 3.4), both ways; with one worker and with two.
. "$(dirname "$0")/init.sh"

# net_af_packet has the kernel put IPv4 fragments together before anybody sees them.
export LAB_OUTSIDE=net_pcap2,iface=gw4,phy_mac=1
for workers in 0 0,0; do
  export LAB_WORKERS=$workers
  start_lab
  # The first answer has DF set and is too big: it only teaches the server the path MTU (RFC 1191).
  on client python3 "$echo_py" udp "echo.$domain" --size 1453 --count 1 --timeout 1 || true
  for size in 1453 3000 5000; do
    on client python3 "$echo_py" udp "echo.$domain" --size $size --count 5
  done
  # Fragments made because of a path MTU that became known, by both ends.
  on client python3 "$echo_py" udp "far.$domain" --size 1400 --count 3
  # The whole message has to be there before its first fragment can be translated.
  expect "$(on client ping -c 1 -W 2 -s 4000 "www.$domain")" ' 1 received'
  lab gateway stop
done
