//! What is asked about: a document of every kind in every state, with a schedule and a preview, and an account and an API token.
//! Each has a twin of the same kind and state that never was.

use std::collections::BTreeSet;

use chrono::Duration;
use serde_json::{Value, json};
use tests::{Backend, Client, TestApp};
use uuid::Uuid;

use super::{TYPES, global_id};

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Site,
    Page,
    PageText,
    StaffMember,
    StaffText,
    Country,
    Category,
    YearSheet,
    FactSheetMetadata,
    Account,
    ApiToken,
}

impl Kind {
    pub const ALL: [Self; 11] = [
        Self::Site,
        Self::Page,
        Self::PageText,
        Self::StaffMember,
        Self::StaffText,
        Self::Country,
        Self::Category,
        Self::YearSheet,
        Self::FactSheetMetadata,
        Self::Account,
        Self::ApiToken,
    ];

    /// Whether there is one of it, which the public always sees.
    pub const fn is_single(self) -> bool {
        matches!(self, Self::Site | Self::FactSheetMetadata)
    }

    /// What the API calls this kind of document; nothing for what is none.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Site => "SITE",
            Self::Page => "PAGE",
            Self::PageText => "PAGE_TEXT",
            Self::StaffMember => "STAFF_MEMBER",
            Self::StaffText => "STAFF_TEXT",
            Self::Country => "COUNTRY",
            Self::Category => "CATEGORY",
            Self::YearSheet => "YEAR_SHEET",
            Self::FactSheetMetadata => "FACT_SHEET_METADATA",
            Self::Account | Self::ApiToken => return None,
        })
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Draft,
    /// A draft that is to be published.
    Scheduled,
    /// A draft that was put away.
    Archived,
    Published,
    /// Published, with a newer draft.
    Changed,
    /// Published, and renamed in a draft.
    RenamedInDraft,
    /// Published under another name, then under this one.
    Renamed,
    /// It was published.
    Withdrawn,
    /// It was published, then put away.
    WithdrawnAndArchived,
}

impl State {
    const ALL: [Self; 9] = [
        Self::Draft,
        Self::Scheduled,
        Self::Archived,
        Self::Published,
        Self::Changed,
        Self::RenamedInDraft,
        Self::Renamed,
        Self::Withdrawn,
        Self::WithdrawnAndArchived,
    ];

    /// Whether the public sees it.
    pub const fn is_public(self) -> bool {
        matches!(self, Self::Published | Self::Changed | Self::RenamedInDraft | Self::Renamed)
    }

    /// Whether the public sees it, or saw it.
    pub const fn was_public(self) -> bool {
        !matches!(self, Self::Draft | Self::Scheduled | Self::Archived)
    }

    const fn is_name(self) -> bool {
        matches!(self, Self::RenamedInDraft | Self::Renamed)
    }
}

/// Something that exists, or that never did.
#[derive(Clone, Debug)]
pub struct Thing {
    pub kind: Kind,
    pub state: State,
    /// The document, the account or the token.
    pub id: Uuid,
    /// What it is a text of.
    pub owner: Option<Uuid>,
    /// Its slug, code or address; of a text, the slug of its owner.
    pub name: String,
    /// A name that it had before, or would have by its draft.
    pub other_name: Option<String>,
    pub year: i32,
    pub version: i64,
    pub schedule: Option<Uuid>,
    pub preview_id: Option<Uuid>,
    /// The link to a preview of it.
    pub preview: Option<String>,
}

impl Thing {
    /// One to look at the rows of the table with.
    pub fn example(kind: Kind) -> Self {
        let thing = Self {
            kind,
            state: State::Draft,
            id: Uuid::nil(),
            owner: None,
            name: String::new(),
            other_name: None,
            year: 1900,
            version: 1,
            schedule: Some(Uuid::nil()),
            preview_id: Some(Uuid::nil()),
            preview: None,
        };
        thing.that_never_was()
    }

    pub fn document_id(&self) -> String {
        global_id("Document", self.id)
    }

