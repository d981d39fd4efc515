#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Clients of the control socket that stall, send garbage or hang up hurt nobody.
. "$(dirname "$0")/init.sh"
start_lab

python3 - "$lab_dir/isthmus.sock" <<'PY' &
import os, socket, sys, time
def client():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(sys.argv[1])
    return s
def send(s, data):
    try:
        s.sendall(data)
    except OSError:
        pass  # hung up on: its good right
stalled = [client() for _ in range(20)]            # say nothing
half = client(); send(half, b'show sess')          # never ends the line
deaf = client(); send(deaf, b'show config\n' * 2000)  # asks, never reads
for data in (os.urandom(100000), b'\0' * 5000, b'A' * 1000000, b'\n' * 10000, b'{"a":' * 10000):
    s = client(); s.settimeout(2); send(s, data); s.close()
print('abusers are at work', flush=True)
time.sleep(600)                                    # holds the connections until killed
PY
abuser=$!
at_end end $abuser

for round in 1 2 3 4 5; do
  expect "$(timeout 10 "$smoke_root/scripts/lab" ctl show version)" '.'
  expect "$(on client curl -sS -m 10 "http://www.$domain/whoami")" 'you are 203'
  on client python3 "$echo_py" udp "echo.$domain" --count 20
done

# An unknown command is an error, and the connection lives.
answers=$(python3 - "$lab_dir/isthmus.sock" <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.connect(sys.argv[1])
s.settimeout(10)
# Two files: one for both ways forgets what it read ahead when it writes.
answers, commands = s.makefile('r'), s.makefile('w')
for line in ('nonsense', 'show version'):
    commands.write(line + '\n'); commands.flush()
    print(answers.readline().strip()[:200])
PY
)
expect "$answers" 'error'
same "$(wc -l <<<"$answers")" 2 "answers on one connection"
