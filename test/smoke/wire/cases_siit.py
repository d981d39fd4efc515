# SPDX-License-Identifier: BSD-3-Clause
"""Stateless translation (RFC 7915) of every protocol, both ways, with fragments and ICMP errors."""

from scapy.all import (ICMP, IP, TCP, UDP, ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest,
                       ICMPv6PacketTooBig, ICMPv6ParamProblem, IPerror, IPv6, IPv6ExtHdrDestOpt,
                       IPv6ExtHdrRouting, PadN, Raw)

from harness import HOST_A, SERVER, embed, equal, require

CONFIG = """
ports = (
  { name = "inside"; device = "net_af_packet0,iface=gw6"; mtu = 1500;
    addresses = ["2001:db8:1::1/64"]; },
  { name = "outside"; device = "net_af_packet1,iface=gw4"; mtu = 1500;
    addresses = ["192.0.2.1/24"]; }
);
routes = ( { prefix = "0.0.0.0/0"; via = "192.0.2.254"; },
           { prefix = "2001:db8:46::/48"; via = "2001:db8:1::fe"; } );
nat64 = ( { name = "main"; prefixes = ["64:ff9b:1:fffe::/96"];
  pools = ( { name = "main"; addresses = ["203.0.113.0/28"]; ports = "1024-65535"; } ); } );
siit = ( { name = "plain"; prefix = "2001:db8:46::/96"; inside4 = ["192.0.2.128/25"]; },
         { name = "short"; prefix = "2001:db8:4600::/40"; inside4 = ["203.0.113.128/25"]; } );
"""
SIX = "2001:db8:46::"
INSIDE4 = "192.0.2.130"
INSIDE6 = SIX + "c000:282"
REMOTE6 = SIX + "c633:640a"


def six(**options):
    return IPv6(src=INSIDE6, dst=REMOTE6, **options)


def four(**options):
    return IP(src=SERVER, dst=INSIDE4, **options)


def case_out_and_back(bed):
    got = bed.out(six(hlim=64, tc=0x28, fl=0x12345) / UDP(sport=1, dport=2) / Raw(b"siit"))
    equal((got.src, got.dst, got.ttl, got.tos, got[UDP].sport, got[UDP].dport, bytes(got[UDP].payload)),
          (INSIDE4, SERVER, 63, 0x28, 1, 2, b"siit"), "outward")
    back = bed.back(four(ttl=9, tos=0xB8) / TCP(sport=2, dport=1, flags="SA", seq=4, ack=5) / b"back")
    equal((back.src, back.dst, back.hlim, back.tc, back.fl, back[TCP].dport, str(back[TCP].flags)),
          (REMOTE6, INSIDE6, 8, 0xB8, 0, 1, "SA"), "back")


def case_from_outside_first(bed):
    back = bed.back(four() / UDP(sport=53, dport=7) / b"unasked")
    equal((back.dst, back[UDP].dport), (INSIDE6, 7), "no state is needed")


def case_any_protocol(bed):
    for protocol in (2 + 45, 50, 51 + 81, 103, 4, 41, 253):  # GRE, ESP, SCTP, PIM, two tunnels, test
        got = bed.out(six(nh=protocol) / Raw(b"\x45payload of some protocol"))
        equal((got.proto, bytes(got)[20:]), (protocol, b"\x45payload of some protocol"), f"{protocol} out")
        back = bed.back(four(proto=protocol) / Raw(b"\x45payload of some protocol"))
        equal((back.nh, bytes(back)[40:]), (protocol, b"\x45payload of some protocol"), f"{protocol} back")


def case_igmp_is_dropped(bed):
    # RFC 7915 4.2: IGMP messages are link-local and silently dropped.
    bed.silent("outside", four(proto=2) / Raw(b"\x16\0\0\0\0\0\0\0"))


def case_ping_both_ways(bed):
    got = bed.out(six() / ICMPv6EchoRequest(id=7, seq=8, data=b"abc"))
    equal((got[ICMP].type, got[ICMP].id, got[ICMP].seq), (8, 7, 8), "echo request")
    back = bed.back(four() / ICMP(type=0, id=7, seq=8) / b"abc")
    equal((back[ICMPv6EchoReply].id, back[ICMPv6EchoReply].seq), (7, 8), "echo reply")
    back = bed.back(four() / ICMP(type=8, id=9, seq=1) / b"xyz")
    equal((back[ICMPv6EchoRequest].id, back[ICMPv6EchoRequest].data), (9, b"xyz"), "request inward")
    got = bed.out(six() / ICMPv6EchoReply(id=9, seq=1, data=b"xyz"))
    equal((got[ICMP].type, got[ICMP].id), (0, 9), "reply outward")


