#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# DNS64 on two cores of its own: the same answers over UDP and TCP, clients spread over both, and
# what an operator sees and changes meanwhile.
. "$(dirname "$0")/init.sh"
[ "$(nproc)" -gt 1 ] && export LAB_DNS_CORES=0,1 || export LAB_DNS_CORES=0,0
start_lab

query() { on client dig +noall +answer +time=2 +tries=2 "$@"; }
www6=$(synthesised "$www4")
queries_of() { json show dns64 cores -- "answer['cores'][$1]['queries']"; }

# Clients of 24 networks. Answers go back to the link address that asked, without a route.
sources=()
for network in $(seq 10 33); do sources+=("2001:db8:1$network::1"); done
for source in "${sources[@]}"; do on client ip address add "$source/128" dev lo nodad; done
ask_all() {
  local source
  for source in "${sources[@]}"; do expect "$(query -b "$source" AAAA "www.$domain")" "AAAA\s+$1"; done
}
ask_all "$www6"
first=$(queries_of 0) second=$(queries_of 1)
[ "$first" -gt 0 ] || fail "core 0 was asked nothing: $(ctl show dns64 cores)"
[ "$second" -gt 0 ] || fail "core 1 was asked nothing: $(ctl show dns64 cores)"
[ $((first + second)) -ge 24 ] || fail "of 24 questions only $first and $second arrived"

# Who asked once is answered by the same core again, from its cache.
hits=$(json show dns64 -- "[f['value'] for f in answer['dns64'] if f['name'] == 'cache-hits'][0]")
ask_all "$www6"
again=$(json show dns64 -- "[f['value'] for f in answer['dns64'] if f['name'] == 'cache-hits'][0]")
[ $((again - hits)) -ge 24 ] || fail "24 questions for a cached name gave $((again - hits)) hits"

# TCP, whose connections the kernel deals out.
before0=$(queries_of 0) before1=$(queries_of 1)
for _ in $(seq 24); do expect "$(query +tcp AAAA "www.$domain")" "AAAA\s+$www6"; done
[ "$(queries_of 0)" -gt "$before0" ] || fail "core 0 got no TCP connection of 24"
[ "$(queries_of 1)" -gt "$before1" ] || fail "core 1 got no TCP connection of 24"
expect "$(query +tcp +bufsize=1232 TXT "big.$domain")" TXT
same "$(query +noedns +short AAAA "many.$domain" | grep -c "^$prefix")" 40 "addresses of many.$domain"

# What an operator looks at.
expect "$(ctl show dns64 cores)" turning
expect "$(ctl show dns64 upstreams)" "$dns4.*up"
expect "$(ctl show dns64 cache)" "www.$domain"
expect "$(ctl dns64 query "www.$domain" AAAA --trace)" "$www6"
expect "$(ctl health --dns)" healthy
expect "$(ctl show workers)" .
same "$(json clear dns64 cache "www.$domain" -- "answer['cleared'] >= 2")" True "cleared on both cores"
ctl clear dns64 cache
same "$(json show dns64 cache -- "len(answer['cache'])")" 0 "cached after clearing"

# A change reaches both; so does one that is refused, not at all.
ctl set dns64.synthesis never
for source in "${sources[@]}"; do refuse "$(query -b "$source" AAAA "www.$domain")" AAAA; done
if ctl set dns64.query_log /nonexistent/log 2>/dev/null; then fail "a log nowhere was taken"; fi
ctl set dns64.synthesis normal
ask_all "$www6"
