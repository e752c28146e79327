//! CSV (RFC 4180) with a header: one line a host and task.

use miette::IntoDiagnostic as _;

use super::{Report, stage, state};

pub(super) fn write(report: &Report) -> miette::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record([
            "word",
            "participant",
            "task",
            "verified",
            "host_says",
            "differs",
            "reason",
        ])
        .into_diagnostic()?;
    for host in &report.hosts {
        for one in &host.tasks {
            let differs = if one.differs.is_some() { "yes" } else { "no" };
            let reason = one.reason.as_deref().unwrap_or_default();
            writer
                .write_record([
                    &text(&host.word),
                    &text(&host.participant),
                    one.task,
                    state(one.verified),
                    stage(one.host_says),
                    differs,
                    &text(reason),
                ])
                .into_diagnostic()?;
        }
    }
    let bytes = writer.into_inner().into_diagnostic()?;
    String::from_utf8(bytes).into_diagnostic()
}

/// Spreadsheets take a cell that begins with one of these for a formula, and a host may have made the text (OWASP,
/// CSV Injection).
fn text(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cell_is_text() {
        assert_eq!(super::text("=1+1"), "'=1+1");
        assert_eq!(super::text("a=1"), "a=1");
    }
}
