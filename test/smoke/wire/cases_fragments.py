# SPDX-License-Identifier: BSD-3-Clause
"""Fragments through the stateful and the stateless instance (RFC 6146 3.4, RFC 7915 4 and 5)."""

import struct

from scapy.all import ICMP, IP, UDP, IPv6, IPv6ExtHdrFragment, Raw, fragment

from cases_siit import CONFIG as ORDINARY
from harness import HOST_A, SERVER, embed, equal, on_pcap

CONFIG = on_pcap(ORDINARY)
INSIDE4 = "192.0.2.130"
INSIDE6 = "2001:db8:46::c000:282"


def six_to_four():
    return IPv6(src=INSIDE6, dst="2001:db8:46::c633:640a")


def four_to_six(**options):
    return IP(src=SERVER, dst=INSIDE4, **options)


def outward(bed, sport):
    return bed.out(IPv6(src=HOST_A, dst=embed(SERVER)) / UDP(sport=sport, dport=53) / Raw(b"question"))


def case_fragments_in_order(bed):
    got = outward(bed, 5108)
    whole = IP(src=SERVER, dst=got.src, id=4242) / UDP(sport=53, dport=got[UDP].sport) / (b"0123456789" * 200)
    pieces = fragment(whole, fragsize=1200)
    data = b""
    for piece in pieces:
        bed.outside.send(piece)
        out = bed.receive("inside", IPv6)
        equal((out.dst, out.nh), (HOST_A, 44), "fragment")
        data += bytes(out)[48:]
    equal(data[8:], b"0123456789" * 200, "payload")


def case_fragments_reversed(bed):
    got = outward(bed, 5109)
    whole = IP(src=SERVER, dst=got.src, id=4243) / UDP(sport=53, dport=got[UDP].sport) / (b"abcdefghij" * 200)
    pieces = fragment(whole, fragsize=1200)
    for piece in reversed(pieces):
        bed.outside.send(piece)
    total = sorted((bytes(bed.receive("inside", IPv6)) for _ in pieces),
                   key=lambda raw: struct.unpack("!H", raw[42:44])[0] & 0xFFF8)
    equal(b"".join(raw[48:] for raw in total)[8:], b"abcdefghij" * 200, "payload")


def case_fragments_outward(bed):
    load = b"qwertyuiop" * 200
    udp = bytes(IPv6(bytes(IPv6(src=HOST_A, dst=embed(SERVER)) / UDP(sport=5110, dport=53) / load)))[40:]
    cut = 1200
    names = []
    for _ in range(2):
        ids = set()
        for offset, part, more in ((0, udp[:cut], 1), (cut, udp[cut:], 0)):
            got = bed.out(IPv6(src=HOST_A, dst=embed(SERVER)) /
                          IPv6ExtHdrFragment(nh=17, offset=offset // 8, m=more, id=0x1234BEEF) / Raw(part))
            equal((got.frag * 8, int(got.flags.MF), int(got.flags.DF), got.dst), (offset, more, 0, SERVER),
                  "fragment")
            ids.add(got.id)
        equal(len(ids), 1, "Identifications of one datagram")  # RFC 6864 4.3: ours to choose
        names += ids
    equal(len(set(names)), 2, "Identifications of two datagrams")


def case_stateless_fragments_outward(bed):
    for offset, more in ((0, 1), (1200, 1), (2400, 0)):
        got = bed.out(six_to_four() / IPv6ExtHdrFragment(nh=17, offset=offset // 8, m=more, id=0xABCD1234) /
                      Raw(b"\0\1\0\2\x0e\x10\x77\x77" + b"f" * 1192))
        equal((got.frag * 8, int(got.flags.MF), got.id, got.dst, len(bytes(got))),
              (offset, more, 0x1234, SERVER, 1220), "fragment outward")


def case_stateless_fragments_inward(bed):
    for offset, more in ((0, 1), (1200, 1), (2400, 0)):
        back = bed.back(four_to_six(id=0x4321, frag=offset // 8, flags="MF" if more else 0, proto=17) /
                        Raw(b"\0\1\0\2\x0e\x10\x77\x77" + b"f" * 1192))
        head = bytes(back)[40:48]
        equal((back.nh, back.dst, head[0], int.from_bytes(head[2:4], "big"), head[4:]),
              (44, INSIDE6, 17, offset | more, bytes.fromhex("00004321")), "fragment inward")


def case_stateless_fragmented_echo(bed):
    # The checksum of a fragmented ICMP message covers a pseudo-header in IPv6 only: RFC 7915 4.2.
    bed.dropped("fragment", lambda: bed.outside.send(
        four_to_six(id=5, flags="MF", proto=1) / Raw(bytes(ICMP(type=8, id=1, seq=1)) + b"e" * 1192)))
