//! What Hetzner charges this account.

use super::answer::{OnePricing, PlacePrice, Pricing};
use super::api::{Api, Request};
use super::error::HetznerError;
use crate::cloud::price::{Amount, BadAmount, Offer, Price};
use crate::host::printable;

pub(super) async fn offers(api: &Api) -> Result<Vec<Offer>, HetznerError> {
    const DOING: &str = "asking for prices";
    let answer: OnePricing = api.ask(&Request::get("/pricing", DOING)).await?;
    read(&answer.pricing).map_err(|error| HetznerError::Garbled {
        doing: DOING.to_owned(),
        tries: 1,
        source: serde::de::Error::custom(error),
    })
}

fn read(pricing: &Pricing) -> Result<Vec<Offer>, BadAmount> {
    let vat: Amount = pricing.vat_rate.parse()?;
    let mut offers = Vec::new();
    for server_type in &pricing.server_types {
        for place in &server_type.prices {
            // Every server has a public IPv4 address, which is charged beside it.
            let address = pricing
                .primary_ips
                .iter()
                .filter(|address| address.kind == "ipv4")
                .flat_map(|address| &address.prices)
                .find(|price| price.location == place.location);
            let sum = |of: fn(&PlacePrice) -> &str| -> Result<Amount, BadAmount> {
                let address = address.map_or(Ok(Amount::ZERO), |address| of(address).parse())?;
                Ok(of(place).parse::<Amount>()? + address)
            };
            offers.push(Offer {
                server_type: printable(server_type.name.as_bytes()),
                location: printable(place.location.as_bytes()),
                price: Price {
                    hourly_net: sum(|price| &price.price_hourly.net)?,
                    monthly_net: sum(|price| &price.price_monthly.net)?,
                    currency: printable(pricing.currency.as_bytes()),
                    vat,
                },
            });
        }
    }
    Ok(offers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pricing(vat: &str) -> Pricing {
        let price = |location: &str, hour: &str, month: &str| {
            serde_json::json!({
                "location": location, "new": 1,
                "price_hourly": {"net": hour, "gross": "x"}, "price_monthly": {"net": month, "gross": "x"},
            })
        };
        serde_json::from_value(serde_json::json!({
            "currency": "EUR", "vat_rate": vat,
            "server_types": [{"id": 1, "name": "cpx31", "prices": [
                price("fsn1", "0.0210000000", "13.10"), price("ash", "0.0250000000", "15.10"),
            ]}],
            "primary_ips": [
                {"type": "ipv6", "prices": [price("fsn1", "9", "9")]},
                {"type": "ipv4", "prices": [price("fsn1", "0.0008", "0.50")]},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn the_address_is_in_the_price() {
        let offers = read(&pricing("19.000000")).unwrap();
        let told: Vec<String> = offers
            .iter()
            .map(|offer| {
                let price = &offer.price;
                format!(
                    "{} {} {} {} {} {}",
                    offer.server_type,
                    offer.location,
                    price.hourly_net,
                    price.monthly_net,
                    price.currency,
                    price.vat
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "cpx31 fsn1 0.0218 13.6000 EUR 19.0000",
                "cpx31 ash 0.0250 15.1000 EUR 19.0000"
            ]
        );
        assert!(read(&pricing("much")).is_err());
    }
}
