#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# isthmusctl: every show command as table and as JSON, filters, clear, errors.
. "$(dirname "$0")/init.sh"
start_lab

on client curl -sS -m 10 -o /dev/null "http://www.$domain/"
on client python3 "$echo_py" udp "echo.$domain" --source 4001

for what in version ports workers counters drops pools bindings sessions routes neighbours steering \
  dns64 config; do
  [ -n "$(ctl show "$what")" ] || fail "show $what printed nothing"
  json show "$what" -- "type(answer)" >/dev/null || fail "show $what --json is not JSON"
done

expect "$(ctl show sessions)" "$client6"
expect "$(ctl show sessions)" '203\.0\.113\.'
expect "$(ctl show neighbours)" "$router4"
expect "$(ctl show routes)" '0\.0\.0\.0/0'

expect "$(ctl clear sessions)" '.*'
refuse "$(ctl show sessions)" "$client6"
on client curl -sS -m 10 -o /dev/null "http://www.$domain/"

status=0
answer=$(ctl show nonsense 2>&1) || status=$?
[ "$status" != 0 ] || fail "an unknown command ended with status 0"
expect "$answer" 'nonsense'
ctl --help >/dev/null
ctl show version >/dev/null
