#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Path MTU discovery through the gateway, towards the server and towards the client, and back.
. "$(dirname "$0")/init.sh"
start_lab

# Upwards: the router's ICMPv4 3/4 (1280) becomes an ICMPv6 Packet Too Big of 1280 + 20.
on client python3 "$echo_py" tcp "far.$domain" --size 100000 --count 20
expect "$(on client ip -6 route get "$(synthesised "$far4")")" 'mtu 1300'

# Downwards: packets that grow beyond the 1280-byte link get an ICMPv4 3/4 of 1280 - 20 from us.
on client2 curl -sS -m 120 -o "$lab_dir/download" "http://www.$domain/50MB.bin"
cmp "$lab_dir/download" "$lab_dir/www/50MB.bin"
outside=$(on client2 curl -sS -m 10 "http://www.$domain/whoami" | grep -oE '[0-9.]+$')
expect "$(on internet ip route get "$outside")" 'mtu 1260'
expect "$(ctl show drops)" 'too-big'
