//! The states of a document: a small model and the real thing walk the same random way.

use std::fmt::Write;

use api::document::schedule;
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use tests::{Backend, TestApp};

use super::{Desk, public, seen, seen_with, written};

/// Steps of a walk.
const STEPS: usize = 25;

/// A generator that gives the same walk for the same seed (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Save,
    Publish,
    Unpublish,
    Schedule {
        publish: bool,
        seconds: i64,
    },
    Cancel,
    Wait,
    Archive,
    Unarchive,
    Restore {
        version: i64,
    },
    /// Something with a version that the document is not at.
    Stale {
        mutation: &'static str,
        by: i64,
    },
}

/// What the document is thought to be.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    /// The body of each version.
    bodies: Vec<String>,
    published: Option<i64>,
    ever_published: bool,
    archived: bool,
    /// What is pending: when, and the version to publish.
    to_publish: Option<(DateTime<Utc>, i64)>,
    to_unpublish: Option<DateTime<Utc>>,
    /// How often what the public sees was set or taken away.
    publications: u64,
}

impl Model {
    fn version(&self) -> i64 {
        i64::try_from(self.bodies.len()).expect("small")
    }

    fn state(&self) -> &'static str {
        match self.published {
            _ if self.archived => "ARCHIVED",
            _ if self.to_publish.is_some() || self.to_unpublish.is_some() => "SCHEDULED",
            Some(version) if version == self.version() => "PUBLISHED",
            Some(_) => "MODIFIED",
            None if self.ever_published => "UNPUBLISHED",
            None => "NEVER_PUBLISHED",
        }
    }

    fn body(&self, version: i64) -> &str {
        &self.bodies[usize::try_from(version - 1).expect("a version")]
    }

    fn publish(&mut self) {
        if self.published == Some(self.version()) {
            return;
        }
        (self.published, self.ever_published, self.to_publish) = (Some(self.version()), true, None);
        self.publications += 1;
    }

    fn withdraw(&mut self) {
        if self.published.take().is_some() {
            self.to_unpublish = None;
            self.publications += 1;
        }
    }

    /// Takes the step, or says why it cannot be taken. The saved body is that of the next version.
    fn take(&mut self, step: Step, now: DateTime<Utc>) -> Result<(), &'static str> {
        match step {
            Step::Stale { .. } => return Err("VERSION_CONFLICT"),
            Step::Restore { version } if version > self.version() => return Err("input.version UNKNOWN"),
            Step::Save | Step::Restore { .. } if self.archived => return Err("input.pageId ARCHIVED"),
            Step::Publish | Step::Schedule { .. } | Step::Archive if self.archived => return Err("input.id ARCHIVED"),
            Step::Unpublish if self.published.is_none() => return Err("input.id NOTHING_PUBLISHED"),
            Step::Schedule { .. } if due(step, now) <= now => return Err("input.at IN_THE_PAST"),
            Step::Cancel if self.to_publish.is_none() && self.to_unpublish.is_none() => return Err("NOT_FOUND"),
            Step::Save => self.bodies.push(format!("Body {}", self.version() + 1)),
            Step::Restore { version } => self.bodies.push(self.body(version).to_owned()),
            Step::Publish => self.publish(),
            Step::Unpublish => self.withdraw(),
            Step::Schedule { publish: true, .. } => self.to_publish = Some((due(step, now), self.version())),
            Step::Schedule { publish: false, .. } => self.to_unpublish = Some(due(step, now)),
            // The one that comes first.
            Step::Cancel => match (self.to_publish, self.to_unpublish) {
                (Some((publish, _)), Some(unpublish)) if unpublish < publish => self.to_unpublish = None,
                (Some(_), _) => self.to_publish = None,
                (None, _) => self.to_unpublish = None,
            },
            Step::Wait => self.pass(now),
            Step::Archive => {
                self.withdraw();
                (self.archived, self.to_publish, self.to_unpublish) = (true, None, None);
            }
            Step::Unarchive => self.archived = false,
        }
        Ok(())
    }

    /// What is due happens, the earlier first.
    fn pass(&mut self, now: DateTime<Utc>) {
        loop {
            let publish = self.to_publish.filter(|(due, _)| *due <= now);
            let unpublish = self.to_unpublish.filter(|due| *due <= now);
            match (publish, unpublish) {
                (None, None) => return,
                (Some((publish, version)), unpublish) if unpublish.is_none_or(|due| publish < due) => {
                    self.to_publish = None;
                    // Nobody looked at what was saved since.
                    if version == self.version() {
                        self.publish();
                    }
                }
                _ => {
                    self.withdraw();
                    self.to_unpublish = None;
                }
            }
        }
    }
}

