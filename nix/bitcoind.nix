# Bitcoin Core with USDT tracepoints: `out` has the programs, `tree` the warm build tree.
#
# The tree is configured and built at the very path where participants find it, because cmake and ninja
# write absolute paths into what they generate: built elsewhere, everything would be rebuilt on the host.
{ stdenv, cmake, ninja, pkg-config, boost, libevent, sqlite, libsystemtap, zstd
, runAtTree
, source              # a folder, or an archive of one
, sourceRoot ? "."    # where in the archive Core's tree begins
, version
, wallet              # the crate registry's tree has no src/wallet, and cmake fails when asked for it
}:
stdenv.mkDerivation {
  pname = "bitcoin-core";
  inherit version source sourceRoot;
  outputs = [ "out" "tree" ];
  nativeBuildInputs = [ cmake ninja pkg-config libsystemtap zstd ];
  buildInputs = [ boost libevent sqlite libsystemtap ];

  treeAt = "/home/workshop/bitcoin";
  cmakeFlagsForTree = [
    "-DCMAKE_BUILD_TYPE=Release"
    "-DWITH_USDT=ON"                                  # off by default
    "-DENABLE_WALLET=${if wallet then "ON" else "OFF"}"
    "-DBUILD_TESTS=ON"                                # task 3 traces a unit test
    "-DENABLE_IPC=OFF"                                # would need capnproto
    "-DWITH_EMBEDDED_ASMAP=OFF"                       # its data is not in every source
    "-DBUILD_BENCH=OFF" "-DBUILD_TX=OFF" "-DBUILD_UTIL=OFF" "-DINSTALL_MAN=OFF"
  ];

  buildCommand = runAtTree + builtins.readFile ./build-tree.sh;
}
