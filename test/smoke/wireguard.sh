#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A WireGuard tunnel whose endpoint is IPv4-only, by name.
. "$(dirname "$0")/init.sh"
start_lab

lab tunnel
expect "$(on client ping -c 3 -i 0.2 -W 5 "$vpn_server6")" '3 received'
expect "$(on client curl -sS -m 10 "http://[$vpn_server6]/")" 'no IPv6 address'
on client curl -sS -m 60 -o "$lab_dir/download" "http://[$vpn_server6]/50MB.bin"
cmp "$lab_dir/download" "$lab_dir/www/50MB.bin"
expect "$(on client wg show wg0 endpoints)" "\[$(synthesised "$vpn4")\]:51820"
