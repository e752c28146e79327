//! From what was typed to what is traced: patterns to tracepoints, names to arguments, every problem at once.

use exercises::documented::Interface;
use exercises::tracepoint::Tracepoint as Name;
use probe::usdt::{ProbeId, Tracepoint, Tracepoints};
use probe::{Condition, Key, Linear, NotACondition, Probe};

use super::ask::{Action, Ask};
use super::names::{self, Argument, Form, Named};
use super::parts::parts;
use super::wrong::Wrong;

/// A tracepoint that is traced, and how its arguments are shown.
#[derive(Clone, Debug)]
pub(super) struct Traced {
    pub(super) id: ProbeId,
    pub(super) arguments: Vec<Argument>,
    /// What its events are grouped by.
    pub(super) by: Option<Named>,
    /// The arguments that are printed of each event.
    pub(super) print: Option<Vec<Named>>,
    pub(super) probe: Probe,
}

impl Traced {
    /// The name of an argument; for those that were asked for there is one.
    pub(super) fn name(&self, arg: u8) -> &str {
        let argument = self.arguments.get(usize::from(arg));
        argument.map_or("?", |argument| &argument.name)
    }
}

/// Understands what was asked of a program.
pub(super) fn traced(
    asks: &[Ask],
    program: &Tracepoints,
    binary: &str,
    interface: &Interface,
) -> Result<Vec<Traced>, Vec<Wrong>> {
    let mut all = Vec::new();
    let mut problems = Vec::new();
    for ask in asks {
        match matching(&ask.name, program, binary) {
            Ok(tracepoints) => {
                for tracepoint in tracepoints {
                    match one(ask, tracepoint, interface) {
                        Ok(traced) => all.push(traced),
                        Err(wrong) => problems.extend(wrong),
                    }
                }
            }
            Err(wrong) => problems.push(wrong),
        }
    }
    if problems.is_empty() {
        Ok(all)
    } else {
        Err(problems)
    }
}

/// The tracepoint of that name, or all that a pattern matches.
fn matching<'a>(
    text: &str,
    program: &'a Tracepoints,
    binary: &str,
) -> Result<Vec<&'a Tracepoint>, Wrong> {
    if text.contains('*') {
        let found: Vec<_> = program
            .tracepoints
            .iter()
            .filter(|one| like(text, &one.id.to_string()))
            .collect();
        return if found.is_empty() {
            Err(Wrong::NoMatch {
                pattern: text.to_owned(),
                binary: binary.to_owned(),
            })
        } else {
            Ok(found)
        };
    }
    let id: ProbeId = text.parse().map_err(|_| Wrong::NotAName {
        text: text.to_owned(),
    })?;
    match program.get(&id) {
        Some(tracepoint) => Ok(vec![tracepoint]),
        None => Err(Wrong::NoSuchProbe {
            problem: probe::Problem::NoSuchProbe {
                near: program.near(&id),
                id,
            },
            binary: binary.to_owned(),
        }),
    }
}

/// Whether a name is what a pattern says, where `*` stands for anything.
fn like(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.into_iter().any(|at| like(rest, &name[at..]))
        }),
    }
}

fn one(ask: &Ask, tracepoint: &Tracepoint, interface: &Interface) -> Result<Traced, Vec<Wrong>> {
    let name = Name::new(tracepoint.id.provider.clone(), tracepoint.id.name.clone());
    let mut traced = Traced {
        id: tracepoint.id.clone(),
        arguments: names::arguments(tracepoint, interface.get(&name)),
        by: None,
        print: None,
        probe: Probe::new(tracepoint.id.clone()),
    };
    let mut problems = Vec::new();
    // What the last --by said, to show two of them.
    let mut by = None;
    for action in &ask.actions {
        if let Err(wrong) = traced.act(action, &mut by) {
            problems.push(wrong);
        }
    }
    if let Some(print) = &traced.print {
        traced.probe = traced.probe.stream(parts(print, &traced.arguments));
    }
    if problems.is_empty() {
        Ok(traced)
    } else {
        Err(problems)
    }
}

