# SPDX-License-Identifier: BSD-3-Clause
"""A black-box test bed: isthmusd between two veth links whose far ends this process plays.

Everything lives in one private network namespace (main.py re-executes itself under unshare), so a
crash leaves nothing behind. The bed answers ARP and neighbor solicitations for its hosts, and
synchronises on events only: systemd's readiness message, packets, and, for "nothing comes out", a
probe packet sent after the one under test, whose translation must be the first thing to arrive.
"""

import os
import re
import select
import signal
import socket
import subprocess
import tempfile
import time

from scapy.all import (ARP, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, Ether, IP, IPv6, Raw, UDP)

PREFIX = "64:ff9b:1:fffe::"
HOST_A = "2001:db8:1::a"
HOST_B = "2001:db8:1:0:1::b"
GATEWAY6 = "2001:db8:1::1"
GATEWAY4 = "192.0.2.1"
ROUTER4 = "192.0.2.254"
SERVER = "198.51.100.10"
SERVER2 = "198.51.100.20"
POOL = [f"203.0.113.{i}" for i in range(16)]
HOST_MAC = "02:00:00:00:00:0a"
ROUTER_MAC = "02:00:00:00:00:fe"
PROBE_PORT = 49999
WAIT = 5.0  # longest wait for a packet that must come

# Not net_af_packet: it joins a fanout group with PACKET_FANOUT_FLAG_DEFRAG, so the kernel keeps IPv4
# fragments to itself, and hands over the whole datagram only if it fits into one frame of its ring.
CONFIG = """
cores = {{ workers = [{workers}]; control = 0; idle = "yield"; }};
memory = {{ huge_pages = "off"; megabytes = 512; buffers = 8192; }};
limits = {{ sessions = 16384; bindings = 16384; subscribers = 1024; subscriber_sessions = 0;
           subscriber_bindings = 0; }};
control = {{ socket = "{directory}/isthmus.sock"; }};
ports = (
  {{ name = "inside"; device = "net_pcap0,iface=gw6,phy_mac=1"; mtu = 1500;
    addresses = ["2001:db8:1::1/64"]; }},
  {{ name = "outside"; device = "net_pcap1,iface=gw4,phy_mac=1"; mtu = 1500;
    addresses = ["192.0.2.1/24"]; }}
);
routes = ( {{ prefix = "0.0.0.0/0"; via = "192.0.2.254"; }} );
nat64 = ( {{ name = "main"; prefixes = ["64:ff9b:1:fffe::/96"];
  pools = ( {{ name = "main"; addresses = ["203.0.113.0/28"]; ports = "1024-65535"; }} ); }} );
siit = ( {{ name = "plain"; prefix = "2001:db8:46::/96"; inside4 = ["192.0.2.128/25"]; }} );
"""


def embed(address4, prefix=PREFIX):
    return prefix + address4


