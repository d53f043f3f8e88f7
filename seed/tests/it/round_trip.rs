//! Whatever a dataset holds survives being written and read.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use chrono::NaiveDate;
use entities::{
    BreakKind, CategoryCode, Count, CountryCode, DisclosureMethod, DisclosurePolicy, Email, Flags, Line, Locale,
    Localized, Markdown, Observation, ObservationStatus, PeriodKind, Position, Prose, Slug, TextDirection, Threshold,
    Url, Year,
};
use proptest::{
    collection::{btree_map, btree_set, vec},
    option,
    prelude::*,
    sample::{select, subsequence},
};
use seed::{
    Break, Category, CategoryLabel, Country, Dataset, FactSheetMetadata, Files, Footnote, FootnotePlace, Page,
    PageText, Site, SiteLocale, StaffMember, StaffText, VisitCount, Withheld, YearlyTotal,
};

/// What breaks careless writers: quotes, separators, comments, fences, escapes, wide and invisible characters.
const NASTY: [&str; 16] =
    ["\"", "\"\"", ",", "'''", "\\n", "#", "+++", "=", "日本語", "é", " ", "　", "\u{feff}", "\u{2028}", "a", "[x]"];
const NASTY_LINES: [&str; 6] = ["\n", "\t", "\n+++\n", "\n\n", "  \n", "\n# "];

fn text<T: FromStr + std::fmt::Debug>(pieces: &'static [&'static str]) -> impl Strategy<Value = T> {
    let piece = select(pieces);
    vec(piece, 0..6).prop_filter_map("not a valid value", |pieces| pieces.concat().parse().ok())
}

fn lines() -> &'static [&'static str] {
    static ALL: std::sync::LazyLock<Vec<&str>> =
        std::sync::LazyLock::new(|| NASTY.into_iter().chain(NASTY_LINES).collect());
    &ALL
}

fn line() -> impl Strategy<Value = Line> {
    text(&NASTY)
}

fn prose() -> impl Strategy<Value = Prose> {
    text(lines())
}

fn markdown() -> impl Strategy<Value = Markdown> {
    text(lines())
}

fn position() -> impl Strategy<Value = Position> {
    (0_i64..4).prop_filter_map("out of range", |number| Position::try_from(number).ok())
}

fn count() -> impl Strategy<Value = Count> {
    (0_i64..100_000).prop_filter_map("out of range", |number| Count::try_from(number).ok())
}

fn year() -> impl Strategy<Value = Year> {
    (2018_i64..2021).prop_filter_map("out of range", |number| Year::try_from(number).ok())
}

fn code<T: FromStr + Clone + std::fmt::Debug>(codes: &'static [&'static str]) -> impl Strategy<Value = T> {
    select(codes).prop_filter_map("not a code", |code| code.parse().ok())
}

/// One status, or several of those that can stand together.
fn flags() -> impl Strategy<Value = Flags> {
    use ObservationStatus::{Break, Estimated, Imputed, Provisional, Revised};
    let several = subsequence(vec![Break, Imputed, Estimated, Provisional, Revised], 1..=5);
    prop_oneof![
        select(ObservationStatus::ALL.to_vec()).prop_map(Flags::from),
        several.prop_filter_map("contradiction", |statuses| Flags::new(statuses).ok()),
    ]
}

fn observation() -> impl Strategy<Value = Observation> {
    (count(), flags()).prop_filter_map("contradiction", |(count, flags)| {
        Observation::new(flags.principal().has_value().then_some(count), flags).ok()
    })
}

fn disclosure() -> impl Strategy<Value = DisclosurePolicy> {
    let threshold = prop_oneof![Just(10), 2_i64..=1_000];
    (select(DisclosureMethod::ALL.to_vec()), threshold).prop_filter_map("out of range", |(method, threshold)| {
        Some(DisclosurePolicy { method, threshold: Threshold::try_from(threshold).ok()? })
    })
}

