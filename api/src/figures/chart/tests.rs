//! What a chart promises, read back from what was drawn.

use std::sync::Arc;

use proptest::{collection::vec, option, prelude::*, sample::select};
use resvg::usvg::fontdb::Database;
use roxmltree::{Document, Node};

use super::{palette::Pair, *};
use crate::figures::status;

const FINAL: ObservationStatus = ObservationStatus::Final;

fn years(range: impl Iterator<Item = i64>) -> Vec<Year> {
    range.map(|year| Year::try_from(year).unwrap()).collect()
}

fn point(value: i64) -> Point {
    Point { value: Some(value), status: FINAL }
}

fn gap(status: ObservationStatus) -> Point {
    Point { value: None, status }
}

fn chart(kind: Kind, series: &[(&str, Vec<Point>)]) -> Chart {
    let count = series.first().map_or(0, |(_, points)| i64::try_from(points.len()).unwrap());
    Chart {
        kind,
        language: Language::English,
        title: "Visits".to_owned(),
        description: "How many came.".to_owned(),
        unit: "visits".to_owned(),
        years: years(2018..2018 + count),
        series: series
            .iter()
            .map(|(label, points)| Series { label: (*label).to_owned(), points: points.clone() })
            .collect(),
        breaks: Vec::new(),
        events: Vec::new(),
        footnotes: Vec::new(),
        source: None,
        theme: Theme::Auto,
        width: 800,
        height: 450,
    }
}

const KINDS: [Kind; 3] = [Kind::YearlyTotals, Kind::Countries, Kind::Share];

fn five(kind: Kind) -> Chart {
    let travel = [64, 38, 4, 2, 5].map(point).to_vec();
    let resident = [70, 97, 70, 56, 67].map(point).to_vec();
    chart(kind, &[("Travel", travel), ("Resident", resident)])
}

fn svg(chart: &Chart) -> Result<String, ChartError> {
    let mut drawn = Vec::new();
    super::svg(chart, &mut drawn)?;
    Ok(String::from_utf8(drawn).unwrap())
}

fn png(chart: &Chart, scale: u16) -> Result<Vec<u8>, ChartError> {
    let mut painted = Vec::new();
    super::png(chart, scale, &mut painted)?;
    Ok(painted)
}

fn table(chart: &Chart) -> String {
    let mut written = Vec::new();
    table::table(chart, &mut written).unwrap();
    String::from_utf8(written).unwrap()
}

fn named<'a>(document: &'a Document, name: &str) -> Vec<Node<'a, 'a>> {
    document.descendants().filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", name))).collect()
}

/// How many points each line has, by series.
fn lines(svg: &str) -> Vec<usize> {
    let document = Document::parse(svg).unwrap();
    let points = |line: &Node| line.attribute("points").unwrap().split(' ').count();
    named(&document, "polyline").iter().map(points).collect()
}

/// The box of every text, by the same measure as it was placed by.
fn boxes(language: Language, svg: &str) -> Vec<(String, [f64; 4])> {
    let document = Document::parse(svg).unwrap();
    let number = |node: &Node, name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap();
    let place = |node: &Node| {
        let text: String = node.children().filter(Node::is_text).filter_map(|text| text.text()).collect();
        let size = number(node, "font-size");
        let (x, y, width) = (number(node, "x"), number(node, "y"), text::width(language, size, &text));
        let left = match node.attribute("text-anchor") {
            Some("middle") => x - width / 2.0,
            Some("end") => x - width,
            _ => x,
        };
        (text, [left, y - size * 0.8, left + width, y + size * 0.2])
    };
    named(&document, "text").iter().map(place).collect()
}

fn assert_inside(chart: &Chart, svg: &str) {
    let (width, height) = (f64::from(chart.width), f64::from(chart.height));
    for (text, [left, top, right, bottom]) in boxes(chart.language, svg) {
        let inside = left >= -0.2 && top >= -0.2 && right <= width + 0.2 && bottom <= height + 0.2;
        assert!(inside, "{text:?} at {left} {top} {right} {bottom}");
    }
}

