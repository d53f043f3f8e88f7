//! What a response is encoded as, by the client's `Accept` header.

use mime::Mime;
use poem::http::{HeaderMap, HeaderValue, header};

use crate::delivery::answer::Coding;

/// What a response is encoded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `application/graphql-response+json`, whose status says how the request went.
    GraphqlResponse,
    /// `application/json`, for older clients.
    Json,
}

impl MediaType {
    /// Chooses what the `Accept` header rates highest; nothing if it takes neither.
    ///
    /// A type that is named wins over one that only a wildcard covers, and the newer one wins a draw between names.
    /// The draft lets the server decide when there is no header or only `*/*`; whoever leaves it open is most likely an
    /// older client or a person with a shell, so that is `application/json`.
    pub fn negotiate(headers: &HeaderMap) -> Option<Self> {
        // What nearly every client sends needs no reading.
        let mut values = headers.get_all(header::ACCEPT).iter();
        match (values.next().map(HeaderValue::as_bytes), values.next()) {
            (None | Some(b"*/*" | b"application/json"), None) => return Some(Self::Json),
            (Some(b"application/graphql-response+json"), None) => return Some(Self::GraphqlResponse),
            _ => {}
        }
        let ranges: Vec<(Mime, u16)> = accepted(headers).collect();
        if ranges.is_empty() && headers.get_all(header::ACCEPT).iter().all(HeaderValue::is_empty) {
            return Some(Self::Json);
        }
        let json = rate(&ranges, "application/json");
        let graphql_response = rate(&ranges, "application/graphql-response+json");
        match (graphql_response, json) {
            (None, None) => None,
            (Some(graphql_response), Some(json)) if graphql_response == json && graphql_response.named => {
                Some(Self::GraphqlResponse)
            }
            (graphql_response, json) if graphql_response > json => Some(Self::GraphqlResponse),
            _ => Some(Self::Json),
        }
    }

    /// The `Content-Type` header of a response.
    pub(super) const fn content_type(self) -> HeaderValue {
        match self {
            Self::GraphqlResponse => HeaderValue::from_static("application/graphql-response+json; charset=utf-8"),
            Self::Json => HeaderValue::from_static("application/json; charset=utf-8"),
        }
    }
}

/// The index of the media type that the `Accept` header rates highest, the first of several; nothing if it takes none.
/// Without a header, the first.
pub fn prefer(headers: &HeaderMap, offered: &[&str]) -> Option<usize> {
    let ranges: Vec<(Mime, u16)> = accepted(headers).collect();
    if ranges.is_empty() && headers.get_all(header::ACCEPT).iter().all(HeaderValue::is_empty) {
        return Some(0);
    }
    let rated = offered.iter().enumerate().filter_map(|(index, essence)| Some((rate(&ranges, essence)?, index)));
    rated.max_by_key(|(rating, index)| (*rating, std::cmp::Reverse(*index))).map(|(_, index)| index)
}

/// How much a client wants a media type. Ordered by quality, then by whether the type was named.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rating {
    quality: u16,
    named: bool,
}

/// What the most specific range that covers `essence` says about it.
fn rate(ranges: &[(Mime, u16)], essence: &str) -> Option<Rating> {
    let quality =
        |name: &str| ranges.iter().find(|(range, _)| range.essence_str() == name).map(|(_, quality)| *quality);
    let (quality, named) = match quality(essence) {
        Some(quality) => (quality, true),
        None => {
            let all_of_its_kind = essence.split_once('/').map(|(kind, _)| format!("{kind}/*")).unwrap_or_default();
            (quality(&all_of_its_kind).or_else(|| quality("*/*"))?, false)
        }
    };
    (quality > 0).then_some(Rating { quality, named })
}

/// The encodings that a client takes, what it rates highest first (RFC 9110, section 12.5.3). `identity` is always among
/// them: who refuses it gets it all the same when there is nothing else.
pub fn codings(headers: &HeaderMap) -> impl Iterator<Item = Coding> {
    let mut rated = [(0, Coding::Identity); 4];
    let mut count = 0;
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for part in values.flat_map(|value| value.split(',')) {
        let (name, quality) = part.split_once(';').map_or((part, None), |(name, quality)| (name, Some(quality)));
        let name = name.trim();
        let Some(coding) = Coding::ALL.into_iter().find(|coding| coding.as_str().eq_ignore_ascii_case(name)) else {
            continue;
        };
        let quality = match quality {
            None => Some(1_000),
            Some(quality) => quality.trim().strip_prefix("q=").and_then(thousandths),
        };
        if let Some(quality @ 1..) = quality
            && count < rated.len()
        {
            rated[count] = (quality, coding);
            count += 1;
        }
    }
    let rated = &mut rated[..count];
    let preference = |coding: Coding| Coding::ALL.iter().position(|known| *known == coding);
    rated.sort_by_key(|(quality, coding)| (std::cmp::Reverse(*quality), preference(*coding)));
    let mut codings = [Coding::Identity; 4];
    codings.iter_mut().zip(rated).for_each(|(coding, (_, rated))| *coding = *rated);
    codings.into_iter()
}

/// The media ranges of the `Accept` header with their quality in thousandths. What cannot be read is left out, and so
/// is what asks for a character encoding other than UTF-8.
fn accepted(headers: &HeaderMap) -> impl Iterator<Item = (Mime, u16)> + '_ {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.trim().parse::<Mime>().ok())
        .filter(|range| range.get_param(mime::CHARSET).is_none_or(|charset| charset == mime::UTF_8))
        .filter_map(|range| {
            let quality = match range.get_param("q") {
                Some(quality) => thousandths(quality.as_str())?,
                None => 1_000,
            };
            Some((range, quality))
        })
}

/// A quality value (RFC 9110, section 12.4.2): 0 to 1 with at most three decimals.
fn thousandths(quality: &str) -> Option<u16> {
    let (whole, decimals) = quality.split_once('.').unwrap_or((quality, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 1 || decimals.len() > 3 || !digits(whole) || !digits(decimals) {
        return None;
    }
    format!("{whole}{decimals:0<3}").parse().ok().filter(|quality| *quality <= 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiate(accept: &str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).expect("a header value"));
        MediaType::negotiate(&headers)
    }

    #[test]
    fn the_media_type_is_what_the_client_rates_highest() {
        use MediaType::{GraphqlResponse, Json};
        for (accept, expected) in [
            ("", Some(Json)),
            ("*/*", Some(Json)),
            ("application/*", Some(Json)),
            ("application/json", Some(Json)),
            ("application/json, text/plain, */*", Some(Json)),
            ("application/graphql-response+json", Some(GraphqlResponse)),
            ("application/graphql-response+json, */*", Some(GraphqlResponse)),
            ("application/json, application/graphql-response+json", Some(GraphqlResponse)),
            ("application/graphql-response+json, application/json;q=0.9", Some(GraphqlResponse)),
            ("application/graphql-response+json;q=0.5, application/json;q=0.9", Some(Json)),
            ("application/json;q=0, */*", Some(GraphqlResponse)),
            ("*/*;q=0.1, application/graphql-response+json;q=0", Some(Json)),
            ("Application/JSON; Charset=UTF-8", Some(Json)),
            ("application/json; charset=utf-16", None),
            ("text/html", None),
            ("application/json;q=0", None),
            ("application/json;q=NaN", None),
            ("nonsense", None),
        ] {
            assert_eq!(negotiate(accept), expected, "{accept}");
        }
        assert_eq!(MediaType::negotiate(&HeaderMap::new()), Some(Json));
    }
}