fn localized<T: std::fmt::Debug, S: Strategy<Value = T>>(
    locales: &[Locale],
    value: S,
) -> impl Strategy<Value = Localized<T>> + use<T, S> {
    btree_map(select(locales.to_vec()), value, 0..=locales.len())
}

fn site(locales: Vec<Locale>) -> impl Strategy<Value = Site> {
    let count = locales.len();
    let details =
        vec((line(), select(vec![TextDirection::LeftToRight, TextDirection::RightToLeft]), any::<u8>()), count);
    let required = subsequence(locales.clone(), 0..=count).prop_shuffle();
    let texts = (localized(&locales, line()), line());
    (texts, details, required, option::of(disclosure())).prop_map(
        move |((mut name, own_name), details, required, disclosure)| {
            name.insert(locales[0].clone(), own_name);
            let locale = |(code, (name, direction, mask)): (&Locale, (Line, TextDirection, u8))| {
                let chosen = locales.iter().enumerate().filter(|(bit, other)| mask >> bit & 1 == 1 && *other != code);
                let fallback = chosen.map(|(_, other)| other.clone()).collect();
                SiteLocale { code: code.clone(), name, direction, fallback }
            };
            let site_locales = locales.iter().zip(details).map(locale).collect();
            let default_locale = locales[0].clone();
            Site { default_locale, name, locales: site_locales, required_locales: required, disclosure }
        },
    )
}

fn page_text() -> impl Strategy<Value = PageText> {
    (line(), option::of(prose()), option::of(line()), option::of(prose()), markdown()).prop_map(
        |(title, summary, description, signature, body)| PageText { title, summary, description, signature, body },
    )
}

fn pages(locales: &[Locale]) -> impl Strategy<Value = Vec<Page>> + use<> {
    let slugs = btree_set(code::<Slug>(&["about", "a", "b-2", "z", "2022"]), 0..5);
    let former = btree_map(code::<Slug>(&["old", "o-2", "1999", "x"]), any::<prop::sample::Index>(), 0..=4);
    let details = vec((position(), localized(locales, page_text()), any::<prop::sample::Index>()), 5);
    (slugs, former, details).prop_map(|(slugs, former, details)| {
        let slugs: Vec<_> = slugs.into_iter().collect();
        let page = |(place, (position, texts, above)): (usize, (Position, _, prop::sample::Index))| {
            // Only a page that comes before can be the parent, so there is no loop; the root is now and then itself.
            let parent = Some(above.index(place + 1)).filter(|&above| above < place).map(|above| slugs[above].clone());
            // Each former slug is that of one page.
            let former_slugs = former.iter().filter(|(_, owner)| owner.index(slugs.len()) == place);
            let former_slugs = former_slugs.map(|(slug, _)| slug.clone()).collect();
            Page { slug: slugs[place].clone(), parent, position, former_slugs, texts }
        };
        details.into_iter().take(slugs.len()).enumerate().map(page).collect()
    })
}

fn staff(locales: &[Locale]) -> impl Strategy<Value = Vec<StaffMember>> + use<> {
    let text = (line(), line(), option::of(line()), option::of(line()))
        .prop_map(|(name, role, degree, field)| StaffText { name, role, degree, field });
    let email = code::<Email>(&["ann@example.org", "\"a,b\"@example.org", "é+x@例.jp"]);
    let member = (position(), option::of(email), option::of(line()), localized(locales, text));
    btree_map(code::<Slug>(&["ann", "bob"]), member, 0..3).prop_map(|staff| {
        let member =
            |(slug, (position, email, telephone, texts))| StaffMember { slug, position, email, telephone, texts };
        staff.into_iter().map(member).collect()
    })
}

/// At least one text.
fn named<T: Clone + std::fmt::Debug, S: Strategy<Value = T> + Clone>(
    locales: &[Locale],
    value: S,
) -> impl Strategy<Value = Localized<T>> + use<T, S> {
    let first = locales[0].clone();
    (localized(locales, value.clone()), value).prop_map(move |(mut texts, text)| {
        texts.entry(first.clone()).or_insert(text);
        texts
    })
}

