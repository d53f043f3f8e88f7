//! Figures that grow publication by publication are the same as figures that are read as a whole.

use chrono::{Duration, TimeZone};
use entities::{
    Count, CountryCode, DisclosureMethod, Flags, Locale, Localized, Observation, ObservationStatus, Threshold,
};
use proptest::prelude::*;

use super::*;
use crate::figures::{
    Published,
    disclosure::{self, Figure, disclose},
    year_sheet::{Cell, Total},
};

const COUNTRIES: [&str; 6] = ["CN", "KR", "MN", "US", "VN", "ZZ"];
const CATEGORIES: [&str; 3] = ["RESIDENT", "TRAVEL", "VISITOR"];
const YEARS: [&str; 2] = ["2021", "2022"];
const THRESHOLD: i64 = 10;

/// Something that an editor publishes.
#[derive(Clone, Debug)]
enum Act {
    Country { country: usize, position: i64, name: usize },
    WithdrawCountry(usize),
    Category { category: usize, position: i64 },
    WithdrawCategory(usize),
    Metadata(usize),
    Sheet { category: usize, year: usize, cells: Vec<(usize, Option<i64>)>, total: Option<i64> },
    WithdrawSheet { category: usize, year: usize },
}

fn act() -> impl Strategy<Value = Act> {
    let (country, category, year) = (0..COUNTRIES.len(), 0..CATEGORIES.len(), 0..YEARS.len());
    let value = prop_oneof![Just(0), 1..THRESHOLD, THRESHOLD - 1..THRESHOLD + 2, THRESHOLD..5 * THRESHOLD];
    let cells = prop::collection::vec((country.clone(), prop::option::weighted(0.8, value)), 0..5);
    let total = prop::option::weighted(0.8, -1..2_i64);
    prop_oneof![
        3 => (country.clone(), 0..4_i64, 0..3_usize)
            .prop_map(|(country, position, name)| Act::Country { country, position, name }),
        1 => country.prop_map(Act::WithdrawCountry),
        2 => (category.clone(), 0..4_i64).prop_map(|(category, position)| Act::Category { category, position }),
        1 => category.clone().prop_map(Act::WithdrawCategory),
        1 => (0..3_usize).prop_map(Act::Metadata),
        12 => (category.clone(), year.clone(), cells, total)
            .prop_map(|(category, year, cells, total)| Act::Sheet { category, year, cells, total }),
        1 => (category, year).prop_map(|(category, year)| Act::WithdrawSheet { category, year }),
    ]
}

/// What is published together, and how many minutes after the last: clocks of two processes differ.
fn steps() -> impl Strategy<Value = Vec<(Vec<Act>, i64)>> {
    prop::collection::vec((prop::collection::vec(act(), 1..4), -1..4_i64), 1..24)
}

fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 15, 0, 0, 0).unwrap()
}

fn named<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> Localized<T> {
    let english: Locale = "en".parse().unwrap();
    Localized::from([(english, text.parse().unwrap())])
}

fn key(category: usize, year: usize) -> SheetKey {
    (CATEGORIES[category].parse().unwrap(), YEARS[year].parse().unwrap())
}

/// The next state of a sheet: some cells are others than before, and the total may be off by a little.
fn corrected(
    before: Option<&YearSheet>,
    key: &SheetKey,
    cells: &[(usize, Option<i64>)],
    off: Option<i64>,
) -> YearSheet {
    let mut sheet = before.cloned().unwrap_or_else(|| YearSheet::empty(key.0.clone(), key.1));
    for (country, value) in cells {
        let observation = match value {
            Some(value) => Observation::known(Count::try_from(*value).unwrap()),
            None => Observation::new(None, ObservationStatus::Missing).unwrap(),
        };
        sheet.counts.insert(COUNTRIES[*country].parse().unwrap(), Cell { observation, note: Localized::new() });
    }
    let total = off.map(|off| Count::try_from((sheet.sum().unwrap_or_default() + off).max(0)).unwrap());
    sheet.total = total.map(|total| Total::new(total, Flags::FINAL, Localized::new()).unwrap());
    sheet
}

