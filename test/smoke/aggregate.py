#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The switch at the other end of a bond: forwards between an uplink and the members.

usage: aggregate.py MODE UPLINK MEMBER...

  active-backup  sends to the member on which the bond was last heard, or that has a link
  balance        spreads over the members that are up
  802.3ad        likewise, over those that LACP (IEEE 802.1AX) agreed on
"""
import select
import socket
import struct
import sys
import time
import zlib

ALL, SLOW_PROTOCOLS = 0x0003, 0x8809
TO_SLOW_PROTOCOLS = bytes.fromhex('0180c2000002')
SYSTEM = bytes.fromhex('020000000099')
# Active, short timeout, aggregatable, in sync, collecting, distributing.
STATE, IN_SYNC = 0x3f, 0x08
OUTGOING = 4


class Member:
    def __init__(self, name, number):
        self.name, self.number = name, number
        self.link = open_link(name)
        self.theirs = bytes(18)  # what LACP says about the other side
        self.next_time = 0.0

    def is_up(self):
        with open(f'/sys/class/net/{self.name}/carrier', encoding='ascii') as file:
            try:
                return file.read(1) == '1'
            except OSError:  # set down
                return False

    def has_agreed(self):
        return bool(self.theirs[14] & IN_SYNC)

    def hear(self, frame):
        # Subtype 1 is LACP; its first part is what the sender says of itself.
        if len(frame) < 36 or frame[14] != 1:
            return
        if frame[18:36] != self.theirs:
            self.next_time = 0.0
        self.theirs = frame[18:36]

    def speak(self):
        if self.theirs == bytes(18) or time.monotonic() < self.next_time:
            return
        actor = struct.pack('>H6sHHHB3x', 1, SYSTEM, 9, 1, self.number, STATE)
        body = b'\x01\x01\x01\x14' + actor + b'\x02\x14' + self.theirs + b'\x03\x10' + bytes(14)
        frame = TO_SLOW_PROTOCOLS + self.link.getsockname()[4] + struct.pack('>H', SLOW_PROTOCOLS)
        send(self.link, frame + body.ljust(110, b'\0'))
        self.next_time = time.monotonic() + 1


def open_link(name):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    link.bind((name, ALL))
    link.setblocking(False)
    return link


def send(link, frame):
    try:
        link.send(frame)
    except OSError:  # set down
        pass


def receive(link):
    """A frame that came in, or None."""
    try:
        frame, where = link.recvfrom(65535)
    except OSError:  # set down
        return None
    return None if where[2] == OUTGOING else frame


def choose(mode, members, last, frame):
    if mode == 'active-backup' and last.is_up():
        return last
    usable = [m for m in members if m.is_up() and (mode != '802.3ad' or m.has_agreed())]
    return usable[zlib.crc32(frame[14:58]) % len(usable)] if usable else None


def main():
    mode, uplink = sys.argv[1], open_link(sys.argv[2])
    members = [Member(name, number + 1) for number, name in enumerate(sys.argv[3:])]
    by_link = {member.link: member for member in members}
    last = members[0]
    while True:
        for link in select.select([uplink, *by_link], [], [], 0.2)[0]:
            frame = receive(link)
            if frame is None:
                continue
            if link is uplink:
                to = choose(mode, members, last, frame)
                if to is not None:
                    send(to.link, frame)
            elif frame[12:14] == struct.pack('>H', SLOW_PROTOCOLS):
                by_link[link].hear(frame)
            else:
                last = by_link[link]
                send(uplink, frame)
        if mode == '802.3ad':
            for member in members:
                member.speak()


if __name__ == '__main__':
    main()
