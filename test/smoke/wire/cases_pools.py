# SPDX-License-Identifier: BSD-3-Clause
"""Pools: inside the connected subnet, sharing the gateway's own address, cut into port ranges."""

from scapy.all import ARP, ICMP, IP, TCP, UDP, Ether, ICMPv6EchoRequest, IPv6, Raw

from harness import (GATEWAY4, GATEWAY6, HOST_A, ROUTER4, SERVER, Failure, embed, equal, require)

HEAD = """
ports = (
  { name = "inside"; device = "net_af_packet0,iface=gw6"; mtu = 1500;
    addresses = ["2001:db8:1::1/64"]; },
  { name = "outside"; device = "net_af_packet1,iface=gw4"; mtu = 1500;
    addresses = ["192.0.2.1/24"]; }
);
routes = ( { prefix = "0.0.0.0/0"; via = "192.0.2.254"; },
           { prefix = "2001:db8:1::/48"; via = "2001:db8:1::fe"; } );
"""
CONFIG = HEAD + """
nat64 = ( { name = "main"; prefixes = ["64:ff9b:1:fffe::/96"]; pools = (
    { name = "subnet"; addresses = ["192.0.2.64-192.0.2.71"]; ports = "1024-65535"; } ); },
  { name = "other"; prefixes = ["2001:db8:64::/96"]; pools = (
    { name = "low"; addresses = ["203.0.113.0"]; ports = "2000-2099"; },
    { name = "high"; addresses = ["203.0.113.1"]; ports = "60000-60099"; } ); } );
"""
SHARED = HEAD + """
nat64 = ( { name = "main"; prefixes = ["64:ff9b:1:fffe::/96"]; pools = (
    { name = "own"; addresses = ["192.0.2.1"]; ports = "61000-64999"; } ); } );
"""
IN_SUBNET = [f"192.0.2.{i}" for i in range(64, 72)]


def setup(bed):
    bed.unanswered |= set(IN_SUBNET)


def udp(sport, load=b"question", prefix="64:ff9b:1:fffe::", server=SERVER, source=HOST_A):
    return IPv6(src=source, dst=embed(server, prefix)) / UDP(sport=sport, dport=53) / Raw(load)


def who_has(bed, address, sender=ROUTER4):
    bed.outside.send_frame(Ether(src=bed.outside.mac, dst="ff:ff:ff:ff:ff:ff") /
                           ARP(op=1, hwsrc=bed.outside.mac, psrc=sender, pdst=address))


def case_arp_for_the_pool(bed):
    for address in (GATEWAY4, IN_SUBNET[0], IN_SUBNET[3], IN_SUBNET[-1]):
        who_has(bed, address)
        got = bed.receive_frame("outside")
        equal((got[ARP].op, got[ARP].psrc, got[ARP].hwsrc, got[ARP].pdst),
              (2, address, bed.outside.gateway_mac, ROUTER4), "ARP reply")


def case_no_arp_for_others(bed):
    for address in ("192.0.2.63", "192.0.2.72", "192.0.2.2", "192.0.2.255", "203.0.113.0", SERVER):
        who_has(bed, address)
        # The kernel answers in order: a ping sent after the question is the first to be answered.
        bed.outside.send(IP(src=ROUTER4, dst=GATEWAY4) / ICMP(id=3, seq=1))
        equal(bed.receive("outside", IP)[ICMP].type, 0, f"nothing before the ping's answer ({address})")


def case_no_arp_inside(bed):
    # The pool belongs to the outside link; who asks elsewhere must not be told.
    bed.inside.send_frame(Ether(src=bed.inside.mac, dst="ff:ff:ff:ff:ff:ff") /
                          ARP(op=1, hwsrc=bed.inside.mac, psrc="192.0.2.254", pdst=IN_SUBNET[0]))
    bed.inside.send(IPv6(src=HOST_A, dst=GATEWAY6) / ICMPv6EchoRequest(id=3, seq=1))
    equal(bytes(bed.receive("inside", IPv6))[40], 129, "nothing before the ping's answer")


