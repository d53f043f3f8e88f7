//! Tables to test the formats with, and their rows read back from the long form.

use chrono::{DateTime, NaiveDate};
use entities::{CategoryCode, Count, CountryCode, Flags, Line, Locale, Observation, ObservationStatus, Prose, Year};
use proptest::{collection, option, prelude::*, sample, string::string_regex};

use crate::figures::{
    disclosure::Confidentiality,
    exchange::{About, Row, TOTAL, Table, original},
};

/// A small table with a bit of everything.
pub fn small() -> Table {
    let row = |country: Option<&str>, year: i64, value: Option<i64>, flags: &str| Row {
        category: "RESIDENT".parse().unwrap(),
        country: country.map(|code| code.parse().unwrap()),
        year: year.try_into().unwrap(),
        observation: Observation::new(value.map(|value| value.try_into().unwrap()), flags.parse::<Flags>().unwrap())
            .unwrap(),
        confidentiality: Confidentiality::Free,
        note: None,
        footnotes: Vec::new(),
    };
    let note = |locale: &str, note: &str| Some((locale.parse().unwrap(), note.to_owned()));
    Table {
        about: About {
            locale: "ja".parse().ok(),
            title: "訪問者統計 </script>".to_owned(),
            description: Some("国別の訪問者数".to_owned()),
            publisher: Some("大学病院".to_owned()),
            contact: Some("統計室".to_owned()),
            method: Some("受付の記録による".to_owned()),
            unit: Some("人".to_owned()),
            licence: Some(("CC BY 4.0".to_owned(), Some("https://creativecommons.org/licenses/by/4.0/".to_owned()))),
            citation: Some("大学病院『訪問者統計』2022年".to_owned()),
            updated_at: DateTime::from_timestamp(1_700_000_000, 0),
            next_update: NaiveDate::from_ymd_opt(2023, 12, 1),
            period: NaiveDate::from_ymd_opt(2021, 1, 1).zip(NaiveDate::from_ymd_opt(2022, 12, 31)),
            address: Some("https://example.org/figures/visits".to_owned()),
            footnotes: vec!["2021年は9か月分。".to_owned()],
        },
        categories: vec![("RESIDENT".parse().unwrap(), "住民, 国内".to_owned())],
        countries: vec![("JP".parse().unwrap(), "日本".to_owned()), ("FR".parse().unwrap(), "フランス".to_owned())],
        years: vec![2021.try_into().unwrap(), 2022.try_into().unwrap()],
        rows: vec![
            Row { footnotes: vec![0], ..row(Some("JP"), 2021, Some(1234), "FINAL") },
            Row {
                confidentiality: Confidentiality::Rounded,
                note: note("ja", "=1+1, \"x\"\n二行目"),
                ..row(Some("JP"), 2022, Some(0), "BREAK REVISED")
            },
            Row { confidentiality: Confidentiality::Withheld, ..row(Some("FR"), 2021, None, "SUPPRESSED") },
            Row { note: note("en", "See the report."), ..row(None, 2021, Some(1300), "PROVISIONAL") },
        ],
    }
}

/// Tables of every kind: gaps, several statuses, texts that a format could trip over.
pub fn tables() -> impl Strategy<Value = Table> {
    let categories = sample::subsequence(vec!["RESIDENT", "VISITOR", "T", "A_1"], 0..=4);
    let countries = sample::subsequence(vec!["JP", "FR", "XK", "AA", "ZZ"], 0..=5);
    let years = sample::subsequence(vec![1900_i64, 2018, 2019, 2022, 2200], 0..=5);
    (categories, countries, years, about(), collection::vec(line(), 9))
        .prop_flat_map(|(categories, countries, years, about, names)| {
            let cells = categories.len() * (countries.len() + 1) * years.len();
            let rows = collection::vec(option::weighted(0.8, row(about.footnotes.len())), cells);
            (Just((categories, countries, years, about, names)), rows)
        })
        .prop_map(|((categories, countries, years, about, names), cells)| {
            let mut cells = cells.into_iter();
            let mut rows = Vec::new();
            for category in &categories {
                for country in countries.iter().map(Some).chain([None]) {
                    for year in &years {
                        rows.extend(cells.next().flatten().map(|row| Row {
                            category: category.parse().unwrap(),
                            country: country.map(|code| code.parse().unwrap()),
                            year: (*year).try_into().unwrap(),
                            ..row
                        }));
                    }
                }
            }
            let mut names = names.into_iter();
            let mut with_name = |code: &str| (code.to_owned(), names.next().unwrap());
            let categories: Vec<_> = categories.into_iter().map(&mut with_name).collect();
            let countries: Vec<_> = countries.into_iter().map(&mut with_name).collect();
            Table {
                about,
                categories: categories.into_iter().map(|(code, name)| (code.parse().unwrap(), name)).collect(),
                countries: countries
                    .into_iter()
                    .map(|(code, name)| (code.parse::<CountryCode>().unwrap(), name))
                    .filter(|(code, _)| rows.iter().any(|row| row.country.as_ref() == Some(code)))
                    .collect(),
                years: years
                    .into_iter()
                    .map(|year| year.try_into().unwrap())
                    .filter(|year: &Year| rows.iter().any(|row| row.year == *year))
                    .collect(),
                rows,
            }
        })
}