fn countries(locales: &[Locale]) -> impl Strategy<Value = Vec<Country>> + use<> {
    let names = named(locales, line().boxed());
    btree_map(code::<CountryCode>(&["CN", "IN", "JP"]), (position(), names), 1..4).prop_map(|countries| {
        countries.into_iter().map(|(code, (position, names))| Country { code, position, names }).collect()
    })
}

fn categories(locales: &[Locale]) -> impl Strategy<Value = Vec<Category>> + use<> {
    let label = (line(), option::of(prose())).prop_map(|(name, description)| CategoryLabel { name, description });
    let labels = named(locales, label.boxed());
    btree_map(code::<CategoryCode>(&["A", "B_2"]), (position(), labels), 1..3).prop_map(|categories| {
        categories.into_iter().map(|(code, (position, labels))| Category { code, position, labels }).collect()
    })
}

/// A category and a country as places in the lists of the dataset, and a year; each now and then absent.
type Key = (Option<prop::sample::Index>, Option<prop::sample::Index>, Option<Year>);

fn key() -> impl Strategy<Value = Key> {
    (option::of(any::<prop::sample::Index>()), option::of(any::<prop::sample::Index>()), option::of(year()))
}

fn place(key: &Key, categories: &[Category], countries: &[Country]) -> FootnotePlace {
    FootnotePlace {
        category: key.0.map(|index| index.get(categories).code.clone()),
        country: key.1.map(|index| index.get(countries).code.clone()),
        year: key.2,
    }
}

/// Breaks and footnotes with their keys, and all the rest.
type Sheet = (FactSheetMetadata, Vec<(Key, Year, BreakKind, Localized<Line>)>, Vec<(Localized<Prose>, Vec<Key>)>);

fn fact_sheet(locales: &[Locale]) -> impl Strategy<Value = Sheet> + use<> {
    let lines = vec(localized(locales, line()), 4);
    let texts = vec(localized(locales, prose()), 3);
    let day = (-800_000_i32..4_000_000).prop_filter_map("no day", NaiveDate::from_num_days_from_ce_opt);
    let email = code::<Email>(&["ann@example.org", "\"a,b\"@example.org"]);
    let url = || option::of(code::<Url>(&["https://example.org/a?b='c'#d", "http://例.jp"]));
    let details =
        (option::of(email), url(), url(), option::of(day.prop_map(Into::into)), select(PeriodKind::ALL.to_vec()));
    let breaks = vec((key(), year(), select(BreakKind::ALL.to_vec()), named(locales, line().boxed())), 0..4);
    let footnotes = vec((named(locales, prose().boxed()), vec(key(), 0..4)), 0..4);
    (lines, texts, details, breaks, footnotes).prop_map(|(mut lines, mut texts, details, breaks, footnotes)| {
        let (contact_email, contact_url, licence_url, next_update, period) = details;
        let mut line = || lines.pop().unwrap_or_default();
        let mut text = || texts.pop().unwrap_or_default();
        let metadata = FactSheetMetadata {
            title: line(),
            description: text(),
            producer: line(),
            contact_email,
            contact_url,
            method: text(),
            unit: line(),
            period,
            licence: line(),
            licence_url,
            citation: text(),
            next_update,
            breaks: Vec::new(),
            footnotes: Vec::new(),
        };
        (metadata, breaks, footnotes)
    })
}

fn assemble(sheet: Sheet, categories: &[Category], countries: &[Country]) -> FactSheetMetadata {
    let (mut metadata, breaks, footnotes) = sheet;
    for (key, year, kind, label) in breaks {
        let found = Break { year, category: place(&key, categories, countries).category, kind, label };
        if !metadata.breaks.contains(&found) {
            metadata.breaks.push(found);
        }
    }
    for (text, keys) in footnotes {
        let mut places = Vec::new();
        for key in keys {
            let place = place(&key, categories, countries);
            if place != FootnotePlace::default() && !places.contains(&place) {
                places.push(place);
            }
        }
        let footnote = Footnote { text, places };
        if !metadata.footnotes.contains(&footnote) {
            metadata.footnotes.push(footnote);
        }
    }
    metadata
}

