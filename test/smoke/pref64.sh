#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A host that knows nothing gets all from the router advertisements that radvd sends by the twin: address,
# default router, resolver, and the NAT64 prefix (PREF64, RFC 8781).
. "$(dirname "$0")/init.sh"
command -v tshark >/dev/null || skip "needs tshark (scripts/setup lab)"
command -v rdisc6 >/dev/null || skip "needs rdisc6 (scripts/setup lab)"
version=$(radvd --version 2>&1 || true)
[[ $version =~ Version:\ (2\.[2-9][0-9]|[3-9]) ]] ||
  skip "needs radvd 2.20 (scripts/setup lab; on Debian 12 from bookworm-backports)"
start_lab
www6=$(synthesised "$www4")
pcap=$lab_dir/advertisements.pcap

# advertisements FIELD...: of those that came, a line each.
advertisements() {
  local field fields=()
  for field in "$@"; do fields+=(-e "$field"); done
  tshark -r "$pcap" -T fields -E separator=' ' "${fields[@]}" 2>/dev/null
}
counted() { [ "$(advertisements icmpv6.type | wc -l)" -gt "$1" ]; }
# solicited COUNT: asks until more than so many have come.
solicited() { counted "$1" || { on client rdisc6 -1 -q -w 1000 eth0; counted "$1"; }; }
default_router() { ip -n "$(ns client)" -6 route show default; }
learned() { [[ $(default_router) = *"via fe80:"*"proto ra"* ]]; }
own_address() { ip -n "$(ns client)" -6 address show dev eth0 scope global | grep -q 2001:db8:1:; }
comes_through() { on client curl -sf -m 3 -o /dev/null "http://[$www6]/"; }

# The host forgets what the lab gave it.
ip -n "$(ns client)" -6 route del default
ip -n "$(ns client)" -6 address del "$client6/64" dev eth0
on client sysctl -qw net.ipv6.conf.eth0.accept_ra=1
on client setsid tcpdump -q -n -U -i eth0 -w "$pcap" 'icmp6[0] == 134' >/dev/null 2>&1 </dev/null &
wait_until 20 "tcpdump" test -s "$pcap"

cp "$smoke_root/doc/examples/pref64/radvd.conf" "$lab_dir/radvd.conf"
start radvd gateway radvd -n -m stderr -C "$lab_dir/radvd.conf" -p "$lab_dir/radvd.run"
wait_until 40 "an advertisement" solicited 0
wait_until 40 "a default router" learned
wait_until 40 "an address" own_address

# RFC 8781 4: type 38 of 2 units, PLC 0 for 96 bits, the lifetime in units of 8 s in its upper 13 bits.
same "$(advertisements icmpv6.opt.pref64.prefix | tail -n 1)" "$prefix" "prefix"
same "$(advertisements icmpv6.opt.pref64.scaled_lifetime | tail -n 1)" $((1800 / 8)) "scaled lifetime"
same "$(advertisements icmpv6.nd.ra.router_lifetime | tail -n 1)" 1800 "router lifetime"
expect "$(tshark -r "$pcap" -x 2>/dev/null | cut -c7-54 | tr -d ' \n')" '260207080064ff9b0001fffe0{8}'
same "$(advertisements icmpv6.opt.rdnss | tail -n 1)" "$service6" "resolver"

wait_until 40 "a way through" comes_through
# The twin says that it is a router when it is asked, or the host would drop it (RFC 4861 7.2.5).
ip -n "$(ns client)" -6 neighbour flush dev eth0
router=$(default_router | grep -o 'fe80:[^ ]*')
on client ping -c 2 -i 0.2 -W 5 "$router%eth0" >/dev/null || fail "the default router does not answer"
learned || fail "the host dropped its default router"
comes_through || fail "no way through after a neighbor solicitation"

# The daemon starts again, and its interfaces are new ones: radvd finds them.
lab gateway stop
lab gateway start
before=$(advertisements icmpv6.type | wc -l)
wait_until 60 "an advertisement on the new interface" solicited "$before"
same "$(advertisements icmpv6.opt.pref64.prefix | tail -n 1)" "$prefix" "prefix of the new interface"
wait_until 40 "a way through again" comes_through

# Beside keepalived: whoever has the address speaks, and by that address.
end "$(cat "$lab_dir/radvd.pid")"
sed -i 's/# AdvRASrcAddress/AdvRASrcAddress/' "$lab_dir/radvd.conf"
ip -n "$(ns gateway)" address add fe80::64/64 dev inside nodad
start radvd gateway radvd -n -m stderr -C "$lab_dir/radvd.conf" -p "$lab_dir/radvd2.run"
from_service() { on client rdisc6 -1 -q -w 1000 eth0; [ "$(advertisements ipv6.src | tail -n 1)" = fe80::64 ]; }
wait_until 40 "an advertisement from fe80::64" from_service