fn assert_apart(chart: &Chart, svg: &str) {
    let boxes = boxes(chart.language, svg);
    for (index, (one, [left, top, right, bottom])) in boxes.iter().enumerate() {
        for (other, [from, over, to, under]) in &boxes[..index] {
            let apart = left + 0.3 > *to || from + 0.3 > *right || top + 0.3 > *under || over + 0.3 > *bottom;
            assert!(apart, "{one:?} over {other:?}");
        }
    }
}

#[test]
fn every_series_and_year_is_there_with_a_title_and_a_description() {
    for kind in KINDS {
        let chart = five(kind);
        let svg = svg(&chart).unwrap();
        let document = Document::parse(&svg).unwrap();
        let root = document.root_element();
        assert_eq!(root.attribute("role"), Some("img"));
        assert_eq!(root.attribute("aria-labelledby"), Some("title desc"));
        assert_eq!(root.attribute("lang"), Some("en"));
        let by_id = |id: &str| document.descendants().find(|node| node.attribute("id") == Some(id)).unwrap();
        assert_eq!(by_id("title").text(), Some("Visits"));
        let description = by_id("desc").text().unwrap();
        let said = "How many came. Travel from 64 in 2018 to 5 in 2022, at most 64 in 2018; \
                    Resident from 70 in 2018 to 67 in 2022, at most 97 in 2019.";
        assert_eq!(description, said);
        let titles: Vec<&str> = named(&document, "title").iter().filter_map(Node::text).collect();
        for series in ["Travel", "Resident"] {
            assert!(boxes(Language::English, &svg).iter().any(|(text, _)| text == series), "{series}");
            for year in 2018..=2022 {
                assert!(
                    titles.iter().any(|title| title.starts_with(&format!("{series}, {year}: "))),
                    "{series} {year}"
                );
            }
        }
        for year in 2018..=2022 {
            assert!(boxes(Language::English, &svg).iter().any(|(text, _)| *text == year.to_string()), "{year}");
        }
    }
}

#[test]
fn no_line_crosses_a_gap_a_break_or_a_year_apart() {
    let whole = five(Kind::Countries);
    assert_eq!(lines(&svg(&whole).unwrap()), [5, 5]);

    let mut gaps = whole.clone();
    gaps.series[0].points[2] = gap(ObservationStatus::Missing);
    let drawn = svg(&gaps).unwrap();
    assert_eq!(lines(&drawn), [2, 2, 5]);
    assert!(boxes(Language::English, &drawn).iter().any(|(text, _)| text == ".."));

    let mut breaks = whole.clone();
    breaks.breaks.push(Break { year: breaks.years[1], label: "Counted otherwise".to_owned() });
    let drawn = svg(&breaks).unwrap();
    assert_eq!(lines(&drawn), [4, 4]);
    assert!(boxes(Language::English, &drawn).iter().any(|(text, _)| text == "Counted otherwise"));

    let mut events = whole.clone();
    events.events.push(Event { year: events.years[2], label: "Pandemic".to_owned(), interrupts: false });
    assert_eq!(lines(&svg(&events).unwrap()), [5, 5]);
    events.events[0].interrupts = true;
    assert_eq!(lines(&svg(&events).unwrap()), [2, 2, 2, 2]);

    let mut status = whole.clone();
    status.series[1].points[3].status = ObservationStatus::Break;
    assert_eq!(lines(&svg(&status).unwrap()), [5, 3, 2]);

    let mut years = whole;
    years.years[4] = Year::try_from(2024).unwrap();
    assert_eq!(lines(&svg(&years).unwrap()), [4, 4]);
}

#[test]
fn zero_is_drawn_and_what_has_no_value_is_not() {
    let points = vec![point(0), gap(ObservationStatus::Suppressed), point(3)];
    let drawn = svg(&chart(Kind::Countries, &[("A", points), ("B", vec![point(1), point(1), point(1)])])).unwrap();
    assert!(drawn.contains("<title>A, 2018: 0</title>"));
    assert!(!drawn.contains("<title>A, 2019"));
    assert!(boxes(Language::English, &drawn).iter().any(|(text, _)| text == "*"));
    assert!(boxes(Language::English, &drawn).iter().any(|(text, _)| text == "Withheld"));
}

