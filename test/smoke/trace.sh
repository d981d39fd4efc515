#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# "trace" beside real traffic: each step in words, of the packets that were asked for.
. "$(dirname "$0")/init.sh"
start_lab
answer=$lab_dir/answer

# tracing WORDS...: in the background, until it has begun.
tracing() {
  ctl "$@" >"$answer" 2>"$answer.errors" &
  tracer=$!
  wait_until 10 "the trace" begun
}
begun() { [ "$(grep -c 'trace' "$lab_dir/isthmusd.log")" -gt "${traces:-0}" ]; }
count_traces() { traces=$(grep -c 'trace' "$lab_dir/isthmusd.log" || true); }
talk() { on client python3 "$echo_py" udp "echo.$domain" "$@"; }

# Two there and back: made by the first, found by the rest.
talk --source 4000  # so that the neighbors are known
count_traces
tracing trace count 4 filter port 4001 or host "$echo4"
talk --source 4001 --count 2
wait "$tracer"
text=$(cat "$answer")
same "$(grep -c '^#' "$answer")" 4 "steps"
expect "$text" "^  parsed as   udp $client6 4001 > $(synthesised "$echo4") 7, hop limit"
expect "$text" '^  instance    nat64 main'
expect "$text" '^  worker      worker [0-9]'
expect "$text" "^  binding     made: $client6 4001 <-> 203\.0\.113\.[0-9]+ [0-9]+\$"
expect "$text" '^  session     made, has .* now$'
expect "$text" "^  binding     found: $client6 4001 <-> 203\.0\.113\.[0-9]+ [0-9]+\$"
expect "$text" '^  session     found, had .* left, has .* now$'
expect "$text" "^  translated  udp 203\.0\.113\.[0-9]+ [0-9]+ > $echo4 7, TTL"
expect "$text" "^  next hop    $router4 \([0-9a-f:]+\) on outside, port outside"
expect "$text" '^  outcome     forwarded'
same "$(grep -c '^  session     made' "$answer")" 1 "sessions made"
row="[(r['outside'], r['outside_port']) for r in rows if r['inside_port'] == 4001]"
cell=$(json show sessions inside "$client6" protocol udp -- "$row")
read -r outside port < <(sed -n 's/^  binding     made: .* <-> //p' "$answer")
same "$cell" "[('$outside', $port)]" "the binding that the trace told of"
expect "$(cat "$answer.errors")" '^4 steps; 0 lost'

# TCP, state by state; as JSON.
count_traces
tracing --json trace count 3 filter tcp port 80
on client curl -sS -m 10 -o /dev/null "http://www.$domain/"
wait "$tracer"
states=$(python3 -c 'import json, sys
for line in open(sys.argv[1]):
    step = json.loads(line)
    print(step["session"], step.get("state", "-"), step["state_after"])' "$answer")
same "$states" "made - v6-init
found v6-init established
found established established" "TCP's states"

# A drop and its reason.
count_traces
tracing trace count 1 filter udp dst port 9
on internet python3 -c "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('$echo4', 0))
s.sendto(b'x', ('$outside', 9))"
wait "$tracer"
expect "$(cat "$answer")" '^  outcome     dropped: no-binding \('

# It ends by itself; traffic goes on; nothing is left behind.
ctl trace seconds 1 >"$answer" 2>&1
talk --count 3
for wrong in "count none" "nonsense" "filter" "filter no such thing"; do
  # shellcheck disable=SC2086  # words of a command
  ! ctl trace $wrong >"$answer" 2>&1 || fail "\"trace $wrong\" was accepted"
  [ -s "$answer" ] || fail "\"trace $wrong\" failed without a word"
done
! ctl trace read >"$answer" 2>&1 || fail "a trace was left behind"
