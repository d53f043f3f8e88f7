//! The parameters of a GraphQL request, from a query string or a JSON body. Strict: nothing is guessed.

use std::{borrow::Cow, time::Duration};

use http_body_util::BodyExt;
use mime::Mime;
use percent_encoding::percent_decode_str;
use poem::{
    Request,
    http::{HeaderMap, Method, Uri, header},
};
use serde_json::{Map, Value};

use super::bodies::{BodyMemory, NoRoom, Reservation};
use crate::{
    access::network::Network,
    delivery::answer::Sent,
    error::{Code, Error},
    http::graphql::Refusal,
    schema::limits::{self, Limits},
};

/// How much of a body that is too long is read to its end, so that the client gets to see why it is refused.
const DRAINED_BYTES: usize = 32 * 1024 * 1024;

/// How a request body is read.
#[derive(Clone, Debug)]
pub struct BodySettings {
    /// Length of the request body in bytes that is read at most.
    pub limit: usize,
    /// Time in which the whole request body must have arrived.
    pub timeout: Duration,
    /// The memory that all bodies share.
    pub memory: BodyMemory,
}

/// The document that a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum RequestedDocument {
    /// By its source text, the parameter `query`; never empty.
    Text(String),
    /// By the parameter `documentId`, after the draft's appendix on persisted documents; never empty.
    Id(String),
    /// By the hash of an automatic persisted query.
    Hash(String),
    /// By its source text, which is to be remembered under this hash.
    TextWithHash {
        /// The source text; never empty.
        text: String,
        /// What the client says is its SHA-256.
        hash: String,
    },
}

impl RequestedDocument {
    /// The source text, if the request brings it.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::TextWithHash { text, .. } => Some(text),
            Self::Id(_) | Self::Hash(_) => None,
        }
    }
}

/// The parameters of a well-formed GraphQL request over HTTP, beside the document.
#[derive(Debug)]
pub struct Parameters {
    /// Which operation of the document to run.
    pub operation_name: Option<String>,
    /// Values of the operation's variables.
    pub variables: Map<String, Value>,
    /// Additions to the protocol.
    pub extensions: Map<String, Value>,
    /// The HTTP method, which decides on the operations that may run.
    pub(super) method: Method,
}

/// A request as it was sent.
#[derive(Debug)]
pub enum Received {
    /// The query string of a GET request.
    Get(Uri),
    /// A POST request.
    Post {
        /// The body.
        body: Vec<u8>,
        /// Its part of the memory, held as long as the request is.
        _memory: Reservation,
    },
}

impl Received {
    /// Reads the query string of a GET request or the body of a POST request.
    pub async fn read(request: &mut Request, settings: &BodySettings, network: Network) -> Result<Self, Refusal> {
        match *request.method() {
            Method::GET => Ok(Self::Get(request.uri().clone())),
            Method::POST => {
                check_content_type(request.headers())?;
                let memory = settings.memory.begin(network);
                Ok(Self::Post { body: read_body(request, settings, &memory).await?, _memory: memory })
            }
            _ => Err(Refusal::method("GET, HEAD, POST", "GraphQL is served over GET and POST.")),
        }
    }

    /// What was sent, byte for byte.
    pub fn sent(&self) -> Sent<'_> {
        match self {
            Self::Get(uri) => Sent { by_get: true, sent: uri.query().unwrap_or_default().as_bytes() },
            Self::Post { body, .. } => Sent { by_get: false, sent: body },
        }
    }

    /// What it says.
    pub fn parse(&self) -> Result<(RequestedDocument, Parameters), Refusal> {
        match self {
            Self::Get(uri) => Parameters::from_query_string(uri.query().unwrap_or_default()),
            Self::Post { body, .. } => Parameters::from_json(body),
        }
    }
}