def case_icmp_without_counterpart(bed):
    for kind in (13, 14, 15, 17, 9, 10, 6):
        bed.dropped("icmp-untranslatable", lambda: bed.outside.send(
            four() / ICMP(type=kind, code=0) / Raw(b"\0" * 12)))
    for kind in (130, 131, 138, 200):
        bed.dropped("icmp-untranslatable", lambda: bed.inside.send(
            IPv6(bytes(with_icmp6_checksum(bytes([kind, 0, 0, 0]) + b"\0" * 20)))))


def with_icmp6_checksum(body):
    from scapy.all import in6_chksum
    packet = six(nh=58)
    value = in6_chksum(58, packet, body)
    return packet / Raw(body[:2] + value.to_bytes(2, "big") + body[4:])


def case_errors_outward(bed):
    answer = bed.back(four() / UDP(sport=53, dport=7) / b"unasked")
    error = bed.out(six() / ICMPv6DestUnreach(code=4) / Raw(bytes(answer)))
    equal((error[ICMP].type, error[ICMP].code, error[IPerror].src, error[IPerror].dst),
          (3, 3, SERVER, INSIDE4), "port unreachable")
    error = bed.out(six() / ICMPv6PacketTooBig(mtu=1400) / Raw(bytes(answer)))
    equal((error[ICMP].type, error[ICMP].code, error[ICMP].nexthopmtu), (3, 4, 1380), "too big")
    error = bed.out(six() / ICMPv6ParamProblem(code=1, ptr=6) / Raw(bytes(answer)))
    equal((error[ICMP].type, error[ICMP].code), (3, 2), "protocol unreachable")


def case_errors_inward(bed):
    sent = bed.out(six() / UDP(sport=7, dport=53) / b"question")
    for kind, code, want in ((3, 0, (1, 0)), (3, 1, (1, 0)), (3, 3, (1, 4)), (3, 13, (1, 1)),
                             (11, 0, (3, 0)), (11, 1, (3, 1))):
        error = bed.back(IP(src="198.51.100.1", dst=INSIDE4) / ICMP(type=kind, code=code) / IP(bytes(sent)))
        equal((bytes(error)[40], bytes(error)[41]), want, f"ICMP {kind}/{code}")
        equal((error.src, IPv6(bytes(error)[48:]).src, IPv6(bytes(error)[48:]).dst),
              (SIX + "c633:6401", INSIDE6, REMOTE6), f"ICMP {kind}/{code}")


def case_extension_headers(bed):
    got = bed.out(six() / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)]) /
                  UDP(sport=3, dport=4) / Raw(b"ext"))
    equal((got.proto, bytes(got[UDP].payload)), (17, b"ext"), "UDP without the options")
    error = bed.out_refused(six() / IPv6ExtHdrRouting(addresses=["2001:db8:46::7"], segleft=1) /
                            UDP(sport=3, dport=4) / Raw(b"ext"))
    equal((bytes(error)[40:42], error.dst), (b"\x04\x00", INSIDE6), "parameter problem (RFC 7915 5.1)")


def case_zero_checksum(bed):
    back = bed.back(four() / UDP(sport=53, dport=7, chksum=0) / b"unsummed")
    require(back[UDP].chksum != 0, "checksum is computed")
    bed.dropped("udp-zero-checksum", lambda: bed.inside.send(six() / UDP(sport=7, dport=53, chksum=0) / b"x"))


def case_unmapped_addresses(bed):
    bed.refused("no-mapping", IPv6(src=HOST_A, dst=REMOTE6) / UDP(sport=1, dport=2) / b"x")


def case_second_instance_with_short_prefix(bed):
    # 2001:db8:46XX:XXXX:00XX is 2001:db8:4600::/40 with 203.0.113.200 and with 198.51.100.10.
    source, to = "2001:db8:46cb:71:c8::", "2001:db8:46c6:3364:a::"
    got = bed.out(IPv6(src=source, dst=to) / UDP(sport=1, dport=2) / Raw(b"short"))
    equal((got.src, got.dst), ("203.0.113.200", SERVER), "outward")


def case_stateful_prefix_beside_it(bed):
    got = bed.out(IPv6(src=HOST_A, dst=embed(SERVER)) / UDP(sport=5, dport=6) / Raw(b"stateful"))
    require(got.src.startswith("203.0.113."), "pool address")


def case_two_inside_hosts_meet(bed):
    # Inside4 to inside4 through the gateway: translated twice, out the inside port again.
    bed.inside.send(IPv6(src=INSIDE6, dst=SIX + "c000:2c8", hlim=64) / UDP(sport=1, dport=2) / Raw(b"turn"))
    got = bed.receive("inside", IPv6)
    equal((got.src, got.dst, bytes(got[UDP].payload)), (INSIDE6, SIX + "c000:2c8", b"turn"), "hairpin")
