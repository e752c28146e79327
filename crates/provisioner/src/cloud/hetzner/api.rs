//! One request to the Hetzner Cloud API, and lists of things. Everything that is sent goes through
//! [`Api::send`].

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::Retryable as _;
use hcloud::models::Meta;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Client, Method, Response, Url};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::Notice;
use super::error::HetznerError;
use super::fault::{Failed, Fault, Refusal};
use super::pace::{Pace, until_reset};
use super::token::Token;

/// The real one.
pub(super) const ENDPOINT: &str = "https://api.hetzner.cloud/v1";

/// A page of 50 servers has about 200 kB, the prices about 100.
const LONGEST_ANSWER: usize = 8 << 20;
/// The most that the API gives at once.
const PAGE: &str = "50";

/// The API, with a token.
pub(super) struct Api {
    client: Client,
    base: String,
    token: Token,
    pub(super) pace: Pace,
    notice: Option<Notice>,
    /// Until then nobody sends: the limit of requests was met.
    hold: Mutex<Instant>,
}

/// One request.
pub(super) struct Request {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    /// For messages: `making the server able`.
    pub(super) doing: String,
    /// Whether it is sent again when it may have been done already.
    repeats: bool,
}

impl Request {
    pub(super) fn new(method: Method, path: impl Into<String>, doing: impl Into<String>) -> Self {
        Self {
            // Reading, and deleting what has a number that is never given again, may be done twice.
            repeats: method == Method::GET || method == Method::DELETE,
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            doing: doing.into(),
        }
    }

    pub(super) fn get(path: impl Into<String>, doing: impl Into<String>) -> Self {
        Self::new(Method::GET, path, doing)
    }

    pub(super) fn post(
        path: impl Into<String>,
        body: &impl Serialize,
        doing: impl Into<String>,
    ) -> Self {
        let mut request = Self::new(Method::POST, path, doing);
        // Models of the API: maps with texts for keys, which JSON always takes.
        request.body = Some(serde_json::to_value(body).unwrap_or_default());
        request
    }

    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// A change that comes to the same when it is made twice.
    pub(super) fn repeating(mut self) -> Self {
        self.repeats = true;
        self
    }
}

impl Api {
    pub(super) fn new(
        endpoint: &str,
        token: Token,
        pace: Pace,
        notice: Option<Notice>,
    ) -> Result<Self, HetznerError> {
        let client = Client::builder()
            .user_agent(concat!("workshop/", env!("CARGO_PKG_VERSION")))
            .timeout(pace.answer)
            .connect_timeout(pace.answer.min(Duration::from_secs(10)))
            // The API has none, and the token is for nobody else.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|source| HetznerError::Client { source })?;
        Ok(Self {
            client,
            base: check(endpoint)?,
            token,
            pace,
            notice,
            hold: Mutex::new(Instant::now()),
        })
    }

    /// Sends a request until it has an answer that says something, within [`Pace::tries`].
    ///
    /// Beyond the limit of requests there is no counting: it is waited for until it is whole again.
    pub(super) async fn send<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Failed> {
        let (mut tries, begin, mut until) = (0, Instant::now(), None);
        let once = || {
            tries += 1;
            self.once(request)
        };
        let result = once
            .retry(self.pace.backoff())
            .when(|fault: &Fault| fault.passes() && (request.repeats || !fault.leaves_unsure()))
            .adjust(|fault, pause| match fault.limit() {
                Some(Some(reset)) => {
                    let last = begin.elapsed() + reset + self.pace.margin * 60;
                    // The wait itself is everybody's: `hold`.
                    (begin.elapsed() <= *until.get_or_insert(last)).then_some(Duration::ZERO)
                }
                _ => pause,
            })
            .await;
        result.map_err(|fault| Failed {
            fault,
            tries,
            waited: begin.elapsed(),
        })
    }

