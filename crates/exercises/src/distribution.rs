//! How values are spread, in few enough numbers for a file of evidence.

use serde::{Deserialize, Serialize};

use crate::bpftrace::{Bar, Histogram};

/// Quantiles that are kept, beside the smallest value. Between them values are taken for evenly spread.
const QUANTILES: usize = 64;
/// How far a histogram's share of values below an edge may be from ours: what interpolating between quantiles
/// can be off, and room for units that are measured.
const TOLERANCE: f64 = 0.01;
/// An edge tells something when a share of the values between this and its complement lies below it.
const TELLING: f64 = 0.02;

/// The spread of a set of values: its quantiles, from the smallest value to the largest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Distribution {
    quantiles: Vec<i64>,
}

/// What a histogram says about values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Theirs, in units of so much.
    Same {
        /// How much one unit is.
        unit: f64,
    },
    /// All in one bar, or all outside the steps: nobody can tell of what it is.
    Blind,
    /// Those of something else.
    Other,
}

impl Distribution {
    /// Of some values; of none it is empty.
    pub fn of(mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        let Some(last) = values.len().checked_sub(1) else {
            return Self::default();
        };
        let quantiles = (0..=QUANTILES)
            .filter_map(|at| values.get(last * at / QUANTILES).copied())
            .collect();
        Self { quantiles }
    }

    /// Whether there were values at all.
    pub fn is_empty(&self) -> bool {
        self.quantiles.is_empty()
    }

    /// The share of values below `value`: 0 to 1.
    pub fn below(&self, value: f64) -> f64 {
        let quantile = |at: usize| self.quantiles.get(at).map(|value| *value as f64);
        let above = self
            .quantiles
            .partition_point(|quantile| (*quantile as f64) < value);
        let steps = self.quantiles.len().saturating_sub(1).max(1) as f64;
        match (above.checked_sub(1).and_then(quantile), quantile(above)) {
            (None, _) => 0.0,
            (_, None) => 1.0,
            (Some(low), Some(high)) => {
                let part = if high > low {
                    (value - low) / (high - low)
                } else {
                    0.0
                };
                ((above - 1) as f64 + part) / steps
            }
        }
    }

    /// The value that a share of the values lies below.
    pub fn at(&self, share: f64) -> f64 {
        let last = self.quantiles.len().saturating_sub(1);
        let place = share.clamp(0.0, 1.0) * last as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the number of quantiles"
        )]
        let at = place as usize;
        let quantile = |at: usize| self.quantiles.get(at.min(last)).map(|value| *value as f64);
        let (Some(low), Some(high)) = (quantile(at), quantile(at + 1)) else {
            return 0.0;
        };
        low + (high - low) * place.fract()
    }

    /// Whether a histogram is one of these values, in whatever unit.
    pub fn shape_of(&self, histogram: &Histogram) -> Shape {
        let edges = edges(&histogram.bars);
        let telling: Vec<(f64, f64)> = edges
            .iter()
            .filter(|(_, share)| (TELLING..=1.0 - TELLING).contains(share))
            .copied()
            .collect();
        // What has all its values in one bar has no edge between them.
        let Some((edge, share)) = telling
            .iter()
            .copied()
            .min_by(|(_, left), (_, right)| (left - 0.5).abs().total_cmp(&(right - 0.5).abs()))
        else {
            return if self.fits_one_unit(&edges) {
                Shape::Blind
            } else {
                Shape::Other
            };
        };
        let measured = if edge > 0.0 {
            self.at(share) / edge
        } else {
            1.0
        };
        round_units()
            .chain([measured])
            .find(|unit| {
                edges
                    .iter()
                    .all(|(edge, share)| (self.below(edge * unit) - share).abs() <= TOLERANCE)
            })
            .map_or(Shape::Other, |unit| Shape::Same { unit })
    }

    /// Whether there is a unit in which no edge contradicts.
    fn fits_one_unit(&self, edges: &[(f64, f64)]) -> bool {
        !self.is_empty()
            && round_units().any(|unit| {
                edges.iter().all(|(edge, share)| {
                    (self.below(edge * unit) - share).abs() <= TELLING + TOLERANCE
                })
            })
    }
}

/// Units that people divide by: powers of ten and of two.
fn round_units() -> impl Iterator<Item = f64> {
    let tens = (0..=18).map(|power| 10_f64.powi(power));
    let twos = (1..=62).map(|power| 2_f64.powi(power));
    // Satoshi and bitcoin first.
    [1.0, 1e8].into_iter().chain(tens).chain(twos)
}

