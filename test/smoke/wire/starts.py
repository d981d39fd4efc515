#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Starts and stops of isthmusd: every kind of port, errors an operator can read, nothing left behind.
Usage: starts.py ISTHMUSD [PATTERN]. Exit 77 (skipped) when not root."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback

HERE = pathlib.Path(__file__).resolve().parent
CONFIG = """
cores = {{ workers = [{workers}]; control = 0; idle = "yield"; }};
memory = {{ huge_pages = "{huge}"; megabytes = {megabytes}; buffers = 4096; }};
limits = {{ sessions = 4096; bindings = 4096; subscribers = 256; }};
control = {{ socket = "{socket}"; }};
ports = ( {{ name = "{twin}6"; device = "{inside}"; mtu = {mtu}; addresses = ["2001:db8:{net}::1/64"]; }},
          {{ name = "{twin}4"; device = "{outside}"; mtu = {mtu}; addresses = ["192.0.{net}.1/24"]; }} );
routes = ( {{ prefix = "{route}"; via = "192.0.{net}.254"; }} );
nat64 = ( {{ prefixes = ["64:ff9b:1:fffe::/96"]; pools = ( {{ addresses = ["203.0.113.0/28"]; }} ); }} );
"""
DEFAULTS = {"workers": "1", "huge": "off", "megabytes": 256, "twin": "port", "mtu": 1500, "net": 2, "route": "0.0.0.0/0",
            "inside": "net_null0", "outside": "net_null1"}


class Host:
    """Where daemons are started, and what they may leave."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.ctl = os.path.join(os.path.dirname(daemon), "..", "isthmusctl", "isthmusctl")
        self.directory = tempfile.mkdtemp(prefix="isthmus-starts-")
        self.started = []

    def path(self, name):
        return os.path.join(self.directory, name)

    def configure(self, name="one", **changes):
        path = self.path(name + ".conf")
        with open(path, "w") as f:
            f.write(CONFIG.format(**{**DEFAULTS, "socket": self.path(name + ".sock"), **changes}))
        return path

    def start(self, name="one", **changes):
        from harness import Failure, start_daemon
        process, log = start_daemon(self.daemon, self.configure(name, **changes), self.directory, name)
        process.log = log
        process.socket_path = self.path(name + ".sock")
        if process.poll() is not None:
            raise Failure(f"ended at start: {open(log).read()}")
        self.started.append(process)
        return process

    def end_all(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.started.clear()

    def refused(self, code, *texts, config=None, arguments=(), **changes):
        """The daemon must end with `code` and an error that has all `texts`."""
        from harness import equal, require
        path = config or self.configure(**changes)
        done = subprocess.run([self.daemon, "-c", path, *arguments], capture_output=True, text=True,
                              timeout=60)
        equal(done.returncode, code, f"exit code; said: {done.stderr}")
        for text in texts:
            require(text in done.stderr, f"{text!r} is not in: {done.stderr}")
        require("isthmusd: error: " in done.stderr, f"no error of ours: {done.stderr}")
        return done.stderr

    def show(self, process, *words):
        return subprocess.run([self.ctl, "--socket", process.socket_path, "--json", *words], check=True,
                              capture_output=True, text=True, timeout=20).stdout


def stop(process, code=0):
    from harness import equal
    process.send_signal(signal.SIGTERM)
    equal(process.wait(timeout=20), code, f"exit code: {open(process.log).read()}")


def residue():
    """What a daemon could leave: interfaces, runtime directories, huge pages. Directories of living
    processes are somebody else's, and so are then the huge pages that come and go."""
    interfaces = set(os.listdir("/sys/class/net"))
    runtime, others = set(), False
    for base in ("/run/dpdk", "/dev/hugepages"):
        for name in os.listdir(base) if os.path.isdir(base) else []:
            if os.path.exists("/proc/" + name.rpartition("-")[2]):
                others = True
            else:
                runtime.add(os.path.join(base, name))
    with open("/proc/meminfo") as f:
        huge = [line for line in f if line.startswith("HugePages_Free")]
    return interfaces, runtime, None if others else huge


