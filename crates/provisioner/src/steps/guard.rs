//! The host's guard: a service that runs on what the inventory says, or that is not there.

use sha2::{Digest as _, Sha256};

use super::{HostContext, PROFILE, render};
use crate::guard::{CONFIG, UNIT};
use crate::host::Script;
use crate::step::{HostFile, Step};

pub(super) fn guard(context: &HostContext) -> Step {
    let with = |limits: &str, body| {
        let mut script = Script::default()
            .with("unit", UNIT)
            .with("config", CONFIG)
            .with("limits", limits)
            .with(
                "binary",
                &format!("{}/bin/workshop", context.closure.host.as_str()),
            );
        script.push(body);
        script
    };
    let Some(config) = &context.guard else {
        return Step {
            id: "guard",
            files: vec![],
            fact: with("", "[ ! -e \"/etc/systemd/system/$unit\" ]"),
            change: with(
                "",
                "systemctl disable --now -q \"$unit\" || true\n\
                 rm -f \"/etc/systemd/system/$unit\" \"$config\"\n\
                 systemctl daemon-reload",
            ),
        };
    };
    let json = serde_json::to_string_pretty(config)
        .unwrap_or_else(|error| unreachable!("a guard's configuration is plain data: {error}"));
    // In the unit's environment: so a run that was killed before the restart is found out.
    let digest = Sha256::digest(&json);
    let sum: String = (digest.iter().take(8))
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let files = vec![
        HostFile::public(CONFIG, format!("{json}\n")),
        HostFile::public(
            format!("/etc/systemd/system/{UNIT}"),
            render(
                "guard.service.j2",
                include_str!("../../../../templates/host/guard.service.j2"),
                minijinja::context! { profile => PROFILE, config => CONFIG, limits => &sum },
            ),
        ),
    ];
    // A running one that was started with an older program or older limits is not the one that is wanted.
    let fact = r#"
[ -L "/etc/systemd/system/multi-user.target.wants/$unit" ] || { echo "not enabled"; exit 1; }
pid=$(systemctl show -P MainPID "$unit")
[ "$pid" != 0 ] || { echo "not running"; exit 1; }
[ "/proc/$pid/exe" -ef "$binary" ] || { echo "runs another program"; exit 1; }
grep -qzx "LIMITS=$limits" "/proc/$pid/environ" || { echo "was started with other limits"; exit 1; }
"#;

    let change = r#"
systemctl daemon-reload
systemctl enable -q "$unit"
systemctl restart "$unit" || { journalctl -u "$unit" -n 15 --no-pager -o cat; exit 1; }
"#;
    Step {
        id: "guard",
        files,
        fact: with(&sum, fact),
        change: with(&sum, change),
    }
}
