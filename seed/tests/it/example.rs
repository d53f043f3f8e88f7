//! The dataset that comes with Almanac.

use std::{collections::BTreeMap, path::Path};

use entities::{BreakKind, Count, ObservationStatus, PeriodKind};
use seed::{Dataset, Files};

fn example() -> Dataset {
    Dataset::parse(&Files::example()).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn the_example_is_canonical_byte_for_byte() {
    let files = Files::example();
    let rendered = example().render();
    for (path, bytes) in files.iter() {
        let rendered = rendered.get(path).map(String::from_utf8_lossy);
        assert_eq!(rendered.as_deref(), Some(String::from_utf8_lossy(bytes).as_ref()), "{path}");
    }
    assert_eq!(rendered, files);
}

#[test]
fn the_example_is_what_lies_in_the_data_folder() {
    let on_disk = Files::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data")).map_err(|error| error.to_string());
    assert_eq!(on_disk, Ok(Files::example()));
}

#[test]
fn everything_is_there_in_both_languages() {
    let example = example();
    let counts = [example.pages.len(), example.staff.len(), example.countries.len(), example.categories.len()];
    assert_eq!(counts, [6, 6, 40, 2]);
    assert_eq!((example.visit_counts.len(), example.yearly_totals.len()), (98, 10));
    for page in &example.pages {
        assert_eq!(page.texts.len(), 2, "{}", page.slug);
        for text in page.texts.values() {
            assert!(text.summary.is_some() && text.description.is_some(), "{}", page.slug);
            assert_eq!(text.signature.is_some(), page.slug.as_str().ends_with("-greeting"), "{}", page.slug);
        }
    }
    assert!(example.staff.iter().all(|member| member.texts.len() == 2));
    assert!(example.countries.iter().all(|country| country.names.len() == 2));
    assert!(example.categories.iter().all(|category| category.labels.len() == 2));
}

#[test]
fn the_fact_sheet_says_in_both_languages_what_is_known_and_nothing_else() {
    let example = example();
    assert_eq!(example.site.disclosure, None, "it leaves the policy of a site as it is");
    let Some(sheet) = example.fact_sheet else { panic!("there is no fact sheet") };
    let lines = [&sheet.title, &sheet.producer, &sheet.unit].map(BTreeMap::len);
    let prose = [&sheet.description, &sheet.method, &sheet.citation].map(BTreeMap::len);
    assert_eq!((lines, prose, sheet.licence.len()), ([2; 3], [2; 3], 0));
    assert_eq!(sheet.producer, example.site.name);
    assert_eq!(sheet.period, PeriodKind::CalendarYear);
    assert_eq!(
        (sheet.contact_email, sheet.contact_url, sheet.licence_url, sheet.next_update),
        (None, None, None, None)
    );
    let breaks: Vec<_> = sheet.breaks.iter().map(|found| (found.year.get(), found.kind, found.label.len())).collect();
    assert_eq!(breaks, [(2020, BreakKind::Event, 2)]);
    assert!(sheet.footnotes.iter().all(|footnote| footnote.text.len() == 2));
    let places: Vec<Vec<_>> =
        sheet.footnotes.iter().map(|footnote| footnote.places.iter().map(ToString::to_string).collect()).collect();
    assert_eq!(places, [vec![], vec![], vec!["TRAVEL,IN".to_owned()]]);
}

#[test]
fn every_figure_that_is_not_final_says_why_in_both_languages() {
    for figure in example().visit_counts {
        let is_final = figure.observation.status() == ObservationStatus::Final;
        assert_eq!(figure.note.len(), if is_final { 0 } else { 2 }, "{figure:?}");
    }
}

#[test]
fn the_rows_differ_from_the_published_totals_in_one_place_and_its_note_says_so() {
    let example = example();
    let mut sums = BTreeMap::new();
    for figure in &example.visit_counts {
        *sums.entry((&figure.category, figure.year)).or_insert(0) += figure.observation.value().map_or(0, Count::get);
    }
    for total in &example.yearly_totals {
        let published = total.value.get();
        let sum = sums[&(&total.category, total.year)];
        if (total.category.as_str(), total.year.get()) == ("TRAVEL", 2018) {
            assert_eq!((published, sum, total.note.len()), (64, 65, 2));
        } else {
            assert_eq!((published, total.note.len()), (sum, 0), "{total:?}");
        }
    }
}
