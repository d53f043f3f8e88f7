//! What comes back.

use poem::{http::HeaderMap, test::TestResponse};
use serde_json::Value;

/// The whole answer to one request.
#[derive(Debug)]
pub struct Reply {
    status: u16,
    headers: HeaderMap,
    bytes: Vec<u8>,
    text: String,
    json: Value,
}

impl Reply {
    /// Reads a response to its end.
    pub async fn read(response: TestResponse) -> Self {
        let (parts, body) = response.0.into_parts();
        let bytes = body.into_vec().await.expect("a body");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_slice(&bytes).unwrap_or_default();
        Self { status: parts.status.as_u16(), headers: parts.headers, bytes, text, json }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The HTTP headers.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header, if it is there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header in ASCII"))
    }

    /// The body as it was sent.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The body as it was sent, letter by letter, without what it cost: that follows from how much is published, too.
    #[must_use]
    pub fn answer(&self) -> String {
        match self.text.split_once(",\"extensions\":{\"cost\"") {
            Some((answer, _)) => format!("{answer}}}"),
            None => self.text.clone(),
        }
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub const fn json(&self) -> &Value {
        &self.json
    }

    /// `data`, of a reply without errors at the top level.
    #[must_use]
    #[track_caller]
    pub fn data(&self) -> &Value {
        assert!(self.errors().is_empty() && self.json.get("data").is_some(), "{} {}", self.status, self.text);
        &self.json["data"]
    }

    /// What stands at a JSON pointer, such as `/data/page/title`.
    #[must_use]
    #[track_caller]
    pub fn at(&self, pointer: &str) -> &Value {
        let found = self.json.pointer(pointer);
        found.unwrap_or_else(|| panic!("nothing at {pointer} of {} {}", self.status, self.text))
    }

    /// The errors at the top level.
    #[must_use]
    pub fn errors(&self) -> &[Value] {
        self.json["errors"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The code of the first error at the top level.
    #[must_use]
    #[track_caller]
    pub fn code(&self) -> &str {
        let code = self.json.pointer("/errors/0/extensions/code").and_then(Value::as_str);
        code.unwrap_or_else(|| panic!("no code in {} {}", self.status, self.text))
    }

    /// The errors in the payload of this mutation.
    #[must_use]
    #[track_caller]
    pub fn user_errors(&self, field: &str) -> &[Value] {
        let errors = self.data()[field]["errors"].as_array();
        errors.unwrap_or_else(|| panic!("no errors in {field} of {} {}", self.status, self.text))
    }

    /// The codes of the errors in the payload of this mutation.
    #[must_use]
    #[track_caller]
    pub fn user_codes(&self, field: &str) -> Vec<&str> {
        self.user_errors(field).iter().map(|error| error["code"].as_str().unwrap_or_default()).collect()
    }
}
