//! Whether the script drew a histogram of the values of added coins, and one of spent ones.

use crate::bpftrace::{Drawn, Histogram, Script};
use crate::distribution::Shape;
use crate::verdict::Judged;

use super::seen::Compared;
use super::{Role, grouped, together};

/// Which argument is the value, from 0.
const VALUE: u8 = 3;

pub(super) fn histograms(seen: &Compared<'_>) -> Judged {
    let script = Script::parse(seen.text);
    let found = Role::BOTH.map(|role| (role, find(role, seen, &script)));
    let said = found.each_ref().map(|(role, found)| match found {
        Found::Right { label, .. } => format!("{} {label}", role.name()),
        Found::Contrary { label } => format!("{} as “{label}”", role.name()),
        Found::Wrong { .. } => format!("{} none", role.name()),
    });
    let said = said.join(", ");
    let remarks = found.iter().filter_map(|(_, found)| match found {
        Found::Right { remark, .. } => remark.clone(),
        _ => None,
    });
    let remarks = together(remarks);
    let hints: Vec<String> = found
        .iter()
        .filter_map(|(_, found)| match found {
            Found::Right { .. } => None,
            Found::Contrary { .. } => Some(
                "swapped: the histogram that you call added is of what was spent, or the other way round"
                    .to_owned(),
            ),
            Found::Wrong { hint } => Some(hint.clone()),
        })
        .collect();
    if hints.is_empty() {
        return Judged::right(said).with_remark((!remarks.is_empty()).then_some(remarks));
    }
    if seen.traced.printed.histograms.is_empty() {
        return Judged::wrong(
            "there is no histogram",
            "hist() draws one, of whatever stands between its brackets; one for each tracepoint",
        );
    }
    Judged::wrong(said, together(hints))
}

enum Found {
    Right {
        label: String,
        remark: Option<String>,
    },
    /// It is there, under a label that says the opposite.
    Contrary {
        label: String,
    },
    Wrong {
        hint: String,
    },
}

fn find(role: Role, seen: &Compared<'_>, script: &Script) -> Found {
    let count = role.of(&seen.run.truth).count;
    let printed = &seen.traced.printed.histograms;
    let mut contrary = None;
    let mut wrong = None;
    for histogram in printed {
        let drawn = drawn(script, &histogram.label);
        let short = histogram.total() != count;
        if short && !cut_to_32_bits(role, seen, histogram, drawn.as_ref()) {
            continue;
        }
        let label = histogram.label.clone();
        match judge(role, seen, histogram, drawn.as_ref(), short) {
            Ok(_) if Role::named_by(&label) == Some(role.other()) => {
                contrary = contrary.or(Some(Found::Contrary { label }));
            }
            Ok(remark) => return Found::Right { label, remark },
            Err(hint) => wrong = wrong.or(Some(Found::Wrong { hint })),
        }
    }
    contrary.or(wrong).unwrap_or_else(|| Found::Wrong {
        hint: missing(role, seen, script),
    })
}

/// A histogram of as many values as there were events: a remark, or what is wrong with it.
fn judge(
    role: Role,
    seen: &Compared<'_>,
    histogram: &Histogram,
    drawn: Option<&Drawn>,
    short: bool,
) -> Result<Option<String>, String> {
    let label = &histogram.label;
    let of_value = drawn.map(|drawn| drawn.args.contains(&VALUE));
    if short {
        // Which it is was found by what the script says.
        return Ok(Some(format!(
            "this bpftrace's lhist() works with 32 bits, so {label} shows {} of them: / 100000000 makes them fit",
            grouped(histogram.total())
        )));
    }
    match role.of(&seen.run.truth).values.shape_of(histogram) {
        // A histogram of something else that looks alike in a unit that nobody uses.
        Shape::Same { unit } if of_value == Some(false) && !is_round(unit) => {
            Err(another(drawn, label))
        }
        Shape::Same { .. } => Ok(None),
        Shape::Blind if of_value == Some(true) => {
            if drawn.is_some_and(|drawn| drawn.linear) && outside(histogram) {
                Err(format!(
                    "all values lie outside the steps of {label}: choose bounds that they fit in"
                ))
            } else {
                Ok(Some(format!(
                    "{label} has all of them in one bar: / 100000000 shows more"
                )))
            }
        }
        Shape::Blind | Shape::Other if of_value == Some(false) => Err(another(drawn, label)),
        Shape::Blind => Err(format!(
            "{label} has all of them in one bar, and nobody can tell of what: divide, or draw the value"
        )),
        Shape::Other => Err(format!(
            "{label} has a bar for each, and not those of the values: what stands between its brackets?"
        )),
    }
}

