//! The inventory that `workshop init` writes: every field with its default and what it is for.

use super::insert::quoted;

/// The text of a new inventory. It loads as it is, with nobody in it.
pub(super) fn template(name: &str) -> String {
    TEMPLATE.replacen("NAME", &quoted(name), 1)
}

const TEMPLATE: &str = "\
# The workshop: what is taught, on which hosts, to whom. `workshop plan` says what it comes to.
workshop:
  name: NAME
  # date: 2027-02-20
  # deadline: 2027-02-21T20:00:00+01:00   # after this the servers are no longer needed

bitcoin:
  source: crate        # crate: the tree in the crate registry | release: official, by version | {path: DIR}
  # version: 31.1      # of a release, 29.0 to 31.1: the newest if not given
  chain: testnet4      # testnet4 | signet | testnet3 | regtest
  prune: 2000          # MiB of blocks a node keeps: 550 or more; 0 keeps every block
  addnode: []          # nodes to connect to beside the workshop's own: [node.example.org, 192.0.2.7:48333]
  # cache:             # a binary cache that has it built: hosts fetch from it, and there is no builder
  #   url: https://cache.example.org/tracing
  #   key: workshop-0123abcd:…   # as `workshop cache export` prints it

hosts:
  provider: local      # local: systemd-nspawn on this machine, for rehearsals | hetzner: rented | existing: yours
  spare: 0             # ready hosts for people who walk in
  parallel: 8          # hosts made or changed side by side
  # spend_limit: 25 EUR   # the most that rented hosts may cost until the deadline, tax included
  # power_off: true    # whether hosts power themselves off after the deadline; yours do only if it says so
  limits:              # of each host
    memory: 3GiB
    cpus: 2
    pids: 2048
    # disk: 20GiB        # a disk of its own for each local host; without it they share the machine's
  # hetzner:           # what is tried first stands first
  #   server_types: [cpx31, cx32]
  #   locations: [fsn1, nbg1]
  #   image: debian-13
  #   builder_type: cpx51
  #   ssh_from: [192.0.2.0/24]   # everybody, without it
  # existing:          # machines that you have, one for each host and one that builds
  #   user: debian     # root, or an account with sudo and no password
  #   identity: ~/.ssh/id_ed25519   # your key for them; the agent, without it
  #   jump: 198.51.100.1            # the host through which they are reached
  #   machines:
  #     - 192.0.2.7
  #     - {address: \"192.0.2.8:2222\", user: root, host_key: ssh-ed25519 AAAA…, builder: true}

guard:                 # what no host does for long: it warns on all terminals, stops what is to blame, powers off
  cpu: {percent: 90, for: 2h}        # of all processors, on average; `off` for each, or `guard: off`
  memory: {percent: 95, for: 30min}
  disk: 12GiB          # all files of a host but the node's blocks
  egress: {size: 10GiB, for: 1h}
  grace: 5min          # from the warning to the stop, and from the stop to the power-off

# Who gets a host. `workshop add NAME --key FILE` writes a line here; a key is a file or the key itself.
participants:
  # - {name: Ada Lovelace, initials: AL, key: keys/ada.pub}
  # - {folder: keys/}  # one participant for each *.pub
";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::cache::CACHE;
    use super::super::existing::{EXISTING, JUMP, MACHINE};
    use super::super::fields::{BITCOIN, HOSTS, LIMITS, PARTICIPANT, WORKSHOP};
    use super::super::guard::{CPU, EGRESS, GUARD, MEMORY};
    use super::super::hetzner::HETZNER;
    use super::super::types::Inventory;
    use super::*;
    use crate::nix::release::RELEASES;

    fn load(text: &str) -> Inventory {
        Inventory::parse(
            text,
            Path::new("/nowhere/inventory.yaml"),
            jiff::Timestamp::MIN,
        )
        .unwrap_or_else(|problems| panic!("{:?}", problems.findings()))
        .inventory
    }

    #[test]
    fn it_says_what_an_empty_inventory_means() {
        for name in ["Tracing", "No", "a: b # c", "\"quoted\" NAME"] {
            let written = load(&template(name));
            assert_eq!(written.workshop.name, name);
            let name = quoted(name);
            assert_eq!(written, load(&format!("workshop: {{name: {name}}}\n")));
        }
    }

    #[test]
    fn it_and_the_help_name_the_oldest_and_the_newest_release() {
        let (oldest, newest) = (RELEASES[0].version, RELEASES[RELEASES.len() - 1].version);
        let range = format!("{oldest} to {newest}");
        let mut fields = BITCOIN.fields.iter();
        let help = fields.find(|field| field.name == "version").unwrap().doc;
        assert!(
            TEMPLATE.contains(&range) && help.contains(&range),
            "{range}"
        );
        assert!(TEMPLATE.contains(&format!("# version: {newest} ")));
    }

    #[test]
    fn it_names_every_field() {
        for section in [
            WORKSHOP,
            BITCOIN,
            CACHE,
            HOSTS,
            LIMITS,
            HETZNER,
            EXISTING,
            MACHINE,
            JUMP,
            GUARD,
            CPU,
            MEMORY,
            EGRESS,
            PARTICIPANT,
        ] {
            for field in section.fields {
                let name = format!("{}:", field.name);
                assert!(TEMPLATE.contains(&name), "{name}");
            }
        }
    }
}
