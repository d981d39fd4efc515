# SPDX-License-Identifier: BSD-3-Clause
# Namespaces, links and addresses. Sourced by scripts/lab after plan.sh.
# shellcheck shell=bash
#
#  client ---- inside  gateway  outside ---- router ---- internet   (nginx, unbound, echo, WireGuard)
#  client2 --- narrow  isthmusd               |
#       (1280 bytes)                          +-- (1280 bytes) -- far   (nginx, echo)

# veth NS IF NS IF [MTU]: a cable between two namespaces.
veth() {
  local mtu=${5:-1500} side
  ip link add name "$2" mtu "$mtu" netns "$(ns "$1")" type veth \
    peer name "$4" mtu "$mtu" netns "$(ns "$3")"
  for side in "$1 $2" "$3 $4"; do
    # shellcheck disable=SC2086  # two words on purpose
    set -- $side
    # A veth leaves checksums and segmentation to "the hardware" at its other end, which is a
    # user-space program here: without this it would see wrong checksums and 64 KiB frames.
    ip netns exec "$(ns "$1")" ethtool -K "$2" tx off tso off gso off gro off >/dev/null
  done
}

set_sysctl() { ip netns exec "$(ns "$1")" sysctl -qw "$2"; }

up_link() { ip -n "$(ns "$1")" link set "$2" up; }
up_address() {
  local nodad=()
  # The lab's addresses are known to be unique; waiting for that to be proven would cost a second.
  [[ $3 != *:* ]] || nodad=(nodad)
  ip -n "$(ns "$1")" addr add "$3" dev "$2" "${nodad[@]}"
  up_link "$1" "$2"
}

# The kernel at the gateway's end of a cable must stay silent: isthmusd speaks there.
mute() {
  set_sysctl gateway "net.ipv6.conf.$1.disable_ipv6=1"
  # Frames for the gateway itself reach the kernel twice: here and through the twin. Strict reverse
  # path filtering lets only the twin's copy in.
  set_sysctl gateway "net.ipv4.conf.$1.rp_filter=1"
  ip -n "$(ns gateway)" link set "$1" addrgenmode none arp off
  up_link gateway "$1"
}

make_namespaces() {
  local name
  for name in "${lab_namespaces[@]}"; do
    ip netns add "$(ns "$name")"
    mkdir -p "$lab_dir/wireguard-$name"
    up_link "$name" lo
    # The lab shall show every hop of every trace, so no limit on ICMP errors.
    set_sysctl "$name" net.ipv4.icmp_ratelimit=0
    set_sysctl "$name" net.ipv6.icmp.ratelimit=0
  done
  for name in router internet far; do
    set_sysctl "$name" net.ipv6.conf.all.disable_ipv6=1
    set_sysctl "$name" net.ipv6.conf.default.disable_ipv6=1
  done
  for name in client client2; do set_sysctl "$name" net.ipv6.conf.default.accept_ra=0; done
}

make_links() {
  veth client eth0 gateway gw6
  veth client2 eth0 gateway gw6n 1280
  veth router eth0 gateway gw4
  veth internet eth0 router eth1
  veth far eth0 router eth2 1280
  mute gw6
  mute gw6n
  mute gw4

  up_address client eth0 "$client6/64"
  ip -n "$(ns client)" route add default via "$gateway6"
  # advmss: announces segments as if its link were an ordinary one, so that packets too big for the
  # 1280-byte link do arrive at the gateway and path MTU discovery has to do its work.
  up_address client2 eth0 "$client2_6/64"
  ip -n "$(ns client2)" route add default via "$gateway6n" advmss 1440

  up_address router eth0 "$router4/24"
  up_address router eth1 "$router4i/25"
  up_address router eth2 "$router4f/25"
  set_sysctl router net.ipv4.ip_forward=1
  ip -n "$(ns router)" route add "$pool" via "$gateway4"

  local address
  for address in "$www4" "$dns4" "$echo4" "$vpn4"; do up_address internet eth0 "$address/25"; done
  ip -n "$(ns internet)" route add default via "$router4i"
  up_address far eth0 "$far4/25"
  ip -n "$(ns far)" route add default via "$router4f" advmss 1460
}

# Files that `ip netns exec` lays over /etc.
make_etc() {
  local name
  for name in "${lab_namespaces[@]}"; do
    mkdir -p "/etc/netns/$(ns "$name")"
    case $name in
      client | client2) printf 'nameserver %s\n' "$service6" ;;
      *) printf 'nameserver %s\n' "$dns4" ;;
    esac >"/etc/netns/$(ns "$name")/resolv.conf"
    printf 'hosts: files dns\n' >"/etc/netns/$(ns "$name")/nsswitch.conf"
  done
}

lab_pids() {
  local name
  for name in "${lab_namespaces[@]}"; do
    [ ! -e "/run/netns/$(ns "$name")" ] || ip netns pids "$(ns "$name")"
  done
}
no_lab_pids() { [ -z "$(lab_pids)" ]; }

# Every process in a namespace of this lab is the lab's, whoever started it there.
kill_processes() {
  local pids signal
  for signal in TERM KILL; do
    mapfile -t pids < <(lab_pids)
    [ ${#pids[@]} -gt 0 ] || return 0
    kill -s "$signal" "${pids[@]}" 2>/dev/null || true
    wait_until 10 "the lab's processes to end" no_lab_pids 2>/dev/null || true
  done
}

remove_topology() {
  local name
  kill_processes
  for name in "${lab_namespaces[@]}"; do
    [ -e "/run/netns/$(ns "$name")" ] && ip netns del "$(ns "$name")"
    rm -rf "/etc/netns/$(ns "$name")"
  done
  rmdir /etc/netns 2>/dev/null || true
}
