//! The system-wide node: a service on the inventory's chain, peered with the workshop's other hosts.

use std::net::SocketAddr;

use super::{HostContext, render};
use crate::host::Script;
use crate::step::{HostFile, Step};

/// Whom the node connects to. A running node is told over RPC, so a new host restarts nobody's node.
pub(super) fn peers(context: &HostContext) -> Step {
    let file = HostFile::public(
        "/etc/bitcoin/peers.conf",
        render(
            "peers.conf.j2",
            include_str!("../../../../templates/host/peers.conf.j2"),
            context,
        ),
    );
    let mut change = with_chain(context);
    let port = context.chain.p2p_port;
    let peers = (context.peers.iter()).map(|peer| SocketAddr::new(*peer, port).to_string());
    let nodes: Vec<String> = context
        .addnode
        .iter()
        .cloned()
        // With its port: on regtest ours is not the chain's own.
        .chain(peers)
        .collect();
    change.set("nodes", &nodes.join(" "));
    change.push(
        r#"
if systemctl is-active -q bitcoind; then
  # One that is added already is no error for us.
  for node in $nodes; do cli addnode "$node" add 2>&1 || true; done
fi
"#,
    );
    Step {
        id: "peers",
        files: vec![file],
        fact: Script::new("true"),
        change,
    }
}

/// The service, on the right chain and running the profile's bitcoind.
pub(super) fn node(context: &HostContext) -> Step {
    let files = vec![
        HostFile::public(
            "/etc/bitcoin/bitcoin.conf",
            render(
                "bitcoin.conf.j2",
                include_str!("../../../../templates/host/bitcoin.conf.j2"),
                context,
            ),
        ),
        HostFile::public(
            "/etc/systemd/system/bitcoind.service",
            render(
                "bitcoind.service.j2",
                include_str!("../../../../templates/host/bitcoind.service.j2"),
                context,
            ),
        ),
        HostFile {
            path: "/home/workshop/.bitcoin/bitcoin.conf".into(),
            mode: 0o644,
            owner: "workshop:workshop",
            content: render(
                "participant.conf.j2",
                include_str!("../../../../templates/host/participant.conf.j2"),
                context,
            )
            .into_bytes(),
        },
    ];
    let mut fact = with_chain(context);
    fact.set(
        "binary",
        &format!("{}/bin/bitcoind", context.closure.bitcoin),
    );
    fact.push(
        r#"
[ -L /etc/systemd/system/multi-user.target.wants/bitcoind.service ] || { echo "not enabled"; exit 1; }
pid=$(systemctl show -P MainPID bitcoind)
[ "$pid" != 0 ] || { echo "not running"; exit 1; }
[ "/proc/$pid/exe" -ef "$binary" ] || { echo "runs another bitcoind"; exit 1; }
case "$(cli getblockchaininfo)" in *"\"chain\": \"$chain\""*) ;; *) echo "RPC does not answer for $chain"; exit 1 ;; esac
"#,
    );
    let change = r#"
chown workshop:workshop /home/workshop/.bitcoin
systemctl daemon-reload
systemctl enable -q bitcoind
systemctl restart bitcoind || { journalctl -u bitcoind -n 15 --no-pager -o cat; exit 1; }
"#;
    Step {
        id: "node",
        files,
        fact,
        change: Script::new(change),
    }
}

fn with_chain(context: &HostContext) -> Script {
    let mut script = Script::default().with("chain", context.chain.name);
    // bitcoin-cli reads the node's own bitcoin.conf, so it finds chain, port and cookie by itself.
    script.push(r#"cli() { timeout 20 /usr/local/bin/bitcoin-cli -datadir=/etc/bitcoin "$@"; }"#);
    script
}
