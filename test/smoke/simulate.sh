#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What "simulate" says of a packet, and what then really happens to it.
. "$(dirname "$0")/init.sh"
start_lab

packet="udp $client6 4001 $(synthesised "$echo4") 7"
# said FIELD PACKET...: one field of the answer.
said() {
  local field=$1
  shift
  json simulate "$@" -- "answer.get('$field')"
}


# The next hop has to be known: it is asked for by a packet of another host.
on client2 python3 "$echo_py" udp "echo.$domain" --source 4002
# Twice the same: asking makes nothing.
for _ in 1 2; do
  same "$(said session "$packet")" "would be made" "session before"
  same "$(said outcome "$packet")" forwarded "outcome"
done
outside=$(said outside "$packet")
port=$(said outside_port "$packet")
same "$(said next_hop "$packet")" "$router4" "next hop"
same "$(said nat64 "$packet")" "$(json show pools -- "answer['pools'][0]['nat64']")" "instance"
same "$(json show sessions inside "$client6" -- 'len(rows)')" 0 "sessions that simulate made"

on client python3 "$echo_py" udp "echo.$domain" --source 4001
row="[(r['outside'], r['outside_port']) for r in rows if r['inside_port'] == 4001]"
same "$(json show sessions inside "$client6" protocol udp -- "$row")" "[('$outside', $port)]" \
  "the cell that was foretold"
same "$(said session "$packet")" "there is one" "session after"
packets=$(json show sessions inside "$client6" protocol udp -- "rows[0]['packets_6to4']")
said outcome "$packet" >/dev/null
same "$(json show sessions inside "$client6" protocol udp -- "rows[0]['packets_6to4']")" "$packets" \
  "packets of the session"

# A drop, foretold and then counted; in words, too.
scan="udp $echo4 7 $outside 9"
same "$(said reason "$scan")" no-binding "reason"
dropped() { json show drops all -- "[d['packets'] for d in answer['drops'] if d['reason'] == 'no-binding'][0]"; }
before=$(dropped)
same "$(dropped)" "$before" "drops counted by asking"
on internet python3 -c "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('$echo4', 0))
s.sendto(b'x', ('$outside', 9))"
more() { [ "$(dropped)" = $((before + 1)) ]; }
wait_until 5 "the drop" more
expect "$(ctl simulate "$scan")" 'why: +.*[a-z]'
expect "$(ctl simulate "$packet")" 'outcome: +forwarded'
! ctl simulate udp "$client6" >"$lab_dir/answer" 2>&1 || fail "half a packet was accepted"
expect "$(cat "$lab_dir/answer")" 'port'
