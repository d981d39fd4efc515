#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Stateless translation beside NAT64 (SIIT-DC, RFC 7755): mappings of the configuration and of a file
# of 100000, both ways, hairpinning, and a reload that loses nothing.
. "$(dirname "$0")/init.sh"

siit_prefix=64:ff9b:1:abcd::
host4=198.18.0.10
host2_4=198.18.0.11
rm -rf "/tmp/$LAB" && mkdir -p "/tmp/$LAB"
eam_file=/tmp/$LAB/eam
mappings() {
  # shellcheck disable=SC2016  # python
  python3 -c 'import ipaddress, sys
print("# %s mappings" % sys.argv[1])
for i in range(int(sys.argv[1])):
    print("2001:db8:e:%x::%x 10.%d.%d.%d" % (i >> 12, i & 0xfff, i >> 16, i >> 8 & 255, i & 255))
print(sys.argv[2], sys.argv[3])' "$1" "$client2_6" "$host2_4"
}
mappings 100000 >"$eam_file"
export LAB_OPTIONS="siit = ( { name = \"dc\"; prefix = \"$siit_prefix/96\";
  eam = ( { ipv6 = \"$client6\"; ipv4 = \"$host4\"; } );
  eam_file = \"$eam_file\"; } );"
start_lab
ip -n "$(ns router)" route add 198.18.0.0/24 via "$gateway4"
name_of() { python3 -c 'import ipaddress, sys
print(ipaddress.IPv6Address(int(ipaddress.IPv6Address(sys.argv[1]))
                            + int(ipaddress.IPv4Address(sys.argv[2]))))' "$siit_prefix" "$1"; }

# From inside and from outside; the NAT64 instance goes on beside it.
expect "$(on client curl -sS -m 10 "http://[$(name_of "$www4")]/whoami")" "you are $host4"
expect "$(on client curl -sS -m 10 "http://www.$domain/whoami")" 'you are 203'
expect "$(on internet ping -c 3 -i 0.2 -W 2 "$host4")" ' 3 received'
expect "$(on internet ping -c 3 -i 0.2 -W 2 "$host2_4")" ' 3 received'
expect "$(on client traceroute -n -q 1 -w 2 "$(name_of "$www4")")" "$(name_of "$www4")"
on client python3 "$echo_py" udp "$(name_of "$echo4")" --count 5
on client python3 "$echo_py" tcp "$(name_of "$echo4")" --size 200000

# Two hosts with mappings, by their IPv4 names (RFC 7757 4.2).
expect "$(on client ping -c 3 -i 0.2 -W 2 "$(name_of "$host2_4")")" ' 3 received'
same "$(json show counters -- 'next(r["value"] for r in answer["counters"] if r["name"] == "hairpin-packets")')" 6

# What is in force.
same "$(json show siit -- 'answer["siit"][0]["mappings"]')" 100002
same "$(json show eam -- 'len([r for r in rows if "inside" in r])')" 100002
expect "$(ctl show eam outside "$host2_4")" "$client2_6"
expect "$(ctl show eam inside 2001:db8:e:1::7)" '10.0.16.7'

# A reload, again and again, under traffic that uses the tables.
on internet ping -q -i 0.005 -c 600 "$host2_4" >"$lab_dir/ping" &
ping=$!
for size in 10 100000 5000 0 20000; do
  mappings $size >"$eam_file.new" && mv "$eam_file.new" "$eam_file"
  ctl reload
  same "$(json show siit -- 'answer["siit"][0]["mappings"]')" $((size + 2))
done
wait $ping
expect "$(cat "$lab_dir/ping")" ' 600 received, 0% packet loss'

# An error names file, line, text and what was expected; what was there stays.
sed -i '77s/.*/2001:db8:e::4c 10.0.0.300/' "$eam_file"
! ctl reload >"$lab_dir/answer" 2>&1 || fail "a file with an error was accepted"
expect "$(cat "$lab_dir/answer")" "$eam_file:77: found .2001:db8:e::4c 10.0.0.300., expected an IPv6 and an IPv4 prefix"
same "$(json show siit -- 'answer["siit"][0]["mappings"]')" 20002
expect "$(on internet ping -c 1 -W 2 "$host2_4")" ' 1 received'
rm -rf "/tmp/$LAB"
