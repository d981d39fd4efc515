#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# NAT events as real collectors see them: nfcapd takes them, nfdump prints what it knows of them, and
# tshark decodes every field on the wire. Then a collector that dies and comes back.
. "$(dirname "$0")/init.sh"
for tool in nfcapd nfdump tshark; do
  command -v "$tool" >/dev/null || skip "needs $tool (scripts/setup lab)"
done

# Three collectors on the router: UDP gets all with destinations, TCP what one gets by default.
udp=4739 tcp=4740
export LAB_OPTIONS="
export = { ipfix = (
  { collector = \"$router4\"; port = $udp; transport = \"udp\"; domain = 42; template_interval = 2;
    packet_size = 1400; destinations = true;
    events = [\"sessions\", \"bindings\", \"port-blocks\", \"statics\", \"exhaustion\", \"quotas\"]; },
  { collector = \"$router4\"; port = $tcp; domain = 43; } ); };
limits = { subscriber_sessions = 20; };"
start_lab
conf=$lab_dir/isthmus.conf
cp "$conf" "$lab_dir/first.conf"

# --- collectors --------------------------------------------------------------------------------------

on router setsid tcpdump -q -n -U -s 0 -i eth0 -w "$lab_dir/wire.pcap" \
  "port $udp or port $tcp" >/dev/null 2>&1 </dev/null &
dump=$!
at_end end $dump
mkdir -p "$lab_dir/flows"
chmod 777 "$lab_dir/flows"
on router nfcapd -p $udp -b "$router4" -t 300 -w "$lab_dir/flows" >"$lab_dir/nfcapd.log" 2>&1 &
at_end end_on_router nfcapd
start_tcp_sink() {
  on router socat -u "TCP-LISTEN:$tcp,bind=$router4,reuseaddr" "OPEN:$lab_dir/tcp.raw,creat,append" || true &
}
start_tcp_sink
at_end end_on_router socat

# exporter INDEX FIELD: of "show export".
exporter() { json show export -- "answer['export'][$1]['$2']"; }
connected() { [ "$(exporter "$1" state)" = connected ]; }
wait_until 40 "the TCP collector to be called" connected 1
wait_until 10 "the UDP collector to be called" connected 0

# records PORT EXPRESSION: the records on the wire to that port for which the Python expression is
# true, each as tshark decodes it, sorted; `r` is a record.
records() { python3 "$(dirname "$0")/ipfix_records.py" "$lab_dir/wire.pcap" "$1" "$2"; }
has_record() { [ -n "$(records "$1" "$2")" ]; }
# one_record PORT NAME=VALUE...: waits for a record with these fields.
one_record() {
  local port=$1 wanted=True pair
  shift
  for pair in "$@"; do wanted+=" and r.get('${pair%%=*}') == '${pair#*=}'"; done
  wait_until 15 "a record of $*" has_record "$port" "$wanted" ||
    fail "no record with $*; there are: $(records "$port" True | tail -n 5)"
}

# --- sessions and bindings ---------------------------------------------------------------------------

echo6=$(synthesised "$echo4")
on client python3 "$echo_py" udp "echo.$domain" --source 5000 --count 1
outside=$(json show bindings inside "$client6" protocol udp -- \
  "next(r['outside'] for r in rows if r.get('inside_port') == 5000)")
port=$(json show bindings inside "$client6" protocol udp -- \
  "next(r['outside_port'] for r in rows if r.get('inside_port') == 5000)")
flow=(protocol=17 srcaddrv6="$client6" srcport=5000 post_natsource_ipv4_address="$outside"
  post_naptsource_transport_port="$port" nat_instanceid=1)
one_record $udp nat_event=10 "${flow[@]}"
one_record $udp nat_event=6 "${flow[@]}" dstaddrv6="$echo6" dstport=7 \
  post_natdestination_ipv4_address="$echo4" post_naptdestination_transport_port=7
# By default bindings only, and nobody's destination (RFC 6888 REQ-12).
one_record $tcp nat_event=10 "${flow[@]}"
same "$(records $tcp "'dstaddrv6' in r or r['nat_event'] in ('6', '7')")" "" "destinations by default"
ctl clear sessions >/dev/null
one_record $udp nat_event=7 "${flow[@]}" dstaddrv6="$echo6" dstport=7
one_record $udp nat_event=11 "${flow[@]}"
one_record $tcp nat_event=11 "${flow[@]}"
# The clock of the record is ours, within some seconds.
records $udp "r['nat_event'] == '6'" | python3 -c 'import datetime, json, re, sys, time
text = json.loads(sys.stdin.readline())["observation_time_milliseconds"]
when = datetime.datetime.strptime(re.sub(r"(\.\d{6})\d* .*$", r"\1", text), "%b %d, %Y %H:%M:%S.%f")
assert abs((datetime.datetime.utcnow() - when).total_seconds()) < 300, text'

# --- static bindings ---------------------------------------------------------------------------------

ctl add static protocol udp inside "$client6" 7000 outside 203.0.113.3:7000 >/dev/null
one_record $udp nat_event=10 protocol=17 srcaddrv6="$client6" srcport=7000 \
  post_natsource_ipv4_address=203.0.113.3 post_naptsource_transport_port=7000
ctl remove static protocol udp outside 203.0.113.3:7000 >/dev/null
one_record $udp nat_event=11 srcport=7000 post_natsource_ipv4_address=203.0.113.3
# Whole addresses are address bindings; an address that somebody has ports of cannot be had, nor one
# of which ports still rest, as of the client's own.
whole=203.0.113.4
[ "$outside" != $whole ] || whole=203.0.113.5
ctl clear bindings >/dev/null
ctl add static inside "$client6" outside $whole >/dev/null
one_record $udp nat_event=14 srcaddrv6="$client6" post_natsource_ipv4_address=$whole nat_instanceid=1
one_record $tcp nat_event=14 srcaddrv6="$client6" post_natsource_ipv4_address=$whole
ctl remove static outside $whole >/dev/null
one_record $udp nat_event=15 srcaddrv6="$client6" post_natsource_ipv4_address=$whole nat_instanceid=1

# --- what is refused ---------------------------------------------------------------------------------

# many_flows NS COUNT [FIRST]: that many UDP flows, nobody waits for answers.
many_flows() {
  on "$1" python3 -c 'import socket, sys
for port in range(int(sys.argv[3]), int(sys.argv[3]) + int(sys.argv[2])):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind(("::", port))
    s.sendto(b"x", (sys.argv[1], 7))
    s.close()' "$echo6" "$2" "${3:-10000}"
}
many_flows client 30
one_record $udp nat_event=13 nat_quota_exceeded_event=3 max_entries_per_user=20 \
  srcaddrv6="$client6" nat_instanceid=1
one_record $tcp nat_event=13 nat_quota_exceeded_event=3
ctl clear sessions >/dev/null

# set_pools LIST: the configuration with these pools, loaded.
set_pools() {
  sed "s|pools = (.*|pools = ( $1 ); }|" "$lab_dir/first.conf" >"$conf"
  ctl reload >/dev/null
}
main="{ name = \"main\"; addresses = [\"$pool\"]; ports = \"1024-65535\"; drain = true; }"
set_pools "$main, { name = \"tiny\"; addresses = [\"192.0.2.40\"]; ports = \"1024-1031\"; }"
many_flows client 12
one_record $udp nat_event=12 post_natsource_ipv4_address=192.0.2.40 protocol=17 nat_instanceid=1
# The pool was told to be filling up, too: 90 % of 8 ports are 7 (the element that tshark does not know
# yet is looked at in test/unit/export).
one_record $udp nat_event=18 nat_threshold_event=3 nat_pool_id=$((1 << 16 | 2)) nat_instanceid=1
# Another host finds nothing in any pool: instance 1, its second pool.
many_flows client2 1
one_record $udp nat_event=3 nat_pool_id=$((1 << 16 | 2)) nat_instanceid=1

# --- port blocks -------------------------------------------------------------------------------------

set_pools "$main, { name = \"blocks\"; addresses = [\"192.0.2.48/29\"]; allocation = \"blocks\"; block_size = 256; block_release_delay = 1; }"
many_flows client 3 20000
first=$(json show blocks -- "rows[0]['first_port']")
last=$(json show blocks -- "rows[0]['last_port']")
outside=$(json show blocks -- "rows[0]['outside']")
block=(srcaddrv6="${client6%::*}::" post_natsource_ipv4_address="$outside" port_range_start="$first"
  port_range_end="$last" nat_instanceid=1)
same "$((last - first))" 255 "ports of a block"
one_record $udp nat_event=16 "${block[@]}"
one_record $tcp nat_event=16 "${block[@]}"
ctl clear bindings >/dev/null
one_record $udp nat_event=17 "${block[@]}"
# Who is told of blocks is not told of their bindings, by default.
same "$(records $tcp "r.get('srcport', '').startswith('2000')")" "" "bindings of blocks"
[ -n "$(records $udp "r.get('srcport') == '20000'")" ] || fail "bindings asked for are not told"

# --- a dead collector --------------------------------------------------------------------------------

sed -e "s|domain = 43;|domain = 43; queue = 1024;|" -e "s|subscriber_sessions = 20|subscriber_sessions = 0|" \
  "$lab_dir/first.conf" >"$conf"
ctl reload >/dev/null
end_on_router socat
waiting() { [ "$(exporter 1 state)" != connected ]; }
start_tcp_sink
wait_until 40 "the TCP collector to be called again" connected 1
templates() {
  tshark -r "$lab_dir/wire.pcap" -d tcp.port==$tcp,cflow -Y "cflow.template_id && tcp" \
    -T fields -e frame.number 2>/dev/null | wc -l
}
templates_before=$(templates)
end_on_router socat
wait_until 40 "the loss of the collector to be seen" waiting
lost() { [ "$(exporter 1 lost)" -gt 0 ]; }
# Two events a flow, more than fit the queue, though a slow machine may drop some of the flows.
for first in 10000 12000 14000 16000; do
  many_flows client 1500 $first
  ctl clear bindings >/dev/null
  ! lost || break
done
# Traffic does not care.
on client python3 "$echo_py" udp "echo.$domain" --source 5001 --count 3
wait_until 20 "the loss to be counted" lost
same "$(exporter 1 queued)" 1024 "events that wait"
expect "$(cat "$lab_dir/isthmusd.log")" "export: ipfix $router4:$tcp tcp: events are lost"
start_tcp_sink
wait_until 60 "the TCP collector to be called again" connected 1
drained() { [ "$(exporter 1 queued)" = 0 ] && [ "$(exporter 1 records)" -ge 1024 ]; }
wait_until 10 "what waited to be sent" drained
more_templates() { [ "$(templates)" -gt "$templates_before" ]; }
wait_until 15 "templates on the new connection" more_templates
expect "$(ctl show export)" 'connected'

# --- nfdump ------------------------------------------------------------------------------------------

end_on_router nfcapd
nfdump -R "$lab_dir/flows" -o raw >"$lab_dir/nfdump.log" 2>&1
seen=$(cat "$lab_dir/nfdump.log")
expect "$seen" "$client6"
expect "$seen" "$echo4"
