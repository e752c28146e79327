//! What `threads.c` passes to `threads:tick`, event by event: the same arithmetic.

/// Arguments of `threads:tick` by their number.
pub(crate) const WIDE: u8 = 0;
pub(crate) const LARGE: u8 = 1;
pub(crate) const SMALL: u8 = 2;
pub(crate) const KEY: u8 = 3;
pub(crate) const WORD: u8 = 4;
pub(crate) const HASH: u8 = 5;
pub(crate) const SEQUENCE: u8 = 6;
pub(crate) const TID: u8 = 7;

pub(crate) const WORDS: [&str; 5] = [
    "",
    "inv",
    "headers",
    "a word of seventy bytes, which is more than a key may have: cut there",
    "žluť",
];

/// One event, without its thread's number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    pub(crate) wide: i64,
    pub(crate) large: u64,
    pub(crate) small: i32,
    pub(crate) key: u8,
    pub(crate) word: &'static str,
    /// Which of the seven hashes.
    hash: u8,
}

impl Tick {
    /// The event of a thread with this sequence number.
    pub(crate) fn of(thread: u64, n: u64) -> Self {
        let x = mixed(n * 64 + thread);
        Self {
            wide: match n % 5 {
                0 | 1 => i64::MIN,
                2 => i64::MAX,
                _ => x.cast_signed(),
            },
            large: match n % 3 {
                0 => u64::MAX,
                1 => x,
                _ => 0,
            },
            small: (x % 16) as i32 - 8,
            key: 255 - ((x >> 8) % 16) as u8,
            word: WORDS[((x >> 16) % 5) as usize],
            hash: ((x >> 24) % 7) as u8,
        }
    }

    /// All events of `threads THREADS EVENTS` in its first `batches` batches.
    pub(crate) fn all(threads: u64, events: u64, batches: u64) -> impl Iterator<Item = Self> {
        (0..threads).flat_map(move |thread| (0..events * batches).map(move |n| Self::of(thread, n)))
    }

    /// The byte array.
    pub(crate) fn hash(&self) -> [u8; 32] {
        std::array::from_fn(|at| self.hash * 32 + at as u8)
    }

    /// An integer argument.
    pub(crate) fn integer(&self, arg: u8) -> i128 {
        match arg {
            WIDE => self.wide.into(),
            LARGE => self.large.into(),
            SMALL => self.small.into(),
            KEY => self.key.into(),
            _ => panic!("argument {arg} differs from run to run"),
        }
    }
}

/// splitmix64's last step.
fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
