//! What one request can come to beside an answer, and what follows from it.

use std::time::Duration;

use hcloud::models::ErrorResponse;
use reqwest::StatusCode;

use super::error::HetznerError;
use crate::host::printable;

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// The API says no.
    Refused(Refusal),
    /// Nothing was sent.
    NoConnection(reqwest::Error),
    /// The connection ended before the answer did.
    Broken(reqwest::Error),
    TimedOut,
    Garbled(serde_json::Error),
    TooLong(usize),
}

/// An answer of the API that is an error.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    /// What is wrong with which field.
    pub(super) fields: Vec<String>,
    /// Until the limit of requests is whole again.
    pub(super) reset: Option<Duration>,
}

/// A fault, after how many tries.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) fault: Fault,
    pub(super) tries: u32,
    pub(super) waited: Duration,
}

impl Refusal {
    /// From a body that should be the API's error, and may be a gateway's page.
    pub(super) fn new(status: StatusCode, body: &[u8], reset: Option<Duration>) -> Self {
        let said = serde_json::from_slice::<ErrorResponse>(body).ok();
        let error = said.map(|response| *response.error);
        let fields = error
            .as_ref()
            .and_then(|error| error.details.as_ref()?.as_ref())
            .map(fields)
            .unwrap_or_default();
        let (code, message) = match error {
            Some(error) => (short(&error.code), short(&error.message)),
            None => (
                "no code".to_owned(),
                status.canonical_reason().unwrap_or("no reason").to_owned(),
            ),
        };
        Self {
            status: status.as_u16(),
            code,
            message,
            fields,
            reset,
        }
    }

    /// Whether another server type or location may have what this one has not.
    ///
    /// By the code and not by the status, which was 412, 422 and 503 over the years. That a type is not sold in a
    /// location at all has no code of its own.
    pub(super) fn wants_another_place(&self) -> bool {
        let text = self.message.to_ascii_lowercase();
        matches!(
            self.code.as_str(),
            "resource_unavailable" | "placement_error"
        ) || (self.code == "invalid_input" && text.contains("unsupported location for server type"))
    }

    fn is_limit_of_requests(&self) -> bool {
        self.status == 429
    }

    /// Another action runs on the same thing, or the thing has changed meanwhile.
    fn is_busy(&self) -> bool {
        matches!(
            self.code.as_str(),
            "locked" | "conflict" | "resource_in_use" | "maintenance"
        ) || self.status == 423
    }
}

impl Fault {
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether the same request may succeed a little later.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                !refusal.wants_another_place()
                    && (refusal.status >= 500
                        || refusal.is_busy()
                        || refusal.is_limit_of_requests())
            }
            Self::NoConnection(_) | Self::Broken(_) | Self::TimedOut | Self::Garbled(_) => true,
            Self::TooLong(_) => false,
        }
    }

    /// Whether what was asked for may have been done all the same.
    pub(super) fn leaves_unsure(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.status >= 500 && !refusal.wants_another_place(),
            Self::NoConnection(_) => false,
            Self::Broken(_) | Self::TimedOut | Self::Garbled(_) | Self::TooLong(_) => true,
        }
    }

    /// The limit of requests was met: until when.
    pub(super) fn limit(&self) -> Option<Option<Duration>> {
        let refusal = self.refusal()?;
        refusal.is_limit_of_requests().then_some(refusal.reset)
    }
}

impl Failed {
    pub(super) fn has_status(&self, status: u16) -> bool {
        self.fault
            .refusal()
            .is_some_and(|refusal| refusal.status == status)
    }

    pub(super) fn has_code(&self, code: &str) -> bool {
        self.fault
            .refusal()
            .is_some_and(|refusal| refusal.code == code)
    }

    /// As whoever gave the command sees it.
    pub(super) fn told(
        self,
        doing: &str,
        endpoint: &str,
        token: &str,
        answer: Duration,
    ) -> HetznerError {
        let tries = self.tries;
        let doing = doing.to_owned();
        match self.fault {
            Fault::Refused(refusal) => {
                refused(refusal, doing, token.to_owned(), tries, self.waited)
            }
            Fault::NoConnection(source) | Fault::Broken(source) => HetznerError::Unreachable {
                doing,
                endpoint: endpoint.to_owned(),
                tries,
                // The address is in the message already.
                source: source.without_url(),
            },
            Fault::TimedOut => HetznerError::TimedOut {
                doing,
                after: answer,
                tries,
            },
            Fault::Garbled(source) => HetznerError::Garbled {
                doing,
                tries,
                source,
            },
            Fault::TooLong(bound) => HetznerError::TooLong { doing, bound },
        }
    }
}