impl Parameters {
    fn from_query_string(query_string: &str) -> Result<(RequestedDocument, Self), Refusal> {
        let mut members = Map::new();
        for (name, value) in query_parameters(query_string) {
            let Some(name) = NAMES.into_iter().find(|known| name == *known) else { continue };
            let value = decode(value)
                .ok_or_else(|| bad_request(format!("The URL parameter \"{name}\" is not percent-encoded UTF-8.")))?;
            let value = match name {
                "query" | "documentId" | "operationName" => Value::String(value.into_owned()),
                _ => serde_json::from_str(&value)
                    .map_err(|error| bad_request(format!("The URL parameter \"{name}\" is not JSON: {error}.")))?,
            };
            if members.insert(name.to_owned(), value).is_some() {
                return Err(bad_request(format!("The URL parameter \"{name}\" occurs more than once.")));
            }
        }
        Self::from_members(members, Method::GET)
    }

    fn from_json(body: &[u8]) -> Result<(RequestedDocument, Self), Refusal> {
        limits::check_json(body, &Limits::default())?;
        let body = std::str::from_utf8(body).map_err(|_| bad_request("The request body is not UTF-8."))?;
        match serde_json::from_str(body) {
            Ok(Value::Object(members)) => Self::from_members(members, Method::POST),
            Ok(Value::Array(_)) => Err(bad_request("Batches are not supported: send one operation per request.")),
            Ok(_) => Err(bad_request("The request body is not a JSON object.")),
            Err(error) => Err(bad_request(format!("The request body is not JSON: {error}."))),
        }
    }

    fn from_members(mut members: Map<String, Value>, method: Method) -> Result<(RequestedDocument, Self), Refusal> {
        let mut take = |name: &str| members.remove(name).filter(|value| !value.is_null());
        let mut take_text = |name: &str| match take(name) {
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            None => Ok(None),
            Some(_) => Err(bad_request(format!("The parameter \"{name}\" is not a string."))),
        };
        let text = take_text("query")?.filter(|text| !text.trim().is_empty());
        let id = take_text("documentId")?;
        let operation_name = take_text("operationName")?;
        let mut take_map = |name: &str| match take(name) {
            Some(Value::Object(map)) => Ok(map),
            None => Ok(Map::new()),
            Some(_) => Err(bad_request(format!("The parameter \"{name}\" is not a JSON object."))),
        };
        let variables = take_map("variables")?;
        let mut extensions = take_map("extensions")?;
        let document = match (text, id, take_hash(&mut extensions)?) {
            (Some(text), None, None) => RequestedDocument::Text(text),
            (Some(text), None, Some(hash)) => RequestedDocument::TextWithHash { text, hash },
            (None, Some(id), None) => RequestedDocument::Id(id),
            (None, None, Some(hash)) => RequestedDocument::Hash(hash),
            (None, None, None) => return Err(bad_request("The parameter \"query\" is missing or empty.")),
            (Some(_), Some(_), _) => {
                return Err(bad_request("There must be one of the parameters \"query\" and \"documentId\", not both."));
            }
            (None, Some(_), Some(_)) => {
                return Err(bad_request("There must be a \"documentId\" or a persisted query, not both."));
            }
        };
        Ok((document, Self { operation_name, variables, extensions, method }))
    }
}

/// Takes the hash of an automatic persisted query out of the extensions, if it is there.
fn take_hash(extensions: &mut Map<String, Value>) -> Result<Option<String>, Refusal> {
    let Some(persisted) = extensions.remove("persistedQuery").filter(|value| !value.is_null()) else { return Ok(None) };
    match (persisted.get("version").and_then(Value::as_u64), persisted.get("sha256Hash").and_then(Value::as_str)) {
        (Some(1), Some(hash)) if !hash.is_empty() => Ok(Some(hash.to_owned())),
        _ => Err(bad_request("The extension \"persistedQuery\" must have \"version\": 1 and a \"sha256Hash\".")),
    }
}

/// The members of a request. All others are ignored: the specification keeps them for itself.
const NAMES: [&str; 5] = ["query", "documentId", "operationName", "variables", "extensions"];

