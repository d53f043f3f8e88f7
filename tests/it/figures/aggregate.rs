//! `visitCounts`: against SQL, against the fact sheet, and against sums made by hand from the built-in example.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use tests::{Reply, TestApp, on_both_databases};

const DIMENSIONS: [&str; 5] = ["YEAR", "CATEGORY", "COUNTRY", "REGION", "SUB_REGION"];

/// Region, sub-region and countries of the built-in example.
const PLACES: [(&str, &str, &[&str]); 14] = [
    ("002", "015", &["EG"]),
    ("002", "202", &["ZA"]),
    ("009", "053", &["AU"]),
    ("019", "021", &["CA", "US"]),
    ("019", "419", &["BO", "JM", "PE"]),
    ("142", "030", &["CN", "HK", "KR", "MN", "TW"]),
    ("142", "034", &["IN", "LK", "NP", "PK"]),
    ("142", "035", &["ID", "LA", "MM", "MY", "PH", "SG", "TH", "VN"]),
    ("142", "143", &["KZ", "TM"]),
    ("142", "145", &["AE", "CY", "SA"]),
    ("150", "039", &["ES"]),
    ("150", "151", &["BY", "PL", "RO", "RU", "UA"]),
    ("150", "154", &["GB", "LV"]),
    ("150", "155", &["DE", "NL"]),
];

const DOCUMENT: &str = r#"query($filter: VisitCountsFilter, $groupBy: [VisitCountDimension!], $top: Int, $asOf: DateTime) {
    visitCounts(filter: $filter, groupBy: $groupBy, top: $top, asOf: $asOf, locale: "en") {
        year category { code } country { code } region { code name } subRegion { code name }
        sum figures missing isComplete isWithheld flags share change changeRate rank isOthers
    }
}"#;

async fn ask(app: &TestApp, variables: Value) -> Reply {
    app.anonymous().run(DOCUMENT, variables).await
}

async fn groups(app: &TestApp, variables: Value) -> Vec<Value> {
    ask(app, variables).await.data()["visitCounts"].as_array().expect("a list").clone()
}

/// What a group has in common, and its sum, as short as can be read: `2018 CN 29`.
fn short(group: &Value) -> String {
    let mut words: Vec<String> = keys(group).into_iter().flatten().collect();
    if group["isOthers"] == true {
        words.push("others".to_owned());
    }
    words.push(group["sum"].to_string());
    words.join(" ")
}

fn keys(group: &Value) -> [Option<String>; 5] {
    let code = |field: &str| group[field]["code"].as_str().map(str::to_owned);
    let year = group["year"].as_i64().map(|year| year.to_string());
    [year, code("category"), code("country"), code("region"), code("subRegion")]
}

fn shorts(groups: &[Value]) -> Vec<String> {
    groups.iter().map(short).collect()
}

fn column<'a>(groups: &'a [Value], field: &str) -> Vec<&'a Value> {
    groups.iter().map(|group| &group[field]).collect()
}

/// Every set of dimensions.
fn groupings() -> impl Iterator<Item = Vec<&'static str>> {
    (0..1 << DIMENSIONS.len()).map(|bits| {
        (0..DIMENSIONS.len()).filter(|place| bits & (1 << place) != 0).map(|place| DIMENSIONS[place]).collect()
    })
}

/// Numbers that are the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("a small number")
    }

    /// Some of these, perhaps none; or nothing at all, for no bound.
    fn some<T: Clone>(&mut self, of: &[T]) -> Option<Vec<T>> {
        let odds = [0, 1, 2, 3][self.below(4)];
        (odds > 0).then(|| of.iter().filter(|_| self.below(4) < odds).cloned().collect())
    }

    fn filter(&mut self) -> Filter {
        let countries: Vec<&str> = PLACES.iter().flat_map(|(_, _, countries)| countries.iter().copied()).collect();
        let regions: BTreeSet<&str> = PLACES.iter().flat_map(|(region, part, _)| [*region, *part]).collect();
        let regions: Vec<&str> =
            regions.into_iter().chain(["155", "061"]).collect::<BTreeSet<_>>().into_iter().collect();
        let mut year = |from: usize| (self.below(2) == 0).then(|| 2016 + from + self.below(5));
        let (from, to) = (year(0), year(4));
        Filter {
            categories: self.some(&["TRAVEL", "RESIDENT"]),
            countries: self.some(&countries),
            regions: self.some(&regions),
            from,
            to,
        }
    }
}

