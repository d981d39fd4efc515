#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A resolver that is asked by TLS (RFC 7858): the right name, a wrong one, an authority that did not
# sign, another resolver instead; and what a dnstap collector gets to see of it.
. "$(dirname "$0")/init.sh"
for tool in openssl fstrm_capture dnstap-read; do
  command -v "$tool" >/dev/null || skip "needs $tool (scripts/setup lab)"
done
start_lab
conf=$lab_dir/isthmus.conf
tls=$lab_dir/tls
mkdir "$tls"

# authority NAME: a key and a certificate that it signed itself.
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
    -keyout "$tls/$1.key" -out "$tls/$1.pem" 2>/dev/null
}
authority right
authority wrong
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=resolver" \
  -keyout "$tls/server.key" -out "$tls/server.csr" 2>/dev/null
openssl x509 -req -in "$tls/server.csr" -CA "$tls/right.pem" -CAkey "$tls/right.key" -CAcreateserial -days 2 \
  -extfile <(printf 'subjectAltName=DNS:dns.%s,IP:%s' "$domain" "$dns4") -out "$tls/server.pem" 2>/dev/null

cat >"$lab_dir/dot.conf" <<CONF
server:
  directory: "$lab_dir"
  chroot: ""
  username: ""
  pidfile: "$lab_dir/dot.daemon"
  use-syslog: no
  interface: $dns4@853
  tls-port: 853
  tls-service-key: "$tls/server.key"
  tls-service-pem: "$tls/server.pem"
  do-ip6: no
  do-daemonize: no
  access-control: 0.0.0.0/0 allow
  module-config: "iterator"
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: $dns4
CONF
start dot internet unbound -d -c "$lab_dir/dot.conf"
wait_until 20 "unbound with TLS" listens internet 853

query() { on client dig +noall +comments +answer +time=4 +tries=1 "$@"; }
figure() { json show dns64 -- "[f['value'] for f in answer['dns64'] if f['name'] == '$1'][0]"; }
of_first() { json show dns64 upstreams -- "answer['upstreams'][0]['$1']"; }
# resolvers TEXT...: other resolvers, an empty cache.
resolvers() {
  local list
  list=$(printf ', "%s"' "$@")
  sed -i -E "/^dns64 = /s|upstreams = \[[^]]*\]|upstreams = [${list:2}]|" "$conf"
  ctl reload
  ctl clear dns64 cache
}
www6=$(synthesised "$www4")
sed -i "/^dns64 = /s|};\$|tls_ca_file = \"$tls/right.pem\"; };|" "$conf"

# The right name, and (RFC 8310 8.1) the address where no name is given: all is asked by TLS, over
# one connection each.
for resolver in "tls://$dns4#dns.$domain" "tls://$dns4:853"; do
  resolvers "$resolver"
  plain=$(figure upstream-sent)
  connections=$(figure tls-connections)
  for name in www alias dual short; do
    expect "$(query AAAA "$name.$domain")" 'status: NOERROR'
  done
  expect "$(query AAAA "www.$domain")" "AAAA\s+$www6"
  expect "$(query TXT "big.$domain")" 'status: NOERROR'
  same "$(figure upstream-sent)" "$plain" "datagrams sent to resolvers"
  same "$(figure tls-connections)" "$((connections + 1))" "TLS connections"
  same "$(of_first state)" up "state of the resolver"
  same "$(of_first trouble)" "" "its trouble"
done
same "$(figure tls-untrusted)" 0 "resolvers that were not trusted"

# Another name: nothing is asked, the client is told why, the operator too.
resolvers "tls://$dns4#another.$domain"
answer=$(query AAAA "www.$domain")
expect "$answer" 'status: SERVFAIL'
expect "$answer" 'EDE: 2[23] '
[ "$(figure tls-untrusted)" -ge 1 ] || fail "the wrong name was not noticed"
expect "$(of_first trouble)" 'name in the certificate does not match'
# Another resolver takes over.
resolvers "tls://$dns4#another.$domain" "$dns4"
expect "$(query AAAA "www.$domain")" "AAAA\s+$www6"

# An authority that did not sign.
sed -i "s|right.pem|wrong.pem|" "$conf"
resolvers "tls://$dns4#dns.$domain"
expect "$(query AAAA "www.$domain")" 'status: SERVFAIL'
expect "$(of_first trouble)" 'NOT trusted'
# A file that is none: refused, by name; what was in force stays.
sed -i "s|wrong.pem|missing.pem|" "$conf"
! ctl reload >"$lab_dir/answer" 2>&1 || fail "a missing file was accepted"
expect "$(cat "$lab_dir/answer")" 'tls_ca_file.*missing.pem'
sed -i "s|missing.pem|right.pem|" "$conf"
resolvers "tls://$dns4#dns.$domain"
expect "$(query AAAA "www.$domain")" "AAAA\s+$www6"

# dnstap: both conversations, each way.
fstrm_capture -t protobuf:dnstap.Dnstap -u "$lab_dir/tap.sock" -w "$lab_dir/tap.fstrm" >/dev/null 2>&1 &
collector=$!
at_end end "$collector"
wait_until 5 "the collector" test -S "$lab_dir/tap.sock"
sed -i "/^dns64 = /s|};\$|dnstap = \"$lab_dir/tap.sock\"; };|" "$conf"
ctl reload
ctl clear dns64 cache
expect "$(query AAAA "www.$domain")" "AAAA\s+$www6"
expect "$(query +tcp AAAA "www.$domain")" "AAAA\s+$www6"
tapped() { [ "$(figure dnstap-sent)" -ge 8 ]; }
wait_until 5 "eight messages" tapped
# The thread writes what it has when it is told to end.
sed -i 's|dnstap = "[^"]*"; ||' "$conf"
ctl reload
end "$collector"
wait "$collector" || true
seen=$(dnstap-read "$lab_dir/tap.fstrm")
for pattern in "CQ .* UDP .*www.$domain/IN/AAAA" "CR .* UDP .*www.$domain/IN/AAAA" \
  "CQ .* TCP .*www.$domain/IN/AAAA" "CR .* TCP .*www.$domain/IN/AAAA" \
  "FQ .*/IN/AAAA" "FR .*/IN/AAAA" "FQ .*/IN/A\$" "FR .*/IN/A\$"; do
  expect "$seen" "$pattern"
done
same "$(figure dnstap-lost)" 0 "dnstap messages lost"
