# SPDX-License-Identifier: BSD-3-Clause
"""Prefixes of every length of RFC 6052 2.2 and the well-known prefix, in instances side by side."""

import ipaddress

from scapy.all import ICMP, IP, TCP, UDP, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6TimeExceeded, IPv6, Raw

from harness import CONFIG, HOST_A, SERVER, embed, embed_at, equal, require

LENGTHS = (32, 40, 48, 56, 64)
PREFIXES = {32: "2001:db9::/32", 40: "2001:dba:100::/40", 48: "2001:dbb:1::/48",
            56: "2001:dbc:1:100::/56", 64: "2001:dbd:1:2::/64"}
PORTS = CONFIG[:CONFIG.index("nat64 =")]
GLOBAL = "8.8.8.8"


def instance(name, prefixes, pool, policy=""):
    return (f'{{ name = "{name}"; prefixes = [{", ".join(chr(34) + p + chr(34) for p in prefixes)}];'
            f' pools = ( {{ name = "p"; addresses = ["{pool}"]; ports = "1024-65535"; }} ); {policy} }}')


CONFIG = PORTS + "nat64 = ( " + ",\n".join(
    [instance("main", ["64:ff9b:1:fffe::/96", PREFIXES[32], PREFIXES[40]], "203.0.113.0/28"),
     instance("two", [PREFIXES[48], PREFIXES[56]], "203.0.113.16/29"),
     instance("three", [PREFIXES[64]], "203.0.113.24/30"),
     instance("well-known", ["64:ff9b::/96"], "203.0.113.28/31")]) + " );\n"
LENIENT = PORTS + "nat64 = ( " + ",\n".join(
    [instance("main", ["64:ff9b:1:fffe::/96"], "203.0.113.0/28"),
     instance("well-known", ["64:ff9b::/96"], "203.0.113.28/31",
              "policy = { allow_non_global = true; };")]) + " );\n"


def every_length(check):
    for length in LENGTHS:
        try:
            check(PREFIXES[length], length)
        except Exception as error:
            raise type(error)(f"/{length}: {error}")


