#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 464XLAT (RFC 6877), both ends ours: a host without IPv6, isthmusd as its CLAT, the lab's isthmusd
# as PLAT (NAT64), the IPv4 Internet.
#
#   home ---- lan  client  eth0 ---- inside gateway outside ---- router ...
#  (IPv4 only)   isthmusd (CLAT)       isthmusd (NAT64)
. "$(dirname "$0")/init.sh"

home4=192.168.1.10
clat6=2001:db8:1::20
clat_prefix=2001:db8:c1a7::/120
clat_pid=
# net_af_packet has the kernel put IPv4 fragments together before anybody sees them.
export LAB_OUTSIDE=net_pcap2,iface=gw4,phy_mac=1

stop_clat() {
  [ -z "$clat_pid" ] || end "$clat_pid"
  wait_until 20 "the CLAT to stop" clat_gone || return 1
  ip netns del "$(ns home)" 2>/dev/null || true
  ! grep -E 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$lab_dir/clat.log" 2>/dev/null
}
clat_gone() { [ -z "$clat_pid" ] || ! alive "$clat_pid"; }
clat_answers() { in_ns client "$ISTHMUS_BUILD/app/isthmusctl/isthmusctl" -s "$lab_dir/clat.sock" show version; }

start_lab
at_end stop_clat

# The customer's network.
ip netns add "$(ns home)"
mkdir -p "$lab_dir/wireguard-home"
ip -n "$(ns home)" link set lo up
ip link add name eth0 netns "$(ns home)" type veth peer name lan netns "$(ns client)"
ip netns exec "$(ns home)" ethtool -K eth0 tx off tso off gso off gro off >/dev/null
ip netns exec "$(ns client)" ethtool -K lan tx off tso off gso off gro off >/dev/null
ip netns exec "$(ns home)" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
ip netns exec "$(ns client)" sysctl -qw net.ipv6.conf.lan.disable_ipv6=1 net.ipv4.conf.lan.rp_filter=1
ip -n "$(ns client)" link set lan addrgenmode none arp off up
ip -n "$(ns home)" addr add "$home4/24" dev eth0
ip -n "$(ns home)" link set eth0 up
ip -n "$(ns home)" route add default via 192.168.1.1

# The CLAT, as in doc/examples/clat.conf.
cat >"$lab_dir/clat.conf" <<CONF
cores = { workers = [$(tr -d ' ' <<<"${LAB_WORKERS:-0}" | cut -d, -f1)]; control = 0; idle = "yield"; };
memory = { huge_pages = "auto"; megabytes = 256; buffers = 8192; };
control = { socket = "$lab_dir/clat.sock"; };
ports = (
  { name = "wan"; device = "net_af_packet0,iface=eth0"; addresses = ["$clat6/64"]; },
  { name = "lan0"; device = "net_pcap0,iface=lan,phy_mac=1"; addresses = ["192.168.1.1/24"]; }
);
routes = ( { prefix = "::/0"; via = "$gateway6"; } );
siit = ( { name = "clat"; prefix = "$prefix/96"; inside4 = ["0.0.0.0/0"];
  eam = ( { ipv6 = "$clat_prefix"; ipv4 = "192.168.1.0/24"; } );
  icmp_source_pool = ["192.0.0.8"]; } );
CONF
start clat client "$ISTHMUS_BUILD/app/isthmusd/isthmusd" -c "$lab_dir/clat.conf"
clat_pid=$(cat "$lab_dir/clat.pid")
wait_until 60 "the CLAT" clat_answers

# The provider routes the customer's prefix; routes are live.
sed -i "s|^routes = (|routes = ( { prefix = \"$clat_prefix\"; via = \"$clat6\"; },|" "$lab_dir/isthmus.conf"
ctl reload

home_pings() { on home ping -c 1 -W 1 "$www4"; }
wait_until 10 "the way to be there" home_pings
# The LAN's addresses are its hosts', though all of IPv4 is behind the CLAT: it asks by ARP, and
# answers none of them in their stead (decision 015).
ip -n "$(ns client)" neigh flush dev lan0
expect "$(on home ping -c 2 -i 0.2 -W 2 "$www4")" ' 2 received'
expect "$(ip -n "$(ns client)" neigh show "$home4" dev lan0)" \
  "lladdr $(in_ns home cat /sys/class/net/eth0/address)"
# IPv4 literals, without any DNS64.
expect "$(on home ping -c 5 -i 0.2 -W 2 "$www4")" ' 5 received'
expect "$(on home curl -sS -m 10 "http://$www4/whoami")" 'you are 203'
on home python3 "$echo_py" tcp "$echo4" --size 500000
on home python3 "$echo_py" udp "$echo4" --count 20

# Every hop answers; those that have no IPv4 address do so by the one of icmp_source_pool (RFC 6791).
trace=$(on home traceroute -n -q 1 -w 2 "$www4")
expect "$trace" ' 1  192.168.1.1 '
expect "$trace" ' 2  192.0.0.8 '
expect "$trace" " 3  $router4 "
expect "$trace" " 4  $www4 "
expect "$(on home traceroute -n -I -q 1 -w 2 "$www4")" " 4  $www4 "

# 1500 bytes with DF would be 1520: the CLAT says 1480, and TCP goes on with that.
expect "$(on home ping -M 'do' -s 1472 -c 1 -W 2 "$www4" 2>&1 || true)" 'mtu ?= ?1480'
# The answer comes without DF, so the NAT64 makes fragments of it beyond 1280 bytes (RFC 7915 4), and
# fragments of ICMP end at a stateless translator (1.2).
expect "$(on home ping -M 'do' -s 1200 -c 1 -W 2 "$www4")" ' 1 received'
on home curl -sS -m 60 -r 0-2999999 -o "$lab_dir/part" "http://$www4/50MB.bin"
cmp -n 3000000 "$lab_dir/part" "$lab_dir/www/50MB.bin"
# Beyond a link of 1280 bytes as well.
expect "$(on home curl -sS -m 20 "http://$far4/whoami")" 'you are 203'
on home python3 "$echo_py" tcp "$far4" --size 200000

# Datagrams in fragments, both ways. The first answers only teach both ends the path MTU.
on home python3 "$echo_py" udp "$echo4" --size 1453 --count 1 --timeout 1 || true
for size in 1453 3000; do
  on home python3 "$echo_py" udp "$echo4" --size $size --count 5
done
