//! Our own probes on the run: what the script's numbers are compared with.

use std::collections::HashSet;
use std::error::Error as _;
use std::path::Path;

use exercises::distribution::Distribution;
use exercises::tasks::task3::{Side, Truth};
use miette::Diagnostic as _;
use probe::usdt::ProbeId;
use probe::{Event, Part, Probe, ProbeCounts, Session, Target};

use crate::live::CouldNot;

/// Arguments of `utxocache:add` and `utxocache:spent`.
const TXID: u8 = 0;
const VALUE: u8 = 3;
const COINBASE: u8 = 4;
const TXID_BYTES: u16 = 32;

const SATOSHI_PER_BITCOIN: i128 = 100_000_000;

/// Probes that count, and what came in so far.
pub(super) struct Probes {
    session: Session,
    added: Collected,
    spent: Collected,
}

/// What the events of one tracepoint told.
#[derive(Default)]
struct Collected {
    values: Vec<i64>,
    txids: HashSet<[u8; 32]>,
    coinbase: u64,
    events: u64,
}

impl Probes {
    /// Hooks the program. Counts begin when this returns.
    pub(super) fn attach(binary: &Path) -> Result<Self, CouldNot> {
        let coins = |event: &'static str| {
            let id = ProbeId::new("utxocache", event);
            Probe::new(id).sum(VALUE).stream([Part::Bytes {
                arg: TXID,
                capacity: TXID_BYTES,
                length_arg: None,
            }])
        };
        let uncached = Probe::new(ProbeId::new("utxocache", "uncache"));
        let session = Session::attach(
            &Target::path(binary),
            [coins("add"), coins("spent"), uncached],
        );
        Ok(Self {
            session: session.map_err(|error| could_not(&error))?,
            added: Collected::default(),
            spent: Collected::default(),
        })
    }

    /// Takes the events that have come, so that there is room for more.
    pub(super) fn drain(&mut self) {
        let Self {
            session,
            added,
            spent,
        } = self;
        session.drain(|event| match event.probe {
            0 => added.take(event),
            1 => spent.take(event),
            _ => {}
        });
    }

    /// How many coins were added so far.
    pub(super) fn counted_anything(&self) -> Result<bool, CouldNot> {
        let counted = self.session.counted().map_err(|error| could_not(&error))?;
        Ok(counted.probes.iter().take(2).all(|probe| probe.events > 0))
    }

    /// Detaches, and adds everything up.
    pub(super) fn finish(mut self) -> Result<Truth, CouldNot> {
        self.session.stop().map_err(|error| could_not(&error))?;
        self.drain();
        let counted = self.session.counted().map_err(|error| could_not(&error))?;
        let [added, spent, uncached] = counted.probes.as_slice() else {
            return Err(CouldNot::new(
                "our own probes told nothing",
                "run the check again",
            ));
        };
        Ok(Truth {
            added: self.added.side(added),
            spent: self.spent.side(spent),
            uncached: uncached.events,
        })
    }
}

impl Collected {
    fn take(&mut self, event: &Event<'_>) {
        self.events += 1;
        let value = event.value(VALUE.into()).map(probe::Value::get);
        self.values
            .extend(value.and_then(|value| i64::try_from(value).ok()));
        let coinbase = event
            .value(COINBASE.into())
            .is_some_and(|value| value.get() != 0);
        self.coinbase += u64::from(coinbase);
        self.txids.extend(
            event
                .bytes(TXID.into())
                .and_then(|txid| <[u8; 32]>::try_from(txid).ok()),
        );
    }

    fn side(self, counted: &ProbeCounts) -> Side {
        // Every event is counted in the kernel; only what goes with it may get lost on the way.
        let whole = self.events == counted.events;
        let sum = counted
            .measures
            .first()
            .and_then(|one| one.sum)
            .unwrap_or(0);
        let low = u64::try_from(sum.rem_euclid(1 << 64)).unwrap_or(0);
        Side {
            count: counted.events,
            sum_low: low,
            sum_btc: u64::try_from(sum / SATOSHI_PER_BITCOIN).unwrap_or(0),
            coinbase: whole.then_some(self.coinbase),
            txids: whole
                .then(|| u64::try_from(self.txids.len()).ok())
                .flatten(),
            values: Distribution::of(self.values),
        }
    }
}

fn could_not(error: &probe::Error) -> CouldNot {
    let cause = error
        .source()
        .map(|cause| format!(": {cause}"))
        .unwrap_or_default();
    let remedy = error
        .help()
        .map_or_else(|| "run the check again".to_owned(), |help| help.to_string());
    CouldNot::new(
        format!("our own probes cannot count: {error}{cause}"),
        remedy,
    )
}