/// The rows of a table as far as files report them: without footnotes.
pub fn reported(table: &Table) -> Vec<Row> {
    table.rows.iter().map(|row| Row { footnotes: Vec::new(), ..row.clone() }).collect()
}

/// A row from the cells of the long form.
pub fn row_of(cells: &[&str]) -> Row {
    let &[category, _, country, _, year, value, status, confidentiality, note, locale] = cells else {
        panic!("{cells:?}")
    };
    let value = Some(value).filter(|value| !value.is_empty()).map(|value| value.parse::<Count>().unwrap());
    Row {
        category: category.parse::<CategoryCode>().unwrap(),
        country: Some(country).filter(|code| *code != TOTAL).map(|code| code.parse().unwrap()),
        year: year.parse().unwrap(),
        observation: Observation::new(value, status.parse::<Flags>().unwrap()).unwrap(),
        confidentiality: confidentiality.parse().unwrap(),
        note: Some(note)
            .filter(|note| !note.is_empty())
            .map(|note| (locale.parse().unwrap(), original(note).into_owned())),
        footnotes: Vec::new(),
    }
}

/// A row whose place is still to be set.
fn row(footnotes: usize) -> impl Strategy<Value = Row> {
    let note = option::of((locale(), prose()));
    let footnotes = sample::subsequence((0..footnotes).collect::<Vec<_>>(), 0..=footnotes);
    (observation(), sample::select(Confidentiality::ALL.to_vec()), note, footnotes).prop_map(
        |(observation, confidentiality, note, footnotes)| Row {
            category: "A".parse().unwrap(),
            country: None,
            year: 2000.try_into().unwrap(),
            observation,
            confidentiality,
            note,
            footnotes,
        },
    )
}

fn observation() -> impl Strategy<Value = Observation> {
    let valued: Vec<ObservationStatus> = ObservationStatus::ALL
        .into_iter()
        .filter(|status| status.has_value() && *status != ObservationStatus::Final)
        .collect();
    let several = sample::subsequence(valued, 2..=5).prop_map(|statuses| Flags::new(statuses).unwrap());
    let one = sample::select(ObservationStatus::ALL.to_vec()).prop_map(Flags::from);
    (prop_oneof![one, several], prop_oneof![Just(0), Just(Count::MAX), 0..=Count::MAX]).prop_map(|(flags, value)| {
        let value = flags.principal().has_value().then(|| value.try_into().unwrap());
        Observation::new(value, flags).unwrap()
    })
}

fn about() -> impl Strategy<Value = About> {
    let texts = collection::vec(option::of(prose()), 6);
    let licence = option::of((line(), option::of(Just("https://example.org/licence".to_owned()))));
    let updated_at = option::of((0..4_000_000_000_i64).prop_map(|second| DateTime::from_timestamp(second, 0).unwrap()));
    let day = || (1..100_000).prop_map(|day| NaiveDate::from_num_days_from_ce_opt(700_000 + day).unwrap());
    let address = option::of(Just("https://example.org/figures".to_owned()));
    let dates = (option::of(day()), option::of((day(), day())));
    (option::of(locale()), line(), texts, licence, updated_at, dates, address, collection::vec(prose(), 0..4)).prop_map(
        |(locale, title, texts, licence, updated_at, (next_update, period), address, footnotes)| {
            let mut texts = texts.into_iter();
            let mut text = || texts.next().flatten();
            About {
                locale,
                title,
                description: text(),
                publisher: text(),
                contact: text(),
                method: text(),
                unit: text(),
                licence,
                citation: text(),
                updated_at,
                next_update,
                period,
                address,
                footnotes,
            }
        },
    )
}

fn locale() -> impl Strategy<Value = Locale> {
    sample::select(vec!["ja", "en", "zh-Hant", "ar"]).prop_map(|locale| locale.parse().unwrap())
}

fn line() -> impl Strategy<Value = String> {
    text("").prop_filter("a line", |text| text.parse::<Line>().is_ok())
}

fn prose() -> impl Strategy<Value = String> {
    text("\n").prop_filter("prose", |text| text.parse::<Prose>().is_ok())
}

/// A text out of pieces that some format has trouble with.
fn text(between: &'static str) -> impl Strategy<Value = String> {
    let pieces = vec![
        "=1+1",
        "+",
        "-",
        "@",
        "'",
        "\"",
        ",",
        ";",
        "\t",
        "<b>",
        "&amp;",
        "]]>",
        "</script>",
        "_x0041_",
        "_x000D_",
        "_T",
        "統計",
        "ｶﾅ",
        "مرحبا",
        "\u{200f}",
        "👩‍⚕️",
        "𠮷",
        "[a]:*?/\\",
        "  ",
        "1",
        "1,234",
        "01",
        "TRUE",
        "data",
        "\u{fffe}",
        "\u{ffff}",
        "\u{2028}",
        "\u{feff}",
        "'=",
        "''",
        "#N/A",
        "{}",
        "%41",
    ];
    let piece = prop_oneof![
        6 => sample::select(pieces).prop_map(str::to_owned),
        1 => Just(between.to_owned()),
        2 => string_regex("[^\\p{Cc}]{1,40}").unwrap(),
    ];
    collection::vec(piece, 1..5)
        .prop_map(|pieces| pieces.concat().trim().to_owned())
        .prop_filter("text", |text| !text.is_empty())
}
