//! What Almanac says in Japanese is Japanese to its end: no English word stands in it but names that are the same in every
//! language, such as those of fields, codes and file formats.

use std::{collections::BTreeSet, sync::Arc};

use api::error::{Blocker, Conflict, Error, Fault};
use chrono::Duration;
use entities::{Flaw, Form, Language, Rule, Unexplained, Version};
use sea_orm::DbErr;
use serde_json::{Value, json};
use tests::on_both_databases;
use uuid::Uuid;

/// Names that are not translated: of formats, standards, units, headers and flags, and the values that examples show.
const NAMES: &[&str] = &[
    "API",
    "Idempotency",
    "Key",
    "SVG",
    "CSV",
    "xlsx",
    "JSON",
    "stat",
    "Base",
    "UTF",
    "Shift",
    "JIS",
    "BOM",
    "LF",
    "MiB",
    "UTC",
    "BCP",
    "ISO",
    "alpha",
    "FINAL",
    "weaken",
    "disclosure",
    "replaceRedirect",
    "null",
    "true",
    "false",
    // Examples.
    "about",
    "us",
    "ja",
    "zh",
    "Hant",
    "JP",
    "RESIDENT",
    "editor",
    "example",
    "org",
    "https",
    "www",
    "locale",
    "en",
    "locales",
    "breaks",
    "footnotes",
    "category",
    "year",
];

/// The words in Latin letters that are no such names.
fn foreign(text: &str, names: &[&str]) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| word.len() > 1);
    words.filter(|word| !NAMES.contains(word) && !names.contains(word)).map(str::to_owned).collect()
}

fn is_japanese(text: &str) -> bool {
    text.chars().any(|letter| matches!(letter, 'ぁ'..='ヿ' | '一'..='龯'))
}

/// The names of the variants of an enum, from where it is declared.
fn variants(source: &str, name: &str) -> BTreeSet<String> {
    let body = source.split_once(&format!("pub enum {name} {{\n")).expect("the enum").1;
    let body = body.split_once("\n}\n").expect("its end").0;
    let variants = body.lines().filter_map(|line| line.strip_prefix("    "));
    let variants = variants.filter(|line| line.starts_with(|letter: char| letter.is_ascii_uppercase()));
    variants
        .map(|line| line.split(|letter: char| !letter.is_alphanumeric()).next().expect("a name").to_owned())
        .collect()
}

/// The name of a variant.
fn variant(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split(|letter: char| !letter.is_alphanumeric()).next().expect("a name").to_owned()
}

/// Every rule that a value can break. What a rule repeats of the input or of codes is written without Latin letters here.
fn rules() -> Vec<Rule> {
    let text = || "甲".to_owned();
    let unexplained = Unexplained {
        category: "RESIDENT".parse().expect("a code"),
        year: 2026.try_into().expect("a year"),
        total: 2,
        sum: 1,
    };
    let mut rules = vec![
        Rule::Required,
        Rule::TooLong { max: 1 },
        Rule::ControlCharacter,
        Rule::SurroundingSpace,
        Rule::OutOfRange { min: 1, max: 2 },
        Rule::NotAnInteger,
        Rule::NotOneOf { allowed: text() },
        Rule::Duplicate,
        Rule::Unknown,
        Rule::Taken,
        Rule::Unpublishable,
        Rule::InUse,
        Rule::ValueMissing,
        Rule::ValueNotAllowed,
        Rule::StatusesContradict,
        Rule::SumTooLarge { max: 1 },
        Rule::ParentLoop,
        Rule::FallbackLoop,
        Rule::TooMany { max: 1 },
        Rule::ForeignCursor,
        Rule::EmptyRange,
        Rule::UnknownField,
        Rule::Syntax("the parser's own words".to_owned()),
        Rule::UnknownFile,
        Rule::FileTooLarge { max_mib: 1 },
        Rule::NotUtf8,
        Rule::ByteOrderMark,
        Rule::LineEnding,
        Rule::FieldCount { expected: 1 },
        Rule::ColumnOrder { expected: text() },
        Rule::PasswordTooShort { min: 1 },
        Rule::PasswordTooWeak,
        Rule::Archived,
        Rule::Reserved,
        Rule::NotPublished,
        Rule::RequiredLocale { locale: text() },
        Rule::ImageText { source: text() },
        Rule::DeadLink { target: text() },
        Rule::LinkedFrom { pages: text() },
        Rule::StillHeld,
        Rule::Unexplained(Box::new(unexplained)),
        Rule::OnlyForFigures,
        Rule::AmbiguousTime,
        Rule::NonexistentTime,
        Rule::OutsideCalendar,
        Rule::InThePast,
        Rule::OppositeSchedule,
        Rule::LinkScheme { target: text() },
        Rule::OutlivesToken,
        Rule::FaultsInFile,
        Rule::TooLarge,
        Rule::InTheFuture,
        Rule::AlwaysPublished,
        Rule::WeakerDisclosure { current: text() },
        Rule::NothingPublished,
        Rule::NoOrder,
        Rule::LocalesOfRole,
        Rule::LastAdministrator,
        Rule::AccountDisabled,
        Rule::ForeignAccount,
        Rule::TooFarAhead { days: 1 },
        Rule::ForeignFormat,
        Rule::Encoding,
        Rule::Macros,
        Rule::ExternalLinks,
        Rule::TooBigInside { max_mib: 1 },
        Rule::NotATable,
        Rule::NoCategory,
        Rule::NoYear,
        Rule::Formula,
        Rule::AmbiguousDash,
        Rule::FigureTwice { first: text() },
        Rule::TwoTotals { first: text() },
    ];
    rules.extend(Form::ALL.iter().map(|form| Rule::Format { expected: *form }));
    rules.extend(Flaw::ALL.iter().map(|flaw| Rule::Flawed(*flaw)));
    rules
}

