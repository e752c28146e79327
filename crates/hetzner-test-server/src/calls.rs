//! What each call does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use hcloud::models::{CreateServerRequest, RuleResponse};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::boot::Machine;
use crate::catalogue;
use crate::faults::Fault;
use crate::model;
use crate::query::{self, Query, selects};
use crate::routes::Answer;
use crate::world::{Action, Firewall, Key, Server, State, World};

/// The limit of the documentation.
const LONGEST_USER_DATA: usize = 32 * 1024;

fn read<T: DeserializeOwned>(body: &Value) -> Result<T, Answer> {
    serde_json::from_value(body.clone())
        .map_err(|error| Answer::error(422, "invalid_input", &error.to_string()))
}

fn invalid(field: &str, message: &str) -> Answer {
    let fields = json!([{ "name": field, "messages": [message] }]);
    let error = json!({
        "code": "invalid_input",
        "message": format!("invalid input in field '{field}'"),
        "details": { "fields": fields },
    });
    Answer(422, Some(json!({ "error": error })))
}

fn taken(what: &str) -> Answer {
    Answer::error(409, "uniqueness_error", &format!("{what} is already used"))
}

/// Those that the selector and the name in a query want.
fn wanted(name: &str, labels: &HashMap<String, String>, query: &Query) -> bool {
    query::get(query, "label_selector").is_none_or(|selector| selects(selector, labels))
        && query::get(query, "name").is_none_or(|wanted| wanted == name)
}

pub(crate) fn servers(world: &World, query: &Query) -> Vec<Value> {
    let state = world.state();
    let all = state.servers.iter();
    all.filter(|(_, one)| wanted(&one.machine.name, &one.machine.labels, query))
        .map(|(id, one)| model::server(*id, one, state.is_locked(*id)))
        .collect()
}

pub(crate) fn server(world: &World, id: i64) -> Answer {
    let state = world.state();
    match state.servers.get(&id) {
        Some(one) => {
            let server = model::server(id, one, state.is_locked(id));
            Answer(200, Some(json!({ "server": server })))
        }
        None => Answer::not_found("server"),
    }
}

pub(crate) fn actions(world: &World, query: &Query) -> Vec<Value> {
    let ids = query.iter().filter(|(name, _)| name == "id");
    let ids: Vec<i64> = ids.filter_map(|(_, id)| id.parse().ok()).collect();
    let state = world.state();
    let all = state
        .actions
        .values()
        .filter(|action| ids.contains(&action.id));
    all.map(model::action).collect()
}

/// An action that ends by itself, or when what boots says so.
fn begin(
    world: &Arc<World>,
    state: &mut State,
    command: &'static str,
    server: i64,
    error: Option<(String, String)>,
    boots: bool,
) -> Action {
    let action = Action {
        id: state.number(),
        command,
        server,
        until: (!boots).then(|| Instant::now() + world.setup.action),
        error,
    };
    state.actions.insert(action.id, action.clone());
    action
}

/// Boots `machine` in the background and ends the action `id` with it.
fn boot(world: &Arc<World>, machine: Machine, id: i64) {
    let world = Arc::clone(world);
    tokio::spawn(async move {
        let result = world.boot.start(&machine).await;
        if let Some(action) = world.state().actions.get_mut(&id) {
            action.until = Some(Instant::now() + world.setup.action);
            if let Err(message) = result {
                action.error = Some(("action_failed".to_owned(), message));
            }
        }
    });
}