impl Traced {
    fn act(&mut self, action: &Action, last_by: &mut Option<String>) -> Result<(), Wrong> {
        let probe = self.probe.clone();
        self.probe = match action {
            Action::Count => probe,
            Action::Sum(arg) => probe.sum(self.number(arg, "--sum")?),
            Action::Range(arg) => probe
                .range(self.number(arg, "--range")?)
                .sum(self.number(arg, "--range")?),
            Action::Hist(arg) => probe.log2_histogram(self.number(arg, "--hist")?),
            Action::Lhist(text) => {
                let (arg, linear) = linear(text)?;
                probe.linear_histogram(self.number(arg, "--lhist")?, linear)
            }
            Action::Where(text) => probe.only_if(self.condition(text)?),
            Action::By(text) => {
                let (named, key) = self.key(text)?;
                if let Some(first) = last_by.replace(text.clone()) {
                    return Err(Wrong::TwoKeys {
                        probe: self.id.to_string(),
                        first,
                        second: text.clone(),
                    });
                }
                self.by = Some(named);
                probe.group_by(key)
            }
            Action::Print(list) => {
                let printed = self.printed(list)?;
                let all = self.print.get_or_insert_default();
                for named in printed {
                    // An argument comes along in one form: the last that was said.
                    match all.iter_mut().find(|one| one.arg == named.arg) {
                        Some(one) => *one = named,
                        None => all.push(named),
                    }
                }
                probe
            }
        };
        Ok(())
    }

    fn find(&self, text: &str) -> Result<Named, Wrong> {
        names::find(&self.id.to_string(), &self.arguments, text)
    }

    /// An argument that can be added up and compared.
    fn number(&self, text: &str, action: &'static str) -> Result<u8, Wrong> {
        let Named { arg, form } = self.find(text)?;
        if form.is_number() {
            return Ok(arg);
        }
        Err(Wrong::NotANumber {
            probe: self.id.to_string(),
            arg: self.name(arg).to_owned(),
            noun: form.noun(),
            action,
        })
    }

    fn condition(&self, text: &str) -> Result<Condition, Wrong> {
        let mut wrong = None;
        let condition = Condition::parse(text, |name| {
            self.number(name, "--where")
                .map_err(|error| wrong = Some(error))
                .ok()
        });
        condition.map_err(|error| wrong.unwrap_or_else(|| not_a_condition(&self.id, &error)))
    }

    fn key(&self, text: &str) -> Result<(Named, Key), Wrong> {
        let named = self.find(text)?;
        let arg = named.arg;
        let (probe, name) = (self.id.to_string(), self.name(arg).to_owned());
        let key = match named.form {
            Form::Integer | Form::Bool => Key::Integer { arg },
            Form::Text => Key::Text { arg },
            Form::Hash => Key::Bytes { arg, length: 32 },
            Form::Bytes {
                length_arg: Some(length),
                ..
            } if !text.contains(':') => {
                return Err(Wrong::AnyLength {
                    probe,
                    arg: name,
                    length_arg: self.name(length).to_owned(),
                });
            }
            // More than fits is said by the session, with what is possible.
            Form::Bytes { most, .. } => Key::Bytes {
                arg,
                length: u8::try_from(most).unwrap_or(u8::MAX),
            },
            Form::Address => return Err(Wrong::NoLength { probe, arg: name }),
        };
        Ok((named, key))
    }

    fn printed(&self, list: &[String]) -> Result<Vec<Named>, Wrong> {
        if list.is_empty() {
            let all = self.arguments.iter().zip(0..);
            return Ok(all
                .map(|(argument, arg)| Named {
                    arg,
                    form: argument.form,
                })
                .collect());
        }
        list.iter().map(|text| self.find(text)).collect()
    }
}

fn not_a_condition(id: &ProbeId, error: &NotACondition) -> Wrong {
    let help = miette::Diagnostic::help(error).map(|help| help.to_string());
    Wrong::Condition {
        probe: id.to_string(),
        problem: error.to_string(),
        help: help.unwrap_or_default(),
    }
}