#[test]
fn a_figure_that_was_not_counted_looks_different_and_is_explained() {
    for kind in KINDS {
        let mut drawings = Vec::new();
        for status in ObservationStatus::ALL.into_iter().filter(|status| status.has_value()) {
            let mut chart = five(kind);
            chart.series[0].points[1].status = status;
            let svg = svg(&chart).unwrap();
            // What it is called is in titles anyway.
            let document = Document::parse(&svg).unwrap();
            let shapes = ["path", "rect", "circle"].into_iter().flat_map(|name| named(&document, name));
            drawings.push(shapes.map(|node| svg[node.range()].to_owned()).collect::<String>());
            let explained =
                boxes(Language::English, &svg).iter().any(|(text, _)| text == status::label(status, Language::English));
            let special = !matches!(status, FINAL | ObservationStatus::Revised | ObservationStatus::Break);
            assert_eq!(explained, special || (status == ObservationStatus::Break && kind != Kind::Share), "{status}");
        }
        for special in &drawings[1..4] {
            assert_ne!(*special, drawings[0]);
        }
        assert_ne!(drawings[1], drawings[2]);
        assert_ne!(drawings[2], drawings[3]);
    }
}

#[test]
fn hostile_texts_are_only_texts() {
    for hostile in
        ["<script>alert(1)</script>", "a & b", "\"'><g onload='x'>", "\u{202e}مرحبا\u{0}\u{ffff}", "👩‍👩‍👧🇯🇵", "]]>\r\n--"]
    {
        for kind in KINDS {
            let mut chart = five(kind);
            chart.title = hostile.to_owned();
            chart.description = hostile.to_owned();
            chart.unit = hostile.to_owned();
            chart.series[0].label = hostile.to_owned();
            chart.breaks.push(Break { year: chart.years[1], label: hostile.to_owned() });
            chart.events.push(Event { year: chart.years[2], label: hostile.to_owned(), interrupts: true });
            chart.footnotes.push(hostile.to_owned());
            chart.source = Some(hostile.to_owned());
            let (svg, table) = (svg(&chart).unwrap(), table(&chart));
            assert_inside(&chart, &svg);
            for text in [&svg, &table] {
                let document = Document::parse(text).unwrap();
                for node in document.descendants().filter(Node::is_element) {
                    assert!(!["script", "foreignObject", "image", "a"].contains(&node.tag_name().name()));
                    assert!(node.attributes().all(|attribute| !attribute.name().starts_with("on")));
                }
            }
            assert_eq!(svg.matches("http").count(), 1, "only the name space");
        }
    }
}

#[test]
fn long_names_and_many_series_are_neither_cut_nor_on_top_of_each_other() {
    let names = [
        "アラブ首長国連邦",
        "Democratic People's Republic of Korea",
        "ボリビア多民族国",
        "中国",
        "Saint Vincent and the Grenadines",
    ];
    for language in [Language::English, Language::Japanese] {
        for (kind, count) in KINDS.into_iter().flat_map(|kind| [(kind, 1), (kind, 3), (kind, 5), (kind, 12)]) {
            for (width, height, span) in
                [(320, 240, 5), (360, 300, 5), (800, 450, 5), (800, 450, 120), (320, 240, 120), (2400, 1600, 20)]
            {
                let points: Vec<Point> = (0..span).map(|year| point(year * 997 % 1234)).collect();
                let series: Vec<(&str, Vec<Point>)> =
                    names.into_iter().cycle().take(count).map(|name| (name, points.clone())).collect();
                let mut chart = Chart { language, width, height, ..chart(kind, &series) };
                chart.years = years(1900..1900 + span);
                chart.title = "外国籍患者さんの受診件数の推移とその内訳 by country and by area of origin".repeat(3);
                chart.source = Some("A source with a long name ".repeat(9));
                chart.footnotes = vec!["A footnote that says much. 長い注記。".repeat(9); 4];
                chart.series[0].points[1] = gap(ObservationStatus::Missing);
                chart.series[0].points[2].status = ObservationStatus::Imputed;
                for year in [1, 2, 4] {
                    chart.events.push(Event {
                        year: chart.years[year],
                        label: "何か長い名前の出来事".repeat(2),
                        interrupts: false,
                    });
                }
                let svg = svg(&chart).unwrap();
                assert_inside(&chart, &svg);
                assert_apart(&chart, &svg);
            }
        }
    }
}