#[derive(Debug, Default)]
struct Filter {
    categories: Option<Vec<&'static str>>,
    countries: Option<Vec<&'static str>>,
    regions: Option<Vec<&'static str>>,
    from: Option<usize>,
    to: Option<usize>,
}

impl Filter {
    fn json(&self) -> Value {
        json!({
            "categories": self.categories, "countries": self.countries, "regions": self.regions,
            "from": self.from, "to": self.to,
        })
    }

    /// The same as a condition in SQL.
    fn sql(&self) -> String {
        let one_of = |column: &str, values: &[&str]| {
            // A list without items is no SQL.
            let values: Vec<String> = values.iter().chain([&"none"]).map(|value| format!("'{value}'")).collect();
            format!("{column} IN ({})", values.join(", "))
        };
        let mut all = vec!["1 = 1".to_owned()];
        all.extend(self.categories.as_ref().map(|codes| one_of("category", codes)));
        all.extend(self.countries.as_ref().map(|codes| one_of("country", codes)));
        all.extend(self.regions.as_ref().map(|codes| {
            format!("({} OR {})", one_of(&expression("REGION"), codes), one_of(&expression("SUB_REGION"), codes))
        }));
        all.extend(self.from.map(|year| format!("year >= {year}")));
        all.extend(self.to.map(|year| format!("year <= {year}")));
        all.join(" AND ")
    }
}

fn expression(dimension: &str) -> String {
    let case = |code: fn(&(&'static str, &'static str, &[&str])) -> &'static str| {
        let when = |place: &(&'static str, &'static str, &'static [&'static str])| {
            place
                .2
                .iter()
                .map(|country| format!("WHEN '{country}' THEN '{}'", code(place)))
                .collect::<Vec<_>>()
                .join(" ")
        };
        format!("CASE country {} END", PLACES.iter().map(when).collect::<Vec<_>>().join(" "))
    };
    match dimension {
        "YEAR" => "CAST(year AS TEXT)".to_owned(),
        "CATEGORY" => "category".to_owned(),
        "COUNTRY" => "country".to_owned(),
        "REGION" => case(|place| place.0),
        _ => case(|place| place.1),
    }
}

/// The keys, by their place in [`DIMENSIONS`], and the sum, and how many have a value and how many have none.
type Sums = BTreeMap<[Option<String>; 5], (Option<i64>, i64, i64)>;

/// The same out of the live table, by the database.
async fn by_sql(app: &TestApp, filter: &Filter, group_by: &[&str]) -> Sums {
    let columns =
        group_by.iter().enumerate().map(|(index, dimension)| format!("{} AS k{index}", expression(dimension)));
    let sums = ["CAST(SUM(value) AS BIGINT) AS total", "COUNT(value) AS known", "COUNT(*) AS everything"];
    let columns: Vec<String> = columns.chain(sums.map(str::to_owned)).collect();
    let mut sql = format!("SELECT {} FROM visit_counts WHERE {}", columns.join(", "), filter.sql());
    if !group_by.is_empty() {
        let places: Vec<String> = (1..=group_by.len()).map(|place| place.to_string()).collect();
        sql += &format!(" GROUP BY {}", places.join(", "));
    }
    let reader = app.state().database().reader();
    let rows = reader.query_all_raw(Statement::from_string(reader.get_database_backend(), sql)).await.expect("rows");
    let row = |row: &sea_orm::QueryResult| {
        let key = |dimension: &str| {
            let place = group_by.iter().position(|one| *one == dimension)?;
            Some(row.try_get::<String>("", &format!("k{place}")).expect("a key"))
        };
        let number = |name: &str| row.try_get::<i64>("", name).expect("a number");
        let sum = row.try_get::<Option<i64>>("", "total").expect("a sum");
        (DIMENSIONS.map(key), (sum, number("known"), number("everything") - number("known")))
    };
    rows.iter().map(row).collect()
}