fn dataset() -> impl Strategy<Value = Dataset> {
    let locales =
        subsequence(vec!["ja", "en", "zh-Hant", "ar"], 1..=4).prop_shuffle().prop_filter_map("not a locale", |codes| {
            codes.into_iter().map(|code| code.parse().ok()).collect::<Option<Vec<Locale>>>()
        });
    let content = locales.prop_flat_map(|locales| {
        let notes = vec(localized(&locales, prose()), 12);
        let sheet = option::of(fact_sheet(&locales));
        (pages(&locales), staff(&locales), countries(&locales), categories(&locales), notes, sheet, site(locales))
    });
    let index = any::<prop::sample::Index>;
    let total = (count(), flags().prop_filter("a total has a value", |flags| flags.principal().has_value()));
    let figures = vec((index(), index(), year(), observation(), total), 0..12);
    (content, figures).prop_map(|((pages, staff, countries, categories, notes, sheet, site), figures)| {
        let fact_sheet = sheet.map(|sheet| assemble(sheet, &categories, &countries));
        let (mut visit_counts, mut yearly_totals) = (Vec::new(), Vec::new());
        let (mut counted, mut totalled) = (BTreeSet::new(), BTreeSet::new());
        let mut withheld: BTreeMap<(CategoryCode, Year), Withheld> = BTreeMap::new();
        for ((category, country, year, observation, (value, flags)), note) in figures.into_iter().zip(notes) {
            let category = category.get(&categories).code.clone();
            let country = country.get(&countries).code.clone();
            let sheet = withheld.entry((category.clone(), year)).or_insert_with(|| Withheld {
                category: category.clone(),
                year,
                total: value.get() % 2 == 1,
                countries: BTreeMap::new(),
            });
            if observation.value().is_some_and(|value| value.get() % 2 == 1) {
                sheet.countries.insert(country.clone(), value);
            }
            if totalled.insert((category.clone(), year)) {
                let category = category.clone();
                yearly_totals.push(YearlyTotal { category, year, value, flags, note: note.clone() });
            }
            if counted.insert((category.clone(), country.clone(), year)) {
                visit_counts.push(VisitCount { category, country, year, observation, note });
            }
        }
        let withheld = withheld.into_values().collect();
        Dataset { site, pages, staff, countries, categories, visit_counts, yearly_totals, withheld, fact_sheet }
    })
}

proptest! {
    #[test]
    fn whatever_a_file_holds_is_read_or_refused_and_what_is_read_can_be_written(
        file in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        length in 0_usize..4,
        insert in select(&b"\"\"\n,+=[]'x1\\\t\r\0\xff\xef"[..]),
    ) {
        let mut files = Files::example();
        let paths: Vec<_> = files.iter().map(|(path, _)| path.to_owned()).collect();
        let path = file.get(&paths);
        let mut bytes = files.remove(path).unwrap_or_default();
        let start = place.index(bytes.len());
        let end = bytes.len().min(start + length);
        bytes.splice(start..end, [insert]);
        files.insert(path.clone(), bytes);
        if let Ok(dataset) = Dataset::parse(&files) {
            prop_assert_eq!(Dataset::parse(&dataset.render()), Ok(dataset));
        }
    }

    #[test]
    fn a_dataset_survives_being_written_and_read(mut dataset in dataset()) {
        let files = dataset.render();
        let read = Dataset::parse(&files).map_err(|faults| faults.to_string());
        dataset.sort();
        prop_assert_eq!(read.as_ref(), Ok(&dataset));
        prop_assert_eq!(dataset.render(), files);
    }
}
