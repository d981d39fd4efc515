# SPDX-License-Identifier: BSD-3-Clause
"""The test bed of scripts/rfc9693: isthmusd between two net_memif ports of test/bench/loadgen, in
namespaces of their own, so that nothing outlives the script."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

GATEWAY6, TESTER6 = '2001:db8:ffff:ffff::1', '2001:db8:ffff:ffff::2'
GATEWAY4, TESTER4 = '198.51.100.1', '198.51.100.2'
START_SECONDS = 60

CONFIG = '''cores = {{ workers = [{worker}]; control = {control}; idle = "{idle}"; }};
memory = {{ huge_pages = "{huge}"; megabytes = 512; buffers = 32768; }};
limits = {{ sessions = {sessions}; bindings = {sessions}; subscribers = {subscribers};
           subscriber_sessions = 0; subscriber_bindings = 0; }};
control = {{ socket = "{directory}/isthmus.sock"; }};
ports = (
  {{ name = "inside"; device = "{inside}"; mtu = 1500; addresses = ["{gateway6}/64"]; }},
  {{ name = "outside"; device = "{outside}"; mtu = 1500; addresses = ["{gateway4}/24"]; }}
);
routes = ( {{ prefix = "2001:db8::/33"; via = "{tester6}"; }},
           {{ prefix = "0.0.0.0/0"; via = "{tester4}"; }} );
nat64 = ( {{ name = "main"; prefixes = ["{prefix}"];
  pools = ( {{ name = "main"; addresses = ["203.0.113.0/24"]; ports = "1024-65535"; }} ); }} );
'''


class BedError(Exception):
    """A sentence for whoever started the script."""


def isolate(name='rfc9693'):
    """Runs the script again in namespaces; its end is the end of all that it starts."""
    if os.environ.get('ISTHMUS_RFC9693') == '1':
        for command in (['mkdir', '-p', '/run/dpdk'], ['mount', '-t', 'tmpfs', 'none', '/run/dpdk'],
                        ['mount', '-t', 'sysfs', 'none', '/sys'], ['mkdir', '-p', '/dev/hugepages'],
                        ['mount', '-t', 'hugetlbfs', 'none', '/dev/hugepages'], ['ip', 'link', 'set', 'lo', 'up']):
            subprocess.run(command, check=False, stderr=subprocess.DEVNULL)
        return
    if os.geteuid() != 0:
        print(f'{name}: needs root (network namespaces): run it with sudo', file=sys.stderr)
        sys.exit(1)
    os.environ['ISTHMUS_RFC9693'] = '1'
    os.execvp('unshare', ['unshare', '--net', '--ipc', '--mount', '--pid', '--fork', '--kill-child',
                          '--mount-proc', sys.executable, *sys.argv])


def mac(role, side):
    """Of a port: the gateway is the server."""
    return f'02:00:00:00:0{1 if role == "server" else 2}:0{side}'


def memif(role, side, directory, rsize):
    return (f'net_memif{side},role={role},id=0,socket={directory}/{side}.sock,socket-abstract=no,'
            f'rsize={rsize},mac={mac(role, side)}')


def involuntary_switches(pid):
    """How often threads of a process were taken from their CPU."""
    total = 0
    for status in pathlib.Path(f'/proc/{pid}/task').glob('*/status'):
        found = re.search(r'nonvoluntary_ctxt_switches:\s+(\d+)', status.read_text())
        total += int(found.group(1)) if found else 0
    return total


def make_realtime(task):
    os.sched_setscheduler(task, os.SCHED_FIFO, os.sched_param(10))


def tasks_on(pid, cpu):
    """Threads of a process that may run on this CPU only; its first one is left out."""
    tasks = [int(task) for task in os.listdir(f'/proc/{pid}/task')]
    return [task for task in tasks if task != pid and os.sched_getaffinity(task) == {cpu}]


class Bed:
    """Gateway and tester, running. `options`: those of the script."""
    prefix = '64:ff9b:1:fffe::/96'
    tester_words = ()  # more options of the tester's
    missing = 0        # part of the flows that may fail to come through, however often they try

    def __init__(self, options):
        self.options = options
        self.tester = None
        self.last_words = ''
        self.directory = tempfile.mkdtemp(prefix='rfc9693-')
        self.log = open(f'{self.directory}/log', 'w+', encoding='utf-8')
        self.gateway = None
        try:
            self.config = self.write_config()
            self.start_gateway()
        except BedError:
            self.stop()
            raise

    def start_gateway(self):
        self.gateway = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log)
        self.wait_for_gateway()
        if self.options.realtime:
            for task in self.busy_tasks():
                make_realtime(task)

    # What others than isthmusd do in their own way (scripts/nat64_peers).

    def command(self):
        return [f'{self.options.build}/app/isthmusd/isthmusd', '-c', f'{self.directory}/isthmus.conf']

    def busy_tasks(self):
        """Threads that translate."""
        return tasks_on(self.gateway.pid, self.options.worker)

    def tester_place(self):
        """A command that runs another one where the tester's ports are."""
        return []

    def write_config(self):
        o = self.options
        text = CONFIG.format(
            worker=o.worker, control=o.control, idle=o.idle, sessions=o.sessions, huge=o.huge_pages,
            subscribers=2 * o.sessions // o.ports + 1024, directory=self.directory,
            inside=o.inside_device or memif('server', 0, self.directory, o.rsize),
            outside=o.outside_device or memif('server', 1, self.directory, o.rsize),
            prefix=self.prefix, gateway6=GATEWAY6, gateway4=GATEWAY4, tester6=TESTER6, tester4=TESTER4)
        pathlib.Path(f'{self.directory}/isthmus.conf').write_text(text, encoding='utf-8')
        return text

    def ctl(self, *words):
        """The answer of isthmusctl, or None if there is none."""
        done = subprocess.run(
            [f'{self.options.build}/app/isthmusctl/isthmusctl', '-s',
             f'{self.directory}/isthmus.sock', '--json', *words],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, text=True)
        return json.loads(done.stdout.splitlines()[0]) if done.returncode == 0 else None

    def wait_for_gateway(self):
        end = time.monotonic() + START_SECONDS
        while self.ctl('show', 'version') is None:
            if self.gateway.poll() is not None or time.monotonic() > end:
                raise BedError(f'isthmusd did not start:\n{self.log_text()}')
            time.sleep(0.1)

    def log_text(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text(encoding='utf-8')[-3000:]

    def start_tester(self, frame):
        """A tester that sends frames of this kind, in place of any that runs."""
        self.stop_tester()
        o = self.options
        devices = o.tester_eal or ['--no-pci', '--vdev', memif('client', 0, self.directory, o.rsize),
                                   '--vdev', memif('client', 1, self.directory, o.rsize)]
        memory = [] if o.huge_pages == 'on' else ['--no-huge', '--no-shconf', '-m', '512']
        self.tester = subprocess.Popen(
            [*self.tester_place(), f'{o.build}/test/bench/loadgen', '--lcores', f'0@{o.tester}', '--no-telemetry',
             '--log-level', 'warning', '--file-prefix', 'loadgen', *memory, *devices, '--',
             '--prefix', self.prefix, '--flows', str(o.most_flows), '--ports', str(o.ports), '--remotes', str(o.remotes),
             '--frame', frame, *self.tester_words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        # The gateway has to find the tester's link addresses too, which takes its control core.
        for _ in range(50):
            if self.run('throughput flows=1 rate=20 seconds=0.1 direction=6to4')['6to4']['received']:
                break
        else:
            raise BedError(f'no packet came through the gateway:\n{self.log_text()}')
        if o.realtime:
            make_realtime(self.tester.pid)

    def run(self, command):
        """Has the tester run one trial."""
        if self.options.realtime:
            # The kernel takes 50 ms of each second from real-time threads, unless they leave as much.
            time.sleep(0.1)
        try:
            self.tester.stdin.write(command + '\n')
            self.tester.stdin.flush()
            answer = self.tester.stdout.readline()
        except BrokenPipeError:
            answer = ''
        if not answer:
            raise BedError(f'the load generator ended at "{command}":\n{self.log_text()}')
        return json.loads(answer)

    def clear(self):
        """Ends all sessions; how many there were, and how long it took."""
        start = time.monotonic()
        answer = self.ctl('clear', 'sessions')
        seconds = time.monotonic() - start
        self.run('forget')
        return (answer or {}).get('cleared', 0), seconds

    def switches(self):
        return {'gateway': involuntary_switches(self.gateway.pid),
                'tester': involuntary_switches(self.tester.pid)}

    def stop_tester(self):
        if self.tester:
            self.tester.stdin.close()
            try:
                self.tester.wait(5)
            except subprocess.TimeoutExpired:
                self.tester.kill()
                self.tester.wait()
            self.tester = None

    def stop(self):
        """Whether the gateway ended as it should; otherwise `last_words` says what it said."""
        self.stop_tester()
        if self.gateway is None:
            shutil.rmtree(self.directory)
            return False
        self.gateway.terminate()
        try:
            self.gateway.wait(60)
        except subprocess.TimeoutExpired:
            self.gateway.kill()
            self.gateway.wait()
        self.last_words = self.log_text()
        self.log.close()
        shutil.rmtree(self.directory)
        return self.gateway.returncode == 0
