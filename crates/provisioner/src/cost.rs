//! What hosts cost: from when to when, each and in all. Pure: prices and moments are given.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use crate::cloud::HostStatus;
use crate::cloud::price::{Amount, Price};
use crate::inventory::Money;
use crate::plan::{Action, BUILDER, PlannedHost};
use crate::state::Role;

/// What a host costs, as far as that can be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Nothing: it is on a machine that somebody has.
    Free,
    /// As long as it exists, running or not.
    Of(Price),
    /// Why nobody can tell.
    Unknown(String),
}

/// What a new host costs at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// A participant's or a spare one.
    pub host: Rate,
    /// The builder.
    pub builder: Rate,
}

impl Tariff {
    /// Of a provider that bills nobody.
    pub const FREE: Self = Self {
        host: Rate::Free,
        builder: Rate::Free,
    };

    /// Of machines that somebody already has.
    pub fn own() -> Self {
        let reason = "machines that you already have: whoever bills you knows what they cost";
        let rate = || Rate::Unknown(reason.to_owned());
        Self {
            host: rate(),
            builder: rate(),
        }
    }
}

/// What a host costs from `from` to `until`, tax included: hours that were begun count whole, and a calendar month
/// (UTC) costs its monthly price at most, as Hetzner bills.
pub fn bill(price: &Price, from: Timestamp, until: Timestamp) -> Amount {
    let (hour, month) = (price.hourly_gross(), price.monthly_gross());
    let mut sum = Amount::ZERO;
    let mut at = from;
    while at < until {
        let end = next_month(at).filter(|end| *end < until).unwrap_or(until);
        let seconds = u64::try_from(end.as_second().saturating_sub(at.as_second())).unwrap_or(0);
        let begun = seconds.div_ceil(3600).max(1);
        sum = sum + (hour * begun).min(month);
        at = end;
    }
    sum
}

/// The first moment of the month after this one's.
fn next_month(at: Timestamp) -> Option<Timestamp> {
    let first = at.to_zoned_datetime(TimeZone::UTC).date().first_of_month();
    let next = first.checked_add(jiff::Span::new().months(1)).ok()?;
    let next = next.to_zoned_datetime(TimeZone::UTC).ok()?;
    Some(next.timestamp())
}

/// One host of a plan and its costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Costed {
    /// Its word, or `builder`.
    pub name: String,
    /// What is to be done; the builder's as well.
    pub action: Action,
    /// What it is for.
    pub role: Role,
    /// Whose it is.
    pub identity: String,
    /// What it costs.
    pub cost: Cost,
}

/// What one host costs, tax included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Cost {
    /// Nothing.
    Free,
    /// So much.
    Known {
        /// Of an hour.
        hourly: String,
        /// From now to the deadline; none without one.
        until_deadline: Option<String>,
        /// ISO 4217.
        currency: String,
    },
    /// Nobody can tell.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// A sum in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// Of an hour.
    pub hourly: Amount,
    /// From now to the deadline; none without one.
    pub until_deadline: Option<Amount>,
}

/// What a plan costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// The hosts, the builder last.
    pub hosts: Vec<Costed>,
    /// By currency.
    pub totals: BTreeMap<String, Total>,
    /// Hosts of which nobody can tell, so that the sums are the least that it costs.
    pub unknown: usize,
}

impl Forecast {
    /// What `plan` costs from `now` on. Hosts that are there are counted at their own price, and so are those that
    /// the inventory no longer asks for: they cost until they are destroyed. A builder that is not there counts if
    /// one will be made.
    pub fn new(
        plan: &[PlannedHost],
        there: &[HostStatus],
        tariff: &Tariff,
        now: Timestamp,
        deadline: Option<Timestamp>,
        builds: bool,
    ) -> Self {
        let builder = there.iter().find(|host| host.name == BUILDER);
        let builder = (builds || builder.is_some()).then(|| Costed {
            name: BUILDER.into(),
            action: match builder {
                None => Action::Create,
                Some(host) if !host.running => Action::Start,
                Some(_) => Action::Check,
            },
            role: Role::Builder,
            identity: BUILDER.into(),
            cost: Cost::Free,
        });
        let hosts = plan.iter().map(|host| Costed {
            name: host.name.clone(),
            action: host.action,
            role: host.role,
            identity: host.identity.clone(),
            cost: Cost::Free,
        });
        let mut forecast = Self {
            hosts: hosts.chain(builder).collect(),
            totals: BTreeMap::new(),
            unknown: 0,
        };
        for host in &mut forecast.hosts {
            let is = there.iter().find(|one| one.name == host.name);
            let new = match host.role {
                Role::Builder => &tariff.builder,
                Role::Participant | Role::Spare => &tariff.host,
            };
            let own = is.and_then(|is| is.price.clone()).map(Rate::Of);
            match own.as_ref().unwrap_or(new) {
                Rate::Free => {}
                Rate::Unknown(reason) => {
                    forecast.unknown += 1;
                    host.cost = Cost::Unknown {
                        reason: reason.clone(),
                    };
                }
                Rate::Of(price) => {
                    let until = deadline.map(|deadline| bill(price, now, deadline));
                    let hourly = price.hourly_gross();
                    let total = forecast
                        .totals
                        .entry(price.currency.clone())
                        .or_insert(Total {
                            hourly: Amount::ZERO,
                            until_deadline: deadline.map(|_| Amount::ZERO),
                        });
                    total.hourly = total.hourly + hourly;
                    total.until_deadline = total.until_deadline.zip(until).map(|(a, b)| a + b);
                    host.cost = Cost::Known {
                        hourly: hourly.to_string(),
                        until_deadline: until.map(Amount::cents),
                        currency: price.currency.clone(),
                    };
                }
            }
        }
        forecast
    }

