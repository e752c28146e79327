# What the builder of local hosts builds: host.nix with the builder's own toolchain.
{ toolchain, source, sourceRoot, coreVersion, wallet, workshopBinary, workshopVersion }:
let
  native = import ./native.nix { inherit toolchain; };
  bitcoin = native.callPackage ./bitcoind.nix {
    inherit source sourceRoot wallet;
    version = coreVersion;
  };
  workshop = native.callPackage ./workshop.nix {
    binary = workshopBinary;
    version = workshopVersion;
  };
in
native.callPackage ./host.nix {
  inherit bitcoin workshop;
  version = workshopVersion;
}
