#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A page and a large file by name; the server sees an address of the pool.
. "$(dirname "$0")/init.sh"
start_lab

expect "$(on client curl -sS -m 10 "http://www.$domain/")" 'no IPv6 address'
expect "$(on client curl -sS -m 10 "http://www.$domain/whoami")" 'you are 203\.0\.113\.([0-9]|1[0-5])$'
on client curl -sS -m 120 -o "$lab_dir/download" "http://www.$domain/50MB.bin"
cmp "$lab_dir/download" "$lab_dir/www/50MB.bin"

# Many at once: each flow has its own session, and none gets another's bytes.
on client curl -sS -m 60 --parallel --parallel-max 50 -o /dev/null \
  $(printf "http://www.$domain/whoami?%s " $(seq 1 200)) -w '%{http_code}\n' >"$lab_dir/codes" \
  2>"$lab_dir/errors" || fail "parallel requests: $(tail -n 3 "$lab_dir/errors")"
expect "$(ctl show sessions)" "$client6"