fn refused(
    refusal: Refusal,
    doing: String,
    token: String,
    tries: u32,
    waited: Duration,
) -> HetznerError {
    let is_busy = refusal.is_busy();
    let Refusal {
        status,
        code,
        message,
        fields,
        ..
    } = refusal;
    match (status, code.as_str()) {
        (401, _) => HetznerError::Unauthorized { doing, token },
        (_, "token_readonly") => HetznerError::ReadOnly { doing, token },
        (_, "resource_limit_exceeded") => HetznerError::Limit { doing, message },
        (403, _) => HetznerError::Forbidden {
            doing,
            message,
            token,
        },
        (404, _) => HetznerError::NotFound { doing, message },
        (_, "uniqueness_error") => HetznerError::NameTaken { doing, message },
        (429, _) => HetznerError::RateLimited { doing, waited },
        _ if is_busy => HetznerError::Busy {
            doing,
            message,
            tries,
        },
        (500.., _) => HetznerError::Server {
            doing,
            status,
            message,
            tries,
        },
        (422, _) => HetznerError::Invalid {
            doing,
            message,
            fields,
        },
        _ => HetznerError::Other {
            doing,
            status,
            code,
            message,
        },
    }
}

/// `{"fields": [{"name": …, "messages": […]}]}`, as `invalid_input` has it.
fn fields(details: &serde_json::Value) -> Vec<String> {
    let fields = details["fields"].as_array().map_or(&[][..], Vec::as_slice);
    let told = fields.iter().filter_map(|field| {
        let messages = field["messages"].as_array()?;
        let messages: Vec<&str> = messages.iter().filter_map(|one| one.as_str()).collect();
        Some(short(&format!(
            "{}: {}",
            field["name"].as_str()?,
            messages.join(", ")
        )))
    });
    told.take(20).collect()
}

/// One printable line of a bounded length.
fn short(text: &str) -> String {
    const LONGEST: usize = 300;
    printable(text.as_bytes())
        .replace(['\n', '\t'], " ")
        .chars()
        .take(LONGEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: &str, message: &str) -> Refusal {
        let body = serde_json::json!({ "error": { "code": code, "message": message } });
        Refusal::new(
            StatusCode::from_u16(status).unwrap(),
            body.to_string().as_bytes(),
            None,
        )
    }

    #[test]
    fn what_may_pass_and_what_may_have_happened() {
        for (status, code, passes, unsure) in [
            (401, "unauthorized", false, false),
            (403, "forbidden", false, false),
            (404, "not_found", false, false),
            (409, "uniqueness_error", false, false),
            (409, "conflict", true, false),
            (423, "locked", true, false),
            (422, "invalid_input", false, false),
            (412, "resource_unavailable", false, false),
            (503, "resource_unavailable", false, false),
            (422, "placement_error", false, false),
            (429, "rate_limit_exceeded", true, false),
            (500, "server_error", true, true),
            (503, "unavailable", true, true),
            (504, "timeout", true, true),
        ] {
            let fault = Fault::Refused(refusal(status, code, "why"));
            assert_eq!(fault.passes(), passes, "{status} {code}");
            assert_eq!(fault.leaves_unsure(), unsure, "{status} {code}");
        }
        assert!(Fault::TimedOut.passes() && Fault::TimedOut.leaves_unsure());
    }

    #[test]
    fn a_gateways_page_and_hostile_text_are_no_trouble() {
        let page = Refusal::new(StatusCode::BAD_GATEWAY, b"<html>no", None);
        assert_eq!(
            (page.code.as_str(), page.message.as_str()),
            ("no code", "Bad Gateway")
        );
        let hostile = refusal(
            422,
            "invalid_input",
            &format!("\u{1b}[2Ja\nb{}", "x".repeat(999)),
        );
        assert!(hostile.message.starts_with("\u{FFFD}[2Ja b"));
        assert_eq!(hostile.message.chars().count(), 300);
    }

    #[test]
    fn fields_are_told_one_by_one() {
        let body = br#"{"error": {"code": "invalid_input", "message": "invalid input in fields",
            "details": {"fields": [{"name": "image", "messages": ["unknown", "too old"]}, {"name": 1}]}}}"#;
        let refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, body, None);
        assert_eq!(refusal.fields, ["image: unknown, too old"]);
    }
}
