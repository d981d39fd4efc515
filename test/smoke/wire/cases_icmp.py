# SPDX-License-Identifier: BSD-3-Clause
"""Ping, ICMP errors both ways, hairpinning, and what malformed packets may not do."""

import struct

from scapy.all import (ICMP, IP, TCP, UDP, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig,
                       ICMPv6DestUnreach, IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPerror,
                       PadN, Raw, fragment)

from harness import (GATEWAY4, GATEWAY6, HOST_A, HOST_B, POOL, SERVER, embed, equal, require)


def outward(bed, sport, source=HOST_A):
    got = bed.out(IPv6(src=source, dst=embed(SERVER)) / UDP(sport=sport, dport=53) / b"question")
    return got


def case_ping(bed):
    got = bed.out(IPv6(src=HOST_A, dst=embed(SERVER)) / ICMPv6EchoRequest(id=77, seq=3, data=b"abc"))
    equal((got[ICMP].type, got[ICMP].seq, got[Raw].load), (8, 3, b"abc"), "echo request")
    back = bed.back(IP(src=SERVER, dst=got.src) / ICMP(type=0, id=got[ICMP].id, seq=3) / b"abc")
    equal((back[ICMPv6EchoReply].id, back[ICMPv6EchoReply].seq), (77, 3), "echo reply")


def case_traceroute_names_the_hop(bed):
    got = outward(bed, 5100)
    error = IP(src="198.51.100.1", dst=got.src) / ICMP(type=11, code=0) / IP(bytes(got)[:28])
    back = bed.back(error)
    equal(back.src, embed("c633:6401"), "the router that sent it (conflict C5)")
    raw = bytes(back)
    equal(raw[40:42], b"\x03\x00", "time exceeded")
    inner = IPv6(raw[48:])
    equal((inner.src, inner.dst, inner.nh, inner.hlim), (HOST_A, embed("c633:640a"), 17, got.ttl),
          "quoted header")
    equal(struct.unpack("!HH", raw[88:92]), (5100, 53), "quoted ports")


def case_path_mtu_from_ipv4(bed):
    got = outward(bed, 5101)
    error = IP(src="198.51.100.1", dst=got.src) / ICMP(type=3, code=4, nexthopmtu=1400) / IP(bytes(got))
    back = bed.back(error)
    equal((back[ICMPv6PacketTooBig].mtu, bytes(back)[40]), (1420, 2), "PTB (7915 4.2)")


def case_path_mtu_from_ipv6(bed):
    got = outward(bed, 5102)
    answer = bed.back(IP(src=SERVER, dst=got.src, flags="DF") / UDP(sport=53, dport=got[UDP].sport) /
                      (b"z" * 1400))
    error = bed.out(IPv6(src="2001:db8:1::77", dst=answer.src) / ICMPv6PacketTooBig(mtu=1400) /
                    Raw(bytes(answer)[:1180]))
    equal((error[ICMP].type, error[ICMP].code, error[ICMP].nexthopmtu), (3, 4, 1380), "FN (7915 5.2)")
    equal(error.src, got.src, "address of the flow (conflict C6)")
    inner = error[IPerror]
    equal((inner.src, inner.dst, inner.len), (SERVER, got.src, 1428), "quoted header")


