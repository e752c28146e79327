//! Which action belongs to which tracepoint.

/// A tracepoint, or several by a pattern, and what is to be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) name: String,
    pub(super) actions: Vec<Action>,
}

/// What is to be done with a tracepoint's events; arguments as they were typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Done anyway.
    Count,
    Sum(String),
    Range(String),
    Hist(String),
    Lhist(String),
    By(String),
    /// These arguments; all when there are none.
    Print(Vec<String>),
    Where(String),
}

/// A word of the command line that is about tracepoints.
pub(super) enum Word {
    Probe(String),
    Action(Action),
}

/// Gives each action to the row of tracepoints that stands right before it, and to all when none does.
pub(super) fn grouped(words: impl Iterator<Item = Word>) -> Vec<Ask> {
    let mut asks: Vec<Ask> = Vec::new();
    let mut for_all = Vec::new();
    // Where the current row starts, and whether it still grows.
    let (mut row, mut growing) = (0, true);
    for word in words {
        match word {
            Word::Probe(name) => {
                if !growing {
                    row = asks.len();
                    growing = true;
                }
                asks.push(Ask {
                    name,
                    actions: Vec::new(),
                });
            }
            Word::Action(action) if asks.is_empty() => for_all.push(action),
            Word::Action(action) => {
                growing = false;
                for ask in asks.iter_mut().skip(row) {
                    ask.actions.push(action.clone());
                }
            }
        }
    }
    for ask in &mut asks {
        ask.actions.splice(0..0, for_all.iter().cloned());
    }
    asks
}
