#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A PCP client (RFC 6887) that does one thing and prints the answer.

pcp.py map SERVER PORT [--protocol tcp|udp] [--lifetime S] [--suggest ADDRESS:PORT] [--only]
                       [--nonce HEX] [--prefixes]
pcp.py wait SECONDS     waits for an announcement on UDP port 5350

Prints "CODE LIFETIME EPOCH ADDRESS PORT [PREFIX...]", or "no answer" with exit status 1.
"""
import argparse
import ipaddress
import socket
import struct
import sys

CODES = ('success', 'unsupported-version', 'not-authorized', 'malformed-request',
         'unsupported-opcode', 'unsupported-option', 'malformed-option', 'network-failure',
         'no-resources', 'unsupported-protocol', 'quota', 'cannot-provide-external',
         'address-mismatch', 'excessive-remote-peers')


def mapped(text):
    return ipaddress.ip_address('::ffff:' + text).packed


def request(options, own):
    address, port = (options.suggest or '0.0.0.0:0').rsplit(':', 1)
    extra = b''
    if options.only:
        extra += struct.pack('!BBH', 2, 0, 0)
    if options.prefixes:
        extra += struct.pack('!BBH', 129, 0, 13) + bytes([12]) + bytes(15)
    return (struct.pack('!BBHI', 2, 1, 0, options.lifetime) + own
            + bytes.fromhex(options.nonce) + bytes([6 if options.protocol == 'tcp' else 17, 0, 0, 0])
            + struct.pack('!HH', options.port, int(port)) + mapped(address) + extra)


def describe(answer):
    _, opcode, _, code, lifetime, epoch = struct.unpack('!BBBBII', answer[:12])
    words = [CODES[code], lifetime, epoch]
    if opcode == 0x81:
        port = struct.unpack('!H', answer[42:44])[0]
        words += [ipaddress.ip_address(answer[44:60]).ipv4_mapped, port]
    at = 60 if opcode == 0x81 else 24
    while at + 4 <= len(answer):
        option, _, length = struct.unpack('!BBH', answer[at:at + 4])
        if option == 129:
            octets = answer[at + 4]
            prefix = answer[at + 5:at + 5 + octets]
            words.append(ipaddress.ip_network((prefix + bytes(16 - octets), octets * 8)))
        at += 4 + (length + 3) // 4 * 4
    return ' '.join(map(str, words))


def main():
    parser = argparse.ArgumentParser()
    modes = parser.add_subparsers(dest='mode', required=True)
    ask = modes.add_parser('map')
    ask.add_argument('server')
    ask.add_argument('port', type=int)
    ask.add_argument('--protocol', choices=('tcp', 'udp'), default='udp')
    ask.add_argument('--lifetime', type=int, default=600)
    ask.add_argument('--suggest')
    ask.add_argument('--only', action='store_true')
    ask.add_argument('--prefixes', action='store_true')
    ask.add_argument('--nonce', default='0102030405060708090a0b0c')
    wait = modes.add_parser('wait')
    wait.add_argument('seconds', type=float)
    options = parser.parse_args()

    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    if options.mode == 'wait':
        sock.bind(('::', 5350))
        sock.settimeout(options.seconds)
        print(describe(sock.recv(1500)))
        return 0
    sock.connect((options.server, 5351))
    own = socket.inet_pton(socket.AF_INET6, sock.getsockname()[0])
    # RFC 6887 8.1.1: ask again after three seconds or so; here sooner.
    for _ in range(8):
        sock.settimeout(1)
        sock.send(request(options, own))
        try:
            print(describe(sock.recv(1500)))
            return 0
        except TimeoutError:
            continue
    print('no answer')
    return 1


sys.exit(main())
