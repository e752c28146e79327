# What a host runs: the one store path that its profile points to. Its closure is all of ours.
{ stdenv, bitcoin, workshop, version }:
stdenv.mkDerivation {
  pname = "workshop-host";
  inherit version bitcoin workshop;
  inherit (bitcoin) tree;
  buildCommand = ''
    mkdir -p "$out/bin" "$out/share/workshop"
    ln -s "$bitcoin"/bin/* "$workshop"/bin/* "$out/bin/"
    [ ! -e "$workshop/share/bash-completion" ] || ln -s "$workshop/share/bash-completion" "$out/share/"
    # Kept on the host: a spoiled build tree can be unpacked afresh without any network.
    ln -s "$tree/bitcoin.tar.zst" "$out/share/workshop/bitcoin.tar.zst"
    # bash would become its last command, and coreutils close their output before they exit. Nix takes that
    # for the end and kills what is left: one build in two died of signal 9. So the last command is bash's own.
    true
  '';
}
