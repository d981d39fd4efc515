#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# NAT events over TLS, each side with a certificate: IPFIX (RFC 7011 11) to socat, behind which tshark
# decodes every field; syslog (RFC 5425) to rsyslog. Then an authority that did not sign, a collector
# that dies and comes back, and one that does not like us.
. "$(dirname "$0")/init.sh"
for tool in openssl socat tshark rsyslogd; do
  command -v "$tool" >/dev/null || skip "needs $tool (scripts/setup lab)"
done
[ -e /usr/lib/"$(uname -m)"-linux-gnu/rsyslog/lmnsd_gtls.so ] || skip "needs rsyslog-gnutls (scripts/setup lab)"

# --- certificates ------------------------------------------------------------------------------------

tls=$lab_root/$LAB-tls
rm -rf "$tls"
mkdir -p "$tls"
at_end rm -rf "$tls"
# authority NAME: a key and a certificate that it signed itself.
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
    -keyout "$tls/$1.key" -out "$tls/$1.pem" 2>/dev/null
}
# certificate NAME AUTHORITY ALTERNATIVE: signed by it for that name or address.
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" \
    -keyout "$tls/$1.key" -out "$tls/$1.csr" 2>/dev/null
  openssl x509 -req -in "$tls/$1.csr" -CA "$tls/$2.pem" -CAkey "$tls/$2.key" -CAcreateserial -days 2 \
    -extfile <(printf 'subjectAltName=%s' "$3") -out "$tls/$1.pem" 2>/dev/null
}
authority right
authority wrong
certificate collector right "DNS:collector.$domain,IP:$router4"
certificate impostor wrong "DNS:collector.$domain,IP:$router4"
certificate gateway right "DNS:gateway.$domain"
certificate stranger wrong "DNS:gateway.$domain"
fingerprint=sha-256:$(openssl x509 -in "$tls/collector.pem" -noout -fingerprint -sha256 | cut -d= -f2)

