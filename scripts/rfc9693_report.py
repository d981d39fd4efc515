# SPDX-License-Identifier: BSD-3-Clause
"""Text, JSON and SVG of what scripts/rfc9693 found."""
import json
import os
import pathlib
import re
import subprocess


def output(*command, cwd=None):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
                          text=True, cwd=cwd)
    return done.stdout.strip()


def facts(options, root):
    cpu = re.search(r'model name\s*: (.*)', pathlib.Path('/proc/cpuinfo').read_text(encoding='utf-8'))
    daemon = output(f'{options.build}/app/isthmusd/isthmusd', '--version')
    return {
        'machine': f'{cpu.group(1) if cpu else "unknown"}, {os.cpu_count()} CPUs, '
                   f'kernel {os.uname().release}',
        'dpdk': output('pkg-config', '--modversion', 'libdpdk'),
        'commit': output('git', '-c', 'safe.directory=*', 'describe', '--always', '--dirty',
                         '--abbrev=12', cwd=root),
        'isthmusd': ', '.join(' '.join(line.split()) for line in daemon.splitlines()),
        'placement': f'worker on CPU {options.worker}, control on {options.control}, tester on '
                     f'{options.tester}; idle worker: {options.idle}'
                     f'{"; worker and tester real-time" if options.realtime else ""}',
        'link': 'network cards' if options.inside_device else
                f'net_memif, {1 << options.rsize} slots, one queue, copies each frame',
        'traffic': f'UDP, {options.flows} flows in pseudorandom order, {options.ports} ports a host, '
                   f'{options.remotes} remotes a port',
        'trials': f'{options.seconds} s each, repeated {options.repeat} times, medians; loss '
                  f'allowed: {options.loss}',
        'load_at_start': os.getloadavg(),
    }


