//! What is not public: neither a draft nor that there is one shows in anything that the public can ask.

use serde_json::{Value, json};
use tests::{ADMINISTRATOR, Client, EDITOR, READER, Reply, STATISTICIAN, TRANSLATOR, TestApp, on_both_databases};

/// Slugs of what is public, of what will be drafts, and of what will have been public.
const SLUGS: [&str; 13] = [
    "about-us",
    "president-greeting",
    "director-greeting",
    "mission-and-vision",
    "fact-sheet",
    "staff",
    "secret-page",
    "secret-child",
    "secret-name",
    "secret-archive",
    "secret-past",
    "secret-former",
    "secret-schedule",
];

const PAGE: &str = "id slug movedTo position title summary description signature publishedAt requestedLocale
    servedLocale isFallback availableLocales parent { slug title } children { slug title availableLocales }
    body { markdown html text }";

/// Everything that the public can ask, with and without arguments. A request each, so that nothing hides behind a limit.
fn questions() -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for locale in ["", "locale: \"ja\"", "locale: \"en\"", "locale: \"en\", fallback: []", "locale: \"vi\""] {
        let with = |arguments: &str| match (arguments, locale) {
            ("", "") => String::new(),
            (arguments, locale) => format!("({arguments} {locale})"),
        };
        for slug in SLUGS {
            all.push(format!("{{ page{} {{ {PAGE} }} }}", with(&format!("slug: \"{slug}\""))));
            let below = with(&format!("filter: {{ parent: \"{slug}\" }}"));
            all.push(format!("{{ pages{below} {{ totalCount nodes {{ slug }} }} }}"));
        }
        let list = SLUGS.map(|slug| format!("\"{slug}\"")).join(" ");
        for arguments in [
            String::new(),
            "filter: { parent: null }".to_owned(),
            format!("filter: {{ slugs: [{list}] }}"),
            "first: 2".to_owned(),
            "first: 100, order: { field: POSITION, direction: DESC }".to_owned(),
            "order: { field: SLUG }".to_owned(),
            "order: { field: TITLE, direction: DESC }".to_owned(),
            "order: { field: PUBLISHED_AT }".to_owned(),
        ] {
            all.push(format!(
                "{{ pages{} {{
                    totalCount edges {{ cursor node {{ slug title availableLocales }} }}
                    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
                }} }}",
                with(&arguments)
            ));
        }
        let none = with("");
        all.push(format!("{{ site{none} {{ id name servedLocale isFallback defaultLocale locales {{ code }} }} }}"));
        all.push(format!(
            "{{ staff{none} {{ id slug position email telephone name role degree field servedLocale }} }}"
        ));
        all.push(format!("{{ countries{none} {{ id code name servedLocale isFallback }} }}"));
        all.push(format!("{{ categories{none} {{ id code name description servedLocale isFallback }} }}"));
        all.push(format!(
            "{{ factSheet{none} {{ years categories {{
                category {{ code name }}
                yearlyTotals {{ year publishedTotal sumOfCountries difference note }}
                countries {{ country {{ code name }} counts {{ year value status note }} }}
            }} }} }}"
        ));
        all.push(format!(
            "{{ factSheet{none} {{
                periods {{ start end label }} breaks {{ year label {{ text }} }} footnotes {{ number text {{ text }} }}
                provenance {{ title {{ text servedLocale }} contactEmail periodKind lastUpdate nextUpdate }}
                reconciliation {{ category year publishedTotal sumOfCountries difference coverage note }}
                categories {{
                    footnotes yearlyTotals {{ footnotes published {{ value flags confidentiality }} others {{ value }} }}
                    countries {{ footnotes counts {{ footnotes flags confidentiality }} }}
                }}
            }} }}"
        ));
        let earlier = with("asOf: \"2026-01-15T00:00:00Z\"");
        all.push(format!("{{ factSheet{earlier} {{ years provenance {{ title {{ text }} }} }} }}"));
        all.push(format!("{{ factSheet{} {{ years }} }}", with("from: 2049, to: 2052")));
        all.push(format!("{{ factSheet{} {{ years }} }}", with("categories: [\"SECRET\"]")));
    }
    all.push("{ locales { code name direction isDefault fallback } }".to_owned());
    let figure = "value status flags confidentiality";
    all.push("{ vintages(year: 2018) { publishedAt category year withdrawn kind reason publishedBy } }".to_owned());
    for place in ["year: 2018", "year: 2050", "year: 2018, country: \"CN\"", "year: 2050, country: \"CN\""] {
        all.push(format!(
            "{{ figureHistory(category: \"TRAVEL\", {place}) {{
                publishedAt kind reason before {{ {figure} }} after {{ {figure} }}
            }} }}"
        ));
    }
    for since in ["2026-01-14T00:00:00Z", "2026-01-15T00:00:00Z"] {
        all.push(format!(
            "{{ figureChanges(since: \"{since}\") {{
                until figures {{ category country year before {{ {figure} }} after {{ {figure} }} }}
            }} }}"
        ));
    }
    all.into_iter().map(|document| (document, json!({}))).collect()
}

