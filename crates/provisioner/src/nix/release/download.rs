//! One file over HTTPS, in as many tries as the connection wants, each going on where the last ended.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use reqwest::header::{CONTENT_RANGE, LOCATION, RANGE};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use tokio::time::Instant;

use super::error::{At, ReleaseError};
use crate::host::printable;
use crate::job::Reporter;

/// The source of 31 has 15 MB; what is four times that is something else.
pub(super) const LARGEST: u64 = 64 << 20;

/// The project's own has none.
pub(super) const MOST_REDIRECTS: usize = 5;

/// A try that brought this much was none in vain: a bad connection has as many as it needs.
const WORTH: u64 = 64 << 10;

/// Between two events of progress.
const FRAME: Duration = Duration::from_millis(200);

/// How long is waited for the other side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Without one byte. There is no limit for the whole: slow is not broken.
    pub(super) silence: Duration,
    /// Before the second try; then twice as long each time, with jitter, up to `longest`.
    pub(super) first: Duration,
    pub(super) longest: Duration,
    /// In a row without a gain.
    pub(super) tries: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(30),
            first: Duration::from_secs(1),
            longest: Duration::from_secs(10),
            tries: 5,
        }
    }
}

impl Patience {
    fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        ExponentialBuilder::default()
            .with_min_delay(self.first)
            .with_max_delay(self.longest)
            .with_max_times(self.tries.saturating_sub(1))
            .with_jitter()
            .build()
    }
}

/// Why one try ended.
enum Fault {
    NoConnection(reqwest::Error),
    Silent,
    Cut(reqwest::Error),
    Refused(StatusCode),
    Redirect(String),
    TooLarge,
    /// What is there goes beyond the file: it is none of its beginnings.
    Beyond,
    File(io::Error),
}

impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        // The address is in the message already.
        let error = error.without_url();
        if error.is_connect() {
            Self::NoConnection(error)
        } else if error.is_timeout() {
            Self::Silent
        } else {
            Self::Cut(error)
        }
    }
}

impl Fault {
    fn passes(&self) -> bool {
        match self {
            Self::NoConnection(_) | Self::Silent | Self::Cut(_) | Self::Beyond => true,
            Self::Refused(status) => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
                    )
            }
            Self::Redirect(_) | Self::TooLarge | Self::File(_) => false,
        }
    }

    fn short(&self) -> String {
        match self {
            Self::NoConnection(_) => "no connection".into(),
            Self::Silent => "nothing comes".into(),
            Self::Cut(_) => "cut".into(),
            Self::Refused(status) => format!("status {}", status.as_u16()),
            Self::Redirect(_) | Self::TooLarge | Self::Beyond | Self::File(_) => {
                "what was there does not fit".into()
            }
        }
    }
}

/// Fetches `at.url` into the part file of `at.path`, after what is there already. Whether it came in several pieces.
pub(super) async fn download(
    at: &At,
    patience: &Patience,
    report: &Reporter,
) -> Result<bool, ReleaseError> {
    let part = at.part();
    let client = client(patience).map_err(|source| ReleaseError::Client {
        at: at.clone(),
        source,
    })?;
    let (mut pauses, mut tries, mut pieces) = (patience.pauses(), 0, false);
    report.doing(format!("fetching {}", at.url));
    loop {
        tries += 1;
        let before = length(&part).map_err(ReleaseError::io(&part))?;
        pieces |= before > 0;
        let Err(fault) = once(&client, at, &part, before, report).await else {
            return Ok(pieces);
        };
        let got = length(&part).map_err(ReleaseError::io(&part))?;
        let pause = if !fault.passes() {
            None
        } else if got >= before + WORTH {
            (pauses, tries) = (patience.pauses(), 0);
            Some(patience.first)
        } else {
            pauses.next()
        };
        let Some(pause) = pause else {
            return Err(told(fault, at, &part, tries, got, patience));
        };
        report.doing(format!("{}: trying again", fault.short()));
        tokio::time::sleep(pause).await;
    }
}

