//! Figures as files: what is served over plain HTTP, and `figuresImport`.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tests::{Client, READER, Reply, TestApp, on_both_databases};

const IMPORT: &str = r#"mutation($input: FiguresImportInput!) { figuresImport(input: $input) {
    isWritten format encoding tables { layout headerRow category columns { column header meaning year } unreadRows }
    bases { category year version } counts { added changed removed unchanged }
    differences { change category country year before { value flags } after { value flags } }
    faults { sheet row column value rule message ja: message(locale: "ja") } moreFaults
    yearSheets { version publishedVersion }
    errors { __typename code path ... on ValidationError { rule } }
} }"#;

async fn import(client: &Client, file: &[u8], more: Value) -> Value {
    let mut input = json!({ "content": STANDARD.encode(file) });
    for (name, value) in more.as_object().expect("an object") {
        input[name] = value.clone();
    }
    client.run(IMPORT, json!({ "input": input })).await.data()["figuresImport"].clone()
}

async fn get(app: &TestApp, path: &str) -> Reply {
    app.anonymous().get(path).await
}

fn counts(added: u64, changed: u64, removed: u64, unchanged: u64) -> Value {
    json!({ "added": added, "changed": changed, "removed": removed, "unchanged": unchanged })
}

/// Everything that the public reads of figures.
async fn public(app: &TestApp) -> String {
    get(app, "/figures/fact-sheet.csv?locale=en").await.text().to_owned()
}

/// A table as Excel saves it in Japan.
const WIDE: &str = "受診者数（渡航受診）,,,\r\n,,,\r\n国名,2023年,２０２４年,備考\r\n\
    中国,\"1,234\",12,\r\nベトナム,３,…,\r\nアメリカ,,0,\r\n合計,1237,12p,速報を含む\r\n";