    /// What would be told apart by nothing but its names, if it existed.
    pub fn that_never_was(&self) -> Self {
        const ID: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
        const OWNER: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002);
        const SCHEDULE: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0003);
        const PREVIEW: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0004);
        let name = match self.kind {
            Kind::Country => "AQ".to_owned(),
            Kind::Category => "NEVER".to_owned(),
            Kind::Account => "never@example.org".to_owned(),
            // There is such an owner: only the text never was.
            Kind::PageText | Kind::StaffText => "owner-of-nothing".to_owned(),
            _ => "never-was".to_owned(),
        };
        Self {
            id: ID,
            owner: self.owner.map(|_| OWNER),
            name,
            other_name: self.other_name.as_ref().map(|_| "never-was-before".to_owned()),
            year: 1900,
            schedule: self.schedule.map(|_| SCHEDULE),
            preview_id: self.preview_id.map(|_| PREVIEW),
            preview: None,
            ..self.clone()
        }
    }

    /// The words by which it is asked for.
    pub fn names(&self) -> BTreeSet<String> {
        let ids = [Some(self.id), self.owner, self.schedule, self.preview_id];
        let global = ids
            .into_iter()
            .flatten()
            .flat_map(|id| TYPES.iter().map(move |name| global_id(name, id)).chain([id.to_string()]));
        let address = self.name.split(['@', '.']).next().unwrap_or_default().to_owned();
        let mut names: BTreeSet<String> = global.chain([self.name.clone(), address]).collect();
        names.extend(self.other_name.clone());
        names.insert(self.year.to_string());
        names.remove("");
        names
    }
}

fn uuid(id: &Value) -> Uuid {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(id.as_str().expect("an id")).expect("a global id");
    let text = String::from_utf8(decoded).expect("a global id");
    text.split_once(':').expect("a global id").1.parse().expect("a UUID")
}

/// Makes things, as an administrator.
struct Workshop<'a> {
    administrator: Client,
    app: &'a TestApp,
    number: usize,
}

/// Codes of no country of the example.
const COUNTRIES: [&str; 7] = ["NZ", "FJ", "TO", "WS", "KI", "NR", "TV"];

