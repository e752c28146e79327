//! What a workshop has once: our key, a firewall, an image that exists.

use hcloud::models::{self, rule};
use hcloud::models::{CreateFirewallRequest, CreateSshKeyRequest, SetRulesRequest};

use super::Settings;
use super::answer::{Firewall, Image, OneFirewall, OneSshKey, Rule, SshKey, WORKSHOP};
use super::api::{Api, Request, Unread};
use super::error::HetznerError;
use super::fault::Failed;
use crate::cloud::WorkshopId;

/// What a server is made with.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) ssh_key: i64,
    pub(super) firewall: i64,
}

/// The filter for everything of a workshop.
pub(super) fn of(id: &WorkshopId) -> (&'static str, String) {
    ("label_selector", format!("{WORKSHOP}={id}"))
}

/// The name of the workshop's key and firewall.
fn name(id: &WorkshopId) -> String {
    format!("workshop-{id}")
}

fn labels(id: &WorkshopId) -> Option<std::collections::HashMap<String, String>> {
    Some([(WORKSHOP.to_owned(), id.to_string())].into())
}

/// Registers `root_key` (one line of authorized_keys), once for the workshop.
pub(super) async fn ssh_key(
    api: &Api,
    id: &WorkshopId,
    root_key: &str,
) -> Result<i64, HetznerError> {
    const DOING: &str = "registering the workshop's SSH key";
    let body = |key: &str| key.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let ours = body(root_key);
    let find = async || -> Result<Option<SshKey>, HetznerError> {
        // All of the project: Hetzner takes a key once, under whatever name.
        let all: Vec<SshKey> = api.list("ssh_keys", &[], DOING).await?;
        Ok(all.into_iter().find(|key| body(&key.public_key) == ours))
    };
    if let Some(key) = find().await? {
        return Ok(key.id);
    }
    let request = Request::post(
        "/ssh_keys",
        &CreateSshKeyRequest {
            labels: labels(id),
            name: name(id),
            public_key: root_key.trim().to_owned(),
        },
        DOING,
    );
    match api.send::<OneSshKey>(&request).await {
        Ok(answer) => Ok(answer.ssh_key.id),
        Err(failed) => {
            let found = match may_be_there(&failed) {
                true => find().await?,
                false => None,
            };
            found.map_or_else(|| Err(api.told(&request, failed)), |key| Ok(key.id))
        }
    }
}

/// The answer was lost, or another run was quicker.
fn may_be_there(failed: &Failed) -> bool {
    failed.fault.leaves_unsure() || failed.has_code("uniqueness_error")
}

/// Makes the workshop's firewall what the settings say.
pub(super) async fn firewall(
    api: &Api,
    id: &WorkshopId,
    settings: &Settings,
) -> Result<i64, HetznerError> {
    const DOING: &str = "setting the workshop's firewall";
    let rules = rules(settings);
    let find = async || -> Result<Option<Firewall>, HetznerError> {
        let all: Vec<Firewall> = api.list("firewalls", &[of(id)], DOING).await?;
        Ok(all.into_iter().find(|firewall| firewall.name == name(id)))
    };
    let found = match find().await? {
        Some(found) => found,
        None => {
            let request = Request::post(
                "/firewalls",
                &CreateFirewallRequest {
                    apply_to: None,
                    labels: labels(id),
                    name: name(id),
                    rules: Some(rules.clone()),
                },
                DOING,
            );
            match api.send::<OneFirewall>(&request).await {
                Ok(answer) => return Ok(answer.firewall.id),
                Err(failed) => {
                    let found = match may_be_there(&failed) {
                        true => find().await?,
                        false => None,
                    };
                    match found {
                        Some(found) => found,
                        None => return Err(api.told(&request, failed)),
                    }
                }
            }
        }
    };
    if sorted(found.rules) != sorted(rules.iter().map(comparable).collect()) {
        let path = format!("/firewalls/{}/actions/set_rules", found.id);
        let request = Request::post(path, &SetRulesRequest { rules }, DOING).repeating();
        api.ask::<Unread>(&request).await?;
    }
    Ok(found.id)
}

/// Looks for the image by its name.
pub(super) async fn image(api: &Api, name: &str) -> Result<(), HetznerError> {
    // The programs that are sent are this machine's; `aarch64` is `arm` to Hetzner.
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm",
        _ => "x86",
    };
    let query = [
        ("type", "system".to_owned()),
        ("status", "available".to_owned()),
        ("architecture", architecture.to_owned()),
    ];
    let images: Vec<Image> = api.list("images", &query, "looking for the image").await?;
    let names = images.iter().filter_map(|image| image.name.as_deref());
    if names.clone().any(|one| one == name) {
        return Ok(());
    }
    // Those that could do: the others have no apt.
    let mut known: Vec<String> = names
        .filter(|name| name.starts_with("debian") || name.starts_with("ubuntu"))
        .map(|name| crate::host::printable(name.as_bytes()))
        .collect();
    known.sort();
    known.dedup();
    Err(HetznerError::NoImage {
        image: name.to_owned(),
        architecture: architecture.to_owned(),
        known,
    })
}

const ANYWHERE: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// SSH from where the settings say, the open ports and ping from anywhere; everything else is dropped.
fn rules(settings: &Settings) -> Vec<models::Rule> {
    let anywhere = || ANYWHERE.map(str::to_owned).to_vec();
    let rule = |protocol, port: Option<u16>, from, what: &str| models::Rule {
        description: Some(Some(what.to_owned())),
        destination_ips: None,
        direction: rule::Direction::In,
        port: port.map(|port| Some(port.to_string())),
        protocol,
        source_ips: Some(from),
    };
    let ssh_from = match settings.ssh_from.as_slice() {
        [] => anywhere(),
        networks => networks.iter().map(ToString::to_string).collect(),
    };
    let mut rules = vec![
        rule(rule::Protocol::Tcp, Some(22), ssh_from, "SSH"),
        rule(rule::Protocol::Icmp, None, anywhere(), "ping"),
    ];
    for (port, what) in &settings.ports {
        rules.push(rule(rule::Protocol::Tcp, Some(*port), anywhere(), what));
    }
    rules
}

/// As the API would give it back.
fn comparable(rule: &models::Rule) -> Rule {
    serde_json::to_value(rule)
        .and_then(serde_json::from_value)
        .unwrap_or_default()
}

fn sorted(mut rules: Vec<Rule>) -> Vec<Rule> {
    for rule in &mut rules {
        rule.source_ips.sort();
    }
    rules.sort();
    rules
}
