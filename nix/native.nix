# A package set whose every member is the machine's own.
#
# The packages beside this file (bitcoind.nix, workshop.nix, host.nix, shell.nix) take nixpkgs' names:
# `stdenv`, `cmake`, `boost`. flake.nix gives them nixpkgs; this file gives them what apt installed on a
# builder host. Derivations made here see /usr, so they are reproducible only between machines with the
# same packages: `toolchain`, the list of those packages and versions, is therefore part of every hash.
{ toolchain }:
let
  # What nixpkgs' stdenv takes apart itself and a raw derivation would turn into empty strings.
  notForTheBuilder = [ "pname" "version" "nativeBuildInputs" "buildInputs" "meta" "passthru" "buildCommand" ];

  mkDerivation = { pname, version, buildCommand, outputs ? [ "out" ], ... }@args:
    derivation (removeAttrs args notForTheBuilder // {
      name = "${pname}-${version}";
      system = builtins.currentSystem;
      builder = "/bin/bash";
      args = [ "-euo" "pipefail" "-c" buildCommand ];
      PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
      inherit outputs toolchain;
    }) // { inherit pname version; };

  packages = {
    stdenv = { inherit mkDerivation; };
    # Already on PATH and in /usr/include.
    cmake = null; ninja = null; pkg-config = null; zstd = null;
    boost = null; libevent = null; sqlite = null; libsystemtap = null;
    rustPlatform = null;

    # Nothing to add: a shell with the machine's own PATH. `nix-shell` runs NIX_BUILD_SHELL in it.
    mkShell = { packages }: derivation {
      name = "bitcoin-core-shell";
      system = builtins.currentSystem;
      builder = "/bin/bash";
      PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
    };

    # Runs "$2…" with the folder $1 mounted at $treeAt, in a mount namespace that ends with the command.
    # The builder runs without Nix's sandbox and as root, so util-linux is enough.
    runAtTree = ''
      runAtTree() {
        local folder=$1; shift
        mkdir -p "$treeAt"
        unshare --mount -- bash -euo pipefail -c \
          'mount --bind "$1" "$treeAt"; cd "$treeAt"; shift; "$@"' _ "$folder" "$@"
      }
    '';
  };

  callPackage = file: extra:
    let f = import file; in f (builtins.intersectAttrs (builtins.functionArgs f) packages // extra);
in
packages // { inherit callPackage; }