impl Workshop<'_> {
    /// The next name of its kind.
    fn name(&mut self, kind: Kind) -> String {
        self.number += 1;
        match kind {
            Kind::Country => COUNTRIES[self.number % COUNTRIES.len()].to_owned(),
            Kind::Category => format!("SECRET{}", self.number),
            _ => format!("secret-{}", self.number),
        }
    }

    async fn saved(&self, mutation: &str, input: Value) -> (Uuid, i64) {
        let payload = self.administrator.done(mutation, input).await;
        let saved = if mutation == "visitCountsUpdate" { &payload["yearSheet"] } else { &payload["document"] };
        (uuid(&saved["id"]), saved["version"].as_i64().expect("a version"))
    }

    async fn create(&mut self, kind: Kind, state: State) -> Thing {
        let mut thing = Thing { state, ..Thing::example(kind) };
        thing.name = self.name(kind);
        (thing.schedule, thing.preview_id) = (None, None);
        thing.year = 1900 + i32::try_from(self.number).expect("few");
        if matches!(kind, Kind::PageText | Kind::StaffText) {
            let owner = if kind == Kind::PageText { "pageCreate" } else { "staffMemberCreate" };
            let (owner, version) = self.saved(owner, json!({ "slug": thing.name })).await;
            if state.was_public() {
                let owner_id = global_id("Document", owner);
                self.administrator.done("publish", json!({ "id": owner_id, "expectedVersion": version })).await;
            }
            thing.owner = Some(owner);
        }
        thing.version = 0;
        self.save(&mut thing).await;
        thing
    }

    async fn save(&self, thing: &mut Thing) {
        let Thing { name, version, .. } = &*thing;
        let next = version + 1;
        let id = thing.document_id();
        let owner = thing.owner.map(|owner| global_id("Document", owner));
        let text = json!([{ "locale": "en", "text": format!("Secret {next}") }]);
        let (mutation, input) = match thing.kind {
            Kind::Page if *version == 0 => ("pageCreate", json!({ "slug": name })),
            Kind::Page => {
                ("pageUpdate", json!({ "id": id, "expectedVersion": version, "position": 7 + next, "slug": name }))
            }
            Kind::PageText => (
                "pageTextSave",
                json!({ "pageId": owner, "locale": "en", "expectedVersion": version, "title": format!("Secret {next}") }),
            ),
            Kind::StaffMember if *version == 0 => ("staffMemberCreate", json!({ "slug": name })),
            Kind::StaffMember => (
                "staffMemberUpdate",
                json!({ "id": id, "expectedVersion": version, "position": 7 + next, "slug": name }),
            ),
            Kind::StaffText => (
                "staffTextSave",
                json!({ "staffId": owner, "locale": "en", "expectedVersion": version, "name": format!("Secret {next}"), "role": "Physician" }),
            ),
            Kind::Country => ("countrySave", json!({ "code": name, "expectedVersion": version, "names": text })),
            Kind::Category => {
                let labels = json!([{ "locale": "en", "name": format!("Secret {next}") }]);
                ("categorySave", json!({ "code": name, "expectedVersion": version, "labels": labels }))
            }
            Kind::YearSheet => (
                "visitCountsUpdate",
                json!({ "category": "TRAVEL", "year": thing.year, "expectedVersion": version, "total": 70 + next }),
            ),
            Kind::Site => {
                let name = json!([{ "locale": "ja", "text": format!("サイト{next}") }]);
                ("siteSave", json!({ "expectedVersion": version, "name": name }))
            }
            Kind::FactSheetMetadata => ("factSheetMetadataSave", json!({ "expectedVersion": version, "title": text })),
            Kind::Account | Kind::ApiToken => panic!("no document"),
        };
        (thing.id, thing.version) = self.saved(mutation, input).await;
    }

    async fn seen(&self, mutation: &str, thing: &Thing) -> Value {
        let mut input = json!({ "id": thing.document_id(), "expectedVersion": thing.version });
        if mutation == "publish" && thing.kind == Kind::YearSheet {
            input["kind"] = json!("RELEASE");
        }
        self.administrator.done(mutation, input).await
    }

    async fn rename(&mut self, thing: &mut Thing, is_published: bool) {
        let (old, new) = (thing.name.clone(), self.name(thing.kind));
        thing.name.clone_from(&new);
        self.save(thing).await;
        if is_published {
            thing.other_name = Some(old);
        } else {
            (thing.name, thing.other_name) = (old, Some(new));
        }
    }

    /// A document of this kind in this state; nothing if such documents have no such state.
    async fn make(&mut self, kind: Kind, state: State) -> Option<Thing> {
        if state.is_name() && !matches!(kind, Kind::Page | Kind::StaffMember) || kind.name().is_none() {
            return None;
        }
        let mut thing = match kind {
            _ if kind.is_single() && state != State::Changed => return None,
            Kind::Site | Kind::FactSheetMetadata => {
                let by =
                    if kind == Kind::Site { json!({ "site": true }) } else { json!({ "factSheetMetadata": true }) };
                let query = "query($by: DocumentSelector!) { document(by: $by) { id version } }";
                let found = self.administrator.run(query, json!({ "by": by })).await;
                let mut thing = Thing { state, ..Thing::example(kind) };
                (thing.schedule, thing.preview_id) = (None, None);
                thing.id = uuid(found.at("/data/document/id"));
                thing.version = found.at("/data/document/version").as_i64().expect("a version");
                thing
            }
            _ => self.create(kind, state).await,
        };
        if !kind.is_single() && state.was_public() {
            self.seen("publish", &thing).await;
        }
        match state {
            State::Draft | State::Published | State::Scheduled => {}
            State::Archived | State::WithdrawnAndArchived => drop(self.seen("archive", &thing).await),
            State::Withdrawn => drop(self.seen("unpublish", &thing).await),
            State::Changed => self.save(&mut thing).await,
            State::RenamedInDraft => self.rename(&mut thing, false).await,
            State::Renamed => {
                self.rename(&mut thing, true).await;
                self.seen("publish", &thing).await;
            }
        }
        if matches!(state, State::Scheduled | State::Changed) {
            let mut input = json!({ "id": thing.document_id(), "expectedVersion": thing.version, "action": "PUBLISH" });
            (input["at"], input["timeZone"]) = (json!("2030-01-01T09:00:00"), json!("Asia/Tokyo"));
            if kind == Kind::YearSheet {
                (input["kind"], input["reason"]) =
                    (json!(if state == State::Changed { "REVISION" } else { "RELEASE" }), json!("Why"));
            }
            let scheduled = self.administrator.done("schedule", input).await;
            thing.schedule = Some(uuid(&scheduled["document"]["schedules"][0]["id"]));
        }
        let made = self
            .administrator
            .done("previewCreate", json!({ "id": thing.document_id(), "version": thing.version }))
            .await;
        thing.preview_id = Some(uuid(&made["preview"]["id"]));
        thing.preview = made["preview"]["token"].as_str().map(str::to_owned);
        Some(thing)
    }

    /// Accounts and API tokens.
    async fn people(&mut self) -> Vec<Thing> {
        let thing = |kind, id: &Value, name: &str, state| Thing {
            id: uuid(id),
            name: name.to_owned(),
            state,
            schedule: None,
            preview_id: None,
            ..Thing::example(kind)
        };
        let mut people = Vec::new();
        for (name, is_disabled) in [("secret-invited@example.org", false), ("secret-disabled@example.org", true)] {
            let invited = self.administrator.done("accountInvite", json!({ "email": name, "role": "EDITOR" })).await;
            let id = &invited["account"]["id"];
            if is_disabled {
                self.administrator.done("accountDisable", json!({ "id": id })).await;
            }
            people.push(thing(Kind::Account, id, name, if is_disabled { State::Archived } else { State::Draft }));
        }
        for is_revoked in [false, true] {
            let expires = self.app.state().now() + Duration::days(7);
            let input = json!({ "name": "Secret", "capabilities": ["READ_DRAFTS"], "expiresAt": expires });
            let made = self.administrator.done("apiTokenCreate", input).await;
            let id = &made["apiToken"]["id"];
            if is_revoked {
                self.administrator.done("apiTokenRevoke", json!({ "id": id })).await;
            }
            people.push(thing(Kind::ApiToken, id, "", if is_revoked { State::Archived } else { State::Draft }));
        }
        people
    }
}

