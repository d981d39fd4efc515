#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Datagrams larger than a packet (RFC 6146 3.4), both ways; with one worker and with two.
. "$(dirname "$0")/init.sh"

for workers in 0 0,0; do
  export LAB_WORKERS=$workers
  start_lab
  for size in 1453 3000 5000; do
    on client python3 "$echo_py" udp "echo.$domain" --size $size --count 5
  done
  # Fragments made because of a path MTU that became known, by both ends.
  on client python3 "$echo_py" udp "far.$domain" --size 1400 --count 3
  # RFC 7915 1.2: fragmented ICMP is not translated.
  expect "$(on client ping -c 1 -W 1 -s 4000 "www.$domain" || true)" ' 0 received'
  expect "$(ctl show drops)" 'fragment '
  lab gateway stop
done
