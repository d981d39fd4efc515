#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Instructions a packet of one benchmark scenario, under callgrind.

usage: bench_instructions.py DATAPLANE_BENCH SCENARIO SCRATCH_FILE

Counts what runs inside Worker::poll_once(), without the benchmark's writing of frames. Two runs of
different length are subtracted, so that setting up does not count.
"""
import re
import subprocess
import sys

SHORT, LONG = 10240, 40960
TOGGLES = ['isthmus::dataplane::Worker::poll_once()',
           'isthmus::bench::Port::write(rte_mbuf**, unsigned short)']


def instructions(bench, scenario, packets, scratch):
    command = ['valgrind', '--tool=callgrind', f'--callgrind-out-file={scratch}',
               '--collect-atstart=no', *(f'--toggle-collect={name}' for name in TOGGLES),
               bench, '--no-huge', '--sessions=1000', '--runs=1', f'--packets={packets}',
               f'--only={scenario}']
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r'Collected : (\d+)', done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f'{" ".join(command)}:\n{done.stderr}')
    return int(found.group(1))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    bench, scenario, scratch = sys.argv[1:]
    difference = (instructions(bench, scenario, LONG, scratch)
                  - instructions(bench, scenario, SHORT, scratch))
    print(f'{difference / (LONG - SHORT):.1f}')


main()
