#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# DNS64 before a validating resolver, on a signed zone, a forged one and an unsigned one (RFC 6147 5.5);
# then clients other than dig: delv, which validates itself, kdig, and dnsperf, which asks a lot.
. "$(dirname "$0")/init.sh"
for tool in ldns-keygen ldns-signzone kdig delv dnsperf; do
  command -v "$tool" >/dev/null || skip "needs $tool (scripts/setup lab)"
done
start_lab
validator_port=5354

# signed_zone NAME: a zone with its signatures and its key, all in $lab_dir/signed.
signed_zone() {
  local key
  cat >"$1.zone" <<ZONE
\$ORIGIN $1.
\$TTL 300
@ SOA ns.$domain. hostmaster.$domain. 1 3600 600 86400 60
@ NS ns.$domain.
www A $www4
dual A $www4
dual AAAA $native6
alias CNAME www
ZONE
  key=$(ldns-keygen -a ECDSAP256SHA256 -k "$1")
  ldns-signzone -f "$1.signed" "$1.zone" "$key"
  cp "$key.key" "$1.key"
}

write_validator() {
  local zone
  {
    cat <<CONF
server:
  directory: "$lab_dir"
  chroot: ""
  username: ""
  pidfile: "$lab_dir/validator.daemon"
  use-syslog: no
  interface: $dns4@$validator_port
  do-ip6: no
  do-daemonize: no
  do-not-query-localhost: no
  access-control: 0.0.0.0/0 allow
  module-config: "validator iterator"
  ede: yes
  trust-anchor-file: "$lab_dir/signed/signed.example.key"
  trust-anchor-file: "$lab_dir/signed/forged.example.key"
remote-control:
  control-enable: no
forward-zone:
  name: "$domain"
  forward-addr: $dns4
CONF
    for zone in signed forged; do
      printf 'auth-zone:\n  name: "%s.example"\n  zonefile: "%s"\n  for-downstream: no\n  for-upstream: yes\n' \
        "$zone" "$lab_dir/signed/$zone.example.signed"
    done
  } >"$lab_dir/validator.conf"
}

mkdir "$lab_dir/signed"
cd "$lab_dir/signed"
signed_zone signed.example
signed_zone forged.example
# What a forger can do: other data under signatures that were made for the old.
sed -i -E -e "s/^((www|dual)\.forged\.example\.\s+[0-9]+\s+IN\s+A\s+).*/\1203.0.113.66/" \
  -e "s/^(dual\.forged\.example\.\s+[0-9]+\s+IN\s+AAAA\s+).*/\12001:db8::bad/" forged.example.signed
grep -q '203.0.113.66' forged.example.signed || fail "the zone is not forged"
cd /

write_validator
start validator internet unbound -d -c "$lab_dir/validator.conf"
validator_answers() { on internet dig +time=1 +tries=1 -p $validator_port "@$dns4" A www.signed.example | grep -q 'flags:.* ad'; }
wait_until 20 "the validator" validator_answers
sed -i "s/upstreams = \[\"$dns4\"\]/upstreams = [\"$dns4:$validator_port\"]/" "$lab_dir/isthmus.conf"
ctl reload

query() { on client dig +noall +comments +answer +time=3 +tries=1 "$@"; }
www6=$(synthesised "$www4")

# CD=0: what upstream has validated is synthesised; AD is clear, and no signature of another type stays.
for options in "" +dnssec +adflag; do
  # shellcheck disable=SC2086  # none or one word
  answer=$(query $options AAAA www.signed.example)
  expect "$answer" "AAAA\s+$www6"
  refuse "$answer" 'flags:.* ad'
  refuse "$answer" 'RRSIG'
done
expect "$(query +dnssec AAAA alias.signed.example)" "AAAA\s+$www6"
# A native address passes with its signature, and with AD for who asks for it (RFC 6840 5.8).
answer=$(query +dnssec AAAA dual.signed.example)
expect "$answer" "AAAA\s+$native6"
expect "$answer" 'RRSIG\s+AAAA'
expect "$answer" 'flags:.* ad'
refuse "$(query +noadflag AAAA dual.signed.example)" 'flags:.* ad'

# CD=1, DO=1: the client validates; it gets what there is, which is no address but a proof of that.
answer=$(query +dnssec +cdflag +authority AAAA www.signed.example)
expect "$answer" 'ANSWER: 0'
refuse "$answer" "$www6"
expect "$answer" 'NSEC'

# A forged zone fails, whatever the type, and is never answered by way of the A record.
for name in www dual; do
  for options in "" +dnssec; do
    # shellcheck disable=SC2086
    answer=$(query $options AAAA $name.forged.example)
    expect "$answer" 'status: SERVFAIL'
    refuse "$answer" 'AAAA\s'
  done
done
# Names outside the signed zones go on as before.
expect "$(query AAAA "www.$domain")" "AAAA\s+$www6"

# delv validates with the zone's key alone, over our answers: data, a chain, and the proof of absence. A client
# that validates has to set CD, or it is given addresses that no signature covers (RFC 6147 3).
printf 'trust-anchors { "signed.example." static-key 257 3 13 "%s"; };\n' \
  "$(awk '/DNSKEY/ { for (i = 1; i <= NF; i++) if ($i == 13) { print $(i + 1); exit } }' "$lab_dir/signed/signed.example.key")" \
  >"$lab_dir/anchors"
delve() { on client delv +cdflag -a "$lab_dir/anchors" +root=signed.example "@$service6" "$@" 2>&1; }
expect "$(delve A www.signed.example)" "fully validated"
expect "$(delve A alias.signed.example)" "fully validated"
expect "$(delve AAAA dual.signed.example)" 'fully validated'
absent=$(delve AAAA www.signed.example)
expect "$absent" 'negative response, fully validated'

# kdig: EDNS with cookie, padding and keep-alive, UDP and TCP.
for transport in +notcp +tcp; do
  answer=$(on client kdig "@$service6" $transport +cookie +padding=128 +bufsize=1232 +retry=0 AAAA "www.$domain")
  expect "$answer" 'status: NOERROR'
  expect "$answer" "AAAA\s+$www6"
  expect "$answer" 'COOKIE: [0-9A-F]{32}'
done

# dnsperf: some thousand questions over either transport; each is answered, none wrongly.
for number in $(seq 1 20); do
  printf 'www.%s AAAA\nnope%s.%s AAAA\nalias.%s AAAA\nmx.%s MX\n' "$domain" "$number" "$domain" "$domain" "$domain"
done >"$lab_dir/questions"
for mode in udp tcp; do
  report=$(on client dnsperf -m $mode -s "$service6" -d "$lab_dir/questions" -n 25 -q 20 -c 4 -t 5)
  expect "$report" 'Queries sent: +2000'
  expect "$report" 'Queries completed: +2000 \(100'
  expect "$report" 'NOERROR 1500 \(75.00%\), NXDOMAIN 500 \(25.00%\)'
done
