//! Whether the script counted: one printed number is the number of added coins, another that of spent ones.

use crate::bpftrace::{Clause, Number, Origin, Script};
use crate::tracepoint::Tracepoint;
use crate::verdict::Judged;

use super::seen::Compared;
use super::{Role, grouped, together};

/// Keys of a bpftrace map, unless it is told otherwise.
const MAP_KEYS: u64 = 4096;

pub(super) fn numbers(seen: &Compared<'_>) -> Judged {
    let found = Role::BOTH.map(|role| (role, Found::of(role, seen)));
    let said = found.map(|(role, found)| {
        let count = grouped(role.of(&seen.run.truth).count);
        match found {
            Found::Right(number) => format!("{} {count} ({})", role.name(), number.label),
            Found::Contrary(number) => {
                format!("{} {count} (as “{}”)", role.name(), number.label)
            }
            Found::None => format!("{} {count} (not printed)", role.name()),
        }
    });
    let said = said.join(", ");
    let swapped = found
        .iter()
        .any(|(_, found)| matches!(found, Found::Contrary(_)));
    if swapped {
        return Judged::wrong(
            said,
            "swapped: what you call added is what was spent, or the other way round",
        );
    }
    let missing: Vec<Role> = found
        .iter()
        .filter(|(_, found)| matches!(found, Found::None))
        .map(|(role, _)| *role)
        .collect();
    if missing.is_empty() {
        return Judged::right(said);
    }
    let hints = missing.iter().map(|role| why(*role, seen));
    Judged::wrong(said, together(hints))
}

/// What a script printed for one of the two.
#[derive(Clone, Copy)]
enum Found<'a> {
    Right(&'a Number),
    /// The number is there, under a label that says the opposite.
    Contrary(&'a Number),
    None,
}

impl<'a> Found<'a> {
    fn of(role: Role, seen: &Compared<'a>) -> Self {
        let count = role.of(&seen.run.truth).count;
        let equal: Vec<&Number> = measured(seen)
            .filter(|number| number.count() == Some(count))
            .collect();
        let contrary = |number: &&&Number| Role::named_by(&number.label) == Some(role.other());
        // The best name first, for the message.
        let named = equal
            .iter()
            .find(|number| Role::named_by(&number.label) == Some(role));
        match named.or_else(|| equal.iter().find(|number| !contrary(number))) {
            Some(number) => Self::Right(number),
            None => equal.first().map_or(Self::None, |one| Self::Contrary(one)),
        }
    }
}

/// Numbers that the script itself printed.
fn measured<'a>(seen: &Compared<'a>) -> impl Iterator<Item = &'a Number> + use<'a> {
    seen.traced
        .printed
        .numbers
        .iter()
        .filter(|number| number.origin != Origin::Foreign)
}

/// Why a number is missing: what was printed in its place, or what kept the script from counting.
fn why(role: Role, seen: &Compared<'_>) -> String {
    let script = Script::parse(seen.text);
    None.or_else(|| not_hooked(role, seen))
        .or_else(|| histogram_only(role, seen))
        .or_else(|| another_quantity(role, seen))
        .or_else(|| by_txid(role, seen))
        .or_else(|| not_of_this_run(role, seen, &script))
        .or_else(|| left_out(role, seen, &script))
        .or_else(|| not_counted(role, &script))
        .unwrap_or_else(|| {
            format!(
                "none of the numbers that it printed is how often {} was passed",
                role.tracepoint()
            )
        })
}

fn not_hooked(role: Role, seen: &Compared<'_>) -> Option<String> {
    let tracepoint = role.tracepoint();
    if seen.traced.has_hooked(&tracepoint)? {
        return None;
    }
    let uncache = Tracepoint::new("utxocache", "uncache");
    let hooked = seen.traced.hooked.as_deref().unwrap_or_default();
    let elsewhere = hooked
        .iter()
        .find(|one| !one.tested && one.tracepoint.as_ref() == Some(&tracepoint));
    Some(match elsewhere {
        Some(other) => format!(
            "{tracepoint} is hooked in {}, and the test runs another program",
            other.file
        ),
        None if seen.traced.has_hooked(&uncache) == Some(true) => format!(
            "it counts utxocache:uncache, and not {tracepoint}: a coin that is uncached only leaves the memory"
        ),
        None => format!("it has not hooked {tracepoint}"),
    })
}

/// All values of a histogram are the events; the number itself is to be printed too.
fn histogram_only(role: Role, seen: &Compared<'_>) -> Option<String> {
    let truth = role.of(&seen.run.truth);
    let only_histograms = seen.traced.printed.numbers.is_empty();
    let all = seen
        .traced
        .printed
        .histograms
        .iter()
        .find(|one| one.total() == truth.count && only_histograms)?;
    Some(format!(
        "{} has them all, and nobody adds up its bars: print the number too",
        all.label
    ))
}

/// Numbers that are something else which our probes know.
fn another_quantity(role: Role, seen: &Compared<'_>) -> Option<String> {
    let truth = &seen.run.truth;
    let ours = role.of(truth);
    let [added, spent] = [truth.added.count, truth.spent.count];
    let uncached = truth.uncached;
    let both = added + spent;
    let tracepoint = role.tracepoint();
    for number in measured(seen) {
        let Some(value) = number.count() else {
            if number.value.cast_unsigned() == ours.sum_low {
                return Some(sums(number));
            }
            continue;
        };
        let label = &number.label;
        let own = Role::named_by(label) != Some(role.other());
        if value == both || value == both + uncached {
            return Some(format!(
                "{label} is {}, added and spent{} in one: one number for each",
                grouped(value),
                if value == both { "" } else { " and uncached" }
            ));
        }
        if own && value == uncached && uncached > 0 {
            return Some(format!(
                "{label} is {}: that is how often utxocache:uncache was passed, and not {tracepoint}",
                grouped(value)
            ));
        }
        // A sum in bitcoin that was rounded down coin by coin is less by at most one for each.
        let in_bitcoin = (ours.sum_btc.saturating_sub(ours.count)..=ours.sum_btc).contains(&value);
        if value > both && (value == ours.sum_low || in_bitcoin) {
            return Some(sums(number));
        }
        if own && value == ours.count * 2 {
            return Some(format!("{label} counts each of them twice"));
        }
        if own && value > 0 && ours.coinbase == Some(value) && value != ours.count {
            return Some(format!(
                "{label} is {}: those are the coinbase outputs alone",
                grouped(value)
            ));
        }
    }
    None
}

