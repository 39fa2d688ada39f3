#!/usr/bin/env bash
#   /wait-for-it.sh HOST:PORT [-s] [-t SECONDS] [-q] [-- COMMAND...]
#
# Of a lab's containers: waits until a TCP port can be connected to, at most -t seconds (15; 0: for
# ever), then runs the command. With -s a time that ran out is an error, and the command not run.
set -u
strict=false quiet=false limit=15 target=""
while [ $# -gt 0 ]; do
  case "$1" in
    -s | --strict) strict=true ;;
    -q | --quiet) quiet=true ;;
    -t) shift; limit="${1:?-t needs seconds}" ;;
    --timeout=*) limit="${1#*=}" ;;
    --) shift; break ;;
    *:*) target="$1" ;;
    *) echo "wait-for-it: unknown argument $1" >&2; exit 1 ;;
  esac
  shift
done
[ -n "$target" ] || { echo "wait-for-it: HOST:PORT is missing" >&2; exit 1; }

tell() { "$quiet" || echo "wait-for-it: $*" >&2; }
host="${target%:*}" port="${target##*:}" reached=false
# Microseconds: SECONDS may be up to a second off.
now() { echo "${EPOCHREALTIME/[.,]/}"; }
end=$(($(now) + limit * 1000000))
while ! "$reached"; do
  if (exec 3<>"/dev/tcp/$host/$port") 2>/dev/null; then
    reached=true
  elif [ "$limit" -gt 0 ] && [ "$(now)" -ge "$end" ]; then
    break
  else
    sleep 0.02
  fi
done
if "$reached"; then tell "$target is there"; else tell "$target was not there after $limit s"; fi
if ! "$reached" && { "$strict" || [ $# -eq 0 ]; }; then exit 1; fi
[ $# -eq 0 ] || exec "$@"
