#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# isthmusctl: every show command as table and as JSON, filters, clear, errors.
. "$(dirname "$0")/init.sh"
start_lab

on client curl -sS -m 10 -o /dev/null "http://www.$domain/"
on client python3 "$echo_py" udp "echo.$domain" --source 4001

for what in version ports workers counters drops pools "top pools" bindings sessions routes neighbours steering \
  dns64 config; do
  [ -n "$(ctl show "$what")" ] || fail "show $what printed nothing"
  json show "$what" -- "type(answer)" >/dev/null || fail "show $what --json is not JSON"
done

expect "$(ctl show sessions)" "$client6"
expect "$(ctl show sessions)" '203\.0\.113\.'
expect "$(ctl show neighbours)" "$router4"
expect "$(ctl show routes)" '0\.0\.0\.0/0'

# Filters: by inside prefix, by outside address and port, by protocol, by peer.
read -r outside port < <(json show bindings protocol udp -- \
  "next(f\"{r['outside']} {r['outside_port']}\" for r in rows if r['inside_port'] == 4001)")
same "$(json show sessions outside "$outside:$port" protocol udp -- \
  "[r['inside_port'] for r in rows]")" '[4001]' "sessions of one outside address and port"
same "$(json show sessions remote "$echo4/32" inside "$client6/128" -- \
  "sorted({r['remote'] for r in rows})")" "['$echo4']" "peers of sessions with $echo4"
same "$(json show sessions inside "2001:db8:dead::/64" -- "len(rows)")" 0 "sessions of nobody"

ctl clear sessions
refuse "$(ctl show sessions)" "$client6"
on client curl -sS -m 10 -o /dev/null "http://www.$domain/"

# For routers: a line and a code.
same "$(ctl health | wc -l)" 1 "lines of health"
expect "$(ctl health --dns)" '^(healthy|degraded): '
same "$(json health -- "[c['check'] for c in answer['checks']]")" \
  "['workers', 'ports', 'tables', 'pools', 'dns64']" "what health looks at"
pools=$(json show pools -- "' '.join(p['nat64'] + '/' + p['pool'] for p in answer['pools'])")
for name in $pools; do ctl drain pool "$name"; done
status=0
answer=$(ctl health) || status=$?
same "$status" 1 "code of a gateway without pools"
expect "$answer" '^failed: pools: .* drained'
for name in $pools; do ctl undrain pool "$name"; done
ctl health

status=0
answer=$(ctl show nonsense 2>&1) || status=$?
[ "$status" != 0 ] || fail "an unknown command ended with status 0"
expect "$answer" 'nonsense'
status=0
answer=$("$ISTHMUS_BUILD/app/isthmusd/isthmusd" --check-confg 2>&1) || status=$?
same "$status" 2 "code of an unknown option"
expect "$answer" 'unknown option --check-confg; did you mean --check-config\?'
ctl --help >/dev/null
ctl show version >/dev/null
