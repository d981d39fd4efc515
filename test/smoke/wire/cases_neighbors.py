# SPDX-License-Identifier: BSD-3-Clause
"""Neighbors and routes: waiting, changing and missing link addresses; the twin's live changes."""

import subprocess

from scapy.all import (ARP, ICMP, IP, UDP, Ether, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6NDOptDstLLAddr,
                       IPv6, Raw)

from harness import (GATEWAY4, GATEWAY6, HOST_A, ROUTER4, SERVER, Failure, checked, embed, equal, require)

OTHER_MAC = "02:00:00:00:00:77"


def udp(load, server, source=HOST_A):
    return IPv6(src=source, dst=embed(server)) / UDP(sport=5000, dport=53) / Raw(load)


def tell_arp(bed, address, mac, op=2):
    head = Ether(src=mac, dst=bed.outside.gateway_mac)
    bed.outside.send_frame(head / ARP(op=op, hwsrc=mac, psrc=address, hwdst=bed.outside.gateway_mac,
                                      pdst=GATEWAY4))


def wait_asked(bed, address):
    """Until the gateway asks for `address`; whatever else comes out is an error."""
    for _ in range(50):
        if address in bed.asked:
            return
        got = bed.next_frame(0.1)
        require(got is None, f"unexpected: {got and got[1].summary()}")
    raise Failure(f"nobody asks for {address}")


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def until(bed, packet, check):
    """Sends `packet` again until `check(ether)` holds; netlink news take a moment."""
    last = None
    for _ in range(100):
        packet()
        got = bed.next_frame(1)
        last = got and got[1]
        if last is not None and check(last):
            bed.drain()
            return last
    raise Failure(f"never happened; last: {last and last.summary()}")


def case_packets_wait_in_order(bed):
    address = "192.0.2.31"
    bed.unanswered.add(address)
    for i in range(10):
        bed.inside.send(udp(b"waiting %d" % i, address))
    wait_asked(bed, address)
    bed.barrier()
    tell_arp(bed, address, OTHER_MAC)
    for i in range(10):
        ether = bed.receive_frame("outside")
        equal((ether.dst, bytes(ether[UDP].payload)), (OTHER_MAC, b"waiting %d" % i), "in order, none lost")
        checked(ether[IP])
    bed.inside.send(udp(b"direct", address))
    equal(bytes(bed.receive("outside", IP)[UDP].payload), b"direct", "afterwards")
    bed.barrier()  # nothing twice


def case_more_than_may_wait(bed):
    address = "192.0.2.32"
    bed.unanswered.add(address)
    before = bed.counts()[1]
    for i in range(20):
        bed.inside.send(udp(b"waiting %d" % i, address))
    wait_asked(bed, address)
    bed.barrier()
    tell_arp(bed, address, OTHER_MAC)
    for i in range(16):  # limits.neighbor_queue
        equal(bytes(bed.receive("outside", IP)[UDP].payload), b"waiting %d" % i, "in order")
    bed.barrier()
    equal(bed.counts()[1]["neighbor-failed"] - before["neighbor-failed"], 4, "the rest is counted")


def case_neighbor_that_never_answers(bed):
    address = "192.0.2.33"
    bed.unanswered.add(address)
    before = bed.counts()[1]["neighbor-failed"]
    for port in (5001, 5002, 5003):
        bed.inside.send(IPv6(src=HOST_A, dst=embed(address)) / UDP(sport=port, dport=53) / Raw(b"lost"))
    # RFC 1812 5.2.7.1: host unreachable, from our IPv4 address; each sender gets it translated.
    told = set()
    for _ in range(3):
        got = checked(bed.receive("inside", IPv6, wait=8))
        equal((got.src, got.dst, bytes(got)[40:42]), (embed("c000:201"), HOST_A, b"\x01\x00"), "error")
        quoted = IPv6(bytes(got)[48:])
        equal((quoted.src, quoted.dst), (HOST_A, embed("c000:221")), "quoted packet")
        told.add(quoted[UDP].sport)
    equal(told, {5001, 5002, 5003}, "who is told")
    equal(bed.counts()[1]["neighbor-failed"] - before, 3, "counted when given up")
    bed.unanswered.discard(address)
    bed.inside.send(udp(b"back again", address))
    equal(bytes(bed.receive("outside", IP)[UDP].payload), b"back again", "once it is there")


