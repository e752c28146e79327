# How undo.sh removes one thing, or puts one back, on a machine where somebody else was root.

# real_path PATH: where it is, or nothing where its folder is not the one that we know.
real_path() {
  folder=$(readlink -m -- "$r${1%/*}")
  was=$(sed -n "s|^${1%/*} ||p" "$before/folders" 2>/dev/null | head -n 1)
  if [ -n "$was" ] && [ "$was" != "$folder" ]; then return 1; fi
  printf '%s/%s\n' "$folder" "${1##*/}"
}

# What is mounted there, innermost first, as the kernel writes it: a blank is \040.
mounted() { awk -v p="$1" '$5 == p || index($5, p "/") == 1 { print $5 }' /proc/self/mountinfo | tac; }

unmount() {
  mounted "$1" | while read -r point; do umount -l -- "$(printf '%b' "$point")"; done
  [ -z "$(mounted "$1")" ]
}

# A file that cannot be changed (chattr(1)), or that the machine swaps to, is made one that can.
loosen() {
  chattr -f -R -i -a -- "$1" 2>/dev/null
  awk -v p="$1" '$1 == p || index($1, p "/") == 1 { print $1 }' /proc/swaps |
    while read -r file; do swapoff -- "$(printf '%b' "$file")"; done
}

# remove PATH: the thing itself. rm never follows a link, and nothing that is mounted there is emptied.
remove() {
  exists "$r$1" || return 0
  if ! real=$(real_path "$1"); then
    left_at "$1" "${1%/*} is not the folder that it was; look where it leads to, and put it right"
    return 0
  fi
  if ! unmount "$real"; then
    left_at "$1" "something is mounted there"
    return 0
  fi
  rm -rf --one-file-system --preserve-root=all -- "$real" 2>/dev/null && return 0
  loosen "$real"
  rm -rf --one-file-system --preserve-root=all -- "$real"
}

unpack() {
  [ -z "$lost" ] || return 0
  rm -rf --one-file-system -- "$before/files"
  mkdir -m 700 -- "$before/files"
  tar -x -p --numeric-owner --same-owner -C "$before/files" -f "$before/kept.tar"
}

# restore PATH: as it was kept, or not there if it was not.
restore() {
  if [ -n "$lost" ]; then
    exists "$r$1" && note "$1 stays as it is: what it was before is not known any more"
    return 0
  fi
  kept=$before/files$1
  if ! exists "$kept"; then
    if ! absent "$1"; then
      left_at "$1" "what it was cannot be read from $before/kept.tar"
      return 0
    fi
    exists "$before/brought$1" || { remove "$1"; return 0; }
    kept=$before/brought$1
  fi
  if ! real=$(real_path "$1"); then
    left_at "$1" "${1%/*} is not the folder that it was; look where it leads to, and put it right"
    return 0
  fi
  if same "$kept" "$real"; then return 0; fi
  mkdir -p -m 755 -- "${real%/*}"
  unmount "$real"
  loosen "$real"
  [ ! -d "$real" ] || [ -L "$real" ] || rm -rf --one-file-system --preserve-root=all -- "$real"
  rm -f -- "$real.workshop-new"
  cp -a -- "$kept" "$real.workshop-new" && mv -fT -- "$real.workshop-new" "$real"
  same "$kept" "$real" || left "$1 could not be made what it was"
}

same() {
  [ "$(stat -c '%f %u %g' -- "$1" 2>/dev/null)" = "$(stat -c '%f %u %g' -- "$2" 2>/dev/null)" ] || return 1
  if [ -L "$1" ]; then [ "$(readlink -- "$1")" = "$(readlink -- "$2")" ]; else cmp -s -- "$1" "$2"; fi
}
