//! Staff records: the part that all locales share, and a text per locale.

use serde_json::{Value, json};
use tests::{TestApp, on_both_databases};

use super::{Desk, seen, seen_with, together};

/// What the public sees of a staff record in a locale, without fallback; null for nothing.
async fn public(app: &TestApp, slug: &str, locale: &str) -> Value {
    let query = "query($locale: Locale!) { staff(locale: $locale, fallback: []) {
        slug position email telephone name role degree field
    } }";
    let reply = app.anonymous().run(query, json!({ "locale": locale })).await;
    let staff = reply.data()["staff"].as_array().expect("staff").clone();
    staff.into_iter().find(|member| member["slug"] == slug).unwrap_or_default()
}

fn text(member: &Value, locale: &str, version: i64, more: &Value) -> Value {
    let mut input = json!({ "staffId": member["id"], "locale": locale, "expectedVersion": version });
    for (name, value) in more.as_object().expect("fields") {
        input[name] = value.clone();
    }
    input
}

on_both_databases! {
    async fn the_public_sees_each_step_of_a_staff_record_s_life_and_no_draft(app: TestApp) {
        let desk = Desk::of(&app).await;
        let input = json!({ "slug": "new-member", "position": 7, "email": "new@example.org", "telephone": "+81 3 0000" });
        let member = desk.done("staffMemberCreate", input).await;
        let named = json!({ "name": "New Member", "role": "Member" });
        let en = desk.done("staffTextSave", text(&member, "en", 0, &named)).await;
        assert_eq!(public(&app, "new-member", "en").await, Value::Null, "drafts");
        assert_eq!(desk.refused("publish", seen(&en)).await, ["staffId NOT_PUBLISHED"]);
        desk.publish(&[&en, &member]).await;
        let expected = json!({
            "slug": "new-member", "position": 7, "email": "new@example.org", "telephone": "+81 3 0000",
            "name": "New Member", "role": "Member", "degree": null, "field": null,
        });
        assert_eq!(public(&app, "new-member", "en").await, expected);
        assert_eq!(public(&app, "new-member", "ja").await, Value::Null);

        let changed = text(&member, "en", 1, &json!({ "degree": "MD", "field": "Oncology" }));
        let en = desk.done("staffTextSave", changed).await;
        assert_eq!(public(&app, "new-member", "en").await, expected, "saved");
        desk.publish(&[&en]).await;
        assert_eq!(public(&app, "new-member", "en").await["degree"], "MD");
        let renamed = desk.done("staffMemberUpdate", seen_with(&member, &json!({ "slug": "member-of-old" }))).await;
        assert_eq!(public(&app, "member-of-old", "en").await, Value::Null, "renamed as a draft");
        desk.publish(&[&renamed]).await;
        assert_eq!(public(&app, "member-of-old", "en").await["name"], "New Member");
        assert_eq!(public(&app, "new-member", "en").await, Value::Null);

        let withdrawn = desk.done("unpublish", seen(&renamed)).await;
        assert_eq!(public(&app, "member-of-old", "en").await, Value::Null, "with its text");
        assert_eq!(desk.now(&en).await["state"], "UNPUBLISHED");
        let archived = desk.done("archive", seen(&withdrawn)).await;
        assert_eq!(desk.now(&en).await["state"], "ARCHIVED");
        let late = text(&member, "en", 2, &json!({ "role": "Head" }));
        assert_eq!(desk.refused("staffTextSave", late).await, ["input.staffId ARCHIVED"]);
        let back = desk.done("unarchive", seen(&archived)).await;
        desk.publish(&[&back, &en]).await;
        assert_eq!(public(&app, "member-of-old", "en").await["field"], "Oncology");
    }

    async fn saving_one_locale_touches_no_other_and_not_what_they_share(app: TestApp) {
        let desk = Desk::of(&app).await;
        let by = |locale: &str| json!({ "staffText": { "slug": "miyuki-sone", "locale": locale } });
        let (member, en) = (desk.find(json!({ "staffMember": "miyuki-sone" })).await, desk.find(by("en")).await);
        app.clock().advance(chrono::Duration::minutes(1));
        let ja = desk.done("staffTextSave", text(&member, "ja", 1, &json!({ "role": "副室長" }))).await;
        assert_eq!((&ja["version"], &ja["state"]), (&json!(2), &json!("MODIFIED")));
        assert_eq!((desk.now(&member).await, desk.now(&en).await), (member.clone(), en.clone()));
        desk.publish(&[&ja]).await;
        assert_eq!((desk.now(&member).await, desk.now(&en).await), (member.clone(), en.clone()));
        desk.done("staffMemberUpdate", seen_with(&member, &json!({ "telephone": "1234" }))).await;
        assert_eq!(desk.now(&en).await, en, "a change of what they share marks no locale as changed");
    }

    async fn what_is_left_out_stays_what_is_null_goes_and_what_is_needed_must_not_be_null(app: TestApp) {
        let desk = Desk::of(&app).await;
        let input = json!({ "slug": "somebody", "email": "a@example.org", "telephone": "1" });
        let member = desk.done("staffMemberCreate", input).await;
        let member = desk.done("staffMemberUpdate", seen_with(&member, &json!({ "telephone": null }))).await;
        let expected = json!({ "slug": "somebody", "position": 0, "email": "a@example.org", "telephone": null });
        assert_eq!(member["content"], expected);
        let mut faults =
            desk.refused("staffMemberUpdate", seen_with(&member, &json!({ "slug": null, "position": null }))).await;
        faults.sort();
        assert_eq!(faults, ["input.position REQUIRED", "input.slug REQUIRED"]);
        let new = text(&member, "en", 0, &json!({ "degree": "MD" }));
        assert_eq!(desk.refused("staffTextSave", new).await, ["input.name REQUIRED", "input.role REQUIRED"]);
        let new = text(&member, "en", 0, &json!({ "name": "N", "role": "R", "degree": "MD", "field": "F" }));
        desk.done("staffTextSave", new).await;
        let cleared = desk.done("staffTextSave", text(&member, "en", 1, &json!({ "degree": null }))).await;
        let content = &cleared["content"];
        assert_eq!((&content["degree"], &content["field"], &content["name"]), (&Value::Null, &json!("F"), &json!("N")));
        let nulls = text(&member, "en", 2, &json!({ "name": null, "role": null }));
        assert_eq!(desk.refused("staffTextSave", nulls).await, ["input.name REQUIRED", "input.role REQUIRED"]);
        assert_eq!(desk.refused("staffMemberCreate", json!({ "slug": "somebody" })).await, ["input.slug TAKEN"]);
        assert_eq!(desk.refused("staffMemberCreate", json!({ "slug": "miyuki-sone" })).await, ["input.slug TAKEN"]);
    }

    async fn the_staff_stands_in_its_new_order_when_that_is_published(app: TestApp) {
        let desk = Desk::of(&app).await;
        let first = desk.find(json!({ "staffMember": "tatsunori-shimoi" })).await;
        let second = desk.find(json!({ "staffMember": "seiichiro-abe" })).await;
        let order = async || {
            let reply = app.anonymous().run("{ staff { slug } }", json!({})).await;
            [reply.at("/data/staff/0/slug").clone(), reply.at("/data/staff/1/slug").clone()]
        };
        let before = order().await;
        let drafts = desk.done("reorder", together(&[&second, &first])).await;
        assert_eq!(order().await, before);
        desk.publish(&[&drafts[0], &drafts[1]]).await;
        assert_eq!(order().await, [before[1].clone(), before[0].clone()]);
        let page = desk.find(json!({ "page": "staff" })).await;
        let mixed = together(&[&drafts[0], &page]);
        assert_eq!(desk.refused("reorder", mixed).await, ["input.documents.1.id NO_ORDER"]);
    }
}
