# SPDX-License-Identifier: BSD-3-Clause
"""A black-box test bed: isthmusd between two veth links whose far ends this process plays.

Everything lives in one private network namespace (main.py re-executes itself under unshare), so a
crash leaves nothing behind. The bed answers ARP and neighbor solicitations for its hosts, and
synchronises on events only: systemd's readiness message, packets, and, for "nothing comes out", a
probe packet sent after the one under test, whose translation must be the first thing to arrive.

A file of cases may bring its own CONFIG; main.py starts a daemon for each. CONFIG is the text of
the file from `ports` on. A case that needs another probe than the ordinary one sets bed.probe.
"""

import ctypes
import ipaddress
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import time

from scapy.all import (ARP, Dot1Q, ICMPv6DestUnreach, ICMPv6ND_NA, ICMPv6ND_NS,
                       ICMPv6NDOptDstLLAddr, Ether, IP, IPv6, Raw,
                       UDP)

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

COMMON = """
cores = {{ workers = [{workers}]; control = 0; idle = "yield"; }};
memory = {{ huge_pages = "off"; megabytes = {megabytes}; buffers = 8192; }};
limits = {{ sessions = 16384; bindings = 16384; subscribers = 1024; subscriber_sessions = 0;
           subscriber_bindings = 0; icmp_errors_per_second = 1000000; }};
control = {{ socket = "{directory}/isthmus.sock"; }};
"""

CONFIG = """
ports = (
  { name = "inside"; device = "net_af_packet0,iface=gw6"; mtu = 1500;
    addresses = ["2001:db8:1::1/64"]; },
  { name = "outside"; device = "net_af_packet1,iface=gw4"; mtu = 1500;
    addresses = ["192.0.2.1/24"]; }
);
routes = ( { prefix = "0.0.0.0/0"; via = "192.0.2.254"; } );
nat64 = ( { name = "main"; prefixes = ["64:ff9b:1:fffe::/96"];
  pools = ( { name = "main"; addresses = ["203.0.113.0/28"]; ports = "1024-65535"; } ); } );
siit = ( { name = "plain"; prefix = "2001:db8:46::/96"; inside4 = ["192.0.2.128/26"]; } );
"""

# The kernel reassembles IPv4 fragments before it gives them to an af_packet port (the driver asks
# for PACKET_FANOUT_FLAG_DEFRAG); cases about fragments run on net_pcap.
def on_pcap(config):
    return re.sub(r"net_af_packet(\d),iface=(\w+)", r"net_pcap\1,rx_iface_in=\2,tx_iface=\2", config)


SOL_PACKET = 263
PACKET_AUXDATA = 8
TP_STATUS_VLAN_VALID = 1 << 4
TP_STATUS_VLAN_TPID_VALID = 1 << 6


def embed(address4, prefix=PREFIX):
    return prefix + address4


def embed_at(prefix, address4):
    """The IPv6 address that stands for an IPv4 address in a prefix of any length (RFC 6052 2.2)."""
    network = ipaddress.IPv6Network(prefix)
    raw = bytearray(network.network_address.packed)
    at = network.prefixlen // 8
    for octet in ipaddress.IPv4Address(address4).packed:
        if at == 8:
            at += 1  # bits 64 to 71 are zero
        raw[at] = octet
        at += 1
    return str(ipaddress.IPv6Address(bytes(raw)))


class Failure(Exception):
    pass


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class Link:
    """The far end of one veth pair."""

    def __init__(self, near, far, mac, own_macs):
        run("ip", "link", "add", near, "mtu", "9600", "type", "veth", "peer", "name", far, "mtu", "9600")
        self.near, self.far = near, far
        # The twins share this namespace, so the kernel would take what arrives on the near end for
        # its own and answer a second time, beside the daemon.
        with open(f"/proc/sys/net/ipv4/conf/{near}/rp_filter", "w") as f:
            f.write("1")
        for name in (near, far):
            with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w") as f:
                f.write("1")
            subprocess.run(["ethtool", "-K", name, "tx", "off", "rx", "off", "gro", "off"],
                           check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            run("ip", "link", "set", name, "arp", "off", "up")
        self.gateway_mac = None  # told by the daemon
        self.mac = mac
        self.own_macs = own_macs
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((far, 0))
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)

    def send(self, packet, vlan=None):
        head = Ether(src=self.mac, dst=self.gateway_mac)
        self.socket.send(bytes(head / packet if vlan is None else head / Dot1Q(vlan=vlan) / packet))

    def send_frame(self, frame):
        self.socket.send(bytes(frame))

    def receive(self):
        """A frame as it was on the wire; None for one that we sent ourselves."""
        frame, ancillary, _, address = self.socket.recvmsg(65535, socket.CMSG_SPACE(20))
        if address[2] == socket.PACKET_OUTGOING:
            return None
        # The kernel takes the tag off and tells it beside the frame.
        for level, kind, data in ancillary:
            if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
                continue
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", data[:20])
            if status & TP_STATUS_VLAN_VALID:
                tpid = tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100
                frame = frame[:12] + struct.pack("!HH", tpid, tci) + frame[12:]
        return frame


