#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A dump of many sessions streams while traffic goes on, and has each session once.
. "$(dirname "$0")/init.sh"
start_lab

cat >"$lab_dir/flood.py" <<'PY'
import socket, sys
# One session per (source port, remote port): 50 sockets to 400 remote ports each.
for source in range(20000, 20050):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind(('', source))
    for port in range(30000, 30400):
        for _ in range(3):
            try:
                s.sendto(b'x', (sys.argv[1], port))
                break
            except OSError:
                pass  # the ICMP error of an earlier datagram
    s.close()
PY
on client python3 "$lab_dir/flood.py" "$(synthesised "$echo4")"
count() { json show counters -- "str(answer)" | grep -c . ; }
count >/dev/null

on client python3 "$echo_py" tcp "echo.$domain" --size 100000 --count 50 &
traffic=$!
ctl --json show sessions >"$lab_dir/dump"
wait "$traffic"
python3 - "$lab_dir/dump" <<'PY'
import re, sys
text = open(sys.argv[1]).read()
flows = re.findall(r'"[^"]*2001:db8:1::10[^"]*"', text)
print(len(text), 'bytes,', len(flows), 'mentions of the client')
assert len(flows) >= 15000, 'sessions are missing from the dump'
PY
