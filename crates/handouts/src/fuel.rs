//! How much work a template may make: an endless loop or an endless text ends with an error.

/// For a page as such: our own task book, the longest page of one piece, takes a tenth of it.
pub(crate) const PAGE: u64 = 1_000_000;

/// For each card or row beside it. Ours take a twentieth of it.
pub(crate) const SEAT: u64 = 100_000;

/// What a page with so many seats may use.
pub(crate) fn tank(seats: usize) -> u64 {
    PAGE.saturating_add(SEAT.saturating_mul(seats as u64))
}
