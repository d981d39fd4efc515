# SPDX-License-Identifier: BSD-3-Clause
"""VLAN sub-interfaces: IPv6 on VLAN 10, IPv4 on VLAN 20, and untagged frames, all on one port."""

from scapy.all import (ARP, ICMP, IP, UDP, Dot1AD, Dot1Q, Ether, ICMPv6EchoRequest, ICMPv6ND_NS,
                       ICMPv6NDOptSrcLLAddr, IPv6, Raw)

from harness import GATEWAY4, GATEWAY6, HOST_A, POOL, SERVER, PROBE_PORT, checked, embed, equal, require

CONFIG = """
ports = ( { name = "trunk"; device = "net_af_packet0,iface=gw6"; mtu = 1500;
  interfaces = ( { vlan = 0; addresses = ["2001:db8:9::1/64", "10.9.0.1/24"]; },
                 { vlan = 10; addresses = ["2001:db8:1::1/64"]; },
                 { vlan = 20; addresses = ["192.0.2.1/24"]; } ); } );
routes = ( { prefix = "0.0.0.0/0"; via = "192.0.2.254"; } );
nat64 = ( { name = "main"; prefixes = ["64:ff9b:1:fffe::/96"];
  pools = ( { name = "main"; addresses = ["203.0.113.0/28"]; ports = "1024-65535"; } ); } );
"""


def question(sport, load=b"question"):
    return IPv6(src=HOST_A, dst=embed(SERVER)) / UDP(sport=sport, dport=53) / Raw(load)


def setup(bed):
    bed.probe_side = "inside"
    bed.unanswered |= {"2001:db8:9::1", "10.9.0.1"}
    bed.probe = lambda marker: bed.inside.send(
        IPv6(src=HOST_A, dst=embed(SERVER)) / UDP(sport=PROBE_PORT, dport=PROBE_PORT) / marker, vlan=10)


def expect_vlan(ether, vlan):
    if vlan is None:
        require(Dot1Q not in ether, f"unexpected tag: {ether.summary()}")
    else:
        require(Dot1Q in ether, f"tag is missing: {ether.summary()}")
        equal((ether[Dot1Q].vlan, ether[Dot1Q].prio), (vlan, 0), "tag")
    return ether


def outward(bed, sport):
    bed.inside.send(question(sport), vlan=10)
    return checked(expect_vlan(bed.receive_frame("inside"), 20)[IP])


