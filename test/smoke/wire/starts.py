#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Starts and stops of isthmusd: every kind of port, errors an operator can read, nothing left behind.
Usage: starts.py ISTHMUSD [PATTERN]. Exit 77 (skipped) when not root."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
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


FAR_CONFIG = """
cores = {{ workers = [1]; control = 0; idle = "yield"; }};
memory = {{ huge_pages = "off"; megabytes = 256; buffers = 4096; }};
control = {{ socket = "{socket}"; }};
ports = ( {{ name = "far4"; device = "{memif}"; addresses = ["192.0.3.1/24"]; }},
          {{ name = "far6"; device = "net_af_packet0,iface=gw4"; addresses = ["2001:db8:3::1/64"]; }} );
routes = ( {{ prefix = "203.0.113.0/28"; via = "192.0.3.254"; }},
           {{ prefix = "2001:db8:46::/96"; via = "2001:db8:3::a"; }} );
siit = ( {{ prefix = "2001:db8:46::/96"; inside4 = ["198.51.100.0/24"]; }} );
"""


def case_memif_carries_traffic(host):
    """A client behind a NAT64 daemon, a memif link, and a stateless daemon with an IPv6 server."""
    from scapy.all import UDP, IPv6, Raw
    from harness import HOST_A, SERVER, checked, embed, equal, make_links, start_daemon
    client, server = make_links()
    memif = "net_memif0,socket-abstract=no,socket=" + host.path("m")
    near = host.start("near", inside="net_af_packet0,iface=gw6", outside=memif + ",role=server", net=1)
    path = host.path("far.conf")
    pathlib.Path(path).write_text(FAR_CONFIG.format(socket=host.path("far.sock"), memif=memif + ",role=client"))
    far, far.log = start_daemon(host.daemon, path, host.directory, "far")
    far.socket_path = host.path("far.sock")
    host.started.append(far)
    macs = {row["port"]: row["mac"] for process in (near, far)
            for row in json.loads(host.show(process, "show", "interfaces"))["interfaces"]}
    for address, mac, port in (("192.0.1.254", macs["far4"], "port4"), ("192.0.3.254", macs["port4"], "far4"),
                               (HOST_A, client.mac, "port6"), ("2001:db8:3::a", server.mac, "far6")):
        subprocess.run(["ip", "neigh", "replace", address, "lladdr", mac, "dev", port], check=True)
    for process in (near, far):
        wait_for(lambda process=process: all(row["link"] == "up" for row in
                                             json.loads(host.show(process, "show", "ports"))["ports"]))
    client.gateway_mac, server.gateway_mac = macs["port6"], macs["far6"]

    def ask(number, size):
        client.send(IPv6(src=HOST_A, dst=embed(SERVER)) / UDP(sport=5000 + number % 50, dport=7) / Raw(b"?" * size))
        return checked(receive_udp(server))
    # Neighbors told by hand take effect a moment later; packets that are faster wait in the daemon.
    for number in range(300):
        size = 1 + number * 4
        asked = ask(number, size)
        equal((asked.dst, len(asked[UDP].payload)), ("2001:db8:46::c633:640a", size), "at the server")
        server.send(IPv6(src=asked.dst, dst=asked.src) / UDP(sport=7, dport=asked[UDP].sport) / Raw(b"!" * size))
        answer = checked(receive_udp(client))
        equal((answer.src, answer.dst, answer[UDP].dport, bytes(answer[UDP].payload)),
              (embed("c633:640a"), HOST_A, 5000 + number % 50, b"!" * size), "at the client")
    stop(far)
    stop(near)
    for link in (client, server):
        link.socket.close()
        subprocess.run(["ip", "link", "del", link.near], check=True)


