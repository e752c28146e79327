//! The board as one small page for the projector: read-only, live, words only unless asked.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use futures_core::Stream;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::IntervalStream;

use super::feed::Feed;

const PAGE: &str = include_str!("page.html");

/// The page's own script and style are in it, and it asks nobody but us.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A projector shows what is a second old.
const EVERY: Duration = Duration::from_secs(1);

/// A page that is being served.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
}

impl Served {
    /// Takes the address.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(crate) async fn at(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
        })
    }

    /// Serves until the future is dropped.
    ///
    /// # Errors
    /// When the socket fails.
    pub(crate) async fn run(self, feed: Feed, names: bool) -> std::io::Result<()> {
        let router = Router::new()
            .route("/", get(page))
            .route("/events", get(move || events(feed.clone(), names)));
        axum::serve(self.listener, router).await
    }
}

async fn page() -> impl IntoResponse {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(PAGE))
}

/// The whole board whenever it differs from what was sent: it is a few kilobytes.
async fn events(feed: Feed, names: bool) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut last = String::new();
    let stream = IntervalStream::new(ticks).filter_map(move |_| {
        let mut hosts = feed.look(|board| board.shown(Timestamp::now(), names));
        for task in hosts.iter_mut().flat_map(|host| &mut host.tasks) {
            // Why somebody's check failed is between them and the instructor.
            task.reason = None;
        }
        // Strings, numbers and lists of them always make JSON.
        let now = serde_json::to_string(&hosts).unwrap_or_default();
        if now == last {
            return None;
        }
        last.clone_from(&now);
        Some(Ok(Event::default().data(now)))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}
