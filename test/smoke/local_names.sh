#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Names of the operator's own, from a hosts file and a zone file, changed while the daemon runs; a
# list of 100 000 names; and files with errors, of which nothing is taken over.
. "$(dirname "$0")/init.sh"
start_lab
conf=$lab_dir/isthmus.conf
query() { on client dig +short +time=2 +tries=1 "$@"; }
status() { on client dig +noall +comments +time=2 +tries=1 "$@"; }
in_dns64() { sed -i "/^dns64 = /s|};\$|$1 };|" "$conf"; }
www6=$(synthesised "$www4")

cat >"$lab_dir/vpn.hosts" <<HOSTS
# our own
192.0.2.7 printer.poc.vpn printer
2001:db8:7::7 nas.poc.vpn
HOSTS
zone() {
  cat >"$lab_dir/site.zone" <<ZONE
\$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 192.0.2.8
www A $1
text TXT "here"
ZONE
}
zone 192.0.2.9
in_dns64 "zones = ({ name = \"poc.vpn\"; hosts = \"$lab_dir/vpn.hosts\"; }, { name = \"site.example\"; file = \"$lab_dir/site.zone\"; });"
ctl reload
same "$(query A printer.poc.vpn)" 192.0.2.7 "a host"
same "$(query AAAA nas.poc.vpn)" 2001:db8:7::7 "a host with IPv6"
same "$(query -x 192.0.2.7)" printer.poc.vpn. "its name"
same "$(query -x 2001:db8:7::7)" nas.poc.vpn. "the name of one with IPv6"
same "$(query A www.site.example)" 192.0.2.9 "a name of the zone"
same "$(query TXT text.site.example)" '"here"' "a text of the zone"
same "$(query A ns.site.example)" 192.0.2.8 "a name of the zone"
expect "$(status A scanner.poc.vpn)" 'status: NXDOMAIN'
same "$(json show dns64 zones -- "[(z['zone'], z['count']) for z in answer['zones']]")" \
  "[('poc.vpn', 2), ('site.example', 4)]" "zones and how many names each has"
# Names of the world as before.
same "$(query AAAA "www.$domain")" "$www6" "a name of the world"

# Both files change; a reload is all that it takes, also for answers that were given before.
printf '192.0.2.17 printer.poc.vpn\n192.0.2.18 scanner.poc.vpn\n' >"$lab_dir/vpn.hosts"
zone 192.0.2.19
same "$(query A printer.poc.vpn)" 192.0.2.7 "a host before the reload"
ctl reload
same "$(query A printer.poc.vpn)" 192.0.2.17 "a host after it"
same "$(query A scanner.poc.vpn)" 192.0.2.18 "a new host"
same "$(query A www.site.example)" 192.0.2.19 "a name of the zone after it"
expect "$(status AAAA nas.poc.vpn)" 'status: NXDOMAIN'
same "$(query -x 192.0.2.17)" printer.poc.vpn. "its name"

# refused FILE LINE TEXT: the reload fails with file, line and text; all that was in force stays.
refused() {
  ! ctl reload >"$lab_dir/answer" 2>&1 || fail "errors in $1 were accepted"
  expect "$(cat "$lab_dir/answer")" "$1:$2: .*$3"
  same "$(query A printer.poc.vpn)" 192.0.2.17 "a host after a bad reload"
  same "$(query A www.site.example)" 192.0.2.19 "a name of the zone after a bad reload"
}
cp "$lab_dir/vpn.hosts" "$lab_dir/good.hosts"
printf '192.0.2.27 printer.poc.vpn\n192.0.2.300 scanner.poc.vpn\n' >"$lab_dir/vpn.hosts"
refused "$lab_dir/vpn.hosts" 2 '192.0.2.300'
cp "$lab_dir/good.hosts" "$lab_dir/vpn.hosts"
zone 192.0.2.29
printf 'bad A 192.0.2.300\n' >>"$lab_dir/site.zone"
refused "$lab_dir/site.zone" '[0-9]+' 'expected'
zone 192.0.2.19

# 100 000 names that must not be translated, then one that is taken out again.
{
  printf 'www.%s\n' "$domain"
  seq -f 'name%.0f.blocked.example' 1 100000
} >"$lab_dir/names"
in_dns64 "names = ({ name = \"plain\"; action = \"exclude\"; file = \"$lab_dir/names\"; });"
ctl reload
same "$(query AAAA "www.$domain")" "" "a name that is excluded"
sed -i '1d' "$lab_dir/names"
ctl reload
same "$(query AAAA "www.$domain")" "$www6" "a name that is not any more"
printf 'no name at all ..\n' >>"$lab_dir/names"
! ctl reload >"$lab_dir/answer" 2>&1 || fail "a bad name was accepted"
expect "$(cat "$lab_dir/answer")" "$lab_dir/names:100001: "
same "$(query AAAA "www.$domain")" "$www6" "a name after a bad reload"