def table(rows, columns):
    """columns: (heading, key, format)."""
    cells = [[heading for heading, _, _ in columns]]
    cells += [[format(row[key], form) for _, key, form in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        print('  ' + '  '.join(cell.rjust(width) for cell, width in zip(line, widths)))


COLUMNS = {
    'establish': ('Maximum connection establishment rate, validated (RFC 9693)', [
        ('flows', 'flows', 'd'), ('connections/s', 'connections_per_second', ',.0f'),
        ('bound by', 'bound', '')]),
    'teardown': ('Connection tear-down ("clear sessions"; RFC 9693)', [
        ('sessions', 'sessions', 'd'), ('seconds', 'seconds', '.3f'),
        ('sessions/s', 'sessions_per_second', ',.0f')]),
    'throughput': ('Throughput (RFC 2544 26.1, RFC 8219 7.1)', [
        ('frame', 'frame', ''), ('direction', 'direction', ''),
        ('frames/s each way', 'frames_per_second_each_way', ',.0f'),
        ('frames/s', 'frames_per_second', ',.0f'), ('bound by', 'bound', '')]),
    'loss': ('Frame loss (RFC 2544 26.3), in percent of the throughput above', [
        ('frame', 'frame', ''), ('direction', 'direction', ''), ('%', 'percent', 'd'),
        ('wanted/s each way', 'rate', ',.0f'), ('offered/s', 'offered', ',.0f'),
        ('sent', 'sent', ',d'), ('lost', 'lost', ',d'),
        ('loss %', 'loss_percent', '.4f')]),
    'latency': ('Latency (typical p50, worst case p99.9) and PDV, microseconds (RFC 8219 7.2, 7.3.1)', [
        ('frame', 'frame', ''), ('direction', 'direction', ''), ('way', 'way', ''),
        ('%', 'percent', 'd'), ('frames/s', 'rate', ',.0f'), ('min', 'min_us', '.1f'),
        ('p50', 'p50_us', '.1f'), ('p90', 'p90_us', '.1f'), ('p99', 'p99_us', '.1f'),
        ('p99.9', 'p99_9_us', '.1f'), ('max', 'max_us', '.1f'), ('PDV', 'pdv_us', '.1f'),
        ('lost', 'lost', 'd')]),
    'capacity': ('Capacity of the connection tracking table (RFC 9693)', [
        ('configured', 'configured', 'd'), ('held and validated', 'held_and_validated', 'd'),
        ('too many', 'too_many', 'd')]),
}


def print_report(results):
    for name, value in results['facts'].items():
        print(f'{name:<14} {value if isinstance(value, str) else " ".join(f"{v:.1f}" for v in value)}')
    noise = results['noise']
    taken = noise['taken_from_cpu']
    print(f'{"noise":<14} threads taken from their CPU: gateway {taken["gateway"]}, tester '
          f'{taken["tester"]} times; trials repeated because the tester was late: '
          f'{noise["late_trials"]}')
    for name, rows in results['procedures'].items():
        heading, columns = COLUMNS[name]
        print(f'\n{heading}')
        table(rows, columns)


def write_json(path, results):
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(results, file, indent=1)
        file.write('\n')


WIDTH, HEIGHT, LEFT, TOP = 460, 260, 70, 40
COLOURS = {'6to4': '#1b6ca8', '4to6': '#c8553d', 'both': '#3a7d44'}


def svg_chart(left, title, x_label, y_label, lines):
    """lines: {name: [(x, y)]}; both axes from 0."""
    points = [point for line in lines.values() for point in line]
    x_end = max([x for x, _ in points], default=1) or 1
    y_end = max([y for _, y in points], default=1) or 1

    def place(x, y):
        return f'{left + x / x_end * WIDTH:.1f},{TOP + HEIGHT - y / y_end * HEIGHT:.1f}'

    out = [f'<text x="{left}" y="{TOP - 16}" font-weight="bold">{title}</text>',
           f'<path d="M{left},{TOP}V{TOP + HEIGHT}H{left + WIDTH}" fill="none" stroke="#444"/>',
           f'<text x="{left + WIDTH / 2}" y="{TOP + HEIGHT + 36}" text-anchor="middle">{x_label}</text>',
           f'<text x="{left}" y="{TOP - 2}" font-size="10">{y_label}</text>']
    for part in range(5):
        x, y = x_end * part / 4, y_end * part / 4
        out.append(f'<text x="{place(x, 0).split(",")[0]}" y="{TOP + HEIGHT + 16}" '
                   f'text-anchor="middle" font-size="10">{x:.3g}</text>')
        out.append(f'<text x="{left - 6}" y="{place(0, y).split(",")[1]}" text-anchor="end" '
                   f'font-size="10">{y:.3g}</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS.get(name.split()[-1], '#777')
        path = ' '.join(place(x, y) for x, y in sorted(line))
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        out += [f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>'
                for x, y in (p.split(',') for p in path.split())]
        out.append(f'<text x="{left + 14}" y="{TOP + 14 + 14 * number}" fill="{colour}" '
                   f'font-size="11">{name}</text>')
    return out


def write_svg(path, results):
    """Loss over offered rate, and delay at half of the throughput over the percentile."""
    loss, delay = {}, {}
    for row in results['procedures'].get('loss', []):
        loss.setdefault(f'{row["frame"]} {row["direction"]}', []).append(
            (row['offered'] / 1e6, row['loss_percent']))
    for row in results['procedures'].get('latency', []):
        if row['percent'] == 50 and row['direction'] != 'both':
            delay[f'{row["frame"]} {row["direction"]}'] = [
                (50, row['p50_us']), (90, row['p90_us']), (99, row['p99_us']), (99.9, row['p99_9_us'])]
    told = results['facts']
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="1120" height="400" '
           'font-family="sans-serif" font-size="12">', '<rect width="1120" height="400" fill="white"/>',
           *svg_chart(LEFT, 'Frame loss', 'offered, M frames/s', '%', loss),
           *svg_chart(2 * LEFT + WIDTH + 40, 'Delay at half of the throughput', 'percentile', 'us',
                      delay),
           f'<text x="{LEFT}" y="360" font-size="10" fill="#555">{told["machine"]}; DPDK '
           f'{told["dpdk"]}; {told["commit"]}; {told["link"]}; {told["traffic"]}</text>', '</svg>']
    pathlib.Path(path).write_text('\n'.join(out) + '\n', encoding='utf-8')
