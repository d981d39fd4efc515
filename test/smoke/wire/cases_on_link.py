# SPDX-License-Identifier: BSD-3-Clause
"""Pool and translation prefixes inside connected subnets: who asks for their link address is answered."""

from scapy.all import (ARP, ICMP, IP, TCP, UDP, Ether, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS,
                       ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6, Raw)

from harness import (GATEWAY4, GATEWAY6, HOST_A, ROUTER4, SERVER, checked, equal, require)

PREFIX = "2001:db8:1::64:0:0/96"
POOL = "192.0.2.16"

CONFIG = """
ports = (
  { name = "inside"; device = "net_af_packet0,iface=gw6"; mtu = 1500;
    addresses = ["2001:db8:1::1/64"]; },
  { name = "outside"; device = "net_af_packet1,iface=gw4"; mtu = 1500;
    addresses = ["192.0.2.1/24"]; }
);
routes = ( { prefix = "0.0.0.0/0"; via = "192.0.2.254"; } );
nat64 = ( { name = "main"; prefixes = ["2001:db8:1::64:0:0/96"];
  pools = ( { name = "main"; addresses = ["192.0.2.16"]; ports = "1024-65535"; } ); } );
siit = ( { name = "plain"; prefix = "2001:db8:46::/96"; inside4 = ["192.0.2.128/25"]; } );
"""


def at(address4):
    octets = [int(part) for part in address4.split(".")]
    return "2001:db8:1::64:%x:%x" % (octets[0] << 8 | octets[1], octets[2] << 8 | octets[3])


def setup(bed):
    def probe(marker):
        bed.inside.send(IPv6(src=HOST_A, dst=at(SERVER)) / UDP(sport=49999, dport=49999) / marker)
    bed.probe = probe
    bed.unanswered.add(POOL)


def raw_frame(bed, side):
    """The next frame, answers to resolution included."""
    link = bed.links[side]
    while True:
        frame = link.receive()
        if frame is not None:
            return Ether(frame)


def ask_arp(bed, target, source=ROUTER4):
    bed.outside.send_frame(Ether(src=bed.outside.mac, dst="ff:ff:ff:ff:ff:ff") /
                           ARP(op=1, hwsrc=bed.outside.mac, psrc=source, pdst=target))


def expect_arp(bed, target, source=ROUTER4):
    while True:
        got = raw_frame(bed, "outside")
        if ARP in got and got[ARP].op == 2:
            break
    equal((got.dst, got[ARP].psrc, got[ARP].hwsrc, got[ARP].pdst),
          (bed.outside.mac, target, bed.outside.gateway_mac, source), "ARP answer")


def case_arp_for_the_pool(bed):
    ask_arp(bed, POOL)
    expect_arp(bed, POOL)
    ask_arp(bed, POOL, "0.0.0.0")  # RFC 5227: a probe finds it taken
    expect_arp(bed, POOL, "0.0.0.0")
    ask_arp(bed, "192.0.2.200")  # stateless, inside4
    expect_arp(bed, "192.0.2.200")
    ask_arp(bed, ROUTER4)  # a router, even inside that range: nobody answers
    ask_arp(bed, GATEWAY4)  # the kernel's
    expect_arp(bed, GATEWAY4)
    ask_arp(bed, "192.0.2.99")  # nobody's: the barrier would show an answer
    bed.barrier()


def solicit(bed, target, destination, mac, source=HOST_A):
    bed.inside.send_frame(Ether(src=bed.inside.mac, dst=mac) / IPv6(src=source, dst=destination, hlim=255) /
                          ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=bed.inside.mac))


def case_solicitation_for_the_prefix(bed):
    target = at(SERVER)
    group = "ff02::1:ff33:640a"
    # By multicast as a first question, by unicast as a confirmation (RFC 4861 7.3.3).
    for destination, mac in ((group, "33:33:ff:33:64:0a"), (target, bed.inside.gateway_mac)):
        solicit(bed, target, destination, mac)
        while True:
            got = raw_frame(bed, "inside")
            if ICMPv6ND_NA in got:
                break
        checked(got[IPv6])
        na = got[ICMPv6ND_NA]
        equal((got.dst, got[IPv6].src, got[IPv6].dst, got[IPv6].hlim, na.tgt, na.R, na.S, na.O,
               got[ICMPv6NDOptDstLLAddr].lladdr),
              (bed.inside.mac, GATEWAY6, HOST_A, 255, target, 1, 1, 0, bed.inside.gateway_mac),
              "advertisement")
    bed.barrier()


def case_solicitation_from_beyond_the_link(bed):
    # RFC 4861 7.1.1: forwarded ones are not valid. To the translator it is an ICMPv6 type it drops.
    bed.inside.send(IPv6(src=HOST_A, dst=at(SERVER), hlim=64) / ICMPv6ND_NS(tgt=at(SERVER)))
    bed.barrier()


def case_own_address_through_the_prefix(bed):
    # The twin's kernel answers to the pool address, which is on its own link: it asks for the link
    # address, gets the interface's, and workers take what it sends there.
    for sequence in (1, 2):
        bed.inside.send(IPv6(src=HOST_A, dst=at(GATEWAY4)) / ICMPv6EchoRequest(id=1, seq=sequence))
        back = checked(bed.receive("inside", IPv6))
        equal((back.src, back.dst, bytes(back)[40]), (at(GATEWAY4), HOST_A, 129), "echo reply")
    require(POOL not in bed.asked, "nobody else is asked for an address of the pool")
    # TCP to a port that nobody listens on, and the traceroute probe's answer.
    bed.inside.send(IPv6(src=HOST_A, dst=at(GATEWAY4)) / TCP(sport=5000, dport=9, flags="S", seq=1))
    back = checked(bed.receive("inside", IPv6))
    equal((back.src, back[TCP].flags.value, back[TCP].ack), (at(GATEWAY4), 0x14, 2), "RST of the kernel")
    bed.inside.send(IPv6(src=HOST_A, dst=at(GATEWAY4)) / UDP(sport=5, dport=33434) / Raw(b"probe"))
    back = checked(bed.receive("inside", IPv6))
    equal((back.src, bytes(back)[40:42]), (at(GATEWAY4), b"\x01\x04"), "port unreachable")
    bed.barrier()


def case_there_and_back(bed):
    got = bed.out(IPv6(src=HOST_A, dst=at("192.0.2.30")) / UDP(sport=5001, dport=53) / Raw(b"question"))
    equal((got.src, got.dst), (POOL, "192.0.2.30"), "to a neighbor of the pool")
    back = bed.back(IP(src="192.0.2.30", dst=POOL) / UDP(sport=53, dport=got[UDP].sport) / b"answer")
    equal((back.src, back.dst, bytes(back[UDP].payload)), (at("192.0.2.30"), HOST_A, b"answer"), "back")


def case_ping_of_the_pool(bed):
    bed.outside.send(IP(src=SERVER, dst=POOL) / ICMP(id=9, seq=1))  # no binding: nobody answers
    bed.barrier()