/// The publications of each step, as the database would tell of them, and every state of each sheet.
fn publications(steps: &[(Vec<Act>, i64)]) -> (Vec<Vec<Changed>>, Vec<Vec<serde_json::Value>>) {
    let mut at = start();
    let mut sheets: BTreeMap<SheetKey, YearSheet> = BTreeMap::new();
    let (mut all, mut all_contents) = (Vec::new(), Vec::new());
    for (index, (acts, minutes)) in steps.iter().enumerate() {
        at += Duration::minutes(*minutes);
        let seq = i64::try_from(index).unwrap() + 1;
        let mut step: BTreeMap<String, (Changed, serde_json::Value)> = BTreeMap::new();
        for act in acts {
            let (kind, name, content) = match act {
                Act::Country { country, position, name } => {
                    let (code, names) = (COUNTRIES[*country], ["One", "Two", "Three"]);
                    let content = Country {
                        code: code.parse().unwrap(),
                        position: (*position).try_into().unwrap(),
                        names: named(names[*name]),
                    };
                    (DocumentKind::Country, code.to_owned(), serde_json::to_value(content).unwrap())
                }
                Act::WithdrawCountry(country) => {
                    (DocumentKind::Country, COUNTRIES[*country].to_owned(), serde_json::Value::Null)
                }
                Act::Category { category, position } => {
                    let code = CATEGORIES[*category];
                    let content = Category {
                        code: code.parse().unwrap(),
                        position: (*position).try_into().unwrap(),
                        labels: Localized::new(),
                    };
                    (DocumentKind::Category, code.to_owned(), serde_json::to_value(content).unwrap())
                }
                Act::WithdrawCategory(category) => {
                    (DocumentKind::Category, CATEGORIES[*category].to_owned(), serde_json::Value::Null)
                }
                Act::Metadata(title) => {
                    let title = named(["Visits", "Patients", "Guests"][*title]);
                    let content = FactSheetMetadata { title, ..FactSheetMetadata::default() };
                    let content = serde_json::to_value(content).unwrap();
                    (DocumentKind::FactSheetMetadata, "fact-sheet".to_owned(), content)
                }
                Act::Sheet { category, year, cells, total } => {
                    let key = key(*category, *year);
                    let sheet = corrected(sheets.get(&key), &key, cells, *total);
                    let content = serde_json::to_value(&sheet).unwrap();
                    let name = format!("{}/{}", key.0, key.1);
                    sheets.insert(key, sheet);
                    (DocumentKind::YearSheet, name, content)
                }
                Act::WithdrawSheet { category, year } => {
                    let key = key(*category, *year);
                    sheets.remove(&key);
                    (DocumentKind::YearSheet, format!("{}/{}", key.0, key.1), serde_json::Value::Null)
                }
            };
            let key = format!("{}/{name}", kind.as_str());
            let mut id = [0_u8; 16];
            for (index, byte) in key.bytes().enumerate() {
                id[index % 16] = byte.wrapping_add(id[index % 16].wrapping_mul(31));
            }
            let publication = publication::Model {
                document_id: Uuid::from_bytes(id),
                change_seq: seq,
                number: None,
                release_kind: None,
                reason: None,
                actor_kind: entities::ActorKind::CommandLine,
                editor_id: None,
                published_at: at,
            };
            // A document is published once in a change: the last word counts.
            step.insert(key.clone(), (Changed { publication, kind, key }, content));
        }
        let (changed, contents) = step.into_values().unzip();
        all.push(changed);
        all_contents.push(contents);
    }
    (all, all_contents)
}

fn read_all(changed: &[Changed], contents: &[serde_json::Value]) -> Vec<Publication> {
    let one = |(changed, content): (&Changed, &serde_json::Value)| {
        let content = Some(content.clone()).filter(|content| !content.is_null());
        Publication::read(changed, content).unwrap().unwrap()
    };
    changed.iter().zip(contents).map(one).collect()
}

fn assert_same(grown: &Published, whole: &Published) {
    assert_eq!(grown.countries, whole.countries);
    assert_eq!(grown.categories, whole.categories);
    assert_eq!(grown.figures, whole.figures);
    assert_eq!(grown.metadata, whole.metadata);
    assert_eq!(grown.updated_at, whole.updated_at);
    assert_eq!(grown.vintages.now(), whole.vintages.now());
    assert_eq!(grown.vintages.newest(), whole.vintages.newest());
    for code in COUNTRIES {
        let code = code.parse().unwrap();
        assert_eq!(grown.country(&code), whole.country(&code));
        assert!(grown.country(&code).is_none_or(|index| grown.countries[index].code == code));
    }
    for category in CATEGORIES {
        let code = category.parse().unwrap();
        assert_eq!(grown.category(&code), whole.category(&code));
        assert!(grown.category(&code).is_none_or(|index| grown.categories[index].code == code));
    }
}