def case_pool_in_the_subnet(bed):
    got = bed.out(udp(5000))
    require(got.src in IN_SUBNET, f"{got.src} is not in the pool")
    back = bed.back(IP(src=SERVER, dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / b"answer")
    equal((back.dst, back[UDP].dport), (HOST_A, 5000), "back")
    neighbor = bed.out(udp(5001, server="192.0.2.40"))
    equal(neighbor.dst, "192.0.2.40", "to a host of the pool's own subnet")
    back = bed.back(IP(src="192.0.2.40", dst=neighbor.src) / UDP(sport=53, dport=neighbor[UDP].sport) / b"a")
    equal(back[UDP].dport, 5001, "from a host of the pool's own subnet")


def case_pool_addresses_are_no_hosts(bed):
    # Nothing of what is sent to a pool address may reach the kernel, which has it for its own.
    bed.dropped("no-binding", lambda: bed.outside.send(
        IP(src=SERVER, dst=IN_SUBNET[2]) / UDP(sport=53, dport=9) / b"x"))
    # Not a SYN: one that waits for the inside in vain is answered six seconds later (RFC 6146 3.5.2.2).
    bed.outside.send(IP(src=SERVER, dst=IN_SUBNET[2]) / TCP(sport=53, dport=22, flags="A"))
    bed.barrier()
    bed.outside.send(IP(src=SERVER, dst=IN_SUBNET[2]) / ICMP(id=1, seq=1))
    bed.barrier()


def case_port_ranges(bed):
    sources = set()
    for i in range(30):
        got = bed.out(udp(6000 + i, prefix="2001:db8:64::", source=f"2001:db8:1:{i + 10:x}::a"))
        low = got.src == "203.0.113.0" and 2000 <= got[UDP].sport <= 2099
        high = got.src == "203.0.113.1" and 60000 <= got[UDP].sport <= 60099
        require(low or high, f"{got.src}:{got[UDP].sport} is in no range")
        sources.add(got.src)
    require(sources, "no source")


def case_outside_the_port_range(bed):
    for address, port in (("203.0.113.0", 1999), ("203.0.113.0", 2100), ("203.0.113.1", 59999),
                          ("203.0.113.1", 60100), ("203.0.113.1", 0), ("203.0.113.0", 65535)):
        bed.dropped("no-binding", lambda: bed.outside.send(
            IP(src=SERVER, dst=address) / UDP(sport=53, dport=port) / b"x"))


def case_exhausted_pool_says_so(bed):
    # 200 ports in all, 100 of each parity: somewhere before 260 flows the pool is empty.
    refused = 0
    for i in range(260):
        bed.inside.send(udp(7000 + i, prefix="2001:db8:64::", source=f"2001:db8:1:{i % 40 + 100:x}::a"))
        ether = bed.next_frame()
        if ether is None:
            raise Failure(f"neither packet nor error of flow {i}: {bed.counts()[1]}")
        if ether[0] == "inside":
            equal(bytes(ether[1][IPv6])[40:42], b"\x01\x03", "address unreachable (RFC 6146 3.5.1.1)")
            refused += 1
    require(refused >= 60, f"{refused} of 260 flows refused")
    require(bed.counts()[1]["pool-exhausted"] >= refused, "counted")


# --- the gateway's own address is the pool -----------------------------------------------------


def shared(case):
    case.config = SHARED
    return case


@shared
def case_shared_address_translates_its_range(bed):
    got = bed.out(udp(5100))
    equal(got.src, GATEWAY4, "source")
    require(61000 <= got[UDP].sport <= 64999, f"port {got[UDP].sport}")
    back = bed.back(IP(src=SERVER, dst=GATEWAY4) / UDP(sport=53, dport=got[UDP].sport) / b"answer")
    equal((back.dst, back[UDP].dport), (HOST_A, 5100), "back")


@shared
def case_shared_address_answers_for_itself(bed):
    bed.outside.send(IP(src=SERVER, dst=GATEWAY4) / ICMP(id=61500, seq=1))
    got = bed.receive("outside", IP)
    equal((got[ICMP].type, got[ICMP].id), (0, 61500), "a ping is for the box, whatever its identifier")
    bed.outside.send(IP(src=SERVER, dst=GATEWAY4) / UDP(sport=53, dport=60998) / b"x")
    got = bed.receive("outside", IP)
    equal((got[ICMP].type, got[ICMP].code), (3, 3), "port unreachable from the kernel")
    bed.outside.send(IP(src=SERVER, dst=GATEWAY4) / TCP(sport=53, dport=22, flags="S", seq=7))
    got = bed.receive("outside", IP)
    equal((str(got[TCP].flags), got[TCP].ack), ("RA", 8), "reset from the kernel")


@shared
def case_shared_address_leaves_unknown_ports_to_the_box(bed):
    bed.outside.send(IP(src=SERVER, dst=GATEWAY4) / UDP(sport=53, dport=64998) / b"x")
    got = bed.receive("outside", IP)
    equal((got[ICMP].type, got[ICMP].code), (3, 3), "port unreachable from the kernel")


@shared
def case_shared_address_ping_out(bed):
    got = bed.out(IPv6(src=HOST_A, dst=embed(SERVER)) / ICMPv6EchoRequest(id=77, seq=3, data=b"abc"))
    equal(got.src, GATEWAY4, "source")
    require(61000 <= got[ICMP].id <= 64999, f"identifier {got[ICMP].id}")
    back = bed.back(IP(src=SERVER, dst=GATEWAY4) / ICMP(type=0, id=got[ICMP].id, seq=3) / b"abc")
    equal((back.dst, bytes(back)[40]), (HOST_A, 129), "echo reply")


@shared
def case_shared_address_errors(bed):
    got = bed.out(udp(5101))
    back = bed.back(IP(src="198.51.100.1", dst=GATEWAY4) / ICMP(type=11) / IP(bytes(got)[:28]))
    equal((back.dst, bytes(back)[40]), (HOST_A, 3), "time exceeded about our packet")
    # One about the kernel's own packet goes to the kernel, which says nothing to it.
    own = IP(src=GATEWAY4, dst=SERVER) / UDP(sport=1234, dport=53)
    bed.silent("outside", IP(src="198.51.100.1", dst=GATEWAY4) / ICMP(type=11) / own)


@shared
def case_shared_address_arp(bed):
    who_has(bed, GATEWAY4)
    got = bed.receive_frame("outside")
    equal((got[ARP].op, got[ARP].psrc), (2, GATEWAY4), "ARP reply")
