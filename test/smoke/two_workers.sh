#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two workers give the same results as one, whichever queue a packet arrives on.
. "$(dirname "$0")/init.sh"
[ "$(nproc)" -gt 1 ] && export LAB_WORKERS=0,1 || export LAB_WORKERS=0,0
start_lab

on client curl -sS -m 120 -o "$lab_dir/download" "http://www.$domain/50MB.bin"
cmp "$lab_dir/download" "$lab_dir/www/50MB.bin"
for source in $(seq 5000 5019); do
  on client python3 "$echo_py" udp "echo.$domain" --source "$source" --count 3 >/dev/null
done
for round in 1 2 3 4 5; do
  on client python3 "$echo_py" tcp "echo.$domain" --size 10000 --count 20
  on client2 python3 "$echo_py" tcp "far.$domain" --size 10000 --count 20
done
expect "$(on client ping -c 10 -i 0.02 -W 3 "www.$domain")" '10 received'
expect "$(on client traceroute -6 -q 1 -w 2 -m 6 "www.$domain")" " 3 +www.$domain"
expect "$(ctl show workers)" '.'
