# SPDX-License-Identifier: BSD-3-Clause
"""One port on a stick: both families untagged on the same link."""

from scapy.all import (ICMP, IP, UDP, Ether, ICMPv6EchoRequest, IPv6, Raw)

from harness import (GATEWAY4, GATEWAY6, HOST_A, HOST_B, PROBE_PORT, SERVER, checked, embed, equal)

CONFIG = """
ports = ( { name = "stick"; device = "net_af_packet0,iface=gw6"; mtu = 1500;
    addresses = ["2001:db8:1::1/64", "192.0.2.1/24"]; } );
routes = ( { prefix = "0.0.0.0/0"; via = "192.0.2.254"; } );
nat64 = ( { name = "main"; prefixes = ["64:ff9b:1:fffe::/96"];
  pools = ( { name = "main"; addresses = ["203.0.113.0/28"]; ports = "1024-65535"; } ); } );
"""


def setup(bed):
    bed.probe_side = "inside"


def outward(bed, sport, source=HOST_A, server=SERVER):
    bed.inside.send(IPv6(src=source, dst=embed(server)) / UDP(sport=sport, dport=53) / Raw(b"question"))
    return checked(bed.receive("inside", IP))


def case_there_and_back(bed):
    got = outward(bed, 5000)
    equal((got.dst, got.ttl), (SERVER, 63), "outward")
    bed.inside.send(IP(src=SERVER, dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / b"answer")
    back = checked(bed.receive("inside", IPv6))
    equal((back.dst, back[UDP].dport, bytes(back[UDP].payload)), (HOST_A, 5000, b"answer"), "back")


def case_neighbor_on_the_link(bed):
    # An IPv4 host of the link itself, found by ARP.
    got = outward(bed, 5001, server="192.0.2.30")
    equal((got.dst, "192.0.2.30" in bed.asked), ("192.0.2.30", True), "to a neighbor")


def case_hairpin_on_the_stick(bed):
    first = outward(bed, 5002, HOST_B)
    bed.inside.send(IPv6(src=HOST_A, dst=embed(first.src)) / UDP(sport=5003, dport=first[UDP].sport) / b"turn")
    got = checked(bed.receive("inside", IPv6))
    equal((got.dst, got[UDP].dport), (HOST_B, 5002), "hairpinned packet")


def case_gateway_answers_both_families(bed):
    bed.inside.send(IPv6(src=HOST_A, dst=GATEWAY6) / ICMPv6EchoRequest(id=1, seq=1))
    equal(bed.receive("inside", IPv6).src, GATEWAY6, "ping6")
    bed.inside.send(IP(src="192.0.2.77", dst=GATEWAY4) / ICMP(id=1, seq=1))
    equal(bed.receive("inside", IP).src, GATEWAY4, "ping")
    bed.barrier()


def case_errors_go_back_the_same_port(bed):
    bed.inside.send(IPv6(src=HOST_A, dst=embed(SERVER), hlim=1) / UDP(sport=5004, dport=53) / b"x")
    got = checked(bed.receive("inside", IPv6))
    equal((got.src, bytes(got)[40]), (GATEWAY6, 3), "time exceeded")
    got = outward(bed, 5005)
    bed.inside.send(IP(src=SERVER, dst=got.src, ttl=1) / UDP(sport=53, dport=got[UDP].sport) / b"x")
    error = checked(bed.receive("inside", IP))
    equal((error.src, error[ICMP].type), (GATEWAY4, 11), "time exceeded")


def case_other_stations_frames(bed):
    frame = Ether(src=bed.inside.mac, dst="02:00:00:00:77:77") / IPv6(
        src=HOST_A, dst=embed(SERVER)) / UDP(sport=PROBE_PORT, dport=1) / b"x"
    # AF_PACKET ports are promiscuous only when asked to be; when they see it, they must not take it.
    bed.inside.send_frame(frame)
    bed.barrier()
