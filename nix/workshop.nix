# The `workshop` program: built from source where there is a Rust platform, otherwise the given binary.
{ stdenv, rustPlatform
, binary ? null     # a program already built for this system
, source ? null     # this repository
, version
}:
if binary != null then
  stdenv.mkDerivation {
    pname = "workshop";
    inherit version binary;
    buildCommand = ''
      mkdir -p "$out/bin" "$out/share/bash-completion/completions"
      cp "$binary" "$out/bin/workshop"
      chmod 0755 "$out/bin/workshop"
      "$out/bin/workshop" completions bash > "$out/share/bash-completion/completions/workshop"
      true # as in host.nix
    '';
  }
else
  rustPlatform.buildRustPackage {
    pname = "workshop";
    inherit version;
    src = source;
    cargoLock.lockFile = source + "/Cargo.lock";
    cargoBuildFlags = [ "--package" "workshop" ];
    doCheck = false; # the tests need root and local hosts
  }
