//! Whole datasets, in and out of whole databases.

use std::path::Path;

use api::{
    database::Database,
    dataset::{self, Imported},
    error::Error,
    state::{Clock, Random, State},
};
use entities::{
    Count, DocumentKind, Observation, ObservationStatus, ReleaseKind, RevisionAction, Rule, audit_entry, change,
    document, publication, revision,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use seed::{Dataset, Files};
use serde_json::json;
use tests::{
    Backend, TestApp,
    commands::{self, as_exported},
    on_both_databases, start,
};

use crate::{
    blank::{Blank, connect},
    ledger,
};

fn example() -> Dataset {
    Dataset::parse(&as_exported(&Files::example())).expect("the example has no fault")
}

async fn export(state: &State) -> Files {
    dataset::export(state.database()).await.expect("an export").render()
}

async fn import(state: &State, dataset: &Dataset, reason: &str) -> Result<Imported, Error> {
    commands::import(state, dataset, reason).await
}

/// An empty database as the product opens it.
async fn open(blank: &Blank) -> Database {
    api::database::create_file(blank.url()).expect("a file");
    Database::open(blank.url(), None).await.expect("the database opens")
}

/// A state over an empty database: migrated and with its keys, but without a dataset.
async fn empty_state(app: &TestApp, database: Database) -> State {
    let random = Random::from_system().expect("random numbers");
    let state = api::setup::open(app.state().config().clone(), database, Clock::manual(start()), random).await;
    state.expect("the state opens")
}

fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a value")
}

fn count(number: i64) -> Count {
    number.try_into().expect("a count")
}

/// The example with a change to a document of each kind, and with new ones: a locale, a page, a person, a country and
/// the sheet of another year.
fn changed() -> Dataset {
    let mut dataset = example();
    let (en, vi) = (parse::<entities::Locale>("en"), parse::<entities::Locale>("vi"));

    dataset.site.name.insert(vi.clone(), parse("Phòng Y tế Quốc tế"));
    dataset.site.locales.push(seed::SiteLocale {
        code: vi.clone(),
        name: parse("Tiếng Việt"),
        direction: entities::TextDirection::LeftToRight,
        fallback: vec![en.clone(), parse("ja")],
    });
    dataset.site.required_locales = vec![parse("ja")];

    let page = dataset.pages.iter_mut().find(|page| page.slug.as_str() == "staff").expect("a page");
    page.position = 9.try_into().expect("a position");
    page.former_slugs = ["personnel", "2019-staff"].map(parse).into();
    let text = page.texts.get_mut(&en).expect("a text");
    text.title = parse("People \"here\", and 'there'");
    text.body = parse("# One\n\n+++\n\n| a | b |\n|---|---|\n| 1 | <b>2</b> |\n\n年鑑 🗾");
    let mut new = text.clone();
    new.signature = Some(parse("Trưởng phòng\nHai dòng"));
    let slug = parse::<entities::Slug>("lien-he");
    let texts = entities::Localized::from([(parse("ja"), new.clone()), (vi.clone(), new)]);
    dataset.pages.push(seed::Page {
        slug,
        parent: Some(parse("staff")),
        position: 1.try_into().expect("one"),
        former_slugs: [parse("contact")].into(),
        texts,
    });
    let page = dataset.pages.first_mut().expect("a page");
    page.former_slugs = [parse("about")].into();

    let member = dataset.staff.first_mut().expect("a member of staff");
    member.email = Some(parse("head@example.org"));
    member.telephone = Some(parse("+81 3 0000 0000, ext. 7"));
    member.texts.get_mut(&en).expect("a text").degree = Some(parse("MD, PhD"));
    let text = seed::StaffText { name: parse("Nguyễn"), role: parse("Phiên dịch"), degree: None, field: None };
    dataset.staff.push(seed::StaffMember {
        slug: parse("nguyen"),
        position: 7.try_into().expect("seven"),
        email: Some(parse("nguyen@example.org")),
        telephone: None,
        texts: [(parse("ja"), text.clone()), (vi.clone(), text)].into(),
    });

    dataset.countries.first_mut().expect("a country").names.insert(vi.clone(), parse("Trung Quốc"));
    let names = entities::Localized::from([(en.clone(), parse("Kiribati, \"Gilberts\""))]);
    dataset.countries.push(seed::Country { code: parse("KI"), position: 41.try_into().expect("41"), names });
    let label = dataset.categories.first_mut().expect("a category").labels.get_mut(&en).expect("a label");
    label.description = None;

    let figure = dataset.visit_counts.last_mut().expect("a figure");
    figure.observation = Observation::new(Some(count(0)), ObservationStatus::Revised).expect("an observation");
    dataset.yearly_totals.last_mut().expect("its total").value = count(65);
    figure.note = entities::Localized::from([(en, parse("Counted again,\nand \"none\" was found"))]);
    let year = 2023.try_into().expect("a year");
    dataset.visit_counts.push(seed::VisitCount {
        category: parse("TRAVEL"),
        country: parse("KI"),
        year,
        observation: Observation::new(None, ObservationStatus::NotYet).expect("an observation"),
        note: entities::Localized::new(),
    });
    let total = dataset.yearly_totals.first_mut().expect("a total");
    total.value = count(65);
    total.note = entities::Localized::new();
    dataset.yearly_totals.push(seed::YearlyTotal {
        category: parse("RESIDENT"),
        year,
        value: count(i64::from(i32::MAX)),
        flags: ObservationStatus::Provisional.into(),
        note: entities::Localized::from([(vi, parse("Tạm thời"))]),
    });
    dataset.sort();
    dataset
}

