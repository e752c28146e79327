//! Strings and byte arrays that come along with an event.

use probe::Part;

use super::names::{Argument, Form, HASH, Named};

/// Room that all strings and byte arrays of an event have, but for the longest of them; the longest has as much
/// again. Events with more take a slower way in the kernel.
const ROOM: u16 = 128;
/// Room for strings that name a type: the longest is `outbound-full-relay`.
const TYPE: u16 = 24;

/// A string with less would be cut too often.
const LEAST: u16 = 64;

/// Strings and byte arrays that have to come with an event, with room for each.
pub(super) fn parts(print: &[Named], arguments: &[Argument]) -> Vec<Part> {
    let points = |named: &&Named| !named.form.is_number() && named.form != Form::Address;
    let wanted: Vec<_> = print.iter().filter(points).collect();
    let is_type = |named: &Named| {
        let name = arguments.get(usize::from(named.arg));
        name.is_some_and(|argument| argument.name.ends_with("_type"))
    };
    let fixed = |named: &&Named| match named.form {
        Form::Hash => Some(HASH),
        Form::Bytes { most, .. } => Some(most),
        Form::Text if is_type(named) => Some(TYPE),
        _ => None,
    };
    let used: u16 = wanted.iter().filter_map(fixed).fold(0, u16::saturating_add);
    let texts = wanted.iter().filter(|named| fixed(named).is_none()).count();
    // The longest string stands last and has the whole room; the others share what the rest leaves.
    let shares = u16::try_from(texts.saturating_sub(1)).unwrap_or(u16::MAX);
    let text = match ROOM.saturating_sub(used).checked_div(shares) {
        Some(share) if share >= LEAST => share,
        // One alone; or too many for a small event: each may have as much in a large one.
        _ => ROOM,
    };
    wanted
        .iter()
        .map(|named| {
            let arg = named.arg;
            let capacity = fixed(named).unwrap_or(text);
            match named.form {
                Form::Text => Part::Text { arg, capacity },
                Form::Bytes { length_arg, .. } => Part::Bytes {
                    arg,
                    capacity,
                    length_arg,
                },
                _ => Part::Bytes {
                    arg,
                    capacity,
                    length_arg: None,
                },
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use exercises::documented::Interface;

    use super::super::names::tests::documented;
    use super::*;

    #[test]
    fn strings_and_byte_arrays_get_room_in_a_small_event() {
        let rooms = |id: &str, sizes: &[u8]| -> Vec<u16> {
            let arguments = documented(id, sizes);
            let print: Vec<_> = arguments
                .iter()
                .zip(0..)
                .map(|(argument, arg)| Named {
                    arg,
                    form: argument.form,
                })
                .collect();
            parts(&print, &arguments)
                .iter()
                .map(|part| match part {
                    Part::Text { capacity, .. } | Part::Bytes { capacity, .. } => *capacity,
                })
                .collect()
        };
        // Address, connection type, message type, the message's start. A Tor address has 62 characters and a port.
        assert_eq!(rooms("net:inbound_message", &[8; 6]), [128, 24, 24, 32]);
        assert_eq!(rooms("mempool:rejected", &[8; 2]), [32, 128]);
        assert_eq!(rooms("coin_selection:selected_coins", &[8; 5]), [128, 128]);
        assert_eq!(rooms("mempool:replaced", &[8; 8]), [32, 32]);
        assert_eq!(rooms("mine:own", &[8, 4]), [0; 0]);
        // All but the longest have to fit in half of a small event.
        for one in Interface::of_version(None).tracepoints {
            let mut rooms = rooms(&one.id.to_string(), &vec![8; one.args.len()]);
            rooms.sort_unstable();
            let longest = rooms.pop().unwrap_or(0);
            assert!(
                longest <= ROOM && rooms.iter().sum::<u16>() <= ROOM,
                "{}",
                one.id
            );
        }
    }
}