# The registered ports (4740, 6514) are what "tls" means without a port.
plain=4741
ours="tls_certificate_file = \"$tls/gateway.pem\"; tls_key_file = \"$tls/gateway.key\";"
export LAB_OPTIONS="
metrics = { listen = \"127.0.0.1:9464\"; };
export = { ipfix = (
  { collector = \"$router4\"; transport = \"tls\"; domain = 43; destinations = true;
    events = [\"sessions\", \"bindings\", \"port-blocks\", \"statics\", \"exhaustion\", \"quotas\"];
    tls_ca_file = \"$tls/right.pem\"; tls_name = \"collector.$domain\"; $ours } );
  syslog = (
  { collector = \"$router4\"; transport = \"tls\"; tls_ca_file = \"$tls/right.pem\"; $ours } ); };"
start_lab
conf=$lab_dir/isthmus.conf

# --- collectors --------------------------------------------------------------------------------------

on router setsid tcpdump -q -n -U -s 0 -i lo -w "$lab_dir/wire.pcap" "tcp port $plain" \
  >/dev/null 2>&1 </dev/null &
at_end end $!
on router setsid tcpdump -q -n -U -s 0 -i eth0 -w "$lab_dir/hidden.pcap" "tcp port 4740 or tcp port 6514" \
  >/dev/null 2>&1 </dev/null &
at_end end $!
# start_ipfix NAME: a collector with that certificate, which takes TLS off for the plain one behind it.
start_ipfix() {
  on router socat -u "TCP-LISTEN:$plain,bind=127.0.0.1,reuseaddr,fork" \
    "OPEN:$lab_dir/ipfix.raw,creat,append" >>"$lab_dir/socat.log" 2>&1 &
  on router socat -u "OPENSSL-LISTEN:4740,bind=$router4,reuseaddr,fork,cert=$tls/$1.pem,key=$tls/$1.key,cafile=$tls/right.pem,verify=1" \
    "TCP:127.0.0.1:$plain,retry=20,interval=0.5" >>"$lab_dir/socat.log" 2>&1 &
}
start_ipfix collector
at_end end_on_router socat

cat >"$lab_dir/rsyslog.conf" <<CONF
global(workDirectory="$lab_dir" DefaultNetstreamDriver="gtls"
  DefaultNetstreamDriverCAFile="$tls/right.pem"
  DefaultNetstreamDriverCertFile="$tls/collector.pem" DefaultNetstreamDriverKeyFile="$tls/collector.key")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name"
  PermittedPeer=["gateway.$domain"])
input(type="imtcp" address="$router4" port="6514")
template(name="all" type="string"
  string="%pri% %protocol-version% %app-name% %msgid% %structured-data% <%msg%>\n")
action(type="omfile" file="$lab_dir/rsyslog.out" template="all")
CONF
start_rsyslog() { start rsyslogd router rsyslogd -n -f "$lab_dir/rsyslog.conf" -i "$lab_dir/rsyslogd.daemon"; }
start_rsyslog
at_end end_on_router rsyslogd

exporter() { json show export -- "answer['export'][$1]['$2']"; }
connected() { [ "$(exporter "$1" state)" = connected ]; }
wait_until 60 "the IPFIX collector to be called" connected 0
wait_until 60 "the syslog collector to be called" connected 1
same "$(exporter 0 collector)" "$router4:4740 tls" "collector"
same "$(exporter 1 collector)" "$router4:6514 tls" "collector"

records() { python3 "$(dirname "$0")/ipfix_records.py" "$lab_dir/wire.pcap" $plain "$1"; }
has_record() { [ -n "$(records "$1")" ]; }
# one_record NAME=VALUE...: waits for a record with these fields.
one_record() {
  local wanted=True pair
  for pair in "$@"; do wanted+=" and r.get('${pair%%=*}') == '${pair#*=}'"; done
  wait_until 40 "a record of $*" has_record "$wanted" ||
    fail "no record with $*; there are: $(records True | tail -n 5)"
}
# has PATTERN: waits for a line of rsyslog's.
has() { wait_until 40 "/$1/" grep -qE -- "$1" "$lab_dir/rsyslog.out" || fail "not received: $1"; }
# send PORT: a datagram that is answered, so a session and a binding.
send() { on client python3 "$echo_py" udp "echo.$domain" --source "$1" --count 1; }
outside_of() {
  json show bindings inside "$client6" protocol udp -- \
    "next(r['$2'] for r in rows if r.get('inside_port') == $1)"
}

# --- every event, field by field ---------------------------------------------------------------------

echo6=$(synthesised "$echo4")
send 5000
outside=$(outside_of 5000 outside)
port=$(outside_of 5000 outside_port)
flow=(protocol=17 srcaddrv6="$client6" srcport=5000 post_natsource_ipv4_address="$outside"
  post_naptsource_transport_port="$port" nat_instanceid=1)
one_record nat_event=10 "${flow[@]}"
one_record nat_event=6 "${flow[@]}" dstaddrv6="$echo6" dstport=7 \
  post_natdestination_ipv4_address="$echo4" post_naptdestination_transport_port=7
text="protocolIdentifier=\"17\" sourceIPv6Address=\"$client6\" sourceTransportPort=\"5000\""
text+=" postNATSourceIPv4Address=\"$outside\" postNAPTSourceTransportPort=\"$port\""
has "^134 1 isthmusd binding-created \[nat@32473 natEvent=\"10\" $text natInstanceID=\"1\" nat64=\"main\"\] <>$"
ctl clear sessions >/dev/null
one_record nat_event=7 "${flow[@]}" dstaddrv6="$echo6" dstport=7
one_record nat_event=11 "${flow[@]}"
has "^134 1 isthmusd binding-deleted \[nat@32473 natEvent=\"11\" $text"
ctl add static protocol udp inside "$client6" 7000 outside 203.0.113.3:7000 >/dev/null
one_record nat_event=10 srcport=7000 post_natsource_ipv4_address=203.0.113.3
ctl remove static protocol udp outside 203.0.113.3:7000 >/dev/null
one_record nat_event=11 srcport=7000 post_natsource_ipv4_address=203.0.113.3

# Nothing of it is to be read on the way.
readable() { grep -aqE "binding-created|isthmusd|$client6" "$lab_dir/hidden.pcap"; }
[ -s "$lab_dir/hidden.pcap" ] || fail "nothing was captured"
! readable || fail "events are readable on the wire"

up() { on gateway curl -sS -m 10 http://127.0.0.1:9464/metrics | grep '^isthmus_export_up'; }
expect "$(up)" "^isthmus_export_up\{kind=\"ipfix\",collector=\"$router4:4740 tls\"\} 1"

# --- an impostor in the collector's place ------------------------------------------------------------

end_on_router socat
start_ipfix impostor
untrusted() { grep -q 'not trusted: .*certificate' <<<"$(exporter 0 last_error)"; }
wait_until 60 "the impostor to be found out" untrusted
size=$(wc -c <"$lab_dir/ipfix.raw")
# Traffic does not care; what is to be told waits.
send 5001
waits() { [ "$(exporter 0 queued)" -ge 2 ]; }
wait_until 40 "events to wait" waits
expect "$(up)" "^isthmus_export_up\{kind=\"ipfix\",collector=\"$router4:4740 tls\"\} 0"
same "$(wc -c <"$lab_dir/ipfix.raw")" "$size" "bytes that the impostor got"
lost=$(exporter 0 lost)
end_on_router socat
start_ipfix collector
wait_until 90 "the collector to be called again" connected 0
one_record nat_event=10 protocol=17 srcaddrv6="$client6" srcport=5001
same "$(exporter 0 lost)" "$lost" "lost events"

# --- a collector that dies and comes back ------------------------------------------------------------

end_on_router rsyslogd
away() { [ "$(exporter 1 state)" != connected ]; }
wait_until 60 "the loss of rsyslog to be seen" away
send 5002
start_rsyslog
wait_until 90 "rsyslog to be called again" connected 1
has 'binding-created .*sourceTransportPort="5002"'

# --- known by its fingerprint; and not liked by it ---------------------------------------------------

# on_syslog TEXT: other words about the syslog collector.
on_syslog() {
  python3 - "$conf" "$1" <<'PY'
import re, sys
text = open(sys.argv[1]).read()
text = re.sub(r'(syslog = \(\s*\{ collector = "[^"]*"; transport = "tls";)[^}]*\}', r'\1 ' + sys.argv[2] + ' }', text)
open(sys.argv[1], 'w').write(text)
PY
  ctl reload >/dev/null
}
on_syslog "tls_fingerprint = \"$fingerprint\"; $ours"
wait_until 60 "rsyslog to be called" connected 1
send 5003
has 'binding-created .*sourceTransportPort="5003"'
on_syslog "tls_fingerprint = \"${fingerprint%???}:${fingerprint:8:2}\"; $ours"
other() { grep -qi "not trusted: its certificate has the fingerprint $fingerprint" <<<"$(exporter 1 last_error)"; }
[ "${fingerprint: -2}" = "${fingerprint:8:2}" ] || wait_until 30 "another fingerprint to be seen" other
on_syslog "tls_ca_file = \"$tls/right.pem\"; tls_certificate_file = \"$tls/stranger.pem\"; tls_key_file = \"$tls/stranger.key\";"
refused() { [ -n "$(exporter 1 last_error)" ]; }
wait_until 60 "a stranger to be refused" refused
refuse "$(exporter 1 last_error)" 'not trusted'
same "$(exporter 1 records)" 0 "records that a stranger sent"
# A file that is none is named.
on_syslog "tls_ca_file = \"$tls/missing.pem\";"
missing() { grep -q "tls_ca_file: .*missing.pem" <<<"$(exporter 1 last_error)"; }
wait_until 30 "the missing file to be named" missing
send 5004
