//! Texts that are valid because they exist: each parses at the edge, says which rule it broke, and is then a column, a
//! GraphQL scalar and a function argument alike. Numbers are in `number.rs`.

use std::{collections::BTreeMap, fmt, str::FromStr};

use oxilangtag::LanguageTag;
use sea_orm::{DbErr, DeriveValueType, TryFromU64};
use serde::{Deserialize, Serialize};
use unicode_width::UnicodeWidthChar;

use crate::{Form, Rule};

/// Declares a newtype over `String` whose only way in is `FromStr`.
macro_rules! text_value {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, DeriveValueType)]
        #[serde(try_from = "String", into = "String")]
        #[sea_orm(value_type = "String", column_type = "Text")]
        pub struct $name(String);

        impl $name {
            /// The value as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Rule;
            fn try_from(text: String) -> Result<Self, Rule> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        // SeaORM asks this of every primary key; a text has no number to be made from.
        impl TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($name)))
            }
        }
    };
}

text_value! {
    /// The last part of a page's address, or the name of a staff record: lower-case ASCII letters and digits
    /// in words joined by single hyphens, at most 100 characters (`about-us`).
    Slug
}

impl Slug {
    /// The most characters a slug may have.
    pub const MAX_CHARS: usize = 100;
}

impl FromStr for Slug {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        at_most(text, Self::MAX_CHARS)?;
        let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if text.split('-').all(word) { Ok(Self(text.to_owned())) } else { Err(Rule::Format { expected: Form::Slug }) }
    }
}

text_value! {
    /// A language tag after BCP 47, in its canonical case (`ja`, `en`, `zh-Hant`, `pt-BR`), at most 35 characters
    /// (RFC 5646, section 4.4.1).
    Locale
}

impl Locale {
    /// The most characters a locale may have.
    pub const MAX_CHARS: usize = 35;

    /// The primary language subtag (`zh` of `zh-Hant`).
    #[must_use]
    pub fn language(&self) -> &str {
        self.0.split_once('-').map_or(self.as_str(), |(language, _)| language)
    }
}

impl FromStr for Locale {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        at_most(text, Self::MAX_CHARS)?;
        LanguageTag::parse_and_normalize(text)
            .map(|tag| Self(tag.into_inner()))
            .map_err(|_| Rule::Format { expected: Form::Locale })
    }
}

text_value! {
    /// A country or area after ISO 3166-1 alpha-2, user-assigned codes included: two upper-case ASCII letters (`JP`).
    /// Which countries a tenant lists is data.
    CountryCode
}

impl CountryCode {
    /// The code for visits that are known to belong to no country in particular: `ZZ`, user-assigned in ISO 3166-1 and
    /// the unknown region of CLDR.
    pub const UNALLOCATED: &'static str = "ZZ";

    /// Whether it stands for no country in particular.
    #[must_use]
    pub fn is_unallocated(&self) -> bool {
        self.0 == Self::UNALLOCATED
    }
}

impl FromStr for CountryCode {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        if text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Rule::Format { expected: Form::CountryCode })
        }
    }
}

text_value! {
    /// The code of a category of visits: an upper-case letter, then upper-case letters, digits and underscores,
    /// at most 40 characters (`RESIDENT`; the form of an SDMX code).
    CategoryCode
}

impl CategoryCode {
    /// The most characters a category code may have.
    pub const MAX_CHARS: usize = 40;
}

impl FromStr for CategoryCode {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        at_most(text, Self::MAX_CHARS)?;
        let letters = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if text.as_bytes()[0].is_ascii_uppercase() && text.bytes().all(letters) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Rule::Format { expected: Form::CategoryCode })
        }
    }
}

text_value! {
    /// The address an account signs in with, in lower case, at most 254 characters (RFC 5321).
    Email
}

impl Email {
    /// The most characters an address may have.
    pub const MAX_CHARS: usize = 254;
}

impl FromStr for Email {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        let text = text.trim();
        required(text)?;
        at_most(text, Self::MAX_CHARS)?;
        let address = text.to_lowercase();
        // As HTML reads one, in all alphabets (RFC 6531), and with a domain of two parts at least.
        let is_atom = |c: char| c.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
        let is_label = |label: &str| {
            let is_inside = |c: char| c.is_alphanumeric() || c == '-';
            label.starts_with(char::is_alphanumeric) && label.chars().all(is_inside) && !label.ends_with('-')
        };
        match address.split_once('@') {
            Some((local, domain))
                if !local.is_empty()
                    && local.chars().all(is_atom)
                    && domain.contains('.')
                    && domain.split('.').all(is_label) =>
            {
                Ok(Self(address))
            }
            _ => Err(Rule::Format { expected: Form::Email }),
        }
    }
}

text_value! {
    /// The address of something on the web, `https://` or `http://`, at most 2,000 characters.
    Url
}

impl Url {
    /// The most characters an address may have.
    pub const MAX_CHARS: usize = 2_000;
}

impl FromStr for Url {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        at_most(text, Self::MAX_CHARS)?;
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>\"\\^`{|}".contains(c);
        match rest {
            Some(rest) if rest.starts_with(|c: char| c.is_alphanumeric() || c == '[') && rest.chars().all(plain) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(Rule::Format { expected: Form::Url }),
        }
    }
}