/// What only editors may ask or do: refused to everybody else alike, whatever there is.
fn attempts() -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for slug in SLUGS {
        all.push(format!("{{ document(by: {{ page: \"{slug}\" }}) {{ id }} }}"));
        all.push(format!("{{ document(by: {{ pageText: {{ slug: \"{slug}\", locale: \"ja\" }} }}) {{ id }} }}"));
        all.push(format!("mutation {{ pageCreate(input: {{ slug: \"{slug}\" }}) {{ errors {{ code path }} }} }}"));
    }
    all.push("{ documents { totalCount counts { state count } } }".to_owned());
    for year in [2018, 2050, 2051] {
        all.push(format!("{{ yearSheet(category: \"TRAVEL\", year: {year}) {{ version }} }}"));
    }
    all.into_iter().map(|document| (document, json!({}))).collect()
}

/// The answers, byte by byte.
async fn ask(client: &Client, questions: &[(String, Value)]) -> Vec<(String, u16, String)> {
    let mut answers = Vec::new();
    for (document, variables) in questions {
        let reply = client.run(document, variables.clone()).await;
        answers.push((document.clone(), reply.status(), reply.answer()));
    }
    answers
}

/// The same by GET, as a browser and a cache see it.
async fn browse(client: &Client) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    for slug in SLUGS {
        let address = format!("/graphql?query=%7Bpage(slug:%22{slug}%22)%7Btitle%20body%7Bhtml%20text%7D%7D%7D");
        let reply = client.get(&address).await;
        answers.push((reply.status(), reply.answer()));
    }
    answers
}

async fn find(client: &Client, by: Value) -> Value {
    let document = "query($by: DocumentSelector!) { document(by: $by) { id version } }";
    client.run(document, json!({ "by": by })).await.data()["document"].clone()
}

/// A document and the version of it that was seen.
fn seen(document: &Value) -> Value {
    json!({ "id": document["id"], "expectedVersion": document["version"] })
}

/// A page with a text in Japanese and in English, all of them drafts: the page first.
async fn page(client: &Client, slug: &str, parent: &Value) -> Vec<Value> {
    let page = client.done("pageCreate", json!({ "slug": slug, "parentId": parent })).await["document"].clone();
    let mut made = vec![page.clone()];
    for locale in ["ja", "en"] {
        let mut input = json!({ "pageId": page["id"], "locale": locale, "expectedVersion": 0, "title": "Secret" });
        (input["summary"], input["body"]) = ("Secret".into(), "Secret, and [a link](/about-us).".into());
        made.push(client.done("pageTextSave", input).await["document"].clone());
    }
    made
}

