#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Ports on request (RFC 6887): a server on an IPv6-only host asks for one, and the IPv4 Internet
# reaches it there; renewing, deleting, losing and announcing, with two workers.
. "$(dirname "$0")/init.sh"
export LAB_WORKERS=0,1
[ "$(nproc)" -gt 1 ] || LAB_WORKERS=0,0
export LAB_OPTIONS="pcp = { listen = [\"$gateway6\"]; mappings = 4; };"
start_lab
pcp_py=$smoke_root/test/smoke/pcp.py
# ask PORT OPTION...: what the client is answered.
ask() { on client "$pcp_py" map "$gateway6" "$@"; }

on client python3 "$echo_py" serve :: 8080 &
at_end end $!
wait_until 20 "the server" on client python3 "$echo_py" tcp ::1 --port 8080 --size 10

for protocol in udp tcp; do
  answer=$(ask 8080 --protocol $protocol)
  expect "$answer" '^success 600 [0-9]+ 203\.0\.113\.[0-9]+ [0-9]+$'
  read -r _ _ _ address port <<<"$answer"
  on internet python3 "$echo_py" $protocol "$address" --port "$port" --size 1000
  # Asked again it is the same.
  expect "$(ask 8080 --protocol $protocol --lifetime 1)" "^success 120 [0-9]+ $address $port\$"
  expect "$(ctl show mappings)" "$protocol .*8080.*$address:$port"
done
same "$(json show pcp -- 'answer["mappings"]')" 2
same "$(json show bindings -- 'sum(r.get("leased", False) for r in rows)')" 2

# A suggested port, twice; somebody else's nonce; the prefix (RFC 7225).
expect "$(ask 81 --suggest "$address:44444")" "^success 600 [0-9]+ $address 44444\$"
expect "$(ask 82 --suggest "$address:44444" --only)" '^cannot-provide-external '
expect "$(ask 81 --nonce ffffffffffffffffffffffff)" '^not-authorized '
expect "$(ask 83 --prefixes)" " $prefix/96\$"
expect "$(ask 84)" '^quota '
# Who asks at another link's address is not served there.
! on client2 "$pcp_py" map "$gateway6" 80 >/dev/null || fail "answered over another link"

# Deleted: nobody gets through any more. (Where there were sessions, the port stays theirs to the end.)
expect "$(ask 81 --lifetime 0)" '^success 0 '
refuse "$(ctl show bindings)" ':44444'
expect "$(ask 8080 --protocol tcp --lifetime 0)" '^success 0 '
expect "$(ctl show bindings)" "tcp .*$address:$port"
same "$(json show pcp -- 'answer["mappings"]')" 2

# A pool that goes takes its mappings along; the clients are told, and get new ones.
on client "$pcp_py" wait 20 >"$lab_dir/announced" &
waiting=$!
sleep 1
sed -i -E 's/(addresses = \[)"203\.0\.113\.[^]]*\]/\1"203.0.113.200-203.0.113.203"]/' "$lab_dir/isthmus.conf"
ctl reload
wait $waiting || fail "nothing was announced"
# What the daemon says of its start, 1, 3, 7, 15 and 31 seconds after it, may have come first.
grep -qE ' 0 [0-2]$' "$lab_dir/announced" || on client "$pcp_py" wait 20 >"$lab_dir/announced"
expect "$(cat "$lab_dir/announced")" '^success 0 [0-7]$'
same "$(json show pcp -- 'answer["mappings"]')" 0
expect "$(ask 81 --suggest "$address:44444")" '^success 600 [0-9]+ 203\.0\.113\.20[0-3] '
