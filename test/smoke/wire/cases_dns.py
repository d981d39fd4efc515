# SPDX-License-Identifier: BSD-3-Clause
"""DNS64 on the wire: the bed is both the client inside and the resolver outside."""

from scapy.all import (DNS, DNSQR, DNSRR, ICMP, IP, TCP, UDP, ICMPv6DestUnreach, IPv6, Raw)

from harness import GATEWAY4, GATEWAY6, HOST_A, POOL, checked, equal, require

RESOLVER = "198.51.100.53"
SERVICE = "2001:db8:1::53"
CONFIG = """
ports = (
  { name = "inside"; device = "net_af_packet0,iface=gw6"; mtu = 1500;
    addresses = ["2001:db8:1::1/64", "2001:db8:1::53/64"]; },
  { name = "outside"; device = "net_af_packet1,iface=gw4"; mtu = 1500;
    addresses = ["192.0.2.1/24"]; }
);
routes = ( { prefix = "0.0.0.0/0"; via = "192.0.2.254"; } );
nat64 = ( { name = "main"; prefixes = ["64:ff9b:1:fffe::/96"];
  pools = ( { name = "main"; addresses = ["203.0.113.0/28"]; ports = "1024-65535"; } ); } );
dns64 = { listen = ["2001:db8:1::53"]; upstreams = ["198.51.100.53"]; nat64 = "main"; };
"""


def setup(bed):
    bed.unanswered.add(SERVICE)


def ask(bed, name, kind="AAAA", ident=4711, sport=5353):
    bed.inside.send(IPv6(src=HOST_A, dst=SERVICE) / UDP(sport=sport, dport=53) /
                    DNS(id=ident, rd=1, qd=DNSQR(qname=name, qtype=kind)))


def question(bed):
    """The next question to the resolver: the packet, name and type."""
    ip = bed.receive("outside", IP)
    require(DNS in ip, f"not a question: {ip.summary()}")
    equal((ip.src, ip.dst, ip[UDP].dport), (GATEWAY4, RESOLVER, 53), "question to the resolver")
    asked = ip[DNS].qd if not isinstance(ip[DNS].qd, list) else ip[DNS].qd[0]
    return ip, asked.qname, asked.qtype


def respond(bed, ip, answer):
    bed.outside.send(IP(src=RESOLVER, dst=ip.src) / UDP(sport=53, dport=ip[UDP].sport) /
                     DNS(id=ip[DNS].id, qr=1, rd=1, ra=1, qd=ip[DNS].qd, an=answer))


def upstream(bed, answers):
    """Plays the resolver: answers the next question with `answers`, returns what was asked."""
    ip, name, kind = question(bed)
    respond(bed, ip, answers(name))
    return name.decode().lower(), kind


def upstream_both(bed, name, answers):
    """Of a AAAA query two questions go out at once: AAAA (28) and A (1), in either order. Answers
    them with answers[type]."""
    both = [question(bed), question(bed)]
    equal(sorted((asked.decode().lower(), kind) for _, asked, kind in both), [(name, 1), (name, 28)],
          "questions")
    for ip, asked, kind in both:
        respond(bed, ip, answers[kind](asked))


def no_answer(name):
    return None


def reply(bed, ident=4711, sport=5353):
    got = checked(bed.receive("inside", IPv6))
    equal((got.src, got.dst, got[UDP].sport, got[UDP].dport), (SERVICE, HOST_A, 53, sport), "path back")
    dns = DNS(bytes(got[UDP].payload))
    equal((dns.id, dns.qr, dns.rcode), (ident, 1, 0), "header")
    return dns


def case_synthesis(bed):
    ask(bed, "v4only.example")
    upstream_both(bed, "v4only.example.", {
        28: no_answer, 1: lambda name: DNSRR(rrname=name, type="A", ttl=300, rdata="198.51.100.10")})
    dns = reply(bed)
    equal((dns.ancount, bytes(dns).count(bytes.fromhex("0064ff9b0001fffe00000000c633640a"))), (1, 1),
          "synthesised record")
    ask(bed, "v4only.example", ident=99, sport=6000)  # from the cache: nobody outside is asked
    equal(reply(bed, 99, 6000).ancount, 1, "from the cache")
    bed.barrier()


def case_native_passes_through(bed):
    ask(bed, "native.example", ident=7)
    upstream_both(bed, "native.example.", {
        28: lambda name: DNSRR(rrname=name, type="AAAA", ttl=300, rdata="2001:db8:77::1"), 1: no_answer})
    dns = reply(bed, 7)
    equal((dns.ancount, dns.an.rdata if not isinstance(dns.an, list) else dns.an[0].rdata),
          (1, "2001:db8:77::1"), "native address")


