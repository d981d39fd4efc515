#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Run by scripts/package --test in a clean root: installs the package, tries it in the lab, installs it
# again as an upgrade would, removes it, purges it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/common.sh
deb=$(realpath "${1:?usage: in_root.sh PACKAGE}")
export DEBIAN_FRONTEND=noninteractive
passed=0
ok() { passed=$((passed + 1)); say "ok: $*"; }
fail() { die "FAILED: $*"; }

apt-get -q update >/dev/null
apt-get -q -y --no-install-recommends install "$deb" >/dev/null
ok "it installs with nothing but its dependencies"
getent group isthmus >/dev/null || fail "no group isthmus"
isthmusctl --version
isthmusd --version
[ -e /usr/share/man/man8/isthmusd.8.gz ] || fail "no manual page"
[ -e /usr/share/man/man8/isthmus-nic.8.gz ] || fail "no manual page of isthmus-nic"
isthmus-nic --help | grep -q '  isthmus-nic bind PCI' || fail "isthmus-nic does not say what it does"
isthmus-nic list --json | python3 -m json.tool >/dev/null || fail "isthmus-nic list does not work"
for file in /lib/systemd/system/isthmusd.service /usr/share/bash-completion/completions/isthmusctl \
  /usr/share/zsh/vendor-completions/_isthmusctl /usr/share/doc/isthmus/examples/isthmus.conf; do
  [ -e "$file" ] || [ -e "/usr$file" ] || [ -e "$file.gz" ] || fail "no $file"
done
ok "programs, service, pages, completion and examples are there"

scripts/setup lab >/dev/null
scripts/demo --installed
ok "the demo passes with the installed files"

echo '// mine' >/etc/isthmus/isthmus.conf
apt-get -q -y --no-install-recommends --reinstall install "$deb" >/dev/null
[ "$(cat /etc/isthmus/isthmus.conf)" = '// mine' ] || fail "an upgrade changed the configuration"
ok "an upgrade leaves the configuration alone"

mapfile -t files < <(dpkg -L isthmus | grep isthmus)
apt-get -q -y remove isthmus >/dev/null
[ -e /etc/isthmus/isthmus.conf ] || fail "removal took the configuration"
apt-get -q -y purge isthmus >/dev/null
for file in "${files[@]}" /var/lib/isthmus; do
  [ ! -e "$file" ] || fail "purge left $file"
done
if getent group isthmus >/dev/null; then fail "purge left the group"; fi
ok "remove keeps the configuration, purge leaves nothing"

# playbook CONFIGURATION: what it says to this host.
playbook() {
  ansible-playbook -i nat64, -c local -e ansible_python_interpreter=/usr/bin/python3 -e "isthmus_package=$deb" \
    -e "isthmus_config=$1" scripts/ansible/site.yml
}
# Its packages are many, and nothing else here needs them.
apt-get -q -y --no-install-recommends install ansible-core >/dev/null
sed 's/^\( *workers = \).*/\1[0];/' doc/examples/isthmus.conf >/tmp/good.conf
echo 'cores = { workers = "many"; };' >/tmp/bad.conf
playbook /tmp/good.conf | tee /tmp/first
cmp /tmp/good.conf /etc/isthmus/isthmus.conf || fail "the role wrote another configuration"
grep -q 'failed=0' /tmp/first || fail "the role failed"
playbook /tmp/good.conf | grep -q 'changed=0' || fail "a second run of the role changed something"
if playbook /tmp/bad.conf >/tmp/bad; then fail "the role took a wrong configuration"; fi
grep -q 'cores.workers' /tmp/bad || fail "the role does not say what is wrong"
cmp /tmp/good.conf /etc/isthmus/isthmus.conf || fail "a wrong configuration was written"
ok "the Ansible role installs and configures it, changes nothing twice, and refuses a wrong configuration"
say "$passed passed, 0 failed"
