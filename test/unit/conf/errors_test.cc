// SPDX-License-Identifier: BSD-3-Clause
#include "unit/conf/errors.h"

namespace isthmus::errors_test {

TEST_CASE("syntax") {
  check_rows({
      {"a = \"x\n", "f:2: found syntax error, expected libconfig syntax (isthmus.conf(5))"},
      {"limits: {\n sessions = ;\n};",
       "f:2: found syntax error, expected libconfig syntax (isthmus.conf(5))"},
      {"log: {}; log: {};",
       "f:1: found duplicate setting name, expected libconfig syntax (isthmus.conf(5))"},
      {std::string("a\0b", 3), "f:1: found a NUL byte, expected text"},
      {"\n@include \"/dev/zero\"\n",
       "f:2: found @include, expected one file that holds everything"},
      {"a = " + std::string(100, '(') + std::string(100, ')') + ";",
       "f:1: found too deep a nesting, expected options"},
      {"a = " + std::string(100000, '('),
       "f:1: found memory exhausted, expected libconfig syntax (isthmus.conf(5))"},
  });
}

TEST_CASE("memory that cannot be enough") {
  check_rows({
      {kPort + "memory: { megabytes = 64; };",
       "f:3: memory.megabytes: found 64, expected at least 250: 210 for forwarding tables, 40 for "
       "memory.buffers"},
      {kPort + "memory: { buffers = 1000000; };",
       "f:3: memory.megabytes: found 1024, expected at least 2651: 210 for forwarding tables, 2441 "
       "for memory.buffers"},
  });
}

TEST_CASE("types") {
  check_rows({
      {kPort + "limits: { sessions = \"many\"; };",
       "f:3: limits.sessions: found \"many\", expected an integer from 1 to 268435456"},
      {kPort + "limits: { sessions = 1.5; };",
       "f:3: limits.sessions: found 1.5, expected an integer from 1 to 268435456"},
      {kPort + "limits: { sessions = 1e999; };",
       "f:3: limits.sessions: found inf, expected an integer from 1 to 268435456"},
      {kPort + "limits: { sessions = true; };",
       "f:3: limits.sessions: found true, expected an integer from 1 to 268435456"},
      {kPort + "limits: { sessions = [1]; };",
       "f:3: limits.sessions: found a list of 1, expected an integer from 1 to 268435456"},
      {kPort + "limits: { sessions = { a = 1; }; };",
       "f:3: limits.sessions: found a group, expected an integer from 1 to 268435456"},
      {kPort + "limits = 5;", "f:3: limits: found 5, expected a group { ... }"},
      {kPort + "log: { level = \"loud\"; };",
       "f:3: log.level: found \"loud\", expected one of \"error\", \"warning\", \"info\", "
       "\"debug\""},
      {kPort + "log: { level = 3; };",
       "f:3: log.level: found 3, expected one of \"error\", \"warning\", \"info\", \"debug\""},
      {kPort + "control: { group = 5; };",
       "f:3: control.group: found 5, expected a string of 1 to 32 printable characters"},
      {kPort + "control: { group = \"a\\x01\"; };",
       "f:3: control.group: found \"a\\x01\", expected a string of 1 to 32 printable characters"},
      {kPort + "cores: { workers = 2; };",
       "f:3: cores.workers: found 2, expected a list of integers"},
      {kPort + "cores: {\n workers = [1,\n -1]; };",
       "f:5: cores.workers[1]: found -1, expected an integer from 0 to 1023"},
      {kPort + "cores: { workers = []; };",
       "f:3: cores.workers: found 0 workers, expected 1 to 64 workers"},
      {nat64("pools = (" + kPool + "); policy: { allow_non_global = 1; };"),
       "f:3: nat64[0].policy.allow_non_global: found 1, expected true or false"},
      {nat64("pools = (" + kPool + "); policy: { mss_clamp = 100; };"),
       "f:3: nat64[0].policy.mss_clamp: found 100, expected an integer from 536 to 65475, or "
       "\"off\", \"auto\""},
      {nat64("pools = (" + kPool + "); policy: { traffic_class_4to6 = \"keep\"; };"),
       "f:3: nat64[0].policy.traffic_class_4to6: found \"keep\", expected an integer from 0 to "
       "255, "
       "or \"copy\""},
      {nat64("pools = (" + kPool + "); policy: { traffic_class_6to4 = 46; };"),
       "f:3: nat64[0].policy.traffic_class_6to4: found 46, expected a multiple of 4, since "
       "keep_ecn "
       "leaves the lowest two bits to the packet; or keep_ecn = false"},
      {nat64("pools = (" + kPool +
             "); access: { inbound_remote_allow = [\"192.0.2.0/24\"]; "
             "inbound_remote_deny = [\"192.0.2.0/24\"]; };"),
       "f:3: nat64[0].access.inbound_remote_deny[0]: found \"192.0.2.0/24\", expected a prefix "
       "that "
       "inbound_remote_allow does not have"},
      {nat64("name = \"n\"; prefixes = [\"2001:db8:64::/96\"]; pools = (" + kPool + ");") +
           "forwarding: { pass_through = [\"::/0\", \"2001:db8:64::/96\"]; };",
       "f:4: forwarding.pass_through[1]: found \"2001:db8:64::/96\", expected a longer prefix, as "
       "an exception: n translates this one"},
      {nat64("name = \"n\"; pools = ({ name = \"p\"; addresses = [\"203.0.113.0/28\"]; });") +
           "forwarding: { pass_through = [\"203.0.113.0/30\"]; };",
       "f:4: forwarding.pass_through[0]: found \"203.0.113.0/30\", expected a prefix that does not "
       "lie within pool p of n"},
      {kPort + "routes = { prefix = \"0.0.0.0/0\"; };",
       "f:3: routes: found a group, expected a list ( { ... }, ... )"},
      {kPort + "routes = (\"0.0.0.0/0\");",
       "f:3: routes[0]: found \"0.0.0.0/0\", expected a group { ... }"},
      {"ports = ();", "f:1: ports: found an empty list, expected at least one element"},
  });
}

TEST_CASE("an integer that does not fit is not another integer") {
  check_rows({
      {kPort + "limits: { sessions = 4294967297; };",
       "f:3: limits.sessions: found 4294967297, expected an integer from 1 to 268435456"},
      {kPort + "limits: { sessions = 0x100000001; };",
       "f:3: limits.sessions: found 4294967297, expected an integer from 1 to 268435456"},
      {kPort + "limits: { sessions = 99999999999999999999; };",
       "f:3: limits.sessions: found 1e+20, expected an integer from 1 to 268435456"},
      {kPort + "limits: { sessions = -4294967297; };",
       "f:3: limits.sessions: found -4294967297, expected an integer from 1 to 268435456"},
  });
}

TEST_CASE("unknown and missing options") {
  check_rows({
      {kPort + "limits: { sesions = 5; };",
       "f:3: limits.sesions: found unknown option \"sesions\", expected \"sessions\" (did you "
       "mean that?)"},
      {kPort + "limit: { };",
       "f:3: limit: found unknown option \"limit\", expected \"limits\" (did you mean that?)"},
      {kPort + "log: { colour = true; };",
       "f:3: log.colour: found unknown option \"colour\", expected one of: level"},
      {nat64("pool = ();"),
       "f:3: nat64[0].pool: found unknown option \"pool\", expected \"pools\" (did you mean "
       "that?)"},
      {"", "f: ports: found nothing, expected this option, which is required"},
      {"ports = ({ name = \"a\"; });",
       "f:1: ports[0].device: found nothing, expected this option, or members of a bond"},
      {nat64(""), "f:3: nat64[0].pools: found nothing, expected this option, which is required"},
      {pools("{ }"),
       "f:3: nat64[0].pools[0].addresses: found nothing, expected this option, "
       "which is required"},
      {pools("{ addresses = []; }"),
       "f:3: nat64[0].pools[0].addresses: found an empty list, expected at least one element"},
      {kPort + "routes = ({ prefix = \"0.0.0.0/0\"; });",
       "f:3: routes[0].via: found nothing, expected this option, which is required"},
      {dns64(""), "f:4: dns64.listen: found nothing, expected this option, which is required"},
      {kPort + "siit = ({ });",
       "f:3: siit[0]: found neither inside4 nor mappings, expected IPv4 addresses to translate: "
       "inside4, eam or eam_file"},
      {kPort + "siit = ({ eam = ({ ipv6 = \"2001:db8::5\"; }); });",
       "f:3: siit[0].eam[0].ipv4: found nothing, expected this option, which is required"},
  });
}

TEST_CASE("RFC 6052 2.2: prefix lengths and bits 64 to 71") {
  check_rows({
      {nat64("prefixes = [\"64:ff9b::/80\"]; pools = (" + kPool + ");"),
       "f:3: nat64[0].prefixes[0]: found \"64:ff9b::/80\", expected an IPv6 prefix of length 32, "
       "40, 48, 56, 64 or 96 (RFC 6052 2.2)"},
      {nat64("prefixes = [\"64:ff9b::\"]; pools = (" + kPool + ");"),
       "f:3: nat64[0].prefixes[0]: found \"64:ff9b::\", expected an IPv6 prefix of length 32, "
       "40, 48, 56, 64 or 96 (RFC 6052 2.2)"},
      {nat64("prefixes = [\"2001:db8:0:0:100::/96\"]; pools = (" + kPool + ");"),
       "f:3: nat64[0].prefixes[0]: found \"2001:db8:0:0:100::/96\", expected an IPv6 prefix whose "
       "bits 64 to 71 are zero (RFC 6052 2.2)"},
      {nat64("prefixes = []; pools = (" + kPool + ");"),
       "f:3: nat64[0].prefixes: found an empty list, expected at least one element"},
  });
}

TEST_CASE("the same prefix twice") {
  check_rows({
      {kPort + "nat64 = ({ name = \"x\"; pools = (" + kPool +
           "); },\n{ name = \"y\"; pools = ({ "
           "addresses = [\"203.0.113.99\"]; }); });",
       "f:4: nat64[1].prefixes[0]: found \"64:ff9b::/96\", expected a prefix that "
       "nat64[0].prefixes[0] does not have, or instances with different `sources`"},
      {nat64("prefixes = [\"2001:db8:1::/48\", \"2001:db8:1::/48\"]; pools = (" + kPool + ");"),
       "f:3: nat64[0].prefixes[1]: found \"2001:db8:1::/48\", expected a prefix that "
       "nat64[0].prefixes[0] does not have"},
      {nat64("pools = (" + kPool + ");") + "siit = ({ inside4 = [\"198.51.100.0/24\"]; });",
       "f:4: siit[0].prefix: found \"64:ff9b::/96\", expected a prefix that nat64[0].prefixes[0] "
       "does not have"},
      {nat64("sources = [\"2001:db8:a::/48\"]; pools = (" + kPool + "); },\n{ name = \"y\"; " +
             "sources = [\"2001:db8:b::/48\", \"2001:db8:a::/48\"];" +
             "pools = ({ addresses = [\"203.0.113.99\"]; });"),
       "f:4: nat64[1].sources[1]: found \"2001:db8:a::/48\", expected a source that nat64[0] does "
       "not have already"},
      {nat64("prefixes = [\"ff00::/32\"]; pools = (" + kPool + ");"),
       "f:3: nat64[0].prefixes[0]: found \"ff00::/32\", expected a unicast prefix"},
      {nat64("prefixes = [\"2001:db8::/64\"]; pools = (" + kPool + ");"),
       "f:2: ports[0].addresses[1]: found \"2001:db8::1/64\", expected an address outside "
       "nat64[0].prefixes[0] (2001:db8::/64)"},
  });
}

TEST_CASE("names and VLANs") {
  check_rows({
      {"ports = ({ name = \"a\"; device = \"d\"; },\n { name = \"a\"; device = \"e\"; });",
       "f:2: ports[1].name: found \"a\", expected a name that ports[0].name does not have already"},
      {"ports = ({ name = \"a\"; device = \"d\"; },\n { name = \"b\"; device = \"d\"; });",
       "f:2: ports[1].device: found \"d\", expected a device that ports[0].device does not have "
       "already"},
      {"ports = ({ name = \"a\"; members = [\"d,x=1\", \"e\"]; },\n"
       " { name = \"b\"; members = [\"f\", \"e\"]; });",
       "f:2: ports[1].members[1]: found \"e\", expected a device that ports[0].members[1] does not "
       "have already"},
      {"ports = ({ name = \"a\"; device = \"d\"; members = [\"e\"]; });",
       "f:1: ports[0].members: found members beside a device, expected one or the other"},
      {"ports = ({ name = \"a\"; members = [\"d\"]; bond_mode = \"lacp\"; });",
       "f:1: ports[0].bond_mode: found \"lacp\", expected one of \"active-backup\", \"balance\", "
       "\"802.3ad\""},
      {"ports = ({ name = \"a\"; members = []; });",
       "f:1: ports[0].device: found nothing, expected this option, or members of a bond"},
      {"ports = ({ name = \"a/b\"; device = \"d\"; });",
       "f:1: ports[0].name: found \"a/b\", expected letters, digits, '_' and '-'"},
      {"ports = ({ name = \"all\"; device = \"d\"; });",
       "f:1: ports[0].name: found \"all\", expected a name that the kernel does not reserve"},
      {"ports = ({ name = \"a-long-name\"; device = \"d\"; interfaces = ({ vlan = 1000; }); });",
       "f:1: ports[0].interfaces[0].vlan: found interface name \"a-long-name.1000\", expected "
       "PORT.VLAN of at most 15 characters: a shorter port name"},
      {"ports = ({ name = \"a\"; device = \"d\"; interfaces = (\n{ vlan = 5; },\n{ vlan = 5; }); "
       "});",
       "f:3: ports[0].interfaces[1].vlan: found vlan 5 again, expected each vlan once in a port "
       "(0, the default, is the untagged interface)"},
      {"ports = ({ name = \"a\"; device = \"d\"; interfaces = ({ });\n addresses = []; });",
       "f:2: ports[0].addresses: found vlan 0 again, expected each vlan once in a port (0, the "
       "default, is the untagged interface)"},
      {kPort + "nat64 = ({ pools = (" + kPool +
           "); }, { prefixes = [\"2001:db8:9::/96\"]; pools = "
           "({ addresses = [\"203.0.113.99\"]; }); });",
       "f:3: nat64[1].name: found \"nat64\", expected a name that nat64[0].name does not have "
       "already"},
      {kPort + "control: { socket = \"ctl.sock\"; };",
       "f:3: control.socket: found \"ctl.sock\", expected a path that begins with \"/\""},
  });
}

TEST_CASE("interface addresses") {
  const auto port = [](const std::string& list) {
    return "ports = ({ name = \"a\"; device = \"d\"; addresses = [" + list + "]; });";
  };
  check_rows({
      {port("\"192.0.2.1\""),
       "f:1: ports[0].addresses[0]: found \"192.0.2.1\", expected an address with prefix length "
       "like \"192.0.2.1/24\" or \"2001:db8::1/64\""},
      {port("\"192.0.2.1/33\""),
       "f:1: ports[0].addresses[0]: found \"192.0.2.1/33\", expected an address with prefix length "
       "like \"192.0.2.1/24\" or \"2001:db8::1/64\""},
      {port("\"ff02::1/64\""),
       "f:1: ports[0].addresses[0]: found \"ff02::1/64\", expected a unicast address"},
      {port("\"192.0.2.1/24\", \"192.0.2.1/25\""),
       "f:1: ports[0].addresses[1]: found \"192.0.2.1/25\", expected an address that "
       "ports[0].addresses[0] does not have"},
  });
}

TEST_CASE("routes") {
  const auto route = [](const std::string& prefix, const std::string& via) {
    return kPort + "routes = ({ prefix = \"" + prefix + "\"; via = \"" + via + "\"; });";
  };
  check_rows({
      {route("0.0.0.0/0", "2001:db8::2"),
       "f:3: routes[0].via: found \"2001:db8::2\", expected an IPv4 address, like the prefix"},
      {route("0.0.0.0/0", "192.0.2.1"),
       "f:3: routes[0].via: found \"192.0.2.1\", expected another host's address, not our own"},
      {route("0.0.0.0/0", "198.51.100.1"),
       "f:3: routes[0].via: found \"198.51.100.1\", expected an address in the subnet of an "
       "interface"},
      {route("192.0.2.1/24", "192.0.2.2"),
       "f:3: routes[0].prefix: found \"192.0.2.1/24\", expected an IPv4 or IPv6 prefix like "
       "\"0.0.0.0/0\", no bit set beyond its length"},
      {kPort + "routes = ({ prefix = \"::/0\"; via = \"2001:db8::2\"; },\n{ prefix = \"::/0\"; via "
               "= \"2001:db8::3\"; });",
       "f:4: routes[1].prefix: found \"::/0\", expected a destination that routes[0] does not "
       "have"},
  });
}

TEST_CASE("exporters") {
  const auto exporters = [](const std::string& inside) {
    return nat64("pools = (" + kPool + ");") + "export = { " + inside + " };";
  };
  const std::string to = "collector = \"192.0.2.9\";";
  const std::string tls = "transport = \"tls\";";
  std::string fingerprint = "sha-256";
  for (int i = 0; i < 32; ++i) fingerprint += ":0f";
  check_rows({
      {exporters("ipfix = ( { } );"),
       "f:4: export.ipfix[0].collector: found nothing, expected this option, which is required"},
      {exporters("ipfix = ( { collector = \"::\"; } );"),
       "f:4: export.ipfix[0].collector: found ::, expected the address of a collector"},
      {exporters("ipfix = ( { " + to + " }, { " + to + " } );"),
       "f:4: export.ipfix[1].collector: found 192.0.2.9 port 4739, expected one that no exporter "
       "before has"},
      {exporters("ipfix = ( { " + to + " transport = \"sctp\"; } );"),
       "f:4: export.ipfix[0].transport: found \"sctp\", expected one of \"tcp\", \"udp\", "
       "\"tls\""},
      {exporters("ipfix = ( { " + to + " tls_name = \"a.example\"; } );"),
       "f:4: export.ipfix[0].tls_name: found \"a.example\", expected it with transport \"tls\" "
       "only"},
      {exporters("ipfix = ( { " + to + tls + " tls_name = \"a b\"; } );"),
       "f:4: export.ipfix[0].tls_name: found \"a b\", expected a domain name"},
      {exporters("syslog = ( { " + to + tls + " tls_ca_file = \"ca.pem\"; } );"),
       "f:4: export.syslog[0].tls_ca_file: found \"ca.pem\", expected a path that begins with "
       "\"/\""},
      {exporters("syslog = ( { " + to + tls + " tls_fingerprint = \"sha-1:00\"; } );"),
       "f:4: export.syslog[0].tls_fingerprint: found \"sha-1:00\", expected \"sha-256:\" and 32 "
       "octets in hexadecimal with colons"},
      {exporters("syslog = ( { " + to + tls + " tls_name = \"a.example\"; tls_fingerprint = \"" +
                 fingerprint + "\"; } );"),
       "f:4: export.syslog[0].tls_fingerprint: found tls_ca_file or tls_name besides, expected one "
       "or the other: a fingerprint says it all"},
      {exporters("ipfix = ( { " + to + tls + " tls_certificate_file = \"/a\"; } );"),
       "f:4: export.ipfix[0].tls_key_file: found nothing, expected a file: certificate and key go "
       "together"},
      {exporters("ipfix = ( { " + to + tls + " }, { " + to + " port = 4740; } );"),
       "f:4: export.ipfix[1].collector: found 192.0.2.9 port 4740, expected one that no exporter "
       "before has"},
      {exporters("ipfix = ( { " + to + " events = [\"all\"]; } );"),
       "f:4: export.ipfix[0].events[0]: found \"all\", expected one of \"sessions\", \"bindings\", "
       "\"port-blocks\", \"statics\", \"exhaustion\", \"quotas\""},
      {exporters("syslog = ( { " + to + " events = [\"sessions\", \"bindings\"]; } );"),
       "f:4: export.syslog[0].events: found sessions and bindings, expected one of them: without "
       "destinations both say the same (RFC 8158 4.6.1)"},
      {exporters("files = ( { path = \"nat.log\"; } );"),
       "f:4: export.files[0].path: found \"nat.log\", expected a path that begins with \"/\""},
  });
}

TEST_CASE("dns64") {
  const std::string up = " upstreams = [\"192.0.2.53\"];";
  check_rows({
      {dns64("listen = [\"2001:db8::1\"]; nat64 = \"other\";" + up),
       "f:4: dns64.nat64: found \"other\", expected the name of a nat64 instance: \"nat64\""},
      {dns64("listen = [\"2001:db8::9\"];" + up),
       "f:4: dns64.listen[0]: found \"2001:db8::9\", expected an address that one of the ports' "
       "interfaces has"},
      {dns64("listen = [\"2001:db8::1\", \"2001:db8::1\"];" + up),
       "f:4: dns64.listen[1]: found \"2001:db8::1\", expected each address once"},
      {dns64("listen = [\"2001:db8::1\"]; upstreams = [\"[2001:db8::1]:53\"];"),
       "f:4: dns64.upstreams[0]: found \"2001:db8::1\", expected another resolver than dns64 "
       "itself"},
      {dns64("listen = [\"2001:db8::1\"]; upstreams = [\"192.0.2.53:0\"];"),
       "f:4: dns64.upstreams[0]: found \"192.0.2.53:0\", expected an address and optional port "
       "like \"192.0.2.53\", \"192.0.2.53:5353\" or \"[2001:db8::53]:53\"; for TCP or TLS like "
       "\"tcp://192.0.2.53\" or \"tls://192.0.2.53#dns.example\""},
      {kPort + "dns64: { listen = [\"2001:db8::1\"];" + up + " };",
       "f:3: dns64: found no nat64 instance, expected one, whose prefix DNS64 can use"},
  });
}

}  // namespace isthmus::errors_test
