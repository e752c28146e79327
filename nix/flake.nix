{
  description = "Bitcoin Core with tracepoints and what a workshop's host needs, from nixpkgs";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/b51242d7d43689db2f3be91bd05d5b24fbb469c4"; # nixos-26.05

  outputs = { self, nixpkgs }:
    let
      # For who builds with nixpkgs; `workshop provision` does not, and knows more releases by the sums of their
      # tarballs (crates/provisioner/src/nix/release). These are fetchFromGitHub's hashes, of unpacked trees.
      # v28 and older are autotools.
      releases = {
        "29.0" = "sha256-XvoqYA5RYXbOjeidxV4Wxb8DhYv6Hz510XNMhmWkV1Y=";
        "30.0" = "sha256-2I6ndH9B4bAgcbJzMpMrns2ZGaXSL8hgucjNs43Qpkk=";
        "31.0" = "sha256-XYYhTpviWXtdgy21vwgdIT/mI8TBhrC9tE+6uzAQyR4=";
      };
      systems = [ "x86_64-linux" "aarch64-linux" ];
      each = f: nixpkgs.lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});

      # The same packages that native.nix calls; here the dependencies are nixpkgs'.
      packagesOf = pkgs: version: hash:
        let
          bitcoin = pkgs.callPackage ./bitcoind.nix {
            inherit version;
            libsystemtap = pkgs.libsystemtap;
            wallet = true;
            source = pkgs.fetchFromGitHub { owner = "bitcoin"; repo = "bitcoin"; rev = "v${version}"; inherit hash; };
            # A build user may not mount; bubblewrap gives the build a root of its own with the tree in it.
            runAtTree = ''
              runAtTree() {
                local folder=$1; shift
                ${pkgs.bubblewrap}/bin/bwrap --ro-bind /nix /nix --bind "$NIX_BUILD_TOP" "$NIX_BUILD_TOP" \
                  --ro-bind /bin /bin --dev /dev --proc /proc --bind "$folder" "$treeAt" --chdir "$treeAt" "$@"
              }
            '';
          };
          workshop = pkgs.callPackage ./workshop.nix { source = ./..; version = "0.1.0"; };
        in
        {
          inherit bitcoin workshop;
          host = pkgs.callPackage ./host.nix { inherit bitcoin workshop; version = "0.1.0"; };
        };
    in
    {
      packages = each (pkgs: (packagesOf pkgs "31.0" releases."31.0") // {
        default = (packagesOf pkgs "31.0" releases."31.0").host;
      });
      lib.forRelease = pkgs: version: packagesOf pkgs version releases.${version};
      devShells = each (pkgs: { default = pkgs.callPackage ./shell.nix { }; });
    };
}
