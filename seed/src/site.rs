//! `site.toml`: the site's name, the locales it offers and what it does about small counts.

use entities::{DisclosurePolicy, Form, Line, Locale, Localized, Rule, TextDirection};

use crate::{
    Files,
    fault::{Report, Spot},
    files::SITE,
    text,
    toml_table::{Source, Table, string},
};

/// What holds for the site as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The locale served when none is asked for; one of `locales`.
    pub default_locale: Locale,
    /// The site's name, in the default locale at least.
    pub name: Localized<Line>,
    /// The locales, in the order in which they are offered; no two have the same code.
    pub locales: Vec<SiteLocale>,
    /// The locales in which a text must be public before it is in any other: some of `locales`, each once.
    pub required_locales: Vec<Locale>,
    /// What is done about counts so small that they could point to a person. A folder that says nothing of it changes nothing.
    pub disclosure: Option<DisclosurePolicy>,
}

/// A locale that the site offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteLocale {
    /// The language tag.
    pub code: Locale,
    /// What the locale calls itself (`日本語`).
    pub name: Line,
    /// The direction of its script.
    pub direction: TextDirection,
    /// The locales to take a text from where this one has none, first choice first: others of the site, each once.
    pub fallback: Vec<Locale>,
}

/// Reads the site. Its locales come separately, because other files can be read with them even if the site is faulty;
/// they are absent if not every one of them is known for certain.
pub(crate) fn read(files: &Files, report: &mut Report) -> (Option<Site>, Option<Vec<Locale>>) {
    let Some(text) = text::required(files, SITE, report) else { return (None, None) };
    let mut root = Source { path: SITE, text: &text, start: 0 }.parse(&text, report);
    let default_spot = root.spot_of("default_locale");
    let default_locale = root.required::<Locale>("default_locale", report);
    let required_locales = root.optional_texts::<Locale>("required_locales", report);
    let entries = root
        .tables("locales", report)
        .map(|tables| tables.into_iter().map(|table| Entry::read(table, report)).collect::<Vec<_>>());
    let whole = root.whole;
    let codes = entries.as_ref().and_then(|entries| check_codes(entries, whole, report));
    let name =
        root.table("name", report).map(|table| read_name(table, default_locale.as_ref(), codes.as_deref(), report));
    let disclosure = root.optional_table("disclosure", Form::TomlDisclosure, report);
    let disclosure = disclosure.and_then(|table| read_disclosure(table, report));
    root.finish(report);
    if let (Some(locale), Some(codes)) = (&default_locale, &codes)
        && !codes.contains(locale)
    {
        report.add_field(default_spot, "default_locale", Rule::Unknown, locale.as_str());
    }
    check_list("required_locales", &required_locales, None, codes.as_deref(), report);
    let required_locales = required_locales.into_iter().map(|(code, _)| code).collect();
    let locales = entries.and_then(|entries| entries.into_iter().map(|entry| entry?.locale).collect());
    let site = match (default_locale, name, locales) {
        (Some(default_locale), Some(name), Some(locales)) => {
            Some(Site { default_locale, name, locales, required_locales, disclosure })
        }
        _ => None,
    };
    (site, codes)
}

fn read_name(
    table: Table<'_>,
    default_locale: Option<&Locale>,
    codes: Option<&[Locale]>,
    report: &mut Report,
) -> Localized<Line> {
    let (spot, whole) = (table.spot(), table.whole);
    let given = default_locale.is_none_or(|locale| table.has(locale.as_str()));
    let name = table.localized(codes, report);
    if let Some(locale) = default_locale.filter(|locale| whole && !given && !name.contains_key(locale)) {
        report.add_field(spot, &format!("name.{locale}"), Rule::Required, "");
    }
    name
}

fn read_disclosure(mut table: Table<'_>, report: &mut Report) -> Option<DisclosurePolicy> {
    let method = table.required("method", report);
    let threshold = table.required("threshold", report);
    table.finish(report);
    Some(DisclosurePolicy { method: method?, threshold: threshold? })
}