def case_null_ports_twice(host):
    for _ in range(2):  # the second start right after the first
        process = host.start()
        assert '"net_null"' in host.show(process, "show", "ports")
        stop(process)


def case_tap_ports(host):
    process = host.start(inside="net_tap0,iface=tapin", outside="net_tap1,iface=tapout")
    assert {"tapin", "tapout", "port6", "port4"} <= set(os.listdir("/sys/class/net"))
    stop(process)


def case_memif_ports(host):
    server = host.start("one", inside=f"net_memif0,role=server,socket-abstract=no,socket={host.path('m')}",
                        twin="a")
    client = host.start("two", inside=f"net_memif0,role=client,socket-abstract=no,socket={host.path('m')}",
                        twin="b", net=3, route="10.0.0.0/8")
    stop(client)
    stop(server)


def case_pcap_files(host):
    from scapy.all import IP, UDP, Ether, IPv6, rdpcap, wrpcap
    from harness import HOST_A, SERVER, embed, equal, require
    mac = "02:70:63:61:70:00"
    frames = [Ether(src="02:00:00:00:00:0a", dst=mac) / IPv6(src=HOST_A, dst=embed(SERVER)) /
              UDP(sport=5000 + i, dport=7777) / (b"packet %d" % i) for i in range(5)]
    wrpcap(host.path("in.pcap"), frames)
    wrpcap(host.path("none.pcap"), [Ether(src=mac, dst=mac, type=0x9000) / (b"\0" * 46)])
    process = host.start(
        inside=f"net_pcap0,rx_pcap={host.path('in.pcap')},tx_pcap={host.path('out6.pcap')}",
        outside=f"net_pcap1,rx_pcap={host.path('none.pcap')},tx_pcap={host.path('out4.pcap')}")
    # The neighbor is told by hand: nobody answers ARP in a file. Packets that were faster wait.
    subprocess.run(["ip", "neigh", "replace", "192.0.2.254", "lladdr", "02:00:00:00:00:fe", "dev", "port4"],
                   check=True)
    for _ in range(100):
        if '"waiting":0' in host.show(process, "show", "neighbors").replace(" ", ""):
            break
    stop(process)
    out = [p for p in rdpcap(host.path("out4.pcap")) if UDP in p]
    equal(len(out), 5, "packets in the file")
    for i, packet in enumerate(out):
        equal((packet[IP].dst, packet[IP].ttl, bytes(packet[UDP].payload)),
              (SERVER, 63, b"packet %d" % i), "translated packet")
        require(packet[IP].src.startswith("203.0.113."), "pool address")


def case_huge_pages(host):
    from harness import require
    path = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
    stop(host.start(huge="auto"))
    if path.exists() and int(path.read_text()) >= 128:
        stop(host.start(huge="on"))
    said = host.refused(1, "huge", huge="on", megabytes=1 << 20)
    require("1048576" in said, f"the amount is not named: {said}")


def case_killed_and_started_again(host):
    for huge in ("off", "auto"):
        process = host.start(huge=huge, inside="net_tap0,iface=tapin")
        process.kill()
        process.wait()
        stop(host.start(huge=huge, inside="net_tap0,iface=tapin"))  # and clears up behind the other


def case_two_side_by_side(host):
    one = host.start("one", twin="a")
    two = host.start("two", twin="b", net=3, route="10.0.0.0/8")
    assert "a6" in host.show(one, "show", "ports") and "b6" in host.show(two, "show", "ports")
    stop(one)
    assert "b6" in host.show(two, "show", "ports")
    stop(two)


def case_same_socket_or_names(host):
    one = host.start("one", twin="a")
    host.refused(1, "another isthmusd is running", "control.socket", config=host.configure("one", twin="b", net=3, route="10.0.0.0/8"))
    host.refused(1, "a6", "the kernel has an interface of this name", config=host.configure("two", twin="a", net=3))
    host.show(one, "show", "version")
    stop(one)


