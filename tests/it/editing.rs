//! Editing: drafts, versions, publishing, schedules and what an editor is told.
//!
//! A [`Desk`] is an editor at work: it runs any mutation of documents and reads what comes back.

mod addresses;
mod conflicts;
mod dependent;
mod history;
mod pages;
mod publishing;
mod schedules;
mod schedules_together;
mod site;
mod staff;
mod states;
mod taxonomy;
mod worklist;

use api::delivery::feed;
use entities::{audit_entry, change, publication, revision};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use tests::{Client, TestApp};

/// What is asked of a document that was changed or read.
const DOCUMENT: &str = "{
    id kind key title locale ownerId version publishedVersion state changedAt changedBy firstPublishedAt archivedAt
    schedules { id action at timeZone version outcome failureCode failureMessage failureMessageJa: failureMessage(locale: \"ja\") createdBy reason }
    lease { holder since expiresAt takenFrom }
    content {
        ... on SiteContent { siteName: name { locale text } defaultLocale locales { code fallback } requiredLocales }
        ... on PageContent { slug parentId position }
        ... on PageTextContent { pageId locale title summary description signature body { markdown } }
        ... on StaffMemberContent { slug position email telephone }
        ... on StaffTextContent { staffId locale name role degree field }
        ... on CountryContent { countryCode: code position names { locale text } }
        ... on CategoryContent { categoryCode: code position labels { locale name description } }
        ... on YearSheetContent { total difference }
        ... on FactSheetMetadataContent { metadataTitle: title { locale text } }
    }
}";

const ERRORS: &str = r#"{
    __typename code path message ja: message(locale: "ja")
    ... on ValidationError { rule }
    ... on PublishBlocker { rule remedy remedyJa: remedy(locale: "ja") documentId }
    ... on ReconciliationError {
        rule remedy remedyJa: remedy(locale: "ja") documentId category year publishedTotal sumOfCountries difference
    }
    ... on VersionConflict {
        expectedVersion currentVersion changedAt changedBy changedFields attemptedFields conflictingFields
        touchesSameFields current { id version content { ... on PageTextContent { title body { markdown } } } }
    }
}"#;

/// What came of a mutation.
#[derive(Debug)]
struct Outcome {
    /// The document, or the documents.
    done: Value,
    errors: Vec<Value>,
}

impl Outcome {
    /// What was done.
    #[track_caller]
    fn done(self) -> Value {
        assert!(self.errors.is_empty(), "{:#?}", self.errors);
        self.done
    }

    /// Every error, as `path RULE`, or as its code where it has no rule.
    #[track_caller]
    fn faults(&self) -> Vec<String> {
        assert!(self.done.is_null() || self.done == json!([]), "nothing is done when there are errors: {}", self.done);
        self.errors.iter().map(fault).collect()
    }
}

fn fault(error: &Value) -> String {
    let path: Vec<_> = error["path"].as_array().expect("a path").iter().filter_map(Value::as_str).collect();
    match error["rule"].as_str() {
        Some(rule) => format!("{} {rule}", path.join(".")),
        None => error["code"].as_str().expect("a code").to_owned(),
    }
}

/// Somebody at work.
struct Desk {
    client: Client,
}

impl Desk {
    /// The editor's.
    async fn of(app: &TestApp) -> Self {
        Self { client: app.editor().await }
    }

    /// An administrator's.
    async fn of_administrator(app: &TestApp) -> Self {
        Self { client: app.administrator().await }
    }

    /// Runs a mutation.
    async fn run(&self, mutation: &str, input: Value) -> Outcome {
        let (name, done) = match mutation {
            "unpublish" | "archive" => ("DocumentWithdraw".to_owned(), format!("document {DOCUMENT}")),
            "unarchive" => ("Document".to_owned(), format!("document {DOCUMENT}")),
            "publishMany" | "reorder" => (capital(mutation), format!("documents {DOCUMENT}")),
            "visitCountsUpdate" => (capital(mutation), "yearSheet { id version publishedVersion }".to_owned()),
            "leaseTake" => (capital(mutation), format!("acquired document {DOCUMENT}")),
            _ => (capital(mutation), format!("document {DOCUMENT}")),
        };
        let text =
            format!("mutation($input: {name}Input!) {{ {mutation}(input: $input) {{ {done} errors {ERRORS} }} }}");
        let reply = self.client.run(&text, json!({ "input": input })).await;
        let payload = &reply.data()[mutation];
        let done = ["document", "documents", "yearSheet"].into_iter().find_map(|field| payload.get(field));
        let errors = payload["errors"].as_array().expect("errors").clone();
        Outcome { done: done.expect("something done").clone(), errors }
    }

