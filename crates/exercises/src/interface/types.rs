//! Whether the program passes arguments of the documented types.

use super::seen::Built;
use crate::documented::Documented;
use crate::tracepoint::Tracepoint;

/// Arguments that are documented as `uint64` and passed as signed since they exist: what they hold, seconds
/// since 1970, signature operations and nanoseconds, is never so large that it matters.
const KNOWN: [(&str, &str, usize); 4] = [
    ("net", "closed_connection", 4),
    ("net", "evicted_inbound_connection", 4),
    ("validation", "block_connected", 4),
    ("validation", "block_connected", 5),
];

/// What is said about the types of a tracepoint's arguments.
#[derive(Debug, Default)]
pub(super) struct Types {
    /// Against the documentation.
    pub(super) wrong: Vec<String>,
    /// Could not be found out.
    pub(super) unknown: Vec<String>,
    /// Worth knowing.
    pub(super) remarks: Vec<String>,
}

/// Compares every call site with the documentation.
pub(super) fn compare(documented: &Documented, built: &Built) -> Types {
    let mut types = Types::default();
    for (at, arg) in documented.args.iter().enumerate() {
        let name = &arg.name;
        for operands in &built.sites {
            let Some(operand) = operands.get(at) else {
                types.wrong.push(format!("{name} is not passed"));
                continue;
            };
            let Some((size, signed)) = operand.layout else {
                let text = &operand.text;
                types
                    .unknown
                    .push(format!("{name} cannot be decoded: {text}"));
                continue;
            };
            let Some(kind) = arg.kind else {
                types
                    .unknown
                    .push(format!("the documented type of {name} is not known"));
                continue;
            };
            if kind.layout() == (size, signed) {
                continue;
            }
            let sign = if signed { "signed" } else { "unsigned" };
            let said = format!(
                "{name} is documented as {kind} and passed as {sign}, {} bits",
                u32::from(size) * 8
            );
            if is_known(&documented.id, at) && kind.layout().0 == size {
                types.remarks.push(said);
            } else {
                types.wrong.push(said);
            }
        }
    }
    let most = built.sites.iter().map(Vec::len).max().unwrap_or(0);
    if let Some(more @ 1..) = most.checked_sub(documented.args.len()) {
        types
            .remarks
            .push(format!("it passes {more} more than is documented"));
    }
    // Several call sites say the same.
    for list in [&mut types.wrong, &mut types.unknown, &mut types.remarks] {
        list.dedup();
    }
    types
}

fn is_known(id: &Tracepoint, arg: usize) -> bool {
    KNOWN
        .iter()
        .any(|(context, event, at)| *context == id.context && *event == id.event && *at == arg)
}