/// Everything that an operation can fail with.
fn errors() -> Vec<Error> {
    let cause = || Arc::new(DbErr::Custom("the driver's own words".to_owned()));
    let fault = Fault::new(["body"], Rule::Required);
    let conflict = Conflict {
        document_id: Uuid::nil(),
        path: Vec::new(),
        expected: Version::NONE,
        current: Version::NONE,
        editor_id: None,
        changed_at: tests::start(),
        base: None,
        changed_fields: Vec::new(),
        attempted_fields: Vec::new(),
        overwritten_fields: Vec::new(),
    };
    vec![
        Error::Invalid(vec![fault.clone()]),
        Error::Conflict(Box::new(conflict)),
        Error::Blocked(vec![Blocker { document_id: Uuid::nil(), fault }]),
        Error::not_found("the document"),
        Error::Several(vec![Error::not_found("the document"), Error::Forbidden]),
        Error::Unauthenticated,
        Error::Forbidden,
        Error::IdempotencyKeyReused,
        Error::PreviewEnded,
        Error::InvalidCredentials,
        Error::SessionEnded,
        Error::LinkEnded,
        Error::RateLimited(std::time::Duration::from_secs(1)),
        Error::QuotaExceeded(1),
        Error::ChangeNotSeen,
        Error::Unavailable(cause()),
        Error::Busy(cause()),
        Error::StorageFull(cause()),
        Error::StorageFailed(cause()),
        Error::OutcomeUnknown(Arc::new(Error::Overloaded)),
        Error::Overloaded,
        Error::FeedWentBack { seq: 1 },
        Error::ProviderUnavailable,
        Error::NoFont,
        Error::ResponseTooLong { max: 1 },
        Error::internal("our own words"),
    ]
}

#[test]
fn every_message_that_there_is_in_japanese_has_no_english_in_it() {
    let (rules, errors) = (rules(), errors());
    let known: BTreeSet<String> = rules.iter().map(variant).collect();
    assert_eq!(
        known,
        variants(include_str!("../../entities/src/rule.rs"), "Rule"),
        "a rule that is new is tried here, too"
    );
    let known: BTreeSet<String> = errors.iter().map(variant).collect();
    assert_eq!(known, variants(include_str!("../../api/src/error.rs"), "Error"), "so is an error");

    let of_rules = rules.iter().map(|rule| (rule.code().to_owned(), rule.message(Language::Japanese)));
    let remedies = rules.iter().filter_map(|rule| Some((rule.code().to_owned(), rule.remedy(Language::Japanese)?)));
    let of_errors = errors.iter().map(|error| (variant(error), error.message(Language::Japanese)));
    let mut seen = 0;
    for (of, message) in of_rules.chain(remedies).chain(of_errors) {
        // The path of a field.
        assert_eq!(foreign(&message, &["body"]), Vec::<String>::new(), "{of}: {message}");
        assert!(is_japanese(&message) || message.contains("JSON"), "{of}: {message}");
        seen += 1;
    }
    assert!(seen > 120, "{seen}");
    for rule in &rules {
        assert!(!is_japanese(&rule.message(Language::English).replace('甲', "")), "{}", rule.code());
    }
}

/// The messages in a reply, wherever they stand.
fn messages(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| messages(item, found)),
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str().filter(|_| ["message", "remedy", "failureMessage"].contains(&name.as_str())) {
                    Some(message) => found.push(message.to_owned()),
                    None => messages(value, found),
                }
            }
        }
        _ => {}
    }
}

const SCHEDULE: &str = "mutation($input: ScheduleInput!) { schedule(input: $input) {
    document { id version } errors { message ... on PublishBlocker { remedy } }
} }";

