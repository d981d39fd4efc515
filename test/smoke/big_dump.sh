#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A dump of many sessions streams while traffic goes on: it has each session once, no ping is lost,
# neither side gathers it in memory, and clients that stall or hang up in the middle harm nobody.
# BIG_DUMP_SESSIONS says how many; a million by hand.
. "$(dirname "$0")/init.sh"
sessions=${BIG_DUMP_SESSIONS:-100000}
# One host makes them all, so the usual limits of a subscriber are lifted.
export LAB_OPTIONS="limits = { sessions = $((sessions + 65536)); subscriber_sessions = 0;
  subscriber_bindings = 0; };"
# Freed memory that a sanitizer keeps back would look like memory in use.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=4"
start_lab
# Where they lead to, nobody answers.
sink=198.18.0.1
ip -n "$(ns router)" route add blackhole "$sink/32"

# How many sessions the tables hold, by the daemon's own count.
held() { json show memory -- 'sum(row["sessions"] for row in answer["memory"])'; }
resident_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$(cat "$lab_dir/isthmusd.pid")/status"; }

mac=$(json show interfaces -- \
  'next(row["mac"] for row in answer["interfaces"] if row["name"] == "inside")')
started=$SECONDS
on client python3 "$smoke_root/test/smoke/flood.py" eth0 "$mac" "$client6" "$gateway6" \
  "$(synthesised "$sink")" "$sessions"
say "$(held) sessions held, made in $((SECONDS - started)) s"
[ "$(held)" -ge "$sessions" ] || fail "sessions were lost"

# Dumps by way of a client that counts, in a process whose memory can be told.
cat >"$lab_dir/dump.py" <<'PY'
import json, os, resource, subprocess, sys, time
start = time.monotonic()
client = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, text=True)
seen, rows, size = set(), 0, 0
for line in client.stdout:
    rows += 1
    size += len(line)
    if rows % 50 == 1:
        json.loads(line)
    if '"protocol":"udp"' in line and '"remote":"198.18.0.1"' in line:
        ports = line.split('_port":')
        seen.add((int(ports[1].split(',')[0]), int(ports[3].split(',')[0])))
status = client.wait()
took = time.monotonic() - start
memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(f'{rows} rows, {size >> 20} MiB in {took:.1f} s; isthmusctl had {memory >> 10} MiB at most')
assert status == 0, f'isthmusctl ended with {status}'
assert len(seen) == int(sys.argv[1]), f'{len(seen)} sessions of {sys.argv[1]} are in the dump'
assert memory < 64 << 10, 'isthmusctl gathers the dump'
PY
# One client that reads some of its own dump and stalls, one that hangs up.
cat >"$lab_dir/stall.py" <<'PY'
import socket, sys, time
clients = []
for _ in range(2):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(sys.argv[1])
    client.sendall(b'show sessions\n')
    got = 0
    while got < 1 << 20:
        got += len(client.recv(65536))
    clients.append(client)
clients[0].close()
open(sys.argv[2], 'w').write('stalled\n')
time.sleep(600)
PY
python3 "$lab_dir/stall.py" "$lab_dir/isthmus.sock" "$lab_dir/stalled" &
staller=$!
wait_until 30 "the client that stalls" test -s "$lab_dir/stalled"

before=$(resident_kb)
ns_entry gateway
"${entry[@]}" python3 "$lab_dir/dump.py" "$sessions" \
  "$ISTHMUS_BUILD/app/isthmusctl/isthmusctl" -s "$lab_dir/isthmus.sock" --json show sessions &
dump=$!
sent=0 received=0 most=$before
while alive "$dump"; do
  result=$(on client ping -q -c 50 -i 0.01 -W 5 "www.$domain")
  sent=$((sent + $(grep -oE '[0-9]+ packets transmitted' <<<"$result" | cut -d' ' -f1)))
  received=$((received + $(grep -oE '[0-9]+ received' <<<"$result" | cut -d' ' -f1)))
  now=$(resident_kb)
  [ "$now" -le "$most" ] || most=$now
done
wait "$dump"
kill "$staller"
say "$received of $sent pings answered meanwhile; isthmusd grew by $(((most - before) / 1024)) MiB" \
  "over its $((before / 1024)) MiB"
same "$received" "$sent" "pings answered while the dump ran"
[ $((most - before)) -lt $((32 << 10)) ] || fail "isthmusd gathers the dump"

# A reader that hangs up in the middle harms nobody.
{ ctl --json show sessions || true; } | head -n 3 >/dev/null
expect "$(on client curl -sS -m 10 "http://www.$domain/whoami")" 'you are 203'