def case_there_and_back_between_vlans(bed):
    got = outward(bed, 5000)
    equal((got.dst, bytes(got[UDP].payload)), (SERVER, b"question"), "outward")
    bed.inside.send(IP(src=SERVER, dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / b"answer", vlan=20)
    back = checked(expect_vlan(bed.receive_frame("inside"), 10)[IPv6])
    equal((back.dst, back[UDP].dport, bytes(back[UDP].payload)), (HOST_A, 5000, b"answer"), "back")


def case_full_size_packets_are_not_cut_by_the_tag(bed):
    got = outward(bed, 5001)
    load = b"y" * (1500 - 48)
    bed.inside.send(IP(src=SERVER, dst=got.src, flags="DF") / UDP(sport=53, dport=got[UDP].sport) / load,
                    vlan=20)
    back = checked(expect_vlan(bed.receive_frame("inside"), 10)[IPv6])
    equal((len(bytes(back)), bytes(back[UDP].payload)), (1500, load), "full-size packet")
    bed.inside.send(question(5001, load), vlan=10)
    out = checked(expect_vlan(bed.receive_frame("inside"), 20)[IP])
    equal((out.len, bytes(out[UDP].payload)), (1480, load), "full-size packet")


def case_twins_answer_in_their_vlan(bed):
    bed.inside.send(IPv6(src=HOST_A, dst=GATEWAY6) / ICMPv6EchoRequest(id=1, seq=1), vlan=10)
    got = expect_vlan(bed.receive_frame("inside"), 10)
    equal((got[IPv6].src, bytes(got[IPv6])[40]), (GATEWAY6, 129), "answer in VLAN 10")
    bed.inside.send(IP(src="192.0.2.77", dst=GATEWAY4) / ICMP(id=1, seq=1), vlan=20)
    got = expect_vlan(bed.receive_frame("inside"), 20)
    equal((got[IP].src, got[ICMP].type), (GATEWAY4, 0), "answer in VLAN 20")
    bed.inside.send(IP(src="10.9.0.77", dst="10.9.0.1") / ICMP(id=1, seq=1))
    got = expect_vlan(bed.receive_frame("inside"), None)
    equal((got[IP].src, got[ICMP].type), ("10.9.0.1", 0), "answer without tag")


def case_arp_and_nd_in_a_vlan(bed):
    request = Ether(src=bed.inside.mac, dst="ff:ff:ff:ff:ff:ff") / Dot1Q(vlan=20) / ARP(
        op=1, hwsrc=bed.inside.mac, psrc="192.0.2.77", pdst=GATEWAY4)
    bed.inside.send_frame(request)
    got = expect_vlan(bed.receive_frame("inside"), 20)
    equal((got[ARP].op, got[ARP].psrc, got[ARP].hwsrc), (2, GATEWAY4, bed.inside.gateway_mac), "ARP")
    bed.inside.send_frame(
        Ether(src=bed.inside.mac, dst="33:33:ff:00:00:01") / Dot1Q(vlan=10) /
        IPv6(src=HOST_A, dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt=GATEWAY6) /
        ICMPv6NDOptSrcLLAddr(lladdr=bed.inside.mac))
    got = expect_vlan(bed.receive_frame("inside"), 10)
    equal((bytes(got[IPv6])[40], got[IPv6].src), (136, GATEWAY6), "neighbor advertisement")


def case_priority_tag_is_no_vlan(bed):
    # 802.1Q 6.9: VID 0 carries a priority only; the frame belongs to the untagged network.
    bed.inside.send_frame(Ether(src=bed.inside.mac, dst=bed.inside.gateway_mac) / Dot1Q(vlan=0, prio=5) /
                          IP(src="10.9.0.77", dst="10.9.0.1") / ICMP(id=2, seq=1))
    got = expect_vlan(bed.receive_frame("inside"), None)
    equal((got[IP].src, got[ICMP].type), ("10.9.0.1", 0), "answer to a priority-tagged frame")


def case_priority_of_a_tag_is_no_part_of_the_vlan(bed):
    bed.inside.send_frame(Ether(src=bed.inside.mac, dst=bed.inside.gateway_mac) /
                          Dot1Q(vlan=10, prio=7, id=1) / question(5002))
    checked(expect_vlan(bed.receive_frame("inside"), 20)[IP])


def case_unknown_vlan(bed):
    bed.dropped("unknown-vlan", lambda: bed.inside.send(question(5003), vlan=11))
    bed.dropped("unknown-vlan", lambda: bed.inside.send(question(5003), vlan=4095))


def case_two_tags(bed):
    def stacked(outer):
        bed.inside.send_frame(Ether(src=bed.inside.mac, dst=bed.inside.gateway_mac) / outer /
                              question(5004))

    # Neither tag may be taken for the only one, or a host could reach into another VLAN.
    bed.dropped("unknown-ethertype", lambda: stacked(Dot1Q(vlan=10) / Dot1Q(vlan=20)))
    bed.dropped("unknown-ethertype", lambda: stacked(Dot1Q(vlan=20) / Dot1Q(vlan=10)))
    bed.dropped("unknown-ethertype", lambda: stacked(Dot1Q(vlan=10) / Dot1Q(vlan=10)))
    bed.dropped("unknown-vlan", lambda: stacked(Dot1Q(vlan=11) / Dot1Q(vlan=10)))
    bed.dropped("unknown-ethertype", lambda: stacked(Dot1AD(vlan=10) / Dot1Q(vlan=10)))


def case_tag_cut_short(bed):
    head = bytes(Ether(src=bed.inside.mac, dst=bed.inside.gateway_mac, type=0x8100))
    bed.inside.send_frame(head)
    bed.inside.send_frame(head + b"\0")
    bed.inside.send_frame(head + b"\0\x0a")
    bed.inside.send_frame(head + b"\0\x0a\x86")
    bed.barrier()


def case_wrong_vlan_for_the_pool_is_routed_all_the_same(bed):
    # Which VLAN a packet comes from decides nothing about translation, as on any router.
    got = outward(bed, 5005)
    bed.inside.send(IP(src=SERVER, dst=got.src) / UDP(sport=53, dport=got[UDP].sport) / b"x")
    expect_vlan(bed.receive_frame("inside"), 10)
    require(got.src in POOL, "pool address")
