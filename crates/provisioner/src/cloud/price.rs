//! What hosts cost: whole numbers throughout, since no sum of money is a binary fraction.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Mul};
use std::str::FromStr;

/// A sum of money in millionths of the currency's unit: an hour of a small server costs less than a cent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u64);

const UNIT: u64 = 1_000_000;
const DIGITS: usize = 6;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many millionths of the currency's unit.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Millionths of the currency's unit.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// With a tax of `rate` on top, rounded up to a millionth.
    #[must_use]
    pub fn with(self, rate: Amount) -> Self {
        let tax = (u128::from(self.0) * u128::from(rate.0)).div_ceil(u128::from(100 * UNIT));
        Self(
            self.0
                .saturating_add(u64::try_from(tax).unwrap_or(u64::MAX)),
        )
    }

    /// With two decimals, rounded up to a cent: a bill is never less than what was announced.
    pub fn cents(self) -> String {
        let cents = self.0.div_ceil(UNIT / 100);
        format!("{}.{:02}", cents / 100, cents % 100)
    }
}

/// A text that is no sum of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a sum of money such as 0.0119")]
pub struct BadAmount {
    /// What was there instead.
    pub text: String,
}

impl FromStr for Amount {
    type Err = BadAmount;

    /// Reads `4`, `4.51` or `0.0119000000000000`; what is beyond a millionth is rounded up.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadAmount {
            text: text.chars().take(40).collect::<String>(),
        };
        let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(rest) || text.ends_with('.') {
            return Err(bad());
        }
        let (kept, beyond) = rest.split_at(rest.len().min(DIGITS));
        let whole: u64 = whole.parse().map_err(|_| bad())?;
        let fraction: u64 = format!("{kept:0<DIGITS$}").parse().map_err(|_| bad())?;
        let up = u64::from(beyond.bytes().any(|byte| byte != b'0'));
        whole
            .checked_mul(UNIT)
            .and_then(|micros| micros.checked_add(fraction + up))
            .map(Self)
            .ok_or_else(bad)
    }
}

impl fmt::Display for Amount {
    /// With four decimals, or as many more as it has: `0.0119`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:06}", self.0 % UNIT);
        let kept = fraction.trim_end_matches('0').len().max(4);
        f.pad(&format!("{}.{}", self.0 / UNIT, &fraction[..kept]))
    }
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl Mul<u64> for Amount {
    type Output = Self;

    /// So many hours of an hour's price, or so many hosts of a host's.
    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

/// What one host costs as long as it exists, running or not. Its public address is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Of one hour, without tax. Hours that were begun count whole.
    pub hourly_net: Amount,
    /// The most that a calendar month costs, without tax.
    pub monthly_net: Amount,
    /// ISO 4217: `EUR`.
    pub currency: String,
    /// Value-added tax in percent, `19` or `0`, as the provider charges this account.
    pub vat: Amount,
}

impl Price {
    /// An hour with tax.
    pub fn hourly_gross(&self) -> Amount {
        self.hourly_net.with(self.vat)
    }

    /// A month with tax.
    pub fn monthly_gross(&self) -> Amount {
        self.monthly_net.with(self.vat)
    }
}

/// What kind of host can be had where, and for how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// As the provider calls it: `cpx31`.
    pub server_type: String,
    /// As the provider calls it: `fsn1`.
    pub location: String,
    /// What it costs there.
    pub price: Price,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn prices_are_read_exactly_or_not_at_all() {
        for (text, micros) in [
            ("0", 0),
            ("4", 4_000_000),
            ("4.5", 4_500_000),
            ("0.0119000000000000", 11_900),
            ("0.0000001", 1),
            ("0.9999999", 1_000_000),
            ("18446744073709.551615", u64::MAX),
        ] {
            assert_eq!(amount(text).as_micros(), micros, "{text}");
        }
        for bad in [
            "",
            ".",
            ".5",
            "5.",
            "-1",
            "+1",
            "1,5",
            "1e3",
            " 1",
            "1.2.3",
            "18446744073710",
        ] {
            assert!(bad.parse::<Amount>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sums_are_shown_rounded_up_and_never_wrap() {
        assert_eq!(amount("0.0119").to_string(), "0.0119");
        assert_eq!(amount("0.01195").to_string(), "0.01195");
        assert_eq!(amount("4.5").to_string(), "4.5000");
        assert_eq!((amount("0.0119") * 24).cents(), "0.29");
        assert_eq!(amount("0.999").cents(), "1.00");
        assert_eq!(
            Amount::from_micros(u64::MAX) * 2 + amount("1"),
            Amount::from_micros(u64::MAX)
        );
        assert_eq!(
            [amount("0.1"), amount("0.2")].into_iter().sum::<Amount>(),
            amount("0.3")
        );
    }

    #[test]
    fn tax_is_on_top() {
        let price = Price {
            hourly_net: amount("0.0119"),
            monthly_net: amount("7.05"),
            currency: "EUR".into(),
            vat: amount("19.000000"),
        };
        assert_eq!(price.hourly_gross(), amount("0.014161"));
        assert_eq!(price.monthly_gross(), amount("8.3895"));
    }
}
