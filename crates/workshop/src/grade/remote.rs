//! One host of a grade: the checker goes there, looks as the participant, and is gone again.
//!
//! All of it is one remote command. Its standard input carries the program and then stays open: when it ends,
//! because we were interrupted, killed or cut off, the checker ends its looks and the folder goes.

use std::io::Cursor;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use exercises::Task;
use provisioner::Failure;
use provisioner::host::{Bytes, Limits, Script};
use provisioner::visit::Visit;
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use tokio::sync::watch;

use super::checker::Checker;
use super::line::BEGINS;

/// All tasks take seconds to minutes on a small host; Bitcoin Core's own functional tests may take twenty more.
const LONGEST: Duration = Duration::from_secs(45 * 60);

/// For the way there and for cleaning up.
const AROUND: Duration = Duration::from_secs(5 * 60);

/// After an interrupt a host cleans up so long: a node that is stopped writes its caches.
const GOODBYE: Duration = Duration::from_secs(30);

/// The evidence of all tasks has some 100 KB.
const MOST: usize = 8 << 20;

/// In a folder of root's that nobody else can list or change; the participant can run what is in it. Not in /run or
/// /tmp: programs may be forbidden there, and on small hosts these are memory.
const EXAMINE: &str = r#"
set -u
umask 077
base=/var/lib/workshop
mkdir -p -- "$base"
chmod a+x -- "$base"
find "$base" -maxdepth 1 -name 'grade.*' -mmin +120 -exec rm -rf -- {} +
dir=$(mktemp -d "$base/grade.XXXXXXXXXX") || exit 1
trap 'rm -rf -- "$dir"' EXIT
trap 'exit 130' HUP INT TERM PIPE
head -c "$size" > "$dir/workshop"
[ "$(wc -c < "$dir/workshop")" -eq "$size" ] || { echo "the checker did not come whole" >&2; exit 1; }
chmod 711 "$dir"
chmod 755 "$dir/workshop"
cd /home/workshop || exit 1
set -f
timeout -k 30 "$longest" setpriv --reuid=workshop --regid=workshop --init-groups \
  env -i HOME=/home/workshop USER=workshop LOGNAME=workshop SHELL=/bin/sh LANG=C.UTF-8 \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  "$dir/workshop" evidence --seed "$seed" $tasks
"#;

/// What the participant's host was made to look at.
pub(super) async fn examine(
    visit: &Visit,
    checker: Checker,
    tasks: &[&'static Task],
    seed: &str,
    mut stop: watch::Receiver<bool>,
) -> Result<Bytes, Failure> {
    let ids: Vec<&str> = tasks.iter().map(|task| task.id).collect();
    let mut script = Script::default()
        .with("size", &checker.program.len().to_string())
        .with("longest", &LONGEST.as_secs().to_string())
        .with("seed", seed)
        .with("tasks", &ids.join(" "));
    script.push(EXAMINE);
    let limits = Limits {
        deadline: LONGEST + AROUND,
        output: MOST,
    };
    visit.report.doing("sends the checker");
    let report = visit.report.clone();
    let on_line = move |line: &str| {
        // The host may print what it likes; only a task that we asked for is shown.
        let task = line.strip_prefix(BEGINS);
        if let Some(task) = task.and_then(|id| ids.iter().find(|known| **known == id.trim())) {
            report.doing(format!("looks at {task}"));
        }
    };
    let lifeline = Lifeline::of(stop.clone());
    let input = Cursor::new(checker.program).chain(lifeline);
    let fetching = visit.ssh.fetch(&script, input, limits, on_line);
    let stopped = async {
        let _ = stop.wait_for(|stop| *stop).await;
        tokio::time::sleep(GOODBYE).await;
    };
    tokio::select! {
        fetched = fetching => fetched.map_err(|error| Failure::new(&error)),
        () = stopped => Err(Failure {
            message: format!(
                "{}: no word {} s after the interrupt; the host cleans up by itself when the connection ends",
                visit.seat.word,
                GOODBYE.as_secs()
            ),
            hint: None,
        }),
    }
}

/// Input that says nothing and ends when `stop` is set.
struct Lifeline(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Lifeline {
    fn of(mut stop: watch::Receiver<bool>) -> Self {
        Self(Box::pin(async move {
            let _ = stop.wait_for(|stop| *stop).await;
        }))
    }
}

impl AsyncRead for Lifeline {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        // Ready without having put anything in is the end.
        self.0.as_mut().poll(context).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_input_ends_only_when_it_is_told_to() {
        let (stop, stopped) = watch::channel(false);
        let mut input = Cursor::new(b"program").chain(Lifeline::of(stopped));
        let mut read = [0; 7];
        input.read_exact(&mut read).await.unwrap();
        let mut more = [0];
        let waited = tokio::time::timeout(Duration::from_millis(20), input.read(&mut more)).await;
        assert!(waited.is_err());
        stop.send(true).unwrap();
        assert_eq!(input.read(&mut more).await.unwrap(), 0);
    }
}
