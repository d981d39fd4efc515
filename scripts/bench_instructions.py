#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Instructions a packet of benchmark scenarios, under callgrind.

usage: bench_instructions.py append|check DATAPLANE_BENCH CSV LABEL [SCENARIO...]

Counts what runs inside Worker::poll_once() (of `io` and `bare`: in what stands in its place), without
the benchmark's writing of frames and looking at them. Two runs of different length are subtracted, so
that setting up does not count. "append" adds lines to CSV; "check" compares with the last ones there
and fails if a scenario takes more than 3 in 100 more instructions.
"""
import csv
import os
import re
import subprocess
import sys
import tempfile

SESSIONS, SHORT, LONG = 1000, 16000, 48000  # multiples of a burst and of a wave of connections
TOLERANCE = 1.03
SCENARIOS = ['io', 'bare', 'siit_6to4', 'siit_4to6', 'nat64_6to4', 'nat64_4to6', 'nat64_setup',
             'nat64_expiry', 'nat64_tcp_cps', 'nat64_fragments', 'nat64_icmp_errors']
OURS = {'io': 'Gateway::io()', 'bare': 'Gateway::bare()'}
NOT_COUNTED = ['isthmus::bench::Port::write(rte_mbuf**, unsigned short)',
               'isthmus::bench::Port::look(rte_mbuf**, unsigned short)']


def instructions(bench, scenario, packets):
    # What sets a session up is not repeated: of it the table's size is the length.
    sessions, packets = (packets, 64) if scenario == 'nat64_setup' else (SESSIONS, packets)
    counted = (f'isthmus::bench::{OURS[scenario]}' if scenario in OURS
               else 'isthmus::dataplane::Worker::poll_once()')
    with tempfile.TemporaryDirectory() as scratch:
        command = ['valgrind', '--tool=callgrind', f'--callgrind-out-file={scratch}/out',
                   '--collect-atstart=no',
                   *(f'--toggle-collect={name}' for name in [counted, *NOT_COUNTED]),
                   bench, '--no-huge', f'--sessions={sessions}', '--runs=1',
                   f'--packets={packets}', f'--only={scenario}']
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r'Collected : (\d+)', done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f'{" ".join(command)}:\n{done.stdout}{done.stderr}')
    return int(found.group(1))


def latest(path):
    if not os.path.exists(path):
        return {}
    with open(path, encoding='ascii') as file:
        return {row['scenario']: (row['commit'], float(row['instructions_per_packet']))
                for row in csv.DictReader(file)}


def append(path, label, scenario, count):
    fresh = not os.path.exists(path)
    with open(path, 'a', encoding='ascii') as file:
        if fresh:
            file.write('commit,scenario,sessions,instructions_per_packet\n')
        sessions = '' if scenario == 'nat64_setup' else SESSIONS
        file.write(f'{label},{scenario},{sessions},{count:.1f}\n')


def main():
    if len(sys.argv) < 5 or sys.argv[1] not in ('append', 'check'):
        sys.exit(__doc__)
    mode, bench, path, label = sys.argv[1:5]
    before = latest(path)
    worse = False
    for scenario in sys.argv[5:] or SCENARIOS:
        difference = instructions(bench, scenario, LONG) - instructions(bench, scenario, SHORT)
        count = difference / (LONG - SHORT)
        commit, was = before.get(scenario, ('-', None))
        is_worse = was is not None and count > was * TOLERANCE
        print(f'{scenario:<18} {count:8.1f}' + (f'  {was:8.1f} at {commit}' if was else '')
              + ('  MORE' if is_worse else ''), flush=True)
        worse |= is_worse
        if mode == 'append':
            append(path, label, scenario, count)
    return 1 if mode == 'check' and worse else 0


sys.exit(main())
