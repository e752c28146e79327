# Gives the machine back. Set in front: label. Participants were root here: links, attributes, mounts and processes may
# be anything, so nothing is followed out of what is removed, and at the end we look instead of believing. It goes on
# after what fails; what is left is told, and then root's way in and the mark stay, so that it can be run again.

left() { printf '@left %s\n' "$*"; lefts=yes; }
# left_at PATH WHY: told once.
left_at() { told="$told$1 "; left "$1: $2"; }
note() { printf '@note %s\n' "$*"; }
absent() { [ -z "$lost" ] && grep -qxF -- "$1" "$before/absent"; }

stop_units() {
  # No node is waited for that writes its caches: they are about to be removed.
  for unit in $units; do
    systemctl --no-block stop "$unit"
    systemctl kill --signal=KILL "$unit"
  done
  for unit in $units; do
    timeout 90 systemctl stop "$unit"
    systemctl disable -q "$unit"
  done
} >/dev/null 2>&1

remove_units() {
  for unit in $units; do
    remove "/etc/systemd/system/$unit"
    remove "/etc/systemd/system/$unit.d"
    for link in "$r"/etc/systemd/system/*.wants/"$unit" "$r"/etc/systemd/system/*.requires/"$unit"; do
      [ ! -L "$link" ] || rm -f -- "$link"
    done
  done
  systemctl daemon-reload
  # shellcheck disable=SC2086
  systemctl reset-failed $units >/dev/null 2>&1
}

# The uid of an account, if it is its own: one that was made another name of root would have us kill everything.
uid_of() {
  uid=$(awk -F: -v name="$1" '$1 == name { print $3; exit }' "$r/etc/passwd")
  case $uid in '' | *[!0-9]*) return 1 ;; esac
  [ "$uid" -ge 100 ] && [ "$(awk -F: -v uid="$uid" '$3 == uid' "$r/etc/passwd" | wc -l)" = 1 ] && echo "$uid"
}

# Processes that work in what is about to be removed, whoever they run as; not those that we were started by.
inside() {
  ancestors=" $$ "
  pid=$$
  while [ "$pid" -gt 1 ]; do
    pid=$(awk '$1 == "PPid:" { print $2 }' "/proc/$pid/status" 2>/dev/null) || break
    ancestors="$ancestors${pid:-1} "
  done
  for link in $(find /proc/[0-9]*/exe /proc/[0-9]*/cwd /proc/[0-9]*/root -maxdepth 0 \
    \( -lname "$r/home/workshop" -o -lname "$r/home/workshop/*" -o -lname "$r/var/lib/workshop/*" \) 2>/dev/null); do
    pid=${link#/proc/}
    pid=${pid%/*}
    case $ancestors in *" $pid "*) ;; *) echo "$pid" ;; esac
  done
}

stop_processes() {
  for account in $accounts; do
    uid=$(uid_of "$account") || continue
    loginctl disable-linger "$account"
    systemctl kill --signal=KILL "user-$uid.slice"
    for _ in 1 2 3; do
      pkill -KILL -u "$uid"
      pkill -KILL -U "$uid" || break
      sleep 0.2
    done
    timeout 30 systemctl stop "user@$uid.service" "user-runtime-dir@$uid.service"
  done
  for pid in $(inside); do kill -KILL "$pid"; done
} >/dev/null 2>&1

remove_accounts() {
  for file in passwd shadow group gshadow subuid subgid; do loosen "$r/etc/$file"; done
  for account in $accounts; do
    if grep -q "^$account:" "$r/etc/passwd"; then userdel "$account" || userdel -f "$account"; fi
  done
  for account in $accounts; do
    if grep -q "^$account:" "$r/etc/group"; then groupdel "$account"; fi
  done
} >/dev/null 2>&1

# What our profile refers to, before it goes; kept, so that a second run knows it too.
note_closure() {
  command -v nix-store >/dev/null || return 0
  for link in "$r/nix/var/nix/profiles/workshop" "$r"/nix/var/nix/profiles/workshop-*-link; do
    [ ! -L "$link" ] || nix-store --query --requisites -- "$(readlink -f -- "$link")"
  done >> "$before/closure" 2>/dev/null
  for link in "$r"/nix/var/nix/profiles/workshop-*-link; do
    [ ! -L "$link" ] || rm -f -- "$link"
  done
}

# Gigabytes. Where Nix was used before, only what our profile referred to; else everything that nobody refers to.
collect_garbage() {
  command -v nix-store >/dev/null || return 0
  if absent /nix; then
    nix-collect-garbage
  elif [ -s "$before/closure" ]; then
    # What refers to others comes after them in this list.
    tac "$before/closure" | while read -r path; do
      [ ! -e "$path" ] || nix-store --delete -- "$path"
    done
  fi
} >/dev/null 2>&1 9>&-

# Links to kernel headers that were not there before and that no package has.
remove_headers() {
  [ -z "$lost" ] || return 0
  for link in "$r"/lib/modules/*/build "$r"/lib/modules/*/source; do
    [ -L "$link" ] || continue
    if grep -qxF -- "$link" "$before/modules"; then continue; fi
    path=${link#"$r"}
    if dpkg -S "$path" >/dev/null 2>&1 || dpkg -S "/usr$path" >/dev/null 2>&1; then continue; fi
    rm -f -- "$link"
    grep -qxF -- "${link%/*}" "$before/modules" || rmdir -- "${link%/*}" 2>/dev/null
  done
}

# What killed runs and checks leave under names of their own.
sweep() {
  for path in "$r"/tmp/workshop-check-* "$r"/var/tmp/workshop-collect.*; do
    if exists "$path"; then remove "${path#"$r"}"; fi
  done
  for path in $shared $ssh_shared $ours; do
    if exists "$r$path.workshop-new"; then remove "$path.workshop-new"; fi
  done
}

look_again() {
  for account in $accounts; do
    if grep -q "^$account:" "$r/etc/passwd"; then left "the account \`$account\`"; fi
    if grep -q "^$account:" "$r/etc/group"; then left "the group \`$account\`"; fi
  done
  for path in $ours; do
    case " $told" in *" $path "*) continue ;; esac
    if exists "$r$path"; then left "$path"; fi
  done
  for unit in $units; do
    if systemctl is-active -q "$unit"; then left "the unit $unit, which runs"; fi
  done
  for link in "$r"/nix/var/nix/profiles/workshop-*-link; do
    if exists "$link"; then left "${link#"$r"}"; fi
  done
  [ -s "$before/closure" ] || return 0
  count=$(sort -u "$before/closure" | while read -r path; do if [ -e "$path" ]; then echo "$path"; fi; done | wc -l)
  if [ "$count" = 0 ]; then return 0; fi
  # Where Nix was used before, they may be somebody's.
  if absent /nix; then left "$count paths of ours in /nix/store, which something still uses"
  else note "$count paths of the workshop's stay in /nix/store: something else uses them"; fi
}

# Who may become root that could not before: whoever put it there, it is not ours to remove.
tell_doors() {
  if [ -f "$before/root_keys" ] && [ -f "$1" ]; then
    count=$(others "$1" | grep -acvxF -f "$before/root_keys")
    [ "$count" = 0 ] || note "lines that were added to root's authorized_keys meanwhile: $count; look whose they are"
  fi
  names=$(awk -F: '$3 == 0 && $1 != "root" { print $1 }' "$r/etc/passwd" | tr '\n' ' ')
  [ -z "$names" ] || note "accounts that are root by another name: $names"
}

# others FILE: its lines without ours; none is no failure.
others() { grep -av " workshop-$label\$" "$1" || [ $? = 1 ]; }

# All others' lines stay, and the file's owner and mode.
shut_out() {
  [ -f "$1" ] && grep -aq " workshop-$label\$" "$1" || return 0
  loosen "$1"
  rm -f -- "$1.workshop-new"
  if ! cp -p -- "$1" "$1.workshop-new" || ! others "$1" > "$1.workshop-new"; then
    left "our line in $1"
    return 0
  fi
  if [ ! -s "$1.workshop-new" ] && absent "${1#"$r"}"; then
    rm -f -- "$1.workshop-new" "$1"
    # shellcheck disable=SC2015
    absent "$(dirname -- "${1#"$r"}")" && rmdir -- "${1%/*}" || true
  else
    mv -fT -- "$1.workshop-new" "$1"
  fi
  if [ -f "$1" ] && grep -aq " workshop-$label\$" "$1"; then left "our line in $1"; fi
}

has_our_line() { [ -f "$keys" ] && grep -aq " workshop-$label\$" "$keys"; }

main() {
  exec 2>&1
  cd "$r/" || exit 1
  lefts='' lost='' told=''
  alone
  keys=$(root_keys)
  if read_mark; then
    if [ "$is_label" != "$label" ]; then
      printf '@another %s %s\n' "$is_label" "$is_word"
      exit 3
    fi
    if [ ! -e "$before/kept" ]; then
      # Killed before anything was changed, or somebody has removed it.
      lost=unchanged
      if [ -n "$(taken)" ] || has_our_line; then lost=yes; fi
    fi
  elif has_our_line; then
    lost=yes
    [ ! -L "$before" ] || rm -f -- "$before"
    mkdir -p -m 700 -- "$before"
    write "$before/label" "$label -"
  else
    found=$(taken)
    [ -n "$found" ] || { echo '@gone'; exit 0; }
    printf '%s\n' "$found" | while read -r what; do left "$what, without a mark that says whose it is: remove it by hand"; done
    exit 1
  fi
  uid=$(uid_of workshop || echo none)
  if grep -q "/user-$uid\.slice" /proc/self/cgroup; then
    echo "this was started by the account \`workshop\`, which it removes: start it as another"
    exit 1
  fi
  [ "$lost" != yes ] || note "what was kept of this machine in $before is not there any more"
  if [ "$lost" != unchanged ]; then
    stop_units
    stop_processes
    # What follows writes a little, and the disk may be full.
    for path in /home/workshop /var/lib/bitcoind; do remove "$path"; done
    note_closure
    remove_accounts
    remove_units
    sweep
    for path in $ours; do remove "$path"; done
    remove_headers
    collect_garbage
    unpack
    for path in $shared; do restore "$path"; done
    if [ -z "$lost" ]; then
      [ ! -s "$before/hostname" ] || hostname "$(cat "$before/hostname")"
      for path in $brought; do if absent "$path"; then remove "$path"; fi; done
      for path in $emptied; do if absent "$path" && [ -d "$r$path" ]; then rmdir -- "$r$path" 2>/dev/null; fi; done
    fi
    look_again
    [ -z "$lefts" ] || exit 1
    tell_doors "$keys"
    # Until here root gets in by our key, and this can be run again.
    for path in $ssh_shared; do
      # By their names they are ours.
      if [ -n "$lost" ]; then remove "$path"; else restore "$path"; fi
    done
    if sshd -t; then systemctl try-reload-or-restart ssh.service; else left "sshd does not accept its configuration as it was before"; fi
    [ -z "$lefts" ] || exit 1
    shut_out "$keys"
    [ -z "$lefts" ] || exit 1
  fi
  # The mark is the last thing: as long as it is there, this can be run again.
  loosen "$before"
  find "$before" -xdev -mindepth 1 ! -path "$before/label" -delete
  rm -f -- "$before/label"
  rmdir -- "$before" || { left "$before"; exit 1; }
  echo '@gone'
}
main </dev/null