def make_links():
    run("ip", "link", "set", "lo", "up")
    return (Link("gw6", "host6", HOST_MAC, {HOST_MAC}), Link("gw4", "host4", ROUTER_MAC, {ROUTER_MAC}))


def die_with_parent():
    """Who is killed cleans nothing up, so that the kernel has to."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def start_daemon(daemon, config, directory, name="isthmusd"):
    """Starts a daemon and waits until it tells systemd that it is ready: (process, path of its log)."""
    notify_path = os.path.join(directory, name + ".notify")
    log = os.path.join(directory, name + ".log")
    if os.path.exists(notify_path):
        os.unlink(notify_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(log, "w") as output:
        notify.bind(notify_path)
        notify.settimeout(0.2)
        process = subprocess.Popen([daemon, "-c", config], stdout=output, stderr=output,
                                   env={**os.environ, "NOTIFY_SOCKET": notify_path},
                                   preexec_fn=die_with_parent)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            try:
                if b"READY=1" in notify.recv(4096):
                    return process, log
            except socket.timeout:
                continue
    process.kill()
    with open(log) as f:
        raise Failure(f"isthmusd is not ready:\n{f.read()}")


class Bed:
    def __init__(self, daemon, workers=1, config=CONFIG, links=None):
        self.directory = tempfile.mkdtemp(prefix="isthmus-wire-")
        self.inside, self.outside = links or make_links()
        self.links = {"inside": self.inside, "outside": self.outside}
        self.control = None  # the connection to the command socket
        self.config = os.path.join(self.directory, "isthmus.conf")
        with open(self.config, "w") as f:
            f.write(COMMON.format(workers=", ".join(["1"] * workers), directory=self.directory,
                                  megabytes=512) + config)
        self.probe_sequence = 0
        self.probe = self.ordinary_probe  # sends a packet with the marker that must come through
        self.probe_side = "outside"       # where it comes out
        self.unanswered = {GATEWAY4, GATEWAY6, *POOL}  # whose ARP and ND requests stay so
        self.macs = {}   # link addresses that are not the link's own
        self.asked = []  # addresses that the gateway asked for
        for link in self.links.values():
            run("ip", "link", "set", link.near, "mtu", "9600")  # an earlier daemon may have lowered it
            self.flush(link)
        self.start(daemon)
        try:
            self.learn_macs()
        except Exception:
            self.process.kill()
            raise

    def learn_macs(self):
        macs = {row["port"]: row["mac"] for row in self.ctl("show", "interfaces")[0]["interfaces"]}
        for port in self.ctl("show", "ports")[0]["ports"]:
            for link in self.links.values():
                if f"iface={link.near}" in port["device"].replace("rx_iface_in", "iface"):
                    link.gateway_mac = macs[port["name"]]

    @staticmethod
    def flush(link):
        while select.select([link.socket], [], [], 0)[0]:
            link.receive()

    def ordinary_probe(self, marker):
        self.inside.send(IPv6(src=HOST_A, dst=embed(SERVER)) / UDP(sport=PROBE_PORT, dport=PROBE_PORT) /
                         marker)

    def start(self, daemon):
        self.process, self.log = start_daemon(daemon, self.config, self.directory)

    def read_log(self):
        with open(self.log) as f:
            return f.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        if code != 0:
            raise Failure(f"isthmusd exited with {code}:\n{self.read_log()[-4000:]}")

    def alive(self):
        if self.process.poll() is not None:
            raise Failure(f"isthmusd died with {self.process.returncode}:\n{self.read_log()[-6000:]}")

    # --- the command socket ------------------------------------------------------------------

    def ctl(self, *words):
        """The answer's rows (doc/protocol.md). Not by isthmusctl: cases ask hundreds of times."""
        if self.control is None:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(20)
            connection.connect(os.path.join(self.directory, "isthmus.sock"))
            self.control = connection.makefile("rw")
            self.control.readline()  # the greeting
        self.control.write(" ".join(words) + "\n")
        self.control.flush()
        rows = []
        while True:
            row = json.loads(self.control.readline())
            if "status" in row:
                break
            rows.append(row)
        if row["status"] != "ok":
            raise Failure(f"{' '.join(words)}: {row}")
        return rows

    def counts(self):
        """Counters and drop reasons in one dictionary."""
        drops = {row["reason"]: row["packets"] for row in self.ctl("show", "drops", "all")[0]["drops"]}
        return {row["name"]: row["value"]
                for row in self.ctl("show", "counters", "all")[0]["counters"]}, drops

    def dropped(self, reason, action, times=1):
        """Runs `action`; exactly `times` packets must be dropped for `reason`, none otherwise."""
        before = self.counts()[1]
        action()
        deadline = time.monotonic() + WAIT
        while True:
            self.barrier()  # also the time in which another worker comes round to its drop
            after = self.counts()[1]
            changed = {name: after[name] - before[name] for name in after if after[name] != before[name]}
            if sum(changed.values()) >= times or time.monotonic() > deadline:
                break
        equal(changed, {reason: times}, "packets dropped")

    def refused(self, reason, packet):
        """`packet`, sent from inside, is dropped for `reason`, and its sender is told (RFC 7915 5.4)."""
        before = self.counts()[1].get(reason, 0)
        self.inside.send(packet)
        got = self.receive("inside", IPv6)
        if ICMPv6DestUnreach not in got or got[ICMPv6DestUnreach].code != 1:
            raise Failure(f"not refused: {got.summary()}")
        self.barrier()
        equal(self.counts()[1].get(reason, 0), before + 1, f"dropped as {reason}")

    # --- packets -----------------------------------------------------------------------------

    def next_frame(self, wait=WAIT):
        """(side, frame) of the next frame that is the test's; None after `wait` seconds."""
        deadline = time.monotonic() + wait
        sockets = {link.socket: (name, link) for name, link in self.links.items()}
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            for ready in select.select(list(sockets), [], [], left)[0]:
                name, link = sockets[ready]
                frame = link.receive()
                if frame is None:
                    continue
                ether = Ether(frame)
                if not self.answer_resolution(link, ether) and not is_noise(ether):
                    return name, ether

    def receive_frame(self, side, wait=WAIT):
        """The next frame, on `side`."""
        got = self.next_frame(wait)
        if got is None:
            self.alive()
            raise Failure(f"nothing came out {side}")
        if got[0] != side:
            raise Failure(f"unexpected on {got[0]}: {got[1].summary()}")
        return got[1]

    def receive(self, side, wanted, wait=WAIT):
        """The next packet of IP class `wanted` on `side` ("inside" or "outside")."""
        ether = self.receive_frame(side, wait)
        if wanted not in ether:
            raise Failure(f"unexpected on {side}: {ether.summary()}")
        return ether[wanted]

    def drain(self):
        """Lets what an earlier case may have left come out: a probe there, then whatever is queued."""
        self.probe_sequence += 1
        marker = f"drain-{self.probe_sequence}".encode()
        self.probe(marker)
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            got = self.next_frame(max(0, deadline - time.monotonic()))
            if got is not None and marker in bytes(got[1]):
                return
        self.alive()
        raise Failure("the gateway forwards nothing any more")

    def answer_resolution(self, link, ether):
        if ARP in ether:
            target = ether[ARP].pdst
            if ether[ARP].op == 1:
                self.asked.append(target)
            if ether[ARP].op == 1 and target not in self.unanswered:
                mac = self.macs.get(target, link.mac)
                self.answer(link, ether, mac, ARP(op=2, hwsrc=mac, psrc=target, hwdst=ether[ARP].hwsrc,
                                                  pdst=ether[ARP].psrc))
            return ether[ARP].op == 1
        if ICMPv6ND_NS in ether:
            target = ether[ICMPv6ND_NS].tgt
            self.asked.append(target)
            if target not in self.unanswered and ether[IPv6].src != "::":
                mac = self.macs.get(target, link.mac)
                self.answer(link, ether, mac, IPv6(src=target, dst=ether[IPv6].src, hlim=255) /
                            ICMPv6ND_NA(tgt=target, R=0, S=1, O=1) /
                            ICMPv6NDOptDstLLAddr(lladdr=mac))
            return True
        return False

    @staticmethod
    def answer(link, ether, mac, reply):
        head = Ether(src=mac, dst=ether.src)
        if Dot1Q in ether:
            head = head / Dot1Q(vlan=ether[Dot1Q].vlan)
        link.send_frame(head / reply)

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
        self.probe(marker)
        got = self.receive_frame(self.probe_side)
        if Raw not in got or got[Raw].load != marker:
            raise Failure(f"came out although it must not: {got.summary()}")


def is_noise(ether):
    """Traffic of the kernels on both sides that is none of the test's: MLD, RS/RA, other NDs."""
    if IPv6 in ether and re.match(r"ff0[0-9a-f]:", ether[IPv6].dst):
        return True
    if IPv6 in ether and ether[IPv6].src.startswith("fe80:"):
        return True
    if IPv6 in ether and ether[IPv6].src == "::":  # duplicate address detection
        return True
    return False


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
        raise Failure(f"{what}: got {got!r:.500}, expected {want!r:.500}")


def require(condition, what):
    if not condition:
        raise Failure(what)