def case_there_and_back_at_every_length(bed):
    def check(prefix, length):
        to = embed_at(prefix, SERVER)
        got = bed.out(IPv6(src=HOST_A, dst=to) / UDP(sport=4000 + length, dport=53) / Raw(b"question"))
        equal((got.dst, bytes(got[UDP].payload)), (SERVER, b"question"), "outward")
        back = bed.back(IP(src=SERVER, dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / b"answer")
        equal((back.src, back.dst, back[UDP].dport), (to, HOST_A, 4000 + length), "back")
    every_length(check)


def case_ping_and_tcp_at_every_length(bed):
    def check(prefix, length):
        to = embed_at(prefix, SERVER)
        got = bed.out(IPv6(src=HOST_A, dst=to) / ICMPv6EchoRequest(id=length, seq=1, data=b"abc"))
        back = bed.back(IP(src=SERVER, dst=got.src) / ICMP(type=0, id=got[ICMP].id, seq=1) / b"abc")
        equal((back.src, back[ICMPv6EchoReply].id), (to, length), "ping")
        got = bed.out(IPv6(src=HOST_A, dst=to) / TCP(sport=4200 + length, dport=80, flags="S"))
        back = bed.back(IP(src=SERVER, dst=got.src) / TCP(sport=80, dport=got[TCP].sport, flags="SA"))
        equal((back.src, back[TCP].dport), (to, 4200 + length), "TCP")
    every_length(check)


def case_suffix_is_ignored(bed):
    # RFC 6052 2.2: bits of the suffix and of the octet "u" should be zero, but say nothing.
    for length in (32, 64):
        raw = bytearray(ipaddress.IPv6Address(embed_at(PREFIXES[length], SERVER)).packed)
        raw[15] = 0x77
        dst = str(ipaddress.IPv6Address(bytes(raw)))
        got = bed.out(IPv6(src=HOST_A, dst=dst) / UDP(sport=4300 + length, dport=53) / Raw(b"s"))
        equal(got.dst, SERVER, f"/{length} with a suffix")


def case_errors_name_the_router_in_the_instance_prefix(bed):
    def check(prefix, length):
        got = bed.out(IPv6(src=HOST_A, dst=embed_at(prefix, SERVER)) /
                      UDP(sport=4400 + length, dport=33434) / Raw(b"t"))
        back = bed.back(IP(src="198.51.100.1", dst=got.src) / ICMP(type=11, code=0) / IP(bytes(got)[:28]))
        equal((back.src, IPv6(bytes(back)[48:]).dst),
              (embed_at(prefix, "198.51.100.1"), embed_at(prefix, SERVER)), "router and quoted packet")
        require(ICMPv6TimeExceeded in back, "time exceeded")
    every_length(check)


def case_instances_have_their_own_pools(bed):
    pools = []
    for prefix in (PREFIXES[32], PREFIXES[48], PREFIXES[64]):
        got = bed.out(IPv6(src=HOST_A, dst=embed_at(prefix, SERVER)) / UDP(sport=4501, dport=53) / Raw(b"i"))
        pools.append(int(got.src.split(".")[3]))
    require(pools[0] < 16 <= pools[1] < 24 <= pools[2] < 28, f"pools are mixed up: {pools}")


def case_between_instances(bed):
    # Two hosts behind different instances talk by way of the second's pool address: a hairpin.
    two = bed.out(IPv6(src="2001:db8:1::b", dst=embed_at(PREFIXES[48], SERVER)) /
                  UDP(sport=4601, dport=53) / Raw(b"open"))
    bed.inside.send(IPv6(src=HOST_A, dst=embed_at(PREFIXES[64], two.src)) /
                    UDP(sport=4602, dport=two[UDP].sport) / Raw(b"turn"))
    got = bed.receive("inside", IPv6)
    equal((got.dst, got[UDP].dport, bytes(got[UDP].payload)), ("2001:db8:1::b", 4601, b"turn"), "hairpin")
    require(got.src.startswith("2001:dbb:1:"), f"source {got.src} is not in instance two's prefix")


def case_well_known_prefix(bed):
    got = bed.out(IPv6(src=HOST_A, dst="64:ff9b::" + GLOBAL) / UDP(sport=4701, dport=53) / Raw(b"w"))
    equal(got.dst, GLOBAL, "a global address")
    back = bed.back(IP(src=GLOBAL, dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / b"a")
    equal(back.src, "64:ff9b::808:808", "answer")


def case_well_known_prefix_carries_no_private_address(bed):
    for address, reason in [(a, "wkp-non-global") for a in (
            "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.1.1", "100.64.0.1", "198.51.100.10",
            "192.0.2.254")] + [(a, "filtered") for a in (
                "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1")]:
        packet = IPv6(src=HOST_A, dst="64:ff9b::" + address) / UDP(sport=4702, dport=53) / Raw(b"w")
        try:
            bed.refused(reason, packet)
        except Exception as error:
            raise type(error)(f"{address}: {error}")


def case_well_known_prefix_allowed(bed):
    got = bed.out(IPv6(src=HOST_A, dst="64:ff9b::10.1.2.3") / UDP(sport=4703, dport=53) / Raw(b"w"))
    equal(got.dst, "10.1.2.3", "a private address")
    back = bed.back(IP(src="10.1.2.3", dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / b"a")
    equal(back.src, "64:ff9b::a01:203", "answer")


case_well_known_prefix_allowed.config = LENIENT


def case_other_destinations(bed):
    for address in ("2001:db8:ffff::1", "64:ff9b:1:ffff::c633:640a", "64:ff9b::1:c633:640a",
                    "2001:dbd:1:3::1"):
        packet = IPv6(src=HOST_A, dst=address) / UDP(sport=4800, dport=53) / Raw(b"n")
        bed.dropped("not-for-us", lambda: bed.inside.send(packet))


def case_destinations_that_are_no_host(bed):
    for address in ("0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.5", "239.1.2.3", "255.255.255.255",
                    "240.0.0.1"):
        packet = IPv6(src=HOST_A, dst=embed(address)) / UDP(sport=4900, dport=53) / Raw(b"x")
        bed.refused("filtered", packet)
