# Prints a participant's work as tar archives, one after the other: first what is made here, then their own files.
# Set in front of it: each_kib, most_files, most_patch, progress, tree, stamp, shell.
set -u
umask 077
export LC_ALL=C
home=/home/workshop
scratch=$(mktemp -d /var/tmp/workshop-collect.XXXXXXXXXX) || exit 1
trap 'rm -rf -- "$scratch"' EXIT
trap 'exit 130' HUP INT TERM PIPE
mkdir "$scratch/made"
left=$scratch/made/left-out.txt
: > "$left"
say() { printf '%s\t%s\n' "$1" "$2" >> "$left"; }
cd "$home" || exit 1

if [ -f "$progress" ]; then
  timeout 10 head -c 1048577 -- "$progress" > "$scratch/made/progress.json" || say progress.json "cannot be read"
fi

# Plain files alone: a link may lead anywhere, and a pipe never ends. $2 before -type: -maxdepth is to come first.
list() {
  find "$@" ! -type d ! -type f -printf '%p\tno plain file, not followed\n' | head -n 100 >> "$left"
  find "$@" -type f -size "+${each_kib}k" -printf "%p\tlarger than $each_kib KiB\n" | head -n 100 >> "$left"
  # The smallest first: when there is more than we take, most files come.
  find "$@" -type f ! -size "+${each_kib}k" -printf '%s\t%p\0' | sort -zn | cut -zf 2- > "$scratch/all"
  count=$(tr -dc '\0' < "$scratch/all" | wc -c)
  [ "$count" -le "$most_files" ] || say "$1" "has $count files: the $most_files smallest were taken"
  head -zn "$most_files" "$scratch/all" >> "$scratch/files"
}
: > "$scratch/files"
if [ -L workshop ]; then
  say workshop "no folder, not followed"
elif [ -d workshop ]; then
  list workshop -xdev -mindepth 1
fi
# What lies in the home itself; `./` is what tells it from the folder.
list . -maxdepth 1 -mindepth 1 ! -name '.*' ! -name workshop ! -name bitcoin ! -name 'bitcoin.before-*'

# What was changed in the tree, against the archive that it was unpacked from. Touching a file changes its ctime.
inside() { find . -xdev -mindepth 1 \( -path ./build -o -path ./.git \) -prune -o "$@"; }
archive=
[ ! -f "$stamp" ] || read -r archive < "$stamp"
if [ -L "$tree" ] || [ ! -d "$tree" ]; then
  say bitcoin "is no folder: no patch was made"
elif [ ! -f "$archive" ]; then
  say bitcoin "nobody knows what it was made from: no patch was made"
elif cd "$tree"; then
  same_shell() { cmp -s -- "$shell" shell.nix; }
  if [ -n "$(inside -cnewer "$stamp" ! -path ./shell.nix -print | head -n 1)" ] || ! same_shell; then
    mkdir "$scratch/a"
    zstd -qdc -- "$archive" | tar -x -C "$scratch/a" --exclude=./build --no-same-owner
    ln -s "$tree" "$scratch/b"
    inside -type f -printf '%P\0' | sort -z > "$scratch/is"
    (cd "$scratch/a" && find . -type f -printf '%P\0' | sort -z) > "$scratch/was"
    {
      inside -type f -cnewer "$stamp" -size "-${each_kib}k" -printf '%P\0'
      comm -z -23 "$scratch/was" "$scratch/is"
    } > "$scratch/changed"
    inside -type f -cnewer "$stamp" ! -size "-${each_kib}k" -printf "bitcoin/%P\tlarger than $each_kib KiB\n" | head -n 100 >> "$left"
    inside ! -type f ! -type d -cnewer "$stamp" -printf 'bitcoin/%P\tno plain file, not followed\n' | head -n 100 >> "$left"
    count=$(tr -dc '\0' < "$scratch/changed" | wc -c)
    [ "$count" -le "$most_files" ] || say bitcoin "$count files were changed: $most_files are in the patch"
    cd "$scratch" || exit 1
    # The file that `provision` puts there is nobody's work.
    same=$(cmp -s -- "$shell" "$tree/shell.nix" && echo shell.nix)
    grep -zvxF -- "${same:-/}" changed | head -zn "$most_files" | sort -z |
      timeout 60 xargs -0 -r -I '{}' diff -uN -- 'a/{}' 'b/{}' | head -c "$((most_patch + 1))" > made/bitcoin.patch
    if [ "$(wc -c < made/bitcoin.patch)" -gt "$most_patch" ]; then
      rm made/bitcoin.patch
      say bitcoin "the patch is larger than $((most_patch / 1024)) KiB: not taken"
    elif [ ! -s made/bitcoin.patch ]; then
      rm made/bitcoin.patch
    fi
  fi
fi

tar -c --format=gnu -C "$scratch/made" -- .
cd "$home" || exit 1
tar -c --format=gnu --no-recursion --hard-dereference --transform 'flags=r;s,^\./,home/,' --null --verbatim-files-from -T "$scratch/files"
# A file that went away meanwhile is no failure of the others.
exit 0