/// Makes a draft of everything, new and over what is public. Returns what can be published of it.
async fn drafts(client: &Client) -> Vec<Value> {
    let texts = |text: &str| json!([{ "locale": "ja", "text": text }]);
    let about = find(client, json!({ "page": "about-us" })).await;
    let mut made = page(client, "secret-page", &Value::Null).await;
    made.extend(page(client, "secret-child", &about["id"]).await);
    // Over what is public: both texts, the name and place of a page, a staff record and its text.
    for locale in ["ja", "en"] {
        let input = json!({
            "pageId": about["id"], "locale": locale, "expectedVersion": 1, "title": "Secret", "body": "Secret",
        });
        made.push(client.done("pageTextSave", input).await["document"].clone());
    }
    let mission = find(client, json!({ "page": "mission-and-vision" })).await;
    let input =
        json!({ "id": mission["id"], "expectedVersion": 1, "slug": "secret-name", "parentId": null, "position": 0 });
    made.push(client.done("pageUpdate", input).await["document"].clone());
    let member = find(client, json!({ "staffMember": "tatsunori-shimoi" })).await;
    let input = json!({ "id": member["id"], "expectedVersion": 1, "position": 99, "telephone": "00-0000-0000" });
    made.push(client.done("staffMemberUpdate", input).await["document"].clone());
    let input = json!({ "staffId": member["id"], "locale": "en", "expectedVersion": 1, "name": "Secret" });
    made.push(client.done("staffTextSave", input).await["document"].clone());
    let member = client.done("staffMemberCreate", json!({ "slug": "secret-person" })).await["document"].clone();
    let mut input = json!({ "staffId": member["id"], "locale": "ja", "expectedVersion": 0 });
    (input["name"], input["role"]) = ("Secret".into(), "Secret".into());
    made.push(member);
    made.push(client.done("staffTextSave", input).await["document"].clone());
    // Labels and figures.
    for (code, version) in [("CN", 1), ("ZZ", 0)] {
        let input = json!({ "code": code, "expectedVersion": version, "position": 99, "names": texts("Secret") });
        made.push(client.done("countrySave", input).await["document"].clone());
    }
    for (code, version) in [("TRAVEL", 1), ("SECRET", 0)] {
        let labels = json!([{ "locale": "ja", "name": "Secret", "description": "Secret" }]);
        let input = json!({ "code": code, "expectedVersion": version, "position": 99, "labels": labels });
        made.push(client.done("categorySave", input).await["document"].clone());
    }
    for (year, version) in [(2018, 1), (2050, 0)] {
        let input = json!({
            "category": "TRAVEL", "year": year, "expectedVersion": version, "total": 4242,
            "counts": [{ "country": "CN", "value": 4242 }], "totalNote": texts("Secret"),
        });
        client.done("visitCountsUpdate", input).await;
    }
    // What is said of the figures as a whole, footnotes on what is a draft itself included.
    let mut input = json!({ "expectedVersion": 1, "title": texts("Secret"), "periodKind": "JAPANESE_FISCAL_YEAR" });
    input["breaks"] = json!([{ "year": 2020, "kind": "EVENT", "label": texts("Secret") }]);
    let place = json!({ "category": "TRAVEL", "country": "CN", "year": 2018 });
    input["footnotes"] = json!([{ "text": texts("Secret"), "places": [place] }, { "text": texts("Secret") }]);
    made.push(client.done("factSheetMetadataSave", input).await["document"].clone());
    // The site's name, its default locale, a locale more, and what is done about small counts.
    let site = find(client, json!({ "site": true })).await;
    let locale = |code: &str, name: &str| json!({ "code": code, "name": name, "direction": "LEFT_TO_RIGHT" });
    let input = json!({
        "expectedVersion": site["version"], "defaultLocale": "en", "disclosure": { "method": "SUPPRESS" },
        "name": [{ "locale": "en", "text": "Secret" }],
        "locales": [locale("vi", "Tiếng Việt"), locale("en", "English"), locale("ja", "日本語")],
    });
    made.push(client.done("siteSave", input).await["document"].clone());
    made
}

/// Makes what is no longer public, or not yet.
async fn withdrawn(client: &Client) {
    // Public under two names, then withdrawn: neither name leads to it.
    let past = page(client, "secret-former", &Value::Null).await;
    publish_together(client, &past).await;
    let input = json!({ "id": past[0]["id"], "expectedVersion": 1, "slug": "secret-past" });
    let renamed = client.done("pageUpdate", input).await["document"].clone();
    client.done("publish", seen(&renamed)).await;
    client.done("unpublish", seen(&renamed)).await;
    // Put away, once it had been public.
    let archive = page(client, "secret-archive", &Value::Null).await;
    publish_together(client, &archive).await;
    client.done("archive", seen(&archive[0])).await;
    // To come.
    let soon = page(client, "secret-schedule", &Value::Null).await;
    let mut input = seen(&soon[0]);
    (input["action"], input["at"]) = ("PUBLISH".into(), "2030-01-01T09:00:00".into());
    input["timeZone"] = "Asia/Tokyo".into();
    client.done("schedule", input).await;
    client.done("leaseTake", json!({ "id": soon[0]["id"] })).await;
    client.done("previewCreate", json!({ "id": soon[1]["id"], "version": 1 })).await;
    // A staff record, a country and figures that were public for a moment.
    let member = client.done("staffMemberCreate", json!({ "slug": "secret-leaver" })).await["document"].clone();
    let names = json!([{ "locale": "ja", "text": "Secret" }]);
    let country = json!({ "code": "ZY", "expectedVersion": 0, "names": names });
    let country = client.done("countrySave", country).await["document"].clone();
    let sheet = json!({ "category": "TRAVEL", "year": 2051, "expectedVersion": 0, "total": 7 });
    let sheet = client.done("visitCountsUpdate", sheet).await["yearSheet"].clone();
    for document in [member, country, sheet] {
        client.done("publish", seen(&document)).await;
        client.done("unpublish", seen(&document)).await;
    }
}

