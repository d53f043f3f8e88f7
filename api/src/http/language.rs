//! The language in which a request wants to be spoken to: `Accept-Language`, as far as Almanac speaks.
//!
//! It decides on messages for people only. Which locale of a content is served is an argument, since an answer that depends
//! on this header could not be kept by caches.

use entities::{Language, Locale};
use poem::http::{HeaderMap, header};

/// The most ranges of a header that are looked at. Browsers send a handful; a header may be as long as all headers together.
const MAX_RANGES: usize = 32;

/// The language that a client wants most of those that Almanac speaks; English when it wants none of them.
pub fn accepted(headers: &HeaderMap) -> Language {
    let values = headers.get_all(header::ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
    let ranges = values.flat_map(|value| value.split(',')).take(MAX_RANGES).filter_map(range);
    let mut best = (0, Language::English);
    for (quality, language) in ranges {
        if quality > best.0 {
            best = (quality, language);
        }
    }
    best.1
}

/// A range with its quality in thousandths; none for a language that Almanac does not speak.
fn range(text: &str) -> Option<(u32, Language)> {
    let mut parts = text.split(';').map(str::trim);
    let language = match parts.next()? {
        "*" => Language::English,
        tag => {
            let locale: Locale = tag.parse().ok()?;
            (["en", "ja"].contains(&locale.language())).then(|| Language::of(&locale))?
        }
    };
    let quality = match parts.next() {
        None => 1_000,
        Some(weight) => {
            let weight: f32 = weight.strip_prefix("q=")?.parse().ok()?;
            let is_quality = (0.0..=1.0).contains(&weight);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1,000")]
            is_quality.then_some((weight * 1_000.0) as u32)?
        }
    };
    Some((quality, language))
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    #[test]
    fn the_language_that_is_wanted_most_of_those_that_there_are_is_spoken() {
        for (wanted, language) in [
            ("ja", Language::Japanese),
            ("ja-JP,ja;q=0.9,en-US;q=0.8,en;q=0.7", Language::Japanese),
            ("en-US,en;q=0.9,ja;q=0.8", Language::English),
            ("fr-CH, fr;q=0.9, ja;q=0.5, *;q=0.1", Language::Japanese),
            ("fr, de", Language::English),
            ("ja;q=0", Language::English),
            ("ja;q=2", Language::English),
            ("ja;q=NaN, en;q=0.1", Language::English),
            ("*", Language::English),
            ("", Language::English),
            ("ja;q=0.4, en;q=0.5", Language::English),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(wanted))]);
            assert_eq!(accepted(&headers), language, "{wanted}");
        }
        assert_eq!(accepted(&HeaderMap::new()), Language::English);
    }
}
