#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Names: synthesis, chains, native addresses, the way back, other types, truncation, both transports.
. "$(dirname "$0")/init.sh"
start_lab

query() { on client dig +noall +answer +time=2 +tries=1 "$@"; }
www6=$(synthesised "$www4")

expect "$(query AAAA "www.$domain")" "AAAA\s+$www6"
expect "$(query +tcp AAAA "www.$domain")" "AAAA\s+$www6"
chain=$(query AAAA "alias.$domain")
expect "$chain" "alias.$domain.\s.*CNAME\s+blog.$domain"
expect "$chain" "blog.$domain.\s.*CNAME\s+www.$domain"
expect "$chain" "www.$domain.\s.*AAAA\s+$www6"

native=$(query AAAA "dual.$domain")
expect "$native" "AAAA\s+$native6"
refuse "$native" "$prefix"

expect "$(query A "www.$domain")" "A\s+$www4"
expect "$(query MX "mx.$domain")" "MX\s+10 www.$domain"
expect "$(query TXT "text.$domain")" 'no address here'
expect "$(query -x "$www6")" "PTR\s+www.$domain"
expect "$(query -x "$gateway6")" "PTR\s+gateway.$domain"

# RFC 6147 5.1.7: the TTL of a synthesised record does not exceed the A record's.
ttl=$(query AAAA "short.$domain" | awk '$4 == "AAAA" { print $2 }')
[ "$ttl" -le 5 ] || fail "TTL $ttl of short.$domain exceeds the A record's 5"

nope=$(on client dig +noall +comments +time=2 +tries=1 AAAA "nope.$domain")
expect "$nope" 'status: NXDOMAIN'
empty=$(on client dig +noall +comments +time=2 +tries=1 AAAA "text.$domain")
expect "$empty" 'status: NOERROR'
expect "$empty" 'ANSWER: 0'

truncated=$(on client dig +noedns +ignore +noall +comments +time=2 +tries=1 AAAA "many.$domain")
expect "$truncated" 'flags:.* tc'
same "$(on client dig +noedns +short +time=2 +tries=1 AAAA "many.$domain" | grep -c "^$prefix")" 40 \
  "addresses of many.$domain, over TCP after truncation"
same "$(query +bufsize=1232 TXT "big.$domain" | grep -c TXT)" 20 "TXT records of big.$domain"

# The resolver of the C library, as programs use it.
expect "$(on client getent ahostsv6 "www.$domain")" "^$www6 "