/// An entry of the list of locales whose code can be read.
struct Entry<'a> {
    code: Locale,
    spot: Spot<'a>,
    fallback: Vec<(Locale, Spot<'a>)>,
    locale: Option<SiteLocale>,
}

impl<'a> Entry<'a> {
    fn read(mut table: Table<'a>, report: &mut Report) -> Option<Self> {
        let spot = table.spot_of("code");
        let code = table.required::<Locale>("code", report);
        let name = table.required("name", report);
        let direction = table.required("direction", report);
        let fallback = table.texts::<Locale>("fallback", report);
        table.finish(report);
        let code = code?;
        let codes = fallback.iter().map(|(code, _)| code.clone()).collect();
        let locale = name.zip(direction).map(|(name, direction)| SiteLocale {
            code: code.clone(),
            name,
            direction,
            fallback: codes,
        });
        Some(Self { code, spot, fallback, locale })
    }
}

/// Reports what is wrong with a list of the site's locales; as the fallbacks `of` one of them, it must not name that one.
/// Whether they exist can be said only with all `codes` of the site.
fn check_list(
    field: &str,
    list: &[(Locale, Spot<'_>)],
    of: Option<&Locale>,
    codes: Option<&[Locale]>,
    report: &mut Report,
) {
    for (place, (locale, spot)) in list.iter().enumerate() {
        let rule = if of == Some(locale) {
            Rule::FallbackLoop
        } else if list[..place].iter().any(|(earlier, _)| earlier == locale) {
            Rule::Duplicate
        } else if codes.is_some_and(|codes| !codes.contains(locale)) {
            Rule::Unknown
        } else {
            continue;
        };
        report.add_field(*spot, field, rule, locale.as_str());
    }
}

/// Checks the locales against each other. Gives their codes if that is all of them: if the file is `whole` and the
/// code of every entry can be read.
fn check_codes(entries: &[Option<Entry<'_>>], whole: bool, report: &mut Report) -> Option<Vec<Locale>> {
    let mut codes: Vec<Locale> = Vec::new();
    for entry in entries.iter().flatten() {
        if codes.contains(&entry.code) {
            report.add_field(entry.spot, "locales.code", Rule::Duplicate, entry.code.as_str());
        } else {
            codes.push(entry.code.clone());
        }
    }
    let codes = (whole && entries.iter().all(Option::is_some)).then_some(codes);
    for entry in entries.iter().flatten() {
        check_list("locales.fallback", &entry.fallback, Some(&entry.code), codes.as_deref(), report);
    }
    codes
}

pub(crate) fn render(site: &Site) -> String {
    let mut toml = format!("default_locale = {}\n", string(site.default_locale.as_str()));
    if !site.required_locales.is_empty() {
        toml.push_str(&format!("required_locales = [{}]\n", list(&site.required_locales)));
    }
    toml.push_str("\n[name]\n");
    for (locale, name) in &site.name {
        toml.push_str(&format!("{locale} = {}\n", string(name.as_str())));
    }
    if let Some(disclosure) = site.disclosure {
        toml.push_str(&format!(
            "\n[disclosure]\nmethod = {}\nthreshold = {}\n",
            string(disclosure.method.as_str()),
            string(&disclosure.threshold.to_string()),
        ));
    }
    for locale in &site.locales {
        toml.push_str(&format!(
            "\n[[locales]]\ncode = {}\nname = {}\ndirection = {}\nfallback = [{}]\n",
            string(locale.code.as_str()),
            string(locale.name.as_str()),
            string(&locale.direction.to_string()),
            list(&locale.fallback),
        ));
    }
    toml
}

fn list(locales: &[Locale]) -> String {
    locales.iter().map(|locale| string(locale.as_str())).collect::<Vec<_>>().join(", ")
}