fn sums(groups: &[Value]) -> Sums {
    let number = |value: &Value| value.as_i64().expect("a number");
    let found: Sums = groups
        .iter()
        .map(|group| (keys(group), (group["sum"].as_i64(), number(&group["figures"]), number(&group["missing"]))))
        .collect();
    assert_eq!(found.len(), groups.len(), "no key stands twice");
    found
}

async fn faults(app: &TestApp, variables: Value) -> Vec<String> {
    let reply = ask(app, variables).await;
    assert_eq!(reply.code(), "BAD_USER_INPUT");
    let faults = reply.at("/errors/0/extensions/faults").as_array().expect("faults").iter().map(|fault| {
        let path: Vec<_> = fault["path"].as_array().expect("a path").iter().filter_map(Value::as_str).collect();
        format!("{} {}", path.join("."), fault["rule"].as_str().expect("a rule"))
    });
    faults.collect()
}

/// A part of a whole. The test's own reader of JSON may be wrong in the last digit.
#[track_caller]
fn near(found: &Value, expected: f64) {
    assert!(found.as_f64().is_some_and(|found| (found - expected).abs() < 1e-12), "{found} is not {expected}");
}

/// Makes this what is done about counts below 10.
async fn policy(app: &TestApp, method: &str) {
    let administrator = app.administrator().await;
    let input = json!({ "expectedVersion": 1, "disclosure": { "method": method, "threshold": 10 } });
    let draft = administrator.done("siteSave", input).await["document"].clone();
    administrator.done("publish", json!({ "id": draft["id"], "expectedVersion": draft["version"] })).await;
}

const SHEET: &str = "{ factSheet { categories { category { code } countries {
    country { code region { code } subRegion { code } } counts { year value confidentiality }
} } } }";

/// Every figure of the fact sheet: its keys, its value, and whether it is withheld.
async fn cells(app: &TestApp) -> Vec<([Option<String>; 5], Option<i64>, bool)> {
    let reply = app.anonymous().run(SHEET, json!({})).await;
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let mut cells = Vec::new();
    for category in list(&reply.data()["factSheet"]["categories"]) {
        for series in list(&category["countries"]) {
            for count in list(&series["counts"]) {
                let country = &series["country"];
                let group = json!({
                    "year": count["year"], "category": category["category"], "country": country,
                    "region": country["region"], "subRegion": country["subRegion"],
                });
                let hidden = ["WITHHELD", "MERGED"].contains(&count["confidentiality"].as_str().expect("a word"));
                cells.push((keys(&group), count["value"].as_i64(), hidden));
            }
        }
    }
    cells
}

/// Holds every group of every grouping against the figures that the fact sheet shows: the sum of what has one, unless one
/// is withheld. Returns how many were withheld.
async fn as_the_fact_sheet_shows(app: &TestApp) -> usize {
    let cells = cells(app).await;
    let mut withheld = 0;
    for group_by in groupings() {
        for group in groups(app, json!({ "groupBy": group_by })).await {
            if group["isOthers"] == true {
                continue;
            }
            let wanted = keys(&group);
            let inside = |found: &[Option<String>; 5]| {
                wanted.iter().zip(found).all(|(wanted, found)| wanted.is_none() || wanted == found)
            };
            let parts: Vec<_> = cells.iter().filter(|(found, _, _)| inside(found)).collect();
            let hidden = parts.iter().any(|(_, _, hidden)| *hidden);
            assert_eq!(group["isWithheld"], hidden, "{group_by:?} {group}");
            let sum = parts.iter().filter_map(|(_, value, _)| *value).reduce(|sum, value| sum + value);
            assert_eq!(group["sum"], json!(sum.filter(|_| !hidden)), "{group_by:?} {group}");
            if hidden {
                withheld += 1;
                assert!(
                    ["share", "change", "changeRate", "rank"].iter().all(|field| group[field].is_null()),
                    "{group}"
                );
                assert!(group["flags"].as_array().is_some_and(|flags| flags.contains(&json!("SUPPRESSED"))), "{group}");
            }
        }
    }
    withheld
}

