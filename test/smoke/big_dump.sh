#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A dump of many sessions streams while traffic goes on, and has each session once.
. "$(dirname "$0")/init.sh"
# One host makes them all, so the usual limit of a subscriber is lifted.
export LAB_OPTIONS='limits = { subscriber_sessions = 0; };'
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
# How many sessions the tables hold, by the daemon's own count.
held() {
  ctl --json show memory | python3 -c '
import json, sys
print(sum(row["sessions"] for row in json.loads(sys.stdin.readline())["memory"]))'
}
# A flood loses datagrams on the way in, the more the busier the machine: repeat what was lost.
for _ in 1 2 3 4 5 6 7 8; do
  on client python3 "$lab_dir/flood.py" "$(synthesised "$echo4")"
  [ "$(held)" -lt 15000 ] || break
done
on client python3 "$echo_py" tcp "echo.$domain" --size 100000 --count 50 &
traffic=$!
ctl --json show sessions >"$lab_dir/dump"
wait "$traffic"
python3 - "$lab_dir/dump" <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
flood = [(r['inside_port'], r['remote_port']) for r in rows
         if r['protocol'] == 'udp' and 20000 <= r['inside_port'] < 20050]
print(len(rows), 'sessions in the dump,', len(flood), 'of them made here')
assert len(flood) == len(set(flood)), 'a session is in the dump twice'
assert len(flood) >= 15000, 'sessions are missing from the dump'
PY

# A reader that hangs up in the middle harms nobody.
{ ctl --json show sessions || true; } | head -n 3 >/dev/null
expect "$(on client curl -sS -m 10 "http://www.$domain/whoami")" 'you are 203'
