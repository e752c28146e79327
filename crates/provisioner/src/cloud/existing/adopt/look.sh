# Facts of a machine, one a line, and changes nothing.
say() { printf '@machine %s %s\n' "$1" "$2"; }

main() {
  say uid "$(id -u)"
  (
    ID='' VERSION_ID='' PRETTY_NAME=''
    . "$r/etc/os-release"
    say system "$ID-$VERSION_ID-$(dpkg --print-architecture)"
    say pretty "$PRETTY_NAME"
  ) 2>/dev/null
  say kernel "$(uname -r)"
  if [ -d "$r/run/systemd/system" ]; then say systemd yes; else say systemd no; fi
  if command -v apt-get >/dev/null; then say apt yes; else say apt no; fi
  say disk "$(df -B 1 --output=avail "$r/" 2>/dev/null | tail -n 1)"
  say memory "$(awk '$1 == "MemTotal:" { printf "%.0f", $2 * 1024 }' /proc/meminfo)"
  say processors "$(nproc)"
  if read_mark; then
    say label "$is_label"
    say word "$is_word"
    [ ! -e "$before/adopted" ] || say adopted yes
  else
    taken | while read -r what; do say taken "$what"; done
  fi
  say end .
}
main </dev/null