pub(crate) async fn create(world: &Arc<World>, body: &Value, fault: Option<Fault>) -> Answer {
    let request: CreateServerRequest = match read(body) {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    let location = request
        .location
        .clone()
        .unwrap_or_else(|| "fsn1".to_owned());
    if let Some(answer) = refused(world, &request, &location) {
        return answer;
    }
    let mut server = {
        let mut state = world.state();
        let keys = request.ssh_keys.iter().flatten();
        let keys = keys.filter_map(|key| state.keys.get(&key.parse().ok()?));
        let machine = Machine {
            id: 0,
            name: request.name,
            labels: request.labels.unwrap_or_default(),
            user_data: request.user_data.unwrap_or_default(),
            root_keys: keys.map(|key| key.public_key.clone()).collect(),
            foreign_key: fault == Some(Fault::ForeignKey),
        };
        let machine = Machine {
            id: state.number(),
            ..machine
        };
        let firewalls = request.firewalls.iter().flatten();
        Server {
            machine,
            server_type: request.server_type,
            location,
            image: request.image,
            address: String::new(),
            running: true,
            firewalls: firewalls.map(|one| one.firewall).collect(),
            rebuilt: 0,
            never_boots: fault == Some(Fault::NeverBoots),
        }
    };
    match world.boot.address(&server.machine).await {
        Ok(address) => server.address = address.to_string(),
        Err(message) => return Answer::error(503, "service_error", &message),
    }
    let id = server.machine.id;
    let error = match fault {
        Some(Fault::ActionFails(code, message)) => Some((code.to_owned(), message.to_owned())),
        _ => None,
    };
    let boots = error.is_none() && !server.never_boots;
    let machine = server.machine.clone();
    let (answer, action) = {
        let mut state = world.state();
        let action = begin(world, &mut state, "create_server", id, error, boots);
        let shown = model::server(id, &server, true);
        let answer = json!({
            "server": shown, "action": model::action(&action), "next_actions": [], "root_password": null,
        });
        state.servers.insert(id, server);
        state.most = state.most.max(state.servers.len());
        (answer, action.id)
    };
    if boots {
        boot(world, machine, action);
    }
    Answer(201, Some(answer))
}

fn knows_image(world: &World, name: &str) -> bool {
    catalogue::image(name).is_some() || world.setup.images.iter().any(|one| one == name)
}

/// Why a server cannot be made.
fn refused(world: &World, request: &CreateServerRequest, location: &str) -> Option<Answer> {
    if catalogue::server_type(&request.server_type).is_none() {
        return Some(invalid("server_type", "server type not found"));
    }
    if catalogue::location(location).is_none() {
        return Some(invalid("location", "location not found"));
    }
    if !knows_image(world, &request.image) {
        return Some(invalid("image", "image not found"));
    }
    if request
        .user_data
        .as_ref()
        .is_some_and(|text| text.len() > LONGEST_USER_DATA)
    {
        return Some(invalid("user_data", "Length must be between 0 and 32768."));
    }
    let mut state = world.state();
    if state
        .servers
        .values()
        .any(|server| server.machine.name == request.name)
    {
        return Some(taken("server name"));
    }
    match state.room.get_mut(location) {
        Some(0) => Some(Answer::error(
            412,
            "resource_unavailable",
            "error during placement",
        )),
        Some(room) => {
            *room -= 1;
            None
        }
        None => None,
    }
}

/// Another action runs on it, or it is not there.
fn not_now(state: &State, id: i64) -> Option<Answer> {
    if !state.servers.contains_key(&id) {
        return Some(Answer::not_found("server"));
    }
    state
        .is_locked(id)
        .then(|| Answer::error(423, "locked", "server is locked"))
}

pub(crate) async fn delete(world: &Arc<World>, id: i64) -> Answer {
    let (machine, action) = {
        let mut state = world.state();
        if let Some(answer) = not_now(&state, id) {
            return answer;
        }
        let Some(server) = state.servers.remove(&id) else {
            return Answer::not_found("server");
        };
        let action = begin(world, &mut state, "delete_server", id, None, false);
        (server.machine, action)
    };
    if let Err(message) = world.boot.remove(&machine).await {
        return Answer::error(500, "server_error", &message);
    }
    Answer(200, Some(json!({ "action": model::action(&action) })))
}

pub(crate) async fn rebuild(
    world: &Arc<World>,
    id: i64,
    body: &Value,
    fault: Option<Fault>,
) -> Answer {
    let image = body["image"].as_str().unwrap_or_default();
    if !knows_image(world, image) {
        return invalid("image", "image not found");
    }
    let (machine, action) = {
        let mut state = world.state();
        if let Some(answer) = not_now(&state, id) {
            return answer;
        }
        let error = match fault {
            Some(Fault::ActionFails(code, message)) => Some((code.to_owned(), message.to_owned())),
            _ => None,
        };
        let action = begin(world, &mut state, "rebuild_server", id, error, true);
        let Some(server) = state.servers.get_mut(&id) else {
            return Answer::not_found("server");
        };
        server.rebuilt += 1;
        server.running = true;
        (server.machine.clone(), action)
    };
    if let Err(message) = world.boot.remove(&machine).await {
        return Answer::error(500, "server_error", &message);
    }
    boot(world, machine, action.id);
    let action = model::action(&action);
    Answer(
        201,
        Some(json!({ "action": action, "root_password": null })),
    )
}

pub(crate) async fn power_on(world: &Arc<World>, id: i64) -> Answer {
    let (machine, action) = {
        let mut state = world.state();
        if let Some(answer) = not_now(&state, id) {
            return answer;
        }
        let action = begin(world, &mut state, "start_server", id, None, true);
        let Some(server) = state.servers.get_mut(&id) else {
            return Answer::not_found("server");
        };
        server.running = true;
        (server.machine.clone(), action)
    };
    boot(world, machine, action.id);
    Answer(201, Some(json!({ "action": model::action(&action) })))
}

pub(crate) fn keys(world: &World, query: &Query) -> Vec<Value> {
    let state = world.state();
    let all = state
        .keys
        .iter()
        .filter(|(_, key)| wanted(&key.name, &key.labels, query));
    all.map(|(id, key)| model::key(*id, key)).collect()
}

pub(crate) fn add_key(world: &World, body: &Value) -> Answer {
    let request: hcloud::models::CreateSshKeyRequest = match read(body) {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    let mut state = world.state();
    let body = |key: &str| key.split_whitespace().nth(1).map(str::to_owned);
    let new = body(&request.public_key);
    if new.is_none() {
        return invalid("public_key", "SSH key format is invalid or not supported");
    }
    let mut all = state.keys.values();
    if all.any(|key| key.name == request.name || body(&key.public_key) == new) {
        return taken("SSH key");
    }
    let id = state.number();
    let key = Key {
        name: request.name,
        public_key: request.public_key,
        labels: request.labels.unwrap_or_default(),
    };
    let answer = json!({ "ssh_key": model::key(id, &key) });
    state.keys.insert(id, key);
    Answer(201, Some(answer))
}

pub(crate) fn remove_key(world: &World, id: i64) -> Answer {
    match world.state().keys.remove(&id) {
        Some(_) => Answer(204, None),
        None => Answer::not_found("SSH key"),
    }
}

pub(crate) fn firewalls(world: &World, query: &Query) -> Vec<Value> {
    let state = world.state();
    let all = state
        .firewalls
        .iter()
        .filter(|(_, one)| wanted(&one.name, &one.labels, query));
    all.map(|(id, one)| model::firewall(*id, one)).collect()
}

/// As they are given back: what was left out is empty.
fn rules(body: &Value) -> Result<Vec<RuleResponse>, Answer> {
    let mut rules = body["rules"].as_array().cloned().unwrap_or_default();
    for rule in &mut rules {
        for list in ["source_ips", "destination_ips"] {
            if rule[list].is_null() {
                rule[list] = json!([]);
            }
        }
        if rule["port"].is_null() {
            rule["port"] = Value::Null;
        }
    }
    read(&Value::Array(rules))
}

pub(crate) fn add_firewall(world: &World, body: &Value) -> Answer {
    let request: hcloud::models::CreateFirewallRequest = match read(body) {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    let rules = match rules(body) {
        Ok(rules) => rules,
        Err(answer) => return answer,
    };
    let mut state = world.state();
    if state.firewalls.values().any(|one| one.name == request.name) {
        return taken("firewall name");
    }
    let id = state.number();
    let firewall = Firewall {
        name: request.name,
        rules,
        labels: request.labels.unwrap_or_default(),
    };
    let answer = json!({ "firewall": model::firewall(id, &firewall), "actions": [] });
    state.firewalls.insert(id, firewall);
    Answer(201, Some(answer))
}

pub(crate) fn remove_firewall(world: &World, id: i64) -> Answer {
    let mut state = world.state();
    if state
        .servers
        .values()
        .any(|server| server.firewalls.contains(&id))
    {
        return Answer::error(422, "resource_in_use", "firewall is in use");
    }
    match state.firewalls.remove(&id) {
        Some(_) => Answer(204, None),
        None => Answer::not_found("firewall"),
    }
}

pub(crate) fn set_rules(world: &World, id: i64, body: &Value) -> Answer {
    let rules = match rules(body) {
        Ok(rules) => rules,
        Err(answer) => return answer,
    };
    match world.state().firewalls.get_mut(&id) {
        Some(firewall) => {
            firewall.rules = rules;
            Answer(201, Some(json!({ "actions": [] })))
        }
        None => Answer::not_found("firewall"),
    }
}