/// Refuses a request that is not well-formed.
pub(super) fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::BadRequest, message)
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let refuse = || {
        Err(Refusal::new(
            Code::UnsupportedMediaType,
            "The request body must be sent as application/json in UTF-8, without a content encoding.",
        ))
    };
    let mut content_types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(content_type), None) = (content_types.next(), content_types.next()) else { return refuse() };
    let is_plain = headers.get_all(header::CONTENT_ENCODING).iter().all(|coding| coding == "identity");
    if content_type == "application/json" && is_plain {
        return Ok(());
    }
    let Some(content_type) = content_type.to_str().ok().and_then(|value| value.parse::<Mime>().ok()) else {
        return refuse();
    };
    let in_utf_8 = content_type.get_param(mime::CHARSET).is_none_or(|charset| charset == mime::UTF_8);
    if content_type.essence_str() != "application/json" || !in_utf_8 || !is_plain {
        return refuse();
    }
    Ok(())
}

async fn read_body(
    request: &mut Request,
    settings: &BodySettings,
    reservation: &Reservation,
) -> Result<Vec<u8>, Refusal> {
    let too_large = || {
        Refusal::new(
            Code::PayloadTooLarge,
            format!("The request body is longer than the {} bytes allowed.", settings.limit),
        )
    };
    let announced = request.header(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    let waits = request.headers().contains_key(header::EXPECT);
    if announced.is_some_and(|length| length > settings.limit as u64 && (waits || length > DRAINED_BYTES as u64)) {
        return Err(too_large());
    }
    // An announced length is only a promise, and there may be none, so the limit also holds while reading.
    let mut frames: http_body_util::combinators::BoxBody<_, std::io::Error> = request.take_body().into();
    let read = async {
        let (mut body, mut length) = (Vec::new(), 0);
        while let Some(frame) = frames.frame().await {
            let Ok(data) = frame.map_err(|_| bad_request("The request body broke off."))?.into_data() else { continue };
            length += data.len();
            match length {
                _ if length <= settings.limit => {
                    reservation.resize(length).map_err(no_room)?;
                    body.extend_from_slice(&data);
                }
                // Read on, keeping nothing: most clients look at the answer only when they have sent everything.
                _ if length <= DRAINED_BYTES => {
                    body = Vec::new();
                    reservation.resize(0).map_err(no_room)?;
                }
                _ => break,
            }
        }
        reservation.complete();
        if length > settings.limit { Err(too_large()) } else { Ok(body) }
    };
    let late = || Refusal::new(Code::RequestTimeout, "The request body took too long to arrive.");
    tokio::select! {
        biased;
        read = tokio::time::timeout(settings.timeout, read) => read.unwrap_or_else(|_| Err(late())),
        () = reservation.given_up() => Err(late()),
    }
}

fn no_room(_: NoRoom) -> Refusal {
    Error::Overloaded.into()
}

/// Names and values of a query string. Names are decoded if they can be, values are still encoded.
fn query_parameters(query_string: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    query_string.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name).unwrap_or(Cow::Borrowed(name)), value)
    })
}