on_both_databases! {
    async fn importing_an_export_changes_nothing(app: TestApp) {
        let editor = app.editor().await;
        for format in ["csv", "xlsx", "json"] {
            for locale in ["ja", "en"] {
                let file = get(&app, &format!("/figures/fact-sheet.{format}?locale={locale}")).await;
                assert_eq!(file.status(), 200);
                let reply = import(&editor, file.bytes(), json!({})).await;
                assert_eq!(reply["faults"], json!([]), "{format} {locale}");
                assert_eq!(reply["counts"], counts(0, 0, 0, 108), "{format} {locale}");
                let written = json!({ "dryRun": false, "publish": true, "expectedVersions": reply["bases"] });
                let reply = import(&editor, file.bytes(), written).await;
                assert_eq!(reply["errors"], json!([]), "{format} {locale}");
                let versions: Vec<&Value> = reply["yearSheets"].as_array().expect("sheets").iter().collect();
                assert!(versions.iter().all(|sheet| sheet["version"] == 1), "{format} {locale}: {versions:?}");
            }
        }
    }

    async fn a_table_of_excel_comes_in_with_one_dry_run_and_one_publish(app: TestApp) {
        let editor = app.editor().await;
        let (file, _, _) = encoding_rs::SHIFT_JIS.encode(WIDE);
        let before = public(&app).await;
        let dry = import(&editor, &file, json!({ "noteLocale": "ja" })).await;
        assert_eq!((&dry["format"], &dry["encoding"], &dry["isWritten"]), (&json!("CSV"), &json!("Shift_JIS"), &json!(false)));
        assert_eq!(dry["tables"][0]["layout"], "WIDE_YEARS");
        assert_eq!((&dry["tables"][0]["headerRow"], &dry["tables"][0]["category"]), (&json!(3), &json!("TRAVEL")));
        assert_eq!(dry["tables"][0]["columns"][2], json!({ "column": "C", "header": "２０２４年", "meaning": "YEAR", "year": 2024 }));
        assert_eq!((&dry["faults"], &dry["counts"]), (&json!([]), &counts(7, 0, 0, 0)));
        assert_eq!(public(&app).await, before, "a dry run writes nothing");

        let without = import(&editor, &file, json!({ "noteLocale": "ja", "dryRun": false })).await;
        assert_eq!(without["errors"][0]["rule"], "REQUIRED");
        assert_eq!(without["errors"][0]["path"], json!(["input", "expectedVersions", "TRAVEL", "2023"]));

        let real = json!({ "noteLocale": "ja", "dryRun": false, "publish": true, "expectedVersions": dry["bases"] });
        let written = import(&editor, &file, real.clone()).await;
        assert_eq!((&written["errors"], &written["isWritten"]), (&json!([]), &json!(true)));
        let document = r#"{ factSheet(categories: ["TRAVEL"], from: 2023, locale: "ja") { categories {
            yearlyTotals { publishedTotal published { flags } note }
            countries { country { code } counts { year value status } }
        } } }"#;
        let sheet = app.anonymous().run(document, json!({})).await.data()["factSheet"]["categories"][0].clone();
        assert_eq!(sheet["yearlyTotals"][0]["publishedTotal"], 1237);
        assert_eq!(sheet["yearlyTotals"][1]["published"]["flags"], json!(["PROVISIONAL"]));
        assert_eq!(sheet["yearlyTotals"][1]["note"], "速報を含む");
        let of = |code: &str| {
            let all = sheet["countries"].as_array().expect("countries");
            all.iter().find(|series| series["country"]["code"] == code).expect("the country")["counts"].clone()
        };
        assert_eq!(of("CN")[0]["value"], 1234);
        assert_eq!(of("VN")[1]["status"], "MISSING");
        assert_eq!(of("US")[1]["value"], 0);

        let again = import(&editor, &file, real).await;
        assert_eq!(again["errors"][0]["__typename"], "VersionConflict", "the versions are those of before");
    }

    async fn every_fault_of_a_file_has_its_place_and_nothing_is_written(app: TestApp) {
        let editor = app.editor().await;
        let file = "国名,2023年,2024年\n中国,12人半,1\nアトランティス,1,2\nCN,3,\n合計,-5,=SUM(C2:C3)\n";
        let before = public(&app).await;
        let options = json!({ "category": "TRAVEL", "dryRun": false });
        let reply = import(&editor, file.as_bytes(), options).await;
        let faults = reply["faults"].as_array().expect("faults");
        let places: Vec<String> = faults
            .iter()
            .map(|fault| format!("{}{} {}", fault["column"].as_str().unwrap_or_default(), fault["row"], fault["rule"].as_str().unwrap_or_default()))
            .collect();
        assert!(places.contains(&"B2 NOT_AN_INTEGER".to_owned()), "{places:?}");
        assert!(places.contains(&"A3 UNKNOWN".to_owned()), "{places:?}");
        assert!(places.iter().any(|place| place.starts_with("B5 ")), "{places:?}");
        assert!(faults.iter().all(|fault| fault["ja"] != fault["message"]), "{faults:?}");
        assert_eq!(reply["errors"][0]["rule"], "FAULTS_IN_FILE");
        assert_eq!((public(&app).await, &reply["isWritten"]), (before, &json!(false)));
    }

    async fn the_same_file_is_known_again_until_a_figure_changes(app: TestApp) {
        for path in ["fact-sheet.csv?locale=ja", "fact-sheet.xlsx", "fact-sheet.json", "fact-sheet.jsonld", "chart.svg?kind=share", "chart.html"] {
            let path = format!("/figures/{path}");
            let first = get(&app, &path).await;
            let etag = first.header("etag").expect("a tag").to_owned();
            assert_eq!(first.header("cache-control"), Some("public, no-cache"), "{path}");
            let known = app.anonymous().with("if-none-match", &etag).get(&path).await;
            assert_eq!((known.status(), known.bytes().len(), known.header("etag")), (304, 0, Some(etag.as_str())), "{path}");
        }
        let path = "/figures/chart.svg?kind=countries&category=RESIDENT&from=2021";
        let before = get(&app, path).await.header("etag").expect("a tag").to_owned();
        let other = get(&app, "/figures/fact-sheet.csv?category=TRAVEL").await.header("etag").expect("a tag").to_owned();
        let input = json!({
            "category": "RESIDENT", "year": 2022, "expectedVersion": 1, "publish": true, "kind": "CORRECTION",
            "reason": "Counted again", "counts": [{ "country": "CN", "value": 41 }], "total": 68
        });
        app.editor().await.done("visitCountsUpdate", input).await;
        let changed = app.anonymous().with("if-none-match", &before).get(path).await;
        assert_eq!(changed.status(), 200);
        let same = app.anonymous().with("if-none-match", &other).get("/figures/fact-sheet.csv?category=TRAVEL").await;
        assert_eq!(same.status(), 304, "what has nothing to do with it stays known");
    }

    async fn the_accept_header_chooses_the_file(app: TestApp) {
        for (accept, expected) in [
            ("text/csv", "text/csv; charset=utf-8; header=present"),
            ("application/ld+json, */*;q=0.1", "application/ld+json"),
            ("*/*", "application/json"),
            ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ] {
            let reply = app.anonymous().with("accept", accept).get("/figures/fact-sheet").await;
            assert_eq!((reply.status(), reply.header("content-type")), (200, Some(expected)), "{accept}");
            assert!(reply.header("vary").is_some_and(|vary| vary.contains("Accept")));
        }
        let reply = app.anonymous().with("accept", "video/mp4").get("/figures/fact-sheet").await;
        assert_eq!((reply.status(), reply.code()), (406, "NOT_ACCEPTABLE"));
    }

    async fn a_bad_address_is_told_what_is_wrong_with_it(app: TestApp) {
        for (path, status, code, word) in [
            ("fact-sheet.pdf", 404, "NOT_FOUND_PATH", ""),
            ("nothing.csv", 404, "NOT_FOUND_PATH", ""),
            ("fact-sheet.csv?category=NONE", 400, "BAD_USER_INPUT", "categories"),
            ("fact-sheet.csv?from=2022&to=2018", 400, "BAD_USER_INPUT", "from"),
            ("fact-sheet.csv?locale=xx", 400, "BAD_USER_INPUT", "locale"),
            ("fact-sheet.csv?asOf=2999-01-01T00:00:00Z", 400, "BAD_USER_INPUT", "asOf"),
            ("fact-sheet.csv?colour=red", 400, "BAD_USER_INPUT", "colour"),
            ("chart.svg?kind=pie", 400, "BAD_USER_INPUT", "kind"),
            ("chart.svg?width=1000000", 400, "BAD_USER_INPUT", "width"),
            ("chart.svg?country=XX", 400, "BAD_USER_INPUT", "country"),
            ("chart.png?width=2400&height=1600&scale=4", 400, "BAD_USER_INPUT", "scale"),
        ] {
            let reply = get(&app, &format!("/figures/{path}")).await;
            assert_eq!((reply.status(), reply.code()), (status, code), "{path} {}", reply.text());
            assert!(reply.text().contains(word), "{path} {}", reply.text());
            assert_eq!(reply.header("cache-control"), Some("private, no-store"), "{path}");
        }
    }

    async fn a_picture_stands_by_itself_in_both_languages(app: TestApp) {
        for (locale, word) in [("ja", "補完"), ("en", "Imputed")] {
            for kind in ["totals", "countries", "share"] {
                let reply = get(&app, &format!("/figures/chart.svg?kind={kind}&locale={locale}")).await;
                assert_eq!(reply.header("content-type"), Some("image/svg+xml; charset=utf-8"));
                let svg = reply.text();
                assert!(svg.contains("<title") && svg.contains("<desc"), "{kind} {locale}");
                assert!(!svg.contains("<script") && !svg.contains("href"), "{kind} {locale}");
                assert!(kind == "totals" || svg.contains(word), "{kind} {locale}");
                let page = get(&app, &format!("/figures/chart.html?kind={kind}&locale={locale}")).await;
                assert!(page.text().contains("<caption"), "{kind} {locale}");
            }
        }
        let png = get(&app, "/figures/chart.png?locale=en").await;
        assert_eq!((png.status(), &png.bytes()[..4]), (200, b"\x89PNG".as_slice()));
    }

    async fn who_may_not_write_figures_imports_none(app: TestApp) {
        let input = json!({ "content": STANDARD.encode(WIDE) });
        let reply = app.bearer(&app.sign_in(READER).await.access_token).run(IMPORT, json!({ "input": input })).await;
        assert_eq!(reply.user_codes("figuresImport"), ["FORBIDDEN"]);
    }
}
