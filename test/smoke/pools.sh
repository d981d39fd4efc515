#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Pools come and go while traffic flows: nothing that has nothing to do with them is lost.
. "$(dirname "$0")/init.sh"
start_lab
conf=$lab_dir/isthmus.conf
cp "$conf" "$lab_dir/first.conf"

# set_pools LIST: the configuration with these pools, loaded.
set_pools() {
  sed "s|pools = (.*|pools = ( $1 ); }|" "$lab_dir/first.conf" >"$conf"
  ctl reload >/dev/null
}
main="{ name = \"main\"; addresses = [\"$pool\"]; ports = \"1024-65535\"; }"
drained="{ name = \"main\"; addresses = [\"$pool\"]; ports = \"1024-65535\"; drain = true; }"
# Inside the subnet of the outside link: the kernel has to answer ARP for it from now on.
near='{ name = "near"; addresses = ["192.0.2.32/29"]; allocation = "blocks"; block_size = 256; }'
whoami() { on "$1" curl -sS -m 10 "http://www.$domain/whoami"; }

# A flow that lives through all of it.
on client python3 "$echo_py" tcp "echo.$domain" --size 20000 --count 20 >"$lab_dir/before.log"
on client curl -sS -m 200 --limit-rate 500k -o "$lab_dir/download" "http://www.$domain/50MB.bin" &
download=$!
wait_until 10 "the download's session" sh -c \
  "[ \"\$($smoke_root/scripts/lab ctl show sessions | wc -l)\" -gt 1 ]"

# Whose is it: now, and at a time that tables cannot know of.
holder=$(json show sessions protocol tcp -- '"%s:%s %s" % (rows[-1]["outside"], rows[-1]["outside_port"], rows[-1]["inside"])')
answer=$(ctl who --outside "${holder% *}" --protocol tcp)
expect "$answer" "${holder#* }.* binding .*yes"
refuse "$answer" 'search for'
answer=$(ctl who outside "${holder% *}" protocol tcp at 2020-01-01T00:00:00Z)
expect "$answer" 'ask the log'
expect "$answer" "postNATSourceIPv4Address +${holder%%:*}"

set_pools "$near, $main"
set_pools "$near, $drained"
same "$(json show pools -- '[p["drain"] for p in answer["pools"]]')" '[False, True]' drain
expect "$(whoami client2)" 'you are 192.0.2.3[2-9]'
expect "$(whoami client)" 'you are 192.0.2.3[2-9]'
same "$(json show pools -- 'answer["pools"][0]["blocks_granted"]')" 2 "blocks granted"
expect "$(ctl show blocks)" '192.0.2.3'
kill -0 "$download" 2>/dev/null || fail "the download did not live through the drain"

# What was drained comes back, and the other goes, with its sessions.
ctl undrain pool main >/dev/null
ctl drain pool near >/dev/null
expect "$(whoami client2)" 'you are 203.0.113'
set_pools "$main"
expect "$(ctl show counters)" 'sessions-pool-removed'
same "$(ctl show blocks | grep -c 192.0.2 || true)" 0 "blocks of a pool that is gone"
expect "$(whoami client)" 'you are 203.0.113'
refuse "$(on gateway ip route show table local)" '192.0.2.32/29'

# A change that needs a restart says so, and changes nothing.
sed 's|ports = "1024-65535"|ports = "1024-50000"|' "$lab_dir/first.conf" >"$conf"
! ctl reload >"$lab_dir/answer" 2>&1 || fail "reload took another port range"
expect "$(cat "$lab_dir/answer")" 'nat64\[0\].pools\[0\].ports cannot change'
expect "$(whoami client)" 'you are 203.0.113'

kill -0 "$download" 2>/dev/null || fail "the download did not live through it all"
kill "$download"
wait "$download" 2>/dev/null || true
