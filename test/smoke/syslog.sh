#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# NAT events as syslog messages (RFC 5424) over UDP and TCP, and in a file whose disk fills up.
. "$(dirname "$0")/init.sh"

small=$lab_root/$LAB-small
export LAB_OPTIONS="
export = { syslog = (
  { collector = \"$router4\"; events = [\"sessions\"]; destinations = true; },
  { collector = \"$router4\"; port = 601; transport = \"tcp\"; facility = 4; } );
  files = ( { path = \"$small/nat\"; } ); };
limits = { subscriber_bindings = 200; };"

# A disk of 16 KiB, there before the daemon, which has a mount namespace of its own.
end_small_disk() {
  ! mountpoint -q "$small" || umount -l "$small"
  rm -rf "$small"
}
end_small_disk
mkdir -p "$small"
mount -t tmpfs -o size=16k tmpfs "$small"
at_end end_small_disk
start_lab

# Writes each message as a line: datagrams as they are, those of TCP by their count (RFC 6587 3.4.1).
cat >"$lab_dir/receive.py" <<'PY'
import socket
import sys

kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
if kind == 'udp':
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, port))
    while True:
        print(s.recv(65536).decode(), flush=True)
s = socket.create_server((address, port))
while True:
    data = s.accept()[0].makefile('rb')
    while True:
        count = b''
        while (c := data.read(1)) not in (b' ', b''):
            count += c
        if not c:
            break
        print(data.read(int(count)).decode(), flush=True)
PY
for kind in udp:514 tcp:601; do
  on router python3 "$lab_dir/receive.py" "${kind%:*}" "$router4" "${kind#*:}" \
    >"$lab_dir/${kind%:*}.log" 2>&1 &
  at_end end $!
done
connected() { [ "$(json show export -- "answer['export'][$1]['state']")" = connected ]; }
for exporter in 0 1 2; do wait_until 40 "exporter $exporter" connected "$exporter"; done

# has FILE PATTERN: waits for a line.
has() { wait_until 15 "/$2/ in $1" grep -qE -- "$2" "$1" || fail "not in $1: $2"; }

on client python3 "$echo_py" udp "echo.$domain" --source 5000 --count 1
outside=$(json show bindings inside "$client6" protocol udp -- \
  "next(r['outside'] for r in rows if r.get('inside_port') == 5000)")
port=$(json show bindings inside "$client6" protocol udp -- \
  "next(r['outside_port'] for r in rows if r.get('inside_port') == 5000)")
when="$(date -u +%Y-%m)-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z"
flow="protocolIdentifier=\"17\" sourceIPv6Address=\"$client6\" sourceTransportPort=\"5000\""
flow+=" postNATSourceIPv4Address=\"$outside\" postNAPTSourceTransportPort=\"$port\""
has "$lab_dir/udp.log" "^<134>1 $when [^ ]+ isthmusd [0-9]+ session-created \[nat@32473 natEvent=\"6\" $flow destinationIPv6Address=\"$(synthesised "$echo4")\" .*nat64=\"main\"\]$"
has "$lab_dir/tcp.log" "^<38>1 $when [^ ]+ isthmusd [0-9]+ binding-created \[nat@32473 natEvent=\"10\" $flow natInstanceID=\"1\" nat64=\"main\"\]$"
has "$small/nat" "^<134>1 .* binding-created .*$flow"
refuse "$(cat "$lab_dir/tcp.log")" 'destination|session-'

# The disk fills up: whole lines only, traffic goes on, and it says so.
on client python3 -c 'import socket, sys
for port in range(10000, 10190):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind(("::", port))
    s.sendto(b"x", (sys.argv[1], 7))
    s.close()' "$(synthesised "$echo4")"
full() { json show export -- "answer['export'][2]['last_error']" | grep -q 'No space left'; }
wait_until 20 "the disk to be full" full
wait_until 5 "the log" grep -q "export: file $small/nat: write: No space left" "$lab_dir/isthmusd.log"
same "$(tail -c 1 "$small/nat" | od -An -c | tr -d ' ')" '\n' "the end of the last line"
on client python3 "$echo_py" udp "echo.$domain" --source 5001 --count 3
# Room again: what waited follows, nothing was lost.
before=$(grep -c binding-created "$small/nat")
mount -o remount,size=1m "$small"
rest() { [ "$(grep -c binding-created "$small/nat")" -ge 192 ]; }
wait_until 60 "what waited for room" rest
[ "$before" -lt 192 ] || fail "the disk was not full"
same "$(json show export -- "answer['export'][2]['lost']")" 0 "lost events"
same "$(grep -cvE '^<[0-9]+>1 .*\]$' "$small/nat" || true)" 0 "lines that are not whole"

# Moved away as logrotate does: made anew.
mv "$small/nat" "$small/nat.1"
anew() { [ -e "$small/nat" ]; }
wait_until 20 "a new file" anew
ctl clear bindings >/dev/null
has "$small/nat" 'binding-deleted'