/// When a schedule is due. Withdrawals are due at half seconds, so that no two schedules are due at once.
fn due(step: Step, now: DateTime<Utc>) -> DateTime<Utc> {
    match step {
        Step::Schedule { publish: true, seconds } => now + Duration::seconds(seconds),
        Step::Schedule { publish: false, seconds } => now + Duration::milliseconds(seconds * 1000 + 500),
        _ => now,
    }
}

fn next(dice: &mut Dice, model: &Model) -> Step {
    let seconds = |dice: &mut Dice| i64::try_from(dice.roll(4)).expect("small");
    match dice.roll(17) {
        0..=3 => Step::Save,
        4..=5 => Step::Publish,
        6 => Step::Unpublish,
        7..=8 => Step::Schedule { publish: true, seconds: seconds(dice) },
        9 => Step::Schedule { publish: false, seconds: seconds(dice) - i64::from(dice.roll(8) == 0) * 9 },
        10 => Step::Cancel,
        11..=12 => Step::Wait,
        13 => Step::Archive,
        14 => Step::Unarchive,
        15 => {
            let versions = u64::try_from(model.version() + 1).expect("small");
            Step::Restore { version: i64::try_from(dice.roll(versions)).expect("small") + 1 }
        }
        _ => {
            let mutations = ["pageTextSave", "publish", "unpublish", "archive", "unarchive", "restore", "schedule"];
            let mutation = mutations[usize::try_from(dice.roll(7)).expect("small")];
            let by = if dice.roll(3) == 0 { 1 } else { -1 };
            Step::Stale { mutation, by }
        }
    }
}

/// Takes the step for real. Returns what it was refused for.
async fn take(app: &TestApp, desk: &Desk, text: &Value, step: Step, last_schedule: &Value) -> Vec<String> {
    let now = app.clock().now();
    let at = |due: DateTime<Utc>| (due + Duration::hours(9)).format("%Y-%m-%dT%H:%M:%S%.3f").to_string();
    let save = |version: i64| {
        json!({
            "pageId": text["ownerId"], "locale": "en", "expectedVersion": version, "body": format!("Body {}", version + 1),
        })
    };
    let version = text["version"].as_i64().expect("a version");
    let schedule = |action: &str, due| json!({ "action": action, "at": at(due), "timeZone": "Asia/Tokyo" });
    let (mutation, input) = match step {
        Step::Save => ("pageTextSave", save(version)),
        Step::Publish => ("publish", seen(text)),
        Step::Unpublish => ("unpublish", seen(text)),
        Step::Archive => ("archive", seen(text)),
        Step::Unarchive => ("unarchive", seen(text)),
        Step::Restore { version } => ("restore", seen_with(text, &json!({ "version": version }))),
        Step::Schedule { publish, .. } => {
            let action = if publish { "PUBLISH" } else { "UNPUBLISH" };
            ("schedule", seen_with(text, &schedule(action, due(step, now))))
        }
        Step::Cancel => ("scheduleCancel", json!({ "id": last_schedule })),
        Step::Wait => {
            app.clock().advance(Duration::milliseconds(1500));
            schedule::run_due(app.state()).await.expect("schedules are carried out");
            return Vec::new();
        }
        Step::Stale { mutation, by } => {
            let more = match mutation {
                "pageTextSave" => save(version + by),
                "restore" => seen_with(text, &json!({ "version": 1 })),
                "schedule" => seen_with(text, &schedule("PUBLISH", now + Duration::seconds(1))),
                _ => seen(text),
            };
            let mut input = more;
            input["expectedVersion"] = json!(version + by);
            (mutation, input)
        }
    };
    let outcome = desk.run(mutation, input).await;
    if outcome.errors.is_empty() { Vec::new() } else { outcome.faults() }
}