    /// Whether `provision` is known to do something.
    pub fn changes(&self) -> bool {
        let idle = |action| matches!(action, Action::Check | Action::Keep);
        self.hosts.iter().any(|host| !idle(host.action))
    }

    /// Whether all this stays within `limit`.
    ///
    /// # Errors
    /// [`OverLimit`], also where that cannot be told.
    pub fn within(&self, limit: &Money) -> Result<(), OverLimit> {
        let made_up: Vec<String> = self.hosts.iter().filter_map(Costed::line).collect();
        if let Some(other) = (self.totals.keys()).find(|currency| **currency != limit.currency) {
            return Err(OverLimit::Currency {
                limit: limit.clone(),
                billed: other.clone(),
            });
        }
        if self.unknown > 0 {
            return Err(OverLimit::Unknown {
                limit: limit.clone(),
                made_up: made_up.join("\n  "),
            });
        }
        let Some(total) = self.totals.get(&limit.currency) else {
            return Ok(());
        };
        match total.until_deadline {
            None => Err(OverLimit::NoDeadline {
                limit: limit.clone(),
            }),
            Some(sum) if sum > limit.amount => Err(OverLimit::Over {
                sum: Money {
                    amount: sum,
                    currency: limit.currency.clone(),
                },
                limit: limit.clone(),
                made_up: made_up.join("\n  "),
            }),
            Some(_) => Ok(()),
        }
    }
}

impl Costed {
    fn line(&self) -> Option<String> {
        match &self.cost {
            Cost::Free => None,
            Cost::Known {
                hourly,
                until_deadline,
                currency,
            } => {
                let until = until_deadline.as_deref().unwrap_or("?");
                Some(format!(
                    "{}: {until} {currency} ({hourly} an hour)",
                    self.name
                ))
            }
            Cost::Unknown { reason } => Some(format!("{}: ? ({reason})", self.name)),
        }
    }
}

