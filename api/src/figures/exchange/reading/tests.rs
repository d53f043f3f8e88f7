//! Files as people make them, and as people make them who mean harm.

use std::io::{Cursor, Write};

use entities::{Count, ObservationStatus};
use proptest::prelude::*;
use rust_xlsxwriter::{Format as Style, Formula, Workbook as Writer};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::figures::disclosure::Confidentiality::{self, Free, Rounded, Withheld};
use crate::figures::exchange::COLUMNS;

/// The tenant's travellers as they stand in its own table, empty cells included.
const TRAVEL: &[(&str, [&str; 5])] = &[
    ("中国", ["48", "31", "1", "", ""]),
    ("ベトナム", ["4", "1", "2", "", "5"]),
    ("ロシア", ["1", "1", "1", "", ""]),
    ("インド", ["", "", "", "", ""]),
    ("インドネシア", ["7", "", "", "", ""]),
    ("韓国", ["1", "", "", "", ""]),
    ("台湾", ["2", "1", "", "", ""]),
    ("タイ", ["1", "", "", "", ""]),
    ("アメリカ", ["", "3", "", "1", ""]),
    ("オーストラリア", ["1", "", "", "", ""]),
    ("モンゴル", ["", "1", "", "", ""]),
    ("カザフスタン", ["", "", "", "1", ""]),
];
const TOTALS: [&str; 5] = ["64", "38", "4", "2", "5"];
const TITLE: &str = "表1　渡航受診（セカンドオピニオンを含む）";

fn names() -> Names {
    let countries = [
        ("CN", "中国", "China"),
        ("VN", "ベトナム", "Viet Nam"),
        ("RU", "ロシア", "Russia"),
        ("IN", "インド", "India"),
        ("ID", "インドネシア", "Indonesia"),
        ("KR", "韓国", "Korea"),
        ("TW", "台湾", "Taiwan"),
        ("TH", "タイ", "Thailand"),
        ("US", "アメリカ", "United States"),
        ("AU", "オーストラリア", "Australia"),
        ("MN", "モンゴル", "Mongolia"),
        ("KZ", "カザフスタン", "Kazakhstan"),
        ("LK", "スリ・ランカ", "Sri Lanka"),
    ];
    let categories = [("TRAVEL", "渡航受診", "Travel for treatment"), ("RESIDENT", "日本在住", "Resident in Japan")];
    let both = |ja: &str, en: &str| vec![ja.to_owned(), en.to_owned()];
    Names {
        categories: categories.iter().map(|(code, ja, en)| (code.parse().unwrap(), both(ja, en))).collect(),
        countries: countries.iter().map(|(code, ja, en)| (code.parse().unwrap(), both(ja, en))).collect(),
    }
}

fn plainly(bytes: &[u8]) -> Reading {
    read(bytes, &names(), &Overrides::default())
}

fn travel(text: &str) -> Reading {
    let category = "TRAVEL".parse().ok();
    read(text.as_bytes(), &names(), &Overrides { category, ..Overrides::default() })
}

fn shift_jis(text: &str) -> Vec<u8> {
    let (bytes, _, has_errors) = encoding_rs::SHIFT_JIS.encode(text);
    assert!(!has_errors, "{text}");
    bytes.into_owned()
}

/// Each figure as `TRAVEL CN 2018 48 FINAL`.
fn said(reading: &Reading) -> Vec<String> {
    let figure = |figure: &Reported| {
        let country = figure.country.as_ref().map_or("_T", |country| country.as_str());
        let value = figure.observation.value().map_or("-".to_owned(), |value| value.to_string());
        let flags = figure.observation.flags();
        format!("{} {country} {} {value} {flags}", figure.category, figure.year)
    };
    reading.figures.iter().map(figure).collect()
}

/// Each fault as `C5 NOT_AN_INTEGER 1.5`.
fn faults(reading: &Reading) -> Vec<String> {
    let fault = |fault: &FileFault| {
        let sheet = fault.place.sheet.as_ref().map(|sheet| format!("{sheet}!")).unwrap_or_default();
        let row = fault.place.row.map(|row| row.to_string()).unwrap_or_default();
        let column = fault.place.column.clone().unwrap_or_default();
        format!("{sheet}{column}{row} {} {}", fault.rule.code(), fault.value).trim().to_owned()
    };
    reading.faults.iter().map(fault).collect()
}

fn tenant_csv() -> String {
    let mut text = format!("{TITLE},,,,,,\r\n\r\n国名,2018年,2019年,2020年,2021年,2022年,計\r\n");
    for (country, cells) in TRAVEL.iter().chain([&("合　計", TOTALS)]) {
        text.push_str(&format!("{country},{},\r\n", cells.join(",")));
    }
    text + "\r\n出典：病院統計,,,,,,\r\n"
}