/// Undoes the encoding of HTML forms. The usual decoder replaces what is not UTF-8; here that is an error.
fn decode(encoded: &str) -> Option<Cow<'_, str>> {
    if encoded.contains('+') {
        let encoded = encoded.replace('+', " ");
        Some(Cow::Owned(percent_decode_str(&encoded).decode_utf8().ok()?.into_owned()))
    } else {
        percent_decode_str(encoded).decode_utf8().ok()
    }
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_json_in_utf_8_is_read() {
        for (content_type, accepted) in [
            ("application/json", true),
            ("application/json; charset=utf-8", true),
            ("Application/Json; charset=\"UTF-8\"", true),
            ("application/json; charset=utf-16", false),
            ("application/graphql", false),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("multipart/form-data; boundary=x", false),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
            assert_eq!(check_content_type(&headers).is_ok(), accepted, "{content_type}");
        }
        assert!(check_content_type(&HeaderMap::new()).is_err());
    }

    #[test]
    fn query_strings_are_decoded_strictly() {
        let read = |query_string| Parameters::from_query_string(query_string).map_err(|refusal| refusal.code());
        let (document, parameters) =
            read("query=%7Ba+b%7D&operationName=&variables=%7B%22x%22:1%7D&other=%FF").expect("well-formed");
        assert_eq!(document, RequestedDocument::Text("{a b}".to_owned()));
        assert_eq!(parameters.operation_name, None);
        assert_eq!(parameters.variables["x"], 1);
        for malformed in [
            "",
            "query=",
            "query=%FF",
            "query=a&query=b",
            "query=a&quer%79=b",
            "query=a&variables=",
            "query=a&variables=[]",
            "query=a&extensions=1",
            "documentId=",
            "documentId=a&documentId=b",
            "documentId=a&query=b",
        ] {
            assert_eq!(read(malformed).err(), Some(Code::BadRequest), "{malformed}");
        }
    }

    #[test]
    fn a_document_is_asked_for_in_one_of_four_ways() {
        let read = |body: Value| {
            Parameters::from_json(body.to_string().as_bytes())
                .map(|(document, parameters)| (document, parameters.extensions.len()))
                .map_err(|refusal| refusal.code())
        };
        let (text, hash) = ("{a}".to_owned(), "h".to_owned());
        let apq = json!({ "persistedQuery": { "version": 1, "sha256Hash": "h" }, "other": 1 });
        for (body, document, extensions) in [
            (json!({ "query": "{a}", "documentId": null }), RequestedDocument::Text(text.clone()), 0),
            (
                json!({ "query": "{a}", "extensions": { "persistedQuery": null } }),
                RequestedDocument::Text(text.clone()),
                0,
            ),
            (json!({ "documentId": "i", "query": "" }), RequestedDocument::Id("i".to_owned()), 0),
            (json!({ "extensions": apq }), RequestedDocument::Hash(hash.clone()), 1),
            (json!({ "query": "{a}", "extensions": apq }), RequestedDocument::TextWithHash { text, hash }, 1),
        ] {
            assert_eq!(read(body.clone()), Ok((document, extensions)), "{body}");
        }
        for malformed in [
            json!({ "query": "{a}", "documentId": "i" }),
            json!({ "query": "{a}", "documentId": "i", "extensions": apq }),
            json!({ "documentId": "i", "extensions": apq }),
            json!({ "documentId": 1 }),
            json!({ "documentId": "" }),
            json!({ "query": "{a}", "extensions": { "persistedQuery": 1 } }),
            json!({ "query": "{a}", "extensions": { "persistedQuery": {} } }),
            json!({ "query": "{a}", "extensions": { "persistedQuery": { "version": 2, "sha256Hash": "h" } } }),
            json!({ "query": "{a}", "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "" } } }),
            json!({ "query": "{a}", "extensions": { "persistedQuery": { "version": 1 } } }),
        ] {
            assert_eq!(read(malformed.clone()).err(), Some(Code::BadRequest), "{malformed}");
        }
    }

    #[test]
    fn bodies_are_read_strictly() {
        let read = |body: &[u8]| Parameters::from_json(body).map_err(|refusal| refusal.code());
        let parameters = read(br#"{"query":"{a}","operationName":null,"variables":null,"extensions":null,"other":1}"#);
        assert_eq!(parameters.expect("well-formed").0, RequestedDocument::Text("{a}".to_owned()));
        for malformed in [
            &b""[..],
            b"\xff",
            b"{\"query\":\"{a}\"",
            b"\"{a}\"",
            b"[{\"query\":\"{a}\"}]",
            b"{}",
            b"{\"query\":\" \"}",
            b"{\"query\":1}",
            b"{\"query\":\"{a}\",\"operationName\":1}",
            b"{\"query\":\"{a}\",\"variables\":\"{}\"}",
            b"{\"query\":\"{a}\",\"extensions\":[]}",
        ] {
            assert_eq!(read(malformed).err(), Some(Code::BadRequest), "{malformed:?}");
        }
        assert!(read(&[b"{\"query\":\"a\",\"variables\":".as_slice(), &b"[".repeat(10_000)].concat()).is_err());
    }
}