def case_other_types_are_forwarded(bed):
    ask(bed, "v4only.example", "TXT", ident=8)
    equal(upstream(bed, lambda name: DNSRR(rrname=name, type="TXT", ttl=300, rdata=b"text"))[1], 16, "TXT")
    equal(reply(bed, 8).ancount, 1, "answer")


def case_malformed_questions(bed):
    good = bytes(DNS(id=1, rd=1, qd=DNSQR(qname="x.example", qtype="AAAA")))

    def send(load, **udp):
        bed.inside.send(IPv6(src=HOST_A, dst=SERVICE) / UDP(sport=5353, dport=53, **udp) / Raw(load))
    for length in range(len(good)):
        send(good[:length])
    send(good[:2] + b"\x81\x80" + good[4:])                    # a response
    send(good[:4] + b"\xff\xff" + good[6:])                    # 65535 questions
    send(good[:12] + b"\xc0\x0c\x00\x1c\x00\x01")             # a name that points at itself
    send(good[:12] + b"\x3f" * 300)                            # labels without end
    send(b"\xff" * 1200)
    send(good, len=9)
    send(good, len=4000)
    for _ in range(200):
        got = bed.next_frame(0.05)
        if got is None:
            break
        require(got[0] == "inside" and got[1][IPv6].src == SERVICE, f"unexpected: {got[1].summary()}")
        require(DNS(bytes(got[1][UDP].payload)).rcode in (1, 4), "refused with a code")
    bed.alive()
    ask(bed, "v4only.example", "TXT", ident=9)  # cached by the case before, or asked again
    got = bed.next_frame()
    require(got is not None, "still answers")


def case_wrong_checksum_of_a_question(bed):
    packet = IPv6(src=HOST_A, dst=SERVICE) / UDP(sport=5353, dport=53, chksum=0x1234) / DNS(
        id=5, qd=DNSQR(qname="sum.example", qtype="AAAA"))
    bed.silent("inside", packet)


def case_answers_from_strangers(bed):
    ask(bed, "stranger.example", "TXT", ident=10)
    ip = bed.receive("outside", IP)
    forged = UDP(sport=53, dport=ip[UDP].sport) / DNS(
        id=ip[DNS].id ^ 1, qr=1, qd=ip[DNS].qd, an=DNSRR(rrname="stranger.example", type="TXT", rdata=b"bad"))
    bed.outside.send(IP(src=RESOLVER, dst=ip.src) / forged)
    other = UDP(sport=53, dport=ip[UDP].sport) / DNS(
        id=ip[DNS].id, qr=1, qd=ip[DNS].qd, an=DNSRR(rrname="stranger.example", type="TXT", rdata=b"bad"))
    bed.outside.send(IP(src="198.51.100.66", dst=ip.src) / other)
    bed.outside.send(IP(src=RESOLVER, dst=ip.src) / UDP(sport=53, dport=ip[UDP].sport) / DNS(
        id=ip[DNS].id, qr=1, ra=1, qd=ip[DNS].qd, an=DNSRR(rrname="stranger.example", type="TXT", rdata=b"good")))
    answered = refused = False  # in any order: the kernel refuses the stranger's datagram
    while not (answered and refused):
        got = bed.next_frame()
        require(got is not None, f"answered: {answered}, stranger refused: {refused}")
        if got[0] == "inside":
            require(b"good" in bytes(got[1]) and b"bad" not in bytes(got[1]), "the resolver's answer")
            answered = True
        else:
            require(ICMP in got[1], f"unexpected: {got[1].summary()}")
            refused = True
    # On a slow machine the question was asked twice, and the socket of the first was closed before the
    # answers came: more is refused then, which is not the next case's business.
    while bed.next_frame(0.5) is not None:
        pass


def case_tcp_reaches_the_listener(bed):
    bed.inside.send(IPv6(src=HOST_A, dst=SERVICE) / TCP(sport=6001, dport=53, flags="S", seq=100))
    syn_ack = bed.receive("inside", IPv6)
    equal((syn_ack.src, str(syn_ack[TCP].flags), syn_ack[TCP].ack), (SERVICE, "SA", 101), "SYN/ACK")
    bed.inside.send(IPv6(src=HOST_A, dst=SERVICE) /
                    TCP(sport=6001, dport=53, flags="R", seq=101))


def case_dns_to_other_own_addresses(bed):
    bed.inside.send(IPv6(src=HOST_A, dst=GATEWAY6) / UDP(sport=5353, dport=53) /
                    DNS(id=11, qd=DNSQR(qname="x.example")))
    got = bed.receive("inside", IPv6)
    require(ICMPv6DestUnreach in got, "nobody listens there")


def case_dns_through_the_translator_is_not_ours(bed):
    got = bed.out(IPv6(src=HOST_A, dst="64:ff9b:1:fffe::8.8.8.8") / UDP(sport=5354, dport=53) / Raw(b"foreign"))
    require(got.src in POOL, "translated, not answered")
