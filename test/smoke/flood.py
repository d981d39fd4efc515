#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes many UDP sessions through the gateway, losing none.

flood.py INTERFACE GATEWAY_MAC SOURCE6 GATEWAY6 DESTINATION6 SESSIONS

Each session is one frame: 500 remote ports for each source port. After every burst the gateway
itself has to answer a ping: then it has taken what was before it out of its receive queue, and the
next burst fits. One frame is changed in place, its checksum is never right: the gateway adjusts
checksums and leaves judging them to the ends.
"""
import os
import socket
import struct
import sys

BURST = 256  # an af_packet port holds 512 frames
REMOTE_PORTS = 500


def is_answer(message, request):
    return message[0] == 129 and message[4:8] == request[4:8]


def pinger(gateway):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    sock.connect((gateway, 0))
    sock.settimeout(0.5)
    identifier = os.getpid() & 0xffff

    def ping(number):
        request = struct.pack('!BBHHH', 128, 0, 0, identifier, number & 0xffff)
        for _ in range(40):
            sock.send(request)
            try:
                while not is_answer(sock.recv(2048), request):
                    pass
                return
            except socket.timeout:
                continue
        sys.exit('the gateway answers no ping')
    return ping


def frame_of(interface, gateway_mac, source, destination):
    with open(f'/sys/class/net/{interface}/address', encoding='ascii') as file:
        own_mac = bytes.fromhex(file.read().strip().replace(':', ''))
    payload = b'flood' + bytes(5)
    udp = struct.pack('!HHHH', 0, 0, 8 + len(payload), 0x1234) + payload
    return bytearray(bytes.fromhex(gateway_mac.replace(':', '')) + own_mac + b'\x86\xdd' +
                     struct.pack('!IHBB', 6 << 28, len(udp), 17, 64) +
                     socket.inet_pton(socket.AF_INET6, source) +
                     socket.inet_pton(socket.AF_INET6, destination) + udp)


def main():
    interface, gateway_mac, source, gateway, destination, sessions = sys.argv[1:]
    frame = frame_of(interface, gateway_mac, source, destination)
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    link.bind((interface, 0))
    ping = pinger(gateway)
    ports = struct.Struct('!HH')
    for number in range(int(sessions)):
        ports.pack_into(frame, 14 + 40, 20000 + number // REMOTE_PORTS, 30000 + number % REMOTE_PORTS)
        link.send(frame)
        if number % BURST == BURST - 1:
            ping(number // BURST)
    ping(0)


main()
