#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Metrics as Prometheus meets them: the text is what promtool calls good, a real server scrapes it and
# answers questions about traffic, the alert rules are valid.
. "$(dirname "$0")/init.sh"
for tool in promtool prometheus; do
  command -v "$tool" >/dev/null || skip "needs $tool (scripts/setup lab)"
done
export LAB_OPTIONS='metrics = { listen = "127.0.0.1:9464"; };
export = { files = ( { path = "/dev/null"; } ); };'
export LAB_DPDK_TELEMETRY=1
start_lab
on client curl -sS -m 10 -o /dev/null "http://www.$domain/"
scrape() { on gateway curl -sS -m 10 http://127.0.0.1:9464/metrics; }

text=$(scrape)
promtool check metrics <<<"$text" || fail "promtool does not like the metrics"
expect "$text" '^isthmus_build_info\{version="[^"]+"\} 1$'
expect "$text" '^isthmus_port_up\{port="inside"\} 1$'
expect "$text" '^isthmus_nat64_6to4_packets_total\{worker="0"\} [1-9]'
expect "$text" '^isthmus_pool_ports_used\{nat64="main",pool="main",protocol="tcp"\} [1-9]'
expect "$text" '^isthmus_export_up\{kind="file",collector="/dev/null"\} [01]$'
expect "$text" '^isthmus_sessions\{worker="0"\} [1-9]'
expect "$text" '^isthmus_dns64_[a-z0-9_]+ [1-9]'
expect "$text" '^isthmus_dns64_answer_seconds_bucket\{le="\+Inf"\} [1-9]'
expect "$text" '^isthmus_dns64_answer_seconds_sum '
expect "$text" '^isthmus_worker_burst_packets_count\{worker="0"\} [1-9]'
expect "$text" '^isthmus_worker_packet_cycles_bucket\{worker="0",le="\+Inf"\} [1-9]'
expect "$text" '^isthmus_event_ring_events_limit\{worker="0"\} [1-9]'
expect "$text" '^isthmus_ring_packets_limit\{ring="punt",worker="0"\} 1023$'
# Each packet is in both of a worker's histograms; one that comes while they are read may not be in all.
histograms_agree() {
  scrape | python3 -c 'import re, sys
text = sys.stdin.read()
value = lambda name: int(re.search(rf"(?m)^{name}{{worker=\"0\"}} (\d+)", text).group(1))
assert value("isthmus_worker_burst_packets_sum") == value("isthmus_worker_packets_total")
assert value("isthmus_worker_packet_cycles_count") == value("isthmus_worker_packets_total")
assert value("isthmus_worker_burst_packets_count") == value("isthmus_worker_busy_loops_total")'
}
wait_until 5 "histograms to hold as many packets as were counted" histograms_agree

# Every counter and drop reason of the command line is there, too.
for name in $(json show counters all -- '" ".join(c["name"] for c in answer["counters"])'); do
  expect "$text" "^isthmus_${name//-/_}_total\{"
done
for reason in $(json show drops all -- '" ".join(d["reason"] for d in answer["drops"])'); do
  expect "$text" "^isthmus_dropped_packets_total\{reason=\"$reason\",worker=\"0\"\}"
done

# The dashboard and the rules ask for what there is.
for name in $(grep -ohE 'isthmus_[a-z0-9_]+' "$smoke_root"/doc/examples/{grafana-dashboard.json,prometheus-alerts.yml} |
  sort -u); do
  expect "$text" "^# TYPE ${name%_bucket} "
done
python3 -m json.tool "$smoke_root/doc/examples/grafana-dashboard.json" >/dev/null

promtool check rules "$smoke_root/doc/examples/prometheus-alerts.yml"
cat >"$lab_dir/prometheus.yml" <<YML
global: { scrape_interval: 1s }
rule_files: ["$smoke_root/doc/examples/prometheus-alerts.yml"]
scrape_configs: [{ job_name: isthmus, static_configs: [{ targets: ["127.0.0.1:9464"] }] }]
YML
promtool check config "$lab_dir/prometheus.yml"
on gateway prometheus --config.file="$lab_dir/prometheus.yml" --storage.tsdb.path="$lab_dir/tsdb" \
  --web.listen-address=127.0.0.1:9090 >"$lab_dir/prometheus.log" 2>&1 &
at_end end $!
# query EXPRESSION: the values of its series.
query() {
  on gateway curl -sS -m 5 -G http://127.0.0.1:9090/api/v1/query --data-urlencode "query=$1" |
    python3 -c 'import json, sys
print(*[r["value"][1] for r in json.load(sys.stdin)["data"]["result"]])'
}
scraped() { [ "$(query 'up{job="isthmus"}')" = 1 ]; }
wait_until 60 "Prometheus' first scrape" scraped
same "$(query 'sum(isthmus_port_up)')" 3 "ports that are up, by Prometheus"
expect "$(query 'sum(isthmus_nat64_6to4_packets_total)')" '^[1-9]'

# The same by DPDK's telemetry socket, as dpdk-telemetry.py asks it.
cat >"$lab_dir/telemetry.py" <<'PY'
import json, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
    s.connect(sys.argv[1])
    s.recv(1024)  # who answers
    for command in sys.argv[2:]:
        s.send(command.encode())
        print(json.dumps(json.loads(s.recv(1 << 16))[command.split(',')[0]]))
PY
telemetry() {
  on gateway python3 "$lab_dir/telemetry.py" \
    "/var/run/dpdk/isthmus-$(cat "$lab_dir/isthmusd.pid")/dpdk_telemetry.v2" "$@"
}
for name in workers counters drops rings; do
  expect "$(telemetry /)" "\"/isthmus/$name\""
done
field() { python3 -c 'import json, sys; print(eval(sys.argv[1], {"d": json.load(sys.stdin)}))' "$1"; }
packets=$(query 'sum(isthmus_nat64_6to4_packets_total)')
expect "$(telemetry /isthmus/counters | field 'd["nat64_6to4_packets"]')" '^[1-9]'
[ "$(telemetry /isthmus/counters,0 | field 'd["nat64_6to4_packets"]')" -ge "$packets" ] ||
  fail "telemetry counts less than Prometheus was told"
same "$(telemetry /isthmus/counters | field 'len(d)')" "$(json show counters all -- 'len(answer["counters"])')" \
  "counters by telemetry"
same "$(telemetry /isthmus/drops | field 'len(d)')" "$(json show drops all -- 'len(answer["drops"])')" \
  "drop reasons by telemetry"
expect "$(telemetry /isthmus/workers | field 'd["0"]["packets"]')" '^[1-9]'
same "$(telemetry /isthmus/rings | field 'd["punt/0"]["capacity"]')" 1023 "places of a ring"
same "$(telemetry /isthmus/counters,1 | field 'd')" None "counters of a worker that there is not"

# Nothing listens where nothing was asked for, and an address that is taken is told.
sed 's/127.0.0.1:9464/localhost/' "$lab_dir/isthmus.conf" >"$lab_dir/wrong.conf"
status=0
answer=$("$ISTHMUS_BUILD/app/isthmusd/isthmusd" --check-config -c "$lab_dir/wrong.conf" 2>&1) || status=$?
[ "$status" = 2 ] || fail "a wrong metrics.listen was taken: $answer"
expect "$answer" 'metrics.listen: found "localhost", expected an address and a port'
