# SPDX-License-Identifier: BSD-3-Clause
# Sourced after init.sh: labs with more namespaces than the usual, and gateways that the test writes itself.
# shellcheck shell=bash

more_namespaces=()
remove_more() {
  local name pids
  for name in "${more_namespaces[@]}"; do
    mapfile -t pids < <(ip netns pids "$(ns "$name")" 2>/dev/null)
    [ ${#pids[@]} = 0 ] || kill -TERM "${pids[@]}" 2>/dev/null || true
    wait_until 20 "processes in $name to end" deserted "$name"
    ip netns del "$(ns "$name")" 2>/dev/null || true
  done
  ! grep -E 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$lab_dir"/daemon-*.log
}

deserted() { [ -z "$(ip netns pids "$(ns "$1")" 2>/dev/null)" ]; }

# link NS INTERFACE NS INTERFACE
link() {
  ip link add name "$2" netns "$(ns "$1")" type veth peer name "$4" netns "$(ns "$3")"
  in_ns "$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null
  in_ns "$3" ethtool -K "$4" tx off tso off gso off gro off >/dev/null
  ip -n "$(ns "$1")" link set "$2" up
  ip -n "$(ns "$3")" link set "$4" up
}
# The addresses are known to be unique.
no_dad() { in_ns "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0; }
address() { ip -n "$(ns "$1")" address add "$3" dev "$2"; }
# What isthmusd has is not the kernel's as well.
mute() {
  in_ns "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1" "net.ipv4.conf.$2.rp_filter=1"
  ip -n "$(ns "$1")" link set "$2" arp off
}

# bridge NAME PORT...: a switch in the edge.
bridge() {
  local name=$1 port
  ip -n "$(ns edge)" link add "$name" type bridge mcast_snooping 0
  in_ns edge sysctl -qw "net.ipv6.conf.$name.disable_ipv6=1"
  ip -n "$(ns edge)" link set "$name" up
  shift
  for port in "$@"; do
    in_ns edge sysctl -qw "net.ipv6.conf.$port.disable_ipv6=1"
    ip -n "$(ns edge)" link set "$port" master "$name"
  done
}

# start_wider_lab NS...: "edge" is for what is around gateways.
start_wider_lab() {
  local name
  more_namespaces=("$@")
  export LAB_NO_GATEWAY=1
  start_lab
  at_end remove_more
  : >"$lab_dir/isthmusd.log"  # where init.sh looks for what sanitizers say
  for name in "${more_namespaces[@]}"; do
    ip netns add "$(ns "$name")"
    mkdir -p "$lab_dir/wireguard-$name"
    ip -n "$(ns "$name")" link set lo up
  done
}

# write_machine NS: the part of a configuration that is about where it runs.
write_machine() {
  cat >"$lab_dir/$1.conf" <<CONF
cores = { workers = [$(tr -d ' ' <<<"${LAB_WORKERS:-0}" | cut -d, -f1)]; control = 0; idle = "yield"; };
memory = { huge_pages = "auto"; megabytes = 256; buffers = 8192; };
control = { socket = "$lab_dir/$1.sock"; };
CONF
}
start_gateway() { start "daemon-$1" "$1" "$ISTHMUS_BUILD/app/isthmusd/isthmusd" -c "$lab_dir/$1.conf"; }
answers() { in_ns "$1" "$ISTHMUS_BUILD/app/isthmusctl/isthmusctl" -s "$lab_dir/$1.sock" show version; }
# end_gateway NS SIGNAL
end_gateway() {
  local pid
  pid=$(cat "$lab_dir/daemon-$1.pid")
  disown "$pid" 2>/dev/null || true  # or bash tells of its end
  kill -s "$2" "$pid"
  wait_until 20 "isthmusd in $1 to end" gone "$pid"
}
gone() { ! alive "$1"; }
