//! `node` and `nodes`.

use serde_json::{Value, json};
use tests::on_both_databases;

on_both_databases! {
    async fn whatever_has_an_id_is_found_by_it(app: TestApp) {
        let document = r#"{
            page(slug: "about-us") { __typename id }
            staff { __typename id }
            countries { __typename id }
            categories { __typename id }
        }"#;
        let reply = app.anonymous().run(document, json!({})).await;
        let data = reply.data();
        for object in [&data["page"], &data["staff"][3], &data["countries"][39], &data["categories"][1]] {
            let found = app.anonymous().run("query($id: ID!) { node(id: $id) { __typename id } }", json!({ "id": object["id"] })).await;
            assert_eq!(&found.data()["node"], object);
        }
        let ids = [&data["staff"][0]["id"], &data["page"]["id"], &Value::from("nothing")];
        let found = app.anonymous().run(
            r#"query($ids: [ID!]!) { nodes(ids: $ids, locale: "en") { id ... on Page { title } ... on StaffMember { name } } }"#,
            json!({ "ids": ids }),
        ).await;
        assert_eq!(found.at("/data/nodes/0/name"), "Tatsunori Shimoi");
        assert_eq!(found.at("/data/nodes/1/id"), &data["page"]["id"]);
        assert_eq!(found.at("/data/nodes/2"), &Value::Null);
    }

    async fn an_id_that_names_nothing_is_null(app: TestApp) {
        for id in ["", "x", "UGFnZTp4", "UGFnZTowMWEyMDQwZC1hZDkwLTdmOWEtYTFhZS04YWE3NGEyZDQyNTE"] {
            let reply = app.anonymous().run("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
            assert_eq!(reply.data()["node"], Value::Null, "{id}");
        }
    }

    async fn more_than_a_hundred_ids_are_refused(app: TestApp) {
        let document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
        let reply = app.anonymous().run(document, json!({ "ids": vec!["x"; 100] })).await;
        assert_eq!(reply.data()["nodes"].as_array().map(Vec::len), Some(100));
        let reply = app.anonymous().run(document, json!({ "ids": vec!["x"; 101] })).await;
        assert_eq!(reply.code(), "BAD_USER_INPUT");
        assert_eq!(reply.at("/errors/0/extensions/faults/0/rule"), "TOO_MANY");
    }
}
