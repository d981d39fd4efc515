# SPDX-License-Identifier: BSD-3-Clause
# The gateway: its configuration, start and stop. Sourced by scripts/lab.
# shellcheck shell=bash
#
# ISTHMUS_BUILD   build directory that holds isthmusd and isthmusctl
# LAB_WORKERS     CPU of each worker, "1" or "0,1"; a CPU may be named twice
# LAB_DNS_CORES   CPU of each DNS core, in the same way; none by default
# LAB_LOG_LEVEL   of isthmusd
# LAB_OPTIONS     further lines for its configuration

control_socket=$lab_dir/isthmus.sock

# The build directory: the one named, or the first usual one that has a daemon.
find_build() {
  local candidate
  for candidate in ${ISTHMUS_BUILD:+"$ISTHMUS_BUILD"} "$root"/build "$root"/build-*/ \
    "$root"/build*/*/; do
    if [ -x "$candidate/app/isthmusd/isthmusd" ]; then
      (cd "$candidate" && pwd)
      return
    fi
  done
  die "no isthmusd found: build it (meson setup build && ninja -C build)," \
    "or set ISTHMUS_BUILD to the build directory"
}

default_workers() { [ "$(nproc)" -gt 1 ] && echo 1 || echo 0; }

write_gateway_config() {
  local workers=${LAB_WORKERS:-$(default_workers)} queues
  queues=$(tr ',' '\n' <<<"$workers" | wc -l)
  cat >"$lab_dir/isthmus.conf" <<CONF
cores = { workers = [$workers]; control = 0; idle = "yield"; ${LAB_DNS_CORES:+dns = [$LAB_DNS_CORES];} };
memory = { huge_pages = "auto"; megabytes = 512; buffers = 16384; };
control = { socket = "$control_socket"; static_file = "$lab_dir/static"; };
ports = (
  { name = "inside"; device = "net_af_packet0,iface=gw6,qpairs=$queues"; mtu = 1500;
    addresses = ["$gateway6/64", "$service6/64"]; },
  { name = "narrow"; device = "net_af_packet1,iface=gw6n,qpairs=$queues"; mtu = 1280;
    addresses = ["$gateway6n/64"]; },
  { name = "outside"; device = "${LAB_OUTSIDE:-net_af_packet2,iface=gw4,qpairs=$queues}"; mtu = 1500;
    addresses = ["$gateway4/24"]; }
);
routes = ( { prefix = "0.0.0.0/0"; via = "$router4"; } );
nat64 = (
  { name = "main";
    prefixes = ["$prefix/96"];
    pools = ( { name = "main"; addresses = ["$pool"]; ports = "1024-65535"; } ); }
);
dns64 = { listen = ["$service6"]; upstreams = ["$dns4"]; nat64 = "main"; };
${LAB_OPTIONS:-}
CONF
}

gateway_ctl() { in_ns gateway "$(find_build)/app/isthmusctl/isthmusctl" -s "$control_socket" "$@"; }

gateway_answers() {
  [ -S "$control_socket" ] && gateway_ctl show version && dns_answers
}
dns_answers() {
  [ -n "$(in_ns client dig +short +time=1 +tries=1 AAAA "www.$domain" "@$service6")" ]
}

gateway_start() {
  local build
  build=$(find_build)
  [ -e "$lab_dir/isthmus.conf" ] || write_gateway_config
  start isthmusd gateway "$build/app/isthmusd/isthmusd" -c "$lab_dir/isthmus.conf" \
    ${LAB_LOG_LEVEL:+--log-level "$LAB_LOG_LEVEL"} ${LAB_DPDK_TELEMETRY:+--dpdk-telemetry}
  if ! wait_gateway; then
    tail -n 20 "$lab_dir/isthmusd.log" >&2
    die "isthmusd did not come up; its log is above"
  fi
}

# Ready when it answers on the socket and on port 53; at once a failure when it has exited.
wait_gateway() {
  wait_until 60 "isthmusd" gateway_answers_or_gone && gateway_running
}
gateway_running() { [ -e "$lab_dir/isthmusd.pid" ] && alive "$(cat "$lab_dir/isthmusd.pid")"; }
gateway_answers_or_gone() { ! gateway_running || gateway_answers; }

# Asks it to stop and waits until it has gone; fails when it had to be killed.
gateway_stop() {
  [ -e "$lab_dir/isthmusd.pid" ] || return 0
  kill -TERM "$(cat "$lab_dir/isthmusd.pid")" 2>/dev/null || true
  if ! wait_until 20 "isthmusd to stop" gateway_gone; then
    kill -KILL "$(cat "$lab_dir/isthmusd.pid")" 2>/dev/null || true
    wait_until 5 "isthmusd to die" gateway_gone || true
    rm -f "$lab_dir/isthmusd.pid"
    return 1
  fi
  rm -f "$lab_dir/isthmusd.pid"
}
gateway_gone() { ! gateway_running; }