fn sums(number: &Number) -> String {
    format!(
        "{} adds up the values; the question is how many there were",
        number.label
    )
}

/// Different txids were counted, or a map with a key for each came to its end.
fn by_txid(role: Role, seen: &Compared<'_>) -> Option<String> {
    let truth = role.of(&seen.run.truth);
    let tracepoint = role.tracepoint();
    let full = seen
        .traced
        .printed
        .maps
        .iter()
        .find(|map| map.keys == MAP_KEYS && Role::named_by(&map.name) != Some(role.other()));
    if let Some(map) = full {
        return Some(format!(
            "{} has a key for each txid, and a map holds {} keys: what comes after is not counted; a txid may also \
             come more than once",
            map.name,
            grouped(MAP_KEYS)
        ));
    }
    let distinct = truth.txids?;
    let number = measured(seen).find(|number| {
        Role::named_by(&number.label) != Some(role.other())
            && (number.count() == Some(distinct) || number.count() == Some(MAP_KEYS))
    })?;
    Some(if number.count() == Some(distinct) {
        format!(
            "{} counts different txids, {}; {tracepoint} was passed more than once for some",
            number.label,
            grouped(distinct)
        )
    } else {
        format!(
            "{} is {}, the most keys that a map holds: a key for each txid does not fit",
            number.label,
            grouped(MAP_KEYS)
        )
    })
}

/// Numbers that stand in the script, or are from an earlier run.
fn not_of_this_run(role: Role, seen: &Compared<'_>, script: &Script) -> Option<String> {
    /// Smaller numbers stand in many scripts.
    const TELLING: u64 = 1000;
    let counts = |number: &&Number| number.count().is_some_and(|count| count >= TELLING);
    let all = seen.traced.printed.numbers.iter();
    if let Some(number) = all
        .clone()
        .filter(counts)
        .find(|number| number.origin == Origin::Foreign)
    {
        return Some(format!(
            "“{}” was not measured in this run: each run has a seed of its own, so let the probes count",
            number.label
        ));
    }
    let number = all.filter(counts).find(|number| {
        number.count().is_some_and(|count| {
            let earlier = seen
                .earlier
                .iter()
                .any(|run| count == run.added || count == run.spent);
            earlier || script.has_literal(count)
        }) && Role::named_by(&number.label) != Some(role.other())
    })?;
    let count = number.count().unwrap_or_default();
    Some(if script.has_literal(count) {
        format!(
            "{} is written in the script: it was not measured in this run, which has a seed of its own",
            grouped(count)
        )
    } else {
        format!(
            "{} is the number of an earlier run: it was not measured in this one, which has a seed of its own",
            grouped(count)
        )
    })
}

/// Some events were left out: by a condition, or because counting began late.
fn left_out(role: Role, seen: &Compared<'_>, script: &Script) -> Option<String> {
    let truth = role.of(&seen.run.truth);
    let tracepoint = role.tracepoint();
    let asks = script
        .clauses_of(&tracepoint)
        .find_map(Clause::asks)
        .map(|condition| crate::answers::shorten(&condition, 60));
    let some = measured(seen)
        .filter(|number| Role::named_by(&number.label) != Some(role.other()))
        .filter(|number| {
            number
                .count()
                .is_some_and(|count| count > 0 && count < truth.count)
        })
        .max_by_key(|number| number.value);
    let Some(condition) = asks else {
        // A running number that misses by one, or numbers that mean something else.
        let number =
            some.filter(|number| number.count().is_some_and(|count| count + 1 == truth.count))?;
        return Some(format!("{} is one less than that", number.label));
    };
    if condition.contains("comm") {
        return Some(format!(
            "/{condition}/ keeps it from counting: the test's threads give themselves another name; what does \
             @[comm] = count() show?"
        ));
    }
    if condition.contains("arg4") {
        return Some(format!(
            "/{condition}/ leaves out all but the coinbase outputs, of which the test has {}",
            match truth.coinbase {
                Some(0) => "none".to_owned(),
                Some(count) => grouped(count),
                None => "few".to_owned(),
            }
        ));
    }
    if condition.contains("arg0") {
        return Some(format!(
            "/{condition}/ lets it count each txid only once, and a txid may come more than once; a map holds {} keys, too",
            grouped(MAP_KEYS)
        ));
    }
    Some(match some {
        Some(number) => format!(
            "{} is {} of {}: /{condition}/ lets it begin late, or leaves some out",
            number.label,
            grouped(number.count().unwrap_or_default()),
            grouped(truth.count)
        ),
        None => format!("/{condition}/ was true for none of them"),
    })
}

fn not_counted(role: Role, script: &Script) -> Option<String> {
    let tracepoint = role.tracepoint();
    let mut clauses = script.clauses_of(&tracepoint).peekable();
    clauses.peek()?;
    clauses.all(|clause| clause.body.is_empty()).then(|| {
        format!("nothing is counted yet: what should happen each time that {tracepoint} is passed?")
    })
}
