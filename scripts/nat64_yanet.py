# SPDX-License-Identifier: BSD-3-Clause
"""YANET's nat64stateful in isthmusd's place, for scripts/nat64_peers: the same rings of shared memory (memif), one
worker. Built from its sources (https://github.com/yanet-platform/yanet) with the DPDK, chash and PcapPlusPlus of the
same owner in subprojects/, for the processor it runs on (-march=native, LTO):

    meson setup build && ninja -C build dataplane/yanet-dataplane controlplane/yanet-controlplane cli/yanet-cli

It is made for servers with network cards. To run here, its sources have to be changed where they
  * take ports by PCI address only (dataplane.cpp: no allow list for names that begin with "net_"; a port whose MTU
    cannot be set is no error) and leave net/memif out of DPDK (meson.build);
  * refuse a second port of the same worker, core numbers that the machine does not have, and `--lcores`;
  * poll without rest in the slow worker and the garbage collector, which share the tester's CPU here (100 us naps);
  * make tables that nat64stateful does not use as large as for all its modules (common/config.release.h), for which
    4.5 GB would not be enough.
Of chash, which its balancer uses, and PcapPlusPlus, which writes dumps, no more is needed than what links.

It takes its memory as huge pages: 4 GB beside isthmusd's, say 4000 of 2 MB (/proc/sys/vm/nr_hugepages).
"""
import json
import os
import pathlib
import subprocess
import time

from rfc9693_bed import (GATEWAY4, GATEWAY6, START_SECONDS, TESTER4, TESTER6, Bed, BedError, mac, memif,
                         tasks_on)

RUN = '/run/yanet'  # its sockets are there, whatever its configuration says
MEGABYTES = 4500
QUEUE = 512
SIDES = ('inside', 'outside')
LIFETIME = 6 * 3600  # seconds: no state is to end while it is measured


def table_size(flows):
    """A power of two; its chunks have 16 places, of which four are used on average."""
    return max(65536, 1 << (4 * flows - 1).bit_length())