on_both_databases! {
    async fn the_seeded_database_exports_the_seed_byte_for_byte(app: TestApp) {
        let folder = tempfile::TempDir::new().expect("a folder");
        let files = export(app.state()).await;
        files.write(&folder.path().join("exported")).expect("the files can be written");
        let seed = Files::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../seed/data")).expect("the seed");
        assert_eq!(Files::read(&folder.path().join("exported")).expect("an export"), as_exported(&seed));
    }

    async fn importing_what_was_exported_changes_nothing(app: TestApp) {
        let connection = connect(app.database_url()).await;
        for dataset in [example(), changed()] {
            import(app.state(), &dataset, "First").await.expect("the dataset fits");
            let (rows, seq) = (ledger::rows(&connection).await, app.state().snapshot().seq);
            let exported = export(app.state()).await;
            let again = Dataset::parse(&exported).expect("an export has no fault");
            let imported = import(app.state(), &again, "Again").await.expect("the dataset fits");
            assert_eq!((imported.added, imported.changed), (0, 0));
            assert!(imported.unchanged as u64 == rows["document"], "{imported:?} of {rows:?}");
            assert_eq!((ledger::rows(&connection).await, app.state().snapshot().seq), (rows, seq));
            assert_eq!(export(app.state()).await, exported);
        }
    }

    async fn a_changed_dataset_comes_back_byte_for_byte(app: TestApp) {
        let expected = changed().render();
        import(app.state(), &changed(), "Changed").await.expect("the dataset fits");
        assert_eq!(export(app.state()).await, expected);
        assert_eq!(export(app.reopen().await.state()).await, expected);
        ledger::verify(&connect(app.database_url()).await).await;
    }

    async fn a_changed_dataset_leaves_its_reason_in_the_history_and_is_one_change(app: TestApp) {
        let connection = connect(app.database_url()).await;
        let before = ledger::rows(&connection).await;
        let seq = app.state().snapshot().seq;
        let imported = import(app.state(), &changed(), "Counted again").await.expect("the dataset fits");
        // The site, a page and its text, a page with a former slug, a member of staff and their text, a country, a
        // category, two sheets; new: a page and its two texts, a member of staff and their two texts, a country, two
        // sheets.
        assert_eq!((imported.added, imported.changed), (9, 10));

        let after = ledger::rows(&connection).await;
        let more = [("document", 9), ("revision", 19), ("publication", 19), ("change", 1), ("audit_entry", 1)];
        for (table, more) in more {
            assert_eq!(after[table], before[table] + more, "{table}");
        }
        let rows = publication::Entity::find()
            .filter(publication::Column::ChangeSeq.eq(seq + 1))
            .find_also_related(document::Entity)
            .all(&connection)
            .await
            .expect("publications");
        assert_eq!(rows.len(), 19);
        for (publication, document) in rows {
            let document = document.expect("the document of a publication");
            let number = publication.number.expect("a number");
            let kind = match (document.kind, number.get()) {
                (DocumentKind::YearSheet, 1) => Some(ReleaseKind::Release),
                (DocumentKind::YearSheet, _) => Some(ReleaseKind::Revision),
                _ => None,
            };
            assert_eq!(publication.release_kind, kind, "{}", document.key);
            assert_eq!(publication.reason.as_deref(), Some("Counted again"), "{}", document.key);
            let revision = revision::Entity::find_by_id((document.id, number)).one(&connection).await;
            let revision = revision.expect("a read").expect("a revision");
            assert_eq!(revision.action, RevisionAction::Import, "{}", document.key);
            assert_eq!(revision.reason.as_deref(), Some("Counted again"), "{}", document.key);
            assert_eq!(document.published_number, Some(document.version), "{}", document.key);
        }

        let change = change::Entity::find_by_id(seq + 1).one(&connection).await.expect("a read").expect("a change");
        let tags: Vec<String> = serde_json::from_value(change.tags).expect("tags");
        for tag in ["site", "pages", "staff", "figures"] {
            assert!(tags.iter().any(|found| found == tag), "{tag}: {tags:?}");
        }
        assert_eq!(tags.iter().filter(|tag| tag.starts_with("page:")).count(), 3, "{tags:?}");
        let entry = audit_entry::Entity::find().order_by_desc(audit_entry::Column::Seq).one(&connection).await;
        assert_eq!(entry.expect("a read").expect("an entry").action, "import");
        ledger::verify(&connection).await;
    }

    async fn a_dataset_without_a_locale_in_which_texts_are_published_is_refused_as_a_whole(app: TestApp) {
        let connection = connect(app.database_url()).await;
        let (rows, before) = (ledger::rows(&connection).await, export(app.state()).await);
        let en = parse::<entities::Locale>("en");
        let mut dataset = example();
        dataset.site.locales.retain(|locale| locale.code != en);
        dataset.site.name.remove(&en);
        for locale in &mut dataset.site.locales {
            locale.fallback.clear();
        }
        // A change that would be fine by itself.
        dataset.yearly_totals.first_mut().expect("a total").value = count(1);
        let refused = import(app.state(), &dataset, "No English").await.expect_err("English is in use");
        let Error::Invalid(faults) = &refused else { panic!("{refused:?}") };
        let paths: Vec<_> = faults.iter().map(|fault| fault.path.join(".")).collect();
        assert!(paths.contains(&"SITE site.locales.en".to_owned()), "{refused}");
        assert_eq!(ledger::rows(&connection).await, rows);
        assert_eq!(export(app.state()).await, before);
        assert_eq!(export(app.reopen().await.state()).await, before);
    }

    async fn a_locale_in_which_only_a_note_is_written_cannot_be_dropped_either(app: TestApp) {
        let fr = parse::<entities::Locale>("fr");
        let mut dataset = example();
        let plain = dataset.site.clone();
        dataset.site.locales.push(seed::SiteLocale {
            code: fr.clone(),
            name: parse("Français"),
            direction: entities::TextDirection::LeftToRight,
            fallback: Vec::new(),
        });
        dataset.visit_counts.first_mut().expect("a figure").note.insert(fr, parse("Une remarque"));
        import(app.state(), &dataset, "In French").await.expect("the dataset fits");
        let before = export(app.state()).await;

        // The sheet with the note is not among what is imported, so the note would stay.
        dataset.site = plain;
        dataset.visit_counts.clear();
        dataset.yearly_totals.clear();
        import(app.state(), &dataset, "No French").await.expect_err("French is in use");
        assert_eq!(export(app.state()).await, before);
    }

    async fn a_locale_in_which_nothing_is_written_can_go(app: TestApp) {
        let mut dataset = example();
        dataset.site.locales.push(seed::SiteLocale {
            code: parse("fr"),
            name: parse("Français"),
            direction: entities::TextDirection::LeftToRight,
            fallback: Vec::new(),
        });
        import(app.state(), &dataset, "In French").await.expect("the dataset fits");
        assert_eq!(export(app.state()).await, dataset.render());
        import(app.state(), &example(), "Without").await.expect("nothing is written in French");
        assert_eq!(export(app.state()).await, as_exported(&Files::example()));
    }

    async fn what_a_dataset_does_not_mention_stays(app: TestApp) {
        let connection = connect(app.database_url()).await;
        import(app.state(), &changed(), "Changed").await.expect("the dataset fits");
        let (rows, before) = (ledger::rows(&connection).await, export(app.state()).await);
        let Dataset { site, .. } = changed();
        let (pages, staff, countries, categories) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (visit_counts, yearly_totals, withheld, fact_sheet) = (Vec::new(), Vec::new(), Vec::new(), None);
        let nothing = Dataset {
            site, pages, staff, countries, categories, visit_counts, yearly_totals, withheld, fact_sheet,
        };
        let imported = import(app.state(), &nothing, "Nothing").await.expect("the dataset fits");
        assert_eq!(imported, Imported { added: 0, changed: 0, unchanged: 1 });
        assert_eq!(ledger::rows(&connection).await, rows);
        assert_eq!(export(app.state()).await, before);
    }

    async fn what_has_a_blocker_is_not_imported_but_into_an_empty_database(app: TestApp) {
        let mut dataset = example();
        let page = dataset.pages.iter_mut().find(|page| page.slug.as_str() == "staff").expect("a page");
        page.texts.values_mut().next().expect("a text").body = parse("See [there](/withdrawn-since).");
        let before = export(app.state()).await;
        let refused = import(app.state(), &dataset, "A dead link").await.expect_err("nobody could publish it");
        assert!(matches!(&refused, Error::Blocked(blockers) if blockers.len() == 1), "{refused:?}");
        assert_eq!(export(app.state()).await, before);
        // What was public somewhere can be brought back as it was.
        let blank = Blank::on(app.backend()).await.expect("there was one already");
        let state = empty_state(&app, open(&blank).await).await;
        import(&state, &dataset, "Restored").await.expect("an empty database takes an export");
        assert_eq!(export(&state).await, dataset.render());
        state.database().clone().close().await.expect("the database closes");
    }

    async fn a_former_slug_leads_to_its_page_and_is_a_change_of_it_once(app: TestApp) {
        let connection = connect(app.database_url()).await;
        let dataset_with = |slugs: &[&str]| {
            let mut dataset = example();
            let page = dataset.pages.iter_mut().find(|page| page.slug.as_str() == "staff").expect("a page");
            page.former_slugs = slugs.iter().map(|slug| parse(slug)).collect();
            dataset
        };
        let leads_to = async |slug: &str| {
            let document = "query($slug: Slug!) { page(slug: $slug) { movedTo } }";
            app.anonymous().run(document, json!({ "slug": slug })).await.at("/data/page").clone()
        };
        let staff = json!({ "movedTo": "staff" });
        assert_eq!(leads_to("people").await, json!(null));
        for (slugs, changed) in [(&["people"][..], 1), (&["people"], 0), (&["people", "team"], 1), (&[], 0)] {
            let imported = import(app.state(), &dataset_with(slugs), "Old addresses").await.expect("the dataset fits");
            assert_eq!((imported.added, imported.changed), (0, changed), "{slugs:?}");
            assert_eq!(leads_to("people").await, staff, "{slugs:?}");
        }
        assert_eq!(leads_to("team").await, staff);
        // What the last one left out has stayed.
        assert_eq!(export(app.state()).await, dataset_with(&["people", "team"]).render());
        ledger::verify(&connection).await;
    }

    async fn a_former_slug_that_is_not_free_is_refused_with_the_page_that_claims_it(app: TestApp) {
        let connection = connect(app.database_url()).await;
        import(app.state(), &changed(), "Changed").await.expect("the dataset fits");
        let draft = "mutation { pageCreate(input: { slug: \"draft\" }) { errors { code } } }";
        assert_eq!(app.editor().await.run(draft, json!({})).await.at("/data/pageCreate/errors"), &json!([]));
        let (rows, before) = (ledger::rows(&connection).await, export(app.state()).await);

        // Only this page is in the dataset, so that the file by itself has no fault.
        let mut dataset = changed();
        dataset.pages.retain(|page| page.slug.as_str() == "about-us");
        let page = dataset.pages.first_mut().expect("a page");
        page.former_slugs = ["about", "contact", "draft", "free", "graphql", "lien-he"].map(parse).into();
        let refused = import(app.state(), &dataset, "Old addresses").await.expect_err("they are not free");
        let Error::Invalid(faults) = &refused else { panic!("{refused:?}") };
        let faults: Vec<_> = faults.iter().map(|fault| (fault.path.join("."), fault.rule.clone())).collect();
        let expected = [
            ("contact", Rule::Reserved),
            ("draft", Rule::Taken),
            ("graphql", Rule::Reserved),
            ("lien-he", Rule::Taken),
        ];
        assert_eq!(faults, expected.map(|(slug, rule)| (format!("PAGE about-us.formerSlugs.{slug}"), rule)));
        assert_eq!(ledger::rows(&connection).await, rows);
        assert_eq!(export(app.state()).await, before);
    }

    async fn an_import_can_turn_the_tree_of_pages_upside_down(app: TestApp) {
        let mut dataset = example();
        for page in &mut dataset.pages {
            page.parent = (page.slug.as_str() != "staff").then(|| parse("staff"));
        }
        dataset.sort();
        import(app.state(), &dataset, "Upside down").await.expect("the dataset fits");
        assert_eq!(export(app.state()).await, dataset.render());
        let document = "{ page(slug: \"about-us\") { parent { slug parent { slug } } } }";
        let reply = app.anonymous().run(document, json!({})).await;
        assert_eq!(reply.at("/data/page/parent"), &json!({ "slug": "staff", "parent": null }));
    }

    async fn an_import_replaces_what_an_editor_left_unpublished(app: TestApp) {
        let document = "mutation($input: VisitCountsUpdateInput!) {
            visitCountsUpdate(input: $input) { yearSheet { version } errors { code } }
        }";
        let draft = json!({ "category": "RESIDENT", "year": 2022, "expectedVersion": 1, "total": 99 });
        let reply = app.editor().await.run(document, json!({ "input": draft })).await;
        assert_eq!(reply.at("/data/visitCountsUpdate/yearSheet/version"), 2);
        assert_eq!(export(app.state()).await, as_exported(&Files::example()), "a draft is not exported");
        let imported = import(app.state(), &example(), "As published").await.expect("the dataset fits");
        assert_eq!((imported.added, imported.changed), (0, 0), "what is published is what counts");

        let mut dataset = example();
        let total = dataset.yearly_totals.last_mut().expect("a total");
        total.value = count(68);
        total.note.insert(parse("en"), parse("The country of one is unknown."));
        let imported = import(app.state(), &dataset, "One more").await.expect("the dataset fits");
        assert_eq!(imported.changed, 1);
        assert_eq!(export(app.state()).await, dataset.render());
        ledger::verify(&connect(app.database_url()).await).await;
    }
}

