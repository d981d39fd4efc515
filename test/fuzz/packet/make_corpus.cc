// SPDX-License-Identifier: BSD-3-Clause
// Writes the seeds of corpus/: make_corpus DIRECTORY. Past crashes lie beside them and stay.
#include <cstdio>
#include <fstream>
#include <string>

#include "packets/builder.h"

using namespace isthmus::test;

namespace {

std::string directory;

void seed(const std::string& name, const Bytes& packet, const Bytes& options = hex("1105000000")) {
  Bytes head = options;
  head.resize(8);
  head[4] = 64;  // tailroom
  const Bytes all = head + packet;
  std::ofstream file(directory + "/" + name, std::ios::binary);
  for (const uint8_t byte : all) file.put(static_cast<char>(byte));
}

Packet up() {
  return ip6("2001:db8:a::a", "64:ff9b::808:808");
}
Packet down() {
  return ip4("8.8.8.8", "203.0.113.1");
}
Packet up4() {
  return ip4("203.0.113.1", "8.8.8.8");
}
Packet down6() {
  return ip6("64:ff9b::808:808", "2001:db8:a::a");
}

void plain() {
  seed("udp6", up().udp(5000, 53).payload("abc"));
  seed("udp4", down().udp(53, 5000).payload("abc"));
  seed("tcp6", up().tcp(5000, 80).flags("S").tcp_options(hex("020405b4")));
  seed("tcp4", down().df().tcp(80, 5000).flags("SA"));
  seed("echo6", up().icmp_echo(1, 2).payload(9));
  seed("echo4", down().icmp_echo_reply(1, 2).payload(9));
  seed("sctp6", up().raw(132, pattern(12)));
  seed("ttl4", down().ttl(1).udp(1, 2));
  seed("hop6", up().hop_limit(1).udp(1, 2));
  seed("zero4", down().udp(1, 2).payload(5).zero_checksum());
  seed("fast6", up().udp(5000, 53).payload("abc"), hex("11050a"));
  seed("fast4", down().udp(53, 5000).payload("abc"), hex("11050a"));
}

void headers() {
  seed("chain6", up().hop_by_hop().dest_opts(16).routing(0).udp(1, 2));
  seed("routing6", up().routing(1, 2).udp(1, 2));
  seed("fragment6", up().udp(1, 2).payload(64).slice(0, 32, 0x1234beef));
  seed("fragment6-later", up().udp(1, 2).payload(64).slice(32, 64, 0x1234beef));
  seed("fragment4", down().udp(1, 2).payload(64).slice(0, 32, 0xbeef));
  seed("fragment4-later", down().udp(1, 2).payload(64).slice(32, 64, 0xbeef));
  seed("fragment-echo6", up().icmp_echo(1, 2).payload(64).slice(0, 32, 7), hex("110504"));
  seed("options4", down().options4(hex("07070400000000")).udp(1, 2));
  seed("lsrr4", down().options4(hex("830704c0000201")).udp(1, 2));
  seed("big4", down().udp(1, 2).payload(1400));
  seed("big6-split", up().udp(1, 2).payload(1000), hex("1104"));
  seed("big6-too-big", up().udp(1, 2).payload(1400), hex("1104"));
}

void errors() {
  const Bytes four = up4().ttl(1).udp(5000, 53).payload(100);
  const Bytes six = down6().hop_limit(1).udp(53, 5000).payload(100);
  seed("exceeded4", ip4("192.0.2.9", "203.0.113.1").icmp4(11, 0).quote(four));
  seed("exceeded4-mpls",
       ip4("192.0.2.9", "203.0.113.1").icmp4(11, 0).quote(four, 60).extension(mpls_extension()));
  seed("needed4", ip4("192.0.2.9", "203.0.113.1").icmp4(3, 4, 1400).quote(four, 28));
  seed("problem4", ip4("192.0.2.9", "203.0.113.1").icmp4(12, 0, 8u << 24).quote(four));
  seed("unreachable6", up().icmp6(1, 4).quote(six));
  seed("unreachable6-mpls", up().icmp6(1, 4).quote(six, 100).extension(mpls_extension()));
  seed("too-big6", up().icmp6(2, 0, 1400).quote(six));
  seed("problem6", up().icmp6(4, 0, 7).quote(six));
  seed("inner-tcp6", up().icmp6(1, 4).quote(down6().tcp(80, 5000).payload(50)));
  seed("inner-echo4", ip4("192.0.2.9", "203.0.113.1").icmp4(3, 1).quote(up4().icmp_echo(7, 8)));
  seed("inner-fragment6", up().icmp6(2, 0, 1280).quote(down6().fragment(0, true, 9).udp(1, 2)));
  seed("inner-fragment4",
       ip4("192.0.2.9", "203.0.113.1").icmp4(11, 1).quote(up4().fragment(0, true, 9).udp(1, 2)));
  seed("inner-error4", ip4("192.0.2.9", "203.0.113.1").icmp4(3, 3).quote(up4().icmp4(3, 3)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_corpus DIRECTORY\n");
    return 2;
  }
  directory = argv[1];
  plain();
  headers();
  errors();
  return 0;
}
