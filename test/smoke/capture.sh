#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Captures: a dropped packet with its reason as tshark shows it, all of a port, a full disk.
. "$(dirname "$0")/init.sh"
command -v tshark >/dev/null || skip "needs tshark (scripts/setup lab)"
start_lab
file=$lab_dir/capture.pcapng

# stray PORT: a packet that no binding awaits.
stray() {
  on internet python3 -c "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('$echo4', 7001))
s.sendto(b'nobody waits for this', ('203.0.113.1', $1))"
}
shown() { tshark -r "$file" -T fields "$@" 2>/dev/null; }
# capturing WHAT...: in the background, until it has begun.
capturing() {
  rm -f "$file"
  ctl capture "$@" "$file" >"$lab_dir/answer" 2>&1 &
  capturer=$!
  wait_until 10 "the capture" test -s "$file"
}

capturing drops count 1 filter udp dst port 9999
stray 9998
stray 9999
wait "$capturer"
expect "$(cat "$lab_dir/answer")" '^1 packets'
same "$(shown -e ip.src -e udp.dstport)" "$echo4	9999" "the packet that was captured"
expect "$(shown -e frame.comment)" '^dropped: no-binding \(.*; worker [0-9]'
expect "$(tshark -r "$file" -T fields -e data 2>/dev/null)" "$(printf 'nobody waits' | od -An -tx1 | tr -d ' \n')"

# All of a port: what client and gateway say to each other, each way.
capturing port inside count 20 filter udp port 4001
on client python3 "$echo_py" udp "echo.$domain" --source 4001 --count 10
wait "$capturer"
same "$(shown -e udp.srcport | grep -c '^4001$')" 10 "packets from the client"
same "$(shown -e udp.dstport | grep -c '^4001$')" 10 "packets to the client"
same "$(shown -e frame.protocols | grep -vc '^eth:' || true)" 0 "frames without a link header"

# Punts end when their time is over.
capturing punts seconds 2
on client ping -6 -c 1 -W 2 "$gateway6" >/dev/null
wait "$capturer"
expect "$(shown -e frame.comment)" 'punted: for the box itself'

# A full disk ends the capture and nothing else.
status=0
(sleep 1; for _ in $(seq 20); do stray 9999; done) &
strays=$!
ctl capture drops seconds 20 /dev/full >"$lab_dir/answer" 2>&1 || status=$?
[ "$status" != 0 ] || fail "a full disk was not noticed"
expect "$(cat "$lab_dir/answer")" '/dev/full: No space left on device'
wait "$strays"
on client python3 "$echo_py" udp "echo.$domain" --count 3

# Errors say what to do; nothing is left behind.
for wrong in "drops" "nonsense $file" "drops count none $file" "port nowhere $file" \
  "drops filter no such thing $file" "drops /nowhere/file"; do
  # shellcheck disable=SC2086  # words of a command
  ! ctl capture $wrong >"$lab_dir/answer" 2>&1 || fail "\"capture $wrong\" was accepted"
  [ -s "$lab_dir/answer" ] || fail "\"capture $wrong\" failed without a word"
done
! ctl capture read >"$lab_dir/answer" 2>&1 || fail "a capture was left behind"
