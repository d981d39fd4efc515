# SPDX-License-Identifier: BSD-3-Clause
# Completion of isthmusctl in bash. The words come from the command table, by way of the daemon
# when it runs.
_isthmusctl() {
  local current=${COMP_WORDS[COMP_CWORD]} line='' word i
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '--help --json --socket --version' -- "$current")
    return
  fi
  local options=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      -s | --socket) options=(--socket "${COMP_WORDS[i + 1]}"); ((i++)) ;;
      -*) ;;
      *) line+="$word " ;;
    esac
  done
  mapfile -t COMPREPLY < <(isthmusctl "${options[@]}" complete "$line$current" 2>/dev/null |
    grep -v '^none$')
}
complete -F _isthmusctl isthmusctl
