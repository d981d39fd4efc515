#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""ESP, GRE (as PPTP has it) and SCTP over raw sockets.

portless.py serve ADDRESS PROTOCOL FILE     answers each packet; creates FILE when it can
portless.py call ADDRESS PROTOCOL [--size N] [--count N] [--timeout S]

The caller prints whom the server saw, or "no answer" with exit status 1. Both check that what stands
behind the IP header comes as it was sent; of SCTP also that its CRC32c is right (RFC 9260 6.8).
"""
import argparse
import os
import socket
import struct
import sys

PROTOCOLS = {'esp': 50, 'gre': 47, 'sctp': 132}
NAME_AT = {'esp': 8, 'gre': 12, 'sctp': 16}  # behind the header: who spoke, in text


def crc32c(data):
    crc = 0xffffffff
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def sctp(source, destination, chunk_type, text):
    chunk = struct.pack('!BBH', chunk_type, 0, 4 + len(text)) + text
    head = struct.pack('!HHI', source, destination, 0x1234)
    whole = head + bytes(4) + chunk
    return head + struct.pack('<I', crc32c(whole)) + chunk


def packet(protocol, text, answer):
    if protocol == 'esp':
        return struct.pack('!II', 0xfeed if answer else 0xbeef, 1) + text
    if protocol == 'gre':  # version 1 with key and sequence number (RFC 2637 4.1)
        call = 77 if answer else 4711
        return struct.pack('!HHHHI', 0x3001, 0x880b, len(text), call, 1) + text
    return sctp(80, 5000, 2, text) if answer else sctp(5000, 80, 1, text)


def text_of(protocol, data, answer):
    """What the packet says, if it is whole."""
    text = data[NAME_AT[protocol]:]
    if data != packet(protocol, text, answer):
        return None
    return text


def open_socket(address, protocol):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    return socket.socket(family, socket.SOCK_RAW, PROTOCOLS[protocol])


def payload(sock, received):
    """Raw IPv4 sockets give the IP header, too."""
    return received[(received[0] & 15) * 4:] if sock.family == socket.AF_INET else received


def serve(options):
    sock = open_socket(options.address, options.protocol)
    sock.bind((options.address, 0))
    with open(options.file, 'w', encoding='ascii') as ready:
        ready.write('ready\n')
    while True:
        received, sender = sock.recvfrom(65535)
        text = text_of(options.protocol, payload(sock, received), False)
        if text is None:
            print('changed on the way:', received.hex(), flush=True)
            continue
        seen = f'seen {sender[0]} '.encode()
        sock.sendto(packet(options.protocol, seen + text, True), (sender[0], 0))


def call(options):
    sock = open_socket(options.address, options.protocol)
    sock.connect((options.address, 0))
    sock.settimeout(options.timeout)
    for _ in range(options.count):
        text = os.urandom(options.size)
        sock.send(packet(options.protocol, text, False))
        try:
            received = payload(sock, sock.recv(65535))
        except OSError:  # too late, or an ICMP error
            sys.exit('no answer')
        answer = text_of(options.protocol, received, True)
        if answer is None or not answer.endswith(b' ' + text):
            sys.exit('changed on the way: ' + received.hex())
    print(answer.split(b' ')[1].decode())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('what', choices=('serve', 'call'))
    parser.add_argument('address')
    parser.add_argument('protocol', choices=PROTOCOLS)
    parser.add_argument('file', nargs='?')
    parser.add_argument('--size', type=int, default=100)
    parser.add_argument('--count', type=int, default=1)
    parser.add_argument('--timeout', type=float, default=10)
    options = parser.parse_args()
    (serve if options.what == 'serve' else call)(options)


if __name__ == '__main__':
    main()
