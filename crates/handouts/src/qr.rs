//! A QR code as the path of an SVG picture.

use std::fmt::Write as _;

use fast_qr::{ECL, QRBuilder};
use serde::{Deserialize, Serialize};

/// The light border that a reader needs to find the code, in modules (ISO/IEC 18004, 6.3.8).
const QUIET: usize = 4;

/// A code as a picture. Its side is a number of modules, the quiet zone included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) side: usize,
    /// The dark modules, for the attribute `d`.
    pub(crate) path: String,
}

/// The code of `text`; none when it is longer than any QR code holds.
pub(crate) fn encode(text: &str) -> Option<Code> {
    // M restores 15 % of a code: cards are folded, and read under a projector's light.
    let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
    let mut path = String::new();
    for (y, row) in (0..code.size).map(|y| (y, &code[y])) {
        let mut x = 0;
        while x < row.len() {
            let length = row[x..].iter().take_while(|module| module.value()).count();
            if length > 0 {
                // One rectangle for a run: a third of the size, and no seams between its modules.
                let _ = write!(path, "M{} {}h{length}v1h-{length}z", x + QUIET, y + QUIET);
            }
            x += length.max(1);
        }
    }
    Some(Code {
        side: code.size + 2 * QUIET,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_square_and_begins_with_a_finder_pattern() {
        let code = encode("ssh://workshop@10.231.7.10").unwrap();
        // Version 2 (25 modules) holds 26 bytes at M, which this is.
        assert_eq!(code.side, 25 + 8);
        assert!(code.path.starts_with("M4 4h7v1h-7z"), "{}", code.path);
    }

    #[test]
    fn too_much_is_no_code() {
        assert!(encode(&"x".repeat(3000)).is_none());
    }
}
