#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""steered.py STEERING WORKERS: from what isthmusctl said in JSON, whether the cards took each packet to its owner."""
import json
import pathlib
import sys

RUNG = 'compiled key'


def main():
    steering, workers = (json.loads(pathlib.Path(name).read_text()) for name in sys.argv[1:])
    wrong = []
    for port in steering['steering']:
        print(f"  {port['port']}: {port['rung']}, {port['mode4']}; {port['received']} packets received, "
              f"{port['handed_off']} handed off, {port['mismatched']} mismatched")
        if not port['rung'].startswith(RUNG):
            wrong.append(f"{port['port']}: not on the rung '{RUNG}'")
        if port['handed_off'] or port['mismatched'] or not port['received']:
            wrong.append(f"{port['port']}: packets were handed off, or there were none")
    packets = [worker['packets'] for worker in workers['workers']]
    print('  packets by worker:', *packets)
    if len(packets) < 2 or min(packets) * 10 * len(packets) < sum(packets):
        wrong.append('a worker has less than a tenth of its share')
    print(*(f'  WRONG: {what}' for what in wrong), sep='\n', end='\n' if wrong else '')
    return 1 if wrong else 0


sys.exit(main())