fn tenant_xlsx() -> Vec<u8> {
    let mut book = Writer::new();
    let sheet = book.add_worksheet().set_name("令和5年公表").unwrap();
    sheet.merge_range(0, 0, 0, 6, TITLE, &Style::new()).unwrap();
    sheet.write_row(2, 0, ["国名", "2018年", "2019年", "2020年", "2021年", "2022年", "計"]).unwrap();
    for (row, (country, cells)) in (3..).zip(TRAVEL.iter().chain([&("合　計", TOTALS)])) {
        sheet.write(row, 0, *country).unwrap();
        for (column, cell) in (1..).zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            sheet.write(row, column, cell.parse::<u32>().unwrap()).unwrap();
        }
        sheet.write(row, 6, Formula::new("=SUM(B4:F4)")).unwrap();
    }
    sheet.write(17, 0, "出典：病院統計").unwrap();
    book.save_to_buffer().unwrap()
}

#[test]
fn the_tenants_own_table_is_read_as_it_is() {
    let reading = plainly(&shift_jis(&tenant_csv()));
    assert_eq!(faults(&reading), [""; 0]);
    assert_eq!((reading.format, reading.encoding), (Format::Csv, Some("Shift_JIS")));
    assert_eq!(reading.figures.len(), 25, "20 cells and 5 totals: {:?}", said(&reading));
    assert_eq!(
        said(&reading)[..4],
        ["TRAVEL CN 2018 48 FINAL", "TRAVEL CN 2019 31 FINAL", "TRAVEL CN 2020 1 FINAL", "TRAVEL VN 2018 4 FINAL"]
    );
    assert_eq!(said(&reading)[20], "TRAVEL _T 2018 64 FINAL");
    // The total that was published is kept, though the countries sum to one more.
    let of_2018 = reading.figures.iter().filter(|figure| figure.year.get() == 2018);
    let (totals, countries): (Vec<_>, Vec<_>) = of_2018.partition(|figure| figure.country.is_none());
    let sum = |figures: Vec<&Reported>| -> i64 {
        figures.iter().filter_map(|figure| figure.observation.value()).map(Count::get).sum()
    };
    assert_eq!((sum(countries), sum(totals)), (65, 64));

    let mapping = &reading.mappings[0];
    assert_eq!((mapping.layout, mapping.header_row), (Layout::WideYears, Some(3)));
    assert_eq!(mapping.category_from, Some(CategoryFrom::Title(1)));
    assert_eq!(mapping.columns[6].column, Column::Total);
    assert_eq!(mapping.unread, [(1, Unread::Title), (2, Unread::Blank), (17, Unread::Blank), (18, Unread::Remark)]);
    assert_eq!(reading.figures[0].place, Place { sheet: None, row: Some(4), column: Some("B".to_owned()) });
}

#[test]
fn every_way_to_save_the_table_gives_the_same_figures() {
    let expected = said(&plainly(&shift_jis(&tenant_csv())));
    let text = tenant_csv();
    let tabs = text.replace(',', "\t");
    let semicolons = text.replace(',', ";").replace("\r\n", "\n");
    let utf16 = |text: &str, mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        mark.into_iter().chain(text.encode_utf16().flat_map(bytes)).collect()
    };
    let eras = text.replace("2018年", "平成30年").replace("2019年", "令和元年").replace("2020年", "Ｒ２");
    let bare = text.replace("国名,2018年", ",２０１８").replace("2019年", " 2019 年度");
    for (what, bytes) in [
        ("UTF-8", text.clone().into_bytes()),
        ("a byte order mark", format!("\u{feff}{text}").into_bytes()),
        ("tabs", tabs.clone().into_bytes()),
        ("semicolons", semicolons.into_bytes()),
        ("what Excel calls Unicode text", utf16(&tabs, [0xff, 0xfe], u16::to_le_bytes)),
        ("the other UTF-16", utf16(&text, [0xfe, 0xff], u16::to_be_bytes)),
        ("quotation marks", format!("\"{}\"", text.replace(',', "\",\"").replace("\r\n", "\"\r\n\"")).into_bytes()),
        ("Japanese years", eras.into_bytes()),
        ("a corner without a name", bare.into_bytes()),
        ("a workbook", tenant_xlsx()),
    ] {
        let reading = plainly(&bytes);
        assert_eq!(faults(&reading), [""; 0], "{what}");
        assert_eq!(said(&reading), expected, "{what}");
    }
    assert_eq!(plainly(&tenant_xlsx()).figures[0].place.sheet.as_deref(), Some("令和5年公表"));
}

