# Makes the machine one of ours: known as such, reached as root by our key, called by its word. Set in front: label,
# word, root_key (two words), sshd (content of the file), undo (base64). What is done here and by every step later can
# be undone because all that they replace is kept first; a run that was killed anywhere is completed by the next.

# Only before anything is changed, so that a second run after a killed one keeps the same.
keep() {
  [ ! -e "$before/kept" ] || return 0
  : > "$before/absent.new"
  : > "$before/members"
  for path in $shared $ssh_shared; do
    if exists "$r$path"; then printf '%s\n' "${path#/}" >> "$before/members"; else echo "$path" >> "$before/absent.new"; fi
  done
  for path in $brought $emptied /nix "$1" "${1%/*}"; do
    exists "$r$path" || echo "$path" >> "$before/absent.new"
  done
  tar -c --numeric-owner -C "$r/" -f "$before/kept.tar.new" --no-recursion -T "$before/members"
  # Where the folders are that we will remove something from: somebody may put a link in the place of one.
  for path in $ours $shared $ssh_shared; do
    printf '%s %s\n' "${path%/*}" "$(readlink -m -- "$r${path%/*}")"
  done | sort -u > "$before/folders.new"
  hostname > "$before/hostname.new"
  if [ -f "$r$1" ]; then cat -- "$r$1"; fi > "$before/root_keys.new"
  # Links to kernel headers that are there already are not ours.
  for path in "$r"/lib/modules/* "$r"/lib/modules/*/build "$r"/lib/modules/*/source; do
    if exists "$path"; then printf '%s\n' "$path"; fi
  done > "$before/modules.new"
  for name in absent kept.tar folders hostname root_keys modules; do mv -f -- "$before/$name.new" "$before/$name"; done
  rm -f -- "$before/members"
  : > "$before/kept"
}

# Our line alone; all others, the file's owner and its mode stay.
let_in() {
  line="$root_key workshop-$label"
  if [ -f "$1" ] && grep -qxF -- "$line" "$1"; then return 0; fi
  [ -d "${1%/*}" ] || mkdir -m 700 -- "${1%/*}"
  rm -f -- "$1.workshop-new"
  if [ -e "$1" ]; then cp -p -- "$1" "$1.workshop-new"; else : > "$1.workshop-new" && chmod 600 "$1.workshop-new"; fi
  {
    if [ -e "$1" ]; then grep -av " workshop-$label\$" "$1" || [ $? = 1 ]; fi
    printf '%s\n' "$line"
  } > "$1.workshop-new"
  mv -fT -- "$1.workshop-new" "$1"
}

# A configuration that sshd does not accept must not lock everybody out.
root_by_key() {
  conf=$r/etc/ssh/sshd_config.d/10-workshop.conf
  mkdir -p -- "${conf%/*}"
  printf '%s' "$sshd" > "$conf.workshop-new"
  chmod 0644 -- "$conf.workshop-new"
  mv -fT -- "$conf.workshop-new" "$conf"
  # Where a socket starts sshd, its folder may not be there yet.
  mkdir -p -m 755 "$r/run/sshd"
  if ! sshd -t; then
    rm -f -- "$conf"
    echo "sshd does not accept our configuration; it goes on with its own"
    exit 1
  fi
  # Ours is read first (sshd_config(5)), unless another one is before it or the main file does not include any.
  why=$(sshd -T -C user=root,host=localhost,addr=127.0.0.1 | awk '
    $1 == "permitrootlogin" && ($2 == "no" || $2 == "forced-commands-only") { print "PermitRootLogin " $2 }
    $1 == "pubkeyauthentication" && $2 == "no" { print "PubkeyAuthentication no" }
    $1 == "authorizedkeysfile" && !/\.ssh\/authorized_keys( |$)/ { print "AuthorizedKeysFile" }
    $1 == "allowusers" || $1 == "allowgroups" { only = only " " $1; if ($2 ~ /^root(@|$)/) root = 1 }
    $1 == "denyusers" && $2 ~ /^root(@|$)/ { print "DenyUsers root" }
    END { if (only != "" && !root) print "AllowUsers or AllowGroups without root" }')
  if [ -n "$why" ]; then
    echo "sshd keeps root out by its own configuration in /etc/ssh, in spite of $conf:" $why
    exit 1
  fi
  # Connections that are open stay open.
  systemctl try-reload-or-restart ssh.service
}

main() {
  set -e
  exec 2>&1
  cd "$r/"
  alone
  if read_mark; then
    if [ "$is_label" != "$label" ]; then
      printf '@another %s %s\n' "$is_label" "$is_word"
      exit 3
    fi
  else
    found=$(taken)
    if [ -n "$found" ]; then
      printf '%s\n' "$found" | sed 's/^/@taken /'
      exit 4
    fi
    rm -rf --one-file-system -- "$before"
  fi
  mkdir -p -m 700 -- "$before"
  # The mark comes first: from here on whoever looks knows whose it is.
  write "$before/label" "$label $word"
  printf '%s' "$undo" | base64 -d > "$before/undo.new"
  chmod 700 "$before/undo.new"
  mv -fT -- "$before/undo.new" "$before/undo"
  keys=$(root_keys)
  keep "${keys#"$r"}"
  let_in "$keys"
  root_by_key
  SET_HOSTNAME
  : > "$before/adopted"
  echo '@adopted'
}
main </dev/null
