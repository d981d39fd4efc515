#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The configuration changes by command while traffic flows, one option or a group at a time; what is
# saved is what runs after a restart.
. "$(dirname "$0")/init.sh"
start_lab
conf=$lab_dir/isthmus.conf
sed -i '1i # The lab, as it began.' "$conf"
ctl reload >/dev/null
cp "$conf" "$lab_dir/first.conf"
whoami() { on client curl -sS -m 10 "http://www.$domain/whoami"; }

# A flow that lives through all of it.
on client curl -sS -m 300 --limit-rate 300k -o "$lab_dir/download" "http://www.$domain/50MB.bin" &
download=$!
wait_until 10 "the download's session" sh -c \
  "[ \"\$($smoke_root/scripts/lab ctl show sessions protocol tcp | wc -l)\" -gt 1 ]"
flow=$(json show sessions protocol tcp -- '[(r["inside_port"], r["outside"], r["outside_port"]) for r in rows]')
lives() {
  kill -0 "$download" 2>/dev/null || fail "the download did not live through $1"
  expect "$(json show sessions protocol tcp -- \
    '[(r["inside_port"], r["outside"], r["outside_port"]) for r in rows]')" "${flow:2:-2}"
}

# One option: running at once, in the file only after "save".
expect "$(ctl set nat64.main.timers.udp 400)" 'nat64.main.timers.udp +300 +400'
on client python3 "$echo_py" udp "echo.$domain" --size 100 --count 3 >"$lab_dir/udp.log"
expect "$(json show sessions protocol udp -- 'max(r["expires_in_ms"] for r in rows) > 350000')" True
cmp "$conf" "$lab_dir/first.conf" || fail "set touched the file"
expect "$(ctl show config --diff)" 'nat64.main.timers.udp +300 +400'
expect "$(ctl show config --text)" 'timers = \{ udp = 400; \}'
expect "$(ctl complete set nat64.main.timers.tcp_est)" '^nat64.main.timers.tcp_established$'
lives "set"

# A group: another pool takes over, and the first takes no new bindings. All of it or nothing.
near='{ name = "near"; addresses = ["192.0.2.32/29"]; }'
printf '%s\n' begin "add nat64.main.pools $near" "set nat64.main.pools.main.drain true" \
  "set limits.sessions 1000" commit >"$lab_dir/group"
! ctl -f "$lab_dir/group" >"$lab_dir/answer" 2>&1 || fail "a group that needs a restart was applied"
expect "$(cat "$lab_dir/answer")" 'limits.sessions cannot change while isthmusd runs'
expect "$(whoami)" 'you are 203.0.113'
sed -i '/limits/d' "$lab_dir/group"
ctl -f "$lab_dir/group" >"$lab_dir/answer"
expect "$(whoami)" 'you are 192.0.2.3[2-9]'
lives "commit"

# A mistake within a group keeps all of it from being applied.
printf '%s\n' begin "set nat64.main.timers.icmp 90" "set nat64.main.timers.tpc_opening 300" commit \
  >"$lab_dir/mistake"
! ctl -f "$lab_dir/mistake" >"$lab_dir/answer" 2>&1 || fail "a group with a mistake was applied"
expect "$(cat "$lab_dir/answer")" 'did you mean that'
refuse "$(ctl show config)" 'timers.icmp'

on client ping -q -c 3 -i 0.2 -W 5 "www.$domain" >"$lab_dir/ping.log" || fail "ping through the gateway"
ctl undrain pool main >/dev/null
ctl remove nat64.main.pools.near >/dev/null
expect "$(whoami)" 'you are 203.0.113'
expect "$(ctl add nat64.main.pools "$near")" 'nat64.main.pools.near'
lives "remove and add"

# What is saved is what runs after a restart; comments stay.
ctl save >"$lab_dir/answer"
expect "$(cat "$lab_dir/answer")" "$conf.bak"
cmp "$conf.bak" "$lab_dir/first.conf" || fail "the file before is not in .bak"
expect "$(head -n 1 "$conf")" '^# The lab, as it began.$'
same "$(ctl show config --diff | grep -c 'nat64' || true)" 0 "differences after save"
lives "save"
before=$(ctl --json show config --defaults)
kill "$download"
wait "$download" 2>/dev/null || true
lab gateway restart
same "$(ctl --json show config --defaults)" "$before" "the configuration after a restart"
expect "$(whoami)" 'you are (203.0.113|192.0.2.3)'

# Somebody edits the file meanwhile: it is not overwritten by chance.
ctl set nat64.main.timers.udp 500 >/dev/null
echo '# by hand' >>"$conf"
! ctl save >"$lab_dir/answer" 2>&1 || fail "save overwrote what was edited"
expect "$(cat "$lab_dir/answer")" 'has been edited since it was read'
expect "$(ctl reload)" 'nat64.main.timers.udp +500 +400'
