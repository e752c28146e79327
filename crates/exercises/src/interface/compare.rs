//! Which events fit which expectations, and what differs where none fits.

use super::report::Difference;
use super::seen::{Event, Expected, Sum, Value, Window};
use crate::documented::Documented;

/// Something about the events of one tracepoint that is not as it should be.
#[derive(Debug)]
pub(super) enum Problem<'a> {
    /// There is no event left that could have been meant.
    Missing(&'a Expected),
    /// The event that comes nearest differs.
    Differs(&'a Expected, Vec<Difference>),
    /// An event that nothing explains.
    Surplus(&'a Event),
    /// The arguments add up to something else.
    Sum(&'a Sum, i128),
}

/// Compares the events of one tracepoint in a window with what was expected.
pub(super) fn compare<'a>(documented: &'a Documented, window: &'a Window) -> Vec<Problem<'a>> {
    let mut left: Vec<&Event> = events(documented, window).collect();
    let mut unmet = Vec::new();
    // First those that agree in every argument, so that none of them is taken for another's near miss.
    for expected in window.expected.iter().filter(|one| one.id == documented.id) {
        let fits = |event: &&Event| differences(documented, expected, event).is_empty();
        match left.iter().position(fits) {
            Some(at) => {
                left.remove(at);
            }
            None if expected.optional => {}
            None => unmet.push(expected),
        }
    }
    let mut problems = Vec::new();
    for expected in unmet {
        let nearest = (0..left.len())
            .map(|at| (differences(documented, expected, left[at]), at))
            .min_by_key(|(differences, _)| differences.len());
        problems.push(match nearest {
            None => Problem::Missing(expected),
            Some((differences, at)) => {
                left.remove(at);
                Problem::Differs(expected, differences)
            }
        });
    }
    problems.extend(left.into_iter().map(Problem::Surplus));
    // Where single events are wrong, so are their sums.
    if problems.is_empty() {
        problems.extend(sums(documented, window));
    }
    problems
}

/// The events of one tracepoint.
pub(super) fn events<'a>(
    documented: &Documented,
    window: &'a Window,
) -> impl Iterator<Item = &'a Event> {
    let id = documented.id.clone();
    window.events.iter().filter(move |event| event.id == id)
}

fn differences(documented: &Documented, expected: &Expected, event: &Event) -> Vec<Difference> {
    let args = documented.args.iter().zip(&event.args);
    let wrong: Vec<_> = args
        .filter_map(|(arg, value)| {
            let want = expected.want(&arg.name)?;
            // What cannot be decoded is said once, and is no difference.
            let agrees = want.holds(value) || *value == Value::Undecodable;
            (!agrees).then_some((arg, want, value))
        })
        .collect();
    wrong
        .iter()
        .map(|(arg, want, value)| Difference {
            argument: arg.name.to_string(),
            expected: want.to_string(),
            seen: value.to_string(),
            swapped_with: wrong
                .iter()
                .find(|(other, other_want, other_value)| {
                    other.name != arg.name && want.holds(other_value) && other_want.holds(value)
                })
                .map(|(other, ..)| other.name.to_string()),
        })
        .collect()
}

fn sums<'a>(
    documented: &'a Documented,
    window: &'a Window,
) -> impl Iterator<Item = Problem<'a>> + 'a {
    let sums = window.sums.iter().filter(|sum| sum.id == documented.id);
    sums.filter_map(|sum| {
        let value = |event: &'a Event, name: &str| {
            let at = documented.args.iter().position(|arg| arg.name == name)?;
            event.args.get(at)
        };
        let total: i128 = events(documented, window)
            .filter(|event| {
                let mut of = sum.of.iter();
                of.all(|(name, want)| value(event, name).is_some_and(|value| want.holds(value)))
            })
            .filter_map(|event| match value(event, &sum.arg)? {
                Value::Integer(value) => Some(value + i128::from(sum.beside)),
                _ => None,
            })
            .sum();
        (total != i128::from(sum.total)).then_some(Problem::Sum(sum, total))
    })
}