#[test]
fn tables_may_stand_one_below_the_other_or_on_sheets_of_their_own() {
    let text = "渡航受診\n国名,2018,2019\n中国,48,31\n合計,64,38\n\n日本在住\n国名,2018,2019\n中国,29,71\n";
    let reading = plainly(text.as_bytes());
    assert_eq!(faults(&reading), [""; 0]);
    assert_eq!(
        said(&reading)[3..],
        ["TRAVEL _T 2019 38 FINAL", "RESIDENT CN 2018 29 FINAL", "RESIDENT CN 2019 71 FINAL"]
    );
    assert_eq!(reading.mappings[1].category_from, Some(CategoryFrom::Title(6)));

    let mut book = Writer::new();
    book.add_worksheet().set_name("はじめに").unwrap().write(0, 0, "この表について").unwrap();
    for (name, value) in [("渡航受診", 48), ("日本在住 (2018)", 29)] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        sheet.write_row(0, 0, ["国・地域"]).unwrap();
        sheet.write(0, 1, 2018).unwrap();
        sheet.write(1, 0, "China").unwrap();
        sheet.write(1, 1, value).unwrap();
    }
    let bytes = book.save_to_buffer().unwrap();
    let reading = plainly(&bytes);
    assert_eq!(faults(&reading), [""; 0]);
    assert_eq!(said(&reading), ["TRAVEL CN 2018 48 FINAL", "RESIDENT CN 2018 29 FINAL"]);
    let layouts: Vec<Layout> = reading.mappings.iter().map(|mapping| mapping.layout).collect();
    assert_eq!(layouts, [Layout::Nothing, Layout::WideYears, Layout::WideYears]);

    let only = |sheet: &str| Overrides { sheet: Some(sheet.to_owned()), ..Overrides::default() };
    assert_eq!(said(&read(&bytes, &names(), &only("渡航受診"))), ["TRAVEL CN 2018 48 FINAL"]);
    assert_eq!(faults(&read(&bytes, &names(), &only("表9"))), ["UNKNOWN 表9"]);
}

#[test]
fn figures_are_read_as_people_write_them() {
    for (cell, expected) in [
        ("1234", "1234 FINAL"),
        ("\"1,234\"", "1234 FINAL"),
        ("１２３", "123 FINAL"),
        ("\"１，２３４\"", "1234 FINAL"),
        (" 12 人", "12 FINAL"),
        ("3件", "3 FINAL"),
        ("4名", "4 FINAL"),
        ("0", "0 FINAL"),
        ("…", "- MISSING"),
        ("...", "- MISSING"),
        ("不明", "- MISSING"),
        ("x", "- SUPPRESSED"),
        ("Ｘ", "- SUPPRESSED"),
        ("*", "- SUPPRESSED"),
        ("＊＊＊", "- SUPPRESSED"),
        ("秘匿", "- SUPPRESSED"),
        ("・", "- NOT_APPLICABLE"),
        ("･", "- NOT_APPLICABLE"),
        ("未", "- NOT_YET"),
        ("未公表", "- NOT_YET"),
        ("12p", "12 PROVISIONAL"),
        ("12人（速報）", "12 PROVISIONAL"),
        ("12 (p)", "12 PROVISIONAL"),
        ("12e", "12 ESTIMATED"),
        ("12i r", "12 IMPUTED REVISED"),
        ("12b", "12 BREAK"),
    ] {
        let reading = travel(&format!("国名,2018\n中国,{cell}\n"));
        assert_eq!(faults(&reading), [""; 0], "{cell}");
        assert_eq!(said(&reading), [format!("TRAVEL CN 2018 {expected}")], "{cell}");
    }
    for (cell, rule) in [
        ("-", "AMBIGUOUS_DASH"),
        ("－", "AMBIGUOUS_DASH"),
        ("―", "AMBIGUOUS_DASH"),
        ("‐", "AMBIGUOUS_DASH"),
        ("ー", "AMBIGUOUS_DASH"),
        ("--", "AMBIGUOUS_DASH"),
        ("-5", "OUT_OF_RANGE"),
        ("▲5", "OUT_OF_RANGE"),
        ("2147483648", "OUT_OF_RANGE"),
        ("99999999999999999999999999", "OUT_OF_RANGE"),
        ("1.5", "NOT_AN_INTEGER"),
        ("\"1,23\"", "NOT_AN_INTEGER"),
        ("1e5", "NOT_AN_INTEGER"),
        ("2018/1/5", "NOT_AN_INTEGER"),
        ("=1+1", "NOT_AN_INTEGER"),
        ("xp", "NOT_AN_INTEGER"),
        ("多数", "NOT_AN_INTEGER"),
    ] {
        let reading = travel(&format!("国名,2018\n中国,{cell}\n"));
        assert_eq!(faults(&reading), [format!("B2 {rule} {}", cell.trim_matches('"'))], "{cell}");
        assert_eq!(said(&reading), [""; 0], "{cell}");
    }
}

