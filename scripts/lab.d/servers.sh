# SPDX-License-Identifier: BSD-3-Clause
# The servers of the IPv4-only Internet, and the WireGuard tunnel. Sourced by scripts/lab.
# shellcheck shell=bash

# start NAME NS COMMAND...: in the background, output to NAME.log, process id in NAME.pid.
start() {
  local name=$1 entry
  ns_entry "$2"
  shift 2
  "${entry[@]}" setsid "$@" >>"$lab_dir/$name.log" 2>&1 </dev/null &
  printf '%s\n' "$!" >"$lab_dir/$name.pid"
}

write_site() {
  mkdir -p "$lab_dir/www"
  cat >"$lab_dir/www/index.html" <<'PAGE'
<!doctype html>
<title>The IPv4 Internet</title>
<p>You have reached www.lab.example, a server that has no IPv6 address.</p>
PAGE
  head -c 50000000 /dev/urandom >"$lab_dir/www/50MB.bin"
  (cd "$lab_dir/www" && sha256sum 50MB.bin >50MB.bin.sha256)
}

# write_nginx FILE ADDRESS
write_nginx() {
  cat >"$lab_dir/$1.conf" <<CONF
daemon off;
user root;
worker_processes 1;
pid $lab_dir/$1.daemon;
error_log stderr;
events {}
http {
  access_log $lab_dir/$1-access.log;
  client_body_temp_path $lab_dir/$1-tmp;
  sendfile on;
  types { text/html html; }
  default_type application/octet-stream;
  server {
    listen $2:80;
    root $lab_dir/www;
    location = /whoami { default_type text/plain; return 200 "you are \$remote_addr\n"; }
  }
}
CONF
}

# auth_zone NAME: reads records, writes the zone file, prints unbound's clause for it.
auth_zone() {
  local file="$lab_dir/zones/${1%.}.zone"
  [ "$1" = . ] && file="$lab_dir/zones/root.zone"
  {
    # shellcheck disable=SC2016  # zone file syntax
    printf '$ORIGIN %s\n$TTL 300\n' "$1"
    printf '@ SOA ns.%s. hostmaster.%s. 1 3600 600 86400 60\n@ NS ns.%s.\n' \
      "$domain" "$domain" "$domain"
    cat
  } >"$file"
  printf 'auth-zone:\n  name: "%s"\n  zonefile: "%s"\n  for-downstream: no\n  for-upstream: yes\n' \
    "$1" "$file"
}

