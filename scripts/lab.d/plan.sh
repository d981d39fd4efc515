# SPDX-License-Identifier: BSD-3-Clause
# Names and addresses of the lab, sourced by scripts/lab, scripts/demo and the smoke tests.
# All addresses are documentation addresses (RFC 3849, RFC 5737). The well-known prefix 64:ff9b::/96
# must not carry those (RFC 6052 3.1), hence a prefix of 64:ff9b:1::/48 (RFC 8215).
# shellcheck shell=bash disable=SC2034  # sourced: the readers are elsewhere

lab_name=${LAB:-lab}
lab_root=/run/isthmus-lab
lab_dir=$lab_root/$lab_name
lab_namespaces=(client client2 gateway router internet far)

prefix=64:ff9b:1:fffe::
pool=203.0.113.0/28
domain=lab.example

gateway6=2001:db8:1::1
service6=2001:db8:1::53
client6=2001:db8:1::10
# The second client lives behind a link of 1280 bytes.
gateway6n=2001:db8:2::1
client2_6=2001:db8:2::10
native6=2001:db8:80::80  # of dual.lab.example; only its AAAA record exists

gateway4=192.0.2.1
router4=192.0.2.254
router4i=198.51.100.1
router4f=198.51.100.129
dns4=198.51.100.53
www4=198.51.100.80
echo4=198.51.100.7
vpn4=198.51.100.51
# This server is behind a link of 1280 bytes.
far4=198.51.100.130

vpn_client6=2001:db8:ff::2
vpn_server6=2001:db8:ff::1

# What the system calls a namespace of this lab.
ns() { printf 'isthmus-%s-%s' "$lab_name" "$1"; }

# Sets the array `entry` to the words that run a command in a namespace of the lab. Every namespace
# has its own /run/wireguard, so that both ends of the tunnel can be called wg0.
ns_entry() {
  # shellcheck disable=SC2016  # for the inner shell
  entry=(ip netns exec "$(ns "$1")" sh -c
    'mount --bind "$1" /run/wireguard && shift && exec "$@"' sh "$lab_dir/wireguard-$1")
}

# in_ns NS COMMAND...
in_ns() {
  local entry
  ns_entry "$1"
  shift
  "${entry[@]}" "$@"
}
