//! What can be had: a few server types, locations, images and their prices. The prices are made up; their form is
//! the real one.

use hcloud::models::{
    self, Architecture, Image, IpType, ListPricesResponsePricing, Location, Price, PricePerTime,
    ServerType, ServerTypeLocation, image, server_type,
};
use serde_json::{Value, json};

pub(crate) const CREATED: &str = "2027-01-01T00:00:00Z";

/// Name, cores, memory and disk in GB, an hour and a month in euro.
const TYPES: [(&str, i32, f64, f64, &str, &str); 4] = [
    (
        "cx22",
        2,
        4.0,
        40.0,
        "0.0060000000000000",
        "3.7900000000000000",
    ),
    (
        "cx32",
        4,
        8.0,
        80.0,
        "0.0113000000000000",
        "6.8000000000000000",
    ),
    (
        "cpx31",
        4,
        8.0,
        160.0,
        "0.0210000000000000",
        "13.1000000000000000",
    ),
    (
        "cpx51",
        16,
        32.0,
        360.0,
        "0.0875000000000000",
        "54.9000000000000000",
    ),
];
const LOCATIONS: [(&str, &str, &str, &str); 3] = [
    ("fsn1", "Falkenstein", "DE", "eu-central"),
    ("nbg1", "Nuremberg", "DE", "eu-central"),
    ("hel1", "Helsinki", "FI", "eu-central"),
];
const IMAGES: [&str; 3] = ["debian-12", "debian-13", "ubuntu-24.04"];
const VAT: &str = "19.000000";

fn price(net: &str) -> Price {
    // The gross price is not read by anybody here; its form is.
    Price::new(net.to_owned(), net.to_owned())
}

fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or_default() + 1
}

pub(crate) fn location(name: &str) -> Option<Location> {
    let (index, one) = LOCATIONS
        .iter()
        .enumerate()
        .find(|(_, one)| one.0 == name)?;
    Some(Location {
        city: one.1.to_owned(),
        country: one.2.to_owned(),
        description: format!("{} DC Park 1", one.1),
        id: number(index),
        latitude: 50.0,
        longitude: 12.0,
        name: one.0.to_owned(),
        network_zone: one.3.to_owned(),
    })
}

pub(crate) fn locations() -> Vec<Value> {
    let all = LOCATIONS.iter().filter_map(|one| location(one.0));
    all.map(|one| json!(one)).collect()
}

fn prices(hour: &str, month: &str) -> Vec<PricePerTime> {
    let all = LOCATIONS.iter().map(|location| PricePerTime {
        included_traffic: 20 << 40,
        location: location.0.to_owned(),
        price_hourly: Box::new(price(hour)),
        price_monthly: Box::new(price(month)),
        price_per_tb_traffic: Box::new(price("1.0000000000000000")),
    });
    all.collect()
}

pub(crate) fn server_type(name: &str) -> Option<ServerType> {
    let (index, one) = TYPES.iter().enumerate().find(|(_, one)| one.0 == name)?;
    let places = LOCATIONS
        .iter()
        .enumerate()
        .map(|(index, location)| ServerTypeLocation {
            deprecation: None,
            id: number(index),
            name: location.0.to_owned(),
        });
    Some(ServerType::new(
        Architecture::X86,
        one.1,
        server_type::CpuType::Shared,
        Some(false),
        one.0.to_uppercase(),
        one.3,
        number(index),
        places.collect(),
        one.2,
        one.0.to_owned(),
        prices(one.4, one.5),
        server_type::StorageType::Local,
    ))
}

pub(crate) fn server_types() -> Vec<Value> {
    let all = TYPES.iter().filter_map(|one| server_type(one.0));
    all.map(|one| json!(one)).collect()
}

pub(crate) fn image(name: &str) -> Option<Image> {
    let (index, name) = IMAGES.iter().enumerate().find(|(_, one)| **one == name)?;
    let (flavor, version) = name.split_once('-')?;
    Some(Image::new(
        Architecture::X86,
        None,
        CREATED.to_owned(),
        None,
        None,
        None,
        (*name).to_owned(),
        5.0,
        number(index),
        None,
        std::collections::HashMap::new(),
        Some((*name).to_owned()),
        match flavor {
            "ubuntu" => image::OsFlavor::Ubuntu,
            _ => image::OsFlavor::Debian,
        },
        Some(version.to_owned()),
        models::Protection::new(false),
        image::Status::Available,
        image::Type::System,
    ))
}

pub(crate) fn images(more: &[String]) -> Vec<Value> {
    let all = IMAGES.iter().filter_map(|name| image(name));
    let more = more.iter().filter_map(|name| {
        let like = image(IMAGES[1])?;
        Some(Image {
            name: Some(name.clone()),
            ..like
        })
    });
    all.chain(more).map(|one| json!(one)).collect()
}

pub(crate) fn pricing() -> Value {
    let address = |kind, hour: &str, month: &str| models::ListPricesResponsePricingPrimaryIps {
        prices: LOCATIONS
            .iter()
            .map(|location| models::PricePerTimeWithoutTraffic {
                location: location.0.to_owned(),
                price_hourly: Box::new(price(hour)),
                price_monthly: Box::new(price(month)),
            })
            .collect(),
        r#type: kind,
    };
    let month = || Box::new(price("1.0000000000000000"));
    let types =
        TYPES.iter().enumerate().map(
            |(index, one)| models::ListPricesResponsePricingServerTypes {
                id: number(index),
                name: one.0.to_owned(),
                prices: prices(one.4, one.5),
            },
        );
    let pricing = ListPricesResponsePricing {
        currency: "EUR".to_owned(),
        floating_ip: Box::new(models::ListPricesResponsePricingFloatingIp {
            price_monthly: month(),
        }),
        floating_ips: vec![],
        image: Box::new(models::ListPricesResponsePricingImage {
            price_per_gb_month: month(),
        }),
        load_balancer_types: vec![],
        primary_ips: vec![
            address(IpType::Ipv4, "0.0008000000000000", "0.5000000000000000"),
            address(IpType::Ipv6, "0.0000000000000000", "0.0000000000000000"),
        ],
        server_backup: Box::new(models::ListPricesResponsePricingServerBackup {
            percentage: "20.0000000000".to_owned(),
        }),
        server_types: types.collect(),
        vat_rate: VAT.to_owned(),
        volume: Box::new(models::ListPricesResponsePricingVolume {
            price_per_gb_month: month(),
        }),
    };
    json!({ "pricing": pricing })
}
