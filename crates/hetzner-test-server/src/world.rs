//! What there is: servers, actions, keys, firewalls; and every call that was made.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hcloud::models::RuleResponse;

use crate::boot::{Boot, Machine};
use crate::faults::{Fault, Faults, Rule};

/// What the server is like at its start.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The token that may do all.
    pub token: String,
    /// A token that may only read.
    pub read_only_token: String,
    /// Images beside the usual ones, by name.
    pub images: Vec<String>,
    /// How long an action takes where nothing really boots.
    pub action: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            token: "test-token".to_owned(),
            read_only_token: "test-token-read-only".to_owned(),
            images: vec![],
            action: Duration::from_millis(2),
        }
    }
}

/// One call that was made.
#[derive(Clone, Debug)]
pub struct Call {
    /// `GET` and so on.
    pub method: String,
    /// Without `/v1` and without what stands behind the `?`.
    pub path: String,
    /// What stands behind the `?`.
    pub query: String,
    /// What was answered; 0 when nothing was.
    pub status: u16,
    /// What went wrong on purpose.
    pub fault: Option<Fault>,
}

/// Everything that the server knows.
pub struct World {
    pub(crate) setup: Setup,
    pub(crate) boot: Arc<dyn Boot>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) servers: BTreeMap<i64, Server>,
    pub(crate) actions: BTreeMap<i64, Action>,
    pub(crate) keys: BTreeMap<i64, Key>,
    pub(crate) firewalls: BTreeMap<i64, Firewall>,
    /// How many more fit into a location; it is not there where there is no end.
    pub(crate) room: HashMap<String, usize>,
    pub(crate) faults: Faults,
    pub(crate) limited_until: Option<Instant>,
    pub(crate) calls: Vec<Call>,
    /// The most servers that there ever were at once, of each name's word.
    pub(crate) most: usize,
    next: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) machine: Machine,
    pub(crate) server_type: String,
    pub(crate) location: String,
    pub(crate) image: String,
    pub(crate) address: String,
    pub(crate) running: bool,
    pub(crate) firewalls: Vec<i64>,
    /// How often it was installed anew.
    pub(crate) rebuilt: u32,
    pub(crate) never_boots: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) id: i64,
    pub(crate) command: &'static str,
    pub(crate) server: i64,
    /// Until then it runs; `None` until what boots says so.
    pub(crate) until: Option<Instant>,
    pub(crate) error: Option<(String, String)>,
}

impl Action {
    pub(crate) fn runs(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) public_key: String,
    pub(crate) labels: HashMap<String, String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Firewall {
    pub(crate) name: String,
    pub(crate) rules: Vec<RuleResponse>,
    pub(crate) labels: HashMap<String, String>,
}

impl State {
    /// A number that was never given before.
    pub(crate) fn number(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    /// Whether another action runs on a server.
    pub(crate) fn is_locked(&self, server: i64) -> bool {
        let mut actions = self.actions.values();
        actions.any(|action| action.server == server && action.runs())
    }
}

impl World {
    pub(crate) fn new(setup: Setup, boot: Arc<dyn Boot>) -> Self {
        Self {
            setup,
            boot,
            state: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something is to go wrong.
    pub fn fail(&self, rule: Rule) {
        self.state().faults.add(rule);
    }

    /// So many of a hundred calls go wrong, by chance, the same for the same seed and calls.
    pub fn fail_by_chance(&self, seed: u64, percent: u64) {
        self.state().faults.seed(seed, percent);
    }

    /// Nothing goes wrong any more.
    pub fn fail_no_more(&self) {
        self.state().faults.clear();
    }

    /// So many more servers fit into a location.
    pub fn leave_room(&self, location: &str, servers: usize) {
        self.state().room.insert(location.to_owned(), servers);
    }

    /// Every call since the start, or since [`World::forget_calls`].
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Counts anew.
    pub fn forget_calls(&self) {
        self.state().calls.clear();
    }

    /// Each server's name and location.
    pub fn servers(&self) -> Vec<(String, String)> {
        let state = self.state();
        let all = state.servers.values();
        all.map(|server| (server.machine.name.clone(), server.location.clone()))
            .collect()
    }

    /// Where a server answers, by its name.
    pub fn address(&self, name: &str) -> Option<String> {
        let state = self.state();
        let mut servers = state.servers.values();
        let found = servers.find(|server| server.machine.name == name);
        found.map(|server| server.address.clone())
    }

    /// The most servers that there ever were at once.
    pub fn most_servers(&self) -> usize {
        self.state().most
    }

    /// What cloud-init was told, by server name.
    pub fn user_data(&self, name: &str) -> Option<String> {
        let state = self.state();
        let found = state
            .servers
            .values()
            .find(|server| server.machine.name == name);
        found.map(|server| server.machine.user_data.clone())
    }

    /// How often a server was installed anew, by server name.
    pub fn rebuilt(&self, name: &str) -> Option<u32> {
        let state = self.state();
        let found = state
            .servers
            .values()
            .find(|server| server.machine.name == name);
        found.map(|server| server.rebuilt)
    }

    /// Takes the power from a server, as its own `poweroff` would.
    pub fn power_off(&self, name: &str) {
        let mut state = self.state();
        for server in state.servers.values_mut() {
            server.running &= server.machine.name != name;
        }
    }

    /// All there is, of whatever kind: what an empty project has none of.
    pub fn things(&self) -> usize {
        let state = self.state();
        state.servers.len() + state.keys.len() + state.firewalls.len()
    }

    /// Takes a name away from whoever comes, as another program in the project would.
    pub fn occupy(&self, server: &str) {
        let mut state = self.state();
        let id = state.number();
        let machine = Machine {
            id,
            name: server.to_owned(),
            labels: HashMap::new(),
            user_data: String::new(),
            root_keys: vec![],
            foreign_key: false,
        };
        state.servers.insert(
            id,
            Server {
                machine,
                server_type: "cx22".to_owned(),
                location: "fsn1".to_owned(),
                image: "debian-13".to_owned(),
                address: "192.0.2.254".to_owned(),
                running: true,
                firewalls: vec![],
                rebuilt: 0,
                never_boots: false,
            },
        );
    }

    /// A further server with the labels of one that there is, as somebody may make in the console.
    pub fn copy_labels(&self, of: &str) {
        let mut state = self.state();
        let id = state.number();
        let found = state
            .servers
            .values()
            .find(|server| server.machine.name == of);
        if let Some(mut server) = found.cloned() {
            server.machine.id = id;
            server.machine.name = format!("{of}-copy");
            state.servers.insert(id, server);
        }
    }
}
