# SPDX-License-Identifier: BSD-3-Clause
"""UDP and TCP through the stateful instance (RFC 6146, RFC 7915)."""

from scapy.all import IP, TCP, UDP, ICMP, IPv6, Raw

from harness import (HOST_A, HOST_B, POOL, SERVER, SERVER2, embed, equal, require)


def udp6(sport, dport=53, source=HOST_A, server=SERVER, load=b"question", hlim=64, tc=0):
    return IPv6(src=source, dst=embed(server), hlim=hlim, tc=tc) / UDP(sport=sport, dport=dport) / Raw(load)


def case_udp_there_and_back(bed):
    got = bed.out(udp6(5000, hlim=64, tc=0xB8))
    require(got.src in POOL, f"source {got.src} is not a pool address")
    equal((got.dst, got[UDP].dport, got.ttl, got.tos), (SERVER, 53, 63, 0xB8), "translated header")
    equal((got.flags.DF, got.flags.MF, got.frag), (0, 0, 0), "small packet has DF clear (7915 5)")
    equal(bytes(got)[28:], b"question", "payload")  # scapy takes port 53 for DNS
    back = bed.back(IP(src=SERVER, dst=got.src, ttl=50, tos=0x28) / UDP(sport=53, dport=got[UDP].sport) /
                    b"answer")
    equal((back.src, back.dst, back[UDP].sport, back[UDP].dport, back.hlim, back.tc, back.fl),
          (embed(SERVER).replace(SERVER, "c633:640a"), HOST_A, 53, 5000, 49, 0x28, 0), "answer")
    equal(bytes(back)[48:], b"answer", "payload")


def case_endpoint_independent_mapping(bed):
    one = bed.out(udp6(5001, 53, server=SERVER))
    two = bed.out(udp6(5001, 99, server=SERVER2))
    equal((one.src, one[UDP].sport), (two.src, two[UDP].sport), "same binding for both servers")


def case_endpoint_independent_filtering(bed):
    got = bed.out(udp6(5002))
    back = bed.back(IP(src=SERVER2, dst=got.src) / UDP(sport=7, dport=got[UDP].sport) / b"hello")
    equal(back[UDP].dport, 5002, "any remote reaches the binding")


def case_paired_address_and_port_classes(bed):
    addresses = set()
    for sport in (500, 6000, 6001, 6003):
        got = bed.out(udp6(sport))
        addresses.add(got.src)
        if sport >= 1024:
            equal(got[UDP].sport % 2, sport % 2, "parity (6146 3.5.1.1)")
            require(got[UDP].sport >= 1024, "port class")
    tcp = bed.out(IPv6(src=HOST_A, dst=embed(SERVER)) / TCP(sport=6005, dport=80, flags="S"))
    addresses.add(tcp.src)
    equal(len(addresses), 1, "pool addresses of one subscriber (6888 2)")


def case_two_hosts_same_port(bed):
    one, two = bed.out(udp6(5003)), bed.out(udp6(5003, source=HOST_B))
    require((one.src, one[UDP].sport) != (two.src, two[UDP].sport), "bindings are unique")


def case_wrong_checksum_stays_wrong(bed):
    packet = udp6(5004)
    right = bytes(packet)[46:48]
    packet = IPv6(bytes(packet))
    packet[UDP].chksum ^= 0x1234
    require(bytes(packet)[46:48] != right, "test is broken")
    bed.inside.send(packet)
    got = bed.receive("outside", IP)
    fixed = got.copy()
    del fixed[UDP].chksum
    want = IP(bytes(fixed))[UDP].chksum
    # One's complement: the error must be the same amount; 0x1234 was flipped in wire order.
    before = int.from_bytes(right, "big")
    error_in = ((before ^ 0x1234) - before) % 0xFFFF
    error_out = (got[UDP].chksum - want) % 0xFFFF
    equal(error_out, error_in, "error of the checksum")


def case_udp_zero_checksum_in(bed):
    got = bed.out(udp6(5005))
    packet = IP(src=SERVER, dst=got.src) / UDP(sport=53, dport=got[UDP].sport, chksum=0) / b"unsummed"
    back = bed.back(packet)
    require(back[UDP].chksum != 0, "checksum is computed (6146 3.4)")


def case_unknown_binding_is_silent(bed):
    bed.silent("outside", IP(src=SERVER, dst=POOL[3]) / UDP(sport=53, dport=2) / b"x")