def case_unreachable_from_inside(bed):
    got = outward(bed, 5103)
    answer = bed.back(IP(src=SERVER, dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / b"a")
    error = bed.out(IPv6(src=HOST_A, dst=answer.src) / ICMPv6DestUnreach(code=4) / Raw(bytes(answer)))
    equal((error[ICMP].type, error[ICMP].code), (3, 3), "port unreachable")


def case_error_about_nothing_is_silent(bed):
    quoted = IP(src=POOL[2], dst=SERVER) / UDP(sport=9, dport=9)
    bed.silent("outside", IP(src="198.51.100.1", dst=POOL[2]) / ICMP(type=3, code=3) / quoted)
    got = outward(bed, 5104)
    short = IP(src="198.51.100.1", dst=got.src) / ICMP(type=3, code=3) / Raw(bytes(got)[:20])
    bed.silent("outside", short)


def case_hairpin(bed):
    inside = outward(bed, 5105, HOST_B)
    bed.inside.send(IPv6(src=HOST_A, dst=embed(inside.src), hlim=64) /
                    UDP(sport=5106, dport=inside[UDP].sport) / b"turn")
    got = bed.receive("inside", IPv6)
    equal((got.dst, got[UDP].dport, got[Raw].load), (HOST_B, 5105, b"turn"), "hairpinned packet")
    equal(got.hlim, 63, "one decrement (conflict C7)")
    bed.inside.send(IPv6(src=HOST_B, dst=got.src) / UDP(sport=5105, dport=got[UDP].sport) / b"back")
    back = bed.receive("inside", IPv6)
    equal((back.dst, back[UDP].dport, back.src), (HOST_A, 5106,
          IPv6(bytes(IPv6(src="::", dst=embed(inside.src)))).dst), "answer to a hairpin")


def case_extension_headers_are_skipped(bed):
    got = bed.out(IPv6(src=HOST_A, dst=embed(SERVER)) / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]) /
                  UDP(sport=5107, dport=53) / b"ext")
    equal((got.proto, bytes(got)[28:]), (17, b"ext"), "UDP without the options")


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
    for offset, part, more in ((0, udp[:cut], 1), (cut, udp[cut:], 0)):
        got = bed.out(IPv6(src=HOST_A, dst=embed(SERVER)) /
                      IPv6ExtHdrFragment(nh=17, offset=offset // 8, m=more, id=0x1234BEEF) / Raw(part))
        equal((got.frag * 8, int(got.flags.MF), int(got.flags.DF), got.dst), (offset, more, 0, SERVER),
              "fragment")


def case_fragments_ping(bed):
    """3000 bytes each way: the whole message has to be there before its first fragment can go on."""
    load = b"0123456789" * 300
    echo = bytes(IPv6(src=HOST_A, dst=embed(SERVER)) / ICMPv6EchoRequest(id=79, seq=1, data=load))[40:]
    # The checksum is that of the whole message.
    cuts = range(0, len(echo), 1200)
    for offset in reversed(cuts):
        bed.inside.send(IPv6(src=HOST_A, dst=embed(SERVER)) /
                        IPv6ExtHdrFragment(nh=58, offset=offset // 8, m=int(offset != cuts[-1]), id=77) /
                        Raw(echo[offset:offset + 1200]))
    got = [bed.receive("outside", IP) for _ in cuts]
    equal([p.frag * 8 for p in got], list(cuts), "in order")
    whole = IP(src=got[0].src, dst=SERVER) / Raw(b"".join(bytes(p)[20:] for p in got))
    whole[IP].proto = 1
    request = IP(bytes(whole))
    equal((request[ICMP].type, request[Raw].load), (8, load), "echo request")
    reply = IP(src=SERVER, dst=request.src, id=4245) / ICMP(type=0, id=request[ICMP].id, seq=1) / load
    for piece in fragment(reply, fragsize=1200):
        bed.outside.send(piece)
    back = b"".join(bytes(bed.receive("inside", IPv6))[48:] for _ in range(3))
    equal((back[0], back[4:6], back[8:]), (129, b"\x00\x4f", load), "echo reply")


def case_fragments_without_checksum(bed):
    got = outward(bed, 5111)
    whole = IP(src=SERVER, dst=got.src, id=4246) / UDP(sport=53, dport=got[UDP].sport, chksum=0) / (b"xyz" * 700)
    for piece in reversed(fragment(whole, fragsize=1200)):
        bed.outside.send(piece)
    data = b"".join(bytes(bed.receive("inside", IPv6))[48:] for _ in range(2))
    equal(data[8:], b"xyz" * 700, "payload")
    require(data[6:8] != b"\0\0", "a checksum was computed")


def case_stateless_instance(bed):
    six = "2001:db8:46::"
    got = bed.out(IPv6(src=six + "192.0.2.130", dst=six + SERVER) / UDP(sport=1, dport=2) / b"siit")
    equal((got.src, got.dst, got[UDP].sport), ("192.0.2.130", SERVER, 1), "stateless outward")


def case_gateway_answers_ping(bed):
    bed.inside.send(IPv6(src=HOST_A, dst=GATEWAY6) / ICMPv6EchoRequest(id=1, seq=1))
    got = bed.receive("inside", IPv6)
    equal((got.src, bytes(got)[40]), (GATEWAY6, 129), "the twin's kernel answers")
    bed.outside.send(IP(src=SERVER, dst=GATEWAY4) / ICMP(id=1, seq=1))
    got = bed.receive("outside", IP)
    equal((got.src, got[ICMP].type), (GATEWAY4, 0), "the twin's kernel answers")


def case_truncated_at_every_byte(bed):
    packets = [
        ("inside", IPv6(src=HOST_A, dst=embed(SERVER)) / TCP(sport=7100, dport=80, flags="S")),
        ("inside", IPv6(src=HOST_A, dst=embed(SERVER)) / IPv6ExtHdrHopByHop() / UDP(sport=7101) / b"12345678"),
        ("outside", IP(src=SERVER, dst=POOL[0]) / ICMP(type=3, code=3) /
         (IP(src=POOL[0], dst=SERVER) / UDP(sport=1, dport=2) / b"12345678")),
    ]
    for side, packet in packets:
        raw = bytes(packet)
        link = bed.inside if side == "inside" else bed.outside
        ether_type = b"\x86\xdd" if side == "inside" else b"\x08\x00"
        head = bytes.fromhex(link.gateway_mac.replace(":", "") + link.mac.replace(":", "")) + ether_type
        for length in range(len(raw) - 1):
            link.send_frame(head + raw[:length])
        bed.barrier()
    bed.alive()


def case_garbage(bed):
    import random
    rng = random.Random(20)
    for _ in range(500):
        side, ether_type = rng.choice([(bed.inside, b"\x86\xdd"), (bed.outside, b"\x08\x00")])
        head = bytes.fromhex(side.gateway_mac.replace(":", "") + side.mac.replace(":", "")) + ether_type
        side.send_frame(head + rng.randbytes(rng.randrange(0, 200)))
    bed.barrier()
    bed.alive()