/// Each lower edge of a bar and the share of all values below it; and the upper edge of the last.
fn edges(bars: &[Bar]) -> Vec<(f64, f64)> {
    let total: u64 = bars
        .iter()
        .fold(0, |sum, bar| sum.saturating_add(bar.count));
    if total == 0 {
        return Vec::new();
    }
    let mut below = 0_u64;
    let mut edges = Vec::new();
    for bar in bars {
        if let Some(min) = bar.min {
            edges.push((min as f64, below as f64 / total as f64));
        }
        below = below.saturating_add(bar.count);
    }
    if let Some(max) = bars.last().and_then(|bar| bar.max) {
        edges.push((max as f64 + 1.0, 1.0));
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values spread evenly over what the test of the UTXO cache uses.
    fn values() -> Vec<i64> {
        let mut state = 1_u64;
        (0..13_785)
            .map(|_| {
                // Numerical Recipes' linear congruential generator.
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                i64::try_from((state >> 11) % 2_100_000_000_000_001).unwrap()
            })
            .collect()
    }

    fn log2(values: &[i64]) -> Histogram {
        histogram(values, |value| {
            let bits = 64 - value.leading_zeros();
            match bits {
                0 => (0, 0),
                bits => (1 << (bits - 1), (1_i64 << (bits - 1)) * 2 - 1),
            }
        })
    }

    fn linear(values: &[i64], max: i64, step: i64) -> Histogram {
        histogram(values, |value| {
            if value >= max {
                (max, i64::MAX)
            } else {
                (value / step * step, value / step * step + step - 1)
            }
        })
    }

    fn histogram(values: &[i64], bar: impl Fn(i64) -> (i64, i64)) -> Histogram {
        let mut bars = std::collections::BTreeMap::new();
        for value in values {
            *bars.entry(bar(*value)).or_insert(0) += 1;
        }
        Histogram {
            label: "@h".into(),
            bars: bars
                .into_iter()
                .map(|((min, max), count)| Bar {
                    min: Some(min),
                    max: (max != i64::MAX).then_some(max),
                    count,
                })
                .collect(),
        }
    }

    fn each(values: &[i64], change: impl Fn(i64) -> i64) -> Vec<i64> {
        values.iter().map(|value| change(*value)).collect()
    }

    #[test]
    fn histograms_of_the_values_are_known_in_every_unit() {
        let values = values();
        let ours = Distribution::of(values.clone());
        for unit in [1, 100, 1000, 100_000, 100_000_000, 1024, 1 << 20, 7777] {
            let scaled = each(&values, |value| value / unit);
            let Shape::Same { unit: found } = ours.shape_of(&log2(&scaled)) else {
                panic!("{unit}");
            };
            assert!((found / unit as f64 - 1.0).abs() < 0.03, "{unit} {found}");
        }
        let btc = each(&values, |value| value / 100_000_000);
        for (max, step) in [
            (21_000_000, 1_000_000),
            (22_000_000, 500_000),
            (5_000_000, 1_000_000),
        ] {
            assert_eq!(
                ours.shape_of(&linear(&btc, max, step)),
                Shape::Same { unit: 1e8 },
                "{max} {step}"
            );
        }
    }

    #[test]
    fn other_arguments_are_told_apart() {
        let values = values();
        let ours = Distribution::of(values.clone());
        let other = |change: &dyn Fn(i64) -> i64| ours.shape_of(&log2(&each(&values, change)));
        // The height, an address: these values reach from nothing to the most, whatever the unit.
        assert_eq!(other(&|_| 1), Shape::Other);
        assert_eq!(other(&|_| 140_727_080_065_728), Shape::Other);
        // Whether it is a coinbase; or the values in a unit so large that all are 0.
        assert_eq!(other(&|_| 0), Shape::Blind);
        assert_eq!(other(&|value| value % 1000), Shape::Other);
        assert_eq!(other(&|value| 1 + value % 2), Shape::Other);
        // Outside the steps.
        assert_eq!(ours.shape_of(&linear(&values, 1000, 100)), Shape::Blind);
        assert_eq!(
            Distribution::default().shape_of(&log2(&values)),
            Shape::Other
        );
    }

    #[test]
    fn shares_and_values() {
        let ours = Distribution::of((0..=1000).collect());
        assert!((ours.below(500.0) - 0.5).abs() < 0.005);
        assert!((ours.at(0.25) - 250.0).abs() < 5.0);
        assert!((ours.below(-1.0), ours.below(2000.0)) == (0.0, 1.0));
        assert!(Distribution::of(vec![]).is_empty());
        assert!(Distribution::of(vec![7]).below(8.0) > 0.99);
    }
}
