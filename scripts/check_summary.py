#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Adds up meson's test logs and ends with the line "N passed, N failed".

usage: check_summary.py FAILED_BUILDS LOG.json...
       check_summary.py --failed LOG.json    names of the tests that failed, a line each

A Catch2 program counts as its test cases, any other test as one. A log that is missing counts as a
failure: tests that did not run have not passed. A test of a log "...-again.json" has run before; what
it says now counts, and that it needed a second try is said.
"""
import json
import re
import sys

# Catch2's closing line, in the forms for all passed and for some failed.
ALL_PASSED = re.compile(r'All tests passed \(\d+ assertions? in (\d+) test cases?\)')
SOME_FAILED = re.compile(r'test cases: +(\d+)([^\n]*)')


def catch2_counts(output):
    """(passed, failed, skipped) of a Catch2 program, or None."""
    match = ALL_PASSED.search(output)
    if match:
        return int(match.group(1)), 0, 0
    match = SOME_FAILED.search(output)
    if not match:
        return None
    part = {word: int(number)
            for number, word in re.findall(r'(\d+) (passed|failed|skipped)', match.group(2))}
    return part.get('passed', 0), part.get('failed', 0), part.get('skipped', 0)


def count(test):
    """(passed, failed, skipped) of one entry of meson's log."""
    result = test['result']
    if result == 'SKIP':
        return 0, 0, 1
    counts = catch2_counts(test.get('stdout') or '')
    if result in ('OK', 'EXPECTEDFAIL'):
        return counts or (1, 0, 0)
    passed, failed, skipped = counts or (0, 0, 0)
    return passed, max(failed, 1), skipped


def read(log):
    try:
        with open(log, encoding='utf-8') as file:
            return [json.loads(line) for line in file if line.strip()]
    except OSError as error:
        print(f'no results: {error}')
        return []


def report(test):
    """Of a test that failed: the end of its output, and before it the lines that say so."""
    output = ((test.get('stdout') or '') + (test.get('stderr') or '')).splitlines()
    print(f"\n--- {test['name']}: {test['result']}, the end of its output:")
    print('\n'.join(line for line in output[:-60] if re.match(r'(FAIL|not ok)', line)))
    print('\n'.join(output[-60:]))


def main():
    if sys.argv[1] == '--failed':
        for test in read(sys.argv[2]):
            if count(test)[1]:
                print(test['name'].split(' / ')[-1])
        return
    failed_builds, logs = int(sys.argv[1]), sys.argv[2:]
    totals, failures = [0, failed_builds, 0], []
    if failed_builds:
        failures.append(f'{failed_builds} build(s)')
    again = {test['name']: test for log in logs if log.endswith('-again.json') for test in read(log)}
    for log in logs:
        if log.endswith('-again.json'):
            continue
        tests = read(log)
        if not tests:
            totals[1] += 1
            failures.append(f'{log}: no test ran')
        for test in tests:
            if count(test)[1] and test['name'] in again:
                report(test)
                test = again[test['name']]
                print(f"{test['name']}: second try, alone: {test['result']}")
            counts = count(test)
            totals = [total + more for total, more in zip(totals, counts)]
            if counts[1]:
                failures.append(f"{test['name']} ({test['result']})")
                report(test)
    if failures:
        print('\nfailed: ' + ', '.join(failures))
    skipped = f', {totals[2]} skipped' if totals[2] else ''
    print(f'{totals[0]} passed, {totals[1]} failed{skipped}')
    sys.exit(1 if totals[1] else 0)


main()
