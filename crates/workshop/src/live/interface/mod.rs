//! The interface test's run: nodes are made to fire every documented tracepoint, under our own probes, while
//! RPC and peers of ours say what each argument should be. `exercises::interface` compares the two.
//!
//! - [`tracer`]: the probes, and from their events to values.
//! - [`chain`]: a chain, its coins, and a flushed cache.
//! - [`coins`]: transactions and a block; [`transaction`] writes them.
//! - [`net`]: connections and messages; [`peer`] is the other end of them, [`message`] what is said, [`known`]
//!   what the node knows of it.
//! - [`wallet`]: coin selection.

mod chain;
mod coins;
mod known;
mod message;
mod net;
mod peer;
mod request;
mod rpc;
mod tracer;
mod transaction;
mod wallet;

use std::path::PathBuf;

use exercises::documented::Interface;
use exercises::interface::Seen;
use exercises::interface::seen::{Built, Expected, Step, Sum, Window};
use exercises::{Observed, Tracepoint};
use serde::{Deserialize, Serialize};

use self::chain::Chain;
use self::tracer::Tracer;
use super::CouldNot;
use super::cancel::Cancel;
use super::private::Private;
use super::regtest::{Datadir, Node, Setup, Stop};
use super::root::Observation;

/// What is asked of root: a program, and what is known of it without root.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct InterfaceTest {
    /// The `bitcoind`.
    pub(crate) program: PathBuf,
    /// As it says itself.
    pub(crate) version: String,
    /// What is documented for it.
    pub(crate) interface: Interface,
    /// What is in it.
    pub(crate) tracepoints: Vec<Built>,
}

impl Observation for InterfaceTest {
    const NAME: &'static str = "interface";
    type Seen = Seen;

    fn look(&self, cancel: &Cancel) -> Result<Seen, CouldNot> {
        let program = Private::copy(&self.program)?;
        let datadir = Datadir::new()?;
        let mut steps = Vec::new();
        let mut setup = Setup::new(program.path());
        setup.options = options();

        let mut node = Node::start(&setup, &datadir, cancel)?;
        // Before anything else: who may not trace is told at once.
        let mut run = Run::new(self, &node, cancel, &mut steps)?;
        let descriptor = chain::begin(&node, cancel)?;
        chain::flushes(&mut run, &node)?;
        drop(run);
        let chain = Chain::fund(&node, descriptor)?;
        node.stop(Stop::Rpc, cancel)?;

        // A node that has just started has no coin in its cache, which is what `utxocache:uncache` needs.
        node = Node::start(&setup, &datadir, cancel)?;
        let has_wallet = wallet::is_built(&node)?;
        let mut run = Run::new(self, &node, cancel, &mut steps)?;
        coins::all(&mut run, &node, &chain)?;
        net::all(&mut run, &node)?;
        if has_wallet {
            wallet::all(&mut run, &node, &chain)?;
        }
        drop(run);
        node.stop(Stop::Rpc, cancel)?;
        Ok(Seen {
            program: self.program.display().to_string(),
            version: self.version.clone(),
            interface: self.interface.clone(),
            tracepoints: self.tracepoints.clone(),
            wallet: has_wallet,
            steps,
        })
    }
}

/// The options of all nodes.
fn options() -> Vec<String> {
    [
        // Files of blocks so small that there is something to prune.
        "-fastprune",
        "-prune=1",
        // The coins are anyone's to spend, which is not standard.
        "-acceptnonstdtxn=1",
        "-persistmempool=0",
        // These checks work on copies of the cache of coins, which fire its tracepoints too.
        "-checkmempool=0",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([format!("-maxconnections={}", net::MAX_CONNECTIONS)])
    .collect()
}

/// The tracing of one node, step by step.
struct Run<'a> {
    tracer: Tracer,
    cancel: &'a Cancel,
    steps: &'a mut Vec<Step>,
}

/// What a step made us expect.
#[derive(Debug, Default)]
struct Expectations {
    events: Vec<Expected>,
    sums: Vec<Sum>,
}

impl From<Vec<Expected>> for Expectations {
    fn from(events: Vec<Expected>) -> Self {
        Self {
            events,
            sums: Vec::new(),
        }
    }
}

impl<'a> Run<'a> {
    fn new(
        test: &InterfaceTest,
        node: &Node,
        cancel: &'a Cancel,
        steps: &'a mut Vec<Step>,
    ) -> Result<Self, CouldNot> {
        Ok(Self {
            tracer: Tracer::attach(node, &test.interface, &test.tracepoints)?,
            cancel,
            steps,
        })
    }

    /// Does something and keeps what the tracepoints said meanwhile. A step that cannot be done costs its
    /// tracepoints, and the run goes on.
    fn step<T>(
        &mut self,
        name: &str,
        about: &[&str],
        body: impl FnOnce(&Cancel) -> Result<(Expectations, T), CouldNot>,
    ) -> Result<Option<T>, CouldNot> {
        let about: Vec<Tracepoint> = about.iter().filter_map(|name| name.parse().ok()).collect();
        self.tracer.discard(self.cancel)?;
        let done = body(self.cancel);
        if self.cancel.is_set() {
            return Err(CouldNot::cancelled());
        }
        let traced = self.tracer.take(self.cancel);
        let mut result = None;
        let window = match done.and_then(|done| Ok((done, traced?))) {
            Ok(((Expectations { events, sums }, value), traced)) => {
                result = Some(value);
                Observed::Known(Window {
                    expected: events,
                    sums,
                    events: traced
                        .events
                        .into_iter()
                        .filter(|event| about.contains(&event.id))
                        .collect(),
                    lost: traced.lost,
                })
            }
            Err(why) => why.into(),
        };
        self.steps.push(Step {
            name: name.to_owned(),
            about,
            window,
        });
        Ok(result)
    }
}

/// A tracepoint's name, of those that are written in this program.
fn id(context: &str, event: &str) -> Tracepoint {
    Tracepoint::new(context, event)
}