async fn walk(app: &TestApp, desk: &Desk, seed: u64) {
    let slug = format!("walk-{seed}");
    let page = desk.page(&slug).await;
    let mut text = desk.text(&page, "en", "Walk", "Body 1").await;
    desk.publish(&[&page]).await;
    let mut model = Model { bodies: vec!["Body 1".to_owned()], ..Model::default() };
    let mut dice = Dice(seed);
    let mut trail = format!("seed {seed}:");
    let mut last_schedule = json!("U2NoZWR1bGU6");
    for _ in 0..STEPS {
        let step = next(&mut dice, &model);
        write!(trail, " {step:?}").expect("a string");
        let (before, thought, [revisions, publications, ..]) = (text.clone(), model.clone(), written(app).await);
        let refused = take(app, desk, &before, step, &last_schedule).await;
        let expected = model.take(step, app.clock().now());
        text = desk.now(&before).await;

        let expected_faults: Vec<&str> = expected.err().into_iter().collect();
        // A schedule that nobody ever had cannot even be named.
        let unnamed = refused == ["input.id UNKNOWN"] && expected_faults == ["NOT_FOUND"];
        assert!(refused == expected_faults || unnamed, "{refused:?} instead of {expected_faults:?}: {trail}");
        if expected.is_err() {
            assert_eq!(text, before, "what is refused changes nothing: {trail}");
        }
        let [now_revisions, now_publications, ..] = written(app).await;
        let saved = u64::try_from(model.version() - thought.version()).expect("versions only grow");
        assert_eq!(now_revisions - revisions, saved, "{trail}");
        assert_eq!(now_publications - publications, model.publications - thought.publications, "{trail}");
        assert_eq!(
            (&text["state"], &text["version"], &text["publishedVersion"]),
            (&json!(model.state()), &json!(model.version()), &json!(model.published)),
            "{trail}"
        );
        assert_eq!(text["content"]["body"]["markdown"], model.body(model.version()), "{trail}");
        let shown = public(app, &slug, "en").await["body"]["markdown"].clone();
        assert_eq!(shown, json!(model.published.map(|version| model.body(version))), "{trail}");
        let schedules = text["schedules"].as_array().expect("schedules");
        let pending: Vec<&Value> = schedules.iter().filter(|schedule| schedule["outcome"].is_null()).collect();
        let thought = usize::from(model.to_publish.is_some()) + usize::from(model.to_unpublish.is_some());
        assert_eq!(pending.len(), thought, "{trail}");
        if let Some(first) = pending.first() {
            last_schedule = first["id"].clone();
        }
    }
    // What is still pending belongs to no other walk.
    if !model.archived {
        desk.done("archive", seen(&text)).await;
    }
}

/// Every seed of a range, on one database.
async fn walks(backend: Backend, seeds: std::ops::Range<u64>) {
    let Some(app) = TestApp::on(backend).await else { return };
    let desk = Desk::of(&app).await;
    for seed in seeds {
        walk(&app, &desk, seed).await;
    }
}

macro_rules! walks {
    ($($name:ident: $backend:ident $seeds:expr;)+) => {$(
        #[tokio::test]
        async fn $name() {
            walks(Backend::$backend, $seeds).await;
        }
    )+};
}

walks! {
    a_document_goes_where_the_model_goes_on_sqlite_first: Sqlite 0..8;
    a_document_goes_where_the_model_goes_on_sqlite_second: Sqlite 10..18;
    a_document_goes_where_the_model_goes_on_sqlite_third: Sqlite 20..28;
    a_document_goes_where_the_model_goes_on_postgres: Postgres 30..36;
}