class Failure(Exception):
    pass


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class Link:
    """The far end of one veth pair."""

    def __init__(self, near, far, mac, own_macs):
        run("ip", "link", "add", near, "type", "veth", "peer", "name", far)
        for name in (near, far):
            with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w") as f:
                f.write("1")
            subprocess.run(["ethtool", "-K", name, "tx", "off", "rx", "off", "gro", "off"],
                           check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            run("ip", "link", "set", name, "arp", "off", "up")
        with open(f"/sys/class/net/{near}/address") as f:
            self.gateway_mac = f.read().strip()
        self.mac = mac
        self.own_macs = own_macs
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((far, 0))

    def send(self, packet):
        frame = bytes(Ether(src=self.mac, dst=self.gateway_mac) / packet)
        self.socket.send(frame)

    def send_frame(self, frame):
        self.socket.send(bytes(frame))


class Bed:
    def __init__(self, daemon, workers=1):
        self.directory = tempfile.mkdtemp(prefix="isthmus-wire-")
        run("ip", "link", "set", "lo", "up")
        self.inside = Link("gw6", "host6", HOST_MAC, {HOST_MAC})
        self.outside = Link("gw4", "host4", ROUTER_MAC, {ROUTER_MAC})
        self.config = os.path.join(self.directory, "isthmus.conf")
        with open(self.config, "w") as f:
            f.write(CONFIG.format(workers=", ".join(["1"] * workers), directory=self.directory))
        self.start(daemon)
        self.probe_sequence = 0

    def start(self, daemon):
        notify_path = os.path.join(self.directory, "notify")
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(notify_path)
        self.log = open(os.path.join(self.directory, "isthmusd.log"), "w")
        self.process = subprocess.Popen([daemon, "-c", self.config], stdout=self.log, stderr=self.log,
                                        env={**os.environ, "NOTIFY_SOCKET": notify_path})
        deadline = time.monotonic() + 60
        notify.settimeout(0.5)
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failure(f"isthmusd ended at start:\n{self.read_log()}")
            try:
                if b"READY=1" in notify.recv(4096):
                    return
            except socket.timeout:
                continue
        raise Failure(f"isthmusd was not ready in a minute:\n{self.read_log()}")

    def read_log(self):
        with open(self.log.name) as f:
            return f.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        if code != 0:
            raise Failure(f"isthmusd exited with {code}:\n{self.read_log()[-4000:]}")

    def alive(self):
        if self.process.poll() is not None:
            raise Failure(f"isthmusd died with {self.process.returncode}:\n{self.read_log()[-6000:]}")

    # --- packets -----------------------------------------------------------------------------

    def receive(self, side, wanted, wait=WAIT):
        """The next packet of IP class `wanted` on `side` ("inside" or "outside")."""
        deadline = time.monotonic() + wait
        links = {self.inside.socket: self.inside, self.outside.socket: self.outside}
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                self.alive()
                raise Failure(f"nothing came out {side}")
            for ready in select.select(list(links), [], [], left)[0]:
                link = links[ready]
                frame = ready.recv(65535)
                ether = Ether(frame)
                if ether.src in link.own_macs:
                    continue  # our own frame, looped to the packet socket
                if self.answer_resolution(link, ether):
                    continue
                if is_noise(ether):
                    continue
                name = "inside" if link is self.inside else "outside"
                if name == side and wanted in ether:
                    return ether[wanted]
                raise Failure(f"unexpected on {name}: {ether.summary()}")

    def drain(self):
        """Lets what an earlier case may have left come out: a probe there, then whatever is queued."""
        self.probe_sequence += 1
        marker = f"drain-{self.probe_sequence}".encode()
        self.inside.send(IPv6(src=HOST_A, dst=embed(SERVER)) /
                         UDP(sport=PROBE_PORT, dport=PROBE_PORT) / marker)
        deadline = time.monotonic() + WAIT
        links = {self.inside.socket: self.inside, self.outside.socket: self.outside}
        while time.monotonic() < deadline:
            for ready in select.select(list(links), [], [], 0.1)[0]:
                frame = ready.recv(65535)
                if marker in frame and ready is self.outside.socket:
                    return
                self.answer_resolution(links[ready], Ether(frame))
        self.alive()
        raise Failure("the gateway forwards nothing any more")

    def answer_resolution(self, link, ether):
        if ARP in ether:
            if ether[ARP].op == 1 and ether[ARP].pdst not in (GATEWAY4, *POOL):
                reply = ARP(op=2, hwsrc=link.mac, psrc=ether[ARP].pdst, hwdst=ether[ARP].hwsrc,
                            pdst=ether[ARP].psrc)
                link.send_frame(Ether(src=link.mac, dst=ether.src) / reply)
            return True
        if ICMPv6ND_NS in ether:
            target = ether[ICMPv6ND_NS].tgt
            if target.startswith("2001:db8:1:") and target != GATEWAY6 and ether[IPv6].src != "::":
                reply = (IPv6(src=target, dst=ether[IPv6].src, hlim=255) /
                         ICMPv6ND_NA(tgt=target, R=0, S=1, O=1) /
                         ICMPv6NDOptDstLLAddr(lladdr=link.mac))
                link.send_frame(Ether(src=link.mac, dst=ether.src) / reply)
            return True
        return False

    def out(self, packet6):
        """Sends from inside, returns what comes out on the IPv4 side."""
        self.inside.send(packet6)
        return checked(self.receive("outside", IP))

    def back(self, packet4):
        """Sends from outside, returns what comes out on the IPv6 side."""
        self.outside.send(packet4)
        return checked(self.receive("inside", IPv6))

    def out_refused(self, packet6):
        """Sends from inside, returns the ICMPv6 error that comes back."""
        self.inside.send(packet6)
        return checked(self.receive("inside", IPv6))

    def back_refused(self, packet4):
        self.outside.send(packet4)
        return checked(self.receive("outside", IP))

    def silent(self, side, packet):
        """Sends `packet` on `side`; nothing may come of it."""
        (self.inside if side == "inside" else self.outside).send(packet)
        self.barrier()

    def barrier(self):
        """A probe through the gateway; fails if anything comes out before it."""
        self.probe_sequence += 1
        marker = f"probe-{self.probe_sequence}".encode()
        self.inside.send(IPv6(src=HOST_A, dst=embed(SERVER)) /
                         UDP(sport=PROBE_PORT, dport=PROBE_PORT) / marker)
        got = self.receive("outside", IP)
        if Raw not in got or got[Raw].load != marker:
            raise Failure(f"came out although it must not: {got.summary()}")


def is_noise(ether):
    """Traffic of the kernels on both sides that is none of the test's: MLD, RS/RA, other NDs."""
    if IPv6 in ether and re.match(r"ff0[0-9a-f]:", ether[IPv6].dst):
        return True
    if IPv6 in ether and ether[IPv6].src.startswith("fe80:"):
        return True
    return ether.type not in (0x0800, 0x86DD)


def checked(packet):
    """Fails unless every checksum scapy would compute is the one in the packet."""
    raw = bytes(packet)
    rebuilt = packet.copy()
    layer = rebuilt
    while layer:
        for field in ("chksum", "cksum"):
            if hasattr(layer, "fields") and field in layer.fields:
                # A quoted packet keeps the checksum its sender computed over data that is not here.
                if layer.__class__.__name__.endswith("error"):
                    continue
                del layer.fields[field]
        layer = layer.payload
    if getattr(packet, "frag", 0) or (isinstance(packet, IP) and packet.flags.MF):
        return packet
    again = bytes(rebuilt)
    if raw != again:
        raise Failure(f"checksum differs from a recomputed one:\n got {raw.hex()}\nwant {again.hex()}")
    return packet


def equal(got, want, what):
    if got != want:
        raise Failure(f"{what}: got {got!r}, expected {want!r}")


def require(condition, what):
    if not condition:
        raise Failure(what)