def receive_udp(link):
    """The next UDP packet that comes out on a link."""
    from scapy.all import UDP, Ether, IPv6
    from harness import Failure
    link.socket.settimeout(10)
    while True:
        try:
            frame = link.receive()
        except TimeoutError:
            raise Failure(f"nothing came out of {link.near}") from None
        ether = frame and Ether(frame)
        if ether and IPv6 in ether and UDP in ether:
            return ether[IPv6]


def wait_for(condition):
    from harness import require
    deadline = time.monotonic() + 20
    while not condition():
        require(time.monotonic() < deadline, "waited in vain")


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


HUGE = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")


def huge_page_kilobytes(process):
    """What a process has in huge pages."""
    rollup = pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in rollup.splitlines() if "_Hugetlb:" in line)


def case_huge_pages(host):
    from harness import require
    stop(host.start(huge="auto"))
    said = host.refused(1, "huge", huge="on", megabytes=1 << 20)
    require("1048576" in said, f"the amount is not named: {said}")


def case_huge_pages_that_are_reserved(host):
    from harness import require
    if not HUGE.exists():
        return print("     (this kernel has no huge pages)")
    reserved = HUGE / "nr_hugepages"
    before = reserved.read_text()
    try:
        reserved.write_text(str(int(before) + 160))
    except OSError:
        pass
    try:
        if int((HUGE / "free_hugepages").read_text()) < 130:
            return print("     (no huge pages can be reserved)")
        for huge in ("on", "auto"):
            process = host.start(huge=huge)
            require(huge_page_kilobytes(process) > 100 * 1024, f"{huge}: huge pages are not used")
            stop(process)
        # Some are there, but not enough.
        host.refused(1, "memory.huge_pages", "16384 MB", "sysctl", huge="on", megabytes=16384)
    finally:
        reserved.write_text(before)


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
    """The error tells the least amount, and that is enough."""
    from harness import require
    for mtu in (1500, 9600):
        said = host.refused(2, "memory.megabytes: found 64, expected at least", megabytes=64, mtu=mtu)
        least = int(re.search(r"at least (\d+)", said).group(1))
        stop(host.start(megabytes=least, mtu=mtu))
        host.refused(2, f"at least {least}", megabytes=least - 1, mtu=mtu)
    require(least < 256, f"{least} MB for so little")


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


class Manager:
    """What systemd does for Type=notify: NOTIFY_SOCKET, and the watchdog (sd_notify(3))."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(60)
        self.environment = {**os.environ, "NOTIFY_SOCKET": path}

    def next(self, *ignored):
        """The next message as a dictionary; those that consist of an ignored key are skipped."""
        while True:
            fields = dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())
            if not set(fields) <= set(ignored):
                return fields


def case_service_manager(host):
    """READY, RELOADING, READY, STOPPING in this order, and WATCHDOG in between."""
    from harness import equal, require
    manager = Manager(host.path("manager"))
    log = open(host.path("manager.log"), "w")
    # The watchdog is for the process that systemd started: WATCHDOG_PID would tell, and is optional.
    process = subprocess.Popen([host.daemon, "-c", host.configure()], stdout=log, stderr=log,
                               env={**manager.environment, "WATCHDOG_USEC": "200000"})
    process.log = log.name
    host.started.append(process)
    ready = manager.next("WATCHDOG")
    equal(ready.get("READY"), "1", "first message")
    require("forwarding on 2 interfaces" in ready["STATUS"], f"status {ready}")
    for _ in range(3):
        equal(manager.next(), {"WATCHDOG": "1"}, "a sign of life")
    process.send_signal(signal.SIGHUP)
    reloading = manager.next("WATCHDOG")
    equal((reloading.get("RELOADING"), reloading.get("MONOTONIC_USEC", "").isdigit()), ("1", True), "reload")
    equal(manager.next("WATCHDOG").get("READY"), "1", "after the reload")
    process.send_signal(signal.SIGTERM)
    equal(manager.next("WATCHDOG"), {"STOPPING": "1"}, "last message")
    equal(process.wait(timeout=20), 0, "exit code")
    manager.socket.close()


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