#[test]
fn countries_are_known_by_code_and_by_any_name() {
    for country in ["CN", "cn", "ＣＮ", " 中国 ", "CHINA", "china"] {
        assert_eq!(said(&travel(&format!("ISO,2018\n{country},5\n"))), ["TRAVEL CN 2018 5 FINAL"], "{country}");
    }
    for country in ["スリランカ", "スリ･ランカ", "ｽﾘﾗﾝｶ", "sri lanka", "SriLanka"] {
        assert_eq!(said(&travel(&format!("country,2018\n{country},5\n"))), ["TRAVEL LK 2018 5 FINAL"], "{country}");
    }
    let reading = travel("国名,2018\nアトランティス,5\n,7\nZZ,1\n");
    assert_eq!(faults(&reading), ["A2 UNKNOWN アトランティス", "A3 REQUIRED", "A4 UNKNOWN ZZ"]);
}

#[test]
fn a_figure_is_given_once() {
    let reading = travel("国名,2018\n中国,5\nベトナム,1\nChina,5\n計,9\n合計,9\n");
    assert_eq!(faults(&reading), ["B4 FIGURE_TWICE 5", "B6 TWO_TOTALS 9"]);
    assert_eq!(reading.faults[0].rule, Rule::FigureTwice { first: "B2".to_owned() });
    assert_eq!(reading.faults[1].rule, Rule::TwoTotals { first: "B5".to_owned() });
    assert_eq!(faults(&travel("国名,2018,平成30年\n中国,5,6\n")), ["C2 FIGURE_TWICE 6"]);
}

#[test]
fn a_long_table_says_what_each_figure_is() {
    let text = "区分,国,年次,延べ人数,状態,備考\n\
                渡航受診,中国,平成30年,48,,数え方を変更\n\
                ,ベトナム,2018,4,REVISED IMPUTED,\n\
                日本在住,総数,２０１８,70,,\n\
                日本在住,中国,2018,,,\n\
                出典：病院統計,,,,,\n";
    let reading = plainly(text.as_bytes());
    assert_eq!(faults(&reading), [""; 0]);
    assert_eq!(
        said(&reading),
        ["TRAVEL CN 2018 48 FINAL", "TRAVEL VN 2018 4 IMPUTED REVISED", "RESIDENT _T 2018 70 FINAL"]
    );
    assert_eq!(reading.figures[0].note, Some(("ja".parse().unwrap(), "数え方を変更".to_owned())));
    assert_eq!(reading.figures[1].note, Some(("ja".parse().unwrap(), String::new())));

    let without_year = "国名,人数\n中国,48\n";
    assert_eq!(faults(&travel(without_year)), ["1 NO_YEAR"]);
    let overrides =
        Overrides { category: "TRAVEL".parse().ok(), year: Year::try_from(2018).ok(), ..Overrides::default() };
    assert_eq!(said(&read(without_year.as_bytes(), &names(), &overrides)), ["TRAVEL CN 2018 48 FINAL"]);
    assert_eq!(faults(&plainly(b"country,2018\nCN,1\n")), ["1 NO_CATEGORY"]);
    // Years on top are years, whatever else is there; a note of a row is one of all its figures.
    let wide = travel("国名,2018,2019,人数,備考\n中国,48,31,79,一部推計\nタイ,1,,1,\n");
    assert_eq!((faults(&wide), said(&wide).len()), (Vec::new(), 3));
    let notes: Vec<bool> = wide.figures.iter().map(|figure| figure.note.is_some()).collect();
    assert_eq!((notes, wide.mappings[0].columns[3].column), (vec![true, true, false], Column::Ignored));
    let faulty = travel("国,年,人数,状態\n中国,18世紀,1,\n中国,2018,,FINAL\n中国,2019,1,MISSING\n中国,2020,1,よい\n");
    assert_eq!(
        faults(&faulty),
        ["B2 NOT_AN_INTEGER 18世紀", "C3 VALUE_MISSING", "C4 VALUE_NOT_ALLOWED 1", "D5 NOT_ONE_OF よい"]
    );
}

