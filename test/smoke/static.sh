#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Static bindings (RFC 6146 3.1): servers on IPv6-only hosts, reached from the IPv4 Internet with two
# workers; by command, by reload, and after a restart.
. "$(dirname "$0")/init.sh"
export LAB_WORKERS=0,1
[ "$(nproc)" -gt 1 ] || LAB_WORKERS=0,0
start_lab
conf=$lab_dir/isthmus.conf
expect "$(cat "$conf")" 'static_file'

on client python3 "$echo_py" serve :: 8080 &
server=$!
at_end end $server
wait_until 20 "the server" on client python3 "$echo_py" tcp ::1 --port 8080 --size 10
reach() { on internet python3 "$echo_py" "$1" "$2" --port "$3" --size "${4:-3000}"; }

# Neighbouring addresses belong to different workers, so one of them has to change its owner.
for host in 13 14; do
  answer=$(ctl add static protocol tcp inside "$client6" 8080 outside 203.0.113.$host:80 2>&1) ||
    fail "add static: $answer"
  expect "$answer" "tcp 203.0.113.$host port 80 is $client6 port 8080"
  expect "$(ctl show bindings static)" "203.0.113.$host"
  reach tcp 203.0.113.$host 80 || fail "no TCP to 203.0.113.$host"
  # It comes from outside with its own address, and the answer from the bound one.
  ctl remove static protocol tcp outside 203.0.113.$host:80
  ! on internet python3 "$echo_py" tcp 203.0.113.$host --port 80 --timeout 2 2>/dev/null || fail "still there after its removal"
done

# UDP; and a whole address with ping.
ctl add static protocol udp inside "$client6" 8080 outside 203.0.113.13:5000 persist
reach udp 203.0.113.13 5000 1000
ctl add static inside "$client6" outside 203.0.113.14 persist
reach tcp 203.0.113.14 8080
on internet ping -c 2 -W 5 203.0.113.14 >/dev/null || fail "no ping to a whole address"
# From inside, the host is that address.
expect "$(on client curl -sS -m 10 "http://www.$domain/whoami")" 'you are 203.0.113.14'

# What is in the way is named, and nothing changes.
refused() {
  local answer
  ! answer=$(ctl add static "${@:2}" 2>&1) || fail "accepted: $*"
  expect "$answer" "$1"
}
refused 'is in no pool' protocol tcp inside "$client6" 1 outside 192.0.2.99:1
refused "is bound to $client6 already" inside "$client2_6" outside 203.0.113.14
refused 'has a static binding already' protocol udp inside "$client6" 8080 outside 203.0.113.13:5001

# They are there again after a restart; a broken file prevents it, and says where.
lab gateway stop
expect "$(cat "$lab_dir/static")" "inside $client6 outside 203.0.113.14"
cp "$lab_dir/static" "$lab_dir/static.good"
echo "inside nonsense" >>"$lab_dir/static"
! lab gateway start >/dev/null 2>&1 || fail "started over a broken file"
expect "$(cat "$lab_dir/isthmusd.log")" 'static:4: "nonsense" is no value for "inside"'
cp "$lab_dir/static.good" "$lab_dir/static"
lab gateway start
reach tcp 203.0.113.14 8080
reach udp 203.0.113.13 5000 1000

# By reload; a clash refuses the file: with a binding of this moment, or with what a command added.
sed -i 's/name = "main";$/&\n    static = ( { protocol = "tcp"; inside = "'"$client6"'"; inside_port = 8080; outside = "203.0.113.12"; outside_port = 443; } );/' "$conf"
expect "$(ctl reload 2>&1 || true)" "has 203.0.113.14 port 8080 now: end that first"
ctl clear bindings inside "$client6"
ctl reload
reach tcp 203.0.113.12 443
expect "$(ctl remove static protocol tcp outside 203.0.113.12:443 2>&1 || true)" 'configuration file'
sed -i 's/203.0.113.12/203.0.113.14/' "$conf"
expect "$(ctl reload 2>&1 || true)" 'is bound to'
reach tcp 203.0.113.12 443
sed -i '/static = (/d' "$conf"
ctl reload
refuse "$(ctl show bindings static)" '203.0.113.12'