    /// Runs a mutation that must succeed.
    #[track_caller]
    fn done(&self, mutation: &str, input: Value) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let outcome = self.run(mutation, input).await;
            assert!(outcome.errors.is_empty(), "{at}: {:#?}", outcome.errors);
            outcome.done
        }
    }

    /// Runs a mutation that must be refused.
    async fn refused(&self, mutation: &str, input: Value) -> Vec<String> {
        let outcome = self.run(mutation, input).await;
        assert!(!outcome.errors.is_empty(), "{mutation} was carried out: {}", outcome.done);
        outcome.faults()
    }

    /// A document, or null.
    async fn find(&self, by: Value) -> Value {
        let text = format!("query($by: DocumentSelector!) {{ document(by: $by) {DOCUMENT} }}");
        self.client.run(&text, json!({ "by": by })).await.data()["document"].clone()
    }

    /// A document as it is now.
    async fn now(&self, document: &Value) -> Value {
        let found = self.find(json!({ "id": document["id"] })).await;
        assert!(found.is_object(), "{document}");
        found
    }

    /// A new page.
    async fn page(&self, slug: &str) -> Value {
        self.done("pageCreate", json!({ "slug": slug, "position": 50 })).await
    }

    /// A new text of a page.
    async fn text(&self, page: &Value, locale: &str, title: &str, body: &str) -> Value {
        let input = json!({
            "pageId": page["id"], "locale": locale, "expectedVersion": 0, "title": title, "body": body,
        });
        self.done("pageTextSave", input).await
    }

    /// Saves another body of a text of a page.
    async fn write(&self, text: &Value, body: &str) -> Value {
        let input = json!({
            "pageId": text["ownerId"], "locale": text["locale"], "expectedVersion": text["version"], "body": body,
        });
        self.done("pageTextSave", input).await
    }

    /// A published page with a published text in each of these locales.
    async fn published(&self, slug: &str, locales: &[&str]) -> (Value, Vec<Value>) {
        let page = self.page(slug).await;
        let mut texts = Vec::new();
        for locale in locales {
            texts.push(self.text(&page, locale, &format!("{slug} {locale}"), "First").await);
        }
        let all: Vec<&Value> = texts.iter().chain([&page]).collect();
        let mut documents = self.publish(&all).await;
        let page = documents.pop().expect("the page");
        (page, documents)
    }

    /// Publishes documents together, and returns them as they are then.
    async fn publish(&self, documents: &[&Value]) -> Vec<Value> {
        let done = self.run("publishMany", together(documents)).await.done();
        done.as_array().expect("documents").clone()
    }

    /// The answer to a query of editors.
    async fn ask(&self, query: &str, variables: Value) -> Value {
        self.client.run(query, variables).await.data().clone()
    }
}

/// The input type's name begins with a capital letter.
fn capital(mutation: &str) -> String {
    let (first, rest) = mutation.split_at(1);
    first.to_uppercase() + rest
}

/// A document as the editor has seen it.
fn seen(document: &Value) -> Value {
    json!({ "id": document["id"], "expectedVersion": document["version"] })
}

/// The same with more fields.
fn seen_with(document: &Value, more: &Value) -> Value {
    let mut input = seen(document);
    for (name, value) in more.as_object().expect("fields") {
        input[name] = value.clone();
    }
    input
}

fn together(documents: &[&Value]) -> Value {
    json!({ "documents": documents.iter().map(|document| seen(document)).collect::<Vec<_>>() })
}

/// What the public sees of a page in a locale, without fallback; null for nothing.
async fn public(app: &TestApp, slug: &str, locale: &str) -> Value {
    let query = "query($slug: Slug!, $locale: Locale!) { page(slug: $slug, locale: $locale, fallback: []) {
        slug movedTo title summary position availableLocales body { markdown } parent { slug } children { slug }
    } }";
    let reply = app.anonymous().run(query, json!({ "slug": slug, "locale": locale })).await;
    reply.data()["page"].clone()
}

/// Brings into this process what others have published.
async fn look(app: &TestApp) {
    feed::look(app.state()).await.expect("the feed can be read");
}

/// How much has been written: revisions, publications, changes, audit entries.
async fn written(app: &TestApp) -> [u64; 4] {
    let database = app.state().database().reader();
    [
        revision::Entity::find().count(database).await.expect("a number"),
        publication::Entity::find().count(database).await.expect("a number"),
        change::Entity::find().count(database).await.expect("a number"),
        audit_entry::Entity::find().count(database).await.expect("a number"),
    ]
}