#[tokio::test]
async fn what_one_database_exports_the_other_takes_when_empty_and_gives_back() {
    let sqlite = TestApp::new().await;
    let Some(postgres) = TestApp::on(Backend::Postgres).await else { return };
    for (from, to) in [(&sqlite, Backend::Postgres), (&postgres, Backend::Sqlite)] {
        import(from.state(), &changed(), "Changed").await.expect("the dataset fits");
        let exported = export(from.state()).await;
        let dataset = Dataset::parse(&exported).expect("an export has no fault");
        let blank = Blank::on(to).await.expect("there is a database");
        let state = empty_state(from, open(&blank).await).await;
        let imported = import(&state, &dataset, "Moved").await.expect("the dataset fits");
        assert_eq!((imported.changed, imported.unchanged), (0, 0));
        assert_eq!(export(&state).await, exported);
        ledger::verify(&blank.connect().await).await;
        state.database().clone().close().await.expect("the database closes");
    }
}

#[tokio::test]
async fn two_processes_that_start_at_once_seed_one_database_once() {
    let app = TestApp::new().await;
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let Some(blank) = Blank::on(backend).await else { return };
        let (one, other) = (open(&blank).await, open(&blank).await);
        let starting = async |database| {
            let state = empty_state(&app, database).await;
            api::setup::fill(&state).await.map(|first| (state, first.is_some()))
        };
        let (one, other) = tokio::join!(starting(one), starting(other));
        let ((one, one_first), (other, other_first)) = (one.expect("it starts"), other.expect("it starts"));
        assert!(one_first != other_first, "one of them makes the administrator");
        assert_eq!(export(&one).await, as_exported(&Files::example()));
        let connection = blank.connect().await;
        let rows = ledger::rows(&connection).await;
        assert_eq!((rows["account"], rows["change"], rows["key"]), (1, 1, 2), "{rows:?}");
        ledger::verify(&connection).await;
        for state in [one, other] {
            state.database().clone().close().await.expect("the database closes");
        }
    }
}