zones() {
  auth_zone . </dev/null
  {
    cat <<ZONE
ns      A     $dns4
www     A     $www4
alias   CNAME blog
blog    CNAME www
dual    A     $www4
dual    AAAA  $native6
echo    A     $echo4
vpn     A     $vpn4
far     A     $far4
router  A     $router4
short   5 A   $www4
mx      MX    10 www
text    TXT   "no address here"
private A     10.0.0.1
ZONE
    # More than fits a plain UDP answer of 512 bytes: the resolver has to truncate.
    local number
    for number in $(seq 1 40); do printf 'many A 198.51.100.%d\n' $((number + 200)); done
    for number in $(seq 1 20); do
      printf 'big TXT "%s"\n' "$(printf "%02d-%098d" "$number" 0)"
    done
  } | auth_zone "$domain."
  auth_zone 100.51.198.in-addr.arpa. <<ZONE
${dns4##*.}  PTR ns.$domain.
${www4##*.}  PTR www.$domain.
${echo4##*.}   PTR echo.$domain.
${vpn4##*.}  PTR vpn.$domain.
${far4##*.} PTR far.$domain.
${router4i##*.}   PTR router.$domain.
${router4f##*.} PTR router.$domain.
ZONE
  auth_zone 2.0.192.in-addr.arpa. <<ZONE
${gateway4##*.} PTR gateway.$domain.
${router4##*.} PTR router.$domain.
ZONE
  auth_zone 8.b.d.0.1.0.0.2.ip6.arpa. <<ZONE
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0 PTR gateway.$domain.
3.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0 PTR gateway.$domain.
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0 PTR gateway.$domain.
0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0 PTR client.$domain.
ZONE
}

# Resolver for names outside too; its root zone is empty, so that they do not exist at once instead
# of after a timeout.
write_unbound() {
  mkdir -p "$lab_dir/zones"
  {
    cat <<CONF
server:
  directory: "$lab_dir"
  chroot: ""
  username: ""
  pidfile: "$lab_dir/unbound.daemon"
  use-syslog: no
  verbosity: 1
  interface: $dns4
  do-ip6: no
  do-daemonize: no
  access-control: 0.0.0.0/0 allow
  module-config: "iterator"
  minimal-responses: yes
  local-zone: "100.51.198.in-addr.arpa." nodefault
  local-zone: "2.0.192.in-addr.arpa." nodefault
  local-zone: "8.b.d.0.1.0.0.2.ip6.arpa." nodefault
remote-control:
  control-enable: no
CONF
    zones
  } >"$lab_dir/unbound.conf"
}

start_servers() {
  write_site
  write_nginx nginx "$www4"
  write_nginx nginx-far "$far4"
  write_unbound
  start nginx internet nginx -c "$lab_dir/nginx.conf" -e stderr
  start nginx-far far nginx -c "$lab_dir/nginx-far.conf" -e stderr
  start unbound internet unbound -d -c "$lab_dir/unbound.conf"
  start echo internet python3 "$lab_scripts/echo.py" serve "$echo4"
  start echo-far far python3 "$lab_scripts/echo.py" serve "$far4"
  start iperf3 internet iperf3 -s -B "$echo4"
  wait_until 20 "nginx" in_ns internet curl -sf -m 2 -o /dev/null "http://$www4/"
  wait_until 20 "the far nginx" in_ns far curl -sf -m 2 -o /dev/null "http://$far4/"
  wait_until 20 "unbound" in_ns internet dig +time=1 +tries=1 "@$dns4" "www.$domain"
  wait_until 20 "the echo server" in_ns internet python3 "$lab_scripts/echo.py" tcp "$echo4" --timeout 1
  wait_until 20 "the far echo server" in_ns far python3 "$lab_scripts/echo.py" tcp "$far4" --timeout 1
  wait_until 20 "iperf3" listens internet 5201
}
listens() { in_ns "$1" ss -Hltn "sport = :$2" | grep -q .; }

# The tunnel. Its endpoint has an IPv4 address only; the client names it, and DNS64 does the rest.
make_keys() {
  local side
  for side in client internet; do
    (umask 077 && wg genkey >"$lab_dir/wg-$side.key")
    wg pubkey <"$lab_dir/wg-$side.key" >"$lab_dir/wg-$side.pub"
  done
}

# tunnel_end NS ADDRESS
tunnel_end() {
  start "wireguard-$1" "$1" env WG_PROCESS_FOREGROUND=1 LOG_LEVEL=error wireguard-go -f wg0
  # Not by asking it: wg takes away a socket that nobody listens on yet, and wireguard-go ends.
  wait_until 20 "wg0 in $1" in_ns "$1" grep -q ' 00010000 .*/wireguard/wg0\.sock$' /proc/net/unix
  ip -n "$(ns "$1")" addr add "$2/64" dev wg0 nodad
  # 1500 - 40 (IPv6) - 8 (UDP) - 32 (WireGuard): the outer packet is IPv6 on the client's side.
  ip -n "$(ns "$1")" link set wg0 mtu 1420 up
}

start_vpn_server() {
  make_keys
  # Only inside the tunnel does this namespace speak IPv6.
  set_sysctl internet net.ipv6.conf.default.disable_ipv6=0
  set_sysctl internet net.ipv6.conf.lo.disable_ipv6=0
  tunnel_end internet "$vpn_server6"
  in_ns internet wg set wg0 listen-port 51820 private-key "$lab_dir/wg-internet.key" \
    peer "$(cat "$lab_dir/wg-client.pub")" allowed-ips "$vpn_client6/128"
  start http-vpn internet python3 -m http.server --bind "$vpn_server6" \
    --directory "$lab_dir/www" 80
  wait_until 20 "the web server in the tunnel" in_ns internet \
    curl -sf -m 2 -o /dev/null "http://[$vpn_server6]/"
}

start_vpn_client() {
  tunnel_end client "$vpn_client6"
  in_ns client wg set wg0 private-key "$lab_dir/wg-client.key" \
    peer "$(cat "$lab_dir/wg-internet.pub")" allowed-ips "$vpn_server6/128" \
    endpoint "vpn.$domain:51820"
}
