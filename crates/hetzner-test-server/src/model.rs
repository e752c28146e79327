//! What there is, in the shapes of the API.

use hcloud::models::{
    self, Ipv4, ServerProtection, ServerPublicNet, action, server, server_public_net_firewall,
};
use serde_json::{Value, json};

use crate::catalogue::{self, CREATED};
use crate::world::{Action, Firewall, Key, Server};

pub(crate) fn server(id: i64, server: &Server, actions_run: bool) -> Value {
    let firewalls = server
        .firewalls
        .iter()
        .map(|id| models::ServerPublicNetFirewall {
            id: Some(*id),
            status: Some(server_public_net_firewall::Status::Applied),
        });
    let public_net = ServerPublicNet {
        firewalls: Some(firewalls.collect()),
        floating_ips: vec![],
        ipv4: Some(Box::new(Ipv4 {
            blocked: false,
            dns_ptr: format!("static.{}.example", server.address),
            id: Some(id),
            ip: server.address.clone(),
        })),
        ipv6: None,
    };
    let status = match (server.running, actions_run) {
        (true, true) => server::Status::Initializing,
        (true, false) => server::Status::Running,
        (false, _) => server::Status::Off,
    };
    let model = models::Server::new(
        None,
        CREATED.to_owned(),
        id,
        catalogue::image(&server.image),
        Some(20 << 40),
        Some(0),
        None,
        server.machine.labels.clone(),
        catalogue::location(&server.location).unwrap_or_default(),
        actions_run,
        server.machine.name.clone(),
        Some(0),
        80,
        vec![],
        ServerProtection::new(false, false),
        public_net,
        false,
        catalogue::server_type(&server.server_type).unwrap_or_default(),
        status,
    );
    json!(model)
}

pub(crate) fn action(one: &Action) -> Value {
    let runs = one.runs();
    let error = one
        .error
        .as_ref()
        .filter(|_| !runs)
        .map(|(code, message)| models::Error::new(code.clone(), message.clone()));
    let status = match (runs, &error) {
        (true, _) => action::Status::Running,
        (false, None) => action::Status::Success,
        (false, Some(_)) => action::Status::Error,
    };
    json!(models::Action::new(
        one.command.to_owned(),
        error,
        (!runs).then(|| CREATED.to_owned()),
        one.id,
        if runs { 0 } else { 100 },
        vec![models::Resource::new(one.server, "server".to_owned())],
        CREATED.to_owned(),
        status,
    ))
}

pub(crate) fn key(id: i64, key: &Key) -> Value {
    json!(models::SshKey {
        created: CREATED.to_owned(),
        fingerprint: "b7:2f:30:a0:2f:6c:58:6c:21:04:58:61:ba:06:3b:2f".to_owned(),
        id,
        labels: key.labels.clone(),
        name: key.name.clone(),
        public_key: key.public_key.clone(),
    })
}

pub(crate) fn firewall(id: i64, firewall: &Firewall) -> Value {
    json!(models::Firewall {
        applied_to: vec![],
        created: CREATED.to_owned(),
        id,
        labels: Some(firewall.labels.clone()),
        name: firewall.name.clone(),
        rules: firewall.rules.clone(),
    })
}

/// Puts values and fields into an answer that nobody knows yet.
pub(crate) fn of_tomorrow(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(of_tomorrow);
            if map.contains_key("server_type") && map.contains_key("status") {
                map.insert("status".to_owned(), json!("hibernating"));
            }
            for (name, new) in [
                ("architecture", "quantum"),
                ("os_flavor", "plan9"),
                ("cpu_type", "borrowed"),
            ] {
                if map.contains_key(name) {
                    map.insert(name.to_owned(), json!(new));
                }
            }
            // Not among labels, which are texts.
            if map.contains_key("id") || map.contains_key("price_hourly") {
                map.insert("moon".to_owned(), json!({ "phase": 0.5 }));
            }
        }
        Value::Array(all) => all.iter_mut().for_each(of_tomorrow),
        _ => {}
    }
}
