#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Stop leaves nothing behind, and a start right after a stop works, several times.
. "$(dirname "$0")/init.sh"
start_lab

# residue PID: what a daemon may have left, one line each.
residue() {
  ls -d /run/dpdk/*"$1"* /dev/hugepages/*"$1"* 2>/dev/null || true
  on gateway ip -br link | grep -vE '^(lo|gw6|gw6n|gw4)(@| )' || true
  [ ! -e "$lab_dir/isthmus.sock" ] || echo "$lab_dir/isthmus.sock"
}
for round in 1 2 3; do
  pid=$(cat "$lab_dir/isthmusd.pid")
  expect "$(on gateway ip -br link)" '^inside'
  expect "$(on client curl -sS -m 10 "http://www.$domain/whoami")" 'you are 203'
  lab gateway stop
  same "$(residue "$pid")" '' "what is left after stop $round"
  lab gateway start
done
lab gateway stop

# Exit status 0 on SIGTERM, and killed hard it does not prevent the next start.
ns_entry gateway
"${entry[@]}" "$ISTHMUS_BUILD/app/isthmusd/isthmusd" -c "$lab_dir/isthmus.conf" \
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