on_both_databases! {
    async fn a_request_is_answered_in_the_language_that_it_accepts(app: TestApp) {
        let japanese = app.editor().await.with("accept-language", "ja-JP,ja;q=0.9,en;q=0.8");
        let page = japanese.run("{ document(by: { page: \"about-us\" }) { id version } }", json!({})).await;
        let page = page.at("/data/document");
        let schedule = |at: &str| json!({ "input": {
            "id": page["id"], "expectedVersion": page["version"], "action": "PUBLISH", "at": at, "timeZone": "Asia/Tokyo",
        } });
        let update = "mutation($input: VisitCountsUpdateInput!) { visitCountsUpdate(input: $input) {
            errors { message ... on ReconciliationError { remedy } }
        } }";
        let counts = json!([{ "country": "jp", "value": 1 }, { "country": "CN", "value": -1 }]);
        let figures = |input: Value| json!({ "input": input });
        let base = json!({ "category": "TRAVEL", "year": 2030, "expectedVersion": 0 });
        let with = |member: &str, value: Value| {
            let mut input = base.clone();
            input[member] = value;
            figures(input)
        };
        let import = "mutation($content: String!) { figuresImport(input: { content: $content }) { faults { message } errors { message } } }";
        let anonymous = app.anonymous().with("accept-language", "ja");
        let replies = [
            // In payloads.
            japanese.run(SCHEDULE, schedule("2020-01-01T00:00")).await,
            japanese.run(update, with("counts", counts)).await,
            japanese.run(update, with("expectedVersion", json!(7))).await,
            japanese.run(import, json!({ "content": "no file" })).await,
            japanese.run(import, json!({ "content": "eyJ9" })).await,
            // At the top level, with the faults of variables and arguments.
            japanese.run(SCHEDULE, schedule("tomorrow")).await,
            anonymous.run(SCHEDULE, schedule("2026-06-01T00:00")).await,
            anonymous.run("query($s: Slug!) { page(slug: $s) { id } }", json!({ "s": "No Slug" })).await,
            anonymous.run("{ page(slug: \"about-us\", locale: \"fr\") { id } }", json!({})).await,
            anonymous.run("{ pages(first: 1000, after: \"x\") { totalCount } }", json!({})).await,
            anonymous.with("almanac-preview", "x").run("{ site { name } }", json!({})).await,
            anonymous.with("almanac-change-token", "1.999999").run("{ site { name } }", json!({})).await,
            app.bearer("x").with("accept-language", "ja").run("{ site { name } }", json!({})).await,
            // Beside GraphQL.
            anonymous.get("/figures/fact-sheet.csv?from=x&asOf=tomorrow&locale=!").await,
        ];
        for reply in replies {
            let mut found = Vec::new();
            messages(reply.json(), &mut found);
            assert!(!found.is_empty(), "{}", reply.text());
            for message in found {
                let names = ["counts", "country", "input", "at", "first", "after", "from", "asOf"];
                assert_eq!(foreign(&message, &names), Vec::<String>::new(), "{message}");
                assert!(is_japanese(&message), "{message}");
            }
        }
        // What is asked for in so many words comes first.
        let document = "mutation($input: VisitCountsUpdateInput!) { visitCountsUpdate(input: $input) { errors { message(locale: \"en\") } } }";
        let english = japanese.run(document, with("total", json!(-1))).await;
        assert_eq!(english.at("/data/visitCountsUpdate/errors/0/message"), "must be between 0 and 2147483647");
        let english = app.editor().await.with("accept-language", "de, en").run(update, with("total", json!(-1))).await;
        assert_eq!(english.at("/data/visitCountsUpdate/errors/0/message"), "must be between 0 and 2147483647");
    }

    async fn why_a_schedule_failed_is_told_in_the_language_of_the_one_who_asks(app: TestApp) {
        let editor = app.editor().await;
        let page = editor.done("pageCreate", json!({ "slug": "soon" })).await["document"].clone();
        let input = json!({
            "id": page["id"], "expectedVersion": page["version"], "action": "PUBLISH",
            "at": (app.clock().now() + Duration::minutes(1)).to_rfc3339(), "timeZone": "Asia/Tokyo",
        });
        editor.done("schedule", input).await;
        editor.done("pageUpdate", json!({ "id": page["id"], "expectedVersion": page["version"], "position": 9 })).await;
        app.clock().advance(Duration::minutes(1));
        api::document::schedule::run_due(app.state()).await.expect("carried out");
        let query = "query($id: ID!, $locale: Locale) { document(by: { id: $id }) {
            schedules { failureCode failureMessage(locale: $locale) }
        } }";
        for (language, locale, is_in_japanese) in
            [("ja", Value::Null, true), ("en", Value::Null, false), ("en", json!("ja"), true), ("ja", json!("en"), false)]
        {
            let reply = editor.with("accept-language", language).run(query, json!({ "id": page["id"], "locale": locale })).await;
            let failed = reply.at("/data/document/schedules/0");
            assert_eq!(failed["failureCode"], "VERSION_CONFLICT");
            let message = failed["failureMessage"].as_str().expect("a message");
            assert_eq!((is_japanese(message), message.is_ascii()), (is_in_japanese, !is_in_japanese), "{message}");
        }
    }
}