def case_source_in_prefix_is_silent(bed):
    bed.silent("inside", udp6(5006, source=embed(POOL[1])))


def case_hop_limit(bed):
    error = bed.out_refused(udp6(5007, hlim=1))
    equal((error.src, error.dst, error.nh), ("2001:db8:1::1", HOST_A, 58), "addresses")
    equal(bytes(error)[40:42], b"\x03\x00", "ICMPv6 time exceeded")
    got = bed.out(udp6(5007))
    error = bed.back_refused(IP(src=SERVER, dst=got.src, ttl=1) /
                             UDP(sport=53, dport=got[UDP].sport) / b"x")
    equal((error.src, error.dst, error[ICMP].type, error[ICMP].code),
          ("192.0.2.1", SERVER, 11, 0), "ICMPv4 time exceeded")


def case_large_packets_carry_df(bed):
    # IPv6 1280 -> IPv4 1260, DF clear; 1281 -> 1261, DF set (7915 5).
    small = bed.out(udp6(5008, load=b"s" * (1280 - 48)))
    equal((small.len, small.flags.DF), (1260, 0), "1280-byte packet")
    large = bed.out(udp6(5008, load=b"l" * (1281 - 48)))
    equal((large.len, large.flags.DF), (1261, 1), "1281-byte packet")


def case_df_too_big_for_ipv6(bed):
    got = bed.out(udp6(5009))
    error = bed.back_refused(IP(src=SERVER, dst=got.src, flags="DF") /
                             UDP(sport=53, dport=got[UDP].sport) / (b"b" * 1472))
    equal((error[ICMP].type, error[ICMP].code, error[ICMP].nexthopmtu), (3, 4, 1480), "FN (7915 4)")


def case_df_clear_is_fragmented(bed):
    got = bed.out(udp6(5010))
    bed.outside.send(IP(src=SERVER, dst=got.src, id=0xBEEF) / UDP(sport=53, dport=got[UDP].sport) /
                     (b"f" * 1472))
    first, second = bed.receive("inside", IPv6), bed.receive("inside", IPv6)
    equal((len(bytes(first)), len(bytes(second))), (1280, 296), "sizes (icmp_tables 3.4)")
    equal((first.nh, second.nh), (44, 44), "fragment headers")
    equal(bytes(first)[40:48], bytes.fromhex("11000001") + bytes.fromhex("0000beef"), "first")
    equal(bytes(second)[40:48], bytes.fromhex("110004d0") + bytes.fromhex("0000beef"), "second")


def case_tcp_handshake_and_data(bed):
    syn = bed.out(IPv6(src=HOST_A, dst=embed(SERVER)) /
                  TCP(sport=7000, dport=80, flags="S", seq=1, options=[("MSS", 1440)]))
    equal((syn[TCP].flags, syn[TCP].seq, syn[TCP].dport), ("S", 1, 80), "SYN")
    port = syn[TCP].sport
    answer = bed.back(IP(src=SERVER, dst=syn.src) / TCP(sport=80, dport=port, flags="SA", seq=9, ack=2))
    equal((answer[TCP].flags, answer[TCP].dport), ("SA", 7000), "SYN/ACK")
    data = bed.out(IPv6(src=HOST_A, dst=embed(SERVER)) /
                   TCP(sport=7000, dport=80, flags="PA", seq=2, ack=10) / b"GET / HTTP/1.1\r\n\r\n")
    equal(data[Raw].load, b"GET / HTTP/1.1\r\n\r\n", "payload")


def case_tcp_without_syn(bed):
    bed.silent("inside", IPv6(src=HOST_A, dst=embed(SERVER)) / TCP(sport=7001, dport=80, flags="A"))
    bed.silent("outside", IP(src=SERVER, dst=POOL[5]) / TCP(sport=80, dport=3333, flags="A"))


def case_other_protocol(bed):
    error = bed.out_refused(IPv6(src=HOST_A, dst=embed(SERVER), nh=132) / (b"\0" * 16))
    equal(bytes(error)[40:42], b"\x01\x04", "ICMPv6 1/4 (6146 3.4)")
    error = bed.back_refused(IP(src=SERVER, dst=POOL[0], proto=47) / (b"\0" * 16))
    equal((error[ICMP].type, error[ICMP].code), (3, 2), "ICMPv4 3/2 (6146 3.4)")
