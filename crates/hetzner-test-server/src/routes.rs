//! A call from its first byte to its answer: who asks, what goes wrong, what is done.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as FromState;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::faults::{Fault, SILENCE};
use crate::query::{self, Query};
use crate::world::{Call, World};
use crate::{calls, catalogue, model};

/// As the real one: requests an hour.
const LIMIT: u64 = 3600;

/// An answer: its status, and its body where it has one.
pub(crate) struct Answer(pub(crate) u16, pub(crate) Option<Value>);

impl Answer {
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let error = json!({ "code": code, "message": message, "details": null });
        Self(status, Some(json!({ "error": error })))
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::error(404, "not_found", &format!("{what} not found"))
    }
}

pub(crate) fn router(world: Arc<World>) -> Router {
    Router::new().fallback(handle).with_state(world)
}

async fn handle(
    FromState(world): FromState<Arc<World>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri
        .path()
        .strip_prefix("/v1")
        .unwrap_or(uri.path())
        .to_owned();
    let fault = world.state().faults.of(method.as_str(), &path);
    // Written down before anything waits: a client that goes away has made its call.
    let number = {
        let mut state = world.state();
        state.calls.push(Call {
            method: method.to_string(),
            path: path.clone(),
            query: uri.query().unwrap_or_default().to_owned(),
            status: 0,
            fault,
        });
        state.calls.len() - 1
    };
    let answer = match (refusal(&world, &method, &headers), fault) {
        (Some(answer), _) => answer,
        (None, Some(fault)) if !fault.is_done() => match fault {
            Fault::Refuse(status, code, message) => Answer::error(status, code, message),
            Fault::RateLimit(seconds) => {
                let until = Instant::now() + Duration::from_secs(seconds);
                world.state().limited_until = Some(until);
                limited()
            }
            _ => {
                tokio::time::sleep(SILENCE).await;
                Answer(204, None)
            }
        },
        (None, _) => {
            // In a task of its own: what is done is done, though the client went away.
            let (world, query) = (
                Arc::clone(&world),
                query::parse(uri.query().unwrap_or_default()),
            );
            let done =
                tokio::spawn(
                    async move { route(&world, &method, &path, &query, &body, fault).await },
                );
            done.await.unwrap_or_else(|_| {
                Answer::error(500, "server_error", "a defect of the test server")
            })
        }
    };
    let status = answer.0;
    let response = with_fault(&world, answer, fault).await;
    if let Some(call) = world.state().calls.get_mut(number) {
        call.status = match fault {
            Some(Fault::Lost | Fault::LostInSilence | Fault::Silence) => 0,
            Some(Fault::DoneBut500) => 500,
            _ => status,
        };
    }
    response
}

fn limited() -> Answer {
    Answer::error(
        429,
        "rate_limit_exceeded",
        "limit of 3600 requests per hour reached",
    )
}

fn refusal(world: &World, method: &Method, headers: &HeaderMap) -> Option<Answer> {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let given = given
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    if given == world.setup.read_only_token {
        if method != Method::GET {
            return Some(Answer::error(
                403,
                "token_readonly",
                "the token is only allowed to perform GET requests",
            ));
        }
    } else if given != world.setup.token {
        return Some(Answer::error(401, "unauthorized", "unable to authenticate"));
    }
    let limit = world.state().limited_until;
    limit
        .is_some_and(|until| Instant::now() < until)
        .then(limited)
}

async fn with_fault(world: &World, answer: Answer, fault: Option<Fault>) -> Response {
    let Answer(mut status, mut value) = answer;
    match fault {
        Some(Fault::LostInSilence) => tokio::time::sleep(SILENCE).await,
        Some(Fault::DoneBut500) => {
            Answer(status, value) =
                Answer::error(500, "server_error", "an internal error occurred");
        }
        Some(Fault::UnknownValues) => value.iter_mut().for_each(model::of_tomorrow),
        _ => {}
    }
    let mut text = value.map(|value| value.to_string()).unwrap_or_default();
    if fault == Some(Fault::HalfJson) {
        text.truncate(text.len() / 2);
    }
    let body = if fault == Some(Fault::Lost) {
        let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        Body::from_stream(tokio_stream::once(Err::<Bytes, _>(cut)))
    } else {
        Body::from(text)
    };
    let (remaining, reset) = limit_headers(world);
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, "application/json")
        .header("RateLimit-Limit", LIMIT)
        .header("RateLimit-Remaining", remaining)
        .header("RateLimit-Reset", reset)
        .body(body)
        .unwrap_or_default()
}

/// How many requests are left, and when all are again.
fn limit_headers(world: &World) -> (u64, u64) {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let until = world.state().limited_until;
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    match left.filter(|left| !left.is_zero()) {
        // Whole seconds: the moment that is announced is never before the real one.
        Some(left) => (0, (now + left).as_secs() + 1),
        None => (LIMIT - 1, now.as_secs()),
    }
}

async fn route(
    world: &Arc<World>,
    method: &Method,
    path: &str,
    query: &Query,
    body: &[u8],
    fault: Option<Fault>,
) -> Answer {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let id = parts
        .get(1)
        .and_then(|part| part.parse::<i64>().ok())
        .unwrap_or_default();
    let body: Value = match body {
        [] => Value::Null,
        body => match serde_json::from_slice(body) {
            Ok(body) => body,
            Err(_) => return Answer::error(400, "json_error", "the body is not JSON"),
        },
    };
    let all = |key: &str, items: Vec<Value>| Answer(200, Some(query::page(key, items, query)));
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["servers"]) => all("servers", calls::servers(world, query)),
        ("GET", ["servers", _]) => calls::server(world, id),
        ("POST", ["servers"]) => calls::create(world, &body, fault).await,
        ("DELETE", ["servers", _]) => calls::delete(world, id).await,
        ("POST", ["servers", _, "actions", "rebuild"]) => {
            calls::rebuild(world, id, &body, fault).await
        }
        ("POST", ["servers", _, "actions", "poweron"]) => calls::power_on(world, id).await,
        ("GET", ["actions"]) => all("actions", calls::actions(world, query)),
        ("GET", ["ssh_keys"]) => all("ssh_keys", calls::keys(world, query)),
        ("POST", ["ssh_keys"]) => calls::add_key(world, &body),
        ("DELETE", ["ssh_keys", _]) => calls::remove_key(world, id),
        ("GET", ["firewalls"]) => all("firewalls", calls::firewalls(world, query)),
        ("POST", ["firewalls"]) => calls::add_firewall(world, &body),
        ("DELETE", ["firewalls", _]) => calls::remove_firewall(world, id),
        ("POST", ["firewalls", _, "actions", "set_rules"]) => calls::set_rules(world, id, &body),
        ("GET", ["images"]) => all(
            "images",
            named(catalogue::images(&world.setup.images), query),
        ),
        ("GET", ["server_types"]) => all("server_types", named(catalogue::server_types(), query)),
        ("GET", ["locations"]) => all("locations", named(catalogue::locations(), query)),
        ("GET", ["pricing"]) => Answer(200, Some(catalogue::pricing())),
        _ => Answer::not_found("endpoint"),
    }
}

/// With the name that was asked for, and the architecture.
fn named(mut items: Vec<Value>, query: &Query) -> Vec<Value> {
    for field in ["name", "architecture"] {
        if let Some(wanted) = query::get(query, field) {
            items.retain(|item| item[field] == wanted);
        }
    }
    items
}