#[test]
fn our_own_exports_come_back_as_they_were() {
    let header = COLUMNS.join(",");
    let text = format!(
        "{header}\r\nTRAVEL,渡航受診,CN,中国,2018,48,IMPUTED REVISED,FREE,'=推計,ja\r\n\
         TRAVEL,渡航受診,VN,ベトナム,2018,,SUPPRESSED,WITHHELD,'quoted',en\r\n\
         TRAVEL,渡航受診,RU,ロシア,2018,5,FINAL,ROUNDED,,\r\n\
         TRAVEL,渡航受診,_T,合計,2018,64,FINAL,FREE,'\t,en\r\n"
    );
    let reading = plainly(format!("\u{feff}{text}").as_bytes());
    assert_eq!(faults(&reading), ["I5 REQUIRED '"], "white space alone is no note");
    assert_eq!(
        said(&reading),
        [
            "TRAVEL CN 2018 48 IMPUTED REVISED",
            "TRAVEL VN 2018 - SUPPRESSED",
            "TRAVEL RU 2018 5 FINAL",
            "TRAVEL _T 2018 64 FINAL"
        ]
    );
    let notes: Vec<Option<&str>> =
        reading.figures.iter().map(|figure| figure.note.as_ref().map(|(_, note)| note.as_str())).collect();
    assert_eq!(notes, [Some("=推計"), Some("'quoted'"), None, None]);
    let confidentiality: Vec<Confidentiality> = reading.figures.iter().map(|figure| figure.confidentiality).collect();
    assert_eq!(confidentiality, [Free, Withheld, Rounded, Free]);

    let mut book = Writer::new();
    book.add_worksheet().set_name("表").unwrap().write_row(0, 0, ["国名", "2018年"]).unwrap();
    let sheet = book.add_worksheet().set_name("data").unwrap();
    sheet.write_row(0, 0, COLUMNS).unwrap();
    sheet.write_row(1, 0, ["TRAVEL", "", "CN", ""]).unwrap();
    sheet.write_row(1, 4, [2018, 48]).unwrap();
    sheet.write_row(1, 6, ["FINAL", "FREE"]).unwrap();
    let reading = plainly(&book.save_to_buffer().unwrap());
    assert_eq!((faults(&reading), reading.mappings.len()), (Vec::new(), 1));
    assert_eq!(said(&reading), ["TRAVEL CN 2018 48 FINAL"]);
}

#[test]
fn in_a_workbook_only_values_count() {
    let mut book = Writer::new();
    let sheet = book.add_worksheet().set_name("渡航受診").unwrap();
    sheet.write_row(0, 0, ["国名"]).unwrap();
    sheet.write_row(0, 1, [2018, 2019]).unwrap();
    for (row, country) in (1..).zip(["中国", "インド", "タイ", "韓国", "合計"]) {
        sheet.write(row, 0, country).unwrap();
        sheet.write_blank(row, 1, &Style::new()).unwrap();
        sheet.write_blank(row, 2, &Style::new()).unwrap();
        sheet.write_blank(row, 3, &Style::new()).unwrap();
    }
    sheet.write(1, 1, 48.0).unwrap();
    sheet.write(1, 2, 1.5).unwrap();
    sheet.write_with_format(2, 1, 43_101, &Style::new().set_num_format("yyyy/m/d")).unwrap();
    sheet.write_with_format(2, 2, 7, &Style::new().set_num_format("#,##0\"名様\"")).unwrap();
    sheet.write(3, 1, true).unwrap();
    sheet.write(4, 1, -3).unwrap();
    sheet.write(5, 1, Formula::new("=SUM(B2:B5)").set_result("48")).unwrap();
    let reading = plainly(&book.save_to_buffer().unwrap());
    assert_eq!(said(&reading), ["TRAVEL CN 2018 48 FINAL", "TRAVEL IN 2019 7 FINAL"]);
    assert_eq!(
        faults(&reading),
        [
            "渡航受診!C2 NOT_AN_INTEGER 1.5",
            "渡航受診!B3 NOT_AN_INTEGER 2018-01-01",
            "渡航受診!B4 NOT_AN_INTEGER TRUE",
            "渡航受診!B5 OUT_OF_RANGE -3",
            "渡航受診!B6 FORMULA"
        ]
    );
}

const DATASET: &str = r#"{"version":"2.0","class":"dataset","id":["category","country","year"],"size":[1,3,2],
    "dimension":{"category":{"category":{"index":["TRAVEL"]}},
        "country":{"category":{"index":{"CN":0,"VN":1,"_T":2}}},"year":{"category":{"index":["2018","2019"]}}},
    "value":[48,null,null,1,64,null],"status":{"0":"P","2":"Q","4":"A"},
    "extension":{"almanac":{"rows":[{"index":0,"status":"IMPUTED REVISED","confidentiality":"ROUNDED",
        "note":"推計","noteLocale":"ja"}]}}}"#;

