//! The host's deadline: a timer that warns and at last powers the host off, or none.
//!
//! Participants are root and can stop it. It saves power and tells people; a bill is kept in bounds by
//! `spend_limit`, `status` and `destroy`.

use jiff::{SignedDuration, Timestamp};

use super::{HostContext, render};
use crate::guard::AFTER_DEADLINE;
use crate::host::Script;
use crate::step::{HostFile, Step};

/// Before the power-off, in minutes.
const WARNINGS: [i64; 3] = [60, 15, 5];

/// From the start of a host whose deadline is over to its power-off, in seconds: time for `workshop provision`
/// to bring a deadline that was moved, or to save work.
const GRACE: u64 = 15 * 60;

pub(super) fn deadline(context: &HostContext) -> Step {
    let script = |moments: &str, body| {
        let mut script = Script::default().with("moments", moments);
        script.push("timer=workshop-deadline.timer service=workshop-deadline.service");
        script.push(body);
        script
    };
    let Some(deadline) = context.power_off else {
        return Step {
            id: "deadline",
            files: vec![],
            fact: script("", "[ ! -e \"/etc/systemd/system/$timer\" ]"),
            change: script(
                "",
                "systemctl disable --now -q \"$timer\" || true\n\
                 systemctl stop -q \"$service\" || true\n\
                 rm -f \"/etc/systemd/system/$timer\" \"/etc/systemd/system/$service\" /etc/workshop/deadline.sh\n\
                 rm -f \"/var/lib/systemd/timers/stamp-$timer\"\n\
                 systemctl daemon-reload",
            ),
        };
    };
    let moments = moments(deadline);
    let file = |name: &str, template, path: String| {
        let context = minijinja::context! {
            moments => &moments,
            deadline => deadline.as_second(),
            grace => GRACE,
            reason => AFTER_DEADLINE,
        };
        HostFile::public(path, render(name, template, context))
    };
    let unit = |name: &str| format!("/etc/systemd/system/workshop-deadline.{name}");
    let files = vec![
        file(
            "deadline.sh.j2",
            include_str!("../../../../templates/host/deadline.sh.j2"),
            "/etc/workshop/deadline.sh".into(),
        ),
        file(
            "deadline.service.j2",
            include_str!("../../../../templates/host/deadline.service.j2"),
            unit("service"),
        ),
        file(
            "deadline.timer.j2",
            include_str!("../../../../templates/host/deadline.timer.j2"),
            unit("timer"),
        ),
    ];
    // What was loaded, until the next boot: so a run that was killed before the restart is found out without a process.
    let fact = r#"
[ -L "/etc/systemd/system/timers.target.wants/$timer" ] || { echo "not enabled"; exit 1; }
[ -e /run/workshop-deadline ] || exit 0
read -r loaded < /run/workshop-deadline
[ "$loaded" = "$moments" ] || { echo "the timer has another deadline"; exit 1; }
"#;
    let change = r#"
echo changing > /run/workshop-deadline
systemctl daemon-reload
# One that was started after an earlier deadline is about to power the host off.
systemctl stop -q "$service" || true
systemctl enable -q "$timer"
systemctl restart "$timer"
printf '%s\n' "$moments" > /run/workshop-deadline
"#;
    let moments = moments.join(" ");
    Step {
        id: "deadline",
        files,
        fact: script(&moments, fact),
        change: script(&moments, change),
    }
}

/// When the timer fires, as systemd.time(7) reads it, the power-off last.
fn moments(deadline: Timestamp) -> Vec<String> {
    let before = WARNINGS.iter().map(|minutes| {
        deadline
            .checked_sub(SignedDuration::from_mins(*minutes))
            .unwrap_or(deadline)
    });
    before
        .chain([deadline])
        .map(|moment| moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timer_speaks_utc_whatever_zone_the_inventory_has() {
        let deadline: jiff::ZonedDateTime = "2027-03-28T03:10:00+02:00[+02:00]".parse().unwrap();
        assert_eq!(
            moments(deadline.timestamp()),
            [
                "2027-03-28 00:10:00 UTC",
                "2027-03-28 00:55:00 UTC",
                "2027-03-28 01:05:00 UTC",
                "2027-03-28 01:10:00 UTC",
            ]
        );
    }
}
