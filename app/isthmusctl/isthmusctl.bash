# SPDX-License-Identifier: BSD-3-Clause
# Completion of isthmusctl in bash. The words come from the command table, by way of the daemon
# when it runs.
_isthmusctl() {
  local current=${COMP_WORDS[COMP_CWORD]} line='' word i
  local options=()
  if ((COMP_CWORD > 0)) && [[ ${COMP_WORDS[COMP_CWORD - 1]} == @(-s|--socket|-f|--file) ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    return
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      -f | --file) ((i++)) ;;
      -s | --socket) options=(--socket "${COMP_WORDS[i + 1]}"); ((i++)) ;;
      -*) ;;
      *) line+="$word " ;;
    esac
  done
  mapfile -t COMPREPLY < <(isthmusctl "${options[@]}" complete "$line$current" 2>/dev/null |
    grep -v '^none$')
  if [[ $current == -* ]]; then
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(
      compgen -W '--file --help --json --socket --version' -- "$current")
  fi
}
complete -F _isthmusctl isthmusctl
