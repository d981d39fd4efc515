#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# scripts/rfc9693 from start to end: at rates that any machine keeps up with every packet is translated,
# and each procedure has its figures. How fast it was is not looked at.
set -euo pipefail
smoke_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$smoke_root/scripts/common.sh"
[ "$(id -u)" = 0 ] || { say "skipped: needs root"; exit 77; }
[ -n "${ISTHMUS_BUILD:-}" ] || die "set ISTHMUS_BUILD to the build directory"

where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
"$smoke_root/scripts/rfc9693" --build "$ISTHMUS_BUILD" --quick --idle yield --limit 300 --drain 10 \
  --sessions 1024 --flows 200 --max-rate 2000 --safe-rate 4000 --steps 1 \
  --json "$where/report.json" --svg "$where/report.svg" >"$where/report.txt"
cat "$where/report.txt"
grep -q 'Throughput (RFC 2544' "$where/report.txt"

python3 - "$where" <<'PY'
import json, pathlib, sys, xml.dom.minidom
where = pathlib.Path(sys.argv[1])
report = json.loads((where / 'report.json').read_text())
found = report['procedures']
assert list(found) == ['establish', 'teardown', 'throughput', 'loss', 'latency', 'capacity'], found
for row in found['loss']:
    assert row['sent'] > 0 and row['lost'] == 0, row
assert [row['direction'] for row in found['throughput']] == ['6to4', '4to6', 'both']
for row in found['latency']:
    assert 0 < row['min_us'] <= row['p50_us'] <= row['p99_9_us'] <= row['max_us'], row
    assert row['lost'] == 0 and row['pdv_us'] >= 0, row
assert found['teardown'][0]['sessions'] == 200, found['teardown']
assert found['capacity'][0]['held_and_validated'] >= 512, found['capacity']
for name in ('machine', 'dpdk', 'commit', 'placement', 'link', 'traffic', 'trials'):
    assert report['facts'][name], name
assert 'net_memif' in report['configuration']
assert len(xml.dom.minidom.parse(str(where / 'report.svg')).getElementsByTagName('polyline')) == 5
PY
