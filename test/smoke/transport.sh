#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# UDP and TCP both ways, bytes compared; iperf3 in both directions.
. "$(dirname "$0")/init.sh"
start_lab

for size in 1 100 1400 1452; do
  on client python3 "$echo_py" udp "echo.$domain" --size $size --count 20
done
on client python3 "$echo_py" tcp "echo.$domain" --size 100000 --count 100
# A well-known source port, and the same one again right after: the binding serves both.
on client python3 "$echo_py" udp "echo.$domain" --source 500 --count 3
on client python3 "$echo_py" udp "far.$domain" --source 500 --count 3

on client iperf3 -c "echo.$domain" -t 1 >"$lab_dir/iperf.out"
on client iperf3 -c "echo.$domain" -t 1 -R >"$lab_dir/iperf-r.out"
on client iperf3 -c "echo.$domain" -t 1 -u -b 10M >"$lab_dir/iperf-u.out"
expect "$(cat "$lab_dir/iperf-u.out")" 'receiver'