on_both_databases! {
    async fn every_grouping_is_what_the_database_groups(app: TestApp) {
        for group_by in groupings() {
            let found = groups(&app, json!({ "groupBy": group_by })).await;
            assert_eq!(sums(&found), by_sql(&app, &Filter::default(), &group_by).await, "{group_by:?}");
        }
    }

    async fn filters_take_in_what_the_database_takes_in_and_regrouping_changes_no_sum(app: TestApp) {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let mut full = 0;
        for round in 0..60 {
            let mut filter = dice.filter();
            if let (Some(from), Some(to)) = (filter.from, filter.to)
                && from > to
            {
                (filter.from, filter.to) = (Some(to), Some(from));
            }
            let groupings: Vec<_> = groupings().collect();
            let group_by = &groupings[dice.below(groupings.len())];
            let found = groups(&app, json!({ "filter": filter.json(), "groupBy": group_by })).await;
            let expected = by_sql(&app, &filter, group_by).await;
            assert_eq!(sums(&found), expected, "{round}: {filter:?} {group_by:?}");
            full += usize::from(expected.len() > 3);

            let all = &groups(&app, json!({ "filter": filter.json() })).await[0];
            let has_places = group_by.iter().any(|dimension| ["COUNTRY", "REGION", "SUB_REGION"].contains(dimension));
            let top = has_places.then(|| 1 + dice.below(5));
            let folded = groups(&app, json!({ "filter": filter.json(), "groupBy": group_by, "top": top })).await;
            for groups in [found, folded] {
                for field in ["sum", "figures", "missing"] {
                    let together: i64 = column(&groups, field).iter().filter_map(|value| value.as_i64()).sum();
                    assert_eq!(together, all[field].as_i64().unwrap_or_default(), "{round}: {filter:?} {group_by:?} {field}");
                }
                if all["sum"].as_i64().is_some_and(|sum| sum > 0) {
                    let whole: f64 = column(&groups, "share").iter().filter_map(|value| value.as_f64()).sum();
                    assert!((whole - 1.0).abs() < 1e-9, "{round}: {whole}");
                }
            }
        }
        assert!(full > 20, "only {full} of the random filters leave several groups");
    }

    async fn shares_changes_and_ranks_are_those_of_the_source(app: TestApp) {
        let found = groups(&app, json!({ "groupBy": ["YEAR", "CATEGORY"] })).await;
        assert_eq!(shorts(&found), [
            "2018 TRAVEL 65", "2018 RESIDENT 70", "2019 TRAVEL 38", "2019 RESIDENT 97", "2020 TRAVEL 4", "2020 RESIDENT 70",
            "2021 TRAVEL 2", "2021 RESIDENT 56", "2022 TRAVEL 5", "2022 RESIDENT 67",
        ]);
        let null = Value::Null;
        assert_eq!(
            column(&found, "change"),
            [&null, &null, &json!(-27), &json!(27), &json!(-34), &json!(-27), &json!(-2), &json!(-14), &json!(3), &json!(11)]
        );
        near(&found[3]["changeRate"], 27.0 / 70.0);
        near(&found[3]["share"], 97.0 / 474.0);
        assert_eq!(column(&found, "rank"), [2, 1, 2, 1, 2, 1, 2, 1, 2, 1]);

        let one = json!({ "categories": ["RESIDENT"], "from": 2022 });
        let found = groups(&app, json!({ "filter": one, "groupBy": ["COUNTRY"] })).await;
        let ranks: BTreeMap<&str, &Value> =
            found.iter().map(|group| (group["country"]["code"].as_str().expect("a code"), &group["rank"])).collect();
        for (country, rank) in [("CN", 1), ("VN", 2), ("CA", 3), ("ID", 4), ("KZ", 4), ("TM", 4), ("RU", 9), ("AE", 9)] {
            assert_eq!(ranks[country], rank, "{country}");
        }
        near(&found[0]["share"], 40.0 / 67.0);
        assert_eq!(found[0]["flags"], json!([]));
        assert!(found.iter().any(|group| group["flags"] == json!(["IMPUTED"])));
        assert!(column(&found, "change").iter().all(|change| change.is_null()), "no years, no change");
    }

    async fn regions_stand_in_the_order_of_codes_and_have_names(app: TestApp) {
        let one = json!({ "categories": ["RESIDENT"], "to": 2018 });
        let found = groups(&app, json!({ "filter": one, "groupBy": ["REGION"] })).await;
        assert_eq!(shorts(&found), ["002 1", "019 2", "142 53", "150 14"]);
        assert_eq!(found[1]["region"]["name"], "Americas");
        let asia = json!({ "categories": ["RESIDENT"], "to": 2018, "regions": ["142", "030"] });
        let found = groups(&app, json!({ "filter": asia, "groupBy": ["SUB_REGION"] })).await;
        assert_eq!(shorts(&found), ["030 37", "034 5", "035 11"]);
        let document = r#"{ countries(locale: "ja") { code region { code name } subRegion { code name } } }"#;
        let reply = app.anonymous().run(document, json!({})).await;
        let taiwan = reply.data()["countries"].as_array().expect("a list").iter().find(|one| one["code"] == "TW");
        let expected = json!({
            "code": "TW", "region": { "code": "142", "name": "アジア" }, "subRegion": { "code": "030", "name": "東アジア" },
        });
        assert_eq!(taiwan, Some(&expected));
    }

    async fn what_top_leaves_over_is_one_group(app: TestApp) {
        let two_years = json!({ "categories": ["RESIDENT"], "from": 2021 });
        let found = groups(&app, json!({ "filter": two_years, "groupBy": ["COUNTRY", "YEAR"], "top": 2 })).await;
        assert_eq!(
            shorts(&found),
            ["2021 CN 39", "2021 US 4", "2021 others 13", "2022 CN 40", "2022 VN 4", "2022 others 23"]
        );
        let null = Value::Null;
        // The year before is held against what it was, whether or not it is among the largest of its year.
        assert_eq!(column(&found, "change"), [&null, &null, &null, &json!(1), &json!(1), &null]);
        assert_eq!(column(&found, "rank"), [&json!(1), &json!(2), &null, &json!(1), &json!(2), &null]);
        near(&found[2]["share"], 13.0 / 123.0);
        assert_eq!((&found[2]["figures"], &found[2]["missing"]), (&json!(7), &json!(0)));

        let found = groups(&app, json!({ "groupBy": ["CATEGORY", "REGION"], "top": 1 })).await;
        assert_eq!(shorts(&found), ["TRAVEL 142 106", "TRAVEL others 8", "RESIDENT 142 321", "RESIDENT others 39"]);
        let travel = json!({ "categories": ["TRAVEL"], "from": 2022 });
        let found = groups(&app, json!({ "filter": travel, "groupBy": ["COUNTRY"], "top": 249 })).await;
        assert_eq!(shorts(&found), ["VN 5", "others null"], "India has no figure, so it is not among the largest");
        assert_eq!(found[1]["flags"], json!(["MISSING"]));
    }

    async fn what_is_missing_is_counted_and_is_not_zero(app: TestApp) {
        let india = json!({ "categories": ["TRAVEL"], "countries": ["IN"] });
        let found = groups(&app, json!({ "filter": india, "groupBy": ["COUNTRY"] })).await;
        let expected = json!([{
            "year": null, "category": null, "country": { "code": "IN" }, "region": null, "subRegion": null, "sum": null,
            "figures": 0, "missing": 5, "isComplete": false, "isWithheld": false, "flags": ["MISSING"], "share": null,
            "change": null, "changeRate": null, "rank": null, "isOthers": false,
        }]);
        assert_eq!(json!(found), expected);
        let all = &groups(&app, json!({})).await[0];
        assert_eq!((&all["sum"], &all["missing"], &all["isComplete"]), (&json!(474), &json!(5), &json!(false)));
        assert_eq!((&all["share"], &all["rank"], &all["flags"]), (&json!(1.0), &json!(1), &json!(["MISSING", "IMPUTED"])));
    }

    async fn where_nothing_is_there_is_no_group_but_the_whole(app: TestApp) {
        for filter in [json!({ "to": 1950 }), json!({ "categories": [] }), json!({ "countries": [] }), json!({ "regions": ["061"] })] {
            assert_eq!(groups(&app, json!({ "filter": filter, "groupBy": ["YEAR"] })).await, [] as [Value; 0]);
            let all = groups(&app, json!({ "filter": filter })).await;
            assert_eq!(all.len(), 1);
            assert_eq!((&all[0]["sum"], &all[0]["figures"], &all[0]["missing"]), (&Value::Null, &json!(0), &json!(0)));
        }
        let all = groups(&app, json!({ "asOf": "2020-01-01T00:00:00Z" })).await;
        assert_eq!(shorts(&all), ["null"], "nothing was public then");
    }

    async fn nonsense_is_refused_with_every_fault(app: TestApp) {
        for (variables, expected) in [
            (json!({ "filter": { "from": 2022, "to": 2018 } }), &["filter.from EMPTY_RANGE"][..]),
            (json!({ "filter": { "from": 1899, "categories": ["x"] } }), &["$filter.categories.0 FORMAT", "$filter.from OUT_OF_RANGE"]),
            (
                json!({ "filter": { "categories": ["NONE"], "countries": ["CN", "ZZ", "CN"], "regions": ["142", "999", "142"] } }),
                &[
                    "filter.categories.0 UNKNOWN", "filter.countries.1 UNKNOWN", "filter.countries.2 DUPLICATE",
                    "filter.regions.1 UNKNOWN", "filter.regions.2 DUPLICATE",
                ],
            ),
            (json!({ "groupBy": ["YEAR", "REGION", "YEAR"] }), &["groupBy.2 DUPLICATE"]),
            (json!({ "groupBy": ["COUNTRY"], "top": 0 }), &["top OUT_OF_RANGE"]),
            (json!({ "groupBy": ["YEAR"], "top": 250 }), &["top OUT_OF_RANGE", "groupBy NOT_ONE_OF"]),
            (json!({ "asOf": "2100-01-01T00:00:00Z" }), &["asOf IN_THE_FUTURE"]),
        ] {
            assert_eq!(faults(&app, variables.clone()).await, expected, "{variables}");
        }
    }

    async fn nothing_is_held_against_what_lies_before_a_break(app: TestApp) {
        let label = json!([{ "locale": "en", "text": "Another method" }]);
        let input = json!({ "expectedVersion": 1, "breaks": [
            { "year": 2020, "category": "RESIDENT", "kind": "SERIES_BREAK", "label": label },
            { "year": 2021, "kind": "EVENT", "label": label },
        ] });
        let administrator = app.administrator().await;
        let draft = administrator.done("factSheetMetadataSave", input).await["document"].clone();
        administrator.done("publish", json!({ "id": draft["id"], "expectedVersion": draft["version"] })).await;

        let change = async |filter: Value, group_by: Value| {
            let found = groups(&app, json!({ "filter": filter, "groupBy": group_by })).await;
            json!(column(&found, "change"))
        };
        let resident = json!({ "categories": ["RESIDENT"] });
        let travel = json!({ "categories": ["TRAVEL"] });
        assert_eq!(change(resident, json!(["YEAR"])).await, json!([null, 27, null, -14, 11]));
        assert_eq!(change(travel, json!(["YEAR"])).await, json!([null, -27, -34, -2, 3]));
        assert_eq!(change(json!({}), json!(["YEAR"])).await, json!([null, 0, null, -16, 14]));
        assert_eq!(
            change(json!({}), json!(["YEAR", "CATEGORY"])).await,
            json!([null, null, -27, 27, -34, null, -2, -14, 3, 11])
        );
    }

    async fn what_is_withheld_is_in_no_sum(app: TestApp) {
        assert_eq!(as_the_fact_sheet_shows(&app).await, 0);
        policy(&app, "SUPPRESS").await;
        assert!(as_the_fact_sheet_shows(&app).await > 100);
        for group_by in groupings() {
            let found = groups(&app, json!({ "groupBy": group_by })).await;
            assert!(column(&found, "share").iter().all(|share| share.is_null()), "the whole is unknown");
        }
        let resident = json!({ "categories": ["RESIDENT"] });
        let found = groups(&app, json!({ "filter": resident, "groupBy": ["YEAR", "COUNTRY"], "top": 3 })).await;
        assert_eq!(shorts(&found), [
            "2018 CN 29", "2018 others null", "2019 CN 71", "2019 others null", "2020 others null", "2021 others null",
            "2022 CN 40", "2022 others null",
        ]);
        assert!(found.iter().all(|group| group["isOthers"] == group["isWithheld"]));
        let china = json!({ "categories": ["RESIDENT"], "countries": ["CN"], "to": 2019 });
        let found = groups(&app, json!({ "filter": china })).await;
        assert_eq!((short(&found[0]), &found[0]["share"]), ("100".to_owned(), &json!(1.0)), "nothing of it is withheld");
    }

    async fn rounded_figures_are_summed_as_they_are_shown(app: TestApp) {
        policy(&app, "ROUND").await;
        assert_eq!(as_the_fact_sheet_shows(&app).await, 0);
    }

    async fn what_was_merged_is_a_row_of_its_own_and_completes_what_takes_in_whole_sheets(app: TestApp) {
        policy(&app, "MERGE").await;
        let resident = json!({ "categories": ["RESIDENT"] });
        let found = groups(&app, json!({ "filter": resident, "groupBy": ["YEAR"] })).await;
        assert_eq!(shorts(&found), ["2018 70", "2019 97", "2020 70", "2021 56", "2022 67"]);
        assert!(found.iter().all(|group| group["isWithheld"] == false && group["isComplete"] == true));
        assert_eq!((&found[1]["change"], &found[1]["flags"]), (&json!(27), &json!([])));
        near(&found[1]["share"], 97.0 / 360.0);

        let found = groups(&app, json!({ "filter": resident, "groupBy": ["YEAR", "COUNTRY"] })).await;
        let shown: Vec<String> = shorts(&found).into_iter().filter(|group| !group.ends_with("null")).collect();
        assert_eq!(shown, [
            "2018 CN 29", "2018 others 41", "2019 CN 71", "2019 others 26", "2020 others 70", "2021 others 56",
            "2022 CN 40", "2022 others 27",
        ]);
        near(&found[0]["share"], 29.0 / 360.0);
        let top = groups(&app, json!({ "filter": resident, "groupBy": ["YEAR", "COUNTRY"], "top": 5 })).await;
        assert_eq!(shorts(&top), shown, "nothing that is merged is among the largest");
        assert!(top.iter().all(|group| group["isWithheld"] == false));

        for (filter, group_by) in [
            (json!({ "categories": ["RESIDENT"], "regions": ["142"] }), json!(["YEAR"])),
            (json!({ "categories": ["RESIDENT"], "countries": ["CN", "VN"] }), json!(["YEAR"])),
            (resident.clone(), json!(["YEAR", "REGION"])),
        ] {
            let found = groups(&app, json!({ "filter": filter, "groupBy": group_by })).await;
            let bad = found.iter().find(|group| !group["sum"].is_null() || group["isOthers"] == true);
            assert_eq!(bad, None, "{filter} {group_by}");
        }
        for group_by in groupings() {
            let truth = by_sql(&app, &Filter::default(), &group_by).await;
            for group in groups(&app, json!({ "groupBy": group_by })).await {
                let told = group["isOthers"] == false && !group["sum"].is_null();
                assert!(!told || group["sum"] == json!(truth[&keys(&group)].0), "{group_by:?} {group}");
            }
        }
        // In 2020 so few travelled that not even the total is told, so nothing may stand for them together.
        let found = groups(&app, json!({ "groupBy": ["YEAR", "CATEGORY"] })).await;
        assert_eq!(shorts(&found)[..6], [
            "2018 TRAVEL 65", "2018 RESIDENT 70", "2019 TRAVEL 38", "2019 RESIDENT 97", "2020 TRAVEL null", "2020 RESIDENT 70",
        ]);
        assert_eq!((&found[0]["missing"], &found[0]["isComplete"]), (&json!(1), &json!(false)), "India");
        assert!(column(&found, "share").iter().all(|share| share.is_null()));
        assert_eq!(shorts(&groups(&app, json!({ "groupBy": ["YEAR"] })).await)[..3], ["2018 135", "2019 135", "2020 null"]);
    }
}