def case_inside_host_that_never_answers(bed):
    host = "2001:db8:1::33"
    got = bed.out(udp(b"out", SERVER, host))
    bed.unanswered.add(host)
    bed.outside.send(IP(src=SERVER, dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / b"lost")
    # RFC 4443 3.1 code 3 becomes RFC 7915 5.2: host unreachable.
    error = checked(bed.receive("outside", IP, wait=8))
    equal((error.src, error.dst, error[ICMP].type, error[ICMP].code), (got.src, SERVER, 3, 1), "error")
    quoted = IP(bytes(error)[28:])
    equal((quoted.src, quoted.dst, quoted[UDP].dport), (SERVER, got.src, got[UDP].sport), "quoted packet")


def case_packets_wait_for_nd(bed):
    host = "2001:db8:1::31"
    bed.unanswered.add(host)
    got = bed.out(udp(b"out", SERVER, host))
    for i in range(5):
        bed.outside.send(IP(src=SERVER, dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / (b"in %d" % i))
    wait_asked(bed, host)
    bed.barrier()
    bed.inside.send_frame(Ether(src=OTHER_MAC, dst=bed.inside.gateway_mac) /
                          IPv6(src=host, dst=GATEWAY6, hlim=255) / ICMPv6ND_NA(tgt=host, R=0, S=1, O=1) /
                          ICMPv6NDOptDstLLAddr(lladdr=OTHER_MAC))
    for i in range(5):
        ether = bed.receive_frame("inside")
        equal((ether.dst, bytes(ether[UDP].payload)), (OTHER_MAC, b"in %d" % i), "in order, none lost")
    bed.barrier()


def case_gratuitous_arp_moves_a_neighbor(bed):
    address = "192.0.2.34"
    bed.inside.send(udp(b"first", address))
    equal(bed.receive_frame("outside").dst, bed.outside.mac, "first link address")
    gratuitous = Ether(src=OTHER_MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(
        op=1, hwsrc=OTHER_MAC, psrc=address, pdst=address)

    def announce():
        bed.outside.send_frame(gratuitous)
        bed.inside.send(udp(b"again", address))
    bed.macs[address] = OTHER_MAC
    until(bed, announce, lambda ether: ether.dst == OTHER_MAC)


def case_unsolicited_na_moves_a_neighbor(bed):
    host = "2001:db8:1::34"
    got = bed.out(udp(b"out", SERVER, host))
    back = IP(src=SERVER, dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / b"in"
    bed.outside.send(back)
    equal(bed.receive_frame("inside").dst, bed.inside.mac, "first link address")

    def announce():
        bed.inside.send_frame(Ether(src=OTHER_MAC, dst="33:33:00:00:00:01") /
                              IPv6(src=host, dst="ff02::1", hlim=255) / ICMPv6ND_NA(tgt=host, R=0, S=0, O=1) /
                              ICMPv6NDOptDstLLAddr(lladdr=OTHER_MAC))
        bed.outside.send(back)
    bed.macs[host] = OTHER_MAC
    until(bed, announce, lambda ether: ether.dst == OTHER_MAC)


def case_neighbor_set_by_hand(bed):
    ip("neigh", "replace", "192.0.2.35", "lladdr", OTHER_MAC, "nud", "permanent", "dev", "outside")
    until(bed, lambda: bed.inside.send(udp(b"static", "192.0.2.35")), lambda ether: ether.dst == OTHER_MAC)
    require("192.0.2.35" not in bed.asked, "a permanent neighbor needs no question")
    ip("neigh", "del", "192.0.2.35", "dev", "outside")


def case_route_changed_live(bed):
    bed.macs["192.0.2.253"] = OTHER_MAC

    def send():
        bed.inside.send(udp(b"routed", "100.66.1.1"))
    send()
    equal(bed.receive_frame("outside").dst, bed.outside.mac, "default route")
    ip("route", "add", "100.66.0.0/16", "via", "192.0.2.253", "dev", "outside")
    until(bed, send, lambda ether: ether.dst == OTHER_MAC)
    ip("route", "add", "100.66.1.0/24", "via", ROUTER4, "dev", "outside")
    until(bed, send, lambda ether: ether.dst == bed.outside.mac)
    ip("route", "del", "100.66.1.0/24")
    until(bed, send, lambda ether: ether.dst == OTHER_MAC)
    ip("route", "replace", "100.66.0.0/16", "via", ROUTER4, "dev", "outside")
    until(bed, send, lambda ether: ether.dst == bed.outside.mac)
    ip("route", "del", "100.66.0.0/16")
    until(bed, send, lambda ether: ether.dst == bed.outside.mac)


def case_blackhole_routes_are_obeyed(bed):
    def send():
        bed.inside.send(udp(b"into the hole", "100.67.1.1"))

    def refused(ether):
        return IPv6 in ether and bytes(ether[IPv6])[40:42] == b"\x01\x00"
    for kind in ("blackhole", "unreachable", "prohibit"):
        ip("route", "add", kind, "100.67.0.0/16")
        try:
            until(bed, send, refused)
        finally:
            ip("route", "del", "100.67.0.0/16")
        until(bed, send, lambda ether: IP in ether)


def case_address_added_live(bed):
    ip("addr", "add", "192.0.2.9/24", "dev", "outside")
    bed.unanswered.add("192.0.2.9")

    def ping():
        bed.outside.send(IP(src=SERVER, dst="192.0.2.9") / ICMP(id=9, seq=1))
    until(bed, ping, lambda ether: IP in ether and ether[IP].src == "192.0.2.9")
    ip("addr", "del", "192.0.2.9/24", "dev", "outside")


def case_own_address_through_the_prefix(bed):
    # An inside host that pings the gateway's IPv4 address: the twin's kernel has it, and answers to
    # the pool address by way of the router, which sends it back.
    bed.inside.send(IPv6(src=HOST_A, dst=embed(GATEWAY4)) / ICMPv6EchoRequest(id=1, seq=1))
    answer = bed.receive("outside", IP)
    equal((answer.src, answer[ICMP].type), (GATEWAY4, 0), "the twin's kernel answers")
    back = bed.back(answer)
    equal((back.src, back.dst, bytes(back)[40]), (embed("c000:201"), HOST_A, 129), "echo reply")
    require(GATEWAY4 not in bed.asked, "nobody asks for the gateway's own address")
    equal(bed.ctl("show", "neighbors")[0]["waiting"], 0, "packets that wait for the gateway itself")


def case_last_hop_of_a_traceroute(bed):
    bed.inside.send(IPv6(src=HOST_A, dst=GATEWAY6) / UDP(sport=5, dport=33434) / Raw(b"probe"))
    got = checked(bed.receive("inside", IPv6))
    equal((got.src, bytes(got)[40:42]), (GATEWAY6, b"\x01\x04"), "port unreachable from the kernel")
    bed.outside.send(IP(src=SERVER, dst=GATEWAY4) / UDP(sport=5, dport=33434) / Raw(b"probe"))
    got = bed.receive("outside", IP)
    equal((got.src, got[ICMP].type, got[ICMP].code), (GATEWAY4, 3, 3), "port unreachable from the kernel")
    # With a TTL of 1: the packet has arrived, nothing has to be decremented any more.
    bed.outside.send(IP(src=SERVER, dst=GATEWAY4, ttl=1) / UDP(sport=5, dport=33435) / Raw(b"probe"))
    got = bed.receive("outside", IP)
    equal((got[ICMP].type, got[ICMP].code), (3, 3), "port unreachable")
