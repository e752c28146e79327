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
runAtTree "$NIX_BUILD_TOP/bitcoin" cmake --build build -j "${NIX_BUILD_CORES:-1}"

mkdir -p "$out/bin" "$tree"
cp bitcoin/build/bin/bitcoind bitcoin/build/bin/bitcoin-cli bitcoin/build/bin/test_bitcoin "$out/bin/"

# POSIX archives keep nanoseconds; without them ninja takes outputs for older than their inputs.
tar -C bitcoin --format=posix --pax-option=delete=atime,delete=ctime --sort=name \
  --owner=0 --group=0 -cf - . | zstd -q -T0 -6 -o "$tree/bitcoin.tar.zst"