class Yanet(Bed):
    """With `options.yanet`, the directory that it was built in."""
    max_rate = 16e6
    safe_rate = 200000
    # It answers no ARP and no solicitations but with its control plane's help, and asks nobody.
    tester_words = ('--inside-mac', mac('server', 0), '--outside-mac', mac('server', 1))
    missing = 0.001  # of a million flows some 200 never come through

    def __init__(self, options):
        options.inside_device = options.outside_device = options.tester_eal = None
        self.control = None
        os.makedirs(RUN, exist_ok=True)
        # The script's mount namespace ends with it, and what lies here, too.
        subprocess.run(['umount', '-q', RUN], check=False)
        subprocess.run(['mount', '-t', 'tmpfs', 'none', RUN], check=True)
        super().__init__(options)

    def write_config(self):
        texts = {name: json.dumps(config, indent=1)
                 for name, config in (('dataplane', self.dataplane()), ('controlplane', self.modules()))}
        for name, text in texts.items():
            pathlib.Path(f'{self.directory}/{name}.conf').write_text(text, encoding='ascii')
        return '\n'.join(texts.values())

    def dataplane(self):
        o = self.options
        vdevs = [word for side in (0, 1) for word in ('--vdev', memif('server', side, self.directory, o.rsize))]
        # Lcores are threads: 0 is its slow worker, 1 its worker, 2 its garbage collector.
        lcores = f'0@{o.tester},1@{o.worker},2@{o.tester}'
        return {
            'ports': [{'interfaceName': name, 'pci': f'net_memif{side}', 'coreIds': [1], 'rssFlags': []}
                      for side, name in enumerate(SIDES)],
            'controlPlaneCoreId': 0, 'workerGC': [2], 'useKni': False, 'hugeMem': True, 'memory': MEGABYTES,
            'ealArgs': ['--lcores', lcores, '--no-telemetry', '--log-level', 'warning', '--no-pci', *vdevs],
            'configValues': {
                'port_rx_queue_size': QUEUE, 'port_tx_queue_size': QUEUE, 'master_mempool_size': 1024,
                'kernel_interface_queue_size': 64, 'fragmentation_size': 64, 'acl_states4_ht_size': 1024,
                'acl_states6_ht_size': 1024, 'balancer_state_ht_size': 1024,
                'nat64stateful_states_size': table_size(o.most_flows)}}

    def modules(self):
        """From each port over an access list, which gives packets to the translator, to routes."""
        ports = {f'port-{name}': {'type': 'logicalPort', 'physicalPort': name, 'macAddress': mac('server', side),
                                  'nextModule': 'access'} for side, name in enumerate(SIDES)}
        interfaces = {
            'inside': {'ipv6Prefix': f'{GATEWAY6}/64', 'neighborIPv6Address': TESTER6},
            'outside': {'ipv4Prefix': f'{GATEWAY4}/24', 'neighborIPv4Address': TESTER4}}
        for side, name in enumerate(SIDES):
            interfaces[name] |= {'neighborMacAddress': mac('client', side), 'nextModule': f'port-{name}'}
        lifetimes = dict.fromkeys(('tcp_syn', 'tcp_ack', 'tcp_fin', 'udp', 'icmp', 'other'), LIFETIME)
        return {'modules': ports | {
            'access': {'type': 'acl', 'nextModules': ['translator']},
            'translator': {'type': 'nat64stateful', 'ipv6_prefixes': [self.prefix],
                           'ipv4_prefixes': ['203.0.113.0/24'], 'state_timeout': lifetimes, 'nextModule': 'routes'},
            'routes': {'type': 'route', 'interfaces': interfaces}}}

    def program(self, name):
        return f'{self.options.yanet}/{name}/yanet-{name}'

    def command(self):
        return [self.program('dataplane'), '-c', f'{self.directory}/dataplane.conf']

    def busy_tasks(self):
        return tasks_on(self.gateway.pid, self.options.worker)

    def cli(self, *words):
        done = subprocess.run([self.program('cli'), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False, text=True)
        return done.returncode, done.stdout

    def wait_for_gateway(self):
        end = time.monotonic() + START_SECONDS
        while not os.path.exists(f'{RUN}/dataplane.sock'):
            self.must_live(end)
        time.sleep(1)  # it listens a little later
        self.control = subprocess.Popen(
            ['taskset', '-c', str(self.options.tester), self.program('controlplane'), '-c',
             f'{self.directory}/controlplane.conf'], stdout=self.log, stderr=self.log)
        while not os.path.exists(f'{RUN}/protocontrolplane.sock') or self.cli('version')[0] != 0:
            self.must_live(end)
        for route in (('2001:db8::/33', TESTER6), ('0.0.0.0/0', TESTER4)):
            code, said = self.cli('rib', 'static', 'insert', 'default', *route)
            if code != 0:
                raise BedError(f'yanet-cli does not take the route {" ".join(route)}: {said}')
        time.sleep(2)  # until routes are where packets are

    def must_live(self, end):
        dead = any(process and process.poll() is not None for process in (self.gateway, self.control))
        if dead or time.monotonic() > end:
            raise BedError(f'YANET did not start:\n{self.log_text()}')
        time.sleep(0.2)

    def cycles(self, offer):
        """It counts none. Its worker never waits, so while it loses what it is offered a packet takes what it has
        of cycles a second by what comes out."""
        trial = offer()
        ways = [trial[way] for way in ('6to4', '4to6')]
        if not sum(way['lost'] for way in ways):
            raise BedError('YANET has lost nothing: the tester offers too little to tell its cycles')
        return {'cycles': trial['tsc_hz'] * trial['seconds'] / sum(way['received'] for way in ways)}

    def clear(self):
        """It has no command that ends all states. A tester's ring ends with the gateway's."""
        start = time.monotonic()
        self.stop_tester()
        self.end_both()
        self.start_gateway()
        self.start_tester(self.options.frame)
        self.run('forget')
        return 0, time.monotonic() - start

    def end_both(self):
        for process in (self.control, self.gateway):
            if process:
                process.kill()  # neither ends by itself
                process.wait()
        self.control = None
        for directory in RUN, self.directory:
            for path in pathlib.Path(directory).glob('*.sock'):
                path.unlink()

    def stop(self):
        self.end_both()
        return super().stop()