def case_missing_devices(host):
    host.refused(1, "port6", "net_af_packet0,iface=nowhere", inside="net_af_packet0,iface=nowhere")
    host.refused(1, "port6", "0000:99:00.0", inside="0000:99:00.0")
    host.refused(1, "port6", "net_nonsense0", inside="net_nonsense0")
    host.refused(1, "port6", inside="net_pcap0,rx_pcap=/nonexistent/file.pcap,tx_pcap=/nonexistent/x")
    host.refused(2, "ports[1].device", inside="net_null0", outside="net_null0")


def case_missing_cpu(host):
    host.refused(1, "cores.workers", "1000", workers="1000")
    host.refused(1, "cores.workers", "1000", workers="1, 1000")


def case_memory_too_small(host):
    said = host.refused(1, "memory.megabytes", megabytes=64, mtu=9600)
    from harness import require
    require(any(c.isdigit() for c in said), "with numbers")


def case_mtu_the_driver_cannot(host):
    subprocess.run(["ip", "link", "add", "small0", "type", "veth", "peer", "name", "small1"], check=True)
    try:
        host.refused(1, "mtu 9000", "1518", mtu=9000, inside="net_af_packet0,iface=small0")
    finally:
        subprocess.run(["ip", "link", "del", "small0"], check=True)


def case_command_line(host):
    from harness import equal, require

    def run(*words):
        return subprocess.run([host.daemon, *words], capture_output=True, text=True, timeout=20)
    done = run("--version")
    require(done.returncode == 0 and done.stdout.startswith("isthmusd ") and "DPDK" in done.stdout.upper(),
            done.stdout + done.stderr)
    path = host.configure()
    done = run("--check-config", "-c", path)
    equal((done.returncode, done.stdout.startswith("ok: ")), (0, True), done.stdout + done.stderr)
    require("2 ports" in done.stdout, done.stdout)
    equal(run("--nonsense").returncode, 2, "unknown option")
    host.refused(2, "/nonexistent.conf", config="/nonexistent.conf")
    host.refused(2, "/nonexistent.conf", config="/nonexistent.conf", arguments=["--check-config"])
    host.refused(2, "mtu", "99", mtu=99)
    host.refused(2, ":6:", twin="a name with spaces")
    equal(run("--check-config", "-c", host.directory).returncode, 2, "a directory")


def case_signals(host):
    for number in (signal.SIGTERM, signal.SIGINT):
        process = host.start()
        process.send_signal(signal.SIGHUP)  # reload, and stop in the same breath
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
    process = host.start()
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def main():
    if os.geteuid() != 0:
        print("needs root for network namespaces: skipped")
        return 77
    if os.environ.get("ISTHMUS_WIRE_ISOLATED") != "1":
        os.environ["ISTHMUS_WIRE_ISOLATED"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", "/usr/bin/python3", *sys.argv])
    os.system("mount -t sysfs sysfs /sys 2>/dev/null; ip link set lo up")
    sys.path.insert(0, str(HERE))
    host = Host(os.path.abspath(sys.argv[1]))
    pattern = sys.argv[2] if len(sys.argv) > 2 else ""
    failed = passed = 0
    for name, case in list(globals().items()):
        if not name.startswith("case_") or pattern not in name:
            continue
        before = residue()
        try:
            case(host)
            after = residue()
            left = [after[0] - before[0], after[1] - before[1]]
            if any(left) or (before[2] and after[2] and after[2] != before[2]):
                raise AssertionError(f"left behind: {left} {after[2]}")
            passed += 1
            print(f"ok   starts.{name[5:]}")
        except Exception as error:
            failed += 1
            print(f"FAIL starts.{name[5:]}: {error!r:.1500}")
            if isinstance(error, AssertionError):
                traceback.print_exc(file=sys.stdout)
        host.end_all()
    if failed == 0:
        shutil.rmtree(host.directory)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
