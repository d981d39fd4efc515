#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# isthmusctl as a person meets it, in a real terminal (tmux): the shell with completion, help in place,
# history and pager; watch and top, in a window that changes its size; completion in bash and zsh.
. "$(dirname "$0")/init.sh"
command -v tmux >/dev/null || skip "needs tmux (scripts/setup lab)"
start_lab

home=$(mktemp -d)
terminal=isthmus-$smoke_name-$$
tidy() {
  tmux -L "$terminal" kill-server 2>/dev/null || true
  tmux -L "${terminal%-zsh}" kill-server 2>/dev/null || true
  rm -rf "$home"
}
at_end tidy
bin=$home/bin
mkdir "$bin"
printf '#!/bin/sh\nexec env LAB=%q ISTHMUS_BUILD=%q %q ctl "$@"\n' \
  "$LAB" "$ISTHMUS_BUILD" "$smoke_root/scripts/lab" >"$bin/isthmusctl"
chmod +x "$bin/isthmusctl"

in_terminal() { tmux -L "$terminal" "$@"; }
keys() { in_terminal send-keys -t 0 "$@"; }
screen() { in_terminal capture-pane -p -t 0; }
# see PATTERN: the screen shows it, by and by.
see() {
  local _
  for _ in $(seq 300); do
    if grep -qE -- "$1" <<<"$(screen)"; then return; fi
    sleep 0.1  # what a terminal shows makes no sound
  done
  fail "expected /$1/ on the screen:
$(screen)"
}
gone() {
  local _
  for _ in $(seq 300); do
    if ! grep -qE -- "$1" <<<"$(screen)"; then return; fi
    sleep 0.1
  done
  fail "did not expect /$1/ on the screen:
$(screen)"
}

in_terminal -f /dev/null new-session -d -x 100 -y 30 \
  "env HOME='$home' PATH='$bin:$PATH' PS1='shell> ' LANG=C.UTF-8 bash --norc --noprofile -i"
see 'shell>'

say "the shell: Tab, ?, history, a pager for what is long"
keys isthmusctl Enter
see '^isthmus>'
keys 'sh' Tab 'vers' Tab Enter
see '^version: '
keys 'show top ?'
see 'subscribers +Subscribers with the most sessions'
see '^isthmus> show top$'
keys 'drops' Enter
see '^(REASON|none)'
keys 'show counters all' Enter
see '^:'  # less waits
keys 'q'
see '^isthmus>$'
keys Up
see '^isthmus> show counters all'
keys C-c
keys 'drain pool ' Tab
see '^isthmus> drain pool main'
keys C-c
keys 'shwo ports' Enter
see 'did you mean "show"'

say "watch and top have a screen of their own, and give it back"
keys 'clear counters' Enter
keys 'watch every 0.2 show workers' Enter
see 'every 0.2 s: show workers'
see '^WORKER'
keys C-c
see '^isthmus>$'
gone 'every 0.2 s: show workers$'
keys 'top every 0.2' Enter
see '^Ports$'
see '^Pools$'
see 'inside +up'
in_terminal resize-window -x 60 -y 8
see '^Ports$'
gone '^Pools$'
in_terminal resize-window -x 100 -y 30
see '^Pools$'
on client ping -c 1 -i 0.2 -W 5 "$(synthesised "$www4")" >/dev/null
keys q
see '^isthmus>$'
keys exit Enter
see 'shell>$'
[ -s "$home/.isthmusctl_history" ] || fail "no history was kept"

say "bash completes by the table"
keys "source '$smoke_root/app/isthmusctl/isthmusctl.bash'; clear" Enter
keys 'isthmusctl watch show su' Tab
see 'isthmusctl watch show subscribers'
keys C-c
keys exit Enter

if command -v zsh >/dev/null; then
  say "zsh, too"
  terminal+=-zsh  # a server that just ended its last session may still be on its way out
  in_terminal -f /dev/null new-session -d -x 100 -y 30 \
    "env HOME='$home' PATH='$bin:$PATH' zsh -f -i"
  keys "PS1='zsh> '; fpath=('$smoke_root/app/isthmusctl' \$fpath); autoload -Uz compinit; compinit -u -D" Enter
  keys 'clear' Enter
  see '^zsh>'
  keys 'isthmusctl show top su' Tab
  see 'isthmusctl show top subscribers'
fi