/// Every state of the sheets, disclosed together, is what is shown; and of what is shown, all is marked as revised that was
/// shown with another value before.
fn assert_disclosed(published: &Published, states: &[Publication]) {
    let mut counted: BTreeMap<&SheetKey, Vec<&YearSheet>> = BTreeMap::new();
    for state in states {
        if let Counted::Sheet(key, Some(sheet)) = &state.what {
            counted.entry(key).or_default().push(sheet);
        }
    }
    for (key, sheets) in counted {
        let expected = disclose(published.policy, &sheets);
        let mut history = History::new(Uuid::nil(), published.policy);
        let mut timeline = disclosure::Timeline::default();
        let mut shown = Vec::new();
        for sheet in &sheets {
            let position = Position { seq: 1, at: start() };
            let sheet = history.next(position, Some((*sheet).clone())).unwrap().unwrap();
            timeline.push(Some(&sheet));
            shown.push(Sheet::clone(&sheet));
        }
        assert_eq!(shown, expected, "{key:?}");
        for (state, sheet) in shown.iter().enumerate() {
            assert_eq!(timeline.at(state).as_ref(), Some(sheet), "{key:?} {state}");
        }
        // What is stored of it goes on as it would have.
        let stored = serde_json::to_value(history.store()).unwrap();
        let restored =
            History::restore(Uuid::nil(), serde_json::from_value(stored).unwrap(), published.policy, true, None);
        let mut restored = restored.unwrap();
        let last = sheets.last().map(|sheet| (*sheet).clone());
        let next = corrected(last.as_ref(), key, &[(0, Some(4)), (3, Some(40))], Some(0));
        let position = Position { seq: 2, at: start() };
        assert_eq!(restored.next(position, Some(next.clone())).unwrap(), history.next(position, Some(next)).unwrap());
        let mut past: BTreeMap<Option<&CountryCode>, Vec<Count>> = BTreeMap::new();
        for sheet in &expected {
            let counts = sheet.counts().iter().map(|(country, figure)| (Some(country), figure));
            for (country, figure) in counts.chain(sheet.total().map(|total| (None, total))) {
                let values = past.entry(country).or_default();
                values.extend(figure.value());
                let is_revised = figure.value().is_some() && values.windows(2).any(|pair| pair[0] != pair[1]);
                let flags = figure.observation().flags();
                assert_eq!(flags.contains(ObservationStatus::Revised), is_revised, "{key:?} {country:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn growing_step_by_step_is_reading_the_whole(steps in steps()) {
        let (changed, contents) = publications(&steps);
        for method in DisclosureMethod::ALL {
            let policy = DisclosurePolicy { method, threshold: Threshold::try_from(THRESHOLD).unwrap() };
            let all = || changed.iter().zip(&contents).map(|(changed, contents)| read_all(changed, contents));
            let mut grown = Published::of(Vintages::new(policy));
            for (index, step) in all().enumerate() {
                grown = grown.with(grown.vintages.with(step).unwrap());
                let so_far = all().take(index + 1).flatten().collect();
                assert_same(&grown, &Published::of(Vintages::new(policy).with(so_far).unwrap()));
            }
            assert_disclosed(&grown, &all().flatten().collect::<Vec<_>>());
        }
    }
}

/// Many publications of one sheet, of a country each.
fn long(policy: DisclosurePolicy, states: i64) -> Published {
    let act = |country: usize| Act::Country { country, position: 0, name: 0 };
    let mut steps =
        vec![((0..COUNTRIES.len()).map(act).collect(), 1), (vec![Act::Category { category: 0, position: 0 }], 1)];
    for state in 0..states {
        let cells = vec![(usize::try_from(state % 6).unwrap(), Some(20 + state))];
        steps.push((vec![Act::Sheet { category: 0, year: usize::from(state % 50 == 7), cells, total: Some(0) }], 1));
    }
    let (changed, contents) = publications(&steps);
    let mut grown = Published::of(Vintages::new(policy));
    for (changed, contents) in changed.iter().zip(&contents) {
        grown = grown.with(grown.vintages.with(read_all(changed, contents)).unwrap());
    }
    grown
}

#[test]
fn what_stays_as_it_is_is_shared() {
    let before = long(DisclosurePolicy::default(), 20);
    let sheet = Act::Sheet { category: 0, year: 0, cells: vec![(2, Some(7))], total: None };
    let (changed, contents) = publications(&[(vec![sheet], 60)]);
    let mut changed = changed[0].clone();
    changed[0].publication.change_seq = 1000;
    let after = before.with(before.vintages.with(read_all(&changed, &contents[0])).unwrap());
    assert!(Arc::ptr_eq(&before.countries, &after.countries) && Arc::ptr_eq(&before.categories, &after.categories));
    let column = |published: &Published, year: usize| Arc::clone(&published.figures[0].columns[&key(0, year).1]);
    assert!(!Arc::ptr_eq(&column(&before, 0), &column(&after, 0)), "the sheet that changed");
    assert!(Arc::ptr_eq(&column(&before, 1), &column(&after, 1)), "and no other");
    let country = before.country(&"MN".parse().unwrap()).unwrap();
    assert_eq!(column(&after, 0).figure(country).and_then(Figure::value), Count::try_from(7).ok());
}

#[test]
fn a_trace_of_the_figures_has_no_true_counts() {
    let policy = DisclosurePolicy { method: DisclosureMethod::Suppress, threshold: Threshold::try_from(500).unwrap() };
    let sheet = |year, cells| (vec![Act::Sheet { category: 0, year, cells, total: None }], 0);
    let steps = [sheet(0, vec![(0, Some(431)), (1, Some(432))]), sheet(1, vec![(2, Some(987))])];
    let (changed, contents) = publications(&steps);
    let vintages = Vintages::new(policy).with(read_all(&changed[0], &contents[0])).unwrap();
    let published = Published::of(vintages.with(read_all(&changed[1], &contents[1])).unwrap());
    let trace = format!("{published:?}");
    assert!(trace.contains("987") && !trace.contains("431") && !trace.contains("432"), "{trace}");
}
