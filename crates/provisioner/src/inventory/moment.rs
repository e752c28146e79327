//! Days and moments, each in the one form in which people do not mistake them.

use jiff::civil::Date;

use super::read::shown;
use super::values::{Bad, bad};

pub(crate) fn date(text: &str) -> Result<Date, Bad> {
    const HELP: &str = "write year-month-day: 2027-02-20";
    // jiff would take 20270220 and a time of day as well; one form is enough for people to read.
    if text.len() == 10 && text.bytes().filter(|c| *c == b'-').count() == 2 {
        return text.parse().or_else(|_| {
            bad(
                format!("`{}` is not a day of the calendar", shown(text)),
                HELP,
            )
        });
    }
    bad(format!("`{}` is not a date", shown(text)), HELP)
}

pub(crate) fn moment(text: &str) -> Result<jiff::ZonedDateTime, Bad> {
    // With a zone's name in brackets, if somebody prefers it.
    if let Ok(moment) = text.parse::<jiff::ZonedDateTime>() {
        return Ok(moment);
    }
    let parser = jiff::fmt::temporal::DateTimeParser::new();
    let help = "write date, time and the offset from UTC: 2027-02-21T20:00:00+01:00";
    let Ok(pieces) = parser.parse_pieces(text) else {
        return bad(format!("`{}` is not a moment in time", shown(text)), help);
    };
    let Some(time) = pieces.time() else {
        return bad(
            format!("`{}` has no time of day", shown(text)),
            format!(
                "write when the servers may go, such as {}T20:00:00+01:00",
                pieces.date()
            ),
        );
    };
    let Some(offset) = pieces.to_numeric_offset() else {
        return bad(
            format!("`{}` does not say in which time zone", shown(text)),
            format!(
                "add the offset from UTC, such as {}T{time}+01:00",
                pieces.date()
            ),
        );
    };
    offset
        .to_timestamp(pieces.date().to_datetime(time))
        .map(|moment| moment.to_zoned_datetime(jiff::tz::TimeZone::fixed(offset)))
        .or_else(|_| bad(format!("`{}` is out of range", shown(text)), help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_keep_their_offset() {
        let text = |moment: Result<jiff::ZonedDateTime, Bad>| match moment {
            Ok(moment) => moment.to_string(),
            Err(bad) => format!("{}. {}", bad.message, bad.help),
        };
        let table = [
            "2027-02-21T20:00:00+01:00",
            "2027-02-21 20:00+01",
            "2027-02-21T20:00Z",
            "2027-02-21",
            "2027-02-21T20:00",
            "2027-02-30T20:00Z",
            "tomorrow",
        ]
        .map(|written| text(moment(written)));
        insta::assert_snapshot!(table.join("\n"), @"
        2027-02-21T20:00:00+01:00[+01:00]
        2027-02-21T20:00:00+01:00[+01:00]
        2027-02-21T20:00:00+00:00[UTC]
        `2027-02-21` has no time of day. write when the servers may go, such as 2027-02-21T20:00:00+01:00
        `2027-02-21T20:00` does not say in which time zone. add the offset from UTC, such as 2027-02-21T20:00:00+01:00
        `2027-02-30T20:00Z` is not a moment in time. write date, time and the offset from UTC: 2027-02-21T20:00:00+01:00
        `tomorrow` is not a moment in time. write date, time and the offset from UTC: 2027-02-21T20:00:00+01:00
        ");
    }
}
