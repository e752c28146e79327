# `nix-shell`: what a build of Bitcoin Core needs, from nixpkgs or from the machine (native.nix).
{ mkShell, cmake, ninja, pkg-config, boost, libevent, sqlite, libsystemtap }:
mkShell {
  packages = [ cmake ninja pkg-config libsystemtap boost libevent sqlite ];
}
