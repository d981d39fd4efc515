#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Stop leaves nothing behind, and a start right after a stop works, several times.
. "$(dirname "$0")/init.sh"
start_lab

residue() {
  ls /dev/hugepages /run/dpdk /run/isthmus 2>/dev/null
  on gateway ip -br link | grep -vE '^(lo|gw6|gw6n|gw4)@?' || true
  [ ! -e "$lab_dir/isthmus.sock" ] || echo "$lab_dir/isthmus.sock"
}
lab gateway stop
before=$(residue)
refuse "$before" 'isthmus.sock|inside|outside|narrow'
for round in 1 2 3; do
  lab gateway start
  expect "$(on gateway ip -br link)" 'inside.*'
  expect "$(on client curl -sS -m 10 "http://www.$domain/whoami")" 'you are 203'
  lab gateway stop
  same "$(residue)" "$before" "what is left after stop $round"
done

# Exit status 0 on SIGTERM, and killed hard it does not prevent the next start.
on gateway "$ISTHMUS_BUILD/app/isthmusd/isthmusd" -c "$lab_dir/isthmus.conf" \
  >"$lab_dir/isthmusd.log" 2>&1 &
daemon=$!
wait_until 30 "isthmusd" ctl show version
kill -TERM "$daemon"
status=0
wait "$daemon" || status=$?
same "$status" 0 "exit status after SIGTERM"

lab gateway start
kill -KILL "$(cat "$lab_dir/isthmusd.pid")"
wait_until 10 "isthmusd to be gone" sh -c "! on_socket=\$(ip netns exec $(ns gateway) \
  ss -Hlx src $lab_dir/isthmus.sock | grep .)"
lab gateway start
expect "$(on client curl -sS -m 10 "http://www.$domain/whoami")" 'you are 203'
