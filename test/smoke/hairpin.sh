#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two IPv6 clients reach one another through the pool (RFC 6146 3.8), both directions.
. "$(dirname "$0")/init.sh"
start_lab

# A host inside opens a binding by sending; what the gateway gave it is what others may send to.
cat >"$lab_dir/peer.py" <<'PY'
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(('', 4000))
s.settimeout(20)
s.sendto(b'open', (sys.argv[1], 7))
assert s.recv(100) == b'open'
open(sys.argv[2], 'w').write('ready\n')
while True:
    data, sender = s.recvfrom(2000)
    if data == b'end':
        break
    print(data.decode(), sender[0], flush=True)
    s.sendto(b'answer to ' + data, sender)
PY
on client2 python3 "$lab_dir/peer.py" "$(synthesised "$echo4")" "$lab_dir/peer.ready" \
  >"$lab_dir/peer.log" &
peer=$!
wait_until 20 "the peer's binding" test -s "$lab_dir/peer.ready"

read -r outside port < <(json show bindings inside "$client2_6/128" protocol udp -- \
  "next(b['outside'] + ' ' + str(b['outside_port']) for b in rows if b['inside_port'] == 4000)")
cat >"$lab_dir/caller.py" <<'PY'
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(10)
s.sendto(b'hello', (sys.argv[1], int(sys.argv[2])))
print(*s.recvfrom(2000))
s.sendto(b'end', (sys.argv[1], int(sys.argv[2])))
PY
target=$(synthesised "$outside")
answer=$(on client python3 "$lab_dir/caller.py" "$target" "$port")
expect "$answer" 'answer to hello'
# RFC 6146 3.8: the answer comes from the address the caller sent to, not from the peer's own.
expect "$answer" "$target"
wait "$peer"
expect "$(cat "$lab_dir/peer.log")" "^hello $prefix"