    /// As [`Api::send`], with the error as whoever gave the command sees it.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        request: &Request,
    ) -> Result<T, HetznerError> {
        self.send(request)
            .await
            .map_err(|failed| self.told(request, failed))
    }

    /// Deletes a thing; one that is gone already is gone.
    pub(super) async fn delete(&self, request: &Request) -> Result<Option<Value>, HetznerError> {
        match self.send::<Option<Value>>(request).await {
            Ok(answer) => Ok(answer),
            Err(failed) if failed.has_status(404) => Ok(None),
            Err(failed) => Err(self.told(request, failed)),
        }
    }

    /// All of a list, page by page; `key` is what the API calls it.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        key: &'static str,
        query: &[(&'static str, String)],
        doing: &str,
    ) -> Result<Vec<T>, HetznerError> {
        let mut all = Vec::new();
        let mut page: i64 = 1;
        loop {
            let mut request = Request::get(format!("/{key}"), doing)
                .with("page", page)
                .with("per_page", PAGE);
            request.query.extend(query.iter().cloned());
            let Page { items, next } =
                self.ask::<Raw>(&request)
                    .await?
                    .page(key)
                    .map_err(|source| HetznerError::Garbled {
                        doing: doing.to_owned(),
                        tries: 1,
                        source,
                    })?;
            all.extend(items);
            match next {
                // An answer that leads back would never end.
                Some(next) if next > page => page = next,
                _ => return Ok(all),
            }
        }
    }

    pub(super) fn told(&self, request: &Request, failed: Failed) -> HetznerError {
        failed.told(
            &request.doing,
            &self.base,
            self.token.origin(),
            self.pace.answer,
        )
    }

    async fn once<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Fault> {
        let hold = *self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        sleep_until(hold).await;
        let url = format!("{}{}", self.base, request.path);
        let mut builder = self
            .client
            .request(request.method.clone(), url)
            .header(AUTHORIZATION, self.token.header())
            .header(ACCEPT, "application/json")
            .query(&request.query);
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        let response = builder.send().await.map_err(lost)?;
        let (status, reset) = (response.status(), until_reset(response.headers()));
        let body = read(response).await?;
        if status.is_success() {
            let body: &[u8] = if body.is_empty() { b"null" } else { &body };
            return serde_json::from_slice(body).map_err(Fault::Garbled);
        }
        let refusal = Refusal::new(status, &body, reset);
        let fault = Fault::Refused(refusal);
        if let Some(Some(reset)) = fault.limit() {
            self.hold_for(self.pace.wait(reset), &request.doing);
        }
        Err(fault)
    }

    fn hold_for(&self, wait: Duration, doing: &str) {
        let until = Instant::now() + wait;
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *hold < until;
        *hold = until.max(*hold);
        drop(hold);
        if is_news {
            self.note(format!(
                "Hetzner's limit of requests was met while {doing}: waiting {} s",
                wait.as_secs()
            ));
        }
    }

    /// Tells whoever gave the command.
    pub(super) fn note(&self, line: String) {
        if let Some(notice) = &self.notice {
            notice(line);
        }
    }
}

/// The address of an API without the slash at its end. A token is not sent in clear to another machine.
fn check(endpoint: &str) -> Result<String, HetznerError> {
    let wrong = |why| HetznerError::Endpoint {
        endpoint: endpoint.to_owned(),
        why,
    };
    let url = Url::parse(endpoint).map_err(|_| wrong("it is no URL"))?;
    let host = url.host_str().ok_or_else(|| wrong("it names no host"))?;
    let is_here = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if is_here => {}
        "http" => {
            return Err(wrong(
                "the token would travel unencrypted; only this machine may be named with http",
            ));
        }
        _ => return Err(wrong("it must begin with https://")),
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(wrong("it must be an address and a path, nothing more"));
    }
    Ok(endpoint.trim_end_matches('/').to_owned())
}

fn lost(error: reqwest::Error) -> Fault {
    if error.is_timeout() && !error.is_connect() {
        Fault::TimedOut
    } else if error.is_connect() {
        Fault::NoConnection(error)
    } else {
        Fault::Broken(error)
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Fault::TooLong(LONGEST_ANSWER));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// One page, before it is known of what.
#[derive(serde::Deserialize)]
struct Raw {
    #[serde(default)]
    meta: Option<Meta>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

struct Page<T> {
    items: Vec<T>,
    next: Option<i64>,
}

impl Raw {
    fn page<T: DeserializeOwned>(
        mut self,
        key: &'static str,
    ) -> Result<Page<T>, serde_json::Error> {
        let items = self.rest.remove(key).unwrap_or_default();
        Ok(Page {
            items: serde_json::from_value(items)?,
            next: self.meta.and_then(|meta| meta.pagination.next_page),
        })
    }
}

/// An answer that is not read, whatever is in it.
pub(super) type Unread = IgnoredAny;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_nowhere_in_clear() {
        for good in [
            ENDPOINT,
            "https://api.example.org/v1/",
            "http://127.0.0.1:8080/v1",
            "http://[::1]:8080",
            "http://localhost:1/",
        ] {
            assert_eq!(check(good).unwrap(), good.trim_end_matches('/'));
        }
        let mut said = String::new();
        for bad in [
            "api.hetzner.cloud",
            "http://api.hetzner.cloud/v1",
            "http://127.0.0.1.example.org",
            "ftp://api.hetzner.cloud",
            "https://u:p@api.hetzner.cloud",
            "https://api.hetzner.cloud/v1?x=1",
        ] {
            said += &format!("{}\n", check(bad).unwrap_err());
        }
        insta::assert_snapshot!(said);
    }
}
