#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""scripts/nic on a tree of its own: a /sys with four cards, and tools that change it as real ones do."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

NIC = pathlib.Path(__file__).resolve().parents[2] / 'scripts/nic'

# Each writes what it was called with; devbind and driverctl also move the card's link to its driver.
TOOLS = r'''#!/usr/bin/env python3
import json, os, pathlib, sys
root, name, args = pathlib.Path(os.environ['NIC_ROOT']), pathlib.Path(sys.argv[0]).name, sys.argv[1:]
with open(root / 'calls', 'a') as calls:
    print(name, *args, file=calls)
def move(pci, driver):
    link = root / 'sys/bus/pci/devices' / pci / 'driver'
    if link.is_symlink():
        link.unlink()
    if driver:
        link.symlink_to('../../drivers/' + driver)
overrides = root / 'overrides'
if name == 'modprobe':
    (root / 'sys/bus/pci/drivers' / args[0]).mkdir(parents=True)
elif name == 'dpdk-devbind.py':
    for pci in [a for a in args[1:] if not a.startswith('-')]:
        move(pci, args[0].split('=')[1] if '=' in args[0] else '')
elif name == 'driverctl' and args[0] == 'set-override':
    move(args[1], args[2])
    overrides.write_text(args[1] + ' ' + args[2] + '\n')
elif name == 'driverctl' and args[0] == 'unset-override':
    move(args[1], 'ixgbe')
    overrides.unlink()
elif name == 'driverctl':
    if not overrides.exists():
        sys.exit('driverctl: No overridable devices found. Kernel too old?')
    print(overrides.read_text(), end='')
elif name == 'ip':
    table = json.loads((root / 'ip.json').read_text())
    print(json.dumps(table.get(args[1] + ' ' + args[-1], [])))
'''