#[test]
fn json_stat_is_read_with_our_extension() {
    let reading = plainly(DATASET.as_bytes());
    assert_eq!(faults(&reading), [""; 0]);
    assert_eq!((reading.format, reading.mappings.len()), (Format::JsonStat, 0));
    assert_eq!(
        said(&reading),
        [
            "TRAVEL CN 2018 48 IMPUTED REVISED",
            "TRAVEL VN 2018 - SUPPRESSED",
            "TRAVEL VN 2019 1 FINAL",
            "TRAVEL _T 2018 64 FINAL"
        ]
    );
    assert_eq!(reading.figures[0].confidentiality, Rounded);
    assert_eq!(reading.figures[0].note, Some(("ja".parse().unwrap(), "推計".to_owned())));
    let sparse = DATASET.replace("[48,null,null,1,64,null]", r#"{"0":48,"3":1,"4":64.0}"#);
    assert_eq!(said(&plainly(sparse.as_bytes())), said(&reading));

    for (from, to, fault) in [
        ("\"VN\":1", "\"ZZ\":1", "3 UNKNOWN ZZ"),
        ("\"Q\"", "\"Y\"", "3 NOT_ONE_OF null"),
        ("\"Q\"", "\"A\"", "3 VALUE_MISSING null"),
        ("64", "6.4", "5 NOT_AN_INTEGER 6.4"),
        ("[48,", "[48,0,", "SYNTAX value"),
        ("\"dataset\"", "\"collection\"", "SYNTAX"),
        ("[1,3,2]", "[1,3000000000,2]", "SYNTAX country"),
        ("\"index\":0,", "\"index\":99,", "UNKNOWN 99"),
        ("}}}", "}}", "SYNTAX"),
    ] {
        let text = DATASET.replacen(from, to, 1);
        assert_ne!(text, DATASET, "{from}");
        assert_eq!(faults(&plainly(text.as_bytes())).first().map(String::as_str), Some(fault), "{from} -> {to}");
    }
}

#[test]
fn an_encoding_is_what_the_bytes_say() {
    let declared = |bytes: &[u8], encoding: &str| {
        let overrides = Overrides { encoding: Some(encoding.to_owned()), ..Overrides::default() };
        let reading = read(bytes, &names(), &overrides);
        (faults(&reading), reading.encoding)
    };
    let (text, bytes) = (tenant_csv(), shift_jis(&tenant_csv()));
    for label in ["Shift_JIS", "cp932", "windows-31j", "SJIS"] {
        assert_eq!(declared(&bytes, label), (Vec::new(), Some("Shift_JIS")), "{label}");
    }
    assert_eq!(declared(&bytes, "utf-8").0, ["ENCODING Shift_JIS"]);
    assert_eq!(declared(text.as_bytes(), "cp932").0, ["ENCODING UTF-8"]);
    assert_eq!(declared(text.as_bytes(), "klingon").0, ["ENCODING UTF-8"]);
    assert_eq!(declared(b"category,country,2018\nTRAVEL,CN,1\n", "cp932"), (Vec::new(), Some("UTF-8")));
    // Neither: a lone half of a Shift_JIS character, and UTF-16 without its mark.
    assert_eq!(faults(&plainly(b"country,2018\n\x81\n")), ["ENCODING"]);
    assert_eq!(faults(&plainly(b"c\0o\0u\0n\0t\0r\0y\0")), ["ENCODING"]);
}

#[test]
fn files_of_other_kinds_are_refused_by_name() {
    assert_eq!(faults(&plainly(&vec![b'a'; MAX_BYTES + 1])), ["FILE_TOO_LARGE"]);
    assert_eq!(faults(&plainly(b"")), ["NOT_A_TABLE"]);
    assert_eq!(faults(&plainly(b"%PDF-1.7\n1 0 obj\n")), ["NOT_A_TABLE"]);
    assert_eq!(faults(&plainly("名前,電話\n太郎,03\n".as_bytes())), ["NOT_A_TABLE"]);
    assert_eq!(faults(&plainly(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old or encrypted")), ["FOREIGN_FORMAT"]);
    assert_eq!(faults(&plainly(&packed(&[("mimetype", b"application/vnd.oasis")]))), ["FOREIGN_FORMAT"]);
    assert_eq!(faults(&plainly(&packed(&[("xl/workbook.bin", b"")]))), ["FOREIGN_FORMAT"]);
    assert_eq!(faults(&plainly(&packed(&[("word/document.xml", b"")]))), ["FOREIGN_FORMAT"]);
    let unclosed = "国名,2018\n\"中国,1\nタイ,2\n";
    assert_eq!(faults(&travel(unclosed)), ["SYNTAX \""]);
}

fn packed(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A workbook of these sheets, texts and whatever else.
fn book(sheets: &[&str], texts: &str, others: &[(&str, &[u8])]) -> Vec<u8> {
    const KIND: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let root = format!(
        "<Relationships><Relationship Id='r' Type='{KIND}/officeDocument' Target='xl/workbook.xml'/></Relationships>"
    );
    let mut relations = format!("<Relationship Id='texts' Type='{KIND}/sharedStrings' Target='texts.xml'/>");
    let mut list = String::new();
    for (index, sheet) in sheets.iter().enumerate() {
        relations += &format!("<Relationship Id='r{index}' Type='{KIND}/worksheet' Target='{sheet}'/>");
        list += &format!("<sheet name='渡航受診{index}' r:id='r{index}'/>");
    }
    let relations = format!("<Relationships>{relations}</Relationships>");
    let list = format!("<workbook><sheets>{list}</sheets></workbook>");
    let mut parts: Vec<(&str, &[u8])> = vec![
        ("_rels/.rels", root.as_bytes()),
        ("xl/workbook.xml", list.as_bytes()),
        ("xl/_rels/workbook.xml.rels", relations.as_bytes()),
        ("xl/texts.xml", texts.as_bytes()),
    ];
    parts.extend(others);
    packed(&parts)
}

/// A workbook of one sheet.
fn sheet(cells: &str) -> Vec<u8> {
    let texts = "<sst count='9' uniqueCount='99999999999999'><si><t>国名</t><rPh><t>コクメイ</t></rPh></si>\
                 <si><r><t>中</t></r><r><t>国</t></r></si></sst>";
    let sheet = format!("<worksheet><dimension ref='Z9:A1'/><sheetData>{cells}</sheetData></worksheet>");
    book(&["sheet.xml"], texts, &[("xl/sheet.xml", sheet.as_bytes())])
}

#[test]
fn a_workbook_is_not_believed() {
    let header = "<row r='1'><c r='A1' t='s'><v>0</v></c><c t='inlineStr'><is><t>2018&#24180;</t></is></c></row>";
    let good = sheet(&format!("{header}<row><c t='s'><v>1</v></c><c><v>4</v></c></row>"));
    assert_eq!(said(&plainly(&good)), ["TRAVEL CN 2018 4 FINAL"], "{:?}", faults(&plainly(&good)));

    for (cells, fault) in [
        ("<row r='99999999999999999999'><c><v>1</v></c></row>", "渡航受診0! SYNTAX"),
        ("<row r='0'><c><v>1</v></c></row>", "渡航受診0! SYNTAX"),
        ("<row r='18446744073709551615'><c><v>1</v></c></row>", "渡航受診0! TOO_MANY rows"),
        ("<row r='1048576'><c><v>1</v></c></row>", "渡航受診0! TOO_MANY rows"),
        ("<row r='1'><c r='XFD1'><v>1</v></c></row>", "渡航受診0! TOO_MANY columns"),
        ("<row r='1'><c r='ZZZZZZZZZZZZZZZZ1'><v>1</v></c></row>", "渡航受診0! TOO_MANY columns"),
        ("<row r='1'><c t='s'><v>7</v></c></row>", "渡航受診0! SYNTAX"),
        ("<row r='1'><c t='inlineStr'><is><t>&lol;</t></is></c></row>", "渡航受診0! SYNTAX"),
        ("<row r='1'><c><v>1</c></row>", "渡航受診0! SYNTAX"),
    ] {
        assert_eq!(faults(&plainly(&sheet(cells))), [fault], "{cells}");
    }
    let wide: String = (1..=400).map(|row| format!("<row r='{row}'><c r='BXX{row}'><v>1</v></c></row>")).collect();
    assert_eq!(faults(&plainly(&sheet(&wide))), ["渡航受診0! TOO_MANY cells"]);
    let many = vec!["sheet.xml"; 65];
    assert_eq!(faults(&plainly(&book(&many, "<sst/>", &[]))), ["TOO_MANY sheets"]);
}

#[test]
fn what_must_not_be_in_a_workbook_is_refused() {
    for (part, fault) in [
        ("xl/vbaProject.bin", "MACROS xl/vbaproject.bin"),
        ("xl/macrosheets/sheet1.xml", "MACROS xl/macrosheets/sheet1.xml"),
        ("XL/externalLinks/externalLink1.xml", "EXTERNAL_LINKS xl/externallinks/externallink1.xml"),
    ] {
        assert_eq!(faults(&plainly(&book(&[], "<sst/>", &[(part, b"x")]))), [fault]);
    }
    let zeros = vec![0_u8; 4 << 20];
    let bomb = book(&["sheet.xml"], "<sst/>", &[("xl/sheet.xml", &zeros)]);
    assert!(bomb.len() < 20_000);
    assert_eq!(faults(&plainly(&bomb)), ["TOO_BIG_INSIDE"]);
    let parts: Vec<String> = (0..2_001).map(|index| format!("xl/{index}")).collect();
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|part| (part.as_str(), &b""[..])).collect();
    assert_eq!(faults(&plainly(&packed(&parts))), ["TOO_BIG_INSIDE"]);

    // One part of ordinary size that is read again and again.
    let filler: String = (0..400_000).map(|number| format!("{number} ")).collect();
    let part = format!("<worksheet><!--{filler}--><sheetData/></worksheet>");
    let again = book(&["sheet.xml"; 60], "<sst/>", &[("xl/sheet.xml", part.as_bytes())]);
    assert_eq!(faults(&plainly(&again)), ["TOO_BIG_INSIDE"]);

    // A part that says it is small.
    let mut liar = book(&["sheet.xml"], "<sst/>", &[("xl/sheet.xml", &zeros)]);
    let size = (4_u32 << 20).to_le_bytes();
    for start in 0..liar.len() - 4 {
        if liar[start..start + 4] == size {
            liar[start..start + 4].copy_from_slice(&9_u32.to_le_bytes());
        }
    }
    assert_eq!(plainly(&liar).figures, []);
}

#[test]
fn a_truncated_workbook_is_a_fault_wherever_it_ends() {
    let whole = tenant_xlsx();
    for end in (4..whole.len()).step_by(97) {
        let reading = plainly(&whole[..end]);
        assert_eq!(faults(&reading), ["SYNTAX"], "after {end} bytes");
    }
}

#[test]
fn faults_are_counted_when_there_are_too_many_to_keep() {
    let mut text = "国名,2018\n".to_owned();
    text.extend((0..10_000).map(|number| format!("国{number},1\n")));
    text.push_str(&format!("{},1\n", "あ".repeat(500)));
    let reading = travel(&text);
    assert_eq!((reading.faults.len(), reading.more_faults), (1_000, 9_001));
    let long = travel(&format!("国名,2018\n{},1\n", "あ".repeat(500)));
    assert_eq!(long.faults[0].value, "あ".repeat(80));
    let rows = "国名,2018\n".to_owned() + &"\n".repeat(MAX_ROWS) + "中国,1\n";
    assert_eq!(faults(&travel(&rows)), ["TOO_MANY rows"]);
}

#[test]
fn one_long_text_in_many_cells_does_not_fill_the_memory() {
    let mut book = Writer::new();
    let sheet = book.add_worksheet().set_name("渡航受診").unwrap();
    sheet.write_row(0, 0, ["国名", "備考"]).unwrap();
    sheet.write_row(0, 2, 1900..2200).unwrap();
    for (row, (country, _)) in (1..).zip(TRAVEL) {
        sheet.write_row(row, 0, [*country, &"あ".repeat(2_000)]).unwrap();
        sheet.write_row(row, 2, (1900..2200).map(|year| year % 10)).unwrap();
    }
    let reading = plainly(&book.save_to_buffer().unwrap());
    assert_eq!((reading.figures.len(), reading.faults.len()), (3_600, 804));
    assert_eq!(reading.faults[0].rule, Rule::TooBigInside { max_mib: 16 });
}

#[test]
fn every_status_survives_the_way_through_a_file() {
    for status in ObservationStatus::ALL {
        let value = if status.has_value() { "7" } else { "" };
        let reading = travel(&format!("country,year,value,status\nCN,2018,{value},{status}\n"));
        assert_eq!(reading.figures.first().map(|figure| figure.observation.status()), Some(status));
    }
}

fn bounded(bytes: &[u8]) {
    let reading = plainly(bytes);
    assert!(reading.faults.len() <= MAX_FAULTS);
    assert!(reading.faults.iter().all(|fault| fault.value.chars().count() <= 80));
    assert!(!reading.faults.is_empty() || !reading.mappings.is_empty() || reading.format == Format::JsonStat);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_bytes_end_the_process(bytes in prop::collection::vec(any::<u8>(), 0..2_000), kind in 0..4) {
        let start: &[u8] = [&b""[..], b"PK\x03\x04", b"{", "国名,2018\n".as_bytes()][usize::try_from(kind).unwrap()];
        bounded(&[start, &bytes].concat());
    }

    #[test]
    fn no_damage_to_a_workbook_ends_the_process(damage in prop::collection::vec((any::<u16>(), any::<u8>()), 1..8)) {
        let mut bytes = sheet("<row r='1'><c r='A1' t='s'><v>0</v></c><c r='B1'><v>2018</v></c></row>");
        for (place, byte) in damage {
            let place = usize::from(place) % bytes.len();
            bytes[place] = byte;
        }
        bounded(&bytes);
    }

    #[test]
    fn no_damage_to_what_is_packed_ends_the_process(cells in "[<>a-z0-9'=/ &;]{0,200}") {
        bounded(&sheet(&cells));
        bounded(DATASET.replacen("48", &cells, 1).as_bytes());
    }

    #[test]
    fn no_cell_ends_the_process(cells in prop::collection::vec(".{0,20}", 0..30)) {
        let rows: String = cells.chunks(3).map(|row| row.join(",") + "\n").collect();
        bounded(format!("国名,2018,令和元年\n{rows}").as_bytes());
    }
}
