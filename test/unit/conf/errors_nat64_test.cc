// SPDX-License-Identifier: BSD-3-Clause
// Of NAT64 instances.
#include "unit/conf/errors.h"

namespace isthmus::errors_test {

TEST_CASE("static bindings") {
  // The port's addresses take two lines, the pools end the third.
  const auto statics = [](const std::string& list) {
    return nat64("pools = (" + kPool + ");\n static = (" + list + ");");
  };
  const std::string at = "f:4: nat64[0].static[0]";
  check_rows({
      {statics("{ outside = \"203.0.113.1\"; }"),
       at + ".inside: found nothing, expected this option, which is required"},
      {statics("{ inside = \"192.0.2.1\"; outside = \"203.0.113.1\"; }"),
       at + ".inside: found \"192.0.2.1\", expected an IPv6 address"},
      {statics("{ inside = \"64:ff9b::1\"; outside = \"203.0.113.1\"; }"),
       at + ".inside: found \"64:ff9b::1\", expected an address outside 64:ff9b::/96"},
      {statics("{ inside = \"2001:db8::2\"; outside = \"198.51.100.1\"; }"),
       at + ".outside: found \"198.51.100.1\", expected an address of one of the instance's pools"},
      {statics("{ inside = \"2001:db8::2\"; outside = \"203.0.113.1\"; outside_port = 80; }"),
       at +
           ".outside_port: found a port, expected protocol = \"tcp\", \"udp\" or \"icmp\" with it"},
      {statics("{ protocol = \"tcp\"; inside = \"2001:db8::2\"; outside = \"203.0.113.1\"; "
               "outside_port = 80; }"),
       at + ": found no inside_port, expected one, since protocol is given"},
      {statics("{ protocol = \"tcp\"; inside = \"2001:db8::2\"; inside_port = 0;\n outside = "
               "\"203.0.113.1\"; outside_port = 80; }"),
       at + ".inside_port: found 0, expected a port from 1 to 65535"},
      {statics("{ inside = \"2001:db8::2\"; outside = \"203.0.113.1\"; },\n { protocol = \"tcp\"; "
               "inside = \"2001:db8::3\"; inside_port = 80; outside = \"203.0.113.1\"; "
               "outside_port = 80; }"),
       "f:5: nat64[0].static[1].outside: found \"203.0.113.1 port 80 (tcp)\", expected what "
       "nat64[0].static[0] does not have already"},
      {statics("{ inside = \"2001:db8::2\"; outside = \"203.0.113.1\"; },\n { inside = "
               "\"2001:db8::2\"; outside = \"203.0.113.2\"; }"),
       "f:5: nat64[0].static[1].inside: found \"2001:db8::2\", expected what nat64[0].static[0] "
       "does not have already"},
  });
  // A port that the gateway itself has cannot be a host's.
  const auto shared = [](const std::string& binding) {
    return nat64(
        "pools = ({ addresses = [\"192.0.2.1\"]; ports = \"2000-3000\"; });\n static = ({ "
        "inside = \"2001:db8::2\"; outside = \"192.0.2.1\"; " +
        binding + " });");
  };
  check_rows({
      {shared("protocol = \"tcp\"; inside_port = 80; outside_port = 80;"),
       at + ".outside_port: found 80, expected a port from 2000 to 3000: the others are interface "
            "a's own"},
      {shared(""), at + ".outside: found \"192.0.2.1\", expected an address that interface a does "
                        "not have"},
  });
  CHECK(conf::load_text(shared("protocol = \"udp\"; inside_port = 80; outside_port = 2000;"), "f"));
}

TEST_CASE("pools") {
  check_rows({
      {pools(kPool + ", { name = \"b\";\n addresses = [\"203.0.113.15-203.0.113.20\"]; }"),
       "f:4: nat64[0].pools[1].addresses[0]: found \"203.0.113.15-203.0.113.20\", expected "
       "addresses that nat64[0].pools[0].addresses[0] (203.0.113.0-203.0.113.15) does not have"},
      {pools("{ addresses = [\"203.0.113.7\", \"203.0.113.7\"]; }"),
       "f:3: nat64[0].pools[0].addresses[1]: found \"203.0.113.7\", expected addresses that "
       "nat64[0].pools[0].addresses[0] (203.0.113.7) does not have"},
      {pools("{ addresses = [\"192.0.2.0/28\"]; }"),
       "f:3: nat64[0].pools[0].addresses[0]: found 192.0.2.1, interface a's own address, expected "
       "another address, or a port range that divides it, like ports = \"1024-32767\""},
      {pools("{ addresses = [\"192.0.2.1\"]; ports = \"1024-65535\"; }"),
       "f:3: nat64[0].pools[0].addresses[0]: found 192.0.2.1, interface a's own address, expected "
       "another address, or a port range that divides it, like ports = \"1024-32767\""},
      {pools("{ addresses = [\"203.0.113.7\"]; ports = \"2000-1999\"; }"),
       "f:3: nat64[0].pools[0].ports: found \"2000-1999\", expected a port range \"FIRST-LAST\" "
       "within 1-65535, FIRST <= LAST"},
      {pools("{ addresses = [\"203.0.113.7\"]; ports = \"0-65536\"; }"),
       "f:3: nat64[0].pools[0].ports: found \"0-65536\", expected a port range \"FIRST-LAST\" "
       "within 1-65535, FIRST <= LAST"},
      {pools("{ addresses = [\"203.0.113.7\"]; ports = 1024; }"),
       "f:3: nat64[0].pools[0].ports: found 1024, expected a port range \"FIRST-LAST\" within "
       "1-65535, FIRST <= LAST"},
      {pools("{ addresses = [\"203.0.113.7-203.0.113.1\"]; }"),
       "f:3: nat64[0].pools[0].addresses[0]: found \"203.0.113.7-203.0.113.1\", expected a range "
       "whose first address is not above its last"},
      {pools("{ addresses = [\"203.0.113.1/24\"]; }"),
       "f:3: nat64[0].pools[0].addresses[0]: found \"203.0.113.1/24\", expected IPv4 addresses as "
       "\"203.0.113.0/28\", \"203.0.113.20-203.0.113.30\" or \"203.0.113.40\""},
      {pools("{ addresses = [\"224.0.0.1\"]; }"),
       "f:3: nat64[0].pools[0].addresses[0]: found \"224.0.0.1\", expected unicast addresses, none "
       "of 0.0.0.0/8, 127.0.0.0/8 or 224.0.0.0/3"},
      {pools("{ addresses = [\"10.0.0.0/8\"]; }"),
       "f:3: nat64[0].pools[0].addresses[0]: found 16777216 pool addresses so far, expected at "
       "most 65536 in all pools"},
      {pools(kPool + ", " + kPool),
       "f:3: nat64[0].pools[1].name: found \"pool\", expected a name that nat64[0].pools[0].name "
       "does not have already"},
      {nat64("pools = (" + kPool + ");") +
           "siit = ({ prefix = \"2001:db8:64::/96\"; inside4 = [\"203.0.113.0/24\"]; });",
       "f:4: siit[0].inside4[0]: found \"203.0.113.0-203.0.113.255\", expected addresses that "
       "nat64[0].pools[0].addresses[0] (203.0.113.0-203.0.113.15) does not have"},
  });
}

TEST_CASE("port blocks and deterministic pools") {
  const std::string address = "{ addresses = [\"203.0.113.7\"]; ";
  check_rows({
      {pools(address + "allocation = \"blocks\"; block_size = 500; }"),
       "f:3: nat64[0].pools[0].block_size: found 500, expected a power of two, like 256, 512 or "
       "1024"},
      {pools(address + "allocation = \"blocks\"; ports = \"1000-65535\"; }"),
       "f:3: nat64[0].pools[0].ports: found \"1000-65535\", expected ports from 1024 on: blocks "
       "hold no well-known ports"},
      {pools(address + "allocation = \"blocks\"; ports = \"1025-2046\"; }"),
       "f:3: nat64[0].pools[0].ports: found \"1025-2046\", expected a range that holds a whole "
       "block; with block_size 512 they begin at multiples of 512"},
      {pools(address + "allocation = \"chaos\"; }"),
       "f:3: nat64[0].pools[0].allocation: found \"chaos\", expected one of \"dynamic\", "
       "\"blocks\", \"deterministic\""},
      {pools(address + "allocation = \"deterministic\"; }"),
       "f:3: nat64[0].pools[0].inside: found nothing, expected the prefix of the subscribers, like "
       "\"2001:db8:100::/48\""},
      {pools(address + "allocation = \"deterministic\"; inside = \"2001:db8::/48\"; }"),
       "f:3: nat64[0].pools[0].inside: found \"2001:db8::/48\", expected subscribers that fit into "
       "the pool; 65536 subscribers over 1 addresses are 65536 for each, and 64512 ports divided "
       "among them leave 0 for one; it needs at least 16: add addresses, widen the port range or "
       "give a longer inside prefix"},
      {pools(address + "allocation = \"deterministic\"; inside = \"2001:db8::/72\"; }"),
       "f:3: nat64[0].pools[0].inside: found \"2001:db8::/72\", expected subscribers that fit into "
       "the pool; inside prefix /72 cannot be divided into subscribers of /64: it has to be that "
       "long at most, and 24 bits shorter at most"},
      {pools(address + "allocation = \"deterministic\"; inside = \"2001:db8::/56\"; },\n"
                       "{ name = \"b\"; addresses = [\"203.0.113.8\"]; allocation = "
                       "\"deterministic\"; inside = \"2001:db8::/60\"; }"),
       "f:4: nat64[0].pools[1].inside: found \"2001:db8::/60\", expected a prefix that does not "
       "overlap that of pool pool (2001:db8::/56)"},
  });
}

TEST_CASE("RFC 6146 4, 4787, 5382, 5508: lifetimes below the floor are refused") {
  check_rows({
      {timer("udp = 119;"),
       "f:3: nat64[0].timers.udp: found 119, expected an integer from 120 to 604800"},
      {timer("tcp_established = 7199;"),
       "f:3: nat64[0].timers.tcp_established: found 7199, expected an integer from 7200 to "
       "604800"},
      {timer("tcp_closing = 239;"),
       "f:3: nat64[0].timers.tcp_closing: found 239, expected an integer from 240 to 604800"},
      {timer("tcp_incoming_syn = 5;"),
       "f:3: nat64[0].timers.tcp_incoming_syn: found 5, expected an integer from 6 to 240"},
      {timer("icmp = 59;"),
       "f:3: nat64[0].timers.icmp: found 59, expected an integer from 60 to 604800"},
      {timer("fragment = 1;"),
       "f:3: nat64[0].timers.fragment: found 1, expected an integer from 2 to 60"},
      {timer("tcp_opening = 7201;"),
       "f:3: nat64[0].timers.tcp_opening: found 7201, expected at most tcp_established (7200)"},
      {nat64("pools = (" + kPool + "); policy: { lowest_ipv6_mtu = 1279; };"),
       "f:3: nat64[0].policy.lowest_ipv6_mtu: found 1279, expected an integer from 1280 to 9600"},
  });
}

TEST_CASE("protocols without ports") {
  const auto portless = [](const std::string& list) {
    return nat64("pools = (" + kPool + ");\nportless = [" + list + "];");
  };
  const auto error = [](const std::string& at, const std::string& found, const std::string& why) {
    return "f:4: nat64[0].portless[" + at + "]: found " + found +
           ", expected a protocol without ports like \"esp\", \"gre\", \"sctp\" or \"41\"" + why;
  };
  const std::string known = ": TCP, UDP and ICMP are translated by their ports already";
  const std::string extension = ": this one is an IPv6 extension header";
  const std::string covers =
      ": the checksum of this one covers the addresses, which translation changes";
  check_rows({
      {portless("\"esp\", \"ipsec\""), error("1", "\"ipsec\"", "")},
      {portless("\"256\""), error("0", "\"256\"", "")},
      {portless("\"\""), error("0", "\"\"", "")},
      {portless("\"tcp\""), error("0", "\"tcp\"", known)},
      {portless("\"17\""), error("0", "\"17\"", known)},
      {portless("\"icmp\""), error("0", "\"icmp\"", known)},
      {portless("\"58\""), error("0", "\"58\"", known)},
      {portless("\"51\""),
       error("0", "\"51\"", ": AH signs the addresses, which translation changes")},
      {portless("\"2\""),
       error("0", "\"2\"", ": this one is never sent to a host behind a translator")},
      {portless("\"0\""), error("0", "\"0\"", extension)},
      {portless("\"43\""), error("0", "\"43\"", extension)},
      {portless("\"44\""), error("0", "\"44\"", extension)},
      {portless("\"60\""), error("0", "\"60\"", extension)},
      {portless("\"135\""), error("0", "\"135\"", extension)},
      {portless("\"33\""), error("0", "\"33\"", covers)},
      {portless("\"136\""), error("0", "\"136\"", covers)},
      {portless("50"), "f:4: nat64[0].portless[0]: found 50, expected a string: protocol"},
      {timer("portless = 59;"),
       "f:3: nat64[0].timers.portless: found 59, expected an integer from 60 to 604800"},
  });
}

TEST_CASE("pcp") {
  const auto pcp = [](const std::string& inside) {
    return nat64("pools = (" + kPool + ");") + "pcp = { " + inside + " };";
  };
  check_rows({
      {pcp(""), "f:4: pcp.listen: found nothing, expected this option, which is required"},
      {pcp("listen = [\"2001:db8::9\"];"),
       "f:4: pcp.listen[0]: found \"2001:db8::9\", expected an address that one of the ports' "
       "interfaces has"},
      {pcp("listen = [\"2001:db8::1\", \"2001:db8::1\"];"),
       "f:4: pcp.listen[1]: found \"2001:db8::1\", expected each address once"},
      {pcp("listen = [\"192.0.2.1\"];"),
       "f:4: pcp.listen[0]: found \"192.0.2.1\", expected an IPv6 address"},
      {pcp("listen = [\"2001:db8::1\"]; lifetime_min = 600; lifetime_max = 300;"),
       "f:4: pcp.lifetime_min: found 600, expected at most lifetime_max (300)"},
  });
}

}  // namespace isthmus::errors_test
