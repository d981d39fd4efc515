#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ping of all sizes, traceroute by UDP and by ICMP, errors from servers.
. "$(dirname "$0")/init.sh"
start_lab

expect "$(on client ping -c 5 -i 0.05 -W 2 "www.$domain")" '5 received'
expect "$(on client ping -c 2 -i 0.05 -W 2 -s 1400 "www.$domain")" '2 received'
for method in -U -I; do
  trace=$(on client traceroute -6 "$method" -q 1 -w 2 -m 6 "www.$domain")
  expect "$trace" " 1 +gateway.$domain \(($gateway6|$service6)\)"
  expect "$trace" " 2 +router.$domain \($(synthesised "$router4")\)"
  expect "$trace" " 3 +www.$domain \($(synthesised "$www4")\)"
done

# A closed port: ICMPv4 3/3 comes back as ICMPv6 1/4, which ends the client's connect at once.
expect "$(on client python3 "$echo_py" udp "www.$domain" --port 9 --count 1 || true)" \
  'Connection refused'
# A host that is not there: the router's ICMPv4 host unreachable comes back too.
absent=$(synthesised 198.51.100.99)
expect "$(on client ping -c 3 -i 0.5 -W 5 "$absent" || true)" \
  "From $(synthesised "$router4") icmp_seq=1 Destination unreachable"