#[test]
fn colours_can_be_told_from_the_ground_and_follow_the_theme() {
    let luminance = |colour: &str| {
        let part = |at: usize| {
            let part = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    };
    let contrast = |one: &str, other: &str| {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    };
    let assert = |pair: Pair, least: f64| {
        assert!(contrast(pair.0, palette::PAPER.0) >= least, "{}", pair.0);
        assert!(contrast(pair.1, palette::PAPER.1) >= least, "{}", pair.1);
    };
    for pair in palette::SERIES {
        assert(pair, 3.0);
    }
    assert((palette::KEY, palette::KEY), 3.0);
    assert(palette::MUTED, 4.5);
    assert(palette::INK, 7.0);
    let drawn = |theme| svg(&Chart { theme, ..five(Kind::Share) }).unwrap();
    let (light, dark) = palette::PAPER;
    assert!(drawn(Theme::Auto).contains("prefers-color-scheme:dark"));
    assert!(drawn(Theme::Auto).contains(light) && drawn(Theme::Auto).contains(dark));
    assert!(drawn(Theme::Light).contains(light) && !drawn(Theme::Light).contains(dark));
    assert!(drawn(Theme::Dark).contains(dark) && !drawn(Theme::Dark).contains(light));
}

#[test]
fn an_empty_chart_says_so() {
    for kind in KINDS {
        let blank = vec![gap(ObservationStatus::NotYet); 3];
        for empty in [chart(kind, &[]), chart(kind, &[("A", Vec::new())]), chart(kind, &[("A", blank)])] {
            let svg = svg(&empty).unwrap();
            assert!(boxes(Language::English, &svg).iter().any(|(text, _)| text == "There are no figures to show."));
            assert!(table(&empty).contains("There are no figures to show."));
        }
    }
}

#[test]
fn what_is_out_of_bounds_is_refused() {
    let good = five(Kind::Share);
    let refused = |change: fn(&mut Chart)| {
        let mut chart = good.clone();
        change(&mut chart);
        svg(&chart).unwrap_err()
    };
    assert_eq!(refused(|chart| chart.width = 319), ChartError::Size);
    assert_eq!(refused(|chart| chart.height = 1601), ChartError::Size);
    assert_eq!(refused(|chart| chart.series = vec![chart.series[0].clone(); 13]), ChartError::TooMany);
    assert_eq!(refused(|chart| chart.years = years(1900..2021)), ChartError::TooManyYears);
    assert_eq!(refused(|chart| chart.years.reverse()), ChartError::Years);
    assert_eq!(refused(|chart| chart.series[0].points.truncate(1)), ChartError::Years);
    assert_eq!(refused(|chart| chart.series[0].points[0] = point(-1)), ChartError::Value);
    assert_eq!(refused(|chart| chart.series[0].points[0] = point(Count::MAX + 1)), ChartError::Value);
    assert_eq!(refused(|chart| chart.series[0].points[0].status = ObservationStatus::Missing), ChartError::Value);
    assert_eq!(refused(|chart| chart.series[0].points[0] = gap(FINAL)), ChartError::Value);
    assert_eq!(png(&good, 0), Err(ChartError::Size));
    assert_eq!(png(&good, u16::MAX), Err(ChartError::Size));
}

#[test]
fn the_table_says_what_the_picture_says() {
    let mut chart = chart(Kind::Share, &[("A", vec![point(3000)]), ("B", vec![point(1000)]), ("C", vec![point(0)])]);
    chart.series[1].points[0].status = ObservationStatus::Imputed;
    chart.series[2].points[0] = gap(ObservationStatus::Suppressed);
    chart.source = Some("Ministry".to_owned());
    assert_eq!(
        table(&chart),
        "<table lang=\"en\"><caption>Visits (visits)</caption><thead><tr><th scope=\"col\">Year</th>\
         <th scope=\"col\">A</th><th scope=\"col\">B</th><th scope=\"col\">C</th></tr></thead><tbody>\
         <tr><th scope=\"row\">2018</th><td>3,000 (75%)</td><td>1,000 (25%) <abbr title=\"Imputed\">i</abbr></td>\
         <td><abbr title=\"Withheld\">*</abbr></td></tr></tbody><tfoot>\
         <tr><td colspan=\"4\">i = Imputed; * = Withheld</td></tr>\
         <tr><td colspan=\"4\">Source: Ministry</td></tr></tfoot></table>"
    );
}

#[test]
fn a_png_has_letters_or_is_none() {
    let none = Arc::new(Database::new());
    let mut chart = five(Kind::Countries);
    chart.theme = Theme::Light;
    chart.title = "日本".to_owned();
    assert_eq!(png::paint(svg(&chart).unwrap().as_bytes(), 1, &none, Vec::new()), Err(ChartError::NoFont));
    // Where there are fonts, twice the same bytes; where there are none, the error that says so.
    let first = png(&chart, 1);
    assert!(first.as_ref().map_or_else(|error| *error == ChartError::NoFont, |png| png.starts_with(b"\x89PNG")));
    assert_eq!(png(&chart, 1), first);
}

#[test]
fn numbers_have_separators_and_texts_are_shortened_by_what_is_seen() {
    for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (2_147_483_647, "2,147,483,647")] {
        assert_eq!(words::number(number), text);
    }
    assert_eq!(words::percent(1, 0), "0%");
    assert_eq!(words::percent(2, 3), "67%");
    assert_eq!(text::shorten(Language::Japanese, 10.0, "アラブ首長国連邦", 60.0), "アラブ首…");
    assert_eq!(text::shorten(Language::English, 10.0, "e\u{301}e\u{301}e\u{301}", 14.5), "e\u{301}…");
    let (lines, whole) = text::wrap(Language::Japanese, 10.0, "日本に住む、外国籍の患者さん", 62.0, 9);
    assert_eq!((lines.join("|").as_str(), whole), ("日本に住む、|外国籍の患者|さん", true));
}

