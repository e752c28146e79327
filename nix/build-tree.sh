# The body of bitcoind.nix, run by bash -euo pipefail with the derivation's attributes in the environment.
cd "$NIX_BUILD_TOP"
export HOME=$NIX_BUILD_TOP treeAt
mkdir bitcoin

if [ -d "$source" ]; then
  cp -r "$source/$sourceRoot/." bitcoin/
  chmod -R u+w bitcoin
else
  mkdir unpacked
  tar -xf "$source" -C unpacked
  cp -a "unpacked/$sourceRoot/." bitcoin/
  rm -rf unpacked
fi

# Everything, not only the three programs: on the host, `cmake --build build` must find nothing to do.
# shellcheck disable=SC2086  # the flags are a list and none of them has a blank in it
runAtTree "$NIX_BUILD_TOP/bitcoin" cmake -S . -B build -G Ninja $cmakeFlagsForTree
# Nix passes 0 for "all cores", which ninja would take for "no limit".
jobs=${NIX_BUILD_CORES:-0}
[ "$jobs" != 0 ] || jobs=$(nproc)
# Nix's builder has a terminal, on which ninja would overwrite one line; whoever waits wants [done/all] as lines.
TERM=dumb runAtTree "$NIX_BUILD_TOP/bitcoin" cmake --build build -j "$jobs"

mkdir -p "$out/bin" "$tree"
cp bitcoin/build/bin/bitcoind bitcoin/build/bin/bitcoin-cli bitcoin/build/bin/test_bitcoin "$out/bin/"

# POSIX archives keep nanoseconds; without them ninja takes outputs for older than their inputs.
tar -C bitcoin --format=posix --pax-option=delete=atime,delete=ctime --sort=name \
  --owner=0 --group=0 -cf - . | zstd -q -T0 -6 -o "$tree/bitcoin.tar.zst"
