# Functions of look.sh, take.sh and undo.sh (which has more of them in remove.sh). Set in front: r, the root that is worked in (empty on a machine), and
# lists of paths (paths.rs). Everything is a function, so that a script that is read from its standard input, or that
# removes its own file, is read to its end before it does anything.
export PATH LC_ALL=C
set -u
umask 022
nl='
'

exists() { [ -e "$1" ] || [ -L "$1" ]; }

# write FILE LINE: whole or not at all
write() { printf '%s\n' "$2" > "$1.new" && mv -fT -- "$1.new" "$1"; }

# The mark of adoption: sets is_label and is_word, or fails where there is none.
read_mark() {
  is_label='' is_word=''
  [ ! -L "$before" ] && [ -f "$before/label" ] && [ ! -L "$before/label" ] || return 1
  read -r is_label is_word < "$before/label" || true
  [ -n "$is_label" ]
}

# What is there already under a name that we would use.
taken() {
  for account in $accounts; do
    if grep -q "^$account:" "$r/etc/passwd"; then
      echo "the account \`$account\`"
    elif grep -q "^$account:" "$r/etc/group"; then
      echo "the group \`$account\`"
    fi
  done
  for path in $ours $elsewhere; do
    if exists "$r$path"; then echo "$path"; fi
  done
}

# Only one script of ours at a time: that of a run that was killed goes on until its step is done.
alone() {
  exec 9<"$r/etc"
  flock --timeout 900 9 || { echo "the script of another run still works on this machine"; exit 1; }
}

# The file that lets root in; through a link, as sshd reads it.
root_keys() {
  home=$(awk -F: '$1 == "root" { print $6; exit }' "$r/etc/passwd")
  readlink -m -- "$r$home/.ssh/authorized_keys"
}