fn arbitrary() -> impl Strategy<Value = Chart> {
    let status = select(ObservationStatus::ALL.to_vec());
    let value = prop_oneof![0..50i64, Just(0), 0..=Count::MAX];
    let one = (value, status).prop_map(|(value, status)| Point { value: status.has_value().then_some(value), status });
    let label = || prop_oneof![".{0,40}", "[ぁ-んァ-ン一-龥]{1,30}", "[a-zA-Z ]{1,40}"];
    let mark = move || vec((1900..2200i64, label(), any::<bool>()), 0..6);
    let years = proptest::collection::btree_set(1900..2201i64, 0..40);
    let shape = (select(KINDS.to_vec()), any::<bool>(), years, vec((label(), vec(one, 40)), 0..12), mark(), mark());
    let around = (label(), label(), vec(label(), 0..4), option::of(label()), 320..2400u32, 240..1600u32);
    (shape, around).prop_map(
        |((kind, english, years, series, breaks, events), (title, unit, footnotes, source, width, height))| {
            let year = |year: i64| Year::try_from(year).unwrap();
            let count = years.len();
            Chart {
                kind,
                language: if english { Language::English } else { Language::Japanese },
                description: title.clone(),
                title,
                unit,
                years: years.into_iter().map(year).collect(),
                series: series
                    .into_iter()
                    .map(|(label, points)| Series { label, points: points[..count].to_vec() })
                    .collect(),
                breaks: breaks.into_iter().map(|(at, label, _)| Break { year: year(at), label }).collect(),
                events: events
                    .into_iter()
                    .map(|(at, label, interrupts)| Event { year: year(at), label, interrupts })
                    .collect(),
                footnotes,
                source,
                theme: Theme::Auto,
                width,
                height,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_drawn_is_well_formed_inside_its_box_and_the_same_twice(chart in arbitrary()) {
        let drawn = svg(&chart).unwrap();
        assert_inside(&chart, &drawn);
        prop_assert_eq!(svg(&chart).unwrap(), drawn);
        prop_assert!(Document::parse(&table(&chart)).is_ok());
    }
}