/// `height:0:1000:50`
fn linear(text: &str) -> Result<(&str, Linear), Wrong> {
    let parse = || {
        let mut words = text.split(':');
        let arg = words.next().filter(|arg| !arg.is_empty())?;
        let linear = Linear {
            min: words.next()?.trim().parse().ok()?,
            max: words.next()?.trim().parse().ok()?,
            step: words.next()?.trim().parse().ok()?,
        };
        words.next().is_none().then_some((arg, linear))
    };
    parse().ok_or_else(|| Wrong::NotLinear {
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use probe::usdt::Machine;

    use super::super::names::tests::tracepoint;
    use super::*;

    fn program() -> Tracepoints {
        Tracepoints {
            machine: Machine::HERE,
            tracepoints: vec![
                tracepoint("mine:own", &[8, 4]),
                tracepoint("net:inbound_message", &[8; 6]),
                tracepoint("utxocache:add", &[8, 4, 4, 8, 1]),
                tracepoint("utxocache:spent", &[8, 4, 4, 8, 1]),
            ],
        }
    }

    fn ask(name: &str, actions: impl IntoIterator<Item = Action>) -> Ask {
        Ask {
            name: name.to_owned(),
            actions: actions.into_iter().collect(),
        }
    }

    fn understood(ask: &Ask) -> Result<Vec<Traced>, Vec<Wrong>> {
        let asks = std::slice::from_ref(ask);
        traced(asks, &program(), "program", &Interface::of_version(None))
    }

    #[test]
    fn patterns_match_names() {
        let names = |pattern: &str| -> Vec<String> {
            let all = understood(&ask(pattern, [])).unwrap_or_default();
            all.iter().map(|one| one.id.to_string()).collect()
        };
        assert_eq!(names("utxocache:*"), ["utxocache:add", "utxocache:spent"]);
        assert_eq!(names("*").len(), 4);
        assert_eq!(names("*:*own"), ["mine:own"]);
        assert_eq!(names("*t*:*a*"), ["net:inbound_message", "utxocache:add"]);
        assert_eq!(names("utxo*add"), ["utxocache:add"]);
        assert_eq!(names("*x"), [""; 0]);
        assert!(!like("a*b*c", "acb"));
        assert!(like("**", ""));
    }

    #[test]
    fn an_argument_is_printed_once_in_the_form_said_last() {
        let print =
            |list: &[&str]| Action::Print(list.iter().map(|name| (*name).to_owned()).collect());
        let printed = |actions: Vec<Action>| {
            let all = understood(&ask("mine:own", actions)).unwrap();
            all[0].print.clone().unwrap_or_default()
        };
        let named = |arg, form| Named { arg, form };
        assert_eq!(printed(vec![print(&["arg1"])]), [named(1, Form::Integer)]);
        let both = [named(0, Form::Text), named(1, Form::Integer)];
        assert_eq!(printed(vec![print(&[]), print(&["arg0:str"])]), both);
        assert_eq!(
            printed(vec![print(&["arg0:hash", "arg1", "arg0:str"])]),
            both
        );
        assert_eq!(printed(vec![]), []);
    }

    #[test]
    fn an_action_that_does_not_fit_one_of_many_is_told() {
        let problems = understood(&ask("*", [Action::Sum("value".to_owned())])).unwrap_err();
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "mine:own has no argument value",
                "net:inbound_message has no argument value"
            ]
        );
    }

    #[test]
    fn keys_follow_what_is_documented() {
        let key = |name: &str, by: &str| {
            let one = understood(&ask(name, [Action::By(by.to_owned())]));
            one.map(|all| all[0].by.unwrap().form)
        };
        assert_eq!(key("utxocache:add", "txid"), Ok(Form::Hash));
        assert_eq!(key("utxocache:add", "arg4"), Ok(Form::Bool));
        assert_eq!(key("net:inbound_message", "message_type"), Ok(Form::Text));
        assert_eq!(key("mine:own", "arg0"), Ok(Form::Integer));
        assert_eq!(key("mine:own", "arg0:str"), Ok(Form::Text));
        assert!(key("net:inbound_message", "message_bytes").is_err());
        assert!(key("net:inbound_message", "message_bytes:bytes8").is_ok());
    }
}
