#!/usr/bin/env bash
# container.sh ROLE REPOSITORY BUN_FOLDER WWW DOWNLOADS CERTS LOGS COMMAND [ARGUMENT...]
#
# The first process of a container, in namespaces of its own (container.ts): builds the file system
# that the endpoint sees, runs the command, and ends with its exit code, and all else in here with
# it; 125 when it came not so far. A line on standard input asks everything in here to end
# (SIGTERM); the end of standard input ends it, as that is also what a crash of the caller is.
set -euo pipefail
trap 'exit 125' ERR
role="$1" repository="$2" bun="$3" www="$4" downloads="$5" certs="$6" logs="$7"
shift 7

# --- the root: this machine's folders, read-only, and a few of its own ----------------------------
root="$repository/build/lab_root"
mount -t tmpfs -o mode=755 lab "$root"
cd "$root"
own=(www downloads certs logs proc sys dev run tmp old)
folders=() links=()
for entry in /*; do
  case " ${own[*]} boot lost+found media mnt srv " in *" ${entry#/} "*) continue ;; esac
  if [ -L "$entry" ]; then
    links+=("$entry")
  elif [ -d "$entry" ]; then
    folders+=("${entry#/}")
  fi
done
mkdir "${own[@]}" "${folders[@]}"
chmod 1777 tmp
[ "${#links[@]}" -eq 0 ] || cp -P "${links[@]}" .
for folder in "${folders[@]}"; do mount -o bind,ro "/$folder" "$folder"; done
mount -t tmpfs -o mode=1777 lab tmp
# They may be on file systems of their own, or in this machine's /tmp.
for folder in "$repository" "$bun"; do
  [ -d "./$folder" ] || mkdir -p "./$folder"
  mount -o bind,ro "$folder" "./$folder"
done
mount -o bind,ro "$www" www
mount -o bind,ro "$certs" certs
mount --bind "$downloads" downloads
mount --bind "$logs" logs
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 lab dev/shm
image="$repository/interop/lab/image"
cp "$image/setup.sh" "$image/wait_for_it.sh" .
mv wait_for_it.sh wait-for-it.sh

{
  printf '127.0.0.1 localhost\n::1 localhost\n'
  printf '193.167.100.100 server4\nfd00:cafe:cafe:100::100 server6\n'
  if [ "$role" = client ]; then
    printf '193.167.100.100 server46\nfd00:cafe:cafe:100::100 server46\n193.167.0.2 sim\n'
  fi
} >run/hosts
mount --bind run/hosts etc/hosts
# Nobody answers names here: without a server's address that is found out at once.
: >run/resolv.conf
[ ! -f etc/resolv.conf ] || mount --bind run/resolv.conf etc/resolv.conf
pivot_root . old
umount -l /old
rmdir /old
cd /
hostname "$role"
# 64 MiB; a lower hard limit stays, where raising it is refused.
ulimit -l 65536 2>/dev/null || true
mkdir -p "$HOME"

# --- the command ----------------------------------------------------------------------------------
exec 3<&0
"$@" </dev/null 3<&- &
command=$!
trap - ERR
# The shell's own words on how it ended are no output of the endpoint.
exec 2>/dev/null
(
  while read -r _ <&3; do kill -TERM -1 || true; done
  kill -KILL -1
) >/dev/null &
code=0
wait "$command" || code=$?
exit "$code"