/// Publishes drafts together.
async fn publish_together(client: &Client, documents: &[Value]) {
    let documents: Vec<Value> = documents.iter().map(seen).collect();
    client.done("publishMany", json!({ "documents": documents })).await;
}

/// Whoever may look at the public's fields, signed in or not.
async fn everybody(app: &TestApp) -> Vec<Client> {
    let mut all = vec![app.anonymous()];
    for credentials in [READER, TRANSLATOR, STATISTICIAN, EDITOR, ADMINISTRATOR] {
        all.push(app.bearer(&app.sign_in(credentials).await.access_token));
    }
    all
}

fn titles(reply: &Reply) -> Value {
    let page = &reply.data()["page"];
    json!([page["title"], page["servedLocale"], page["availableLocales"]])
}

on_both_databases! {
    async fn no_draft_and_nothing_withdrawn_changes_a_public_answer_by_a_byte(app: TestApp) {
        let administrator = app.administrator().await;
        let everybody = everybody(&app).await;
        let (questions, attempts) = (questions(), attempts());
        let public = ask(&app.anonymous(), &questions).await;
        let refused = ask(&app.anonymous(), &attempts).await;
        let browsed = browse(&app.anonymous()).await;
        let made = drafts(&administrator).await;
        withdrawn(&administrator).await;
        for client in &everybody {
            let answers = ask(client, &questions).await;
            for (before, after) in public.iter().zip(&answers) {
                assert_eq!(after, before);
            }
            assert_eq!(browse(client).await, browsed);
        }
        let other = app.reopen().await;
        assert_eq!(ask(&other.anonymous(), &questions).await, public, "on another process");
        assert_eq!(ask(&app.anonymous(), &attempts).await, refused);
        for (_, status, text) in public.iter().chain(&refused) {
            assert!(*status != 500 && !text.contains("Secret"), "{status} {text}");
        }

        // The ids of drafts are ids of nothing for the public.
        let list = "{ documents(first: 100, filter: {
            state: [NEVER_PUBLISHED, MODIFIED, UNPUBLISHED, ARCHIVED, SCHEDULED]
        }) { totalCount nodes { id state kind publishedVersion } } }";
        let listed = administrator.run(list, json!({})).await;
        let listed = listed.at("/data/documents/nodes").as_array().expect("documents");
        assert!(listed.len() > made.len());
        let ids: Vec<&Value> = listed.iter().map(|document| &document["id"]).collect();
        let document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
        let reply = app.anonymous().run(document, json!({ "ids": ids })).await;
        assert_eq!(reply.at("/data/nodes"), &json!(vec![Value::Null; ids.len()]));

        // What the answers were held against would have shown.
        publish_together(&administrator, &made).await;
        let published = ask(&app.anonymous(), &questions).await;
        let differing = public.iter().zip(&published).filter(|(before, after)| before != after).count();
        assert!(differing > public.len() / 2, "{differing} of {}", public.len());
        assert!(published.iter().any(|(_, _, text)| text.contains("Secret")));
    }

    async fn a_locale_in_which_a_text_is_a_draft_is_neither_served_nor_named(app: TestApp) {
        let editor = app.editor().await;
        let made = page(&editor, "half", &Value::Null).await;
        publish_together(&editor, &made[..2]).await;
        let document = "query($locale: Locale, $fallback: [Locale!]) {
            page(slug: \"half\", locale: $locale, fallback: $fallback) { title servedLocale availableLocales }
        }";
        for client in [app.anonymous(), editor.clone()] {
            let english = client.run(document, json!({ "locale": "en" })).await;
            assert_eq!(titles(&english), json!(["Secret", "ja", ["ja"]]));
            let strict = client.run(document, json!({ "locale": "en", "fallback": [] })).await;
            assert_eq!(strict.at("/data/page"), &Value::Null);
        }
        editor.done("publish", seen(&made[2])).await;
        let english = app.anonymous().run(document, json!({ "locale": "en" })).await;
        assert_eq!(titles(&english), json!(["Secret", "en", ["ja", "en"]]));
        editor.done("unpublish", seen(&made[2])).await;
        let english = app.anonymous().run(document, json!({ "locale": "en" })).await;
        assert_eq!(titles(&english), json!(["Secret", "ja", ["ja"]]));
    }

    async fn a_name_that_only_a_draft_has_is_taken_for_editors_and_nothing_to_the_public(app: TestApp) {
        let editor = app.editor().await;
        editor.done("pageCreate", json!({ "slug": "secret-page" })).await;
        editor.done("staffMemberCreate", json!({ "slug": "secret-person" })).await;
        let about = find(&editor, json!({ "page": "about-us" })).await;
        editor.done("pageUpdate", json!({ "id": about["id"], "expectedVersion": 1, "slug": "secret-name" })).await;
        for (mutation, slug) in [
            ("pageCreate", "secret-page"),
            ("pageCreate", "secret-name"),
            ("pageCreate", "about-us"),
            ("staffMemberCreate", "secret-person"),
        ] {
            if slug != "about-us" {
                let reply = editor.mutate(mutation, json!({ "slug": slug })).await;
                let error = &reply.user_errors(mutation)[0];
                assert_eq!((&error["rule"], &error["path"]), (&json!("TAKEN"), &json!(["input", "slug"])), "{slug}");
            }
            let nobody = app.anonymous().mutate(mutation, json!({ "slug": slug })).await;
            let free = app.anonymous().mutate(mutation, json!({ "slug": "free" })).await;
            assert_eq!(nobody.answer(), free.answer(), "{slug}");
            // Whoever may not create one does not learn it either.
            let reader = app.bearer(&app.sign_in(READER).await.access_token);
            let told = reader.mutate(mutation, json!({ "slug": slug })).await;
            let free = reader.mutate(mutation, json!({ "slug": "free" })).await;
            assert_eq!(told.answer(), free.answer(), "{slug}");
            app.clock().advance(chrono::Duration::minutes(1));
        }
        // Another page may be prepared for the name that a draft gives up. The public still finds the page that has it.
        let next = editor.done("pageCreate", json!({ "slug": "about-us" })).await["document"].clone();
        let refused = editor.mutate("publish", seen(&next)).await;
        assert_eq!(refused.user_codes("publish"), ["PUBLISH_BLOCKED"]);
        let shown = app.anonymous().run("{ page(slug: \"about-us\") { id slug } }", json!({})).await;
        assert_eq!(shown.at("/data/page/slug"), "about-us");
        // A page of one kind does not take the name of another.
        editor.done("staffMemberCreate", json!({ "slug": "secret-page" })).await;
    }

    async fn a_renamed_page_leads_to_its_new_name_when_that_is_public_and_not_before(app: TestApp) {
        let editor = app.editor().await;
        let document = "query($slug: Slug!) { page(slug: $slug) { slug movedTo } }";
        let look = async |slug: &str| {
            app.anonymous().run(document, json!({ "slug": slug })).await.at("/data/page").clone()
        };
        let staff = find(&editor, json!({ "page": "staff" })).await;
        let input = json!({ "id": staff["id"], "expectedVersion": 1, "slug": "people" });
        let renamed = editor.done("pageUpdate", input).await["document"].clone();
        assert_eq!(look("staff").await, json!({ "slug": "staff", "movedTo": null }));
        assert_eq!(look("people").await, Value::Null);
        editor.done("publish", seen(&renamed)).await;
        assert_eq!(look("people").await, json!({ "slug": "people", "movedTo": null }));
        assert_eq!(look("staff").await, json!({ "slug": "people", "movedTo": "people" }));
        editor.done("unpublish", seen(&renamed)).await;
        assert_eq!(look("staff").await, Value::Null);
        assert_eq!(look("people").await, Value::Null);
    }
}
