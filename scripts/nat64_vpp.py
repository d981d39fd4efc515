# SPDX-License-Identifier: BSD-3-Clause
"""VPP's nat64 in isthmusd's place, for scripts/nat64_peers: the same rings of shared memory (memif), one
worker. Built from its sources (https://github.com/FDio/vpp) for the processor it runs on:

    cmake -G Ninja ../src -DCMAKE_BUILD_TYPE=release -DVPP_BUILD_NATIVE_ONLY=ON
    ninja vpp vppctl memif_plugin nat64_plugin
"""
import os
import pathlib
import re
import subprocess
import time

from rfc9693_bed import (GATEWAY4, GATEWAY6, START_SECONDS, TESTER4, TESTER6, Bed, BedError, mac, tasks_on)

STARTUP = '''unix {{ nodaemon cli-listen {directory}/cli.sock cli-no-banner }}
api-segment {{ prefix isthmus-peer }}
cpu {{ main-core {control} corelist-workers {worker} }}
memory {{ main-heap-size 2G }}
buffers {{ buffers-per-numa 32768 {pages} }}
plugins {{ path {plugins} plugin default {{ disable }} plugin memif_plugin.so {{ enable }}
          plugin nat64_plugin.so {{ enable }} }}
'''

# Its tables are bihash: so many buckets that each holds four on average.
NAT64 = ('nat64 plugin enable bib-buckets {buckets} bib-memory 1073741824 '
         'st-buckets {buckets} st-memory 2147483648',
         'nat64 add prefix {prefix}',
         'nat64 add pool address 203.0.113.0 - 203.0.113.{last}',
         'set interface nat64 in memif1/0',
         'set interface nat64 out memif2/0')
PORTS = 50000  # of an address: it draws ports at random, and must find a free one soon


class Vpp(Bed):
    """With `options.vpp`, the directory that it was built in."""
    max_rate = 16e6
    safe_rate = 200000
    tester_words = ('--no-udp-checksum',)  # its answers towards IPv4 have none (RFC 7915 5.5 has them computed)

    def __init__(self, options):
        options.inside_device = options.outside_device = options.tester_eal = None
        super().__init__(options)

    def command(self):
        return [f'{self.options.vpp}/bin/vpp', '-c', f'{self.directory}/startup.conf']

    def write_config(self):
        plugins = next(pathlib.Path(self.options.vpp).glob('lib/**/vpp_plugins'), None)
        if plugins is None:
            raise BedError(f'no vpp_plugins below {self.options.vpp}')
        text = STARTUP.format(directory=self.directory, worker=self.options.worker,
                              control=self.options.tester, plugins=plugins,
                              pages='' if self.options.huge_pages == 'on' else 'page-size default')
        pathlib.Path(f'{self.directory}/startup.conf').write_text(text, encoding='ascii')
        return text

    def busy_tasks(self):
        return tasks_on(self.gateway.pid, self.options.worker)

    def cli(self, line):
        done = subprocess.run([f'{self.options.vpp}/bin/vppctl', '-s', f'{self.directory}/cli.sock', line],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
        return done.stdout if done.returncode == 0 else None

    def must(self, *lines):
        for line in lines:
            said = self.cli(line)
            if said is None:
                raise BedError(f'vpp does not answer to "{line}":\n{self.log_text()}')
            if said.strip() and not line.startswith(('show', 'create')):
                raise BedError(f'vpp says to "{line}": {said}')

    def wait_for_gateway(self):
        end = time.monotonic() + START_SECONDS
        while not os.path.exists(f'{self.directory}/cli.sock') or self.cli('show version') is None:
            if self.gateway.poll() is not None or time.monotonic() > end:
                raise BedError(f'vpp did not start:\n{self.log_text()}')
            time.sleep(0.1)
        ring = 1 << self.options.rsize
        for side, link in enumerate(('memif1/0', 'memif2/0')):
            self.must(f'create memif socket id {side + 1} filename {self.directory}/{side}.sock',
                      f'create interface memif id 0 socket-id {side + 1} ring-size {ring} master '
                      f'hw-addr {mac("server", side)}',
                      f'set interface mtu packet 1500 {link}',
                      f'set interface state {link} up')
        self.must(f'set interface ip address memif1/0 {GATEWAY6}/64',
                  f'set interface ip address memif2/0 {GATEWAY4}/24',
                  f'ip route add 2001:db8::/33 via {TESTER6} memif1/0',
                  f'ip route add 0.0.0.0/0 via {TESTER4} memif2/0')
        self.enable()

    def enable(self):
        buckets = 1 << max(10, (self.options.sessions // 4).bit_length())
        # It looks at each address of its pool for each packet from inside: no more of them than it takes.
        last = self.options.most_flows // PORTS
        self.must(*(line.format(buckets=buckets, prefix=self.prefix, last=last) for line in NAT64))

    def clear(self):
        """It has no command that ends all sessions; its tables go with the plugin."""
        start = time.monotonic()
        self.must('nat64 plugin disable')
        self.enable()
        self.run('forget')
        return 0, time.monotonic() - start

    def cycles(self, offer):
        """Of all its nodes that packets go through but the one that receives, which counts polls in vain, too;
        and the mean of packets a call of the translator."""
        self.must('clear runtime')
        offer()
        spent = packets = calls = 0
        for line in (self.cli('show runtime') or '').splitlines():
            # name, state, calls, vectors, suspends, clocks (a vector), vectors a call
            found = re.match(r'(\S+)\s+active\s+(\d+)\s+(\d+)\s+\d+\s+(\S+)\s', line)
            if not found or not int(found.group(3)):
                continue
            spent += int(found.group(3)) * float(found.group(4))
            if re.match(r'nat64-(in2out|out2in)$', found.group(1)):
                packets, calls = packets + int(found.group(3)), calls + int(found.group(2))
        if not packets:
            raise BedError('vpp has translated nothing')
        return {'cycles': spent / packets, 'burst': packets / calls}