fn client(patience: &Patience) -> reqwest::Result<Client> {
    Client::builder()
        .user_agent(concat!("workshop/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(patience.silence.min(Duration::from_secs(10)))
        .read_timeout(patience.silence)
        .redirect(redirect::Policy::custom(|attempt| {
            if may_follow(attempt.url(), attempt.previous().len()) {
                attempt.follow()
            } else {
                // The answer itself then tells where it leads.
                attempt.stop()
            }
        }))
        .build()
}

/// `asked` counts the addresses before this one.
pub(super) fn may_follow(to: &Url, asked: usize) -> bool {
    to.scheme() == "https" && asked <= MOST_REDIRECTS
}

/// One try, from byte `from` on if the server likes.
async fn once(
    client: &Client,
    at: &At,
    part: &Path,
    from: u64,
    report: &Reporter,
) -> Result<(), Fault> {
    let mut request = client.get(&at.url);
    if from > 0 {
        request = request.header(RANGE, format!("bytes={from}-"));
    }
    let mut response = request.send().await?;
    let begin = match response.status() {
        StatusCode::OK => 0,
        StatusCode::PARTIAL_CONTENT if from > 0 && goes_on_at(&response) == Some(from) => from,
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if from > 0 => {
            std::fs::remove_file(part).map_err(Fault::File)?;
            return Err(Fault::Beyond);
        }
        status if status.is_redirection() => return Err(Fault::Redirect(location(&response))),
        status => return Err(Fault::Refused(status)),
    };
    let total = response.content_length().map(|rest| begin + rest);
    if total.is_some_and(|total| total > LARGEST) {
        return Err(Fault::TooLarge);
    }
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .append(begin > 0)
        .truncate(begin == 0)
        .open(part)
        .map_err(Fault::File)?;
    let (mut got, mut shown) = (begin, None);
    while let Some(chunk) = response.chunk().await? {
        got += chunk.len() as u64;
        if got > LARGEST {
            std::fs::remove_file(part).map_err(Fault::File)?;
            return Err(Fault::TooLarge);
        }
        // At once, so that what was received is there whatever comes next.
        file.write_all(&chunk).map_err(Fault::File)?;
        if let Some(total) = total
            && (got == total || shown.is_none_or(|shown: Instant| shown.elapsed() >= FRAME))
        {
            shown = Some(Instant::now());
            report.progress("bytes of Bitcoin Core's source", got, total);
        }
    }
    file.sync_all().map_err(Fault::File)
}

/// The first byte of a part, from `bytes 5-9/10`.
fn goes_on_at(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let (first, _) = range.trim().strip_prefix("bytes ")?.split_once('-')?;
    first.parse().ok()
}

/// Hostile text: printable, one line, bounded.
fn location(response: &Response) -> String {
    const LONGEST: usize = 200;
    let told = response.headers().get(LOCATION);
    let text = printable(told.map_or(&b"nowhere"[..], |to| to.as_bytes()));
    text.replace(['\n', '\t'], " ")
        .chars()
        .take(LONGEST)
        .collect()
}

/// What is there of it.
fn length(part: &Path) -> io::Result<u64> {
    match std::fs::metadata(part) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// As whoever gave the command sees it.
fn told(
    fault: Fault,
    at: &At,
    part: &Path,
    tries: usize,
    got: u64,
    patience: &Patience,
) -> ReleaseError {
    let at = at.clone();
    match fault {
        Fault::NoConnection(source) => ReleaseError::Unreachable { at, tries, source },
        Fault::Silent => ReleaseError::Silent {
            at,
            tries,
            after: patience.silence,
            got,
        },
        Fault::Cut(source) => ReleaseError::Cut {
            at,
            tries,
            got,
            source,
        },
        Fault::Refused(StatusCode::NOT_FOUND) => ReleaseError::NotThere { at },
        Fault::Refused(status) if fault.passes() => ReleaseError::Server {
            at,
            status: status.as_u16(),
            tries,
        },
        Fault::Refused(status) => ReleaseError::Refused {
            at,
            status: status.as_u16(),
        },
        Fault::Beyond => ReleaseError::Refused {
            at,
            status: StatusCode::RANGE_NOT_SATISFIABLE.as_u16(),
        },
        Fault::Redirect(to) => ReleaseError::Redirect { at, to },
        Fault::TooLarge => ReleaseError::TooLarge { at },
        Fault::File(source) => ReleaseError::io(part)(source),
    }
}
