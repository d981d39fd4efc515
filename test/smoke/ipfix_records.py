# SPDX-License-Identifier: BSD-3-Clause
"""usage: ipfix_records.py PCAP PORT EXPRESSION

Prints the IPFIX records to that port for which the Python expression is true, each as tshark decodes
it, as JSON with sorted keys; `r` is a record.
"""
import json
import subprocess
import sys

pcap, port, wanted = sys.argv[1:4]
SKIP = {'cflow.timestamp', 'cflow.len'}


def flows(tree):
    """Every dictionary that has a natEvent: one for each record."""
    if isinstance(tree, dict):
        if 'cflow.nat_event' in tree:
            yield tree
        else:
            for value in tree.values():
                yield from flows(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from flows(value)


def keep_all(pairs):
    """JSON of tshark has the same key many times: none shall hide another."""
    out = {}
    for key, value in pairs:
        out[f'{key}#{len(out)}' if key in out else key] = value
    return out


text = subprocess.run(
    ['tshark', '-r', pcap, '-d', f'udp.port=={port},cflow', '-d', f'tcp.port=={port},cflow',
     '-Y', f'cflow && (udp.dstport=={port} || tcp.dstport=={port})', '-T', 'json'],
    capture_output=True, text=True, check=True).stdout
for r in flows(json.loads(text or '[]', object_pairs_hook=keep_all)):
    r = {key.removeprefix('cflow.'): value for key, value in r.items() if isinstance(value, str)}
    if eval(wanted):
        print(json.dumps(r, sort_keys=True))