class Machine:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        tools = self.root / 'bin'
        tools.mkdir()
        for tool in ('modprobe', 'dpdk-devbind.py', 'driverctl', 'ip'):
            (tools / tool).write_text(TOOLS)
            (tools / tool).chmod(0o755)
        self.put('ip.json', '{}')
        self.put('sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages', '3\n')
        self.put('sys/devices/system/node/node1/cpulist', '4-7\n')
        for cpu in range(8):
            self.put(f'sys/devices/system/cpu/cpu{cpu}/online', '1\n')
        self.card('0000:01:00.0', 'ixgbe', 'eth1', 1)
        self.card('0000:01:00.1', 'ixgbe', 'eth2', 1)
        self.card('0000:02:00.0', 'mlx5_core', 'eth3', 2)
        self.card('0000:00:03.0', 'virtio-pci', 'eth0', 3, where='virtio0/net')
        self.put('sys/bus/pci/devices/0000:00:01.0/class', '0x010601\n')  # a disk

    def put(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def card(self, pci, driver, interface, group, where='net'):
        device = f'sys/bus/pci/devices/{pci}/'
        for name, text in (('class', '0x020000'), ('vendor', '0x8086'), ('device', '0x10fb'), ('numa_node', '1')):
            self.put(device + name, text + '\n')
        self.put(f'{device}{where}/{interface}/mtu', '1500\n')
        self.put(f'sys/class/net/{interface}/operstate', 'up\n')
        self.put(f'sys/class/net/{interface}/speed', '10000\n')
        (self.root / f'sys/kernel/iommu_groups/{group}').mkdir(parents=True, exist_ok=True)
        (self.root / device / 'iommu_group').symlink_to(f'../../../../kernel/iommu_groups/{group}')
        (self.root / device / 'driver').symlink_to('../../drivers/' + driver)

    def no_iommu(self):
        groups = self.root / 'sys/kernel/iommu_groups'
        for group in groups.iterdir():
            group.rmdir()
        for device in (self.root / 'sys/bus/pci/devices').iterdir():
            (device / 'iommu_group').unlink(missing_ok=True)
        self.put('sys/module/vfio/parameters/enable_unsafe_noiommu_mode', 'N\n')

    def nic(self, *args, ssh=''):
        env = {'NIC_ROOT': str(self.root), 'PATH': f'{self.root}/bin:/usr/bin:/bin', 'SSH_CONNECTION': ssh}
        return subprocess.run([str(NIC), *args], capture_output=True, text=True, env=env)

    def driver(self, pci):
        link = self.root / 'sys/bus/pci/devices' / pci / 'driver'
        return os.path.basename(os.readlink(link)) if link.is_symlink() else ''

    def read(self, path):
        file = self.root / path
        return file.read_text() if file.exists() else None


class NicTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.m = Machine(folder.name)

    def works(self, *args):
        done = self.m.nic(*args)
        self.assertEqual((done.returncode, done.stderr), (0, ''), done.stdout)
        return done.stdout

    def refused(self, *args, ssh='', says=()):
        done = self.m.nic(*args, ssh=ssh)
        self.assertEqual(done.returncode, 1, done.stdout)
        for words in says:
            self.assertIn(words, done.stderr)

    def test_page(self):
        """The manual page tells of every command and option of --help, and of no other."""
        page = (NIC.parents[1] / 'doc/man/isthmus-nic.8').read_text().replace('\\-', '-')
        text = subprocess.run([NIC, '--help'], capture_output=True, text=True, check=True).stdout
        commands = set(re.findall(r'^  nic ([a-z]+)', text, re.MULTILINE))
        self.assertEqual(commands, set(re.findall(r'^\.BI? "?([a-z]+)\b', page.partition('.SH COMMANDS')[2],
                                                  re.MULTILINE)))
        self.assertEqual(set(re.findall(r'--[a-z-]+', text)) - {'--help'}, set(re.findall(r'--[a-z-]+', page)))

    def test_list(self):
        cards = json.loads(self.works('list', '--json'))
        self.assertEqual([c['pci'] for c in cards],
                         ['0000:00:03.0', '0000:01:00.0', '0000:01:00.1', '0000:02:00.0'])
        self.assertEqual(cards[0]['interface'], 'eth0')
        self.assertEqual(cards[1], {
            'pci': '0000:01:00.0', 'id': '8086:10fb', 'driver': 'ixgbe', 'interface': 'eth1', 'link': 'up',
            'mbit': '10000', 'numa': '1', 'iommu_group': '1', 'in_use': '', 'for_isthmus': False})
        self.assertIn('0000:02:00.0  8086:10fb  mlx5_core', self.works('list'))

    def test_bind_and_undo(self):
        out = self.works('bind', '01:00.0', '0000:01:00.1')
        self.assertIn('device = "0000:01:00.0"', out)
        self.assertIn('CPUs 4-7', out)
        self.assertEqual(self.m.driver('0000:01:00.0'), 'vfio-pci')
        self.assertIn('has vfio-pci already', self.works('bind', '01:00.0', '01:00.1'))
        self.works('unbind', '01:00.0')
        self.assertEqual(self.m.driver('0000:01:00.0'), 'ixgbe')
        self.works('undo')
        self.assertEqual(self.m.driver('0000:01:00.1'), 'ixgbe')
        self.assertEqual(json.loads(self.m.read('var/lib/isthmus/nic.json')), {'cards': {}})

    def test_persistent(self):
        self.works('bind', '01:00.0', '01:00.1', '--persist')
        self.assertIn('driverctl set-override 0000:01:00.1 vfio-pci', self.m.read('calls'))
        self.works('unbind', '01:00.1')
        self.assertIn('driverctl unset-override 0000:01:00.1', self.m.read('calls'))

    def test_refusals(self):
        self.refused('bind', '0a:00.0', says=['no such network card', '0000:01:00.0'])
        self.refused('bind', '02:00.0', says=['beside mlx5_core', 'device = "0000:02:00.0"'])
        self.refused('bind', '01:00.0', says=['shares IOMMU group 1 with 0000:01:00.1'])
        self.refused('unbind', '01:00.0', says=['not bound by this program'])
        self.m.put('ip.json', json.dumps({'route eth0': [{'dst': 'default'}],
                                          'address eth1': [{'addr_info': [{'local': '192.0.2.1', 'scope': 'global'}]}]}))
        self.refused('bind', '00:03.0', says=['carries the default route', '--force'])
        self.refused('bind', '01:00.0', says=['carries the address 192.0.2.1'])
        self.refused('bind', '01:00.0', ssh='198.51.100.1 5000 192.0.2.1 22', says=['carries your ssh session'])
        self.assertEqual(self.m.driver('0000:01:00.0'), 'ixgbe')
        self.works('bind', '01:00.0', '01:00.1', '--force')
        self.assertIn('dpdk-devbind.py --bind=vfio-pci --force 0000:01:00.0', self.m.read('calls'))

    def test_without_iommu(self):
        self.m.no_iommu()
        self.refused('bind', '01:00.0', says=['no IOMMU', 'iommu=pt', '--no-iommu'])
        self.works('bind', '01:00.0', '--no-iommu')
        mode = 'sys/module/vfio/parameters/enable_unsafe_noiommu_mode'
        self.assertEqual(self.m.read(mode), 'Y\n')
        self.works('undo')
        self.assertEqual(self.m.read(mode), 'N\n')

    def test_huge_pages(self):
        path = 'sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages'
        self.works('hugepages', '1200M', '--persist')
        self.assertEqual(self.m.read(path), '600\n')
        self.assertIn('vm.nr_hugepages = 600', self.m.read('etc/sysctl.d/80-isthmus.conf'))
        self.works('hugepages', '2G')
        self.works('undo')
        self.assertEqual(self.m.read(path), '3\n')
        self.assertIsNone(self.m.read('etc/sysctl.d/80-isthmus.conf'))
        self.refused('hugepages', '1G', '--node', '5', says=['no NUMA node 5'])
        for size in ('12', '0M', 'much'):
            self.assertEqual(self.m.nic('hugepages', size).returncode, 2)

    def test_isolate(self):
        self.works('isolate', '1-3')
        self.assertIn('isolcpus=1-3 nohz_full=1-3 rcu_nocbs=1-3', self.m.read('etc/default/grub.d/isthmus.cfg'))
        self.works('undo')
        self.assertIsNone(self.m.read('etc/default/grub.d/isthmus.cfg'))
        self.refused('isolate', '1-8', says=['this machine has 0 to 7'])
        self.refused('isolate', '0', says=['CPU 0'])
        self.assertEqual(self.m.nic('isolate', '1,x').returncode, 2)

    def test_check(self):
        done = self.m.nic('check', '--json')
        self.assertEqual(done.returncode, 1)
        ready = {row['what']: row['ready'] for row in json.loads(done.stdout)}
        self.assertEqual(ready, {'IOMMU': True, 'vfio-pci': False, 'network cards': True, 'huge pages': True,
                                 'isolated cores': False, 'clock governor': True})
        self.works('bind', '01:00.0', '01:00.1')
        self.m.put('sys/devices/system/cpu/isolated', '1-3\n')
        self.assertIn('0000:01:00.0 0000:01:00.1', self.works('check'))


if __name__ == '__main__':
    unittest.main()
