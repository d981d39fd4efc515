# SPDX-License-Identifier: BSD-3-Clause
"""Odd frames: padding, runts, jumbo frames, wrong addresses; each drop under its exact reason."""

import struct

from scapy.all import (ICMP, IP, TCP, UDP, ARP, Ether, ICMPv6EchoRequest, IPv6, IPv6ExtHdrRouting, Raw,
                       LLC, SNAP)

from harness import (CONFIG, GATEWAY4, GATEWAY6, HOST_A, POOL, ROUTER4, SERVER, checked, embed, equal,
                     on_pcap, require, run)

# The af_packet driver takes no frames larger than 1518 bytes.
JUMBO = on_pcap(CONFIG.replace("mtu = 1500", "mtu = 9000"))


def head(link, ether_type, destination=None):
    mac = (destination or link.gateway_mac).replace(":", "") + link.mac.replace(":", "")
    return bytes.fromhex(mac) + struct.pack("!H", ether_type)


def question(sport, load=b"question", **ip6):
    return IPv6(**{"src": HOST_A, "dst": embed(SERVER), **ip6}) / UDP(sport=sport, dport=53) / Raw(load)


def case_ethernet_padding_is_cut(bed):
    bed.inside.send_frame(head(bed.inside, 0x86DD) + bytes(question(8000, b"q")) + b"\xee" * 30)
    got = checked(bed.receive("outside", IP))
    equal((got.len, len(bytes(got)), bytes(got[UDP].payload)[:1]), (29, 29, b"q"), "without padding")
    back = IP(src=SERVER, dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / b"a"
    bed.outside.send_frame(head(bed.outside, 0x0800) + bytes(back) + b"\xee" * 17)
    got = checked(bed.receive("inside", IPv6))
    equal((got.plen, len(bytes(got))), (9, 49), "without padding")
    bed.outside.send_frame(head(bed.outside, 0x0800) +
                           bytes(IP(src=SERVER, dst=GATEWAY4) / ICMP(id=1, seq=1)) + b"\xee" * 18)
    equal(bed.receive("outside", IP)[ICMP].type, 0, "the twin copes with padding")


def case_runts(bed):
    for length in range(1, 14):  # veth itself refuses some of them; the rest are cut-off headers
        try:
            bed.inside.send_frame(head(bed.inside, 0x86DD)[:length])
        except OSError:
            continue
    bed.barrier()
    bed.dropped("truncated", lambda: bed.inside.send_frame(head(bed.inside, 0x86DD) + b"\x60"))
    bed.dropped("truncated", lambda: bed.inside.send_frame(head(bed.inside, 0x86DD)))
    bed.dropped("truncated", lambda: bed.outside.send_frame(head(bed.outside, 0x0800) + b"\x45" * 19))


def drop6(bed, reason, packet):
    bed.dropped(reason, lambda: bed.inside.send_frame(head(bed.inside, 0x86DD) + bytes(packet)))


def drop4(bed, reason, packet):
    bed.dropped(reason, lambda: bed.outside.send_frame(head(bed.outside, 0x0800) + bytes(packet)))


def case_headers_that_lie(bed):
    four = IP(src=SERVER, dst=POOL[0]) / UDP(sport=53, dport=2000) / b"payload"
    drop4(bed, "bad-version", b"\x65" + bytes(four)[1:])
    drop6(bed, "bad-version", b"\x45" + bytes(question(8001))[1:])
    drop4(bed, "bad-length", b"\x44" + bytes(four)[1:])                       # header of 16 bytes
    drop4(bed, "bad-checksum-ip4", bytes(IP(src=SERVER, dst=POOL[0], chksum=7) / UDP()))
    drop4(bed, "truncated", bytes(IP(src=SERVER, dst=POOL[0], len=4000) / UDP()))
    drop6(bed, "truncated", bytes(question(8001, plen=4000)))
    drop4(bed, "bad-length", bytes(IP(src=SERVER, dst=POOL[0], len=19) / UDP()))


def case_unknown_ether_types(bed):
    for ether_type in (0x0842, 0x8847, 0x88CC, 0x8863, 0x9000):
        bed.dropped("unknown-ethertype", lambda: bed.inside.send_frame(
            head(bed.inside, ether_type) + b"\0" * 60))
    bed.dropped("unknown-ethertype", lambda: bed.inside.send_frame(bytes(
        Ether(src=bed.inside.mac, dst=bed.inside.gateway_mac) / LLC() / SNAP() / Raw(b"\0" * 40))))


def case_sources_that_are_no_sender(bed):
    # RFC 7915 4.1, 5.1 and RFC 1122 3.2.1.3: such packets are dropped silently.
    for source in ("ff02::1", "::", "::1", "ff0e::1234"):
        drop6(bed, "illegal-source", question(8002, src=source))
    got = bed.out(question(8003))
    for source in ("224.0.0.1", "255.255.255.255", "127.0.0.1", "0.0.0.0", "239.255.255.250"):
        drop4(bed, "illegal-source", IP(src=source, dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / b"x")


def case_source_is_our_own_address(bed):
    # Spoofed: nothing sensible can come of it, and nothing bad may.
    bed.inside.send(question(8004, src=GATEWAY6))
    got = bed.next_frame(0.3)
    if got is not None and IP in got[1]:
        bed.outside.send(IP(src=SERVER, dst=got[1][IP].src) / UDP(sport=53, dport=got[1][UDP].sport) / b"x")
    while bed.next_frame(0.2) is not None:
        pass
    equal(bed.ctl("show", "neighbors")[0]["waiting"], 0, "packets that wait for the gateway itself")
    got = bed.out(question(8005))
    bed.outside.send(IP(src=GATEWAY4, dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / b"x")
    while bed.next_frame(0.2) is not None:
        pass
    bed.barrier()


def case_group_destinations(bed):
    before = bed.counts()[0]["punted"]
    for destination in ("224.0.0.5", "239.1.2.3", "255.255.255.255"):
        bed.outside.send(IP(src=ROUTER4, dst=destination) / UDP(sport=1, dport=9) / b"x")
        bed.barrier()
    bed.inside.send(IPv6(src=HOST_A, dst="ff02::5") / UDP(sport=1, dport=9) / b"x")
    bed.barrier()
    equal(bed.counts()[0]["punted"] - before, 4, "the kernel's to judge")


def case_unicast_packet_in_a_broadcast_frame(bed):
    # RFC 1812 5.3.4: not forwarded, in neither family.
    got = bed.out(question(8006))
    bed.outside.send_frame(head(bed.outside, 0x0800, "ff:ff:ff:ff:ff:ff") + bytes(
        IP(src=SERVER, dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / b"x"))
    bed.barrier()
    bed.inside.send_frame(head(bed.inside, 0x86DD, "33:33:00:00:00:01") + bytes(question(8007)))
    bed.barrier()


def case_frames_for_other_stations(bed):
    for link, ether_type, packet in ((bed.inside, 0x86DD, question(8008)),
                                     (bed.outside, 0x0800, IP(src=SERVER, dst=POOL[0]) / UDP())):
        bed.dropped("not-for-us", lambda: link.send_frame(
            head(link, ether_type, "02:00:00:00:77:77") + bytes(packet)))


def case_subnet_broadcast_out(bed):
    # 192.0.2.255 through the prefix: a router must not send directed broadcasts on (RFC 2644).
    bed.inside.send(IPv6(src=HOST_A, dst=embed("192.0.2.255")) / UDP(sport=8009, dport=9) / Raw(b"smurf"))
    got = bed.next_frame(0.5)
    require(got is None or got[1].dst != "ff:ff:ff:ff:ff:ff", "directed broadcast")
    for _ in range(40):
        if bed.ctl("show", "neighbors")[0]["waiting"] == 0:
            break
        bed.next_frame(0.1)
    bed.unanswered.discard("192.0.2.255")


def case_ping_flood_of_sizes(bed):
    for size in (0, 1, 7, 8, 9, 56, 57, 1400):
        got = bed.out(IPv6(src=HOST_A, dst=embed(SERVER)) / ICMPv6EchoRequest(id=5, seq=1, data=b"d" * size))
        equal(len(bytes(got)), 28 + size, f"{size} bytes of data")


def case_larger_than_the_port(bed):
    # The daemon has told the interface its MTU; a link that does not care brings more all the same.
    for link in (bed.inside, bed.outside):
        run("ip", "link", "set", link.near, "mtu", "9600")
    try:
        for size in (1501, 1600, 2000, 3000, 9000):
            bed.inside.send(question(8010, b"o" * (size - 48)))
            got = bed.next_frame(0.2)
            if got is not None and got[0] == "inside":
                equal(bytes(got[1][IPv6])[40], 2, "at most a Packet Too Big comes back")
            elif got is not None:
                require(len(got[1]) <= 1514, f"a frame of {len(got[1])} bytes went out")
        bed.barrier()
    finally:
        for link in (bed.inside, bed.outside):
            run("ip", "link", "set", link.near, "mtu", "1500")


# --- jumbo frames ------------------------------------------------------------------------------


def jumbo(case):
    case.config = JUMBO
    return case


@jumbo
def case_jumbo_both_ways(bed):
    for size in (1501, 4000, 8999, 9000):
        load = b"j" * (size - 48)
        got = bed.out(question(8100, load))
        equal((got.len, bytes(got[UDP].payload)), (size - 20, load), f"{size} bytes outward")
    load = b"k" * (8980 - 28)
    back = bed.back(IP(src=SERVER, dst=got.src, flags="DF") / UDP(sport=53, dport=got[UDP].sport) / load)
    equal((len(bytes(back)), bytes(back[UDP].payload)), (9000, load), "9000 bytes inward")
    error = bed.back_refused(IP(src=SERVER, dst=got.src, flags="DF") /
                             UDP(sport=53, dport=got[UDP].sport) / (load + b"k" * 20))
    equal((error[ICMP].type, error[ICMP].code, error[ICMP].nexthopmtu), (3, 4, 8980), "one too big")


@jumbo
def case_jumbo_to_the_box(bed):
    bed.inside.send(IPv6(src=HOST_A, dst=GATEWAY6) / ICMPv6EchoRequest(id=1, seq=1, data=b"p" * 8952))
    got = bed.receive("inside", IPv6)
    equal((len(bytes(got)), bytes(got)[40]), (9000, 129), "a ping of 9000 bytes")


@jumbo
def case_jumbo_waits_for_a_neighbor(bed):
    bed.inside.send(question(8101, b"w" * 8000, dst=embed("192.0.2.77")))
    equal(len(bytes(bed.receive("outside", IP)[UDP].payload)), 8000, "after ARP")


@jumbo
def case_jumbo_split(bed):
    got = bed.out(question(8102))
    bed.outside.send(IP(src=SERVER, dst=got.src, id=0x77) / UDP(sport=53, dport=got[UDP].sport) / (b"f" * 8900))
    sizes = []
    while sum(sizes) < 8908:
        sizes.append(len(bytes(bed.receive("inside", IPv6))) - 48)
    equal((sum(sizes), max(sizes) <= 1232), (8908, True), "DF clear: fragments of the lowest IPv6 MTU")