text_value! {
    /// One line of text, such as a title, a name or a role: not blank, no surrounding space, no control character,
    /// at most 300 characters.
    Line
}

impl Line {
    /// The most characters a line may have.
    pub const MAX_CHARS: usize = 300;
}

impl FromStr for Line {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        at_most(text, Self::MAX_CHARS)?;
        if text.contains(char::is_control) {
            Err(Rule::ControlCharacter)
        } else if text.trim() == text {
            Ok(Self(text.to_owned()))
        } else {
            Err(Rule::SurroundingSpace)
        }
    }
}

text_value! {
    /// Plain text of one or more lines, such as a summary or a note: not blank, no surrounding space, no control
    /// character but line feeds and tabs, at most 2,000 characters.
    Prose
}

impl Prose {
    /// The most characters a prose text may have.
    pub const MAX_CHARS: usize = 2_000;
}

impl FromStr for Prose {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        at_most(text, Self::MAX_CHARS)?;
        no_control_but_line_feeds_and_tabs(text)?;
        if text.trim() == text { Ok(Self(text.to_owned())) } else { Err(Rule::SurroundingSpace) }
    }
}

text_value! {
    /// Markdown source (CommonMark with tables, footnotes and inline HTML), possibly empty: no control character but
    /// line feeds and tabs, at most 200,000 characters. Stored as it was written, sanitised when it is rendered.
    Markdown
}

impl Default for Markdown {
    /// No text at all.
    fn default() -> Self {
        Self(String::new())
    }
}

impl Markdown {
    /// The most characters a Markdown text may have.
    pub const MAX_CHARS: usize = 200_000;
}

impl FromStr for Markdown {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        at_most(text, Self::MAX_CHARS)?;
        no_control_but_line_feeds_and_tabs(text)?;
        Ok(Self(text.to_owned()))
    }
}

/// The direction in which a script is written, as HTML's `dir` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, DeriveValueType)]
#[sea_orm(value_type = "String", column_type = "Text")]
pub enum TextDirection {
    /// `ltr`
    #[serde(rename = "ltr")]
    LeftToRight,
    /// `rtl`
    #[serde(rename = "rtl")]
    RightToLeft,
}

impl fmt::Display for TextDirection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LeftToRight => "ltr",
            Self::RightToLeft => "rtl",
        })
    }
}

impl FromStr for TextDirection {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        match text {
            "ltr" => Ok(Self::LeftToRight),
            "rtl" => Ok(Self::RightToLeft),
            _ => Err(Rule::NotOneOf { allowed: "ltr, rtl".to_owned() }),
        }
    }
}

/// A text in several locales. An absent locale has no text.
pub type Localized<T> = BTreeMap<Locale, T>;

/// Whether there is anything to be seen or read aloud in a text: more than white space and letters of no width.
#[must_use]
pub fn is_visible(text: &str) -> bool {
    text.chars().any(|letter| !letter.is_whitespace() && !letter.is_control() && letter.width() > Some(0))
}

pub(crate) fn required(text: &str) -> Result<(), Rule> {
    if is_visible(text) { Ok(()) } else { Err(Rule::Required) }
}

fn at_most(text: &str, max: usize) -> Result<(), Rule> {
    if text.chars().count() > max { Err(Rule::TooLong { max }) } else { Ok(()) }
}

fn no_control_but_line_feeds_and_tabs(text: &str) -> Result<(), Rule> {
    let forbidden = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.contains(forbidden) { Err(Rule::ControlCharacter) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_lower_case_words_joined_by_single_hyphens() {
        for good in ["about-us", "a", "2022", "mission-2"] {
            assert_eq!(good.parse::<Slug>().map(String::from), Ok(good.to_owned()));
        }
        for bad in ["", " ", "a/b", "About", "a--b", "-a", "a-", "ä", "a b", "a\n"] {
            assert!(bad.parse::<Slug>().is_err(), "{bad:?} was accepted");
        }
        assert_eq!("a".repeat(101).parse::<Slug>(), Err(Rule::TooLong { max: 100 }));
    }

    #[test]
    fn a_locale_takes_its_canonical_case() {
        assert_eq!("ZH-hant".parse::<Locale>().map(String::from), Ok("zh-Hant".to_owned()));
        assert_eq!("pt-br".parse::<Locale>().map(String::from), Ok("pt-BR".to_owned()));
        assert!("en_US".parse::<Locale>().is_err());
        assert!("e".parse::<Locale>().is_err());
    }

    #[test]
    fn an_email_is_compared_in_lower_case() {
        assert_eq!(" Editor@Example.ORG ".parse::<Email>().map(String::from), Ok("editor@example.org".to_owned()));
        assert!("https://www.example.org/a?b=c#d".parse::<Url>().is_ok());
        for bad in ["", "www.example.org", "javascript:alert(1)", "https://", "https:// a", "https://a\"b"] {
            assert!(bad.parse::<Url>().is_err(), "{bad:?} was accepted");
        }
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c",
            "a b@c",
            "a@b",
            "<a@example.org>",
            "mailto:a@example.org",
            "a@-b.org",
            "a@b..org",
            "a@b.org.",
        ] {
            assert!(bad.parse::<Email>().is_err(), "{bad:?} was accepted");
        }
    }
}
