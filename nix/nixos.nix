# A participant's host as a NixOS module, for those who install NixOS (nixos-anywhere does it over SSH). It is what
# the steps in crates/provisioner/src/steps make of a Debian host; crates/provisioner/tests/nix.rs compares the two.
#
#   { imports = [ ./nixos.nix ];
#     workshop = { package = …; word = "abandon"; participant = { name = "Ada"; key = "ssh-ed25519 AAAA…"; }; }; }
#
# `workshop provision` does not manage such a host: NixOS writes the files that its steps would write.
{ config, lib, pkgs, ... }:
let
  cfg = config.workshop;
  # As in src/chainparamsbase.cpp and src/kernel/chainparams.cpp of Bitcoin Core; steps/mod.rs has the same table.
  chains = {
    testnet4 = { name = "testnet4"; section = "testnet4"; rpc = 48332; p2p = 48333; };
    signet = { name = "signet"; section = "signet"; rpc = 38332; p2p = 38333; };
    testnet3 = { name = "test"; section = "test"; rpc = 18332; p2p = 18333; };
  };
  chain = chains.${cfg.chain};
  bin = "${cfg.package}/bin";
  listed = lib.concatMapStrings (node: "addnode=${node}\n") cfg.addnode;
in
{
  options.workshop = {
    package = lib.mkOption {
      type = lib.types.package;
      description = "The closure's root: `packages.host` of flake.nix.";
    };
    word = lib.mkOption { type = lib.types.str; description = "The host's word."; };
    participant = {
      name = lib.mkOption { type = lib.types.str; default = ""; description = "Whose host it is; empty for a spare."; };
      key = lib.mkOption { type = lib.types.str; default = ""; description = "The one key that opens it."; };
    };
    chain = lib.mkOption {
      type = lib.types.enum (builtins.attrNames chains);
      default = "testnet4";
      description = "The node's network. Regtest has ports of its own here and is not offered.";
    };
    prune = lib.mkOption { type = lib.types.int; default = 2000; description = "MiB of blocks the node keeps."; };
    addnode = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      description = "Nodes to connect to: host or host:port.";
    };
    guard = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      description = "The guard's configuration, as `provision` writes it to /etc/workshop/guard.json; null is no guard.";
    };
  };

  config = {
    networking.hostName = cfg.word;
    networking.firewall.allowedTCPPorts = [ 22 chain.p2p ];

    users.mutableUsers = false;
    users.groups.workshop = { };
    users.groups.bitcoin = { };
    users.users.workshop = {
      isNormalUser = true;
      group = "workshop";
      home = "/home/workshop";
      extraGroups = [ "bitcoin" "wheel" ];
      openssh.authorizedKeys.keys = lib.optional (cfg.participant.key != "") cfg.participant.key;
    };
    users.users.bitcoin = { isSystemUser = true; group = "bitcoin"; home = "/var/lib/bitcoind"; };
    # On Debian a file in sudoers.d says the same.
    security.sudo.wheelNeedsPassword = false;

    services.openssh = {
      enable = true;
      settings = {
        PasswordAuthentication = false;
        KbdInteractiveAuthentication = false;
        PermitRootLogin = "prohibit-password";
        # A room is behind one address: whoever tries the wrong key must not shut out everybody else.
        PerSourcePenalties = "no";
      };
    };

    environment.systemPackages = [
      cfg.package
      pkgs.bpftrace pkgs.bcc pkgs.gdb pkgs.binutils pkgs.python3
      pkgs.gcc pkgs.gnumake pkgs.cmake pkgs.ninja pkgs.pkg-config pkgs.git
      pkgs.vim pkgs.nano pkgs.htop pkgs.ripgrep pkgs.tmux pkgs.curl pkgs.zstd
    ];
    nix.settings.experimental-features = [ "nix-command" "flakes" ];
    # BCC compiles against the running kernel's headers; NixOS has them in the kernel's own package.
    programs.bcc.enable = true;
    boot.kernel.sysctl."kernel.perf_event_paranoid" = 2;

    environment.etc = {
      "bitcoin/bitcoin.conf".text = ''
        chain=${chain.name}
        server=1
        prune=${toString cfg.prune}
        dbcache=100
        maxmempool=50
        rpccookiefile=/run/bitcoind/cookie
        rpccookieperms=group
        listenonion=0
        includeconf=/etc/bitcoin/peers.conf

        [${chain.section}]
        rpcport=${toString chain.rpc}
        port=${toString chain.p2p}
      '';
      "bitcoin/peers.conf".text = "[${chain.section}]\n${listed}";
      "workshop/host.json".text = builtins.toJSON {
        schema = 1;
        word = cfg.word;
        participant = if cfg.participant.name == "" then null else cfg.participant.name;
        chain = chain.name;
        tree = "/home/workshop/bitcoin";
        node_binary = "${bin}/bitcoind";
      };
    };

    systemd.services.bitcoind = {
      description = "Bitcoin Core on ${chain.name}, the workshop's node";
      after = [ "network.target" ];
      wantedBy = [ "multi-user.target" ];
      path = [ pkgs.systemd ];
      serviceConfig = {
        Type = "notify";
        NotifyAccess = "all";
        ExecStart = "${bin}/bitcoind -conf=/etc/bitcoin/bitcoin.conf -datadir=/var/lib/bitcoind -startupnotify='systemd-notify --ready' -shutdownnotify='systemd-notify --stopping'";
        User = "bitcoin";
        Group = "bitcoin";
        StateDirectory = "bitcoind";
        StateDirectoryMode = "0750";
        RuntimeDirectory = "bitcoind";
        RuntimeDirectoryMode = "0750";
        Restart = "on-failure";
        RestartSec = 5;
        TimeoutStartSec = 600;
        TimeoutStopSec = 600;
        NoNewPrivileges = true;
        ProtectSystem = "full";
        PrivateTmp = true;
      };
    };

    systemd.services.workshop-guard = lib.mkIf (cfg.guard != null) {
      description = "Guard of the workshop: warns, stops and at last powers off what uses up this host";
      wantedBy = [ "multi-user.target" ];
      serviceConfig = {
        Type = "exec";
        ExecStart = "${bin}/workshop guard --config ${toString cfg.guard}";
        Restart = "always";
        RestartSec = 5;
        StateDirectory = "workshop-guard";
        RuntimeDirectory = "motd.d";
        RuntimeDirectoryPreserve = true;
      };
    };
  };
}