async fn documents(workshop: &mut Workshop<'_>, states: &[State]) -> Vec<Thing> {
    let mut things = Vec::new();
    for kind in Kind::ALL {
        for state in states {
            things.extend(workshop.make(kind, *state).await);
        }
    }
    things
}

/// A document of every kind in every state, accounts and tokens.
pub async fn all(app: &TestApp) -> Vec<Thing> {
    let administrator = app.administrator().await;
    for owner in ["pageCreate", "staffMemberCreate"] {
        let made = administrator.done(owner, json!({ "slug": "owner-of-nothing" })).await;
        let seen = json!({ "id": made["document"]["id"], "expectedVersion": 1 });
        administrator.done("publish", seen).await;
    }
    let mut workshop = Workshop { administrator, app, number: 0 };
    // Who may know does not depend on the database, only how documents are found in it.
    let states: &[State] = match app.backend() {
        Backend::Sqlite => &State::ALL,
        Backend::Postgres => {
            &[State::Draft, State::Scheduled, State::Archived, State::Published, State::Changed, State::Withdrawn]
        }
    };
    let mut things = documents(&mut workshop, states).await;
    things.extend(workshop.people().await);
    things
}

/// Makes the documents among them that the public never saw.
pub async fn never_public(app: &TestApp) -> Vec<Thing> {
    let states: Vec<State> = State::ALL.into_iter().filter(|state| !state.was_public()).collect();
    let mut workshop = Workshop { administrator: app.administrator().await, app, number: 0 };
    documents(&mut workshop, &states).await
}

/// A draft of a page, to be shown by a link.
pub async fn draft_page(app: &TestApp, slug: &str) -> Thing {
    let workshop = Workshop { administrator: app.administrator().await, app, number: 0 };
    let mut thing = Thing { name: slug.to_owned(), version: 0, ..Thing::example(Kind::Page) };
    workshop.save(&mut thing).await;
    thing
}

/// A link to a preview of a document.
pub async fn preview(app: &TestApp, thing: &Thing) -> String {
    let input = json!({ "id": thing.document_id(), "version": thing.version });
    let made = app.administrator().await.done("previewCreate", input).await;
    made["preview"]["token"].as_str().expect("a token").to_owned()
}