/// The hosts would cost more than the inventory allows, or nobody can tell.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum OverLimit {
    /// Too much.
    #[error(
        "the hosts would cost {sum} until the deadline, tax included, and `spend_limit` is {limit}:\n  {made_up}"
    )]
    #[diagnostic(help(
        "Nothing was made. Take smaller or fewer hosts, an earlier deadline or a higher `hosts.spend_limit`; `workshop destroy --only WORD` ends what one costs."
    ))]
    Over {
        /// What it comes to.
        sum: Money,
        /// What it may come to.
        limit: Money,
        /// Each host.
        made_up: String,
    },
    /// A price is not known.
    #[error("nobody can tell whether the hosts stay within `spend_limit: {limit}`:\n  {made_up}")]
    #[diagnostic(help("Nothing was made. Remove `hosts.spend_limit` to go on without one."))]
    Unknown {
        /// What it may come to.
        limit: Money,
        /// Each host.
        made_up: String,
    },
    /// Until when?
    #[error(
        "`spend_limit: {limit}` needs a deadline: nobody can tell what the hosts will have cost"
    )]
    #[diagnostic(help(
        "Nothing was made. Add `workshop.deadline`, or remove `hosts.spend_limit`."
    ))]
    NoDeadline {
        /// What it may come to.
        limit: Money,
    },
    /// No exchange rates here.
    #[error("`spend_limit: {limit}` is not in {billed}, which the provider bills in")]
    #[diagnostic(help("Nothing was made. Write the limit in {billed}."))]
    Currency {
        /// What it may come to.
        limit: Money,
        /// The provider's.
        billed: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price() -> Price {
        Price {
            hourly_net: "0.01".parse().unwrap(),
            monthly_net: "5".parse().unwrap(),
            currency: "EUR".into(),
            vat: "20".parse().unwrap(),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn begun_hours_count_whole_and_a_month_has_an_end() {
        let cost = |from, until| bill(&price(), at(from), at(until)).to_string();
        // 0.012 an hour, 6 a month, with tax.
        assert_eq!(
            cost("2027-02-20T10:00:00Z", "2027-02-20T10:00:01Z"),
            "0.0120"
        );
        assert_eq!(
            cost("2027-02-20T10:00:00Z", "2027-02-20T11:00:00Z"),
            "0.0120"
        );
        assert_eq!(
            cost("2027-02-20T10:00:00Z", "2027-02-20T11:00:01Z"),
            "0.0240"
        );
        assert_eq!(
            cost("2027-02-20T10:00:00Z", "2027-02-20T10:00:00Z"),
            "0.0000"
        );
        assert_eq!(
            cost("2027-02-20T10:00:00Z", "2027-02-19T10:00:00Z"),
            "0.0000"
        );
        // 672 hours would be 8.064.
        assert_eq!(
            cost("2027-02-01T00:00:00Z", "2027-03-01T00:00:00Z"),
            "6.0000"
        );
        // An hour of the old month, and one of the new, over the end of a year.
        assert_eq!(
            cost("2027-12-31T23:30:00Z", "2028-01-01T00:30:00Z"),
            "0.0240"
        );
        // Two whole months, and the 1st to 2nd of the third.
        assert_eq!(
            cost("2028-01-01T00:00:00Z", "2028-03-02T00:00:00Z"),
            "12.2880"
        );
    }

    fn planned(name: &str, action: Action) -> PlannedHost {
        PlannedHost {
            name: name.into(),
            role: Role::Participant,
            identity: format!("of {name}"),
            index: 0,
            new: false,
            action,
        }
    }

    fn forecast(tariff: &Tariff, deadline: Option<&str>) -> Forecast {
        forecast_with(tariff, deadline, true)
    }

    fn forecast_with(tariff: &Tariff, deadline: Option<&str>, builds: bool) -> Forecast {
        let there = HostStatus {
            name: "zoo".into(),
            address: [10, 0, 0, 1].into(),
            running: false,
            made: None,
            price: Some(Price {
                hourly_net: "0.1".parse().unwrap(),
                ..price()
            }),
        };
        let plan = [
            planned("able", Action::Create),
            planned("zoo", Action::Keep),
        ];
        let now = at("2027-02-20T10:00:00Z");
        Forecast::new(&plan, &[there], tariff, now, deadline.map(at), builds)
    }

    fn told(forecast: &Forecast, limit: &str) -> String {
        let (amount, currency) = limit.split_once(' ').unwrap();
        let limit = Money {
            amount: amount.parse().unwrap(),
            currency: currency.into(),
        };
        forecast
            .within(&limit)
            .map_or_else(|error| error.to_string(), |()| "within".into())
    }

    #[test]
    fn a_builder_that_nobody_makes_costs_nothing() {
        let tariff = Tariff {
            host: Rate::Of(price()),
            builder: Rate::Of(price()),
        };
        let hourly = |builds| {
            forecast_with(&tariff, None, builds).totals["EUR"]
                .hourly
                .to_string()
        };
        assert_eq!(
            (hourly(true), hourly(false)),
            ("0.1440".into(), "0.1320".into())
        );
    }

    #[test]
    fn a_limit_is_kept_or_refused_with_what_makes_up_the_sum() {
        let tariff = Tariff {
            host: Rate::Of(price()),
            builder: Rate::Of(price()),
        };
        let ten_hours = forecast(&tariff, Some("2027-02-20T20:00:00Z"));
        // 10 × (0.012 + 0.12 + 0.012): a stopped host that nobody asks for costs as well.
        let unknown = Tariff {
            builder: Rate::Unknown("cpx51 is sold nowhere".into()),
            ..tariff.clone()
        };
        let told = [
            told(&ten_hours, "1.44 EUR"),
            told(&ten_hours, "1.43 EUR"),
            told(&ten_hours, "100 USD"),
            told(&forecast(&tariff, None), "100 EUR"),
            told(&forecast(&unknown, Some("2027-02-20T20:00:00Z")), "100 EUR"),
        ];
        insta::assert_snapshot!(told.join("\n"));
    }
}