fn is_round(unit: f64) -> bool {
    let power = unit.log10();
    (power - power.round()).abs() < 1e-9
}

/// Whether all values are below the first step or above the last.
fn outside(histogram: &Histogram) -> bool {
    histogram
        .bars
        .iter()
        .filter(|bar| bar.count > 0)
        .all(|bar| bar.min.is_none() || bar.max.is_none())
}

fn another(drawn: Option<&Drawn>, label: &str) -> String {
    let of = drawn.map_or_else(String::new, |drawn| format!(" of {}", drawn.of));
    format!(
        "{label} is a histogram{of}, another argument than the value: bpftrace counts them from arg0"
    )
}

/// How the script draws it; the label is the map's name, with a key perhaps.
fn drawn(script: &Script, label: &str) -> Option<Drawn> {
    let map = label.split('[').next().unwrap_or(label);
    let mut all = script.drawn().into_iter().filter(|drawn| drawn.map == map);
    let first = all.next()?;
    // One map that is filled in several clauses, each with the same.
    all.all(|other| other.args == first.args).then_some(first)
}

/// bpftrace 0.17 computes the steps of `lhist()` with 32 bits: bounds beyond lose most values.
fn cut_to_32_bits(
    role: Role,
    seen: &Compared<'_>,
    histogram: &Histogram,
    drawn: Option<&Drawn>,
) -> bool {
    let Some(drawn) = drawn.filter(|drawn| drawn.linear && drawn.args.contains(&VALUE)) else {
        return false;
    };
    let beyond = drawn.bounds.iter().any(|bound| {
        let number = bound.replace('_', "").parse::<i64>();
        number.is_ok_and(|bound| bound > i64::from(i32::MAX))
    });
    // Its bars are not of the step that was asked for.
    let step = drawn
        .bounds
        .get(2)
        .and_then(|step| step.replace('_', "").parse::<i64>().ok());
    let widths_differ = histogram.bars.iter().any(|bar| match (bar.min, bar.max) {
        (Some(min), Some(max)) => step.is_some_and(|step| max.saturating_sub(min) + 1 != step),
        _ => false,
    });
    let of_this = match Role::named_by(&histogram.label) {
        Some(named) => named == role,
        // By its clause.
        None => {
            let script = Script::parse(seen.text);
            script
                .clauses_of(&role.tracepoint())
                .any(|clause| clause.body.contains(&drawn.map))
        }
    };
    beyond && widths_differ && of_this && histogram.total() < role.of(&seen.run.truth).count
}

/// Why there is none with that many values.
fn missing(role: Role, seen: &Compared<'_>, script: &Script) -> String {
    let truth = &seen.run.truth;
    let count = role.of(truth).count;
    let both = truth.added.count + truth.spent.count;
    let printed = &seen.traced.printed.histograms;
    if let Some(one) = printed
        .iter()
        .find(|one| one.total() == both || one.total() == both + truth.uncached)
    {
        return format!(
            "{} has the values of added and spent coins in one: draw two",
            one.label
        );
    }
    let nearest = printed
        .iter()
        .filter(|one| one.total() > 0 && one.total() != role.other().of(truth).count)
        .find(|one| Role::named_by(&one.label) != Some(role.other()));
    let Some(one) = nearest else {
        return format!(
            "only one histogram: there is none of the values of {} coins",
            role.name()
        );
    };
    let another = drawn(script, &one.label).filter(|drawn| !drawn.args.contains(&VALUE));
    match another {
        Some(drawn) => self::another(Some(&drawn), &one.label),
        None => format!(
            "{} has {} values, and {} coins were {}",
            one.label,
            grouped(one.total()),
            grouped(count),
            role.name()
        ),
    }
}
