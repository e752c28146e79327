//! `hosts.spend_limit`: a sum of money with its currency.

use std::fmt;

use super::problem::Report;
use super::read::{Fields, shown};
use super::types::ProviderKind;
use super::values::{Bad, bad};
use crate::cloud::price::Amount;

/// A sum of money, and of which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    /// How much.
    pub amount: Amount,
    /// ISO 4217: `EUR`.
    pub currency: String,
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount.cents(), self.currency)
    }
}

/// `Some(None)` is no limit.
#[expect(
    clippy::option_option,
    reason = "no limit, and no valid limit, are two things"
)]
pub(super) fn spend_limit(
    fields: &Fields<'_>,
    provider: Option<ProviderKind>,
    has_deadline: bool,
    report: &mut Report,
) -> Option<Option<Money>> {
    let Some(node) = fields.value("spend_limit") else {
        return Some(None);
    };
    let limit = fields.parse("spend_limit", report, money)?;
    if provider == Some(ProviderKind::Local) {
        report.remark(
            &node.span,
            "hosts of the provider `local` cost nothing, so the spend limit limits nothing",
            "it is for rented hosts: leave it for later, or remove the line",
        );
    } else if provider == Some(ProviderKind::Existing) {
        report.problem(
            &node.span,
            "what machines cost that you already have is not known here, so no limit can be kept",
            "remove the line: limits are for hosts that are rented by `workshop`",
        );
    } else if !has_deadline {
        report.problem(
            &node.span,
            "without a deadline nobody can tell what the hosts will have cost",
            "add `workshop.deadline`, or remove the spend limit",
        );
    }
    Some(Some(limit))
}

/// `25 EUR`, `24.50 EUR`.
fn money(text: &str) -> Result<Money, Bad> {
    const HELP: &str = "write a sum and its currency, such as 25 EUR or 24.50 EUR";
    let not = || bad(format!("`{}` is not a sum of money", shown(text)), HELP);
    let Some((number, currency)) = text.split_once(' ') else {
        let number = text.parse::<Amount>();
        if number.is_ok() {
            return bad(
                format!("`{}` does not say in which currency", shown(text)),
                format!("write {text} EUR, or the currency that the provider bills in"),
            );
        }
        return not();
    };
    if currency.len() != 3 || !currency.bytes().all(|c| c.is_ascii_uppercase()) {
        return bad(
            format!("`{}` is not a currency", shown(currency)),
            "write its three capital letters (ISO 4217), such as EUR or USD",
        );
    }
    if number
        .split_once('.')
        .is_some_and(|(_, cents)| cents.len() > 2)
    {
        return bad(
            format!("`{}` has parts of a cent", shown(number)),
            "write two digits behind the point at most",
        );
    }
    let Ok(amount) = number.parse::<Amount>() else {
        return not();
    };
    if amount == Amount::ZERO {
        return bad(
            "a spend limit of nothing lets no host be made",
            "write what the workshop may cost, or remove the line for no limit",
        );
    }
    Ok(Money {
        amount,
        currency: currency.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_names_its_currency_and_has_no_other_form() {
        let table = [
            "25 EUR",
            "24.50 EUR",
            "0.5 USD",
            "25",
            "25EUR",
            "EUR 25",
            "€25",
            "25 eur",
            "25 Euro",
            "1,50 EUR",
            "-1 EUR",
            "0 EUR",
            "1.005 EUR",
            "25  EUR",
            "1e3 EUR",
        ]
        .map(|text| match money(text) {
            Ok(money) => format!("{text} = {money}"),
            Err(bad) => format!("{text}: {}. {}", bad.message, bad.help),
        });
        insta::assert_snapshot!(table.join("\n"));
    }
}
